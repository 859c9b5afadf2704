"""How a stretch of time inside a bar is written: note values, dots, ties, triplet brackets, beams.

Works in steps from the bar line. Knows neither pieces nor staves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple

from melodyforge.music.piece import STEPS_PER_QUARTER, Meter

NUM_BEAMS = {"eighth": 1, "16th": 2, "32nd": 3}


class Value(NamedTuple):
    """A note value: its name in MusicXML, dots, and whether it is part of a triplet."""

    name: str
    num_dots: int = 0
    is_triplet: bool = False


# Straight values from long to short: steps, and what a note's position in the bar must be a multiple of for the
# value to be readable there; rests must lie on multiples of their own length.
STRAIGHT_VALUES = (
    (192, 24, Value("breve")),
    (144, 24, Value("whole", 1)),
    (96, 24, Value("whole")),
    (72, 24, Value("half", 1)),
    (48, 24, Value("half")),
    (36, 12, Value("quarter", 1)),
    (24, 12, Value("quarter")),
    (18, 6, Value("eighth", 1)),
    (12, 6, Value("eighth")),
    (9, 3, Value("16th", 1)),
    (6, 3, Value("16th")),
    (3, 3, Value("32nd")),
)
TRIPLET_VALUES = {16: Value("quarter", 0, True), 8: Value("eighth", 0, True), 4: Value("16th", 0, True)}


@dataclass(frozen=True, slots=True)
class Symbol:
    """A written note, chord or rest.

    Attributes:
        onset: steps from the bar line.
        duration: steps.
        value: how it looks.
        pitches: low to high; a rest has none.
        velocity: 1-127.
        is_tied: whether a tie comes from the symbol before.
        ties_on: whether a tie goes on to the symbol after.
        tuplet: "start" or "stop" at the ends of a triplet, else "".
        beams: from the eighth's beam on: "begin", "continue", "end", "forward hook" or "backward hook".
    """

    onset: int
    duration: int
    value: Value
    pitches: tuple[int, ...] = ()
    velocity: int = 80
    is_tied: bool = False
    ties_on: bool = False
    tuplet: str = ""
    beams: tuple[str, ...] = ()


def split_stretch(
    onset: int, end: int, windows: list[tuple[int, int]], is_rest: bool = False
) -> Iterator[tuple[int, int, Value]]:
    """A stretch of a bar as note values that can be written.

    Args:
        onset: steps from the bar line.
        end: behind it, likewise.
        windows: starts and ends of the quarters of the bar that are in triplets, likewise.
        is_rest: whether it is silence, which is written without dots.

    Yields:
        Onset, duration, and how it looks.
    """
    while onset < end:
        inside = next(((start, stop) for start, stop in windows if start <= onset < stop), None)
        if inside and (onset > inside[0] or end < inside[1]):
            duration, value = _triplet_value(onset - inside[0], min(end, inside[1]) - onset)
        else:
            straight_end = next((start for start, stop in windows if onset < start < end < stop), end)
            duration, value = _straight_value(onset, straight_end - onset, is_rest, windows)
        yield onset, duration, value
        onset += duration


def _straight_value(onset: int, length: int, is_rest: bool, windows: list[tuple[int, int]]) -> tuple[int, Value]:
    """The longest value that fits, is readable at this place of the bar, and ends at no odd place of a triplet."""
    for duration, alignment, value in STRAIGHT_VALUES:
        is_readable = onset % (duration if is_rest else alignment) == 0 and not (is_rest and value.num_dots)
        is_inside = any(start < onset + duration < stop for start, stop in windows)
        if duration <= length and is_readable and not is_inside:
            return duration, value
    return length, STRAIGHT_VALUES[-1][2]


def _triplet_value(position: int, length: int) -> tuple[int, Value]:
    """The longest value that fits at this place of a quarter in triplets; half a quarter is a plain eighth."""
    if length == 12 and position % 12 == 0:
        return 12, Value("eighth")
    if length >= 16 and position % 8 == 0:
        return 16, TRIPLET_VALUES[16]
    duration = 8 if length >= 8 else 4
    return duration, TRIPLET_VALUES[duration]


def bracket_triplets(symbols: list[Symbol], windows: list[tuple[int, int]]) -> list[Symbol]:
    """The symbols with the first and last of each group of triplets marked."""

    def group(symbol: Symbol) -> tuple[bool, int]:
        return symbol.value.is_triplet, sum(start <= symbol.onset for start, _ in windows)

    marked: list[Symbol] = []
    for (is_triplet, _), members in groupby(symbols, key=group):
        run = list(members)
        if is_triplet and len(run) > 1:
            run[0], run[-1] = replace(run[0], tuplet="start"), replace(run[-1], tuplet="stop")
        marked += run
    return marked


def beam(symbols: list[Symbol], meter: Meter) -> list[Symbol]:
    """The symbols with beams inside each beat."""
    is_compound = meter.denominator >= 8 and meter.numerator % 3 == 0
    beat = STEPS_PER_QUARTER * 3 // 2 if is_compound else STEPS_PER_QUARTER

    def group(symbol: Symbol) -> tuple[bool, int]:
        return bool(symbol.pitches) and symbol.value.name in NUM_BEAMS, symbol.onset // beat

    beamed: list[Symbol] = []
    for (can_beam, _), members in groupby(symbols, key=group):
        run = list(members)
        beamed += _beam_run(run) if can_beam and len(run) > 1 else run
    return beamed


def _beam_run(run: list[Symbol]) -> list[Symbol]:
    """Short notes of one beat, beamed together."""
    counts = [NUM_BEAMS[symbol.value.name] for symbol in run]
    return [
        replace(symbol, beams=tuple(_beam_state(counts, index, level) for level in range(1, counts[index] + 1)))
        for index, symbol in enumerate(run)
    ]


def _beam_state(counts: list[int], index: int, level: int) -> str:
    """What the beam of this level does at a note, by whether the notes beside it have it too."""
    has_before = index > 0 and counts[index - 1] >= level
    has_after = index + 1 < len(counts) and counts[index + 1] >= level
    if has_before:
        return "continue" if has_after else "end"
    if has_after:
        return "begin"
    return "backward hook" if index else "forward hook"
