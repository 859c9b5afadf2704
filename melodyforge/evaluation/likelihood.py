"""What held-out music costs a trained model, note by note in NumPy, so that no TensorFlow is needed.

Knows models and data; composes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from threadpoolctl import threadpool_limits

from melodyforge.bundle import Model
from melodyforge.training.data import TrainingData

PIECES_AT_ONCE = 64


def held_out_nats(model: Model, data: TrainingData, max_rows: int | None, is_told: bool = False) -> dict[str, float]:
    """Nats a held-out note by field; ends of pieces cost nats, but are no notes.

    Args:
        model: the trained model.
        data: the music, in the model's vocabulary.
        max_rows: about how many rows to measure on; None: all.
        is_told: whether the model is told style, key and the other controls of each piece.
    """
    heads, end_class = model.representation.heads, model.representation.end_class
    totals, num_notes = dict.fromkeys((head.name for head in heads), 0.0), 0
    with threadpool_limits(1):
        for batch in data.held_out_batches(PIECES_AT_ONCE, max_rows, is_told):
            for row in _rows(batch):
                first = row[f"target_{heads[0].name}"]
                num_notes += int(((first >= 0) & (first != end_class)).sum())
            for name, nats in _batch_nats(model, batch).items():
                totals[name] += nats
    return {name: total / max(1, num_notes) for name, total in totals.items()}


def _rows(batch: dict[str, np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
    """A batch of windows row by row, up to the last that asks anything."""
    asked = np.max([values for name, values in batch.items() if name.startswith("target_")], axis=0) >= 0
    for index in range(int(np.flatnonzero(asked.any(axis=0)).max(initial=-1)) + 1):
        yield {name: values[:, index] for name, values in batch.items()}


def _batch_nats(model: Model, batch: dict[str, np.ndarray]) -> dict[str, float]:
    """Nats by field of all windows of a batch."""
    network, representation = model.network, model.representation
    totals = dict.fromkeys((head.name for head in representation.heads), 0.0)
    state = network.start(len(next(iter(batch.values()))))
    for row in _rows(batch):
        state = network.advance(state, {feature.name: row[feature.name] for feature in representation.inputs})
        if (row[f"target_{representation.heads[0].name}"] < 0).all():
            continue
        for head in representation.heads:
            logits = network.logits(state, head, {feature.name: row[feature.name] for feature in head.told})
            totals[head.name] += _nats(logits, row[f"target_{head.name}"])
    return totals


def _nats(logits: np.ndarray, target: np.ndarray) -> float:
    """Of the targets that are asked."""
    asked = np.flatnonzero(target >= 0)
    logits = logits[asked].astype(np.float64)
    highest = logits.max(axis=1)
    total = highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1))
    return float((total - logits[np.arange(len(asked)), target[asked]]).sum())
