"""Beats and bars found where a file does not say them, and micro-timing where notes are played off them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from melodyforge.music.grid import Heard, find_grid, place
from melodyforge.music.midi import read_midi, write_midi
from melodyforge.music.piece import MICRO_PER_STEP, STEPS_PER_QUARTER, Piece
from tests.midi_bytes import meter, midi, off, on, tempo, track
from tests.music_samples import played_piece, tune

SHARED_DATA = Path(__file__).parents[1].parent / "shared" / "data"
TICKS = 480
TOLERANCE_S = 0.010


def file_of(quarters, pitches, lengths, *, meters=((4, 4),), qpm=None, channel=0) -> bytes:
    """A MIDI file of notes at any quarter, not rounded to a grid."""
    events = []
    for onset, pitch, length in zip(quarters, pitches, lengths, strict=True):
        start = round(onset * TICKS)
        events += [
            (start, 1, on(pitch, 80, channel)),
            (max(start + 1, round((onset + length) * TICKS)), 0, off(pitch, channel)),
        ]
    events.sort(key=lambda event: event[:2])
    times = np.diff([0, *(time for time, _, _ in events)])
    head = [(0, meter(numerator, denominator.bit_length() - 1)) for numerator, denominator in meters]
    head += [(0, tempo(round(60_000_000 / qpm)))] if qpm else []
    return midi(track(*head, *((int(time), event) for time, (_, _, event) in zip(times, events, strict=True))))


def music(num_bars: int = 16) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Onsets and lengths in quarters, and pitches, of a tune over a held bass."""
    notes = tune(num_bars=num_bars).notes
    return notes["onset"] / STEPS_PER_QUARTER, notes["pitch"].astype(int), notes["duration"] / STEPS_PER_QUARTER


def places_of(piece: Piece) -> list[tuple[int, int, int]]:
    bars, places, _ = piece.bars_at(piece.notes["onset"])
    return sorted(zip(bars.tolist(), places.tolist(), piece.notes["pitch"].tolist(), strict=True))


@pytest.mark.parametrize("late", [0.06, 0.1, 0.37, 1.3, 2.5])
@pytest.mark.parametrize("meters", [((1, 4),), ((4, 4),)])
def test_bars_are_found_where_all_notes_are_late(late, meters):
    onsets, pitches, lengths = music()
    if meters == ((4, 4),) and late > 2:
        pytest.skip("half a bar late, the file's own bars are possible")
    piece, _ = read_midi(file_of(onsets + late, pitches, lengths, meters=meters))
    assert not piece.is_performed
    assert (piece.main_meter.numerator, piece.main_meter.denominator) == (4, 4)
    assert (piece.notes["onset"] % 12 == 0).all()
    assert places_of(piece) == places_of(tune())


def test_what_is_played_to_a_click_is_parted_into_what_was_written_and_micro_timing():
    rng = np.random.default_rng(0)
    onsets, pitches, lengths = music()
    played = np.maximum(0, onsets + rng.normal(0, 0.02, len(onsets)))
    piece, _ = read_midi(file_of(played, pitches, lengths, qpm=100))
    assert not piece.is_performed
    assert piece.has_micro_timing
    assert (piece.notes["onset"] == tune().notes["onset"]).mean() > 0.98
    heard = np.sort(piece.notes["onset"] + piece.notes["micro"] / MICRO_PER_STEP) / STEPS_PER_QUARTER
    assert np.abs(heard - np.sort(played)).max() * 60 / 100 < TOLERANCE_S


def test_written_music_has_no_micro_timing_and_keeps_its_bars():
    piece, _ = read_midi(file_of(*music()))
    assert not piece.has_micro_timing
    assert piece.notes["onset"].tolist() == tune().notes["onset"].tolist()


def test_a_steady_tempo_that_the_file_does_not_name_is_found():
    onsets, pitches, lengths = music(32)
    ratio = 120 / 97
    piece, _ = read_midi(file_of(onsets * ratio, pitches, lengths * ratio))
    assert piece.tempo_qpm == pytest.approx(97, rel=0.01)
    assert (piece.notes["onset"] % 12 == 0).mean() > 0.98
    assert piece.seconds == pytest.approx(32 * 4 * 60 / 97, rel=0.01)


