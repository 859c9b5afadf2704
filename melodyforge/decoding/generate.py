"""The one loop that composes: hear the past, draw head after head, take the row into the past.

Yields after every row; scripts, web app and tests all wrap it. Knows no files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from melodyforge.decoding.guidance import GuidedNetwork
from melodyforge.decoding.network import DecodingNetwork
from melodyforge.decoding.sampling import IMPOSSIBLE, sample
from melodyforge.settings import SamplingSettings
from melodyforge.tokens.representation import Context, Heading, Representation

UNIFORMS_AT_ONCE = 256  # rows for which random numbers are drawn ahead, for speed
ENDING_SHARE = 0.1  # in this last part of the length an ending becomes ever more welcome
ENDING_LOGIT = 4.0  # how much, at the very end


@dataclass(frozen=True)
class Length:
    """How long a piece may become.

    Attributes:
        num_rows: at most.
        is_full: whether the network may not end the piece before the last `ENDING_SHARE`.
        num_steps: after which each piece is over, the primer not counted, shape (num_pieces,); None: rows alone
            count.
    """

    num_rows: int
    is_full: bool = False
    num_steps: np.ndarray | None = None

    def ending_bias(self, row_index: int, clock: np.ndarray) -> np.ndarray:
        """What is added to the logit of the end at a row, when each piece has come to the step `clock`."""
        share = row_index / self.num_rows
        if self.num_steps is not None:
            share = np.maximum(share, clock / self.num_steps)
        lateness = (share - 1 + ENDING_SHARE) / ENDING_SHARE
        early = IMPOSSIBLE if self.is_full else 0
        return np.where(lateness < 0, early, ENDING_LOGIT * lateness).astype(np.float32)

    def is_over(self, clock: np.ndarray) -> np.ndarray | bool:
        """Which pieces have come to their last step."""
        return False if self.num_steps is None else clock >= self.num_steps


def generate(
    network: DecodingNetwork,
    representation: Representation,
    headings: list[Heading],
    settings: SamplingSettings,
    length: Length,
    rngs: list[np.random.Generator],
    primers: list[np.ndarray] | None = None,
    controls: np.ndarray | None = None,
) -> Iterator[Context]:
    """Composes several pieces side by side.

    Args:
        network: the trained network.
        representation: its representation.
        headings: tempo and meter of every piece.
        settings: how rows are drawn.
        length: of every piece, the primer not counted.
        rngs: a source of random numbers for every piece.
        primers: for each piece rows to start from, all of the same length.
        controls: what is asked of each, shape (num_pieces, num_columns); None asks nothing.

    Yields:
        The same context after every row, until all pieces have ended.
    """
    context = representation.begin(headings, controls)
    if controls is not None and settings.guidance != 1 and controls.any():
        network = GuidedNetwork(network, settings.guidance)
    state = network.start(context.num_pieces)
    if primers:
        state = _listen(network, representation, context, state, primers)
    begins = context.clock.copy()
    draws = _uniforms(rngs, len(representation.heads))
    for row_index in range(length.num_rows):
        state = network.advance(state, context.inputs())
        for head, uniforms in zip(representation.heads, next(draws), strict=True):
            logits = network.logits(state, head, context.told(head))
            illegal = context.illegal(head)
            if head is representation.heads[0]:
                logits[:, representation.end_class] += length.ending_bias(row_index, context.clock - begins)
            if illegal is not None:
                logits[illegal] = IMPOSSIBLE
            context.choose(head, sample(logits, settings, uniforms))
            if context.has_ended.all():
                return
        context.commit()
        yield context
        if np.all(context.has_ended | length.is_over(context.clock - begins)):
            return


def _listen(
    network: DecodingNetwork, representation: Representation, context: Context, state: Any, primers: list[np.ndarray]
) -> Any:
    """Takes a primer into the past of each piece."""
    windows = [representation.window(primer, 0, len(primer)) for primer in primers]
    for row_index in range(len(primers[0])):
        state = network.advance(state, context.inputs())
        for head in representation.heads:
            context.choose(head, np.array([window[f"target_{head.name}"][row_index] for window in windows]))
        context.commit()
    return state


def _uniforms(rngs: list[np.random.Generator], num_heads: int) -> Iterator[np.ndarray]:
    """Random numbers for row after row, shape (num_heads, num_pieces); each piece has its own source."""
    while True:
        block = np.stack([rng.random((UNIFORMS_AT_ONCE, num_heads)) for rng in rngs], axis=-1)
        yield from block
