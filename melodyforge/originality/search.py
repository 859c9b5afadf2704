"""Finds passages of a strand in the index of the training music. Knows hashes and places; knows no pieces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from melodyforge.originality.index import MusicIndex, anchor_of, window_of
from melodyforge.originality.windows import WINDOW, Strand, count_up

LEAST_TURNS = 6  # different groups of three notes; what has fewer, such as a scale or a trill, is common property


@dataclass(frozen=True)
class Found:
    """Passages of a strand that stand in the training music, an entry each; some of them are parts of others.

    Attributes:
        begins: the window of the strand that each begins with.
        places: the window of the index that each begins with.
        num_notes: how long they are.
    """

    begins: np.ndarray
    places: np.ndarray
    num_notes: np.ndarray

    def of_at_least(self, num_notes: int) -> Found:
        """Those that have so many notes."""
        return self.chosen(self.num_notes >= num_notes)

    def chosen(self, is_chosen: np.ndarray) -> Found:
        """Some of them."""
        return Found(self.begins[is_chosen], self.places[is_chosen], self.num_notes[is_chosen])


def is_known(index: MusicIndex, hashes: np.ndarray) -> np.ndarray:
    """Which windows stand in the training music, bool; of those that do not, one in a hundred is taken for known."""
    windows = window_of(hashes)
    if not len(index.windows):
        return np.zeros(len(windows), bool)
    place = np.searchsorted(index.windows, windows)
    return index.windows[np.minimum(place, len(index.windows) - 1)] == windows


def find_passages(index: MusicIndex, strand: Strand) -> Found:
    """All passages whose places the index knows, but for common property: surely those of 12 notes and more."""
    hits = _hits(index, strand)
    left, first = _reach(index, strand, hits, -1)
    right, last = _reach(index, strand, hits, 1)
    found = Found(hits.window - left, hits.place - left, WINDOW + left + right)
    ends = ((first, found.begins), (hits.way, hits.window), (last, hits.window + right))
    turns = np.concatenate([strand.turns(*one) for one in ends], axis=1)
    return found.chosen(_count_different(turns) >= LEAST_TURNS)


@dataclass(frozen=True)
class _Hits:
    """Windows of a strand whose places the index knows, an entry for each place.

    Attributes:
        window: of the strand.
        way: through it, as in `Strand`.
        place: of the index.
        first, stop: where the line of the index lies that the place is in.
    """

    window: np.ndarray
    way: np.ndarray
    place: np.ndarray
    first: np.ndarray
    stop: np.ndarray


def _hits(index: MusicIndex, strand: Strand) -> _Hits:
    ways, places = _places_of(index, strand)
    line = np.searchsorted(index.stops, places, side="right")
    stop = index.stops[line]
    window = np.searchsorted(strand.starts, ways, side="right") - 1
    return _Hits(window, ways, places, stop - index.lengths[line], stop)


def _places_of(index: MusicIndex, strand: Strand) -> tuple[np.ndarray, np.ndarray]:
    """Which ways through windows have places in the index, and which: an entry for each place."""
    anchors = anchor_of(strand.hashes)
    first = np.searchsorted(index.anchors, anchors)
    if not len(index.anchors):
        return first[:0], first[:0]
    ways = np.flatnonzero(index.anchors[np.minimum(first, len(index.anchors) - 1)] == anchors)
    ways = ways[is_known(index, strand.hashes[ways])]
    number = np.searchsorted(index.anchors, anchors[ways], side="right") - first[ways]
    places = index.places[np.repeat(first[ways], number) + count_up(number)].astype(np.int64)
    ways = np.repeat(ways, number)
    matches = index.checks[places] == strand.checks[ways]
    return ways[matches], places[matches]


def _reach(index: MusicIndex, strand: Strand, hits: _Hits, step: int) -> tuple[np.ndarray, np.ndarray]:
    """How many windows farther each passage goes on, and the way through the last of them.

    Args:
        index: that is looked in.
        strand: that is looked for.
        hits: where passages were found.
        step: 1 to go to the right, -1 to the left.
    """
    reached, ends = np.zeros_like(hits.place), hits.way.copy()
    alive, ways, distance = np.arange(len(hits.place)), hits.way, 0
    while len(alive):
        distance += 1
        window, place = hits.window[alive] + distance * step, hits.place[alive] + distance * step
        is_inside = (window >= 0) & (window < len(strand)) & (place >= hits.first[alive]) & (place < hits.stop[alive])
        number, ways = strand.ways_on(ways[is_inside], window[is_inside], step)
        alive, place = np.repeat(alive[is_inside], number), np.repeat(place[is_inside], number)
        matches = np.flatnonzero(index.checks[place] == strand.checks[ways])
        matches = matches[is_known(index, strand.hashes[ways[matches]])]
        alive, ways = alive[matches], ways[matches]
        reached[alive], ends[alive] = distance, ways
    return reached, ends


def _count_different(numbers: np.ndarray) -> np.ndarray:
    """How many different numbers there are in each row."""
    ordered = np.sort(numbers, axis=1)
    return (np.diff(ordered, axis=1) != 0).sum(axis=1) + 1
