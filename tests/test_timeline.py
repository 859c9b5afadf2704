"""Music as players, keyboards and engravers see it."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from melodyforge.errors import MusicReadError, OutputError, SettingsError
from melodyforge.music.chord_symbols import PlacedChord
from melodyforge.music.chord_text import chord_of
from melodyforge.music.keys import Key
from melodyforge.music.midi import write_midi
from melodyforge.music.mix import heard, mix_of, part
from melodyforge.music.musicxml_write import write_musicxml
from melodyforge.music.notation import bar_numbers
from melodyforge.music.piece import Meter, Piece, Tempo, Track, make_notes
from melodyforge.music.recording import piece_of_recording
from melodyforge.music.roll_layout import time_marks
from melodyforge.music.sheet import Sheet, engrave
from melodyforge.music.timeline import heard_with_names, timeline, track_names, with_track_names
from tests.music_samples import gridded_piece, performed_piece, tune


def test_times_are_seconds_under_the_tempo_map():
    notes = make_notes([(0, 24, 0, 60, 80), (24, 48, 1, 36, 100)])
    piece = Piece(notes, (Track(40), Track(0, True)), (Tempo(0, 60.0), Tempo(24, 120.0)), (Meter(0, 1, 4),), name="two")
    told = timeline(piece)
    assert told["notes"] == [[0.0, 1.0, 60, 80, 0], [1.0, 1.0, 36, 100, 1]]
    assert told["tracks"] == [
        {"name": "violin", "part": 0, "program": 40, "is_drum": False},
        {"name": "drums", "part": 1, "program": 0, "is_drum": True},
    ]
    assert told["bars"] == [0.0, 1.0, 1.5, 2.0]
    assert (told["name"], told["seconds"], told["is_free"]) == ("two", 2.0, False)


def test_music_that_was_played_freely_is_measured_in_seconds():
    told = timeline(performed_piece(num_notes=20))
    assert told["is_free"]
    assert told["bars"] == list(map(float, range(len(told["bars"]))))
    assert told["bars"][-1] >= told["seconds"]


def test_an_empty_piece_has_a_timeline():
    assert timeline(Piece(make_notes([])))["notes"] == []


def upbeat_piece() -> Piece:
    return Piece(make_notes([(72, 24, 0, 60, 80), *((96 * bar, 96, 0, 64, 80) for bar in range(1, 5))]), name="upbeat")


@pytest.mark.parametrize(("piece", "first"), [(upbeat_piece(), 0), (tune(num_bars=5), 1)], ids=["upbeat", "downbeat"])
def test_an_upbeat_is_bar_0_for_score_roll_player_and_pages_alike(piece, first):
    measures = re.findall(rb'measure number="(\d+)"', write_musicxml(piece))
    assert [int(number) for number in dict.fromkeys(measures)] == list(range(first, first + 5))
    assert [mark.number for mark in time_marks(piece)][:5] == list(range(first, first + 5))
    assert timeline(piece)["first_bar"] == first
    assert bar_numbers(piece) == range(first, first + 5)


def test_tracks_of_one_instrument_are_numbered():
    piece = Piece(make_notes([]), (Track(0), Track(40), Track(0)))
    assert track_names(piece) == ["acoustic grand piano (1)", "violin", "acoustic grand piano (2)"]


def chorale(program: int = 0, low: int = 48) -> Piece:
    """Four lines, the lowest first."""
    rows = [(24 * beat, 24, 3 - voice, low + 7 * voice + beat % 3, 80) for beat in range(16) for voice in range(4)]
    return Piece(make_notes(rows), (Track(program),) * 4)


def test_voices_of_a_chorale_and_hands_are_called_so():
    assert track_names(chorale()) == ["soprano", "alto", "tenor", "bass"]
    assert track_names(chorale(24))[0] == "acoustic guitar (nylon) (1)"
    right = [(24 * beat, 24, 1, 72 + step, 80) for beat in range(8) for step in (0, 4, 7)]
    left = [(48 * beat, 48, 0, 40 + step, 80) for beat in range(4) for step in (0, 12)]
    assert track_names(Piece(make_notes(right + left), (Track(0),) * 2)) == ["left hand", "right hand"]
    wide = [(48 * beat, 48, 0, 30 + step, 80) for beat in range(4) for step in (0, 12, 24)]
    assert "hand" not in track_names(Piece(make_notes(right + wide), (Track(0),) * 2))[0]


def test_names_of_files_are_kept_where_they_say_more_than_the_instrument():
    tracks = Track(40, name="  Solo\nvoice "), Track(40, name="Violin (2)"), Track(0, True, "x" * 99)
    assert track_names(Piece(make_notes([]), tracks)) == ["Solo voice", "violin", "x" * 24]
    assert [track.name for track in with_track_names(Piece(make_notes([]), tracks)).tracks][1:] == ["Violin", "x" * 99]


def test_sections_and_chords_stand_at_their_seconds():
    bars = [(96 * bar + 24 * beat, 24, 0, 60 + (7 * bar + 3 * beat) % 12, 80) for bar in range(4) for beat in range(4)]
    piece = Piece(make_notes(bars + [(onset + 384, *rest) for onset, *rest in bars]))
    assert timeline(piece)["sections"] == [[0.0, "A"], [8.0, "A"]]
    assert timeline(piece, is_whole=False)["sections"] == []
    placed = replace(piece, chords=(PlacedChord(96, chord_of(0, (0, 3, 7), Key(0, True))),))
    assert timeline(placed)["chords"] == [[2.0, "Cm"]]


def test_of_very_many_tracks_the_last_are_one_part():
    piece = Piece(make_notes([(0, 24, track, 60, 80) for track in range(20)]), (Track(40),) * 20)
    told = timeline(piece)["tracks"]
    assert [one["part"] for one in told][13:] == [13, 14, 15, 15, 15, 15, 15]
    assert {one["name"] for one in told[15:]} == {"others"}
    assert len(part(piece, 15)) == 5


def test_a_mix_leaves_out_parts_softens_them_and_gives_them_instruments():
    piece = heard_with_names(chorale(), mix_of("0v50p40_1v0"))
    assert [(track.name, track.program, track.volume) for track in piece.tracks][:3] == [
        ("Soprano", 40, 50),
        ("Alto", 0, 100),
        ("Tenor", 0, 100),
    ]
    assert set(piece.notes["track"].tolist()) == {0, 2, 3}
    assert bytes([0xB0, 7, 50]) in write_midi(piece)
    assert heard_with_names(chorale(), mix_of("")).notes.tolist() == chorale().notes.tolist()
    assert heard(Piece(make_notes([]), (Track(40, name="Violin"),)), mix_of("0v100p73")).tracks[0].name == ""


@pytest.mark.parametrize("text", ["x", "1v101", "16v1", "1v1p128", "0v1_", "1v-1"])
def test_what_is_no_mix_is_refused(text):
    with pytest.raises(SettingsError, match="must"):
        mix_of(text)
    with pytest.raises(SettingsError, match="0 to 3"):
        heard(chorale(), mix_of("4v0"))


def test_a_recording_becomes_a_piece_on_a_grid():
    piece = piece_of_recording([[60, 10.02, 0.49], [64, 10.51, 0.02], [67, 11.0, 1.01]])
    assert piece.notes[["onset", "duration", "pitch"]].tolist() == [(0, 24, 60), (24, 6, 64), (48, 48, 67)]
    assert piece_of_recording([]) is None
    assert piece_of_recording(None) is None


@pytest.mark.parametrize("recorded", [[[60, 0]], [["x", 0, 1]], [[200, 0, 1]], [[60, -1, 1]], [None]])
def test_what_is_no_recording_is_refused(recorded):
    with pytest.raises(MusicReadError, match="Record again"):
        piece_of_recording(recorded)


def test_an_excerpt_begins_at_its_bar():
    piece = tune(num_bars=8)
    part = piece.excerpt(2, 4)
    assert part.notes["onset"].min() == 0
    assert len(part) == len(piece) // 4
    expected = piece.notes[(piece.notes["onset"] >= 192) & (piece.notes["onset"] < 384)]
    assert part.notes["pitch"].tolist() == expected["pitch"].tolist()


def test_an_excerpt_keeps_tempo_and_meter_of_its_place():
    notes = make_notes([(0, 24, 0, 60, 80), (96, 24, 0, 62, 80), (168, 24, 0, 64, 80)])
    tempos, meters = (Tempo(0, 60.0), Tempo(96, 90.0)), (Meter(0, 4, 4), Meter(96, 3, 4))
    part = Piece(notes, (Track(),), tempos, meters).excerpt(1, 3)
    assert part.tempos == (Tempo(0, 90.0),)
    assert part.meters == (Meter(0, 3, 4),)
    assert part.notes["onset"].tolist() == [0, 72]


@pytest.mark.parametrize("piece", [tune(), gridded_piece(), performed_piece(num_notes=60)], ids=lambda one: one.name)
def test_sheet_music_is_engraved(piece):
    pytest.importorskip("verovio")
    sheet = engrave(piece)
    assert sheet.num_pages >= 1
    page = sheet.page(1)
    assert page.startswith("<svg")
    assert page.count('class="note"') > 10


def test_music_that_fills_no_page_is_refused():
    with pytest.raises(OutputError, match="Received 0"):
        engrave(Piece(make_notes([])))


def test_every_thread_engraves_and_turns_pages():
    pytest.importorskip("verovio")

    def engraved(_: int) -> list[Sheet]:
        return [engrave(tune(index, 40)) for index in range(4)]

    with ThreadPoolExecutor(2) as two:
        first, second = two.map(engraved, range(2))
    for one, other in zip(first, second, strict=True):
        assert one.num_pages == other.num_pages > 1
        assert one.page(2).count("<use") == other.page(2).count("<use") > 40
