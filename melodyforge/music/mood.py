"""The mood of a piece: a place in the plane of valence (sad to happy) and arousal (calm to excited).

The plane is that of Russell, "A circumplex model of affect" (1980). What is listened to follows Gabrielsson and
Lindstroem, "The role of structure in the musical expression of emotions" (2010), and Livingstone et al., "Changing
musical emotion" (2010): mode, harmony, speed, loudness, register. How much each counts was learnt from listeners by
`benchmarks/mood.py`. Knows notes; does not hear timbre, melody or form.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from melodyforge.music.keys import NUM_PITCH_CLASSES, fits_of, majorness
from melodyforge.music.piece import STEPS_PER_QUARTER, Piece

MOODS = ("happy", "tense", "sad", "calm")  # quadrants: valence +-, arousal +; then valence -+, arousal -

MOMENT_SECONDS = 2.0  # in which one harmony sounds
MOMENTS_PER_PASSAGE = 4
OPENING_SECONDS = 30.0  # what is heard first sets the mood
LONGEST_SECONDS = 2.0  # a longer note says no more about harmony
SHORTEST_HEARD, LONGEST_HEARD = 0.08, 1.5  # seconds; pedals and encodings decide about lengths beyond
HEARD_BEYOND = 1.25  # times the way to the next onset: behind it, others are heard
LOW_PITCH = 48  # C3
USUAL_VELOCITY, VELOCITY_SPREAD = 72.0, 24.0
PLAYED_SPREAD = 8.0  # standard deviation of velocities that were played; where all are alike, they say nothing
FARTHEST = 1.5  # spreads from the usual that count: listeners judged few pieces that lie farther out

_TENSE_PAIRS = sum(np.roll(np.eye(NUM_PITCH_CLASSES), interval, axis=1) for interval in (1, 6, 11))


@dataclass(frozen=True, slots=True)
class Affect:
    """A place in the plane of feelings, in the units of listeners.

    Attributes:
        valence: -1 sad to 1 happy.
        arousal: -1 calm to 1 excited.
    """

    valence: float
    arousal: float

    @property
    def mood(self) -> str:
        """One of `MOODS`: the quadrant."""
        if self.arousal >= 0:
            return "happy" if self.valence >= 0 else "tense"
        return "calm" if self.valence >= 0 else "sad"


class Weight(NamedTuple):
    """How much a figure counts.

    Attributes:
        usual, spread: its mean and standard deviation in the pieces that were judged.
        valence, arousal: how far a spread above the usual moves a piece.
    """

    usual: float
    spread: float
    valence: float
    arousal: float


# Made by `python -m benchmarks.mood`.
WEIGHTS: dict[str, Weight] = {
    "loudness": Weight(-0.2189, 0.7132, 0.0000, 0.0622),
    "length": Weight(-1.9116, 0.7643, -0.0397, -0.1801),
    "thickness": Weight(0.9235, 0.3909, 0.0000, 0.0568),
    "low": Weight(0.1423, 0.1273, -0.0438, 0.0469),
    "repeats": Weight(0.1005, 0.1282, 0.0000, 0.0414),
    "mode": Weight(0.0227, 0.2128, 0.0771, 0.0000),
    "opening_mode": Weight(0.0133, 0.1034, 0.0967, 0.0000),
    "tension": Weight(0.1672, 0.0586, -0.0630, 0.0447),
}
UNMOVED = Affect(0.1018, 0.0403)  # a piece in which all is usual


def read_affect(piece: Piece) -> Affect:
    """The feeling of a piece; 0 and 0 without notes."""
    if not len(piece):
        return Affect(0.0, 0.0)
    valence, arousal = UNMOVED.valence, UNMOVED.arousal
    for name, figure in read_figures(piece).items():
        weight = WEIGHTS[name]
        spreads = min(FARTHEST, max(-FARTHEST, (figure - weight.usual) / weight.spread))
        valence += weight.valence * spreads
        arousal += weight.arousal * spreads
    return Affect(valence, arousal)


def read_figures(piece: Piece) -> dict[str, float]:
    """What moves listeners, by the names of `WEIGHTS`; what cannot be heard, as the mode of drums, is left out.

    Figures:
        loudness: 0 as usual, 1 loud; 0 where all notes are equally loud, as in many files.
        length: how long notes are heard before others begin, in seconds, as a power of two; so speed is in it, too.
        thickness: notes at each onset, as a power of two.
        low: share of notes below `LOW_PITCH`.
        repeats: share of onsets whose highest note is that of the onset before.
        mode: how much better major keys fit the whole piece than minor ones.
        opening_mode: the same of each moment of the opening, on average.
        tension: share of semitones and tritones among the intervals between all notes of a passage.
    """
    if not len(piece):
        return {}
    seconds_per_step = 60 / piece.tempo_qpm / STEPS_PER_QUARTER
    figures = {"loudness": _loudness(piece.notes["velocity"])}
    pitched = piece.pitched_notes
    if len(pitched):
        return figures | _texture(pitched, seconds_per_step) | _harmony(pitched, seconds_per_step)
    onset = piece.notes["onset"]
    return figures | {"length": _length(_steps_alone(onset[_starts(onset)]), seconds_per_step)}


def _loudness(velocity: np.ndarray) -> float:
    return float(velocity.mean() - USUAL_VELOCITY) / VELOCITY_SPREAD * min(1.0, float(velocity.std()) / PLAYED_SPREAD)


def _texture(notes: np.ndarray, seconds_per_step: float) -> dict[str, float]:
    """The figures that say how a piece is set."""
    onset, pitch = notes["onset"], notes["pitch"]
    starts = _starts(onset)
    highest = np.maximum.reduceat(pitch, starts)
    alone = _spread_out(_steps_alone(onset[starts]), starts, len(notes))
    return {
        "length": _length(np.minimum(notes["duration"], alone), seconds_per_step),
        "thickness": math.log2(len(notes) / len(starts)),
        "low": float(np.count_nonzero(pitch < LOW_PITCH) / len(notes)),
        "repeats": float(np.count_nonzero(highest[1:] == highest[:-1]) / max(1, len(starts) - 1)),
    }


def _length(steps: np.ndarray, seconds_per_step: float) -> float:
    seconds = np.minimum(np.maximum(steps * seconds_per_step, SHORTEST_HEARD), LONGEST_HEARD)
    return float(np.log2(seconds).mean())


def _steps_alone(onset: np.ndarray) -> np.ndarray:
    """Steps for which what begins at each of some onsets is heard at most: a little beyond the next; the last rings."""
    steps = np.full(len(onset), np.inf)
    steps[:-1] = (onset[1:] - onset[:-1]) * HEARD_BEYOND
    return steps


def _harmony(notes: np.ndarray, seconds_per_step: float) -> dict[str, float]:
    """The figures that say which pitch classes sound together, and soon after each other."""
    moment = ((notes["onset"] - notes["onset"][0]) * (seconds_per_step / MOMENT_SECONDS)).astype(np.int64)
    starts = _starts(moment)  # of those moments in which notes begin
    row = _spread_out(np.arange(0, len(starts) * NUM_PITCH_CLASSES, NUM_PITCH_CLASSES), starts, len(notes))
    weight = np.minimum(notes["duration"], LONGEST_SECONDS / seconds_per_step)
    cells = np.bincount(row + notes["pitch"] % NUM_PITCH_CLASSES, weight, len(starts) * NUM_PITCH_CLASSES)
    sounding, when = cells.reshape(-1, NUM_PITCH_CLASSES), moment[starts]
    opening = sounding[: np.searchsorted(when, OPENING_SECONDS / MOMENT_SECONDS)]
    passages = _starts(when // MOMENTS_PER_PASSAGE)
    mode, *opening_modes = majorness(fits_of(np.concatenate([sounding.sum(axis=0)[None], opening]))).tolist()
    return {
        "mode": mode,
        "opening_mode": sum(opening_modes) / len(opening_modes),
        "tension": _tension(np.add.reduceat(sounding, passages)),
    }


def _tension(sounding: np.ndarray) -> float:
    """Semitones and tritones among the intervals between pitch classes; shape (num_passages, 12) -> share."""
    shares = sounding / sounding.sum(axis=1, keepdims=True)
    num_pairs = len(shares) - (shares * shares).sum()  # of different pitch classes, by how much they sound
    return float((shares @ _TENSE_PAIRS * shares).sum() / max(1e-6, num_pairs))


def _starts(values: np.ndarray) -> np.ndarray:
    """Where runs of equal values begin; shape (num_runs,)."""
    is_new = np.ones(len(values), bool)
    np.not_equal(values[1:], values[:-1], out=is_new[1:])
    return np.flatnonzero(is_new)


def _spread_out(values: np.ndarray, starts: np.ndarray, number: int) -> np.ndarray:
    """The value of each run for all that is in it; shape (number,)."""
    ends = np.empty_like(starts)
    ends[:-1], ends[-1] = starts[1:], number
    return values.repeat(ends - starts)
