import io
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from melodyforge.music.midi import read_midi
from melodyforge.music.piece import Meter, Piece, Tempo, Track, make_notes
from melodyforge.music.roll import DRUM_COLOR, TRACK_COLORS, draw_roll
from melodyforge.music.roll_layout import lay_out, time_marks
from melodyforge.music.small_roll import COLOURS, small_roll
from tests.music_samples import gridded_piece, performed_piece

DATA_DIR = Path(__file__).parents[1].parent / "shared" / "data"
WIDTH = 1200
QUARTER, BAR = 24, 96


def picture(piece: Piece, **size: int) -> np.ndarray:
    """Pixels, uint8, shape (height, width, 3)."""
    with Image.open(io.BytesIO(draw_roll(piece, **{"width": WIDTH} | size))) as image:
        assert image.format == "PNG"
        return np.asarray(image)


def boxes_of(pixels: np.ndarray, color: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is painted in one colour."""
    rows, columns = np.nonzero((pixels == color).all(axis=2))
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


def has_color(pixels: np.ndarray, color: tuple[int, int, int]) -> bool:
    return bool((pixels == color).all(axis=2).any())


def piece_of(*rows: tuple[int, int, int, int, int], **others: object) -> Piece:
    return Piece(make_notes(list(rows)), **others)


def test_a_note_is_painted_from_its_onset_to_its_end_at_its_pitch():
    piece = piece_of((BAR, 2 * QUARTER, 0, 69, 127), (2 * BAR, BAR, 0, 60, 1))
    page = lay_out(piece, WIDTH, 5000)
    [system] = page.systems
    left, top, right, bottom = boxes_of(picture(piece, max_height=5000), TRACK_COLORS[0])
    assert left == pytest.approx(page.x(BAR, system), abs=3)
    assert right == pytest.approx(page.x(BAR + 2 * QUARTER, system), abs=5)
    assert page.y(69, system) <= top < bottom <= page.y(68, system)


def test_the_keyboard_fills_its_area_from_the_highest_to_the_lowest_pitch():
    page = lay_out(piece_of((0, BAR, 0, 50, 80), (0, BAR, 0, 90, 80)), WIDTH, 5000)
    [system] = page.systems
    assert (page.pitches[0], page.pitches[-1]) == (48, 92)
    assert page.y(92, system) == system.top
    assert page.y(48, system) + page.semitone_height == system.top + page.pitch_area_height


def test_louder_notes_are_darker():
    rows = [(index * QUARTER, QUARTER, 0, 69, velocity) for index, velocity in enumerate((10, 60, 127))]
    page = lay_out(piece_of(*rows), WIDTH, 5000)
    [system] = page.systems
    pixels = picture(piece_of(*rows), max_height=5000)
    middle_y = page.y(69, system) + page.semitone_height // 2
    brightness = [int(pixels[middle_y, page.x(row[0] + QUARTER // 2, system)].sum()) for row in rows]
    assert brightness[0] > brightness[1] > brightness[2]


def test_each_track_has_its_colour_and_drums_have_theirs():
    tracks = (Track(0), Track(33), Track(0, is_drum=True))
    pixels = picture(piece_of(*((0, BAR, track, 50, 127) for track in range(3)), tracks=tracks))
    assert has_color(pixels, TRACK_COLORS[0])  # in the legend: here the second track covers the first
    assert has_color(pixels, TRACK_COLORS[1])
    assert has_color(pixels, DRUM_COLOR)


def test_colours_of_tracks_differ():
    assert len(set(TRACK_COLORS) | {DRUM_COLOR}) == len(TRACK_COLORS) + 1


def test_one_track_needs_no_legend_and_several_do():
    one = lay_out(piece_of((0, BAR, 0, 60, 80)), WIDTH, 5000)
    two = lay_out(piece_of((0, BAR, 0, 60, 80), (0, BAR, 1, 62, 80), tracks=(Track(), Track(40))), WIDTH, 5000)
    assert two.systems[0].top > one.systems[0].top


def test_the_legend_calls_tracks_without_names_by_their_instruments_and_numbers_those_that_are_several():
    rows = [(0, BAR, track, 60 + track, 80) for track in range(3)]
    unnamed = piece_of(*rows, tracks=(Track(105), Track(47), Track(105)))
    named = piece_of(*rows, tracks=(Track(105, name="banjo"), Track(47, name="timpani"), Track(105, name="banjo 2")))
    assert np.array_equal(picture(unnamed), picture(named))


def test_long_pieces_are_wrapped_at_bar_lines_without_gap_or_overlap():
    page = lay_out(gridded_piece(num_notes=600), 2000, 50_000)
    assert len(page.systems) > 3
    bar_steps = 3 * QUARTER
    assert page.systems[0].start == 0
    for before, after in zip(page.systems, page.systems[1:], strict=False):
        assert before.end == after.start
        assert after.start % bar_steps == 0
        assert after.top >= before.top + page.area_height
    assert page.systems[-1].end >= gridded_piece(num_notes=600).end


def test_time_is_squeezed_rather_than_exceed_the_height():
    piece = gridded_piece(num_notes=3000)
    free, limited = lay_out(piece, 2000, 10**6), lay_out(piece, 2000, 4000)
    assert free.height > 4000 >= limited.height
    assert limited.step_width < free.step_width
    assert limited.systems[-1].end == free.systems[-1].end


def test_a_height_too_small_for_anything_still_gives_one_row():
    assert len(lay_out(gridded_piece(num_notes=600), 2000, 10).systems) == 1


def test_a_note_across_a_row_end_goes_on_in_the_next_row():
    piece = piece_of((0, 40 * BAR, 0, 69, 127))
    page = lay_out(piece, WIDTH, 10**6)
    pixels = picture(piece, max_height=10**6)
    assert len(page.systems) > 2
    for system in page.systems:
        row = pixels[page.y(69, system) + page.semitone_height // 2]
        assert tuple(row[page.x(system.start + QUARTER, system)]) == TRACK_COLORS[0]


def test_a_note_leaves_no_trace_in_rows_where_it_does_not_sound():
    piece = piece_of((0, QUARTER, 0, 69, 127), (39 * BAR, BAR, 1, 60, 127), tracks=(Track(), Track()))
    page = lay_out(piece, WIDTH, 10**6)
    pixels = picture(piece, max_height=10**6)
    for system in page.systems[1:]:
        assert not has_color(pixels[system.top : system.top + page.area_height], TRACK_COLORS[0])


def test_bars_are_counted_through_changes_of_meter():
    meters = (Meter(0, 4, 4), Meter(2 * BAR, 3, 4), Meter(2 * BAR + 72, 6, 8))
    marks = time_marks(piece_of((0, 2 * BAR + 150, 0, 60, 80), meters=meters))
    assert [(mark.step, mark.number, mark.beat_steps) for mark in marks] == [
        (0, 1, 24),
        (96, 2, 24),
        (192, 3, 24),
        (264, 4, 12),
        (336, 5, 12),
        (408, 6, 0),
    ]


def test_a_meter_after_the_last_note_draws_no_bars():
    marks = time_marks(piece_of((0, BAR, 0, 60, 80), meters=(Meter(0, 4, 4), Meter(50 * BAR, 3, 4))))
    assert [mark.step for mark in marks] == [0, BAR]


def test_pieces_played_freely_are_marked_in_seconds_that_follow_the_tempo():
    piece = piece_of((0, 144, 0, 60, 80), tempos=(Tempo(0, 120.0), Tempo(48, 60.0)), is_performed=True)
    assert [(mark.step, mark.number) for mark in time_marks(piece)] == [
        (0, 0),
        (48, 1),
        (72, 2),
        (96, 3),
        (120, 4),
        (144, 5),
    ]


def test_drums_have_a_line_each_below_the_pitches_and_no_pitch_among_them():
    tracks = (Track(), Track(is_drum=True))
    page = lay_out(piece_of((0, 6, 0, 72, 80), (0, 6, 1, 36, 80), (6, 6, 1, 99, 80), tracks=tracks), WIDTH, 5000)
    [system] = page.systems
    assert page.drum_pitches == (36, 99)
    assert 36 not in page.pitches
    assert page.y(page.pitches[0], system) < page.drum_y(99, system) < page.drum_y(36, system)


def test_drums_alone_show_no_keyboard():
    page = lay_out(piece_of((0, 6, 0, 36, 80), tracks=(Track(is_drum=True),)), WIDTH, 5000)
    assert len(page.pitches) == 0
    assert page.area_height > 0


@pytest.mark.parametrize(
    "piece",
    [
        piece_of(),
        piece_of((0, 1, 0, 0, 1)),
        piece_of((0, 1, 0, 127, 127)),
        piece_of((0, 6, 0, 3, 80), (0, 6, 0, 120, 80)),
        piece_of((0, 1, 0, 60, 80), meters=(Meter(0, 64, 1),)),
        piece_of((0, 5 * BAR, 0, 60, 80), meters=(Meter(0, 1, 32),)),
        piece_of((0, 6, 0, 60, 80), name="two\nlines, \ud800 and 音楽", tracks=(Track(name="\t" * 300),)),
        piece_of(*((0, 6, track, 30 + track, 80) for track in range(40)), tracks=tuple(Track(i) for i in range(40))),
        performed_piece(),
    ],
    ids=["empty", "lowest", "highest", "wide", "huge-bars", "tiny-bars", "odd-names", "40-tracks", "performed"],
)
def test_odd_pieces_are_drawn(piece):
    assert picture(piece).shape[1] == WIDTH


def test_every_mark_in_an_hour_long_piece_stays_apart_from_the_next_label():
    piece = piece_of((0, 7200 * QUARTER, 0, 60, 80), is_performed=True)
    page = lay_out(piece, 2000, 8000)
    assert page.label_stride > 1
    assert page.label_stride * 2 * QUARTER * page.step_width >= 60


def test_5000_notes_fit_a_picture():
    pixels = picture(gridded_piece(num_notes=5000), width=2000, max_height=8000)
    assert pixels.shape[0] <= 8000


def test_a_real_song_shows_all_its_tracks():
    path = DATA_DIR / "avgvst" / "Lullaby.mid"
    if not path.exists():
        pytest.skip("needs the shared MIDI files")
    pixels = picture(read_midi(path.read_bytes())[0])
    assert all(has_color(pixels, color) for color in TRACK_COLORS[:3])


def test_a_small_roll_has_a_stroke_for_every_note_and_drums_below():
    notes = make_notes([(0, 24, 0, 60, 64), (24, 24, 0, 72, 64), (0, 12, 1, 36, 64)])
    piece = Piece(notes, (Track(), Track(is_drum=True)))
    drawing = ElementTree.fromstring(small_roll(piece, 'a "small" one'))
    assert drawing.get("aria-label") == 'a "small" one'
    pitched, drums = (
        [[float(number) for number in stroke.replace("h", " ").split()] for stroke in path.get("d").split("M")[1:]]
        for path in drawing
    )
    (first, low, length), (second, high, _) = pitched
    assert first < first + length < second
    assert high < low < drums[0][1]
    assert len(ElementTree.fromstring(small_roll(Piece(make_notes([]), ())))) == 0


def test_a_small_roll_of_very_many_notes_stays_small_and_shows_every_track_from_beginning_to_end():
    rows = [(6 * index, 6, index % 7 % 2, 40 + index * 13 % 50, 80) for index in range(50_000)]
    drawing = small_roll(Piece(make_notes([*rows, (300_000, 6, 2, 60, 80)]), (Track(0), Track(40), Track(73))))
    assert len(drawing) < 80_000
    assert drawing.count("<path") == 3
    lefts = [float(left) for left in re.findall(r"M([\d.]+) ", drawing)]
    assert min(lefts) < 5
    assert max(lefts) > 240 - 6


def test_colours_of_small_rolls_stand_out_from_both_grounds():
    def light(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05

    for colour in COLOURS:
        assert light("#ffffff") / light(colour) >= 3, colour
        assert light(colour) / light("#14171f") >= 3, colour
