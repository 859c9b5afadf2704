"""Describes how a piece begins by plain numbers in named groups, so that a classifier can tell music from music.

Figures of single notes stand here, those of the whole in `whole.py`. In music for drums alone, drums are
taken for pitches. What a piece has not is NaN. Knows pieces only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from melodyforge.figures.bars import on_sixteenths, on_triplets
from melodyforge.figures.numbers import correlation, entropy, highest, lowest, mean, ratio, spread
from melodyforge.figures.statistics import scale_consistency
from melodyforge.figures.whole import form, harmony, key_drift, repetition, texture
from melodyforge.music.piece import STEPS_PER_QUARTER, Piece

NUM_NOTES = 150  # of the beginning
LEAP = 4  # semitones; wider is a leap
GAPS = {  # steps
    "32nd": 3,
    "16th": 6,
    "triplet": 8,
    "eighth": 12,
    "triplet quarter": 16,
    "dotted eighth": 18,
    "quarter": 24,
    "dotted quarter": 36,
    "half": 48,
}

Figures = dict[str, float]


def beginning(piece: Piece, num_notes: int = NUM_NOTES) -> Piece:
    """The first notes of a piece."""
    return piece.with_notes(piece.notes[:num_notes])


def ending(piece: Piece, num_notes: int) -> Piece:
    """The last notes of a piece, where they stand."""
    return piece.with_notes(piece.notes[max(0, len(piece) - num_notes) :])


def describe(piece: Piece, num_notes: int = NUM_NOTES) -> dict[str, Figures]:
    """The figures of how a piece begins, by group; the same names for every piece."""
    begins = with_pitches(beginning(piece, num_notes))
    return {name: figures(begins) for name, figures in (GROUPS | {VELOCITY: velocity}).items()}


def tables(pieces: Iterable[Piece], num_notes: int = NUM_NOTES) -> dict[str, np.ndarray]:
    """For each group the figures of several pieces, float64, shape (num_pieces, num_figures)."""
    described = [describe(piece, num_notes) for piece in pieces]
    return {name: np.array([list(one[name].values()) for one in described], float) for name in (described or [{}])[0]}


def with_pitches(piece: Piece) -> Piece:
    """A piece of pitched notes alone; music for drums alone becomes one whose drums are pitches."""
    pitched = piece.pitched_notes
    if len(pitched):
        return piece.with_notes(pitched)
    return replace(piece, tracks=tuple(replace(track, is_drum=False) for track in piece.tracks))


def pitch(piece: Piece) -> Figures:
    """How high the notes are, and how many different ones there are."""
    pitches = piece.notes["pitch"].astype(int)
    classes = pitches % 12
    return {
        "mean": mean(pitches),
        "spread": spread(pitches),
        "highest": highest(pitches),
        "lowest": lowest(pitches),
        "different": float(len(np.unique(pitches))),
        "entropy": entropy(pitches),
        "entropy of classes": entropy(classes),
        "different classes": float(len(np.unique(classes))),
        "commonest": ratio(highest(np.bincount(pitches)), len(pitches)),
        "commonest class": ratio(highest(np.bincount(classes)), len(pitches)),
        "in one scale": scale_consistency(piece),
        "weighted by length": mean(pitches, piece.notes["duration"]) - mean(pitches),
    }


def top_lines(piece: Piece) -> list[np.ndarray]:
    """Of each track the highest note at every onset, notes of shape (num_onsets,)."""
    lines = []
    for track in np.unique(piece.notes["track"]):
        notes = piece.notes[piece.notes["track"] == track]
        lines.append(notes[np.append(np.diff(notes["onset"]) > 0, True)])  # in order of onset, then pitch
    return lines


def interval(piece: Piece) -> Figures:
    """How the lines of the tracks move, in semitones."""
    moves = [np.diff(line["pitch"].astype(int)) for line in top_lines(piece)]
    steps = np.concatenate([*moves, np.zeros(0, int)])
    pairs = np.concatenate([*[np.stack([one[:-1], one[1:]], 1) for one in moves if len(one) > 1], np.zeros((0, 2))])
    sizes, first, second = np.abs(steps), pairs[:, 0], pairs[:, 1]
    after_leap = second[np.abs(first) > LEAP] * np.sign(first[np.abs(first) > LEAP])
    moving = (first != 0) & (second != 0)
    return {
        "repeated": mean(sizes == 0),
        "semitone": mean(sizes == 1),
        "whole tone": mean(sizes == 2),
        "third": mean((sizes == 3) | (sizes == 4)),
        "fourth or fifth": mean((sizes == 5) | (sizes == 7)),
        "tritone": mean(sizes == 6),
        "sixth or seventh": mean((sizes > 7) & (sizes < 12)),
        "octave": mean(sizes == 12),
        "beyond an octave": mean(sizes > 12),
        "mean size": mean(sizes),
        "largest": highest(sizes),
        "upward": mean(steps[steps != 0] > 0),
        "turns": mean((first * second < 0)[moving]),
        "step back after a leap": mean((after_leap < 0) & (after_leap >= -2)),
        "entropy": entropy(steps),
        "entropy of pairs": entropy(first * 256 + second),
    }


def rhythm(piece: Piece) -> Figures:
    """Times between onsets, and lengths of notes."""
    onsets, durations = np.unique(piece.notes["onset"]), piece.notes["duration"]
    gaps = np.diff(onsets)
    return {
        **{name: mean(gaps == steps) for name, steps in GAPS.items()},
        "mean gap": mean(np.log(gaps)),
        "spread of gaps": spread(np.log(gaps)),
        "entropy of gaps": entropy(gaps),
        "longest gap": highest(gaps),
        "same gap again": mean(gaps[1:] == gaps[:-1]),
        "entropy of pairs": entropy(gaps[1:].astype(np.int64) * 4096 + gaps[:-1]),
        "mean length": mean(np.log(durations)),
        "spread of lengths": spread(np.log(durations)),
        "entropy of lengths": entropy(durations),
        "length in sixteenths": mean(durations % 6 == 0),
        "legato": ratio(mean(durations), mean(gaps)) if len(gaps) else float("nan"),
        "on sixteenths": on_sixteenths(piece),
        "on triplets": on_triplets(piece),
    }


def bar_place(piece: Piece) -> Figures:
    """Where in the bar notes begin, and which of them are long, high or many."""
    notes = piece.notes
    bars, places, bar_steps = piece.bars_at(np.unique(notes["onset"]))
    _, note_places, _ = piece.bars_at(notes["onset"])
    is_first, is_beat = note_places == 0, note_places % STEPS_PER_QUARTER == 0
    rests_over = notes["duration"] > STEPS_PER_QUARTER - note_places % STEPS_PER_QUARTER
    lengths, pitches = np.log(notes["duration"]), notes["pitch"].astype(int)
    num_bars = len(np.unique(bars))
    return {
        "on the first beat": mean(places == 0),
        "on beats": mean(places % STEPS_PER_QUARTER == 0),
        "on eighths": mean(places % 12 == 0),
        "on sixteenths": mean(places % 6 == 0),
        "in the last quarter": mean(places >= 0.75 * bar_steps),
        "entropy": entropy(places),
        "bars begun": ratio(float((places == 0).sum()), num_bars),
        "bars without onsets": 1 - ratio(num_bars, float(bars.max() + 1)) if len(bars) else float("nan"),
        "longer on the first beat": mean(lengths[is_first]) - mean(lengths[~is_first]),
        "longer on beats": mean(lengths[is_beat]) - mean(lengths[~is_beat]),
        "lower on the first beat": mean(pitches[is_first]) - mean(pitches[~is_first]),
        "share of notes on the first beat": mean(is_first),
        "share of notes on beats": mean(is_beat),
        "over the beat": mean(rests_over & ~is_beat),
        "spread of onsets a bar": spread(np.bincount(bars)) if len(bars) else float("nan"),
    }


def velocity(piece: Piece) -> Figures:
    """How hard notes are struck."""
    notes = piece.notes
    velocities = notes["velocity"].astype(int)
    _, places, _ = piece.bars_at(notes["onset"])
    is_first = places == 0
    return {
        "mean": mean(velocities),
        "spread": spread(velocities),
        "highest": highest(velocities),
        "lowest": lowest(velocities),
        "entropy": entropy(velocities),
        "with pitch": correlation(velocities, notes["pitch"]),
        "with the note before": correlation(velocities[1:], velocities[:-1]),
        "change": mean(np.abs(np.diff(velocities))),
        "louder on the first beat": mean(velocities[is_first]) - mean(velocities[~is_first]),
        "growing": correlation(velocities, np.arange(len(velocities))),
    }


GROUPS: dict[str, Callable[[Piece], Figures]] = {
    "pitch": pitch,
    "interval": interval,
    "rhythm": rhythm,
    "bar place": bar_place,
    "texture": texture,
    "harmony": harmony,
    "key drift": key_drift,
    "repetition": repetition,
    "form": form,
}
VELOCITY = "velocity"  # a group apart: how loud music is, nobody writes into scores
