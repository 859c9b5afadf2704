"""Statistics of pieces.

Measures follow Yang and Lerch, "On the evaluation of generative models in music" (2020, MGEval);
entropy, scale and groove consistency and empty beats follow MusPy (Dong et al., 2020). Drums count for time, not for
pitch. Knows pieces only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from melodyforge.music.piece import STEPS_PER_QUARTER, Piece
from melodyforge.music.traits import read_traits

NUM_TIME_BINS = 32  # of histograms of times: sixteenths, the last for all longer ones
TIME_BIN_STEPS = STEPS_PER_QUARTER // 4
_SCALES = np.array([[(step - tonic) % 12 in (0, 2, 4, 5, 7, 9, 11) for step in range(12)] for tonic in range(12)])


def pitch_count(piece: Piece) -> np.ndarray:
    """Number of different pitches, shape (1,)."""
    return np.array([len(np.unique(piece.pitched_notes["pitch"]))], float)


def pitch_range(piece: Piece) -> np.ndarray:
    """Semitones from the lowest to the highest pitch, shape (1,)."""
    pitches = piece.pitched_notes["pitch"].astype(int)
    return np.array([pitches.max() - pitches.min() if len(pitches) else 0], float)


def pitch_class_histogram(piece: Piece) -> np.ndarray:
    """Share of each pitch class among the notes, shape (12,)."""
    return _shares(np.bincount(piece.pitched_notes["pitch"] % 12, minlength=12))


def pitch_class_transitions(piece: Piece) -> np.ndarray:
    """Share of each pair of pitch classes that follow each other in a track, shape (144,)."""
    notes = piece.pitched_notes
    notes = notes[np.argsort(notes["track"], kind="stable")]
    classes = notes["pitch"].astype(int) % 12
    same_track = notes["track"][1:] == notes["track"][:-1]
    return _shares(np.bincount((classes[:-1] * 12 + classes[1:])[same_track], minlength=144))


def inter_onset_histogram(piece: Piece) -> np.ndarray:
    """Share of each time between onsets that follow each other, in sixteenths, shape (NUM_TIME_BINS,)."""
    return _time_shares(np.diff(np.unique(piece.notes["onset"])))


def note_length_histogram(piece: Piece) -> np.ndarray:
    """Share of each duration, in sixteenths, shape (NUM_TIME_BINS,)."""
    return _time_shares(piece.pitched_notes["duration"])


FEATURES: dict[str, Callable[[Piece], np.ndarray]] = {
    "pitch count": pitch_count,
    "pitch range": pitch_range,
    "pitch classes": pitch_class_histogram,
    "pitch-class transitions": pitch_class_transitions,
    "inter-onset intervals": inter_onset_histogram,
    "note lengths": note_length_histogram,
}


def describe_pieces(pieces: Iterable[Piece]) -> dict[str, float]:
    """Means over pieces of the plain measures."""
    rows = [_plain_measures(piece) for piece in pieces]
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def pitch_class_entropy(piece: Piece) -> float:
    """Bits: 0 for one pitch class, 3.58 for all alike."""
    shares = pitch_class_histogram(piece)
    return float(-(shares[shares > 0] * np.log2(shares[shares > 0])).sum())


def scale_consistency(piece: Piece) -> float:
    """The largest share of notes that lie in one major scale (or natural minor, which has the same notes)."""
    return float((_SCALES @ pitch_class_histogram(piece)).max())


def groove_consistency(piece: Piece) -> float:
    """1 less the mean share of sixteenths in which the onsets of bars that follow each other differ."""
    bars, positions, bar_steps = piece.bars_at(piece.notes["onset"])
    if not len(bars) or bars.max() < 1:
        return 1.0
    num_slots = max(1, int(bar_steps.max()) // TIME_BIN_STEPS)
    grid = np.zeros((int(bars.max()) + 1, num_slots), bool)
    grid[bars, np.minimum(positions // TIME_BIN_STEPS, num_slots - 1)] = True
    return float(1 - (grid[1:] != grid[:-1]).mean())


def empty_beat_rate(piece: Piece) -> float:
    """Share of quarter notes in which nothing sounds."""
    num_beats = -(-piece.end // STEPS_PER_QUARTER)
    changes = np.zeros(num_beats + 1)
    notes = piece.notes
    np.add.at(changes, notes["onset"] // STEPS_PER_QUARTER, 1)
    np.add.at(changes, -(-(notes["onset"] + notes["duration"]) // STEPS_PER_QUARTER), -1)
    return float((changes.cumsum()[:-1] == 0).mean()) if num_beats else 0.0


def _plain_measures(piece: Piece) -> dict[str, float]:
    traits = read_traits(piece)
    return {
        "pitch-class entropy": pitch_class_entropy(piece),
        "scale consistency": scale_consistency(piece),
        "groove consistency": groove_consistency(piece),
        "polyphony": traits.polyphony,
        "empty beats": empty_beat_rate(piece),
        "onsets per quarter": traits.density,
        "different pitches": float(pitch_count(piece)[0]),
    }


def _shares(counts: np.ndarray) -> np.ndarray:
    return counts / max(1, counts.sum())


def _time_shares(steps: np.ndarray) -> np.ndarray:
    bins = np.minimum(np.round(steps / TIME_BIN_STEPS).astype(int), NUM_TIME_BINS - 1)
    return _shares(np.bincount(bins, minlength=NUM_TIME_BINS))
