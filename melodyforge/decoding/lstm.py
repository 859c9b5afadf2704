"""The NumPy form of `networks/lstm.py`: recurrent state carried from row to row.

A test holds it equal to Keras. Layer names are the contract between the two; all sizes are read off the weights.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field, replace

import numpy as np
from typing_extensions import override

from melodyforge.decoding.heads import make_output
from melodyforge.decoding.network import DecodingNetwork
from melodyforge.decoding.weights import Hearing, Weights, normalised, product
from melodyforge.recipe import Recipe
from melodyforge.tokens.features import Head
from melodyforge.tokens.representation import Representation

_Heard = tuple[np.ndarray, dict[str, np.ndarray]]  # a vector, and the classes that heads look up


@dataclass
class LstmState:
    """Of `num_pieces` pieces side by side.

    Attributes:
        outputs, cells: of each layer, shape (num_pieces, units).
        hidden: before the heads, shape (num_pieces, num_heads * head_units); without a hidden layer (…, units).
        told: sum of what heads have been told since the last row, shape (num_pieces, head_units), or 0.
        asked: what heads have been told that stays the same from row to row, and what of it is looked up, by head.
        known: of the inputs of this row and of what heads have been told since that which heads look up, by name.
    """

    outputs: list[np.ndarray]
    cells: list[np.ndarray]
    hidden: np.ndarray
    told: np.ndarray | float = 0.0
    known: dict[str, np.ndarray] = field(default_factory=dict)
    asked: dict[str, _Heard] = field(default_factory=dict)


class LstmNetwork(DecodingNetwork):
    """Stacked residual LSTM with chained heads.

    Attributes:
        outputs: of each head, by its name.
        slices: where each head's own part of what stands before the heads lies.
    """

    def __init__(self, weights: Weights, representation: Representation, recipe: Recipe) -> None:
        """Takes the weights in, whose shapes are those of `layer_shapes`."""
        heads = representation.heads
        self._inputs = Hearing(weights, representation.inputs, "heard")
        self._told = {head.name: Hearing(weights, head.told, "told") for head in heads if head.told}
        self._layers: list[tuple[np.ndarray, np.ndarray]] = []
        while f"lstm_{len(self._layers)}" in weights:
            self._layers.append(gates_of(*weights[f"lstm_{len(self._layers)}"]))
        # Side by side they are large enough for the large pages of memory that NumPy asks for, which are faster.
        together = np.stack([kernel for kernel, _ in self._layers])
        self._layers = [(kernel, bias) for kernel, (_, bias) in zip(together, self._layers, strict=True)]
        self.outputs = {head.name: make_output(weights, head) for head in heads}
        wishes = representation.controls.features if representation.controls else ()
        self._asked = {head.name for head in heads if head.told and set(head.told) <= set(wishes)}  # the same all along
        looked_up = dict.fromkeys(name for head in heads for name in head.looked_up)
        self._known_with = {
            hearing: [name for name in looked_up if name in hearing] for hearing in (self._inputs, *self._told.values())
        }
        self._norm = weights.get("norm")
        self._hidden: tuple[np.ndarray, np.ndarray] | None = None
        self.slices = {head.name: slice(None) for head in heads}
        if f"hidden_{heads[0].name}" in weights:
            kernels, biases = zip(*(weights[f"hidden_{head.name}"] for head in heads), strict=True)
            self._hidden = np.concatenate(kernels, axis=1), np.concatenate(biases)
            units = len(biases[0])
            self.slices = {head.name: slice(i * units, (i + 1) * units) for i, head in enumerate(heads)}

    def start(self, num_pieces: int) -> LstmState:
        """All zeros."""
        zeros = [np.zeros((num_pieces, len(bias) // 4), np.float32) for _, bias in self._layers]
        return LstmState(zeros, [zero.copy() for zero in zeros], zeros[-1])

    def advance(self, state: LstmState, inputs: dict[str, np.ndarray]) -> LstmState:
        """One step of every layer."""
        vector, known = self._hear(self._inputs, inputs)
        outputs, cells = [], []
        for (kernel, bias), output, cell in zip(self._layers, state.outputs, state.cells, strict=True):
            heard, cell = lstm_step(kernel, bias, vector, output, cell)
            vector = vector + heard
            outputs.append(heard)
            cells.append(cell)
        if self._norm is not None:
            vector = normalised(vector, *self._norm)
        if self._hidden is not None:
            kernel, bias = self._hidden
            vector = product(vector, kernel) + bias
        return LstmState(outputs, cells, vector, known=known, asked=state.asked)

    @override
    def logits(self, state: LstmState, head: Head, told: dict[str, np.ndarray]) -> np.ndarray:
        vector = self.before_output(state, head, told)
        return self.outputs[head.name](vector if self._hidden is None else np.maximum(vector, 0.0), state.known)

    def before_output(self, state: LstmState, head: Head, told: dict[str, np.ndarray]) -> np.ndarray:
        """What a head hears, shape (num_pieces, head_units), below 0 too; its output takes it from 0 on.

        Called in place of `logits`.
        """
        if head.told:
            heard = state.asked.get(head.name) or self._hear(self._told[head.name], told)
            if head.name in self._asked:
                state.asked[head.name] = heard
            vector, known = heard
            state.told = state.told + vector
            state.known.update(known)
        vector = state.hidden[:, self.slices[head.name]]
        return vector if self._hidden is None else vector + state.told

    @property
    def lean_size(self) -> int:
        """Length of what `leaning` takes; 0 for a network without hidden layers before its heads."""
        return 0 if self._hidden is None else len(self._hidden[1])

    def leaning(self, lean: np.ndarray) -> LstmNetwork:
        """The same network, which hears something besides before all its heads, side by side; shape (lean_size,)."""
        if self._hidden is None:
            raise ValueError("Only networks with a hidden layer before each head can lean.")
        kernel, bias = self._hidden
        other = copy(self)
        other._hidden = kernel, bias + lean
        return other

    @override
    def pick(self, state: LstmState, which: np.ndarray) -> list[np.ndarray]:
        return [values[which] for values in (*state.outputs, *state.cells)]

    @override
    def put(self, state: LstmState, which: np.ndarray, picked: list[np.ndarray]) -> LstmState:
        values = [values.copy() for values in (*state.outputs, *state.cells)]
        for of_all, of_some in zip(values, picked, strict=True):
            of_all[which] = of_some
        num_layers = len(state.outputs)
        return replace(state, outputs=values[:num_layers], cells=values[num_layers:])

    def _hear(self, hearing: Hearing, values: dict[str, np.ndarray]) -> _Heard:
        """What is heard, shape (num_pieces, units), and what of it heads look up."""
        columns = hearing.columns(values)
        return hearing(values, columns), {name: hearing.column(columns, name) for name in self._known_with[hearing]}


def gates_of(kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias of one LSTM layer, for input and output side by side.

    Keras orders gates input, forget, cell, output. Here the three sigmoids stand together and are halved, because
    sigmoid(x) = tanh(x / 2) / 2 + 1/2: then one tanh serves all four.
    """
    joined = np.concatenate([kernel, recurrent, bias[None]])
    into, forget, cell, out = np.split(joined, 4, axis=1)
    ordered = np.concatenate([into / 2, forget / 2, out / 2, cell], axis=1).astype(np.float32)
    return np.ascontiguousarray(ordered[:-1]), ordered[-1]


def lstm_step(
    kernel: np.ndarray, bias: np.ndarray, vector: np.ndarray, output: np.ndarray, cell: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """One step of one layer; every array is (num_pieces, units). Returns the new output and the new cell."""
    units = cell.shape[1]
    gates = product(np.concatenate([vector, output], axis=1), kernel)  # (num_pieces, 4 * units)
    gates += bias
    np.tanh(gates, out=gates)
    sigmoids = gates[:, : 3 * units]  # into, forget, out
    sigmoids *= 0.5
    sigmoids += 0.5
    cell = sigmoids[:, units : 2 * units] * cell
    cell += sigmoids[:, :units] * gates[:, 3 * units :]
    return sigmoids[:, 2 * units :] * np.tanh(cell), cell
