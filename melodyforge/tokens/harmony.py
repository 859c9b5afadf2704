"""What a network is told of the chords of whole pieces beforehand: which one sounds, and which comes next and when.

Knows chords and their steps; knows no vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from melodyforge.music.chords import NO_CHORD, NUM_QUALITIES, ChordLine
from melodyforge.music.keys import NUM_PITCH_CLASSES
from melodyforge.tokens.plan import left_class

NUM_ROOTS = NUM_PITCH_CLASSES + 1  # 0 for none, 1 to 12 for C to B
NUM_KINDS = NUM_QUALITIES + 1  # 0 for none
CHANGES_AT = 12  # steps; a chord is taken to begin on the eighth in which its first note does
_BEFORE_ALL, _FAR = -1, 2**31  # steps
_PIECE_BITS = 40  # of a key: piece, step


class ToldChords:
    """The chords of some pieces, or of one, of which all moments are; `num` stands for the number of moments."""

    def __init__(self, lines: Sequence[ChordLine]) -> None:
        self.is_any = any(one.steps for one in lines)
        if not self.is_any:
            return
        number = [len(one.steps) + 2 for one in lines]  # with nothing before the first, and behind the last
        piece = np.repeat(np.arange(len(lines)), number)
        self._pieces = np.arange(len(lines)) << _PIECE_BITS
        self._steps = np.concatenate([[_BEFORE_ALL, *one.steps, _FAR] for one in lines]).astype(np.int64)
        self._chords = np.concatenate([[NO_CHORD, *one.chords, NO_CHORD] for one in lines]).astype(np.int64)
        self._keys = (piece << _PIECE_BITS) + self._steps

    def place(self, onset: np.ndarray) -> np.ndarray:
        """The index of the chord that sounds at steps; the next one's is one more, shape (num,)."""
        return self._keys.searchsorted(self._pieces + onset, side="right") - 1

    def root(self, place: np.ndarray) -> np.ndarray:
        """1 to 12 for C to B, 0 for none."""
        chord = self._chords.take(place)
        return np.where(chord == NO_CHORD, 0, (chord - 1) // NUM_QUALITIES + 1)

    def kind(self, place: np.ndarray) -> np.ndarray:
        """The number of the quality, from 1 on; 0 for none."""
        chord = self._chords.take(place)
        return np.where(chord == NO_CHORD, 0, (chord - 1) % NUM_QUALITIES + 1)

    def left(self, place: np.ndarray, onset: np.ndarray) -> np.ndarray:
        """Class of the steps to the next chord, 0 where none is known."""
        then = self._steps.take(place + 1)
        return np.where(then == _FAR, 0, left_class(then - onset))


def chords_of_rows(rows: np.ndarray, semitones: int) -> ChordLine:
    """The chords that rows were encoded with, so much higher, from the eighth on in which the first note begins."""
    changes = np.flatnonzero(np.diff(rows["chord"], prepend=NO_CHORD))
    of_change = rows[changes]
    steps = of_change["onset"] - np.maximum(of_change["position"], 0) % CHANGES_AT
    return ChordLine(tuple(steps.tolist()), tuple(_moved(of_change["chord"], semitones).tolist()))


def _moved(chords: np.ndarray, semitones: int) -> np.ndarray:
    """Classes of the same chords so many semitones higher."""
    number = (chords.astype(np.int64) - 1 + semitones * NUM_QUALITIES) % (NUM_PITCH_CLASSES * NUM_QUALITIES)
    return np.where(chords == NO_CHORD, NO_CHORD, number + 1)
