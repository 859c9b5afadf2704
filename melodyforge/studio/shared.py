"""What all visitors share: loaded models, the queue, the history, rendered sound. Made once, on first use."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import streamlit as st

from melodyforge.bundle import Model, find_model, models_by_age, read_model, saved_at
from melodyforge.composing.wishes import OF_FREE_RHYTHM, OF_WHOLE_PIECES, default_settings
from melodyforge.composition import Composition
from melodyforge.errors import BusyError
from melodyforge.files import write_bytes
from melodyforge.model_state import read_state
from melodyforge.music.notation import bar_numbers
from melodyforge.music.piece import Piece
from melodyforge.places import MODELS_DIR
from melodyforge.settings import OF_A_PRIMER, ComposeSettings
from melodyforge.workshop.cards import Card, example_file
from melodyforge.workshop.jobs import Job, JobQueue
from melodyforge.workshop.memory import share_heaps
from melodyforge.workshop.sounds import Sounds
from melodyforge.workshop.takes import TAKES_FILE, Take, Takes

SEED_OF_EXAMPLES = 1
MAX_JOBS_KEPT = 100  # so that those who load the page again find what they asked for


def models_dir() -> Path:
    """Where the models lie."""
    return Path(os.environ.get("MELODY_FORGE_MODELS") or MODELS_DIR)


@st.cache_resource(show_spinner=False)
def queue() -> JobQueue:
    """Composes for everybody."""
    share_heaps()  # now, before there are threads that compose
    return JobQueue()


@st.cache_resource(show_spinner=False)
def takes() -> Takes:
    """The history."""
    return Takes(Path(os.environ.get("MELODY_FORGE_TAKES") or TAKES_FILE))


@cache  # also for requests, which belong to no page
def sounds() -> Sounds:
    """Rendered sound."""
    return Sounds()


@st.cache_resource(show_spinner=False)
def _jobs() -> dict[str, Job]:
    return {}


@st.cache_resource(show_spinner=False)
def _sketches() -> dict[tuple[str, str], Job]:
    """What composes examples, by the model's hash and the name of the card."""
    return {}


def model_names() -> list[str]:
    """The models that can be chosen: the newest finished one first, those that are unfinished last."""
    return [folder.name for folder in models_by_age(models_dir())]


def model_label(name: str) -> str:
    """What is to be said of a model before it is chosen, such as that it is in training; mostly nothing."""
    return read_state(find_model(name, models_dir())).label


def model(name: str) -> Model:
    """A model, without its network: composing is for other processes."""
    folder = find_model(name, models_dir())
    return _load(folder, saved_at(folder))


@st.cache_resource(max_entries=4, show_spinner=False)  # also for requests, which belong to no page
def _load(folder: Path, changed: float) -> Model:  # cached until it was changed, such as by training anew
    return read_model(folder)


def submit(
    owner: str,
    wanted_model: Model,
    settings: ComposeSettings,
    primer: Piece | None,
    parent: dict[str, Any] | None = None,
    changed: Take | None = None,
) -> Job:
    """Has music composed; its takes go into the owner's history even when the page is closed meanwhile.

    Args:
        owner: whose takes they will be.
        wanted_model: what composes.
        settings: how.
        primer: what it goes on from.
        parent: the take that the primer is a part of: its number, its name, and the bar from which on the music is new,
            or the take that is joined to it by a bridge.
        changed: that take, where the new ones are changes of it, which can be undone.

    Raises:
        BusyError: too many wait already.
        TakeError: the take that is to be joined is not there any more.
    """
    history, rendered = takes(), sounds()
    joined = parent.get("joined") if parent else None

    def keep(composition: Composition) -> int:
        if parent:
            composition = composition.with_origin(composition.origin | {"continues": parent})
        number = history.add(owner, composition, primer, changed)
        if composition.origin["index"] == 0 and job.is_looked_at:  # what will be on the stage first
            rendered.of(composition.piece)
        return number

    join = history.get(owner, joined["take"]).piece if joined else None
    job = Job(wanted_model, settings, primer, keep, owner, join=join)
    queue().submit(job)
    jobs = _jobs()
    if previous := jobs.pop(owner, None):
        previous.stop()
    jobs[owner] = job
    for idle in [name for name, one in jobs.items() if one.is_over][: max(0, len(jobs) - MAX_JOBS_KEPT)]:
        jobs.pop(idle, None)  # those who were here longest ago
    return job


