"""Hears takes while they are composed, and takes what degenerates back to before it did, to go on in another way.

A loop of a hundred notes is no reason to compose three thousand again. Whether a take is what was asked for can be said
only when it is there: `judging`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from melodyforge.composing.start import Start
from melodyforge.composing.task import Task
from melodyforge.decoding.generate import Generation
from melodyforge.music.habits import Fault, find_fault
from melodyforge.music.piece import Piece
from melodyforge.tokens.representation import Context

ROWS_BETWEEN_LOOKS = 32  # of a piece; of a long one more, because all of it is heard
LOOKS_OF_LONG = 32  # it grows by such a part of its length from look to look
ROWS_LOST = 256  # a piece may lose so many rows, and as many as are sound, before it is abandoned
NUM_ABANDONED = 3  # draws that end where they cannot be mended; others are there to choose from if none comes out well


@dataclass
class Watched:
    """A piece that is watched.

    Attributes:
        next_look: at so many rows.
        is_done: whether it need not be heard any more: it has been to its end, or cannot be mended.
        is_abandoned: whether it ended where it could not be mended.
        num_lost: rows of it that were taken back.
        num_failed: how often it has been taken back from the same place before.
        num_notes: that it had when it was taken back last or before, at most: what goes wrong before is the same place.
        mended: see `Take`.
    """

    next_look: int = ROWS_BETWEEN_LOOKS
    is_done: bool = False
    is_abandoned: bool = False
    num_lost: int = 0
    num_failed: int = 0
    num_notes: int = 0
    mended: list[str] = field(default_factory=list)


class Watch:
    """Has takes composed, and watches them.

    Attributes:
        context: what is known of the takes.
        pieces: those that are watched.
    """

    def __init__(self, task: Task, start: Start, generation: Generation, indices: list[int], draw: int) -> None:
        self._task, self._start, self._generation, self._indices, self._draw = task, start, generation, indices, draw
        self.context = generation.context
        self.pieces = [Watched(int(number) + ROWS_BETWEEN_LOOKS) for number in self.context.num_rows]

    def __iter__(self) -> Iterator[Context]:
        """Yields the context after every row."""
        while True:
            for context in self._generation:
                self._look()
                yield context
            if not self._look():
                return

    def _look(self) -> bool:
        """Hears the pieces that have grown; whether one was taken back."""
        num_mended = 0
        numbers, have_ended = self.context.num_rows.tolist(), self.context.has_ended.tolist()
        for place, watched in enumerate(self.pieces):
            if watched.is_done or not (have_ended[place] or numbers[place] >= watched.next_look):
                continue
            watched.is_done = have_ended[place]
            num_mended += self._hear(place, watched)
            number = int(self.context.num_rows[place])
            watched.next_look = number + max(ROWS_BETWEEN_LOOKS, number // LOOKS_OF_LONG)
        return num_mended > 0

    def _hear(self, place: int, watched: Watched) -> bool:
        """Hears a piece; whether it was taken back."""
        piece = self._start.piece(self.context, place)
        fault = find_fault(piece, self._task.normal(piece.style), self._start.num_given(self.context, place))
        if fault is None or fault.excess == math.inf:
            return False
        num_sound = self._start.num_rows(self.context, place, fault.note)
        if watched.num_lost > ROWS_LOST + num_sound or not self._generation.can_go_back(place, num_sound):
            watched.is_done = True
            if self._draw < NUM_ABANDONED:
                watched.is_abandoned = True
                self.context.end(np.arange(len(self.pieces)) == place)
            return False
        self._mend(place, watched, piece, fault)
        return True

    def _mend(self, place: int, watched: Watched, piece: Piece, fault: Fault) -> None:
        """Takes a piece back to a bar before its fault; where that failed, to two bars before, then four ..."""
        watched.num_failed = watched.num_failed + 1 if fault.note < watched.num_notes else 0
        watched.num_notes = max(watched.num_notes, len(piece))
        number = int(self.context.num_rows[place])
        keep = self._start.num_rows(self.context, place, _notes_before(piece, fault, 2**watched.num_failed))
        rng = self._task.rng_after(self._indices[place], self._draw, len(watched.mended) + 1)
        self._generation.go_back(place, keep, rng)
        num_kept = len(self._start.piece(self.context, place))
        watched.mended.append(f"from note {num_kept + 1:,} on because {fault.words}")
        watched.num_lost += number - int(self.context.num_rows[place])
        watched.is_done = False


def _notes_before(piece: Piece, fault: Fault, num_bars: int) -> int:
    """How many notes begin so many bars before a fault does."""
    step = piece.notes["onset"][fault.note]
    _, _, bar_steps = piece.bars_at(np.array([step]))
    return int(np.searchsorted(piece.notes["onset"], step - num_bars * int(bar_steps[0])))
