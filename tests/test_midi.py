"""Reading and writing MIDI: what strangers' files hold, and that nothing changes on the way round."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from melodyforge.errors import MusicReadError
from melodyforge.music.limits import MAX_NOTES
from melodyforge.music.midi import read_midi, write_midi
from melodyforge.music.piece import MICRO_PER_STEP, Meter, Piece, Tempo, Track, make_notes
from tests.midi_bytes import chunk, meta, meter, midi, off, on, pedal, tempo, track, tune

SHARED_DATA = Path(__file__).parents[1].parent / "shared" / "data"


def notes_of(data: bytes) -> list[tuple[int, ...]]:
    return [row[:-1] for row in read_midi(data)[0].notes.tolist()]  # played as written


def heard(piece: Piece) -> np.ndarray:
    """When notes are heard, in steps from the first one on, shape (num_notes,)."""
    times = np.sort(piece.notes["onset"] + piece.notes["micro"] / MICRO_PER_STEP)
    return times - times[0]


def round_trip(piece: Piece) -> Piece:
    again, repairs = read_midi(write_midi(piece))
    assert repairs == []
    return again


def test_notes_come_in_steps_ordered_by_onset_track_pitch() -> None:
    high = track((0, on(72, 80)), (480, off(72)))
    low = track((0, on(60, 70)), (0, on(48, 60)), (240, off(60)), (240, off(48)))
    assert notes_of(midi(high, low)) == [(0, 24, 0, 72, 80), (0, 24, 1, 48, 60), (0, 12, 1, 60, 70)]


def test_triplets_and_32nds_are_exact() -> None:
    data = midi(track((0, on(60)), (160, off(60)), (0, on(62)), (160, off(62)), (160, on(64)), (60, off(64))))
    assert [row[:2] for row in notes_of(data)] == [(0, 8), (8, 8), (24, 3)]


def test_running_status_and_note_on_with_velocity_zero() -> None:
    body = b"\x00\x90\x3c\x40" + b"\x83\x60\x3c\x00" + b"\x00\x3e\x40" + b"\x83\x60\x3e\x00"
    assert notes_of(midi(chunk(b"MTrk", body + b"\x00\xff\x2f\x00"))) == [(0, 24, 0, 60, 64), (24, 24, 0, 62, 64)]


def test_overlapping_equal_pitches_end_in_the_order_they_began() -> None:
    data = midi(track((0, on(60, 50)), (240, on(60, 70)), (240, off(60)), (240, off(60))))
    assert notes_of(data) == [(0, 24, 0, 60, 50), (12, 24, 0, 60, 70)]


def test_note_without_length_gets_one_step() -> None:
    piece, repairs = read_midi(midi(track((0, on(60)), (0, off(60)), (480, on(62)), (480, off(62)))))
    assert piece.notes["duration"].tolist() == [1, 24]
    assert repairs == ["1 note without length got the shortest one"]


def test_note_written_twice_is_kept_once_with_the_louder_velocity() -> None:
    piece, repairs = read_midi(midi(track((0, on(60, 40)), (0, on(60, 90)), (480, off(60)), (0, off(60)))))
    assert piece.notes.tolist() == [(0, 24, 0, 60, 90, 0)]
    assert repairs == ["1 note written twice in one track, kept once"]


def test_note_that_never_ends_is_dropped() -> None:
    data = midi(track((0, on(60)), (480, off(60)), (0, on(62)), (480, on(64)), (480, off(64))))
    assert notes_of(data) == [(0, 24, 0, 60, 64), (48, 24, 0, 64, 64)]


def test_pedal_holds_until_it_goes_up() -> None:
    data = midi(track((0, pedal(127)), (0, on(60)), (240, off(60)), (720, pedal(0))))
    assert notes_of(data) == [(0, 48, 0, 60, 64)]


def test_pedal_lets_go_when_the_pitch_starts_anew() -> None:
    data = midi(track((0, pedal(127)), (0, on(60)), (120, off(60)), (360, on(60)), (120, off(60)), (360, pedal(0))))
    assert notes_of(data) == [(0, 24, 0, 60, 64), (24, 24, 0, 60, 64)]


def test_pedal_pressed_after_the_note_ended_holds_nothing() -> None:
    data = midi(track((0, on(60)), (240, off(60)), (10, pedal(127)), (480, pedal(0))))
    assert notes_of(data) == [(0, 12, 0, 60, 64)]


def test_half_pedal_values_count_as_one_press() -> None:
    values = [(0, pedal(70)), (0, on(60)), (240, off(60)), (120, pedal(90)), (120, pedal(64)), (480, pedal(63))]
    assert notes_of(midi(track(*values))) == [(0, 48, 0, 60, 64)]


def test_pedal_that_never_goes_up_holds_nothing() -> None:
    piece, repairs = read_midi(midi(track((0, pedal(127)), (0, on(60)), (240, off(60)), (480, on(62)), (9, off(62)))))
    assert piece.notes["duration"].tolist() == [12, 1]
    assert repairs == ["a sustain pedal that never goes up was ignored from its last press on"]


@pytest.mark.parametrize(("quarters", "steps", "num_repairs"), [(32, 32 * 24, 0), (33, 12, 1)])
def test_a_forgotten_pedal_holds_nothing(quarters, steps, num_repairs) -> None:
    forgotten = (0, pedal(127)), (0, on(60)), (240, off(60)), (480 * quarters - 240, pedal(0))
    again = (0, on(62)), (0, pedal(127)), (240, off(62)), (240, pedal(0))
    piece, repairs = read_midi(midi(track(*forgotten, *again)))
    assert piece.notes["duration"].tolist() == [steps, 24]
    assert len(repairs) == num_repairs


def test_drum_tracks_become_one_and_empty_tracks_go() -> None:
    kick = track((0, meta(3, b"Kick")), (0, on(36, 64, 9)), (240, off(36, 9)))
    snare = track((480, on(38, 64, 9)), (240, off(38, 9)))
    bass = track((0, b"\xc1\x21"), (0, on(40, 64, 1)), (480, off(40, 1)))
    piece, _ = read_midi(midi(track((0, tempo(500_000))), kick, bass, snare))
    assert piece.tracks == (Track(0, True, "Kick"), Track(33, False, ""))
    assert piece.notes["track"].tolist() == [0, 1, 0]


def test_split_tracks_of_one_program_stay_apart() -> None:
    hands = midi(track((0, on(72)), (480, off(72))), track((0, on(48)), (480, off(48))))
    assert len(read_midi(hands)[0].tracks) == 2


def test_whole_bars_of_silence_go_and_the_upbeat_stays_in_its_place() -> None:
    silence = 2 * 4 * 480 + 3 * 480  # two bars of 4/4, then the fourth quarter of the third
    data = midi(
        track((0, meter(4, 2)), (silence + 480, meter(3, 2)), (480, tempo(400_000))),
        track((silence, on(60)), (480, off(60))),
    )
    piece, _ = read_midi(data)
    assert piece.notes["onset"].tolist() == [72]
    assert piece.meters == (Meter(0, 4, 4), Meter(96, 3, 4))
    assert piece.tempos == (Tempo(0, 120.0), Tempo(120, 150.0))


def test_impossible_tempos_and_meters_are_dropped_and_said() -> None:
    conductor = track((0, tempo(0)), (0, meter(0, 2)), (0, meter(4, 200)), (480, tempo(600_000)), (0, meter(3, 3)))
    piece, repairs = read_midi(midi(conductor, track((0, on(60)), (480, off(60)))))
    assert piece.tempos == (Tempo(0, 120.0), Tempo(24, 100.0))
    assert piece.meters == (Meter(0, 4, 4), Meter(24, 3, 8))
    assert repairs == ["impossible tempos were dropped", "impossible time signatures were dropped"]


def test_tempos_and_meters_far_behind_the_last_note_are_dropped() -> None:
    conductor = track((0, tempo(600_000)), (200_000_000, tempo(500_000)), (0, meter(3, 2)))
    piece, _ = read_midi(midi(conductor, track((0, on(60)), (480, off(60))), division=1))
    assert (piece.tempos, piece.meters) == ((Tempo(0, 100.0),), (Meter(0, 4, 4),))


def test_free_playing_is_told_from_written_notes() -> None:
    random = np.random.default_rng(0)
    free = [event for delta in random.integers(50, 400, 60) for event in ((int(delta), on(60)), (40, off(60)))]
    assert read_midi(midi(track(*free)))[0].is_performed
    assert not read_midi(tune(list(range(50, 80)), ticks=160))[0].is_performed


@pytest.mark.parametrize(
    ("data", "description"),
    [
        (b"", "an empty file"),
        (bytes(1000), "nothing but zero bytes"),
        (b"\n<!DOCTYPE html><html>404</html>", "a web page"),
        (b"PK\x03\x04rest", "a zip archive"),
        (b"ID3\x03rest", "an MP3 recording"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "a WAV recording"),
        (b"MThd\x00", "cut off"),
        (midi(track((0, on(60)), (9, off(60))), division=0), "Received 0"),
        (midi(track((0, on(60)), (9, off(60))), division=0xE728), "SMPTE"),
        (midi(track((0, meta(3, b"name")))), "without any that start and end"),
        (midi(track((0, on(60)), (0x0FFFFFFF, off(60)))), "40,000 quarter notes"),
        (midi(chunk(b"MTrk", b"\x00\xf5\x00\x00\x90")), "without any that start and end"),
    ],
)
def test_what_cannot_be_read_is_refused_in_plain_words(data: bytes, description: str) -> None:
    with pytest.raises(MusicReadError, match=description):
        read_midi(data)


def test_a_million_notes_are_refused() -> None:
    body = b"\x00\x90\x3c\x40" + b"\x00\x3c\x40\x01\x3c\x00" * (MAX_NOTES + 1) + b"\x00\xff\x2f\x00"
    with pytest.raises(MusicReadError, match="200,000 notes"):
        read_midi(midi(chunk(b"MTrk", body)))


def test_riff_wrapping_is_taken_off_without_a_word() -> None:
    data = tune([60, 62])
    wrapped = b"RIFF" + (len(data) + 12).to_bytes(4, "little") + b"RMIDdata" + len(data).to_bytes(4, "little") + data
    piece, repairs = read_midi(wrapped)
    assert (len(piece), repairs) == (2, [])


def test_byte_order_mark_before_the_header_is_dropped() -> None:
    assert read_midi(b"\xef\xbb\xbf" + tune([60]))[1] == ["bytes before the MIDI header were dropped"]


@pytest.mark.parametrize("num_missing", [4, 5, 9])
def test_truncated_last_track_keeps_what_came_through(num_missing: int) -> None:
    data = midi(track((0, on(60)), (480, off(60)), (0, on(62)), (480, off(62))))
    piece, repairs = read_midi(data[:-num_missing])
    assert piece.notes["pitch"].tolist()[0] == 60
    assert repairs == ["the end is cut off"]


def test_wrong_chunk_length_foreign_chunk_and_wrong_track_count() -> None:
    first, second = track((0, on(60)), (480, off(60))), track((0, on(64)), (480, off(64)))
    too_long = first[:4] + (9999).to_bytes(4, "big") + first[8:]
    data = bytearray(midi(too_long, chunk(b"XFIH", b"junk"), second))
    data[10:12] = (500).to_bytes(2, "big")
    piece, repairs = read_midi(bytes(data))
    assert piece.notes["pitch"].tolist() == [60, 64]
    assert repairs == ["498 tracks are missing"]


def test_events_behind_a_chunk_length_that_is_too_short_are_read_on() -> None:
    whole = track((0, on(60)), (480, off(60)), (0, on(62)), (480, off(62)))
    too_short = whole[:4] + (9).to_bytes(4, "big") + whole[8:]  # ends behind the first note
    for tracks in ([too_short], [too_short, whole]):
        piece, repairs = read_midi(midi(*tracks))
        assert Counter(piece.notes["pitch"].tolist()) == {60: len(tracks), 62: len(tracks)}
        assert repairs == ["wrong lengths of tracks were put right"]


def test_tracks_that_the_header_does_not_count_are_read() -> None:
    data = bytearray(midi(*(track((0, on(pitch)), (480, off(pitch))) for pitch in (60, 64, 67))))
    data[10:12] = (1).to_bytes(2, "big")
    piece, repairs = read_midi(bytes(data))
    assert piece.notes["pitch"].tolist() == [60, 64, 67]
    assert repairs == ["wrong lengths of tracks were put right"]


def test_rubbish_behind_the_last_track_is_no_loss_but_bytes_behind_an_early_end_are() -> None:
    events = b"\x00\x90\x3c\x40\x83\x60\x80\x3c\x00\x00\xff\x2f\x00"
    assert read_midi(midi(chunk(b"MTrk", events)) + b"<p>thanks</p>")[1] == []
    assert read_midi(midi(chunk(b"MTrk", events + b"\x00" * 9)))[1] == []
    assert read_midi(midi(chunk(b"MTrk", events + events)))[1] == ["13 damaged bytes were left out"]


def test_more_tracks_than_a_header_can_count_are_refused() -> None:
    with pytest.raises(MusicReadError, match="at most 65,535 tracks"):
        read_midi(midi() + b"MTrk\xff\xff\xff\xff" * 70_000)


def test_undefined_event_costs_only_what_follows_it() -> None:
    body = b"\x00\x90\x3c\x40\x83\x60\x80\x3c\x00" + b"\x00\xf5" + b"\x00\x90\x3e\x40\x10\x80\x3e\x00"
    piece, repairs = read_midi(midi(chunk(b"MTrk", body)))
    assert piece.notes.tolist() == [(0, 24, 0, 60, 64, 0)]
    assert repairs == ["10 damaged bytes were left out"]


def test_pitch_above_127_is_clipped_and_said() -> None:
    assert read_midi(midi(track((0, on(200)), (480, off(200)))))[1] == ["values out of range were clipped"]


def test_track_name_that_is_not_utf8_does_not_stop_the_file() -> None:
    piece, _ = read_midi(midi(track((0, meta(3, b"\x82\xa0\x83\x41")), (0, on(60)), (480, off(60)))))
    assert len(piece) == 1
    assert len(round_trip(piece)) == 1


def test_round_trip_keeps_everything() -> None:
    piece = Piece(
        notes=make_notes(
            [
                (72, 24, 0, 60, 100),  # an upbeat
                (96, 24, 0, 60, 1),  # the same pitch at once again
                (96, 8, 1, 40, 127),  # triplets
                (104, 8, 1, 40, 90),
                (108, 12, 1, 40, 91),  # overlaps the note before
                (96, 500, 2, 127, 64),  # longer than a bar
                (96, 6, 3, 36, 80),
                (99, 3, 3, 42, 81),
            ]
        ),
        tracks=(Track(0, name="Klavier"), Track(33), Track(127, name="バス"), Track(0, True, "drums")),
        tempos=(Tempo(0, 133.7), Tempo(100, 60.0), Tempo(101, 250.25)),
        meters=(Meter(0, 4, 4), Meter(96, 7, 8), Meter(264, 3, 2)),
        name="Für Élise",
        text='{"seed": 1, "style": "Dvořák ♯"}',
    )
    again = round_trip(piece)
    assert again.notes.tolist() == piece.notes.tolist()
    assert (again.tracks, again.meters, again.name, again.text) == (piece.tracks, piece.meters, piece.name, piece.text)
    assert [tempo.onset for tempo in again.tempos] == [0, 100, 101]
    assert [tempo.qpm for tempo in again.tempos] == pytest.approx([133.7, 60.0, 250.25], rel=2e-6)


def test_equal_pitches_that_begin_together_keep_their_velocities() -> None:
    piece = Piece(make_notes([(0, 12, 0, 60, 50), (0, 24, 0, 60, 90)]))
    assert round_trip(piece).notes.tolist() == piece.notes.tolist()


def test_long_text_event_round_trip() -> None:
    piece = Piece(make_notes([(0, 12, 0, 60, 50)]), text="ß" * 20_000)
    assert round_trip(piece).text == piece.text


@pytest.mark.parametrize("num_programs", [3, 15, 40])
def test_more_tracks_than_channels(num_programs: int) -> None:
    tracks = tuple(Track(index % num_programs) for index in range(40))
    piece = Piece(make_notes([(onset, 12, index, 60, 64) for index in range(40) for onset in (0, 24)]), tracks)
    again = round_trip(piece)
    assert again.tracks == tracks
    assert again.notes.tolist() == piece.notes.tolist()


def test_tracks_of_one_program_share_a_channel_so_that_players_sound_them_right() -> None:
    tracks = tuple(Track(index // 2) for index in range(20))
    data = write_midi(Piece(make_notes([(0, 12, index, 60, 64) for index in range(20)]), tracks))
    programs = {(byte & 15, data[i + 1]) for i, byte in enumerate(data[:-1]) if byte >> 4 == 0xC and data[i - 1] == 0}
    assert len({channel for channel, _ in programs}) == len(programs) == 10


def test_piece_without_notes_is_still_a_valid_file() -> None:
    data = write_midi(Piece(make_notes([])))
    assert data.startswith(b"MThd")
    with pytest.raises(MusicReadError, match="without any"):
        read_midi(data)


@pytest.mark.parametrize("folder", ["nottingham", "piano_midi", "pop909", "groove", "avgvst"])
def test_round_trip_of_real_files(folder: str) -> None:
    paths = sorted((SHARED_DATA / folder).rglob("*.mid"))[::40]
    if not paths:
        pytest.skip(f"{SHARED_DATA / folder} is not there")
    for path in paths:
        piece, _ = read_midi(path.read_bytes(), path.stem)
        again, _ = read_midi(write_midi(piece))
        if piece.has_micro_timing:  # may be told from what was written in another way, but sounds the same
            assert len(again) > 0.97 * len(piece), path
            distances = np.abs(heard(again)[:, None] - heard(piece)).min(axis=0)
            assert np.quantile(distances, 0.98) <= 1, path
        else:
            assert np.array_equal(again.notes, piece.notes), path
        assert (again.tracks, again.meters) == (piece.tracks, piece.meters), path
