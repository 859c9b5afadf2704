"""What the NumPy forms of all networks take from a weights file, and how they use it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from melodyforge.tokens.features import LONGEST_LEVEL_STEPS, Feature

Weights = Mapping[str, list[np.ndarray]]  # layer name -> its arrays, as Keras orders them
NORM_EPSILON = 1e-3  # of Keras' LayerNormalization


class Hearing:
    """Sums what several features say: one table for all classes, one kernel for each number or vector of levels."""

    def __init__(self, weights: Weights, features: tuple[Feature, ...], role: str) -> None:
        self._classes = [feature for feature in features if feature.kind == "class"]
        self._measures = [
            (feature, weights[f"{role}_{feature.name}"][0]) for feature in features if feature.kind != "class"
        ]
        tables: list[np.ndarray] = []
        first_rows: list[int] = []
        num_rows = 0
        for feature in self._classes:
            tables.append(weights[f"{role}_{feature.name}"][0])
            first_rows += range(num_rows, num_rows + feature.num_rows, feature.size)
            num_rows += feature.num_rows
        self._table = np.concatenate(tables)
        self._first_rows = np.array(first_rows)

    def __call__(self, values: dict[str, np.ndarray]) -> np.ndarray:
        """Shapes (num_pieces, ...) -> (num_pieces, units)."""
        columns = [
            values[feature.name] if feature.slots else values[feature.name][:, None] for feature in self._classes
        ]
        vector = self._table[np.concatenate(columns, axis=1) + self._first_rows].sum(axis=1)
        for feature, kernel in self._measures:
            numbers = values[feature.name].astype(np.float32)
            if feature.kind == "number":
                vector += numbers[:, None] * kernel
                continue
            told = [np.minimum(numbers, 1), np.minimum(numbers / LONGEST_LEVEL_STEPS, 1)]
            vector += np.concatenate(told, axis=1) @ kernel
        return vector


def product(rows: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """`rows @ kernel`; BLAS multiplies two or three rows by a large matrix faster one after the other."""
    return rows @ kernel if len(rows) not in (2, 3) else np.stack([row @ kernel for row in rows])


def normalised(vector: np.ndarray, scale: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Layer normalisation; shape (..., units)."""
    centred = vector - vector.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + NORM_EPSILON) * scale + offset