def job_of(owner: str) -> Job | None:
    """What was asked for last, also after the page was loaded again."""
    return _jobs().get(owner)


def branch(
    owner: str,
    take: Take,
    bar: int | None = None,
    anew: str = "",
    varied: dict[str, Any] | None = None,
    joined: Take | None = None,
) -> None:
    """Has music composed as a take was composed, on from a part of it, in the place of some of its bars, or behind it.

    Args:
        owner: whose take it is.
        take: that is branched from.
        bar: from which on its music is made anew, as bars are called (`bar_numbers`); None for other music from the
            same settings, and from the same primer.
        anew: the only bars that are made anew, such as "5-8"; all else stays as it is.
        varied: settings that have bars made anew here and there, or behind it; all else stays as it is.
        joined: the take that follows behind these.

    Raises:
        MelodyForgeError: the model is not there any more, or too many wait.
    """
    settings = ComposeSettings.check(take.origin["settings"])
    values = settings.model_dump(exclude={"seed"}) | {"num_pieces": 1}  # without a seed it gets a new one
    start: Piece | None = take.primer
    parent: dict[str, Any] | None = take.origin.get("continues")
    if anew or varied:
        start, parent = take.piece, {"take": take.id, "name": take.name, "anew": anew}
        parent |= {"joined": {"take": joined.id, "name": joined.name}} if joined else {}
        values |= dict.fromkeys(OF_A_PRIMER, None) | (varied or {"redo_bars": anew})
        dropped = (*OF_WHOLE_PIECES, *(OF_FREE_RHYTHM if values["vary_keeps"] else ()))
        values = {name: value for name, value in values.items() if name not in dropped}
    elif bar is not None:
        piece = take.piece
        start, parent = piece.excerpt(0, bar - bar_numbers(piece)[0]), {"take": take.id, "name": take.name, "bar": bar}
        values |= dict.fromkeys(OF_A_PRIMER)
    changed = take if anew or varied or bar is not None else None
    submit(owner, model(take.origin["model"]), ComposeSettings.check(values), start, parent, changed)


def again(owner: str, take: Take, likeness: Callable[[Model, ComposeSettings, Piece], ComposeSettings]) -> None:
    """Has as many takes composed as there were with a take, more like it or less.

    Args:
        owner: whose take it is.
        take: to compare with.
        likeness: makes the settings, such as `more_like`.

    Raises:
        MelodyForgeError: the model is not there any more, or too many wait.
    """
    its_model, settings = model(take.origin["model"]), ComposeSettings.check(take.origin["settings"])
    submit(owner, its_model, likeness(its_model, settings, take.piece), take.primer, take.origin.get("continues"))


def sketch(wanted_model: Model, cards: list[Card]) -> bool:
    """Has examples of cards composed, once, after all that people wait for; gives whether some are still to come."""
    for card in cards:
        name = wanted_model.hash, card.name
        if name in _sketches():
            continue
        settings = default_settings(wanted_model, seed=SEED_OF_EXAMPLES, effort="quick", **card.wishes)
        keep = partial(_keep_example, example_file(wanted_model, card))
        job = Job(wanted_model, settings, None, keep, is_awaited=False)
        with contextlib.suppress(BusyError):  # the next look tries again
            queue().submit(job)
            _sketches()[name] = job
    return is_sketching(wanted_model)


def _keep_example(file: Path, composition: Composition) -> int:
    write_bytes(file, composition.to_midi())
    return 0


def is_sketching(wanted_model: Model) -> bool:
    """Whether examples of a model are being composed."""
    return any(not job.is_over for (name, _), job in _sketches().items() if name == wanted_model.hash)
