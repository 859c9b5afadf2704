"""What the NumPy forms of all networks take from a weights file, and how they use it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from typing_extensions import override

from melodyforge.tokens.features import LONGEST_LEVEL_STEPS, Feature
from melodyforge.tokens.wishes import PREFIX

Weights = Mapping[str, list[np.ndarray]]  # layer name -> its arrays, as Keras orders them
NORM_EPSILON = 1e-3  # of Keras' LayerNormalization
_STEPS = np.arange(256, dtype=np.float32)
# Of each number of steps, whether something lasts and for how long; shape (2, 256).
_LEVELS = np.stack([np.minimum(_STEPS, 1), np.minimum(_STEPS / LONGEST_LEVEL_STEPS, 1)])


class Twice(dict[str, np.ndarray]):
    """What pieces are told, and then the same without the wishes: twice as many hear it.

    Attributes:
        once: what the pieces themselves are told.
    """

    def __init__(self, once: dict[str, np.ndarray]) -> None:
        super().__init__(once)
        self.once = once

    @override
    def __getitem__(self, name: str) -> np.ndarray:
        values = self.once[name]
        return np.concatenate([values, np.zeros_like(values) if name.startswith(PREFIX) else values])


class Hearing:
    """Sums what several features say: one table for all classes, one kernel for each number or vector of levels."""

    def __init__(self, weights: Weights, features: tuple[Feature, ...], role: str) -> None:
        classes = [feature for feature in features if feature.kind == "class"]
        self._classes = [(feature.name, feature.slots > 0) for feature in classes]
        self._measures = [
            (feature, weights[f"{role}_{feature.name}"][0]) for feature in features if feature.kind != "class"
        ]
        self._table = np.concatenate([weights[f"{role}_{feature.name}"][0] for feature in classes])
        self._places: dict[str, int] = {}  # of each feature its first column
        first_rows: list[int] = []  # in the table, of each column
        is_wish: list[bool] = []
        num_rows = 0
        for feature in classes:
            self._places[feature.name] = len(first_rows)
            first_rows += range(num_rows, num_rows + feature.num_rows, feature.size)
            is_wish += [feature.name.startswith(PREFIX)] * max(1, feature.slots)
            num_rows += feature.num_rows
        self._first_rows, self._is_no_wish = np.array(first_rows)[:, None], ~np.array(is_wish)[:, None]

    def columns(self, values: dict[str, np.ndarray]) -> np.ndarray:
        """All classes, one column after another; shapes (num_pieces, ...) -> (num_columns, num_pieces)."""
        once = values.once if isinstance(values, Twice) else values
        columns = [once[name].T.ravel() if has_slots else once[name] for name, has_slots in self._classes]
        joined = np.concatenate(columns, dtype=np.int64).reshape(len(self._first_rows), -1)  # batches are narrower
        return joined if once is values else np.concatenate([joined, joined * self._is_no_wish], axis=1)

    def column(self, columns: np.ndarray, name: str) -> np.ndarray:
        """That of a feature without slots, shape (num_pieces,)."""
        return columns[self._places[name]]

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def __call__(self, values: dict[str, np.ndarray], columns: np.ndarray | None = None) -> np.ndarray:
        """Shapes (num_pieces, ...) -> (num_pieces, units); `columns` are those of the values, where they are found."""
        columns = self.columns(values) if columns is None else columns
        vector = np.add.reduce(self._table.take(columns + self._first_rows, axis=0), axis=0)
        for feature, kernel in self._measures:
            numbers = values[feature.name]
            if feature.kind == "number":
                vector += numbers.astype(np.float32)[:, None] * kernel
            else:
                vector += _LEVELS.take(numbers, axis=1).swapaxes(0, 1).reshape(len(numbers), -1) @ kernel
        return vector


def product(rows: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """`rows @ kernel`; BLAS multiplies two or three rows by a large matrix faster one after the other."""
    if len(rows) not in (2, 3):
        return rows @ kernel
    result = np.empty((len(rows), kernel.shape[1]), np.float32)
    for row, of_row in zip(rows, result, strict=True):
        np.matmul(row, kernel, out=of_row)
    return result


def normalised(vector: np.ndarray, scale: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Layer normalisation; shape (..., units)."""
    centred = vector - vector.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + NORM_EPSILON) * scale + offset
