"""Figures of more than single notes: texture, harmony, key drift, repetition and form. Knows pieces only.

Like `describe.py`, which puts them together, it is given notes with pitches alone.
"""

from __future__ import annotations

import zlib
from itertools import pairwise

import numpy as np

from melodyforge.figures.bars import longest_loop, neighbour_likeness, onset_keys
from melodyforge.figures.numbers import (
    NAN,
    correlation,
    entropy,
    highest,
    lowest,
    mean,
    mean_of_known,
    ratio,
    spread,
)
from melodyforge.figures.originality import stretch_hashes, tokens
from melodyforge.figures.sonorities import SEVENTH_MASKS, TRIAD_MASKS, Sounding, chord_masks, clashes, sounding
from melodyforge.music.form import bar_likeness
from melodyforge.music.keys import NUM_PITCH_CLASSES, Key, key_fits
from melodyforge.music.piece import STEPS_PER_QUARTER, Piece

NUM_PARTS = 4  # that keys are looked for in
STRETCHES = (3, 5, 9)  # notes that come again
DISTANCES = (1, 2, 4, 8)  # bars


def texture(piece: Piece) -> dict[str, float]:
    """How many notes and tracks sound, and how far apart."""
    notes, heard = piece.notes, sounding(piece.notes)
    counts, spans = heard.counts, heard.highest - heard.lowest
    _, chord_sizes = np.unique(notes["onset"], return_counts=True)
    _, in_track = np.unique(notes["onset"].astype(np.int64) * 256 + notes["track"], return_counts=True)
    several = counts > 1
    return {
        **{f"{number} at once": mean(counts == number, heard.lengths) for number in (1, 2, 3, 4, 5)},
        "mean at once": mean(counts, heard.lengths),
        "spread at once": spread(counts),
        "most at once": highest(counts),
        "silence": _silence(notes),
        "begin together": mean(chord_sizes),
        "begin alone": mean(chord_sizes == 1),
        "most begin together": highest(chord_sizes),
        "chords in a track": mean(in_track > 1),
        "tracks": float(len(np.unique(notes["track"]))),
        "tracks an onset": ratio(len(in_track), len(chord_sizes)),
        "span": mean(spans[several], heard.lengths[several]),
        "spread of spans": spread(spans[several]),
        "mean distance": mean(spans[several] / (counts[several] - 1)),
        "mean lowest": mean(heard.lowest, heard.lengths),
        "mean highest": mean(heard.highest, heard.lengths),
    }


def _silence(notes: np.ndarray) -> float:
    """Share of the time from the first onset to the end in which nothing sounds."""
    if not len(notes):
        return NAN
    onsets = notes["onset"].astype(np.int64)
    until = np.maximum.accumulate(onsets + notes["duration"])
    return float(np.maximum(0, onsets[1:] - until[:-1]).sum() / (until[-1] - onsets[0]))


def harmony(piece: Piece) -> dict[str, float]:
    """Which intervals and chords sound, and how chords and bass move."""
    heard = sounding(piece.notes)
    masks, sizes = chord_masks(heard)
    full = sizes >= 3
    bass = np.abs(np.diff(heard.lowest))
    bass = bass[bass > 0]
    fits = key_fits(piece)
    return {
        **_interval_classes(heard),
        "triads": mean(np.isin(masks, list(TRIAD_MASKS))[full], heard.lengths[full]),
        "sevenths": mean(np.isin(masks, list(SEVENTH_MASKS))[full], heard.lengths[full]),
        "three classes or more": mean(full, heard.lengths),
        "classes": mean(sizes, heard.lengths),
        "different chords": ratio(len(np.unique(masks)), len(masks)),
        "chords stay": mean(masks[1:] == masks[:-1]),
        "clashes": clashes(piece),
        "bass by step": mean(bass <= 2),
        "bass by fourth or fifth": mean((bass == 5) | (bass == 7)),
        "bass stays": 1 - ratio(len(bass), len(masks) - 1) if len(masks) > 1 else NAN,
        "entropy of the bass": entropy(heard.lowest % NUM_PITCH_CLASSES),
        "fit of the key": float(fits.max()),
        "clearness of the key": float(fits.max() - np.sort(fits)[-2]),
        "minor": float(fits[NUM_PITCH_CLASSES:].max() - fits[:NUM_PITCH_CLASSES].max()),
    }


def _interval_classes(heard: Sounding) -> dict[str, float]:
    """Of pairs of pitch classes that sound together, the share a semitone apart, and so on up to the tritone."""
    classes = heard.pitch_classes
    pairs = np.array([(classes & np.roll(classes, step, axis=1)).sum() for step in range(1, 7)], float)
    pairs[5] /= 2  # a tritone is found from both ends
    shares = pairs / pairs.sum() if pairs.sum() else np.full(6, NAN)
    return {f"{step} semitones apart": float(share) for step, share in enumerate(shares, 1)}


