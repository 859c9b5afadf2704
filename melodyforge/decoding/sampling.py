"""Draws the next class from logits. Knows numbers only."""

from __future__ import annotations

import numpy as np

from melodyforge.settings import SamplingSettings

IMPOSSIBLE = np.float32(-1e9)  # finite, so that a row of nothing else still gives a number


def sample(logits: np.ndarray, settings: SamplingSettings, uniforms: np.ndarray) -> np.ndarray:
    """Draws one class a row.

    Args:
        logits: shape (num_rows, num_classes), float32; changed in place.
        settings: temperature 0 takes the likeliest; top_k, top_p and min_p leave out the less likely.
        uniforms: one random number in [0, 1) a row, shape (num_rows,).

    Returns:
        Classes, shape (num_rows,), int64.
    """
    if settings.temperature == 0:
        return logits.argmax(axis=1)
    if settings.temperature != 1:
        logits /= settings.temperature
    if 0 < settings.top_k < logits.shape[1]:
        kth_largest = np.partition(logits, -settings.top_k, axis=1)[:, -settings.top_k, None]
        logits[logits < kth_largest] = IMPOSSIBLE
    logits -= np.maximum.reduce(logits, axis=1, keepdims=True)
    weights = np.exp(logits, out=logits)
    if settings.min_p > 0:
        weights[weights < settings.min_p] = 0  # the largest weight is 1
    if settings.top_p == 1:
        cumulated = weights.cumsum(axis=1)  # (num_rows, num_classes)
        return _first_above(cumulated, uniforms * cumulated[:, -1])
    # Likeliest first: what lies in the nucleus (Holtzman et al., 2020) comes before all else.
    starts = np.arange(0, weights.size, weights.shape[1])  # (num_rows,): of each row in an array laid out flat
    order = (-weights).argsort(axis=1)
    order += starts[:, None]
    cumulated = weights.take(order).cumsum(axis=1)
    is_enough = cumulated >= settings.top_p * cumulated[:, -1:]
    kept = cumulated.take(is_enough.argmax(axis=1) + starts)  # (num_rows,): the weight of what may be drawn
    return order.take(_first_above(cumulated, uniforms * kept) + starts) - starts


def _first_above(cumulated: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """In each row the first that exceeds a limit below the last; shapes (n, num_classes), (n,) -> (n,)."""
    return (cumulated > limits[:, None]).argmax(axis=1)
