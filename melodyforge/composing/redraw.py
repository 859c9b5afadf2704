"""The loop that composes pieces: draws takes of each, chooses the best, and draws again where all are rejected.

A take that degenerates is mended while it is drawn (`watch`): what comes here misses a wish, or could not be mended.
Knows neither how a take is drawn (`takes`) nor by what it is judged (`judging`, `ranking`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from melodyforge.composing.judging import Judged, judge
from melodyforge.composing.ranking import rank
from melodyforge.composing.takes import Listener, Take, draw_takes
from melodyforge.composing.task import Task, num_draws
from melodyforge.composition import KEPT
from melodyforge.words import counted

HELP, HELP_WITH_WISHES = "a higher temperature or more training", "fewer wishes at once or a higher guidance"


@dataclass(frozen=True)
class Outcome:
    """The take of a piece that is kept, and what the user should be told about it."""

    take: Take
    notices: list[str]


def draw_until_good(task: Task, indices: Sequence[int], listener: Listener | None = None) -> list[Outcome]:
    """Draws takes of each piece until one is good, or ended by the listener; at most `num_draws` times."""
    number = task.settings.best_of
    judged: dict[int, list[Judged]] = {index: [] for index in indices}
    for draw in range(num_draws(task.settings)):
        waiting = [index for index, takes in judged.items() if all(one.is_rejected for one in takes)]
        if not waiting:
            break
        places = [number * index + other for index in waiting for other in range(number)]
        for place, take in zip(places, draw_takes(task, places, draw, listener), strict=True):
            judged[place // number].append(judge(task, take))
    return [_choose(task, takes) for takes in judged.values()]


def _choose(task: Task, takes: list[Judged]) -> Outcome:
    """The best that is not rejected; if all are, one that only misses a wish, or few, else the least degenerate."""
    sound = [one.take for one in takes if not one.is_rejected]
    if not sound:
        best = min((one for one in takes if one.take.is_whole), key=_badness)
        is_wish = best.missed in best.wishes
        kept = f"{KEPT}{best.flaw}; {HELP_WITH_WISHES if is_wish else HELP} may help"
        others = takes[:-1] if task.settings.best_of == 1 else [one for one in takes if one is not best]
        return Outcome(best.take, [*_rejected(task, others), *_mended(best.take), kept])
    place = int(rank(task, [one.piece for one in sound]).argmax()) if len(sound) > 1 else 0
    return Outcome(sound[place], [*_rejected(task, takes), *_mended(sound[place]), *_chosen(task, len(sound) - 1)])


def _badness(one: Judged) -> tuple[float, int]:
    """How degenerate a take is, and how many wishes it misses."""
    return one.fault.excess if one.fault else 0.0, len(one.wishes)


def _rejected(task: Task, takes: list[Judged]) -> list[str]:
    """Why takes were rejected; of many at once the reasons, and how many each held for."""
    flaws = [one.flaw for one in takes if one.is_rejected]
    if task.settings.best_of == 1:
        return [f"drawn again because {flaw}" for flaw in flaws]
    return [f"rejected {counted(number, 'take')} because {flaw}" for flaw, number in Counter(flaws).most_common()]


def _chosen(task: Task, num_others: int) -> list[str]:
    """By what the best was chosen."""
    likes = ["real music"] * (task.model.critic is not None) + ["what was asked for"] * bool(task.asked.any())
    if not num_others or not likes:
        return []
    return [f"chosen: it is more like {' and '.join(likes)} than {counted(num_others, 'other take')}, all in all"]


def _mended(take: Take) -> list[str]:
    """What the user should be told of a take that was composed again in part."""
    first, *others = take.mended or [""]
    more = f", and from {counted(len(others), 'other place')}" if others else ""
    return [f"drawn again {first}{more}"] if first else []
