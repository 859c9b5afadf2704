"""Pieces made for tests: small, varied, reproducible."""

import numpy as np

from melodyforge.music.piece import Meter, Piece, Tempo, Track, make_notes


def gridded_piece(seed: int = 0, num_notes: int = 120) -> Piece:
    """Three tracks on the grid, drums among them, in 3/4 with a pickup and chords."""
    rng = np.random.default_rng(seed)
    rows, onset = [], 48
    while len(rows) < num_notes:
        for track, low in ((0, 60), (1, 40), (2, 35)):
            for pitch in rng.choice(np.arange(low, low + 12), rng.integers(0, 3), replace=False):
                rows.append(
                    (onset, int(rng.choice([6, 12, 24, 96])), track, int(pitch), int(rng.choice([64, 80, 100])))
                )
        onset += int(rng.choice([6, 8, 12, 24]))
    tracks = (Track(0, False, "right"), Track(33, False, "bass"), Track(0, True, "drums"))
    return Piece(make_notes(rows), tracks, (Tempo(0, 100.0),), (Meter(0, 3, 4),), name=f"gridded-{seed}")


def played_piece(seed: int = 0, num_notes: int = 900) -> Piece:
    """Two voices and drums that loop now and then, on the grid but played a little early or late."""
    rng = np.random.default_rng(seed)
    rows, onset = [], 0
    while len(rows) < num_notes:
        pattern = [(int(rng.choice([6, 12, 24])), *rng.integers(0, 13, 2).tolist()) for _ in range(rng.integers(2, 9))]
        for shift, high, low in pattern * int(rng.integers(1, 12)):
            rows += [(onset, shift, 0, 60 + high, 80), (onset, shift, 1, 48 + low, 70), (onset, 3, 2, 36 + low, 90)]
            onset += shift
    notes = make_notes(rows)
    notes["micro"] = np.clip(rng.normal(0, 3, len(notes)), -12, 12).round()
    return Piece(notes, (Track(40), Track(42), Track(0, True)), name=f"played-{seed}")


def performed_piece(seed: int = 0, num_notes: int = 400) -> Piece:
    """One track played freely: any number of steps between notes."""
    rng = np.random.default_rng(seed)
    onsets = np.cumsum(rng.integers(0, 40, num_notes))
    rows = [
        (int(onset), int(rng.integers(1, 300)), 0, int(pitch), int(rng.integers(20, 110)))
        for onset, pitch in zip(onsets, rng.permutation(np.arange(num_notes) % 60 + 30), strict=True)
    ]
    return Piece(make_notes(rows), (Track(),), is_performed=True, name=f"performed-{seed}")


def tune(transposition: int = 0, num_bars: int = 16) -> Piece:
    """A melody in quarters and eighths over a held bass; on the grid, easy to learn."""
    rows = []
    for bar in range(num_bars):
        root = (0, 5, 7, 0)[bar % 4] + transposition
        rows.append((bar * 96, 96, 1, 48 + root, 70))
        for beat, step in enumerate((0, 4, 7, 4, 0, 2, 4, 7)):
            rows.append((bar * 96 + beat * 12, 12, 0, 60 + root + step, 80))
    return Piece(make_notes(rows), (Track(73, False, "flute"), Track(0, False, "piano")), name="tune")
