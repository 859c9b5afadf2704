"""What a network is told of whole pieces beforehand: which bars return to which, and how far it is to the end.

Knows forms; knows no vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from melodyforge.music.form import Form

UNKNOWN, NEW, VARIED, EXACT = range(4)  # what a bar is said to be
NUM_RELATIONS = 4
# Steps to the last onset -> class, from 1 on; 0: not known. Finer where the end is near.
_LEFT_STEPS = np.array(
    [0, 1, 3, 6, 9, 12, 18, 24, 30, 36, 42, 48, 60, 72, 84, 96, 108, 120, 144, 168, 192, 240, 288, 336, 384, 480, 576,
     672, 768, 960, 1152, 1536, 2304, 3072, 4608, 6144, 9216, 12288, 24576]
)  # fmt: skip
NUM_LEFT = len(_LEFT_STEPS) + 1
NOT_KNOWN = -1  # steps


def left_class(steps: np.ndarray) -> np.ndarray:
    """Class of the steps to where something ends, from 1 on."""
    return _LEFT_STEPS.searchsorted(np.maximum(0, steps), side="right")


class Plan:
    """The forms of some pieces, or of one, of which all moments are; `num` stands for the number of moments.

    Attributes:
        last_step: of each piece, `NOT_KNOWN` where it may end anywhere; shape (num,) or (1,).
    """

    def __init__(self, forms: Sequence[Form]) -> None:
        returns = [np.array(form.returns, np.int64) for form in forms]
        self._size = max(map(len, returns)) + 1  # of a row: nothing is known behind the last bar
        self._returns = np.zeros((len(forms), self._size), np.int64)
        self._relations = np.full((len(forms), self._size), UNKNOWN)
        for index, one in enumerate(returns):
            self._returns[index, : len(one)] = one
            self._relations[index, : len(one)] = np.where(one > 0, EXACT, np.where(one < 0, VARIED, NEW))
        self._rows = np.arange(0, self._returns.size, self._size)
        self.last_step = np.array([NOT_KNOWN if form.last_step is None else form.last_step for form in forms])

    def returns(self, bar: np.ndarray) -> np.ndarray:
        """How many bars before each bar stood what it repeats, see `Form`; shape (num,)."""
        return self._returns.take(self._at(bar))

    def relation(self, bar: np.ndarray) -> np.ndarray:
        """`UNKNOWN`, `NEW`, `VARIED` or `EXACT`, shape (num,)."""
        return self._relations.take(self._at(bar))

    def left(self, onset: np.ndarray) -> np.ndarray:
        """Class of the steps from each onset to the last one, 0 where that is not known; shape (num,)."""
        return np.where(self.last_step == NOT_KNOWN, 0, left_class(self.last_step - onset))

    def follow(self, sources: np.ndarray) -> None:
        """Gives every piece the plan of another, shape (num,)."""
        self.last_step = self.last_step[sources]

    def _at(self, bar: np.ndarray) -> np.ndarray:
        return self._rows + np.minimum(bar, self._size - 1)
