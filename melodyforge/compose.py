"""What scripts, web app and notebooks call: load a model, compose, get a `Composition`. Imports no TensorFlow.

How it is done stands in `composing/`; its loop is `composing/redraw.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from melodyforge.bundle import Model, find_model, load_model
from melodyforge.composing.manner import Manner, learn_manner
from melodyforge.composing.origin import ends_where, origin_of, require_sources
from melodyforge.composing.redraw import Outcome, draw_until_good
from melodyforge.composing.start import choose_start
from melodyforge.composing.takes import Listener, draw_takes, grow
from melodyforge.composing.task import Task, make_task
from melodyforge.composing.wishes import default_settings, wished_settings
from melodyforge.composition import Composition
from melodyforge.errors import SettingsError
from melodyforge.music.piece import Piece
from melodyforge.music.timeline import with_track_names
from melodyforge.originality.report import report_on
from melodyforge.settings import ComposeSettings

MOST_BESIDE = 4096  # pieces that are kept in memory together


def load(name: str | Path | None = None) -> Model:
    """Loads a model by its name or folder; the newest when none is named.

    Raises:
        ModelFolderError: there is none, or it cannot be used.
    """
    return load_model(find_model(name))


def generate_music(
    model: Model,
    primer: Piece | None = None,
    join: Piece | None = None,
    like: Sequence[Piece] | Manner | None = None,
    **wishes: Any,
) -> list[Composition]:
    """Composes with the model's own sampling and any of `ComposeSettings` by name, such as `num_notes=200, seed=1`.

    With `join` another piece follows behind the primer, and `bridge_bars` are composed between them. `like` are one to
    five pieces in whose manner it composes, or what `learn_manner` has learnt of them. Without a seed each call
    composes something new; `Composition.seed` tells which seed it was.

    Raises:
        SettingsError: a wish or the primer cannot be used, or wishes do not go together.
    """
    settings = wished_settings(model, primer is not None, join is not None, **wishes)
    manner = like if isinstance(like, Manner) or like is None else learn_manner(model, like)
    return compose(model, settings, primer, join=join, manner=manner)


def compose(
    model: Model,
    settings: ComposeSettings | None = None,
    primer: Piece | None = None,
    listener: Listener | None = None,
    join: Piece | None = None,
    manner: Manner | None = None,
    indices: Sequence[int] | None = None,
) -> list[Composition]:
    """Composes `settings.num_pieces` pieces side by side, or some of them.

    A piece is the same whichever others are composed beside it.

    Args:
        model: a loaded model.
        settings: how; the model's own sampling defaults when left out.
        primer: music to go on from.
        listener: is told after every row, and may end the composing.
        join: music to follow behind the primer, by a bridge.
        manner: of pieces that it is to be like, learnt with this model.
        indices: which of the pieces to compose, from 0; None: all.

    Returns:
        The pieces; what ran into a loop or fell silent has been drawn again from before that, what missed a wish as a
        whole.

    Raises:
        SettingsError: the primer holds nothing that the model can go on from, the model has not learnt what is
            asked for, or more pieces are than can be composed side by side.
    """
    task = make_task(model, settings or default_settings(model), primer, join, manner)
    if indices is None and task.settings.num_pieces > MOST_BESIDE:
        raise SettingsError(
            f"`num_pieces` must be at most {MOST_BESIDE:,} without a cluster. Received {task.settings.num_pieces:,}. "
            "Compose fewer, or add --cluster."
        )
    chosen = range(task.settings.num_pieces) if indices is None else indices
    outcomes = draw_until_good(task, chosen, listener)
    return [_composition(task, outcome, index) for index, outcome in zip(chosen, outcomes, strict=True)]


def first_takes(model: Model, settings: ComposeSettings) -> list[Piece]:
    """The first take of each of `settings.num_pieces` pieces, good or not: what a model does before it is corrected.

    `compose` with the same settings begins with these takes, and draws those again that loop, fall silent or miss a
    wish.

    Raises:
        SettingsError: the model has not learnt what is asked for.
    """
    task = make_task(model, settings, None)
    return [take.piece for take in draw_takes(task, list(range(settings.num_pieces)), 0)]


def stream(model: Model, settings: ComposeSettings, primer: Piece | None = None) -> Iterator[Piece]:
    """Composes one piece and yields it again after every row, as it grows; nobody chooses or corrects.

    Raises:
        SettingsError: the primer holds nothing that the model can go on from.
    """
    task = make_task(model, settings.changed(effort="quick"), primer)
    start = choose_start(task, [0], 0)
    for context in grow(task, start, [0], 0):
        yield start.piece(context, 0)


def reproduce(
    model: Model,
    origin: dict[str, Any],
    primer: Piece | None = None,
    join: Piece | None = None,
    manner: Manner | None = None,
) -> Composition:
    """Composes again what a MIDI file says that it is.

    Raises:
        SettingsError: the model, the primer, what was joined or the manner is not what it was composed with.
    """
    require_sources(origin, model, primer, join, manner)
    settings, index = ComposeSettings.check(origin["settings"]), origin["index"]
    beside = range(settings.num_pieces) if origin.get("ended_at") else [index]  # rows are counted for all together
    pieces = compose(model, settings, primer, ends_where(origin), join, manner, beside)
    made = pieces[beside.index(index)]
    return made.with_origin(origin | made.origin)  # what the history added still holds


def _composition(task: Task, outcome: Outcome, index: int) -> Composition:
    """A take that is kept, as it is handed over: named, and with the story of how it was made."""
    name = f"{task.model.name} {task.settings.seed}-{index + 1}"
    piece = outcome.take.piece if task.holding else with_track_names(outcome.take.piece)
    piece = replace(piece, name=name)
    music = task.index
    originality = report_on(outcome.take.piece, music, outcome.take.own_notes) if music else None
    notices = [*_standing(task, piece), *outcome.notices]
    composition = Composition(piece, notices, primer=outcome.take.passage, originality=originality)
    return composition.with_origin(origin_of(task, outcome.take, index))


def _standing(task: Task, piece: Piece) -> list[str]:
    """How much of what was varied stands."""
    if not task.holding or not task.settings.vary:
        return []
    return [f"{task.holding.share_standing(piece):.0%} of the notes stand as they were"]