def key_drift(piece: Piece) -> dict[str, float]:
    """How far the key changes from part to part of equally many notes."""
    parts = [piece.with_notes(part) for part in np.array_split(piece.notes, NUM_PARTS)]
    sounding_classes = np.array([_sounding_classes(part.notes) for part in parts])
    fits = np.array([key_fits(part) for part in parts])
    keys = [Key(int(best) % NUM_PITCH_CLASSES, bool(best >= NUM_PITCH_CLASSES)) for best in fits.argmax(axis=1)]
    moves = np.array([_fifths_apart(first, second) for first, second in pairwise(keys)])
    alike = [float(first @ second) for first, second in pairwise(sounding_classes)]
    of_whole = key_fits(piece)
    return {
        "alike neighbours": mean(np.array(alike)),
        "least alike neighbours": lowest(np.array(alike)),
        "alike first and last": float(sounding_classes[0] @ sounding_classes[-1]),
        "fifths from part to part": mean(moves),
        "most fifths": highest(moves),
        "fifths from first to last": float(_fifths_apart(keys[0], keys[-1])),
        "fit of the parts": mean(fits.max(axis=1)),
        "least fit": lowest(fits.max(axis=1)),
        "better than the whole": mean(fits.max(axis=1)) - float(of_whole.max()),
        "modes": float(len({key.is_minor for key in keys})),
        "keys": float(len(set(keys))),
        "fit of the whole key": lowest(fits[:, int(of_whole.argmax())]),
    }


def _fifths_apart(first: Key, second: Key) -> int:
    """Steps between the signatures of two keys around the circle of fifths, 0 to 6."""
    return abs((first.fifths - second.fifths + 6) % 12 - 6)


def _sounding_classes(notes: np.ndarray) -> np.ndarray:
    """How long each pitch class sounds, as a vector of length 1, shape (12,); zeros without notes."""
    sums = np.bincount(notes["pitch"] % NUM_PITCH_CLASSES, notes["duration"], NUM_PITCH_CLASSES)
    return sums / max(1e-9, float(np.linalg.norm(sums)))


def repetition(piece: Piece) -> dict[str, float]:
    """How much comes again: literally, and moved to other pitches."""
    keys, moved = onset_keys(piece), tokens(piece)
    likeness, rhythms = bar_likeness(piece), bar_likeness(piece, with_pitch=False)
    before = np.tril(likeness, -1).max(axis=1)[1:] if len(likeness) else np.zeros(0)
    rhythm_before = np.tril(rhythms, -1).max(axis=1)[1:] if len(rhythms) else np.zeros(0)
    return {
        **{f"{length} onsets again": _again(keys, length) for length in STRETCHES},
        **{f"{length} notes again, moved": _again(stretch_hashes(moved, length), 1) for length in STRETCHES},
        "loop": ratio(longest_loop(piece), len(keys)),
        "short loop": ratio(longest_loop(piece, 16), len(keys)),
        "chord again": mean(keys[1:] == keys[:-1]),
        "packed": _packed(keys),
        "bars as before": mean(before >= 0.99),
        "bars nearly as before": mean(before >= 0.6),
        "likest bar before": mean(before),
        "rhythms as before": mean(rhythm_before >= 0.99),
        "likest rhythm before": mean(rhythm_before),
    }


def _again(values: np.ndarray, length: int) -> float:
    """Share of stretches of so many values that have stood before."""
    num_stretches = len(values) - length + 1
    if num_stretches < 1:
        return NAN
    stretches = np.lib.stride_tricks.sliding_window_view(values, length)
    return 1 - len(np.unique(stretches, axis=0)) / num_stretches


def _packed(keys: np.ndarray) -> float:
    """Bytes an onset when each chord has a number and zlib packs them."""
    if not len(keys):
        return NAN
    _, numbers = np.unique(keys, return_inverse=True)
    return len(zlib.compress(numbers.astype(np.uint8).tobytes(), 9)) / len(keys)


def form(piece: Piece) -> dict[str, float]:
    """How bars resemble those some bars before, and how density, height and rests are shared out."""
    notes = piece.notes
    likeness, rhythms = bar_likeness(piece), bar_likeness(piece, with_pitch=False)
    onsets, pitches = np.unique(notes["onset"]), notes["pitch"].astype(int)
    bars, _, _ = piece.bars_at(onsets)
    density = np.bincount(bars) if len(bars) else np.zeros(0)
    heights = [mean(part) for part in np.array_split(pitches, 3)]
    gaps = np.diff(onsets)
    ends = np.maximum.accumulate(notes["onset"].astype(np.int64) + notes["duration"])
    rests = notes["onset"][1:] - ends[:-1]
    return {
        **{f"alike {distance} bars on": neighbour_likeness(likeness, distance) for distance in DISTANCES},
        **{f"rhythm alike {distance} bars on": neighbour_likeness(rhythms, distance) for distance in DISTANCES},
        "rests": mean(rests >= STEPS_PER_QUARTER // 2),
        "pauses": mean(gaps >= 2 * STEPS_PER_QUARTER),
        "density with the bar before": correlation(density[1:], density[:-1]),
        "growing denser": correlation(density, np.arange(len(density))),
        "rising": correlation(pitches, np.arange(len(pitches))),
        "higher amid": heights[1] - mean_of_known([heights[0], heights[2]]),
        "place of the highest": ratio(float(pitches.argmax()), len(pitches)) if len(pitches) else NAN,
        "place of the lowest": ratio(float(pitches.argmin()), len(pitches)) if len(pitches) else NAN,
        "bars": float(len(density)),
        "faster at the end": _faster(gaps),
    }


def _faster(gaps: np.ndarray) -> float:
    """How much shorter times between onsets are in the last third than in the first, in natural logarithms."""
    first, *_, last = np.array_split(np.log(np.maximum(1, gaps)), 3)
    return mean(first) - mean(last)
