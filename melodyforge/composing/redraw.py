"""The loop that composes pieces: draws a take of each, and draws those again that are rejected.

A take that degenerates is mended while it is drawn (`watch`): what comes here misses a wish, or could not be mended.
Knows neither how a take is drawn (`takes`) nor by what it is judged (`judging`).
"""

from __future__ import annotations

from dataclasses import dataclass

from melodyforge.composing.judging import Judged, judge
from melodyforge.composing.takes import Listener, Take, draw_takes
from melodyforge.composing.task import Task
from melodyforge.composition import KEPT
from melodyforge.words import counted

MAX_DRAWS = 6  # takes before one that is degenerate, or not as asked, is kept after all


@dataclass(frozen=True)
class Outcome:
    """The take of a piece that is kept, and what the user should be told about it."""

    take: Take
    notices: list[str]


def draw_until_good(task: Task, listener: Listener | None = None) -> list[Outcome]:
    """Draws each piece until a take is good, or ended by the listener, at most `MAX_DRAWS` times."""
    judged: list[list[Judged]] = [[] for _ in range(task.settings.num_pieces)]
    for draw in range(MAX_DRAWS):
        waiting = [index for index, takes in enumerate(judged) if not takes or takes[-1].is_rejected]
        if not waiting:
            break
        for index, take in zip(waiting, draw_takes(task, waiting, draw, listener), strict=True):
            judged[index].append(judge(task, take))
    return [_choose(takes) for takes in judged]


def _choose(takes: list[Judged]) -> Outcome:
    """The last take; if even that is rejected, the first that only misses a wish, else the least degenerate."""
    *earlier, last = takes
    notices = [f"drawn again because {one.flaw}" for one in earlier]
    if not last.is_rejected:
        return Outcome(last.take, [*notices, *_mended(last.take)])
    best = min((one for one in takes if one.take.is_whole), key=lambda one: one.fault.excess if one.fault else 0.0)
    kept = f"{KEPT}{best.flaw}; a higher temperature or more training may help"
    return Outcome(best.take, [*notices, *_mended(best.take), kept])


def _mended(take: Take) -> list[str]:
    """What the user should be told of a take that was composed again in part."""
    first, *others = take.mended or [""]
    more = f", and from {counted(len(others), 'other place')}" if others else ""
    return [f"drawn again {first}{more}"] if first else []
