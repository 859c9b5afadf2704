"""How low and how high each instrument plays in the training music; compositions keep to it. Knows no network.

A network always leaves a little probability to pitches that it never heard. Over hundreds of notes one of them comes,
and sounds like the mistake that it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Self

import numpy as np

from melodyforge.music.piece import NUM_PITCHES, Piece
from melodyforge.tokens.tracks import TrackClasses, TrackKey, track_keys

OUTLIER_SHARE = 1 / 2000  # share of an instrument's notes, at either end, that are no part of its range


class PitchCounts:
    """How often each instrument plays each pitch, counted before it is known which instruments get a class."""

    def __init__(self) -> None:
        self._counts: defaultdict[TrackKey, np.ndarray] = defaultdict(lambda: np.zeros(NUM_PITCHES, np.int64))

    def add(self, piece: Piece) -> None:
        """Counts the notes of a piece."""
        for index, key in enumerate(track_keys(piece.tracks)):
            pitches = piece.notes["pitch"][piece.notes["track"] == index]
            self._counts[key] += np.bincount(pitches, minlength=NUM_PITCHES)

    def ranges(self, tracks: TrackClasses) -> PitchRanges:
        """The range of every class of instruments."""
        counts = np.zeros((len(tracks), NUM_PITCHES), np.int64)
        for key, of_key in self._counts.items():
            index = tracks.nearest(key)
            if index >= 0:
                counts[index] += of_key
        return PitchRanges.fit(counts)


class PitchRanges:
    """The lowest and the highest pitch of every class of instruments.

    Attributes:
        lowest, highest: shape (num_tracks,), int64.
    """

    def __init__(self, bounds: Iterable[Iterable[int]]) -> None:
        self.lowest, self.highest = np.array(list(map(list, bounds)), np.int64).reshape(-1, 2).T

    @classmethod
    def fit(cls, counts: np.ndarray) -> Self:
        """Of pitches, each as often as counted, shape (num_tracks, NUM_PITCHES); all pitches where none is counted."""
        totals = counts.sum(axis=1, keepdims=True)
        below = counts.cumsum(axis=1)
        lowest = (below <= totals * OUTLIER_SHARE).sum(axis=1)
        highest = (below < totals * (1 - OUTLIER_SHARE)).sum(axis=1)
        is_unknown = totals[:, 0] == 0
        return cls(zip(np.where(is_unknown, 0, lowest), np.where(is_unknown, NUM_PITCHES - 1, highest), strict=True))

    def __len__(self) -> int:
        return len(self.lowest)

    def state(self) -> list[list[int]]:
        """For a vocabulary file."""
        return np.stack([self.lowest, self.highest], axis=1).tolist()


class Reach:
    """How low and how high the instruments of pieces may go while these are composed.

    As in the training music, and as far as the piece itself has gone: a primer may lie anywhere.
    """

    def __init__(self, ranges: PitchRanges, num_pieces: int) -> None:
        pitches = np.arange(NUM_PITCHES)
        is_outside = (pitches < ranges.lowest[:, None]) | (pitches > ranges.highest[:, None])
        self._is_outside = np.tile(is_outside, (num_pieces, 1))  # (num_pieces * num_tracks, NUM_PITCHES)
        self._highest = np.tile(ranges.highest, num_pieces)  # (num_pieces * num_tracks,)
        self._first_track = np.arange(0, num_pieces * len(ranges), len(ranges))  # of each piece

    def is_outside(self, track: np.ndarray) -> np.ndarray:
        """Which pitches lie outside for a track of each piece, shapes (num_pieces,) -> (num_pieces, NUM_PITCHES)."""
        return self._is_outside.take(self._first_track + track, axis=0)

    def is_at_the_top(self, track: np.ndarray, pitch: np.ndarray) -> np.ndarray:
        """Whether nothing higher can follow, shape (num_pieces,)."""
        return pitch >= self._highest.take(self._first_track + track)

    def go_back(self, piece_index: int, alone: Reach) -> None:
        """Has one piece reach as far as in a reach of its own."""
        first = self._first_track[piece_index]
        tracks = slice(first, first + len(alone._highest))
        self._is_outside[tracks], self._highest[tracks] = alone._is_outside, alone._highest

    def follow(self, sources: np.ndarray) -> None:
        """Has every piece reach as far as another, shape (num_pieces,)."""
        num_pieces = len(sources)
        self._is_outside = self._is_outside.reshape(num_pieces, -1, NUM_PITCHES)[sources].reshape(-1, NUM_PITCHES)
        self._highest = self._highest.reshape(num_pieces, -1)[sources].reshape(-1)

    def add(self, track: np.ndarray, pitch: np.ndarray) -> None:
        """A note of each piece; shapes (num_pieces,)."""
        at = self._first_track + track
        is_outside = self._is_outside[at, pitch]
        if not np.count_nonzero(is_outside):  # a primer alone may go further
            return
        for row, one in zip(at[is_outside].tolist(), pitch[is_outside].tolist(), strict=True):
            inside = np.flatnonzero(~self._is_outside[row])  # all pitches from the lowest to the highest
            lowest, highest = min(one, *inside[:1]), max(one, *inside[-1:])
            self._is_outside[row, lowest : highest + 1] = False
            self._highest[row] = highest