def test_free_playing_stays_free():
    rng = np.random.default_rng(0)
    onsets = np.cumsum(rng.exponential(0.4, 400))
    piece, _ = read_midi(file_of(onsets, np.arange(400) % 40 + 40, np.full(400, 0.5)))
    assert piece.is_performed
    assert not piece.has_micro_timing
    heard = np.sort(piece.notes["onset"]) / STEPS_PER_QUARTER
    assert np.abs(np.diff(heard) - np.diff(onsets)).max() < 2 / STEPS_PER_QUARTER


@pytest.mark.parametrize("meters", [[(7, 8)], [(6, 8)], [(5, 4)], [(2, 2)]])
def test_other_meters_are_the_files_own(meters):
    piece, _ = read_midi(file_of(*music(), meters=meters))
    assert (piece.main_meter.numerator, piece.main_meter.denominator) == meters[0]


def test_three_beats_are_told_from_four():
    onsets, pitches, lengths = [], [], []
    for bar in range(24):
        for beat, pitch in enumerate((48, 64, 67)):
            onsets.append(bar * 3 + beat)
            pitches.append(pitch + (0, 5, 7)[bar % 3])
            lengths.append(1.9 if beat == 0 else 0.5)
    piece, _ = read_midi(file_of(onsets, pitches, lengths, meters=((1, 4),)))
    assert (piece.main_meter.numerator, piece.main_meter.denominator) == (3, 4)
    assert {place for _, place, pitch in places_of(piece) if pitch < 60} == {0}


def test_an_upbeat_stays_before_the_first_bar_line():
    onsets, pitches, lengths = music()
    onsets, pitches, lengths = np.append(onsets + 1, 0.5), np.append(pitches, 67), np.append(lengths, 0.5)
    piece, _ = read_midi(file_of(onsets + 0.1, pitches, lengths, meters=[(1, 4)]))
    assert piece.bars_at(piece.notes["onset"])[1][0] == 84
    assert piece.bars_at(piece.notes["onset"])[:2][0][1] == 1


def test_changing_meters_and_tempi_are_the_files_own():
    late, beats = 0.002, [(bar, beat) for bar in range(8) for beat in range(4 if bar < 4 else 3)]
    onsets = [bar * 4 + beat if bar < 4 else 16 + (bar - 4) * 3 + beat for bar, beat in beats]
    events = [(0, meter(4, 2)), (0, tempo(500_000))]
    for index, onset in enumerate(onsets):
        if onset == 16:
            events += [(0, meter(3, 2)), (0, tempo(700_000))]
        events += [(round(late * TICKS) if not index else 0, on(60 + index % 5)), (TICKS, off(60 + index % 5))]
    piece, _ = read_midi(midi(track(*events)))
    assert [(one.numerator, one.onset) for one in piece.meters] == [(4, 0), (3, 16 * STEPS_PER_QUARTER)]
    assert len(piece.tempos) == 2


@pytest.mark.parametrize(
    ("onsets", "pitches", "channel"),
    [([0.013], [60], 0), ([0.1, 0.6, 1.1], [36, 38, 36], 9), ([3.3] * 3, [60, 64, 67], 0), ([0.0, 40.01], [38, 38], 9)],
    ids=["one note", "three drums", "one chord", "two distant drums"],
)
def test_hardly_any_music_is_read(onsets, pitches, channel):
    piece, _ = read_midi(file_of(onsets, pitches, [0.3] * len(onsets), meters=((1, 4),), qpm=90, channel=channel))
    assert len(piece) == len(onsets)


def test_one_long_note_is_read():
    piece, _ = read_midi(file_of([0.4], [60], [400.0]))
    assert piece.notes["duration"].tolist() == [9600]


