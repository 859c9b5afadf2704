"""How far music goes in repeating itself, in silence, long notes and density: what is normal, and what is a fault.

What is normal is measured on real pieces of the style: a drone is a fault in a fugue, not in bagpipe music.
Knows pieces; does not know how they came about.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from melodyforge.hashing import MULTIPLIER
from melodyforge.music.piece import STEPS_PER_QUARTER, Piece

LONGEST_PERIOD = 128  # onsets in a loop that is looked for
SHORT_PERIOD = 32  # what takes more onsets is a strain, not a figure: it may return once before it counts as a loop
MOST_COMPARED = 2**22  # pairs of onsets compared at once, to save memory
TOLERANCE = 1.5  # a composition may exceed what real pieces do by this factor
NORMAL_QUANTILE = 0.9  # of real pieces; the rest are outliers, such as those whose pedal never goes up


FAULTS = {
    "loop_onsets": "it loops for {:.0f} notes",
    "gap_quarters": "it falls silent for {:.0f} quarter notes",
    "note_quarters": "a note is stuck for {:.0f} quarter notes",
    "polyphony": "{:.0f} notes sound at once",
}


class Fault(NamedTuple):
    """What is wrong with a composition.

    Attributes:
        words: for people.
        excess: how many times as far as normal it goes.
        note: of the piece, at which it begins; of silence the note behind it.
    """

    words: str
    excess: float
    note: int = 0


class Extreme(NamedTuple):
    """How far a piece goes in one respect, and the note at which it begins to."""

    size: float
    note: int


@dataclass(frozen=True)
class Habits:
    """How far a piece goes; of a style: how far its pieces go.

    Attributes:
        loop_onsets: longest stretch of onsets that only repeats what stood up to 128 onsets before; where it stood more
            than 32 before, its first return does not count.
        gap_quarters: longest silence, in quarter notes.
        note_quarters: longest note.
        polyphony: most notes that sound at once.
    """

    loop_onsets: float = 24.0
    gap_quarters: float = 4.0
    note_quarters: float = 16.0
    polyphony: float = 6.0

    def to_dict(self) -> dict[str, float]:
        """For config.json."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """From config.json; what is missing has its default."""
        return cls(**{name: float(values[name]) for name in cls().to_dict() if name in values})

    def wider(self, other: Habits) -> Habits:
        """As far as either goes."""
        return Habits(**{name: max(value, other.to_dict()[name]) for name, value in self.to_dict().items()})

    def stretched_to(self, given: Habits) -> Habits:
        """The habits of what follows given music: as dense, held and silent as that, but not as repetitive."""
        return replace(self.wider(given), loop_onsets=self.loop_onsets)


def measure_habits(piece: Piece) -> Habits:
    """How far this piece goes; zeros without notes."""
    is_judged = np.ones(len(piece), bool)
    return _habits(_extremes(piece, is_judged, is_judged[1:]))


def _habits(extremes: dict[str, Extreme]) -> Habits:
    return Habits(**{name: extreme.size for name, extreme in extremes.items()})


def _extremes(piece: Piece, is_judged: np.ndarray, is_gap_judged: np.ndarray) -> dict[str, Extreme]:
    """How far a piece goes in each respect, by the names of `Habits`.

    Args:
        piece: to listen to.
        is_judged: which notes count, bool, shape (num_notes,); the others are heard, but only notes that count can
            loop, be stuck or crowd.
        is_gap_judged: which silences count, by the note before, bool, shape (num_notes - 1,).
    """
    judged = np.flatnonzero(is_judged)
    if not len(judged):
        return dict.fromkeys(Habits().to_dict(), Extreme(0.0, 0))
    onsets = piece.notes["onset"].astype(np.int64)
    sounding_until = np.maximum.accumulate(_ends(piece.notes))
    gaps = np.append(np.where(is_gap_judged, onsets[1:] - sounding_until[:-1], 0), 0)
    steps, of_note = np.unique(onsets, return_inverse=True)
    counts = np.zeros(len(steps), bool)
    counts[of_note[judged]] = True
    loop_onsets, loop_begins = _longest_loop(_onset_keys(piece), counts)
    polyphony, crowded_at = _most_at_once(piece.notes[judged])
    durations = piece.notes["duration"][judged]
    return {
        "loop_onsets": Extreme(float(loop_onsets), int(np.searchsorted(onsets, steps[loop_begins]))),
        "gap_quarters": Extreme(
            max(0.0, float(gaps.max())) / STEPS_PER_QUARTER, min(1 + int(gaps.argmax()), len(onsets) - 1)
        ),
        "note_quarters": Extreme(float(durations.max()) / STEPS_PER_QUARTER, int(judged[durations.argmax()])),
        "polyphony": Extreme(float(polyphony), int(np.searchsorted(onsets, crowded_at))),
    }


def learn_habits(pieces: Iterable[Piece]) -> Habits:
    """How far the pieces of a style go, outliers left out; never stricter than the defaults."""
    usual = Habits().to_dict()
    measured = [measure_habits(piece).to_dict() for piece in pieces]
    if not measured:
        return Habits()
    return Habits(
        **{
            name: max(usual[name], float(np.quantile([habits[name] for habits in measured], NORMAL_QUANTILE)))
            for name in usual
        }
    )


def learn_habits_by_style(pieces: Iterable[Piece], max_pieces: int) -> dict[str, Habits]:
    """The habits of each style, of at most so many of its pieces; under "" those of the first pieces of all."""
    by_style: dict[str, list[Piece]] = {"": []}
    for piece in pieces:
        for style in {"", piece.style}:
            if len(by_style.setdefault(style, [])) < max_pieces:
                by_style[style].append(piece)
    return {style: learn_habits(group) for style, group in by_style.items()}


def find_fault(piece: Piece, normal: Habits, given: int | np.ndarray = 0) -> Fault | None:
    """The first thing that is wrong with what was composed; None if nothing.

    Args:
        piece: to listen to.
        normal: how far music of its style goes.
        given: how many of its first notes were given, not composed; or which of its notes, bool, shape (num_notes,).
    """
    is_given = given if isinstance(given, np.ndarray) else np.arange(len(piece)) < given
    if is_given.all():
        return Fault("it has no notes", math.inf)
    has_given = np.isin(piece.notes["onset"], piece.notes["onset"][is_given])
    is_gap_given = has_given[:-1] & has_given[1:]
    found = _extremes(piece, ~is_given, ~is_gap_given)
    given_habits = _habits(_extremes(piece, is_given, is_gap_given))
    if isinstance(given, np.ndarray) and is_given.any():  # what is played along with music that loops may loop, too
        loop_onsets = measure_habits(piece.with_notes(piece.notes[is_given])).loop_onsets
        normal = replace(normal, loop_onsets=max(normal.loop_onsets, loop_onsets))
    normal_here = normal.stretched_to(given_habits).to_dict()
    for name, words in FAULTS.items():
        size, note = found[name]
        excess = size / max(1e-9, normal_here[name])
        if excess > TOLERANCE:
            return Fault(words.format(size), excess, note)
    return None


def _onset_keys(piece: Piece) -> np.ndarray:
    """One number an onset, equal for equal chords at equal distance; shape (num_onsets,)."""
    notes = piece.notes
    onsets, starts = np.unique(notes["onset"], return_index=True)
    names = notes["pitch"].astype(np.uint64) * MULTIPLIER + notes["track"]
    chords = np.bitwise_xor.reduceat(names * (names >> np.uint64(7)), starts)
    return chords + np.diff(onsets, prepend=onsets[:1]).astype(np.uint64)


def _longest_loop(keys: np.ndarray, counts: np.ndarray) -> tuple[int, int]:
    """The longest stretch from the first onset that counts on that equals what stood a fixed number of onsets before.

    Args:
        keys: of the onsets, see `_onset_keys`.
        counts: which of them count, bool, of the same shape; one at least.

    Returns:
        How many onsets in it count, and the onset at which it begins, without the first return of a long period.
    """
    first = int(counts.argmax())
    passed = np.append(0, counts[first:].cumsum())
    names = np.unique(keys, return_inverse=True)[1].astype(np.int32)
    heard = names[first:]
    before = np.concatenate([np.full(LONGEST_PERIOD, -1, np.int32), names])  # nothing equals what no onset has
    earlier = sliding_window_view(before[first:-1], len(heard))[::-1]  # by the period - 1; shape (periods, len(heard))
    longest, begins = 0, first
    for periods in np.array_split(np.arange(LONGEST_PERIOD) + 1, 1 + earlier.size // MOST_COMPARED):
        is_same = np.zeros((len(periods), len(heard) + 2), bool)  # with a border on either side
        np.equal(earlier[periods[0] - 1 : periods[-1]], heard, out=is_same[:, 1:-1])
        borders = np.flatnonzero(np.diff(is_same.ravel()))
        row, starts = np.divmod(borders[::2], is_same.shape[1])
        stops = borders[1::2] % is_same.shape[1]
        starts = np.minimum(starts + np.where(periods > SHORT_PERIOD, periods, 0)[row], stops)
        lengths = passed[stops] - passed[starts]
        if lengths.max(initial=0) > longest:
            index = int(lengths.argmax())
            longest, begins = int(lengths[index]), first + int(starts[index])
    return longest, begins


def _most_at_once(notes: np.ndarray) -> tuple[int, int]:
    """How many notes sound together at most, and the step at which they first do."""
    steps = np.concatenate([notes["onset"], _ends(notes)])
    changes = np.repeat([1, -1], len(notes))
    order = np.lexsort((changes, steps))  # at one step, notes end before others begin
    sounding = changes[order].cumsum()
    most = int(sounding.argmax())
    return int(sounding[most]), int(steps[order[most]])


def _ends(notes: np.ndarray) -> np.ndarray:
    """The steps at which notes end, int64."""
    return notes["onset"].astype(np.int64) + notes["duration"]
