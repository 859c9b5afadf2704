"""Strengthens wishes: moves what is expected away from what would be expected if nothing were asked.

Classifier-free guidance (Ho and Salimans, 2022): the network listens twice, told of the wishes and not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from typing_extensions import override

from melodyforge.decoding.network import DecodingNetwork
from melodyforge.decoding.weights import Twice
from melodyforge.tokens.features import Head


class GuidedNetwork(DecodingNetwork):
    """Another network, heard with and without the wishes side by side."""

    def __init__(self, network: DecodingNetwork, guidance: float) -> None:
        self._network, self._guidance = network, np.float32(guidance)

    @override
    def start(self, num_pieces: int) -> Any:
        return self._network.start(2 * num_pieces)

    @override
    def advance(self, state: Any, inputs: dict[str, np.ndarray]) -> Any:
        return self._network.advance(state, Twice(inputs))

    @override
    def logits(self, state: Any, head: Head, told: dict[str, np.ndarray]) -> np.ndarray:
        both = self._network.logits(state, head, Twice(told))
        asked, unasked = both[: len(both) // 2], both[len(both) // 2 :]
        return unasked + self._guidance * (asked - unasked)

    @override
    def pick(self, state: Any, which: np.ndarray) -> Any:
        return self._network.pick(state, np.tile(which, 2))

    @override
    def follow(self, state: Any, sources: np.ndarray) -> Any:
        return self._network.follow(state, np.concatenate([sources, sources + len(sources)]))

    @override
    def put(self, state: Any, which: np.ndarray, picked: Any) -> Any:
        return self._network.put(state, np.tile(which, 2), picked)
