"""The outputs of a head in NumPy: the form of `networks/heads.py` that composes."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from melodyforge.decoding.shapes import output_sizes
from melodyforge.decoding.weights import Weights, product
from melodyforge.music.keys import NUM_PITCH_CLASSES
from melodyforge.tokens.features import Head
from melodyforge.tokens.numbers import LEAST_CHANCE, LEAST_WIDTH, NUM_COMPONENTS, SPREAD, parts_of


class Output(Protocol):
    """From what a network says to logits."""

    def __call__(self, vector: np.ndarray, known: dict[str, np.ndarray]) -> np.ndarray:
        """Shape (num_pieces, units) -> (num_pieces, head.size); `known` is what has been told, by name."""


def make_output(weights: Weights, head: Head) -> Output:
    """The output of a head."""
    return _Numbers(weights, head) if head.borders else Classes(weights, head)


class Classes:
    """The logits of a head: of classes, distances from a known one, degrees, and what is suggested.

    One product, which is faster, does the work of all its layers; tables say which of its columns are meant.
    """

    def __init__(self, weights: Weights, head: Head) -> None:
        self._head = head
        sizes = output_sizes(head)
        kernels, biases = zip(*(weights[layer] for layer in sizes), strict=True)
        self._kernel, self._bias = np.concatenate(kernels, axis=1), np.concatenate(biases)
        starts = dict(zip(sizes, np.cumsum([0, *sizes.values()]).tolist(), strict=False))
        self._trusts = slice(starts.get(f"pointers_{head.name}", 0), len(self._bias))
        classes = np.arange(head.size)
        tables: list[np.ndarray] = []
        are_known: list[np.ndarray] = []
        if head.relative_to:  # see `Distances` of the Keras form; of distance 0 the column in the middle
            base = np.append(classes, 0)[:, None]
            tables.append(starts[f"relative_{head.name}"] + classes - base + head.size - 1)
            are_known.append(np.append(np.ones(head.size), 0))
        for name in head.degrees_of:  # see `Degrees` of the Keras form
            tonic = np.arange(NUM_PITCH_CLASSES + 1)
            tables.append(starts[f"degrees_{head.name}_{name}"] + (classes + 1 - tonic[:, None]) % NUM_PITCH_CLASSES)
            are_known.append(tonic > 0)
        self._bases = [*([head.relative_to] if head.relative_to else []), *head.degrees_of]
        self._first_rows = np.cumsum([0, *map(len, tables[:-1])])[:, None]
        self._columns = np.concatenate([*tables, np.zeros((0, head.size), np.int64)])  # of what each known base means
        self._is_known = np.concatenate([*are_known, []]).astype(np.float32)[:, None]

    def __call__(self, vector: np.ndarray, known: dict[str, np.ndarray]) -> np.ndarray:
        """Shape (num_pieces, head_units) -> (num_pieces, head.size)."""
        head, number = self._head, len(vector)
        values = product(vector, self._kernel)
        values += self._bias  # (num_pieces, columns of all layers)
        # What is suggested may be none, the class after the last: it has a column, which is left out in the end.
        with_none = np.zeros((number, head.size + 1), np.float32)
        logits = with_none[:, : head.size]
        logits += values[:, : head.size]
        if self._bases:
            rows = self._rows(known, number)
            starts = np.arange(0, values.size, values.shape[1])[:, None]  # of each piece in all values, laid out flat
            for picked in values.take(self._columns.take(rows, axis=0) + starts) * self._is_known.take(rows, axis=0):
                logits += picked
        if head.pointers:
            suggested = np.concatenate([known[name] for name in head.pointers]).reshape(-1, number)
            suggested += np.arange(0, with_none.size, head.size + 1)
            trusts = values[:, self._trusts].T  # (num_pointers, num_pieces)
            np.add.at(with_none.reshape(-1), suggested.reshape(-1), trusts.reshape(-1))  # one after the other
        return logits

    def back(self, gradient: np.ndarray, known: dict[str, np.ndarray]) -> np.ndarray:
        """The transpose of what `__call__` does to a vector: (n, head.size) -> (n, head_units)."""
        head, number = self._head, len(gradient)
        values = np.zeros((number, len(self._bias)), np.float32)  # as in `__call__`
        values[:, : head.size] = gradient
        if self._bases:
            starts = np.arange(0, values.size, values.shape[1])[:, None]
            for rows in self._rows(known, number):
                places, shares = self._columns[rows] + starts, gradient * self._is_known[rows]
                values += np.bincount(places.ravel(), shares.ravel(), values.size).reshape(values.shape)
        if head.pointers:
            with_none = np.pad(gradient, ((0, 0), (0, 1)))
            suggested = np.stack([known[name] for name in head.pointers], axis=1)  # (n, num_pointers)
            values[:, self._trusts] = np.take_along_axis(with_none, suggested, axis=1)
        return values @ self._kernel.T

    def _rows(self, known: dict[str, np.ndarray], number: int) -> np.ndarray:
        """Of the tables, those that belong to the known bases, shape (num_bases, num_pieces)."""
        return np.concatenate([known[name] for name in self._bases]).reshape(-1, number) + self._first_rows


class _Numbers:
    """A mixture of Laplace distributions and atoms, cut into classes; see `NumberLogits`."""

    def __init__(self, weights: Weights, head: Head) -> None:
        self._size, self._atoms = head.size, list(head.atoms)
        self._kernel, self._bias = weights[f"output_{head.name}"]
        self._borders = np.array(head.borders, np.float32)
        self._starts = np.linspace(-SPREAD, SPREAD, NUM_COMPONENTS, dtype=np.float32)

    def __call__(self, vector: np.ndarray, known: dict[str, np.ndarray]) -> np.ndarray:
        """Shape (num_pieces, units) -> (num_pieces, head.size)."""
        num_atoms = len(self._atoms)
        weights, locations, widths = parts_of(product(vector, self._kernel) + self._bias, num_atoms)
        shares = np.exp(weights - weights.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)  # (num_pieces, num_atoms + NUM_COMPONENTS)
        widths = np.exp(np.minimum(widths, 0.0)) + LEAST_WIDTH  # (num_pieces, NUM_COMPONENTS)
        chances = self._chances_of_components(shares[:, num_atoms:], locations + self._starts, widths)
        chances[:, self._atoms] += shares[:, :num_atoms]
        return np.log((1 - LEAST_CHANCE) * chances + LEAST_CHANCE / self._size)

    def _chances_of_components(self, shares: np.ndarray, locations: np.ndarray, widths: np.ndarray) -> np.ndarray:
        """As in the Keras form; three of (num_pieces, NUM_COMPONENTS) -> (num_pieces, head.size)."""
        far = (self._borders - locations[..., None]) / widths[..., None]
        below_border = 0.5 + 0.5 * np.sign(far) * (1 - np.exp(-np.abs(far)))  # (num_pieces, NUM_COMPONENTS, size - 1)
        below = np.zeros((len(shares), self._size + 1), np.float32)  # each class, and below all that follows the last
        below[:, 1:-1] = np.einsum("pk,pkn->pn", shares, below_border)
        below[:, -1] = shares.sum(axis=1)
        return below[:, 1:] - below[:, :-1]
