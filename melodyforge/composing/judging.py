"""Judges takes: whether one is degenerate, measured by music of its style, what was asked for, and nobody else's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from melodyforge.composing.start import composed_part
from melodyforge.composing.takes import Take
from melodyforge.composing.task import Task
from melodyforge.music.habits import Fault, find_fault
from melodyforge.originality.report import longest_passage


@dataclass(frozen=True)
class Judged:
    """A take, and what is wrong with it.

    Attributes:
        take: the take.
        fault: what is degenerate about it; None if nothing.
        missed: the wish that it misses, or what it copies; None if nothing, or if it is degenerate anyway.
        wishes: all that it misses.
    """

    take: Take
    fault: Fault | None
    missed: str | None
    wishes: Sequence[str] = ()

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
    fault, wishes = _find_fault(task, take), task.missed(composed_part(task, take.piece, take.given))
    missed = None if fault else _find_return(task, take) or next(iter(wishes), None) or _find_copy(task, take)
    return Judged(take, fault, missed, wishes)


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


def _find_copy(task: Task, take: Take) -> str | None:
    """Which passage of the training music, or of pieces to be like, is in it, if it is longer than it may be."""
    most, index = task.settings.max_shared_notes, task.index
    if most is None or index is None:
        return None
    longest = longest_passage(take.piece, index, take.own_notes)
    return f"it shares {longest}" if longest and longest.num_notes > most else None
