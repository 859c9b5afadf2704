"""Numbers <-> classes: the values that the training music uses, or bins where it uses too many.

Knows numbers only.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

MAX_EXACT_VALUES = 192  # music on a grid uses fewer; the network learns each value for itself
LONGEST_STEPS = 24 * 64  # 16 bars of 4/4; longer times are cut to it
# What written music holds notes for: 16ths up to two bars of 4/4, triplets up to one, quarters beyond.
WRITTEN_STEPS = np.unique(np.concatenate([np.arange(6, 193, 6), np.arange(8, 97, 8), np.arange(192, 1537, 24)]))
MICRO_BIN = 2  # parts of a step
LOG_RATIO = 1.03  # about half of the smallest change of a long duration that listeners notice


class Bins:
    """A sorted list of values; every number stands for the nearest of them.

    Attributes:
        values: int32, shape (num_bins,), ascending.
    """

    def __init__(self, values: np.ndarray | list[int]) -> None:
        self.values = np.asarray(values, dtype=np.int32)
        self._borders = (self.values[1:] + self.values[:-1]) / 2

    @cached_property
    def _none_and_classes(self) -> np.ndarray:
        """The class of -1, which is none, of 0, 1, and so on up to the greatest value."""
        return np.append(len(self), self.classes(np.arange(self.values[-1] + 1)))

    def __len__(self) -> int:
        return len(self.values)

    def classes(self, numbers: np.ndarray) -> np.ndarray:
        """The class of the value nearest to each number, any shape."""
        return self._borders.searchsorted(numbers)

    def classes_or_none(self, numbers: np.ndarray) -> np.ndarray:
        """The class of each whole number, one more than there are for negative ones; any shape."""
        return self._none_and_classes.take(numbers + 1, mode="clip")

    def snap(self, numbers: np.ndarray) -> np.ndarray:
        """The value nearest to each number, any shape."""
        return self.values[self.classes(numbers)]

    def snap_onsets(self, onsets: np.ndarray) -> np.ndarray:
        """Onsets that sums of these values can reach, each as near to its own as they allow; ascending, shape (n,)."""
        shifts = np.diff(onsets, prepend=0)
        if np.array_equal(self.snap(shifts), shifts):
            return onsets
        clock, result = 0, np.empty_like(onsets)
        for index, onset in enumerate(onsets.tolist()):
            clock += int(self.values[self.classes(onset - clock)])
            result[index] = clock
        return result


def fit_time_bins(counts: np.ndarray, exact_below_steps: int) -> Bins:
    """Chooses values for times in steps.

    Args:
        counts: how often each number of steps occurs, shape (LONGEST_STEPS + 1,).
        exact_below_steps: when there are too many values to keep each, those below this stay exact and
            longer ones are spaced evenly on a logarithmic scale, and those of written music added.
    """
    used = np.flatnonzero(counts)
    if len(used) <= MAX_EXACT_VALUES:
        return Bins(used)
    num_steps_up = int(np.log(LONGEST_STEPS / exact_below_steps) / np.log(LOG_RATIO)) + 1
    spaced = np.unique(np.round(exact_below_steps * LOG_RATIO ** np.arange(num_steps_up)).astype(int))
    written = WRITTEN_STEPS[exact_below_steps <= WRITTEN_STEPS]
    is_apart = np.abs(spaced[:, None] / written - 1).min(axis=1) > (LOG_RATIO - 1) / 2
    values = np.unique(np.concatenate([np.arange(used[0], exact_below_steps), spaced[is_apart], written]))
    return Bins(np.append(values[values < used[-1]], used[-1]))


def fit_micro_bins(counts: np.ndarray, lowest: int) -> Bins:
    """Micro-timing that occurs, every other value of it: half a step, about 10 ms, is what listeners can just notice.

    Args:
        counts: how often each value occurs, from `lowest` on.
        lowest: at most 0.
    """
    used = np.flatnonzero(counts) + lowest
    values = np.arange(MICRO_BIN * round(min(0, used[0]) / MICRO_BIN), max(0, used[-1]) + 1, MICRO_BIN)
    return Bins(values)


def fit_velocity_bins(counts: np.ndarray, max_values: int = 32) -> Bins:
    """Keeps each velocity that occurs, or evenly spaced ones when there are more than `max_values`."""
    used = np.flatnonzero(counts)
    if len(used) <= max_values:
        return Bins(used)
    width = 128 // max_values
    return Bins(np.unique(used // width * width + width // 2))
