"""The outputs of a head in NumPy: the form of `networks/heads.py` that composes."""

from __future__ import annotations

from itertools import pairwise
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
    return _Numbers(weights, head) if head.borders else _Classes(weights, head)


class _Classes:
    """The logits of a head: of classes, distances from a known one, degrees, and what is suggested.

    One product, which is faster, does the work of all its layers: `_columns` says where what each says is found in it.
    """

    def __init__(self, weights: Weights, head: Head) -> None:
        self._head, self._classes = head, np.arange(head.size)
        sizes = output_sizes(head)
        kernels, biases = zip(*(weights[layer] for layer in sizes), strict=True)
        self._kernel, self._bias = np.concatenate(kernels, axis=1), np.concatenate(biases)
        starts = np.cumsum([0, *sizes.values()]).tolist()
        self._columns = {layer: slice(*ends) for layer, ends in zip(sizes, pairwise(starts), strict=True)}

    def __call__(self, vector: np.ndarray, known: dict[str, np.ndarray]) -> np.ndarray:
        """Shape (num_pieces, head_units) -> (num_pieces, head.size)."""
        head, every_piece = self._head, np.arange(len(vector))
        values = product(vector, self._kernel)
        values += self._bias  # (num_pieces, columns of all layers)
        said = {layer: values[:, columns] for layer, columns in self._columns.items()}
        # What is suggested may be none, the class after the last: it has a column, which is left out in the end.
        with_none = np.zeros((len(vector), head.size + 1), np.float32)
        logits = with_none[:, : head.size]
        logits += said[f"output_{head.name}"]
        if head.relative_to:
            logits += self._by_distance(said[f"relative_{head.name}"], known[head.relative_to])
        for tonic in head.degrees_of:
            logits += self._by_degree(said[f"degrees_{head.name}_{tonic}"], known[tonic])
        if head.pointers:
            trusts = said[f"pointers_{head.name}"].T  # (num_sources, num_pieces)
            for name, trust in zip(head.pointers, trusts, strict=True):
                with_none[every_piece, known[name]] += trust
        return logits

    def _by_distance(self, said: np.ndarray, base: np.ndarray) -> np.ndarray:
        """See `Distances` of the Keras form; shapes (num_pieces, 2 * size - 1), (num_pieces,) -> (num_pieces, size)."""
        size = len(self._classes)
        is_known = base < size
        distances = self._classes - np.where(is_known, base, 0)[:, None]  # (num_pieces, size)
        columns = distances + (size - 1)  # of distance 0 the one in the middle
        return _picked(said, columns) * is_known[:, None]

    def _by_degree(self, said: np.ndarray, tonic: np.ndarray) -> np.ndarray:
        """See `Degrees` of the Keras form; shapes (num_pieces, 12), (num_pieces,) -> (num_pieces, size)."""
        columns = (self._classes + (1 - tonic)[:, None]) % NUM_PITCH_CLASSES
        return _picked(said, columns) * (tonic > 0)[:, None]


def _picked(values: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Of each row of values those in its columns; shapes (n, anything), (n, k) -> (n, k)."""
    return values[np.arange(len(values))[:, None], columns]


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
