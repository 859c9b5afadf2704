"""Changes of a piece by hand."""

import pytest

from melodyforge.errors import SettingsError
from melodyforge.music.chord_symbols import PlacedChord
from melodyforge.music.chord_text import chord_of_marker
from melodyforge.music.editing import edited, grid_of
from melodyforge.music.midi import read_midi, write_midi
from melodyforge.music.piece import Meter, Piece, Tempo, Track, make_notes

BAR = 96


def scale(num_bars: int = 4, **about) -> Piece:
    """A quarter note of another pitch on each beat."""
    return Piece(make_notes([(24 * beat, 24, 0, 60 + beat, 80) for beat in range(4 * num_bars)]), **about)


def row(onset: int, pitch: int, duration: int = 24, track: int = 0) -> list[int]:
    return [onset, duration, track, pitch, 80, 0]


def told(piece: Piece) -> list[tuple[int, int, int]]:
    return [(note["onset"], note["duration"], note["pitch"]) for note in piece.notes]


@pytest.mark.parametrize(
    ("change", "words", "is_there", "is_gone"),
    [
        ({"removed": [row(24, 61)], "added": [row(36, 70)]}, "1 note changed", (36, 24, 70), (24, 24, 61)),
        ({"added": [row(0, 72, 48)]}, "1 note added", (0, 48, 72), None),
        ({"removed": [row(0, 60), row(24, 61)]}, "2 notes deleted", (48, 24, 62), (0, 24, 60)),
        ({"added": [row(0, 60, 6)]}, "1 note added", (0, 6, 60), (0, 24, 60)),  # struck in its place
    ],
)
def test_notes_are_moved_added_and_deleted(change, words, is_there, is_gone):
    after, said = edited(scale(), change)
    assert said == words
    assert is_there in told(after)
    assert is_gone not in told(after)


def test_bars_are_deleted_with_what_rings_into_them_cut():
    piece = scale().with_notes(
        make_notes([(0, 200, 0, 48, 80), *[(24 * beat, 24, 0, 60 + beat, 80) for beat in range(16)]])
    )
    after, words = edited(piece, {"bars": [1, 2], "act": "delete"})
    assert words == "2 bars deleted"
    assert told(after) == [
        (0, 96, 48),
        *[(24 * beat, 24, 60 + beat) for beat in range(4)],
        *[(96 + 24 * beat, 24, 72 + beat) for beat in range(4)],
    ]


def test_bars_are_copied_behind_themselves():
    after, words = edited(scale(3), {"bars": [1, 1], "act": "copy"})
    assert words == "1 bar copied"
    assert [pitch for _, _, pitch in told(after)] == [*range(60, 68), *range(64, 72)]
    assert after.end == 4 * BAR


def test_tempos_meters_and_chords_go_with_their_bars():
    chords = tuple(
        PlacedChord(BAR * bar, chord_of_marker(name))
        for bar, name in enumerate(("C (C E G)", "F (F A C)", "G (G B D)"))
    )
    piece = scale(
        3,
        tempos=(Tempo(0, 120), Tempo(BAR, 60), Tempo(2 * BAR, 90)),
        meters=(Meter(0, 4, 4), Meter(BAR, 2, 2)),
        chords=chords,
    )
    copied, _ = edited(piece, {"bars": [0, 0], "act": "copy"})
    assert copied.tempos == (Tempo(0, 120), Tempo(2 * BAR, 60), Tempo(3 * BAR, 90))
    assert copied.meters == (Meter(0, 4, 4), Meter(2 * BAR, 2, 2))
    assert [(one.onset, one.chord.text) for one in copied.chords] == [(0, "C"), (2 * BAR, "F"), (3 * BAR, "G")]
    less, _ = edited(piece, {"bars": [1, 1], "act": "delete"})
    assert less.tempos == (Tempo(0, 120), Tempo(BAR, 90))
    assert less.meters == (Meter(0, 4, 4), Meter(BAR, 2, 2))
    last, _ = edited(piece, {"bars": [2, 2], "act": "delete"})
    assert (last.end, last.tempos) == (2 * BAR, (Tempo(0, 120), Tempo(BAR, 60)))


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"removed": [row(0, 99)]},
        {"added": [row(-24, 60)]},
        {"added": [row(0, 128)]},
        {"added": [row(0, 60, duration=0)]},
        {"added": [row(0, 60, track=1)]},
        {"added": [[0, 24, 0]]},
        {"added": "all"},
        {"added": [row(0, 60)] * 20_000},
        {"bars": [0, 9], "act": "delete"},
        {"bars": [1, 0], "act": "copy"},
        {"bars": [0, 0], "act": "burn"},
        {"bars": "all", "act": "copy"},
        {"bars": [True, 1], "act": "copy"},
    ],
)
def test_what_is_not_there_or_no_music_is_refused_in_one_line(change):
    with pytest.raises(SettingsError, match=r"^An edit must be of [^\n]+[Rr]eload the page\.$") as caught:
        edited(scale(), change)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "change", [{"removed": [row(24 * beat, 60 + beat) for beat in range(4)]}, {"bars": [0, 0], "act": "delete"}]
)
def test_an_edit_that_leaves_no_note_is_refused(change):
    with pytest.raises(SettingsError, match="must have a note"):
        edited(scale(1), change)


@pytest.mark.parametrize(
    ("places", "grid"),
    [((0, 24, 48), 24), ((0, 12, 36), 12), ((0, 6, 18), 6), ((0, 8, 16), 8), ((0, 8, 12), 4), ((0, 5, 7), 1)],
)
def test_the_grid_is_that_of_the_notes(places, grid):
    assert grid_of(Piece(make_notes([(place, 2, 0, 60, 80) for place in places]))) == grid


def test_an_edited_piece_comes_back_from_its_file():
    piece = scale(3, tracks=(Track(), Track(40)), meters=(Meter(0, 3, 4),))
    after, _ = edited(piece, {"added": [row(24, 67, track=1)]})
    assert read_midi(write_midi(after))[0].notes.tolist() == after.notes.tolist()
