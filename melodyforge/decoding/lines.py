"""Pitches of notes whose places stand: which of two is higher stands, too, or that they are equal.

An order of pitches can be kept to the end from wherever it has been kept so far only if there is room left: a line that
is to rise ten more times must not begin at the top. So what may be drawn is what leaves every later note a pitch. Of
the notes themselves, that is exact: all in all they ask for "lower than" only, without circles, once those that must be
equal are one (bounds propagation; Montanari, 1974). Knows rows by their numbers; knows no heads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from melodyforge.music.piece import NUM_PITCHES

ROWS_SOUNDING = 256  # before a note, among which those are looked for that still sound

Pair = tuple[int, int]


class Lines:
    """What may be drawn for notes one after the other, so that their order of pitches is kept."""

    def __init__(self, allowed: np.ndarray, rising: Iterable[Pair], equal: Iterable[Pair] = ()) -> None:
        """Takes together what is asked of the pitches.

        Args:
            allowed: the pitches that each note may have, bool, shape (num_notes, NUM_PITCHES); one
                of a note that stands.
            rising: pairs of notes by their numbers, of which the second is to be higher.
            equal: pairs that are to have one pitch.
        """
        self._group = _groups(len(allowed), equal)
        num_groups = int(self._group.max(initial=-1)) + 1
        common = np.ones((num_groups, NUM_PITCHES), bool)
        np.logical_and.at(common, self._group, allowed)
        self._pitches = [int.from_bytes(np.packbits(row, bitorder="little").tobytes(), "little") for row in common]
        self._first = np.full(num_groups, len(allowed))  # note of each group
        np.minimum.at(self._first, self._group, np.arange(len(allowed)))
        self._below: list[set[int]] = [set() for _ in range(num_groups)]
        self._above: list[set[int]] = [set() for _ in range(num_groups)]
        for low, high in rising:
            self._below[self._group[high]].add(int(self._group[low]))
            self._above[self._group[low]].add(int(self._group[high]))

    def impossible(self) -> int | None:
        """The first note that can have no pitch while all others have theirs; None where all can."""
        low, high, nothing = dict[int, int](), dict[int, int](), np.zeros(0, np.uint8)
        for group, first in enumerate(self._first.tolist()):
            if self._lowest(group, nothing, low) > self._highest(group, nothing, high):
                return first
        return None

    def allowed(self, drawn: np.ndarray) -> np.ndarray:
        """The pitches of the next note that leave one to every other, bool, shape (NUM_PITCHES,).

        Args:
            drawn: those of all before it, uint8.
        """
        group = int(self._group[len(drawn)])
        if self._first[group] < len(drawn):
            return np.arange(NUM_PITCHES) == drawn[self._first[group]]
        low, high = dict[int, int](), dict[int, int]()
        lowest = 1 + max((self._lowest(one, drawn, low) for one in self._below[group]), default=-1)
        behind = min((self._highest(one, drawn, high) for one in self._above[group]), default=NUM_PITCHES)
        pitches = np.arange(NUM_PITCHES)
        return _as_array(self._pitches[group]) & (pitches >= lowest) & (pitches < behind)

    def certain(self, notes: np.ndarray, drawn: np.ndarray) -> list[int]:
        """The pitches of notes that can have one only, such as those that stand."""
        ends = ((self._lowest(one, drawn, {}), self._highest(one, drawn, {})) for one in self._group[notes].tolist())
        return [low for low, high in ends if low == high]

    def _lowest(self, group: int, drawn: np.ndarray, found: dict[int, int]) -> int:
        """The lowest pitch that a group can have; `NUM_PITCHES` or more for none. What was found before is known."""
        if self._first[group] < len(drawn):
            return int(drawn[self._first[group]])
        if group not in found:
            bound = max((self._lowest(one, drawn, found) for one in self._below[group]), default=-1)
            left = self._pitches[group] >> (bound + 1)
            found[group] = bound + (left & -left).bit_length() if left else NUM_PITCHES
        return found[group]

    def _highest(self, group: int, drawn: np.ndarray, found: dict[int, int]) -> int:
        """As `_lowest`: the highest; -1 for none."""
        if self._first[group] < len(drawn):
            return int(drawn[self._first[group]])
        if group not in found:
            bound = min((self._highest(one, drawn, found) for one in self._above[group]), default=NUM_PITCHES)
            found[group] = (self._pitches[group] & ((1 << max(0, bound)) - 1)).bit_length() - 1
        return found[group]


class LineMask:
    """The mask that lines lay over the pitches of pieces whose rows are known beforehand, but for the pitch of some.

    A key that is down, or will be before the note ends, is left alone as long as there is another pitch: struck again
    it would cut a length short.
    """

    def __init__(self, lines: Lines, rows: np.ndarray) -> None:
        """Of these rows, whose pitches mean nothing, by their numbers."""
        self._lines, self._track, self._onset = lines, rows["track"], rows["onset"].astype(np.int64)
        self._end = self._onset + rows["duration"]

    def forbidden(self, rows: Sequence[np.ndarray]) -> np.ndarray:
        """What the next note of each piece must not be, given its rows; shape (num_pieces, NUM_PITCHES)."""
        return np.array([self._forbidden(of_piece["pitch"]) for of_piece in rows])

    def _forbidden(self, drawn: np.ndarray) -> np.ndarray:
        if len(drawn) >= len(self._track):
            return np.zeros(NUM_PITCHES, bool)
        allowed = self._lines.allowed(drawn)
        free = allowed.copy()
        free[self._keys_down(len(drawn), drawn)] = False
        return ~(free if free.any() else allowed)

    def _keys_down(self, note: int, drawn: np.ndarray) -> list[int]:
        """The pitches that its track plays while a note sounds, as far as they are certain."""
        first = max(0, note - ROWS_SOUNDING)
        before = first + np.flatnonzero(
            (self._track[first:note] == self._track[note]) & (self._end[first:note] > self._onset[note])
        )
        behind = slice(note + 1, int(self._onset.searchsorted(self._end[note])))
        ahead = note + 1 + np.flatnonzero(self._track[behind] == self._track[note])
        return drawn[before].tolist() + self._lines.certain(ahead, drawn)


def _as_array(bits: int) -> np.ndarray:
    """Which bits are set, bool, shape (NUM_PITCHES,)."""
    octets = np.frombuffer(bits.to_bytes(NUM_PITCHES // 8, "little"), np.uint8)
    return np.unpackbits(octets, bitorder="little").astype(bool)


def _groups(number: int, equal: Iterable[Pair]) -> np.ndarray:
    """A number for each note, the same for those that are to be equal, counted from 0; shape (number,)."""
    leader = list(range(number))

    def find(note: int) -> int:
        while leader[note] != note:
            leader[note] = note = leader[leader[note]]
        return note

    for one, other in equal:
        leader[max(find(one), find(other))] = min(find(one), find(other))
    return np.unique([find(note) for note in range(number)], return_inverse=True)[1]
