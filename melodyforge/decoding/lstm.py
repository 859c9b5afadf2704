"""The NumPy form of `networks/lstm.py`: recurrent state carried from row to row.

A test holds it equal to Keras. Layer names are the contract between the two; all sizes are read off the weights
and checked against the vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from melodyforge.decoding.network import DecodingNetwork
from melodyforge.errors import ModelFolderError
from melodyforge.music.keys import NUM_PITCH_CLASSES
from melodyforge.tokens.representation import LONGEST_LEVEL_STEPS, Feature, Head, Representation

Weights = Mapping[str, list[np.ndarray]]  # layer name -> its arrays, as Keras orders them


@dataclass
class LstmState:
    """Of `num_pieces` pieces side by side.

    Attributes:
        outputs, cells: of each layer, shape (num_pieces, units).
        hidden: before the heads, shape (num_pieces, num_heads * head_units); without a hidden layer (…, units).
        told: sum of what heads have been told since the last row, shape (num_pieces, head_units), or 0.
        known: inputs of this row and what heads have been told since, by name.
    """

    outputs: list[np.ndarray]
    cells: list[np.ndarray]
    hidden: np.ndarray
    told: np.ndarray | float = 0.0
    known: dict[str, np.ndarray] = field(default_factory=dict)


class LstmNetwork(DecodingNetwork):
    """Stacked residual LSTM with chained heads."""

    def __init__(self, weights: Weights, representation: Representation) -> None:
        """Takes the weights in.

        Raises:
            ModelFolderError: weights and vocabulary do not fit together; both sizes are named.
        """
        heads = representation.heads
        self._inputs = _Hearing(weights, representation.inputs, "heard")
        self._told = {head.name: _Hearing(weights, head.told, "told") for head in heads if head.told}
        self._layers: list[tuple[np.ndarray, np.ndarray]] = []
        while f"lstm_{len(self._layers)}" in weights:
            self._layers.append(_gates(*weights[f"lstm_{len(self._layers)}"]))
        self._outputs = {head.name: _Output(weights, head) for head in heads}
        self._hidden: tuple[np.ndarray, np.ndarray] | None = None
        self._slices = {head.name: slice(None) for head in heads}
        if f"hidden_{heads[0].name}" in weights:
            kernels, biases = zip(*(weights[f"hidden_{head.name}"] for head in heads), strict=True)
            self._hidden = np.concatenate(kernels, axis=1), np.concatenate(biases)
            units = len(biases[0])
            self._slices = {head.name: slice(i * units, (i + 1) * units) for i, head in enumerate(heads)}

    def start(self, num_pieces: int) -> LstmState:
        """All zeros."""
        zeros = [np.zeros((num_pieces, len(bias) // 4), np.float32) for _, bias in self._layers]
        return LstmState(zeros, [zero.copy() for zero in zeros], zeros[-1])

    def advance(self, state: LstmState, inputs: dict[str, np.ndarray]) -> LstmState:
        """One step of every layer."""
        vector = self._inputs(inputs)
        outputs, cells = [], []
        for (kernel, bias), output, cell in zip(self._layers, state.outputs, state.cells, strict=True):
            heard, cell = _lstm_step(kernel, bias, vector, output, cell)
            vector = vector + heard
            outputs.append(heard)
            cells.append(cell)
        if self._hidden is not None:
            kernel, bias = self._hidden
            vector = _product(vector, kernel) + bias
        return LstmState(outputs, cells, vector, known=inputs)

    def logits(self, state: LstmState, head: Head, told: dict[str, np.ndarray]) -> np.ndarray:
        """See the base class."""
        if head.told:
            state.told = state.told + self._told[head.name](told)
            state.known = state.known | told
        vector = state.hidden[:, self._slices[head.name]]
        if self._hidden is not None:
            vector = np.maximum(vector + state.told, 0.0)
        return self._outputs[head.name](vector, state.known)


class _Output:
    """The logits of a head: of classes, distances from a known one, degrees, and what is suggested, in one product."""

    def __init__(self, weights: Weights, head: Head) -> None:
        self._head, self._classes = head, np.arange(head.size)
        parts = [_checked(weights, f"output_{head.name}", 1, head.size)]
        if head.relative_to:
            parts.append(_checked(weights, f"relative_{head.name}", 1, 2 * head.size - 1))
        for tonic in head.degrees_of:
            parts.append(_checked(weights, f"degrees_{head.name}_{tonic}", 1, NUM_PITCH_CLASSES))
        if head.pointers:
            parts.append(_checked(weights, f"pointers_{head.name}", 1, len(head.pointers)))
        self._kernel = np.concatenate([kernel for kernel, _ in parts], axis=1)
        self._bias = np.concatenate([bias for _, bias in parts])

    def __call__(self, vector: np.ndarray, known: dict[str, np.ndarray]) -> np.ndarray:
        """Shape (num_pieces, head_units) -> (num_pieces, head.size)."""
        head, size, values = self._head, self._head.size, _product(vector, self._kernel)
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


class _Hearing:
    """Sums what several features say: one table for all classes, one kernel for each vector of levels."""

    def __init__(self, weights: Weights, features: tuple[Feature, ...], role: str) -> None:
        self._classes = [feature for feature in features if feature.kind == "class"]
        self._levels = [
            (feature.name, _checked(weights, f"{role}_{feature.name}", 0, feature.num_rows)[0])
            for feature in features
            if feature.kind == "levels"
        ]
        tables: list[np.ndarray] = []
        first_rows: list[int] = []
        num_rows = 0
        for feature in self._classes:
            tables.append(_checked(weights, f"{role}_{feature.name}", 0, feature.num_rows)[0])
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
        for name, kernel in self._levels:
            steps = values[name].astype(np.float32)
            vector += np.concatenate([np.minimum(steps, 1), np.minimum(steps / LONGEST_LEVEL_STEPS, 1)], 1) @ kernel
        return vector


def _gates(kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias of one LSTM layer, for input and output side by side.

    Keras orders gates input, forget, cell, output. Here the three sigmoids stand together and are halved, because
    sigmoid(x) = tanh(x / 2) / 2 + 1/2: then one tanh serves all four.
    """
    joined = np.concatenate([kernel, recurrent, bias[None]])
    into, forget, cell, out = np.split(joined, 4, axis=1)
    ordered = np.concatenate([into / 2, forget / 2, out / 2, cell], axis=1).astype(np.float32)
    return np.ascontiguousarray(ordered[:-1]), ordered[-1]


