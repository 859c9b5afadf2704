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
    logits -= logits.max(axis=1, keepdims=True)
    weights = np.exp(logits, out=logits)
    if settings.min_p > 0:
        weights[weights < settings.min_p] = 0  # the largest weight is 1
    if settings.top_p < 1:
        _keep_nucleus(weights, settings.top_p)
    cumulated = weights.cumsum(axis=1)
    return (cumulated <= (uniforms * cumulated[:, -1])[:, None]).sum(axis=1).clip(max=logits.shape[1] - 1)


def _keep_nucleus(weights: np.ndarray, top_p: float) -> None:
    """Zeroes what lies outside the smallest set that holds `top_p` of the weight (Holtzman et al., 2020)."""
    falling = -np.sort(-weights, axis=1)
    before = falling.cumsum(axis=1) - falling
    in_nucleus = before < top_p * falling.sum(axis=1, keepdims=True)
    smallest = np.where(in_nucleus, falling, np.inf).min(axis=1, keepdims=True)
    weights[weights < smallest] = 0
