"""What earlier music suggests: hand-made cases, and the twin forms held equal on music that returns."""

import tracemalloc

import numpy as np
import pytest

from melodyforge.music.keys import Key
from melodyforge.tokens.notes import ROW_DTYPE
from melodyforge.tokens.recall import HORIZON_ROWS, NOTHING, GrowingRecall, WindowRecall

ONE_TRACK = np.array([False])


def rows_of(notes):
    """Rows from (onset, track, pitch, duration)."""
    rows = np.zeros(len(notes), ROW_DTYPE)
    for name, values in zip(("onset", "track", "pitch", "duration"), zip(*notes, strict=True), strict=True):
        rows[name] = values
    return rows


def melody(pitches, duration=24):
    return rows_of([(index * duration, 0, pitch, duration) for index, pitch in enumerate(pitches)])


def at_the_end(rows, is_drum=ONE_TRACK):
    return WindowRecall(rows, is_drum, slice(len(rows), len(rows) + 1))


def test_the_longest_match_tells_how_it_went_on():
    recall = at_the_end(melody([60, 62, 64, 65, 72, 60, 62, 64]))
    continuation = recall.continuation()
    assert continuation.pitch.tolist() == [65]
    assert continuation.shift.tolist() == [24]
    assert continuation.duration.tolist() == [24]
    assert continuation.length.tolist() == [2]  # 62 64 each a quarter later; 60 came in otherwise the first time


def test_of_matches_as_long_the_latest_counts():
    assert at_the_end(melody([60, 67, 60, 69, 60])).continuation().pitch.tolist() == [69]


def test_new_music_suggests_nothing():
    continuation = at_the_end(melody([60, 62, 64])).continuation()
    assert continuation.length.tolist() == [0]
    assert continuation.pitch.tolist() == [NOTHING]


def test_a_line_goes_on_as_before_at_another_pitch():
    line = at_the_end(melody([60, 62, 64, 60, 67, 69, 71])).line(np.array([0]))
    assert line.pitch.tolist() == [67]  # 64 went to 60
    assert line.last_duration.tolist() == [24]


def test_a_line_is_not_disturbed_by_other_tracks():
    notes = [(0, 0, 60, 24), (24, 0, 62, 24), (48, 0, 64, 24), (72, 0, 70, 24), (96, 0, 72, 24)]
    bass = [(onset, 1, 40 + onset % 7, 24) for onset in (0, 30, 60, 90)]
    recall = at_the_end(rows_of(sorted(notes + bass)), np.array([False, False]))
    assert recall.line(np.array([0])).pitch.tolist() == [78]  # the last step of two went on with one of six


def test_notes_are_found_at_a_step():
    recall = at_the_end(rows_of([(0, 0, 60, 24), (0, 0, 64, 12), (96, 0, 62, 24)]))
    pitch, duration = recall.note_at(np.array([0]), np.array([0]))
    assert (pitch.tolist(), duration.tolist()) == ([60], [24])
    assert recall.note_at(np.array([24]), np.array([0]))[0].tolist() == [NOTHING]
    assert recall.shift_after(np.array([0])).tolist() == [96]
    assert recall.shift_after(np.array([-5])).tolist() == [NOTHING]


@pytest.mark.parametrize("key", [Key(0), Key(7), Key(9, is_minor=True)])
def test_the_scale_is_that_of_the_key(key):
    tonic = (key.tonic + 3) % 12 if key.is_minor else key.tonic
    steps = [0, 2, 3, 5, 7, 8, 11, 12, 7, 0] if key.is_minor else [0, 2, 4, 5, 7, 9, 11, 12, 7, 0]
    assert at_the_end(melody([60 + key.tonic + step for step in steps])).scale().tolist() == [tonic]


def test_drums_have_no_scale():
    assert at_the_end(melody([36, 38, 42]), np.array([True])).scale().tolist() == [12]


def returning_music(seed, num_rows):
    """Phrases that return, moved and not, on three tracks with chords; long enough to outlast the horizon."""
    rng = np.random.default_rng(seed)
    phrases = [
        [
            (12 * index, int(rng.integers(3)), int(rng.integers(55, 75)), int(rng.choice([12, 24])))
            for index in range(20)
        ]
        for _ in range(3)
    ]
    notes, start = [], 0
    while len(notes) < num_rows:
        move = int(rng.choice([0, 0, 5]))
        for onset, track, pitch, duration in phrases[rng.integers(3)]:
            notes.append((start + onset, track, pitch + move, duration))
            if rng.random() < 0.05:
                notes.append((start + onset, track, pitch + move + 4, duration))
        start += 240
    return rows_of(sorted(notes))


@pytest.mark.parametrize("seed", [0, 1])
def test_both_forms_suggest_the_same(seed):
    rows = returning_music(seed, 3 * HORIZON_ROWS)
    is_drum = np.array([False, False, True])
    window = WindowRecall(rows, is_drum, slice(0, len(rows) + 1))
    growing = GrowingRecall(2, is_drum)
    tracks = np.arange(len(rows) + 1) % 3
    bar_before = np.append(rows["onset"], rows["onset"][-1]).astype(np.int64) - 96
    expected = {
        "continuation": window.continuation(),
        "line": window.line(tracks),
        "note_at": window.note_at(bar_before, tracks),
        "shift_after": (window.shift_after(bar_before),),
        "scale": (window.scale(),),
    }
    assert (expected["continuation"].length > 4).any()
    assert (expected["note_at"][0] >= 0).any()
    last = np.zeros(2, np.int64)
    for index in range(len(rows) + 1):
        track, step = np.repeat(tracks[index], 2), np.repeat(bar_before[index], 2)
        received = {
            "continuation": growing.continuation(),
            "line": growing.line(track),
            "note_at": growing.note_at(step, track),
            "shift_after": (growing.shift_after(step),),
            "scale": (growing.scale(),),
        }
        for name, values in received.items():
            for one, all_of_them in zip(values, expected[name], strict=True):
                assert one.tolist() == [all_of_them[index]] * 2, (index, name)
        if index < len(rows):
            row = np.repeat(rows[index : index + 1], 2)
            growing.append(row["onset"] - last, row)
            last = row["onset"].astype(np.int64)


def test_what_nobody_can_ask_for_any_more_is_forgotten():
    growing, rng = GrowingRecall(1, ONE_TRACK), np.random.default_rng(0)
    rows = melody(rng.integers(40, 90, 6 * HORIZON_ROWS))
    tracemalloc.start()
    for index in range(len(rows)):
        growing.append(np.array([24]), rows[index : index + 1])
        if index == len(rows) // 2:
            half, _ = tracemalloc.get_traced_memory()
    whole, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (whole - half) / (len(rows) // 2) < 700  # bytes a row; with all stretches of all lengths it is twice that


def test_a_window_in_the_middle_suggests_what_the_whole_piece_does():
    rows = returning_music(2, 2 * HORIZON_ROWS)
    is_drum = np.array([False, False, True])
    start = HORIZON_ROWS + 40
    whole = WindowRecall(rows, is_drum, slice(start, start + 50)).continuation()
    part = WindowRecall(rows[start - HORIZON_ROWS : start + 50], is_drum, slice(HORIZON_ROWS, HORIZON_ROWS + 50))
    for one, other in zip(part.continuation(), whole, strict=True):
        assert np.array_equal(one, other)
