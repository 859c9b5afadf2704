"""How much of a piece stands in other pieces: stretches of notes with the same intervals and durations.

Transposition does not hide a copy; a note more or less between does. The same share in real held-out pieces tells
what is common property of a style. Knows pieces only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from melodyforge.hashing import MULTIPLIER, hash_stretches
from melodyforge.music.piece import Piece

WINDOWS = (4, 8, 16, 32)  # notes
RUNS = (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)  # notes; the lengths of runs that are told apart


@dataclass(frozen=True)
class Originality:
    """What of some pieces is found in others.

    Attributes:
        shares: for each of `WINDOWS` the share of stretches of so many notes that are found.
        longest_run: the longest of `RUNS` that is found, 0 for none; one number a piece.
    """

    shares: dict[int, float]
    longest_run: list[int]


class Known:
    """The stretches of many pieces, as sorted hashes: 8 bytes a note and length."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._tokens = [tokens(piece) for piece in pieces]
        self._hashes: dict[int, np.ndarray] = {}

    def contains(self, stretches: np.ndarray, length: int) -> np.ndarray:
        """Which of the hashes of stretches of so many notes stand in the pieces; bool, same shape."""
        if length not in self._hashes:
            hashes = [stretch_hashes(one, length) for one in self._tokens]
            self._hashes[length] = np.unique(np.concatenate(hashes)) if hashes else np.zeros(0, np.uint64)
        known = self._hashes[length]
        places = np.searchsorted(known, stretches)
        return known[np.minimum(places, len(known) - 1)] == stretches if len(known) else np.zeros(len(stretches), bool)


def measure_originality(pieces: Iterable[Piece], known: Known) -> Originality:
    """How much of the pieces stands in known ones."""
    found, total = dict.fromkeys(WINDOWS, 0), dict.fromkeys(WINDOWS, 0)
    runs = []
    for piece in pieces:
        one = tokens(piece)
        for length in WINDOWS:
            is_known = known.contains(stretch_hashes(one, length), length)
            found[length] += int(is_known.sum())
            total[length] += len(is_known)
        runs.append(_longest_run(one, known))
    return Originality({length: found[length] / max(1, total[length]) for length in WINDOWS}, runs)


def tokens(piece: Piece) -> np.ndarray:
    """A number for each note but the first: its shift and interval from the note before and both durations."""
    notes = piece.notes
    shift, interval = np.diff(notes["onset"]), np.diff(notes["pitch"].astype(np.int64))
    duration = notes["duration"].astype(np.int64)
    parts = ((shift, 4096), (duration[:-1], 4096), (duration[1:], 4096), (interval + 128, 256))
    result = np.zeros(len(shift), np.uint64)
    for values, size in parts:
        result = result * np.uint64(size) + np.minimum(values, size - 1).astype(np.uint64)
    return result * MULTIPLIER


def stretch_hashes(one: np.ndarray, length: int) -> np.ndarray:
    """A hash for every stretch of `length` notes, uint64; `length` - 1 tokens each."""
    return hash_stretches(one ^ (one >> np.uint64(29)), length - 1)


def _longest_run(one: np.ndarray, known: Known) -> int:
    """The most notes in a row that stand in known pieces, by bisection: parts of a copy are copies too."""
    low, high = 0, len(RUNS)
    while low < high:
        middle = (low + high) // 2
        if known.contains(stretch_hashes(one, RUNS[middle]), RUNS[middle]).any():
            low = middle + 1
        else:
            high = middle
    return RUNS[low - 1] if low else 0
