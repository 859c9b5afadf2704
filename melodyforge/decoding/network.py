"""What a network offers while music is composed, whatever its family. NumPy only."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from melodyforge.tokens.features import Head


class DecodingNetwork(ABC):
    """A trained network, one row at a time, for several pieces side by side.

    The state is passed in and out, never kept: one network serves many compositions at once.
    """

    @abstractmethod
    def start(self, num_pieces: int) -> Any:
        """The state before the first row."""

    @abstractmethod
    def advance(self, state: Any, inputs: dict[str, np.ndarray]) -> Any:
        """The state after hearing one row of inputs, shapes (num_pieces, ...)."""

    @abstractmethod
    def logits(self, state: Any, head: Head, told: dict[str, np.ndarray]) -> np.ndarray:
        """Logits of one head, shape (num_pieces, head.size).

        Called once for each head in order after `advance`; `told` is what has become known since the head before.
        """

    @abstractmethod
    def pick(self, state: Any, which: np.ndarray) -> Any:
        """What `advance` needs of the state of some pieces, for `put`; `which` is bool, shape (num_pieces,)."""

    def follow(self, state: Any, sources: np.ndarray) -> Any:
        """The state in which every piece stands where another stood; what comes next is `advance`.

        Args:
            state: of all pieces.
            sources: for each piece where that other is, shape (num_pieces,).
        """
        return self.put(state, np.arange(len(sources)), self.pick(state, sources))

    @abstractmethod
    def put(self, state: Any, which: np.ndarray, picked: Any) -> Any:
        """The state with what was picked of the same pieces before; what comes next is `advance`."""
