"""The one loop that composes: hear the past, draw head after head, take the row into the past.

Yields after every row; scripts, web app and tests all wrap it. A piece that went wrong can be taken back to an earlier
row; what is wrong others say. Knows no files.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from melodyforge.decoding.constraints import Constraints
from melodyforge.decoding.corrections import Corrections
from melodyforge.decoding.ending import Ending, Length
from melodyforge.decoding.guidance import GuidedNetwork
from melodyforge.decoding.network import DecodingNetwork
from melodyforge.decoding.sampling import IMPOSSIBLE, sample
from melodyforge.settings import SamplingSettings
from melodyforge.tokens.features import Head
from melodyforge.tokens.headings import Heading
from melodyforge.tokens.held import Hold
from melodyforge.tokens.notes import NotesRepresentation
from melodyforge.tokens.representation import Context, Representation

UNIFORMS_AT_ONCE = 256  # rows for which random numbers are drawn ahead, for speed
ROWS_BETWEEN_STATES = 16  # of a piece, to which it can be taken back
STATES_KEPT = 64


class Generation:
    """Composes several pieces side by side; each of them can be taken back, and then goes on in another way.

    Attributes:
        context: what is known of the pieces.
    """

    def __init__(
        self,
        network: DecodingNetwork,
        representation: Representation,
        headings: list[Heading],
        settings: SamplingSettings,
        length: Length,
        rngs: list[np.random.Generator],
        primers: list[np.ndarray] | None = None,
        controls: np.ndarray | None = None,
        holds: Sequence[Hold] = (),
        constrain: Callable[[Any], Constraints] | None = None,
        corrections: Corrections | None = None,
    ) -> None:
        """Hears the primers.

        Args:
            network: the trained network.
            representation: its representation.
            headings: tempo and meter of every piece.
            settings: how rows are drawn.
            length: of every piece, the primer not counted.
            rngs: a source of random numbers for every piece.
            primers: for each piece rows to start from, all of the same length.
            controls: what is asked of each, shape (num_pieces, num_columns); None asks nothing.
            holds: notes of each that stand, all of the same piece.
            constrain: gives what composed notes must keep to, of the context once it has heard; None: nothing.
            corrections: what the network does too often or too seldom; None where that is not known.
        """
        if controls is not None and settings.guidance != 1 and controls.any():
            network = GuidedNetwork(network, settings.guidance)
        self._network, self._representation, self._settings = network, representation, settings
        self._headings, self._length, self._controls, self._holds = headings, length, controls, holds
        self._uniforms = _Uniforms(rngs, len(representation.heads))
        # After so many rows: the state of the network, and where the piece is planned to end.
        self._states: list[deque[tuple[int, Any, int]]] = [deque(maxlen=STATES_KEPT) for _ in headings]
        self.context = representation.begin(headings, controls, holds)
        self._state = network.start(self.context.num_pieces)
        if primers:
            self._listen(primers)
        self.context.begin_composing()
        self._begins = self.context.num_rows.copy()
        self._constraints = constrain(self.context) if constrain else None
        has_notes = isinstance(representation, NotesRepresentation)
        self._correction = corrections.of(headings) if corrections and has_notes else None
        ends_as_planned = self._constraints is not None and self._constraints.close is not None
        self._ending = Ending(
            length, headings, self.context, is_given=bool(holds), ends_as_planned=ends_as_planned and not holds
        )

    def __iter__(self) -> Iterator[Context]:
        """Draws row after row; yields the same context after each, until all pieces have ended."""
        context = self.context
        while not context.is_over:
            self._ending.plan()
            self._remember()
            self._advance()
            self._draw()
            if context.is_over:
                return
            context.commit()
            context.end(self._length.is_over(context) | (context.num_rows >= self._begins + self._length.max_rows))
            yield context

    def can_go_back(self, place: int, num_rows: int) -> bool:
        """Whether a piece can be taken back to at most so many rows."""
        return bool(self._states[place]) and self._states[place][0][0] <= num_rows

    def go_back(self, place: int, num_rows: int, rng: np.random.Generator) -> None:
        """Takes one piece back to its first rows; it goes on with other random numbers.

        Args:
            place: of the piece.
            num_rows: that it may keep, a primer counted. It keeps a few less, as many as there is a state for; if all
                of those have more rows, the oldest.
            rng: its random numbers from now on.
        """
        states = self._states[place]
        while len(states) > 1 and states[-1][0] > num_rows:
            states.pop()
        num_kept, picked, last_step = states[-1]
        controls = None if self._controls is None else self._controls[place : place + 1]
        alone = self._representation.begin(self._headings[place : place + 1], controls, self._holds[place : place + 1])
        alone.hear(self.context.rows(place)[:num_kept])
        self.context.go_back(place, alone)
        if self.context.plan is not None:
            self.context.plan.last_step[place] = last_step
        self._state = self._network.put(self._state, self._only(place), picked)
        self._uniforms.change(place, rng)

    def follow(self, sources: np.ndarray) -> None:
        """Has every piece go on from where another stands, with random numbers of its own; see `Context.follow`."""
        self.context.follow(sources)
        self._state = self._network.follow(self._state, sources)
        self._states = [self._states[source].copy() for source in sources.tolist()]

    def _listen(self, primers: list[np.ndarray]) -> None:
        """Takes a primer into the past of each piece; of one that is held, as it is held."""
        windows = [self._representation.window(primer, 0, len(primer)) for primer in primers]
        for row_index in range(len(primers[0])):
            self._advance()
            for head in self._representation.heads:
                classes = np.array([window[f"target_{head.name}"][row_index] for window in windows])
                illegal = self.context.illegal(head) if self._holds else None
                self.context.choose(head, classes if illegal is None else illegal.argmin(axis=1))
            self.context.commit()

    def _remember(self) -> None:
        """Keeps the states of pieces, to take them back there. One without rows has none that could be kept."""
        num_rows = self.context.num_rows
        is_due = ((num_rows % ROWS_BETWEEN_STATES == 0) | (num_rows == self._begins + 1)) & (num_rows > 0)
        for place in np.flatnonzero(is_due & ~self.context.has_ended).tolist():
            states, number = self._states[place], int(num_rows[place])
            if not states or states[-1][0] < number:
                last_step = 0 if self.context.plan is None else int(self.context.plan.last_step[place])
                states.append((number, self._network.pick(self._state, self._only(place)), last_step))

    def _only(self, place: int) -> np.ndarray:
        return np.arange(self.context.num_pieces) == place

    def _advance(self) -> None:
        self._state = self._network.advance(self._state, self.context.inputs())

    def _draw(self) -> None:
        """Draws head after head of the next row."""
        context, representation = self.context, self._representation
        for head, uniforms in zip(representation.heads, next(self._uniforms), strict=True):
            logits = self._network.logits(self._state, head, context.told(head))
            if self._correction:
                logits *= self._correction.sharpness
            illegal = context.illegal(head)
            if head is representation.heads[0]:
                logits[:, representation.end_class] += self._ending.bias()
            if self._correction and head.name == "pitch":
                logits += self._correction.pitches(context.moment)
            if self._constraints:
                illegal = self._constrained(self._constraints, head, illegal, logits)
            if illegal is not None:
                np.copyto(logits, IMPOSSIBLE, where=illegal)
            context.choose(head, sample(logits, self._settings, uniforms))
            if context.is_over:
                return

    def _constrained(
        self, constraints: Constraints, head: Head, illegal: np.ndarray | None, logits: np.ndarray
    ) -> np.ndarray | None:
        """What is illegal, and what the constraints forbid besides; a piece to which nothing is left ends."""
        forbidden = constraints.illegal(head)
        if forbidden is None:
            return illegal
        if illegal is not None:
            forbidden |= illegal
        if head is self._representation.heads[0]:
            is_stuck, end = constraints.stuck(forbidden), self._representation.end_class
            forbidden[is_stuck, end] = False
            logits[is_stuck, end] = 0
        return forbidden


class _Uniforms:
    """Random numbers for row after row, shape (num_heads, num_pieces); each piece has its own source."""

    def __init__(self, rngs: list[np.random.Generator], num_heads: int) -> None:
        self._rngs, self._num_heads = [*rngs], num_heads
        self._next_rows = np.zeros((0, num_heads, len(rngs)))

    def __next__(self) -> np.ndarray:
        if not len(self._next_rows):
            self._next_rows = np.stack([self._drawn(rng, UNIFORMS_AT_ONCE) for rng in self._rngs], axis=-1)
        row, self._next_rows = self._next_rows[0], self._next_rows[1:]
        return row

    def change(self, place: int, rng: np.random.Generator) -> None:
        """From the next row on, one piece has another source."""
        self._rngs[place] = rng
        self._next_rows[..., place] = self._drawn(rng, len(self._next_rows))

    def _drawn(self, rng: np.random.Generator, num_rows: int) -> np.ndarray:
        return rng.random((num_rows, self._num_heads))
