"""Leans a network towards a few pieces without training it: one more vector is heard before its heads.

It is learnt by gradients that go back no farther than the heads, in NumPy; nothing else of the network changes. Of a
network that is trained in full, tuning such biases alone comes near to tuning all (Ben Zaken et al., 2021, "BitFit").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from melodyforge.decoding.heads import Classes
from melodyforge.decoding.lstm import LstmNetwork, LstmState
from melodyforge.tokens.representation import Representation

NUM_STEPS = 40
LARGEST_STEP = 0.05  # of each number, at first
PULL = 1.0  # towards no change, beside the nats of one note: what a single note asks for is not believed
MEMORIES = 0.9, 0.99  # of Adam (Kingma and Ba, 2015)


@dataclass(frozen=True)
class Heard:
    """What one head hears in all rows of some windows that it is asked in, and what was to come.

    Attributes:
        vector: before the head, float32, shape (num_rows, head_units).
        known: what it looks up, by name, shapes (num_rows,).
        target: the class that came, shape (num_rows,).
        window: in which window, shape (num_rows,).
    """

    vector: np.ndarray
    known: dict[str, np.ndarray]
    target: np.ndarray
    window: np.ndarray


def listen(
    network: LstmNetwork,
    representation: Representation,
    windows: list[dict[str, np.ndarray]],
    state: LstmState | None = None,
) -> dict[str, Heard]:
    """What each head hears in windows of the same length, side by side; by the names of the heads.

    Args:
        network: that hears.
        representation: whose windows they are.
        windows: see `Representation.window`.
        state: in which it begins; None: as before all music.
    """
    stacked = {name: np.stack([window[name] for window in windows]) for name in windows[0]}
    asked = np.max([stacked[f"target_{head.name}"] for head in representation.heads], axis=0) >= 0
    parts: dict[str, list[Heard]] = {head.name: [] for head in representation.heads}
    state = state or network.start(len(windows))
    for index in range(int(np.flatnonzero(asked.any(axis=0)).max(initial=-1)) + 1):
        row = {name: values[:, index] for name, values in stacked.items()}
        state = network.advance(state, {feature.name: row[feature.name] for feature in representation.inputs})
        for head in representation.heads:
            vector = network.before_output(state, head, {feature.name: row[feature.name] for feature in head.told})
            target = row[f"target_{head.name}"]
            places = np.flatnonzero(target >= 0)
            known = {name: state.known[name][places] for name in head.looked_up}
            parts[head.name].append(Heard(vector[places], known, target[places], places))
    return {name: _joined(heard) for name, heard in parts.items()}


def learn_lean(network: LstmNetwork, heard: dict[str, Heard]) -> np.ndarray:
    """What `LstmNetwork.leaning` takes to make what was heard likelier, float32, shape (lean_size,)."""
    lean = np.zeros(network.lean_size, np.float32)
    for name, of_head in heard.items():
        output = network.outputs[name]
        if isinstance(output, Classes):
            lean[network.slices[name]] = _learn(output, of_head)
    return lean


def nats_of_windows(network: LstmNetwork, heard: dict[str, Heard], lean: np.ndarray) -> np.ndarray:
    """What all that was asked in each window costs, once the network leans so; shape (num_windows,)."""
    total = np.zeros(1 + max(int(one.window.max(initial=0)) for one in heard.values()))
    for name, one in heard.items():
        vector = np.maximum(one.vector + lean[network.slices[name]], 0.0)
        logits = network.outputs[name](vector, one.known).astype(float)
        nats = np.logaddexp.reduce(logits, axis=1) - np.take_along_axis(logits, one.target[:, None], axis=1)[:, 0]
        total += np.bincount(one.window, nats, len(total))
    return total


def _learn(output: Classes, heard: Heard) -> np.ndarray:
    """The change of what one head hears, by Adam on all rows at once; shape (head_units,)."""
    number = max(1, len(heard.target))
    change, mean, square = (np.zeros(heard.vector.shape[1], np.float32) for _ in range(3))
    for step in range(1, NUM_STEPS + 1):
        gradient = (_gradient(output, heard, change) + PULL * change) / number
        mean += (1 - MEMORIES[0]) * (gradient - mean)
        square += (1 - MEMORIES[1]) * (gradient**2 - square)
        size = LARGEST_STEP * (1 - (step - 1) / NUM_STEPS)
        away = np.sqrt(square / (1 - MEMORIES[1] ** step)) + 1e-8
        change -= size * (mean / (1 - MEMORIES[0] ** step)) / away
    return change


def _gradient(output: Classes, heard: Heard, change: np.ndarray) -> np.ndarray:
    """Of the nats of all rows, by the change; shape (head_units,)."""
    vector = heard.vector + change
    chances = output(np.maximum(vector, 0.0), heard.known)
    chances = np.exp(chances - chances.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    chances[np.arange(len(chances)), heard.target] -= 1
    return (output.back(chances, heard.known) * (vector > 0)).sum(axis=0)


def _joined(parts: list[Heard]) -> Heard:
    return Heard(
        vector=np.concatenate([one.vector for one in parts]),
        known={name: np.concatenate([one.known[name] for one in parts]) for name in parts[0].known},
        target=np.concatenate([one.target for one in parts]),
        window=np.concatenate([one.window for one in parts]),
    )
