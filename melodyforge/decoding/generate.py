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
from melodyforge.tokens.headings import Heading
from melodyforge.tokens.representation import Context, Representation

UNIFORMS_AT_ONCE = 256  # rows for which random numbers are drawn ahead, for speed
ENDING_SHARE = 0.1  # in this last part of the length an ending becomes ever more welcome
ENDING_LOGIT = 4.0  # how much, at the very end
ROWS_PER_NOTE = 4  # at most, on average: most representations have one, others have rests in rows of their own


@dataclass(frozen=True)
class Length:
    """How long a piece may become, what a primer gave not counted.

    Attributes:
        num_notes: at most; the row that reaches this number is the last.
        is_full: whether the network may not end the piece before the last `ENDING_SHARE`.
        num_steps: after which each piece is over, shape (num_pieces,); None: notes alone count.
    """

    num_notes: int
    is_full: bool = False
    num_steps: np.ndarray | None = None

    @property
    def max_rows(self) -> int:
        """After which even music that hardly holds notes is over."""
        return ROWS_PER_NOTE * self.num_notes

    def share(self, context: Context) -> np.ndarray:
        """How far each piece has come towards its last note or step: 0 to 1, or a little more."""
        share = context.num_composed / self.num_notes
        return share if self.num_steps is None else np.maximum(share, context.steps_composed / self.num_steps)

    def ending_bias(self, context: Context) -> np.ndarray | np.float32:
        """What is added to the logit of the end of each piece; none ends before its first note."""
        lateness = (self.share(context) - 1 + ENDING_SHARE) / ENDING_SHARE
        if self.is_full and lateness.max() < 0:  # mostly
            return IMPOSSIBLE
        is_too_early = (context.num_composed == 0) | (self.is_full & (lateness < 0))
        return np.where(is_too_early, IMPOSSIBLE, ENDING_LOGIT * np.maximum(lateness, 0)).astype(np.float32)

    def is_over(self, context: Context) -> np.ndarray:
        """Which pieces have come to their last note or step."""
        is_over = context.num_composed >= self.num_notes
        return is_over if self.num_steps is None else is_over | (context.steps_composed >= self.num_steps)


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
    context.begin_composing()
    draws = _uniforms(rngs, len(representation.heads))
    for _ in range(length.max_rows):
        state = network.advance(state, context.inputs())
        for head, uniforms in zip(representation.heads, next(draws), strict=True):
            logits = network.logits(state, head, context.told(head))
            illegal = context.illegal(head)
            if head is representation.heads[0]:
                logits[:, representation.end_class] += length.ending_bias(context)
            if illegal is not None:
                np.copyto(logits, IMPOSSIBLE, where=illegal)
            context.choose(head, sample(logits, settings, uniforms))
            if context.is_over:
                return
        context.commit()
        context.end(length.is_over(context))
        yield context
        if context.is_over:
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
