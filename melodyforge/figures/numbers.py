"""Plain numbers about arrays: means, shares, spreads. What cannot be said is NaN, without a warning. Knows no music."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

NAN = float("nan")


def mean(values: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The mean, or of flags the share that are true; NaN without values, or where all weights are 0."""
    values = np.asarray(values, float)
    if not len(values) or (weights is not None and not np.sum(weights)):
        return NAN
    return float(np.average(values, weights=weights))


def spread(values: np.ndarray) -> float:
    """The standard deviation; NaN without values."""
    return float(np.std(np.asarray(values, float))) if len(values) else NAN


def highest(values: np.ndarray) -> float:
    """The highest of them; NaN without values."""
    return float(np.max(values)) if len(values) else NAN


def lowest(values: np.ndarray) -> float:
    """The lowest of them; NaN without values."""
    return float(np.min(values)) if len(values) else NAN


def entropy(values: np.ndarray) -> float:
    """Bits: 0 where all values are the same; NaN without values."""
    if not len(values):
        return NAN
    shares = np.unique(values, return_counts=True)[1] / len(values)
    return float(-(shares * np.log2(shares)).sum())


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """From -1 to 1; NaN where there are fewer than three pairs, or one side never changes."""
    if len(first) < 3 or not np.ptp(first) or not np.ptp(second):
        return NAN
    return float(np.corrcoef(np.asarray(first, float), np.asarray(second, float))[0, 1])


def ratio(numerator: float, denominator: float) -> float:
    """The quotient; NaN where there is none."""
    return float(numerator / denominator) if denominator else NAN


def mean_of_known(values: Iterable[float]) -> float:
    """The mean of those that are not NaN; NaN where there is none."""
    return mean(known(values))


def known(values: Iterable[float]) -> np.ndarray:
    """Those that are not NaN, float64, shape (num_known,)."""
    array = np.array(list(values), float)
    return array[~np.isnan(array)]
