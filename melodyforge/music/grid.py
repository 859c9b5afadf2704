"""Where the beats and bars of a MIDI file lie, and which notes were played off them.

Files do not always say: of transcriptions the beats are right but begin anywhere, of recordings to a click each note
is a little early or late, and of free playing the bars that a file counts mean nothing. Knows arrays of notes, in
quarter notes of the file; knows neither ticks nor pieces.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from melodyforge.music.piece import MICRO_PER_STEP, STEPS_PER_QUARTER

# An onset is on the grid when it lies within 1/96 quarter of a 32nd note or 16th triplet, which a random
# onset does one time in four. Measured: human drumming (Groove) at most 0.67 of onsets, sequenced music
# (piano-midi.de, Nottingham) at least 0.87.
WRITTEN_PARTS = (8, 6)
TOLERANCE_QUARTERS = 1 / 96
MIN_WRITTEN_SHARE = 0.77

SAME_ONSET_QUARTERS = 0.05  # notes of one chord that are played one after the other count once
BEAT_PARTS = (1, 2, 3, 4)  # of a quarter, at which onsets gather where there is a beat
# How far they gather: the length of the mean of unit vectors, 1 if all lie at one place (Rayleigh's test: it means more
# the more onsets there are). Measured on 288 performances without a beat (piano-midi.de in seconds): at most 0.30, and
# 0.09 of nine in ten; on Groove at least 0.33 of 19 in 20 takes of 200 onsets or more.
MIN_GATHERED, MIN_RAYLEIGH = 0.2, 15.0
MIN_RAYLEIGH_IF_TEMPO_IS_SET = 4.0
FEW_ONSETS, MIN_GATHERED_OF_FEW = 64, 0.5  # of so few chance gathers some, and a tempo that was set tells more
DEFAULT_QPM, LEAST_CHANGE_QPM = 120.0, 0.01  # what MIDI says where nobody set a tempo

LOCKED = 0.7  # so well gathered, onsets come from a machine, and lie off the file's beats only if those are wrong
SEARCHED_PARTS = 96  # of a quarter: how finely a tempo is looked for that the file does not name
SEARCHED_CYCLES = (1.0, 8.0)  # pulses in a quarter of the file among which it is looked for
MIN_GATHERED_AT_OTHER_TEMPO = 0.6
NEAR_BEST = 0.9
SLOWEST_QPM, FASTEST_QPM = 70.0, 140.0  # between these, one beat of all that a pulse allows is found

# What bars begin with: long notes, low notes, the bass drum. Each sixteenth of a bar counts so much.
WEIGHTS = {
    3: np.array([5, 0, 1, 0, 2, 0, 1, 0, 2, 0, 1, 0.0]),
    4: np.array([5, 0, 1, 0, 2, 0, 1, 0, 3, 0, 1, 0, 2, 0, 1, 0.0]),
}
LONGEST_QUARTERS = 2.0  # longer notes weigh no more
BASS_DRUMS, BASS_DRUM_QUARTERS = (35, 36), 0.5  # a bass drum weighs like a note of this length
# Bars that a file names are believed unless others suit it far better. Measured: of 430 files with right bars the one
# that they suit least has 0.46; of POP909, whose bars mean nothing, half have less than 0.15. Where the sixteenths are
# not the file's, its bars are believed only if they are as good as any.
MIN_SHARES_OF_BEST = (0.4, 0.9)

# The cells that a quarter note is divided into, by how little they are expected: straight sixteenths, triplets, ...
CELL_PARTS = (4, 3, 8, 6, 24)
CELL_COSTS = (0.0, 0.6, 0.9, 1.2, 2.0)  # steps that the mean error must be smaller by
COLLISION = 100.0  # steps: two notes of one pitch never come to lie in one cell while there are finer ones
EARLIEST_QUARTERS = 1 / 8  # a note that much before a beat belongs to it


class Heard(NamedTuple):
    """The notes of a file, shape (num_notes,) each; times in quarter notes of the file."""

    onset: np.ndarray
    duration: np.ndarray
    pitch: np.ndarray
    is_drum: np.ndarray


@dataclass(frozen=True)
class Grid:
    """How the quarter notes of a file are to be counted.

    Attributes:
        has_beat: whether there are beats at all.
        is_exact: whether the notes lie on them as written; else they are played a little early or late.
        ratio: quarter notes of the music in one of the file.
        start: at which quarter of the file, counted in the music's, a bar begins.
        beats_per_bar: quarter notes in each bar; None: the file's own time signatures hold.
    """

    has_beat: bool = True
    is_exact: bool = True
    ratio: float = 1.0
    start: float = 0.0
    beats_per_bar: int | None = None


def find_grid(heard: Heard, meters: list[tuple[int, int]], tempos_qpm: list[float]) -> Grid:
    """Where beats and bars lie, and whether there are any.

    Args:
        heard: all notes, at least one.
        meters: the file's time signatures, numerators and denominators.
        tempos_qpm: the tempos that the file names.
    """
    is_exact = _written_share(heard.onset) >= MIN_WRITTEN_SHARE
    onsets, ratio = _distinct(heard.onset), 1.0
    if not is_exact and not _has_beat(onsets, tempos_qpm):
        ratio = _other_tempo(onsets, tempos_qpm)
        if not ratio:
            return Grid(has_beat=False, is_exact=False)
        onsets, heard = onsets * ratio, heard._replace(onset=heard.onset * ratio, duration=heard.duration * ratio)
    early = _phase(onsets, 4) if ratio != 1.0 else _phase_of_sixteenths(onsets, is_exact)
    is_moved = early != 0.0 or ratio != 1.0
    moved = Grid(is_exact=is_exact and not is_moved, ratio=ratio, start=early)
    named = _beats_that_meters_name(meters)
    strength = _strength(heard, early)
    is_doubted = is_moved and not heard.is_drum.all()  # drums alone say little of bars
    if named is None or (named and _downbeat(strength, named).share_of_files >= MIN_SHARES_OF_BEST[is_doubted]):
        return moved
    beats = named or _beats_that_return(strength)
    start = early + _downbeat(strength, beats).sixteenth / 4
    if heard.onset.min() < start - EARLIEST_QUARTERS:
        start -= beats  # an upbeat
    return replace(moved, start=start, beats_per_bar=beats)


def place(onset: np.ndarray, same: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Parts what was written from how it was played.

    Args:
        onset: quarter notes from a beat on, >= -1/8, shape (num_notes,).
        same: equal for notes of one track and pitch, which must not fall together; int64, same shape.

    Returns:
        Steps, int64, and micro-timing in parts of a step (`MICRO_PER_STEP`), int8; shape (num_notes,) each.
    """
    beat = np.maximum(0, np.floor(onset + EARLIEST_QUARTERS)).astype(np.int64)
    num_beats = int(beat.max()) + 1
    steps = np.stack([np.rint(onset * parts).astype(np.int64) * (STEPS_PER_QUARTER // parts) for parts in CELL_PARTS])
    np.maximum(steps, 0, out=steps)  # nothing is written before the first beat
    errors = np.abs(steps - onset * STEPS_PER_QUARTER)  # (num_cells, num_notes)
    costs = np.stack([np.bincount(beat, error, num_beats) for error in errors])
    costs = costs / np.maximum(1, np.bincount(beat, minlength=num_beats)) + np.array(CELL_COSTS)[:, None]
    for cost, cells in zip(costs, steps, strict=True):
        cost += COLLISION * np.bincount(beat, _falls_together(cells, same), num_beats)
    chosen = steps[costs.argmin(axis=0)[beat], np.arange(len(onset))]
    micro = np.rint((onset * STEPS_PER_QUARTER - chosen) * MICRO_PER_STEP)
    return chosen, micro.astype(np.int8)


def _written_share(onset: np.ndarray) -> float:
    """How many of the onsets lie where notes are written."""
    distances = [np.abs(onset - np.rint(onset * parts) / parts) for parts in WRITTEN_PARTS]
    return float((np.minimum(*distances) <= TOLERANCE_QUARTERS + 1e-9).mean())


def _distinct(onset: np.ndarray) -> np.ndarray:
    """The onsets in order, those of one chord once."""
    onset = np.unique(onset)
    return onset[np.diff(onset, prepend=-np.inf) > SAME_ONSET_QUARTERS]


def _gathered(onsets: np.ndarray, parts: float) -> complex:
    """Mean of unit vectors that turn once in a quarter's part: how far onsets gather there, and where."""
    return complex(np.exp(2j * np.pi * parts * onsets).mean())


def _has_beat(onsets: np.ndarray, tempos_qpm: list[float]) -> bool:
    """Whether onsets gather at parts of the file's quarter notes more than by chance."""
    is_set = any(abs(qpm - DEFAULT_QPM) > LEAST_CHANGE_QPM for qpm in tempos_qpm)
    gathered = max(abs(_gathered(onsets, parts)) for parts in BEAT_PARTS)
    if len(onsets) < FEW_ONSETS:
        return is_set or gathered >= MIN_GATHERED_OF_FEW
    rayleigh = len(onsets) * gathered**2
    return rayleigh >= (MIN_RAYLEIGH_IF_TEMPO_IS_SET if is_set else MIN_RAYLEIGH) and gathered >= (
        0 if is_set else MIN_GATHERED
    )


def _other_tempo(onsets: np.ndarray, tempos_qpm: list[float]) -> float:
    """Quarters of the music in one of the file, where it keeps a steady tempo that the file does not name; else 0."""
    if len(tempos_qpm) > 1 or len(onsets) < FEW_ONSETS:
        return 0.0
    places = np.rint((onsets - onsets[0]) * SEARCHED_PARTS).astype(np.int64)
    size = 4 * int(2 ** np.ceil(np.log2(places[-1] + 1)))
    spectrum = np.abs(np.fft.rfft(np.bincount(places, minlength=size))) / len(onsets)
    cycles = np.fft.rfftfreq(size, 1 / SEARCHED_PARTS)
    is_searched = (cycles >= SEARCHED_CYCLES[0]) & (cycles <= SEARCHED_CYCLES[1])
    gathered = np.where(is_searched, spectrum, 0)
    if gathered.max() < MIN_GATHERED_AT_OTHER_TEMPO:
        return 0.0
    near_best = int(np.argmax(gathered >= NEAR_BEST * gathered.max()))  # the slowest pulse; parts of it gather as much
    best = near_best + int(np.argmax(gathered[near_best : near_best + 8]))
    pulse_qpm = float(cycles[best]) * (tempos_qpm[0] if tempos_qpm else DEFAULT_QPM)
    possible = [parts for parts in (1, 2, 4, 8) if SLOWEST_QPM <= pulse_qpm / parts <= FASTEST_QPM]
    return float(cycles[best]) / possible[0] if possible else 0.0


def _phase(onsets: np.ndarray, parts: int) -> float:
    """How many quarters after the parts of a quarter onsets gather, at most half a part."""
    return float(np.angle(_gathered(onsets, parts)) / (2 * np.pi * parts))


def _phase_of_sixteenths(onsets: np.ndarray, is_exact: bool) -> float:
    """How many quarters after the file's sixteenths those of the music lie; 0 where that may be chance or a habit."""
    gathered = abs(_gathered(onsets, 4))
    if gathered < LOCKED:
        return 0.0
    phase = _phase(onsets, 4)
    spread = np.sqrt(-2 * np.log(min(gathered, 1.0))) / (2 * np.pi * 4)
    is_near = abs(phase) <= max(spread, 1 / 16 if is_exact else TOLERANCE_QUARTERS)
    return 0.0 if is_near else phase


def _strength(heard: Heard, early: float) -> np.ndarray:
    """How much begins at each sixteenth, from a bar line on, shape (num_sixteenths,)."""
    is_bass_drum = np.isin(heard.pitch, BASS_DRUMS)
    weight = np.where(
        heard.is_drum, BASS_DRUM_QUARTERS * is_bass_drum, np.minimum(heard.duration, LONGEST_QUARTERS)
    )  # (num_notes,)
    sixteenths = np.rint((heard.onset - early) * 4).astype(np.int64)
    return np.bincount(sixteenths - min(0, int(sixteenths.min())) // 48 * 48, weight)


def _beats_that_meters_name(meters: list[tuple[int, int]]) -> int | None:
    """Quarter notes in a bar (twice two are 4); 0 where the file does not say; None where it says something else."""
    numerators = {numerator for numerator, _ in meters if numerator > 1}
    if any(denominator != 4 for _, denominator in meters) or len(numerators) > 1 or numerators - {2, 3, 4}:
        return None
    if any(numerator == 1 for numerator, _ in meters):
        return 0
    return 3 if numerators == {3} else 4


def _beats_that_return(strength: np.ndarray) -> int:
    """After how many quarter notes that which begins is most alike."""
    strength = strength - strength.mean()
    alike = {beats: float(strength[: -4 * beats] @ strength[4 * beats :]) for beats in WEIGHTS}
    return max(reversed(alike), key=lambda beats: alike[beats])


class _Downbeat(NamedTuple):
    """The sixteenth that bars begin at, and how well the file's own bars suit compared with it, 0 to 1."""

    sixteenth: int
    share_of_files: float


def _downbeat(strength: np.ndarray, beats: int) -> _Downbeat:
    """Where bars of so many quarter notes begin."""
    weights = WEIGHTS[beats]
    at_place = np.bincount(np.arange(len(strength)) % len(weights), strength, len(weights))
    scores = np.array([np.roll(at_place, -place) @ weights for place in range(len(weights))])
    best = int(scores.argmax())
    return _Downbeat(best, float(scores[0] / scores[best]) if scores[best] else 1.0)


def _falls_together(cells: np.ndarray, same: np.ndarray) -> np.ndarray:
    """Which notes come to lie in one cell with another of their track and pitch, bool, shape (num_notes,)."""
    order = np.lexsort((same, cells))
    is_again = (np.diff(cells[order]) == 0) & (np.diff(same[order]) == 0)
    result = np.zeros(len(cells), bool)
    result[order[1:]] = is_again
    return result
