"""The NumPy form of `networks/attention.py`: the window of the past is read anew for every row.

A test holds it equal to Keras. Layer names are the contract between the two.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from melodyforge.decoding.heads import make_output
from melodyforge.decoding.lstm import gates_of, lstm_step
from melodyforge.decoding.network import DecodingNetwork
from melodyforge.decoding.weights import Hearing, Weights, normalised
from melodyforge.recipe import Recipe
from melodyforge.tokens.features import Head
from melodyforge.tokens.representation import Representation


@dataclass
class WindowState:
    """Of `num_pieces` pieces side by side.

    Attributes:
        heard: the newest rows, oldest first, as vectors, shape (window, num_pieces, units); empty before the first.
        hidden: before the heads, shape (num_pieces, 2 * units); None until it is asked for.
    """

    heard: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 0), np.float32))
    hidden: np.ndarray | None = None


class AttentionNetwork(DecodingNetwork):
    """Bidirectional LSTM over a window, attention of the newest row over all, heads side by side."""

    def __init__(self, weights: Weights, representation: Representation, recipe: Recipe) -> None:
        """Takes the weights in, whose shapes are those of `layer_shapes`."""
        self._hear = Hearing(weights, representation.inputs, "heard")
        self._layers: list[list[tuple[np.ndarray, np.ndarray]]] = []  # forward and backward
        while f"forward_{len(self._layers)}" in weights:
            names = [f"{direction}_{len(self._layers)}" for direction in ("forward", "backward")]
            self._layers.append([gates_of(*weights[name]) for name in names])
        parts = ("query", "key", "value", "output")
        self._query, self._key, self._value, self._output = (weights[f"attention_{part}"] for part in parts)
        self._norm = weights["norm"]
        self._outputs = {head.name: make_output(weights, head) for head in representation.heads}
        self._num_heads, self._window = recipe.network.num_attention_heads, recipe.training.window or 1

    def start(self, num_pieces: int) -> WindowState:
        """Nothing heard."""
        return WindowState()

    def advance(self, state: WindowState, inputs: dict[str, np.ndarray]) -> WindowState:
        """Takes a row into the window; before a piece there is nothing, as often as it takes."""
        newest = self._hear(inputs)[None]
        older = state.heard[1:] if len(state.heard) else np.repeat(newest, self._window - 1, axis=0)
        return WindowState(np.concatenate([older, newest]))

    def logits(self, state: WindowState, head: Head, told: dict[str, np.ndarray]) -> np.ndarray:
        """See the base class. The window is read with the first question about what follows it."""
        if state.hidden is None:
            state.hidden = self._read(state.heard)
        return self._outputs[head.name](state.hidden, told)

    def pick(self, state: WindowState, which: np.ndarray) -> np.ndarray:
        """See the base class. The window must have heard a row."""
        return state.heard[:, which]

    def put(self, state: WindowState, which: np.ndarray, picked: np.ndarray) -> WindowState:
        """See the base class."""
        heard = state.heard.copy()
        heard[:, which] = picked
        return WindowState(heard)

    def _read(self, hidden: np.ndarray) -> np.ndarray:
        """Shape (window, num_pieces, units) -> (num_pieces, 2 * units)."""
        for forward, backward in self._layers:
            both = _run(*forward, hidden), _run(*backward, hidden[::-1])[::-1]
            hidden = np.concatenate(both, axis=-1)
        return normalised(hidden[-1] + self._attended(hidden), *self._norm)

    def _attended(self, hidden: np.ndarray) -> np.ndarray:
        """What the newest row takes from all rows; shape (window, num_pieces, width) -> (num_pieces, width)."""
        query, key, value = (
            part @ kernel + bias
            for part, (kernel, bias) in zip(
                (hidden[-1], hidden, hidden), (self._query, self._key, self._value), strict=True
            )
        )
        num_pieces, width = query.shape
        query = query.reshape(num_pieces, self._num_heads, -1)
        key, value = (part.reshape(len(hidden), *query.shape) for part in (key, value))
        scores = np.einsum("phd,wphd->wph", query, key) * (width // self._num_heads) ** -0.5  # (window, pieces, heads)
        shares = np.exp(scores - scores.max(axis=0))
        shares /= shares.sum(axis=0)
        kernel, bias = self._output
        return np.einsum("wph,wphd->phd", shares, value).reshape(num_pieces, width) @ kernel + bias


def _run(kernel: np.ndarray, bias: np.ndarray, sequence: np.ndarray) -> np.ndarray:
    """One LSTM layer over a sequence; shape (steps, num_pieces, features) -> (steps, num_pieces, units)."""
    output = cell = np.zeros((sequence.shape[1], len(bias) // 4), np.float32)
    outputs = []
    for vector in sequence:
        output, cell = lstm_step(kernel, bias, vector, output, cell)
        outputs.append(output)
    return np.stack(outputs)