def _lstm_step(
    kernel: np.ndarray, bias: np.ndarray, vector: np.ndarray, output: np.ndarray, cell: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """One step of one layer; every array is (num_pieces, units). Returns the new output and the new cell."""
    units = cell.shape[1]
    gates = _product(np.concatenate([vector, output], axis=1), kernel)
    gates += bias
    np.tanh(gates, out=gates)
    sigmoids = gates[:, : 3 * units]
    sigmoids *= 0.5
    sigmoids += 0.5
    cell = sigmoids[:, units : 2 * units] * cell
    cell += sigmoids[:, :units] * gates[:, 3 * units :]
    return sigmoids[:, 2 * units :] * np.tanh(cell), cell


def _product(rows: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """`rows @ kernel`; BLAS multiplies two or three rows by a large matrix faster one after the other."""
    return rows @ kernel if len(rows) not in (2, 3) else np.stack([row @ kernel for row in rows])


def _checked(weights: Weights, layer: str, axis: int, expected: int) -> list[np.ndarray]:
    """The arrays of a layer, if the first has the expected size."""
    if layer not in weights:
        raise ModelFolderError(
            f"Expected weights of the layer {layer!r}. Received none. Weights and config.json are not of one model; "
            "train it again."
        )
    received = weights[layer][0].shape[axis]
    if received != expected:
        raise ModelFolderError(
            f"The vocabulary has {expected} classes for {layer!r}, the weights have {received}. They are not of one "
            "model; train it again."
        )
    return weights[layer]
