"""Judges takes: whether one is degenerate, measured by music of its style, what was asked for, and nobody else's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from melodyforge.composing.takes import Take
from melodyforge.composing.task import Task
from melodyforge.music.habits import Fault, find_fault
from melodyforge.music.piece import Piece
from melodyforge.music.traits import read_traits
from melodyforge.originality.report import longest_passage


@dataclass(frozen=True)
class Judged:
    """A take, and what is wrong with it.

    Attributes:
        take: the take.
        fault: what is degenerate about it; None if nothing.
        missed: the wish that it misses, or what it copies; None if nothing, or if it is degenerate anyway.
    """

    take: Take
    fault: Fault | None
    missed: str | None

    @property
    def flaw(self) -> str | None:
        """What is wrong with it; None if nothing."""
        return self.fault.words if self.fault else self.missed

    @property
    def is_rejected(self) -> bool:
        """Whether there should be another in its place; what a listener has ended is as it was wanted."""
        return self.flaw is not None and self.take.ended_at is None


def judge(task: Task, take: Take) -> Judged:
    """Listens to a take."""
    fault = _find_fault(task, take)
    if fault:
        return Judged(take, fault, None)
    return Judged(take, None, _find_return(task, take) or _find_disobedience(task, take) or _find_copy(task, take))


def _find_fault(task: Task, take: Take) -> Fault | None:
    """What is degenerate about what was composed, measured by music of its style."""
    return find_fault(take.piece, task.normal(take.piece.style), take.given)


def _find_return(task: Task, take: Take) -> str | None:
    """Whether what was to be composed anew is what it was; a close may make it longer."""
    if task.holding is None or isinstance(take.given, int):
        return None
    before, now = task.holding.primer.notes, take.piece.notes
    if not task.holding.stretch.echoes:
        before, now = before[~task.holding.is_kept], now[~take.given]
    is_same = np.array_equal(before[["onset", "pitch"]], now[["onset", "pitch"]])
    return "it is what stood there before" if is_same else None


def _find_disobedience(task: Task, take: Take) -> str | None:
    """In which point what was composed is not what was asked for."""
    controls = task.model.representation.controls
    if controls is None or not task.asked.any():
        return None
    return controls.missed(read_traits(_composed(task, take)), task.asked)


def _composed(task: Task, take: Take) -> Piece:
    """What was composed, with what stands in it; of bars that were varied nothing of what lies between them."""
    if not task.holding or not task.settings.vary:
        return take.composed
    piece, varied = take.piece, sorted(task.holding.stretch.bars)
    bars, position, _ = piece.bars_at(piece.notes["onset"])
    is_varied = np.isin(bars, varied)
    notes = piece.notes[is_varied].copy()
    starts = np.array([piece.start_of_bar(bar) for bar in range(len(varied))])  # as if they were the first bars
    notes["onset"] = starts[np.searchsorted(varied, bars[is_varied])] + position[is_varied]
    return piece.with_notes(notes)


def _find_copy(task: Task, take: Take) -> str | None:
    """Which passage of the training music is in what was composed, if it is longer than it may be."""
    most, index = task.settings.max_shared_notes, task.model.index
    if most is None or index is None:
        return None
    longest = longest_passage(take.piece, index, take.own_notes)
    return f"it shares {longest}" if longest and longest.num_notes > most else None
