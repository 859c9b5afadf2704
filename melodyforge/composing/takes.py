"""Draws one take of each piece, side by side, and tells a listener how they grow. Does not judge them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from melodyforge.composing.finishing import finished
from melodyforge.composing.start import Given, Start, choose_start
from melodyforge.composing.task import Task
from melodyforge.composing.watch import Watch
from melodyforge.decoding.constraints import Constraints, NotBefore, PitchMask, StepMask
from melodyforge.decoding.generate import Generation
from melodyforge.music.piece import Piece
from melodyforge.tokens.notes import NotesContext, NotesRepresentation
from melodyforge.tokens.wishes import ANY

MOST_AT_ONCE = 4096  # candidates that are composed side by side, to save memory
STRICTER, MOST_GUIDANCE = 0.75, 10.0  # guidance from draw to draw


@dataclass(frozen=True, kw_only=True)
class Growing:
    """Takes while they are composed.

    Attributes:
        num_rows: composed so far, the primer not counted, what was taken back counted.
        num_notes: composed so far by the piece that has fewest, of those that go on.
        share: of these pieces that is there, 0 to 1; what has ended sooner is all there.
        draw: 0 at first, more when takes are drawn again.
        indices: which of the pieces these are.
        piece: gives the music so far of the take at a place in `indices`.
    """

    num_rows: int
    num_notes: int
    share: float
    draw: int
    indices: list[int]
    piece: Callable[[int], Piece]


Listener = Callable[[Growing], bool | None]  # is told after every row; True ends the composing with what is there


@dataclass(frozen=True)
class Take:
    """What one draw gave.

    Attributes:
        piece: the music.
        given: which of its notes were given, not composed.
        passage: of training music, that it was started from without keeping it; None if there is none.
        ended_at: draw and row at which the listener ended it; None if it did not.
        mended: what went wrong on the way, and was composed again from there; in words.
        is_whole: whether it came to its end; otherwise it was abandoned as degenerate.
    """

    piece: Piece
    given: Given
    passage: Piece | None
    ended_at: list[int] | None = None
    mended: tuple[str, ...] = ()
    is_whole: bool = True

    @property
    def own_notes(self) -> np.ndarray:
        """The notes that were composed, where they stand; none that was given."""
        return self.piece.notes[self.given :] if isinstance(self.given, int) else self.piece.notes[~self.given]


def draw_takes(task: Task, indices: list[int], draw: int, listener: Listener | None = None) -> list[Take]:
    """One take of each of these pieces; what degenerates on the way is mended.

    Args:
        task: what is to be composed.
        indices: which of its pieces.
        draw: how often they have been drawn before; each draw has its own random numbers.
        listener: is told after every row, and may end all these takes.
    """
    at_once = max(1, MOST_AT_ONCE // task.num_candidates)
    groups = [indices[first : first + at_once] for first in range(0, len(indices), at_once)]
    return [take for group in groups for take in _draw_together(task, group, draw, listener)]


def _draw_together(task: Task, indices: list[int], draw: int, listener: Listener | None) -> list[Take]:
    start, ended_at = choose_start(task, indices, draw).repeated(task.num_candidates), None
    with threadpool_limits(1):  # products this small wait for other threads longer than they compute
        watch = Watch(task, start, grow(task, start, indices, draw), indices, draw)
        for num_rows, _ in enumerate(watch, start=1):
            if listener and listener(_growing(start, watch, num_rows, indices, draw)):
                ended_at = [draw, num_rows]
                watch.settle()
                break
    wholes = [watch.whole(index) for index in range(len(watch.pieces))]
    return [
        Take(
            piece=_with_chords(task, start, watch, watched.place, finished(task, piece, given)),
            given=given,
            passage=None if task.manner else start.passage(watched.place),
            ended_at=ended_at,
            mended=tuple(watched.mended),
            is_whole=not watched.is_abandoned,
        )
        for (piece, given), watched in zip(wholes, watch.pieces, strict=True)
    ]


def _with_chords(task: Task, start: Start, watch: Watch, place: int, piece: Piece) -> Piece:
    """The piece with the chords that were asked for, from where composing began."""
    if not task.limits or not len(piece):
        return piece
    context = watch.context
    moved = start.steps_dropped(context, place)
    heading = start.headings[place]
    begin = task.limits.start_of_chords(context, place, heading)
    last_step = int(context.plan.last_step[place]) if context.plan else None
    chords = task.limits.chords_of(heading, begin, piece.end + moved, last_step)
    return replace(piece, chords=tuple(replace(one, onset=max(0, one.onset - moved)) for one in chords))


def grow(task: Task, start: Start, indices: list[int], draw: int) -> Generation:
    """What composes the music that follows the start of each piece."""
    settings = task.settings
    if not task.asked.any():  # what comes with a heading needs no strengthening
        settings = settings.changed(guidance=1.0)
    elif settings.guidance > 1:  # what a take missed, the next is to follow more strictly
        settings = settings.changed(guidance=min(MOST_GUIDANCE, settings.guidance + STRICTER * draw))
    return Generation(
        task.network,
        task.model.representation,
        start.headings,
        settings=settings,
        length=start.length,
        rngs=task.rngs_of_candidates(indices, draw),
        primers=start.primers,
        controls=_controls(task, start),
        holds=start.holds,
        constrain=_constrain(task, start),
        corrections=task.model.corrections,
    )


def _constrain(task: Task, start: Start) -> Callable[[NotesContext], Constraints] | None:
    """What every note keeps to, of the context that has heard the start."""
    limits, holding, representation = task.limits, task.holding, task.model.representation
    kept: list[PitchMask] = [holding.harmony] if holding and holding.harmony else []
    begun: list[StepMask] = [NotBefore(task.first_step)] if task.first_step else []
    melody = holding.melody if holding else None
    if limits:
        return lambda context: limits.constraints(context, start.headings, start.length, kept, begun, melody)
    if not (kept or begun or melody) or not isinstance(representation, NotesRepresentation):
        return None
    return lambda context: Constraints(representation, context, kept, begun, melody=melody)


def _controls(task: Task, start: Start) -> np.ndarray:
    """What each piece is asked for, shape (num_pieces, num_columns).

    What is left open comes from the training piece of the heading, so that all fits together; beside a primer it
    stays open, but for the instruments where a part of the primer stands.
    """
    known, controls = task.model.representation.controls, np.repeat(task.asked[None], len(start.headings), axis=0)
    if known and start.holding:
        plays = [start.holding.is_held | hold.is_free for hold in start.holds]
        return np.array([known.with_tracks(task.asked, one) for one in plays])
    if known is None or task.primer is not None:
        return controls
    return np.where(controls == ANY, [known.of(heading.traits) for heading in start.headings], controls)


def _growing(start: Start, watch: Watch, num_rows: int, indices: list[int], draw: int) -> Growing:
    context, places = watch.context, [watched.place for watched in watch.pieces]
    composed = [min(number, start.length.num_notes) for number in context.num_composed[places].tolist()]
    has_ended, shares = context.has_ended[places].tolist(), start.share(context)[places].tolist()
    going_on = [number for number, is_done in zip(composed, has_ended, strict=True) if not is_done]
    done = [1.0 if is_done else min(share, 1.0) for share, is_done in zip(shares, has_ended, strict=True)]
    return Growing(
        num_rows=num_rows,
        num_notes=min(going_on, default=max(composed)),
        share=sum(done) / len(done),
        draw=draw,
        indices=indices,
        piece=watch.piece,
    )
