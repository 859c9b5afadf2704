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
    order, every = None, np.arange(len(weights))
    if settings.top_p < 1:  # likeliest first: what lies in the nucleus (Holtzman et al., 2020) comes before all else
        order = np.argsort(-weights, axis=1)
        weights = weights[every[:, None], order]
    cumulated = weights.cumsum(axis=1)  # (num_rows, num_classes)
    kept = cumulated[:, -1]  # (num_rows,): the weight of all classes that may be drawn
    if order is not None:
        kept = cumulated[every, (cumulated < settings.top_p * kept[:, None]).sum(axis=1)]
    drawn = (cumulated <= (uniforms * kept)[:, None]).sum(axis=1)
    return drawn.clip(max=logits.shape[1] - 1) if order is None else order[every, drawn]