def test_triplets_and_quick_repetitions_keep_their_notes():
    beats = np.arange(8)[:, None]
    triplets = (beats + np.array([0, 1 / 3, 2 / 3])).ravel() + 0.01
    roll = (8 + np.arange(16)[:, None] / 8).ravel() - 0.008
    same = np.zeros(len(triplets) + len(roll), np.int64)
    steps, micro = place(np.concatenate([triplets, roll]), same)
    assert steps[: len(triplets)].tolist() == (np.arange(24) * 8).tolist()
    assert np.diff(steps[len(triplets) :]).tolist() == [3] * 15
    assert set(micro[: len(triplets)].tolist()) == {1}


def test_what_is_played_before_the_first_beat_is_written_on_it():
    steps, micro = place(np.array([-0.12, -0.11, 1.0]), np.array([1, 1, 1]))
    assert steps.min() == 0
    assert micro.tolist()[0] == round(-0.12 * STEPS_PER_QUARTER * MICRO_PER_STEP)


def test_drums_keep_the_bars_of_their_click():
    rng = np.random.default_rng(1)
    onsets = np.sort(np.concatenate([np.arange(64) / 2, np.arange(16) * 2 + 0.75]))
    played = np.maximum(0, onsets + rng.normal(-0.02, 0.01, len(onsets)))
    piece, _ = read_midi(file_of(played, np.full(len(onsets), 42), np.full(len(onsets), 0.1), qpm=90, channel=9))
    assert (piece.notes["onset"] == np.rint(onsets * STEPS_PER_QUARTER)).mean() > 0.98


def test_micro_timing_survives_a_file_and_does_not_cut_notes_short():
    rng = np.random.default_rng(0)
    onsets, pitches, lengths = music()
    played = np.maximum(0, onsets + rng.normal(0, 0.03, len(onsets)))
    piece, _ = read_midi(file_of(played, pitches, lengths, qpm=100))
    again, repairs = read_midi(write_midi(piece))
    assert not repairs
    for name in ("onset", "micro", "pitch"):
        assert again.notes[name].tolist() == piece.notes[name].tolist()


@pytest.mark.parametrize(("folder", "least"), [("pop909", 0.9), ("groove", 0.5)])
def test_real_files_lie_on_sixteenths(folder, least):
    paths = sorted((SHARED_DATA / folder).rglob("*.mid"))[::25]
    if not paths:
        pytest.skip(f"{SHARED_DATA / folder} is not there")
    pieces = [read_midi(path.read_bytes())[0] for path in paths]
    assert np.mean([piece.is_performed for piece in pieces]) < 0.05
    assert np.median([(piece.notes["onset"] % 6 == 0).mean() for piece in pieces]) > least


def test_real_written_files_keep_their_bars():
    paths = sorted((SHARED_DATA / "nottingham").rglob("*.mid"))[::25]
    if not paths:
        pytest.skip(f"{SHARED_DATA / 'nottingham'} is not there")
    assert all(not read_midi(path.read_bytes())[0].has_micro_timing for path in paths)


def test_no_meter_named_is_four_quarters():
    onsets, pitches, lengths = music()
    grid = find_grid(Heard(onsets, lengths, pitches, np.zeros(len(pitches), bool)), [(4, 4)], [])
    assert grid.has_beat
    assert grid.is_exact
    assert grid.beats_per_bar is None


@pytest.mark.parametrize("is_performed", [False, True])
def test_our_own_files_say_whether_their_beats_mean_something(is_performed):
    piece = replace(played_piece(num_notes=60), is_performed=is_performed)
    again, _ = read_midi(write_midi(piece))
    assert again.is_performed == is_performed
    if not is_performed:
        assert (again.notes["onset"] == piece.notes["onset"]).mean() > 0.9


def test_hats_of_electronic_drum_kits_can_be_heard_anywhere():
    piece, _ = read_midi(file_of([0.0, 1.0, 2.0], [22, 26, 36], [0.1] * 3, channel=9))
    assert piece.notes["pitch"].tolist() == [42, 46, 36]
