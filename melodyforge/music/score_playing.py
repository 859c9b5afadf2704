"""A score as it is written -> as it is played: its bars one after another, in steps.

Works on plain rows, whatever library read them. Time in a score is counted in quarter notes, exactly, by floats or
fractions; steps are counted from each bar line, so that one bar's odd length cannot move the notes of others.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from melodyforge.music.limits import check_num_notes, check_quarters
from melodyforge.music.piece import DEFAULT_TEMPO_QPM, STEPS_PER_QUARTER, Meter, Tempo
from melodyforge.words import counted

COMMON_TIME = (4, 4)  # where no meter is given
MISCOUNT_STEPS = 3
SIXTEENTH_STEPS = STEPS_PER_QUARTER // 4

Quarters = float | Fraction
Meters = dict[Quarters, tuple[int, int]]  # onset -> numerator, denominator


class ScoreNote(NamedTuple):
    """A note as written; times in quarter notes of the score."""

    onset: Quarters
    end: Quarters
    track: int
    pitch: int
    velocity: int
    ties_on: bool  # whether a tie goes on to the next note


class _PlayedNote(NamedTuple):
    """A note as played; times in steps."""

    onset: int
    end: int
    track: int
    pitch: int
    velocity: int
    ties_on: bool


class Bar(NamedTuple):
    """A bar as it is played.

    Attributes:
        source: where it stands in the score, in quarter notes.
        source_end: where the next one stands.
        onset: step at which it sounds.
        length: steps that it sounds; differs from the score where that miscounts.
    """

    source: Quarters
    source_end: Quarters
    onset: int
    length: int


def mended_lengths(barlines: Sequence[Quarters], meters: Meters, repairs: list[str]) -> list[int]:
    """Steps from each bar line to the next; gets a phrase into `repairs` when some had to be mended."""
    spans = list(pairwise(barlines))
    lengths = [_mended_length(start, end, meters) for start, end in spans]
    num_mended = sum(length != to_steps(end - start) for (start, end), length in zip(spans, lengths, strict=True))
    if num_mended:
        repairs.append(f"{counted(num_mended, 'bar')} a little too long or short put right")
    return lengths


def play_bars(barlines: Sequence[Quarters], lengths: list[int], order: list[int], meters: Meters) -> list[Bar]:
    """The bars as they are played, after an upbeat's silence.

    Args:
        barlines: where the bars start, and the end.
        lengths: of each bar, in steps.
        order: numbers of bars, from 0.
        meters: as written.
    """
    spans = list(pairwise(barlines))
    onset = 0
    if len(spans) > 1:  # an upbeat keeps its place before the second bar line
        onset = max(0, Meter(0, *_meter_at(meters, 0)).bar_steps - lengths[0])
    bars = []
    for index in order:
        bars.append(Bar(*spans[index], onset, lengths[index]))
        onset += lengths[index]
    check_quarters(0, onset / STEPS_PER_QUARTER)
    return bars


def to_steps(quarters: Quarters) -> int:
    """Quarter notes, also as a fraction, to the nearest step; halves up."""
    return math.floor(quarters * STEPS_PER_QUARTER + 0.5)


def _mended_length(start: Quarters, end: Quarters, meters: Meters) -> int:
    """Steps from one bar line to the next, mended where a miscounted ornament would put all that follows off the beat.

    Those of the meter if the score misses them by a 32nd note at most, else whole 16ths if it misses these by a step.
    """
    length = to_steps(end - start)
    nominal = Meter(0, *_meter_at(meters, start)).bar_steps
    if abs(length - nominal) <= MISCOUNT_STEPS:
        return nominal
    sixteenths = round(length / SIXTEENTH_STEPS) * SIXTEENTH_STEPS
    return sixteenths if abs(length - sixteenths) <= 1 else length


def _meter_at(meters: Meters, onset: Quarters) -> tuple[int, int]:
    """The meter in force at a place of the score."""
    onsets = sorted(meters)
    before = bisect_right(onsets, onset)
    return meters[onsets[before - 1]] if before else COMMON_TIME


def play_notes(notes: list[ScoreNote], bars: list[Bar]) -> list[_PlayedNote]:
    """The notes of each bar at the time it is played, ordered by onset."""
    notes = sorted(notes)
    onsets = [written.onset for written in notes]
    played = []
    for source, source_end, bar_onset, length in bars:
        for written in notes[bisect_left(onsets, source) : bisect_left(onsets, source_end)]:
            onset = bar_onset + min(to_steps(written.onset - source), length - 1)
            if written.end < source_end:
                end = bar_onset + to_steps(written.end - source)
            else:
                end = bar_onset + length + to_steps(written.end - source_end)
            played.append(_PlayedNote(onset, max(end, onset + 1), *written[2:]))
        check_num_notes(len(played))
    return played


def join_notes(notes: list[_PlayedNote]) -> list[tuple[int, int, int, int, int]]:
    """Joins tied notes, and notes of one pitch that start together in one track.

    Args:
        notes: ordered by onset.

    Returns:
        Rows as `make_notes` takes them.
    """
    joined: list[list[int]] = []  # onset, end, track, pitch, velocity
    latest: dict[tuple[int, int], tuple[list[int], bool]] = {}  # by track and pitch: the last row, whether it ties on
    for onset, end, track, pitch, velocity, ties_on in notes:
        row, is_open = latest.get((track, pitch), (None, False))
        is_continued = row is not None and is_open and row[1] == onset
        if row is None or not (is_continued or row[0] == onset):
            row = [onset, end, track, pitch, velocity]
            joined.append(row)
        row[1] = max(row[1], end)
        latest[track, pitch] = (row, ties_on)
    return [(onset, end - onset, track, pitch, velocity) for onset, end, track, pitch, velocity in joined]


def play_tempos(tempos: dict[Quarters, float], bars: list[Bar]) -> tuple[Tempo, ...]:
    """The tempos as the bars are played; a repeated bar has its own tempo again."""
    onsets = sorted(tempos)
    changes = {0: tempos[onsets[0]] if onsets and onsets[0] <= bars[0].source else DEFAULT_TEMPO_QPM}
    for source, source_end, bar_onset, _ in bars:
        before = bisect_right(onsets, source)
        if before:
            changes[bar_onset] = tempos[onsets[before - 1]]
        inside = onsets[before : bisect_left(onsets, source_end)]
        changes |= {bar_onset + to_steps(onset - source): tempos[onset] for onset in inside}
    ordered = [Tempo(step, changes[step]) for step in sorted(changes)]
    return (ordered[0], *(later for earlier, later in pairwise(ordered) if earlier.qpm != later.qpm))


def play_meters(meters: Meters, bars: list[Bar]) -> tuple[Meter, ...]:
    """The meters as the bars are played, restated where a short or long bar moves the bar lines.

    A bar that ends on a bar line of the meter in force completes the one before it, as an upbeat
    does when it comes back after a repeat.
    """
    changes = [Meter(0, *_meter_at(meters, 0))]
    for source, _, onset, length in bars:
        numbers = _meter_at(meters, source)
        current = changes[-1]
        is_in_place = (onset - current.onset) % current.bar_steps == 0
        is_completing = (onset + length - current.onset) % current.bar_steps == 0
        is_same = numbers == (current.numerator, current.denominator)
        if not is_same or not (is_in_place or is_completing):
            changes.append(Meter(onset, *numbers))
    if len(changes) > 1 and changes[1].onset == 0:
        changes = changes[1:]
    return tuple(changes)
