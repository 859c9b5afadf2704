"""The outputs of a head in NumPy: the form of `networks/heads.py` that composes."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from melodyforge.decoding.weights import Weights, product
from melodyforge.music.keys import NUM_PITCH_CLASSES
from melodyforge.tokens.features import Head
from melodyforge.tokens.numbers import LEAST_CHANCE, LEAST_WIDTH, NUM_COMPONENTS, SPREAD


class Output(Protocol):
    """From what a network says to logits."""

    def __call__(self, vector: np.ndarray, known: dict[str, np.ndarray]) -> np.ndarray:
        """Shape (num_pieces, units) -> (num_pieces, head.size); `known` is what has been told, by name."""


def make_output(weights: Weights, head: Head) -> Output:
    """The output of a head."""
    return _Numbers(weights, head) if head.borders else _Classes(weights, head)


class _Classes:
    """The logits of a head: of classes, distances from a known one, degrees, and what is suggested, in one product."""

    def __init__(self, weights: Weights, head: Head) -> None:
        self._head, self._classes = head, np.arange(head.size)
        parts = [weights[f"output_{head.name}"]]
        if head.relative_to:
            parts.append(weights[f"relative_{head.name}"])
        for tonic in head.degrees_of:
            parts.append(weights[f"degrees_{head.name}_{tonic}"])
        if head.pointers:
            parts.append(weights[f"pointers_{head.name}"])
        self._kernel = np.concatenate([kernel for kernel, _ in parts], axis=1)
        self._bias = np.concatenate([bias for _, bias in parts])

    def __call__(self, vector: np.ndarray, known: dict[str, np.ndarray]) -> np.ndarray:
        """Shape (num_pieces, head_units) -> (num_pieces, head.size)."""
        head, size, values = self._head, self._head.size, product(vector, self._kernel)
        values += self._bias
        every, first = np.arange(len(vector)), size  # `first`: the column of what comes next
        logits = np.zeros((len(vector), size + 1), np.float32)  # the last column takes what is suggested to be none
        whole = logits[:, :size]
        whole += values[:, :size]
        if head.relative_to:
            base = known[head.relative_to]
            is_known = base < size
            nearest = self._classes + (first + size - 1 - np.where(is_known, base, 0))[:, None]
            whole += values[every[:, None], nearest] * is_known[:, None]
            first += 2 * size - 1
        for tonic in head.degrees_of:
            base = known[tonic]
            degrees = (self._classes + (1 - base)[:, None]) % NUM_PITCH_CLASSES
            whole += values[every[:, None], first + degrees] * (base > 0)[:, None]
            first += NUM_PITCH_CLASSES
        for source, name in enumerate(head.pointers, start=first):
            logits[every, known[name]] += values[:, source]
        return whole


class _Numbers:
    """A mixture of Laplace distributions and atoms, cut into classes; see `NumberLogits`."""

    def __init__(self, weights: Weights, head: Head) -> None:
        self._head = head
        self._kernel, self._bias = weights[f"output_{head.name}"]
        self._borders = np.array(head.borders, np.float32)
        self._starts = np.linspace(-SPREAD, SPREAD, NUM_COMPONENTS, dtype=np.float32)

    def __call__(self, vector: np.ndarray, known: dict[str, np.ndarray]) -> np.ndarray:
        """Shape (num_pieces, units) -> (num_pieces, head.size)."""
        values = product(vector, self._kernel) + self._bias
        num_atoms = len(self._head.atoms)
        shares = np.exp(
            values[:, : num_atoms + NUM_COMPONENTS] - values[:, : num_atoms + NUM_COMPONENTS].max(1)[:, None]
        )
        shares /= shares.sum(axis=1, keepdims=True)
        locations = values[:, num_atoms + NUM_COMPONENTS : -NUM_COMPONENTS] + self._starts
        widths = np.exp(np.minimum(values[:, -NUM_COMPONENTS:], 0.0)) + LEAST_WIDTH
        far = (self._borders - locations[..., None]) / widths[..., None]
        below = 0.5 + 0.5 * np.sign(far) * (1 - np.exp(-np.abs(far)))
        chances = np.empty((len(vector), self._head.size), np.float32)
        chances[:, :-1] = np.einsum("pk,pkn->pn", shares[:, num_atoms:], below)
        chances[:, -1] = shares[:, num_atoms:].sum(axis=1)
        chances[:, 1:] = np.diff(chances, axis=1)
        chances[:, list(self._head.atoms)] += shares[:, :num_atoms]
        return np.log((1 - LEAST_CHANCE) * chances + LEAST_CHANCE / self._head.size)
