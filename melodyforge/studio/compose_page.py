"""Compose: say what you want, watch it grow, hear it, keep it."""

from __future__ import annotations

import contextlib

import streamlit as st

from melodyforge.bundle import Model
from melodyforge.composing.task import num_draws
from melodyforge.composing.wishes import asked_controls
from melodyforge.errors import MelodyForgeError
from melodyforge.music.piece import Piece, make_notes
from melodyforge.settings import ComposeSettings
from melodyforge.studio import shared
from melodyforge.studio.cards import cards
from melodyforge.studio.panel import panel
from melodyforge.studio.player import player
from melodyforge.studio.primer import Start
from melodyforge.studio.remembered import Remembered
from melodyforge.studio.rolls import begin_playing
from melodyforge.studio.stage import STAGE, show_takes
from melodyforge.studio.visitor import visitor
from melodyforge.studio.words import about_time, told
from melodyforge.words import counted
from melodyforge.workshop.cards import cards_of
from melodyforge.workshop.jobs import Job

SECONDS_BETWEEN_LOOKS = 0.2
SECONDS_FOR_EACH = 0.05  # longer between looks, so many people are composing
PATIENCE_S = 0.25  # for the first note
NO_NOTES = Piece(make_notes([]), ())
WELCOME = "Press **Compose**: the music appears here as it is composed."


def show() -> None:
    """The page."""
    owner = visitor()
    left, right = st.columns([4, 9], gap="large")
    with left:
        plays = Remembered.BEGINS in st.session_state
        model, wanted = panel()
    with right:
        if model and wanted:
            _begin(owner, model, *wanted, plays)
        job = shared.job_of(owner)
        if job and not job.is_over:
            seconds = max(SECONDS_BETWEEN_LOOKS, SECONDS_FOR_EACH * shared.queue().num_at_work)
            st.fragment(_growing, run_every=seconds)(owner)
        else:
            _finished(owner, job, model)
    if model:
        shared.queue().composers.prepare(model.folder)  # last, so that the page is there first


def _begin(owner: str, model: Model, settings: ComposeSettings, start: Start, plays: bool) -> None:
    if start.problem:
        st.error(f"Nothing was composed. {start.problem}")
        return
    try:
        asked_controls(model, settings)  # says at once what the model has not learnt
        job = shared.submit(owner, model, settings, start.piece)
        st.session_state[Remembered.PLAYS] = job if plays else None
    except MelodyForgeError as error:
        st.error(told(error))


def _growing(owner: str) -> None:
    """The music so far, a few times a second."""
    job = shared.job_of(owner)
    if job is None or job.is_over:
        st.rerun()
    job.wait_for_notes(PATIENCE_S)
    words, share = progress(job)
    with st.container():
        bar, button = st.columns([5, 1], vertical_alignment="center")
    bar.progress(share, words)
    if button.button("Stop", key="stop", icon=":material/stop:", help="Stop here and keep the music so far"):
        job.stop()
    piece = job.piece() or NO_NOTES
    player([piece], [None], identity=f"growing-{id(job)}", key=STAGE, is_growing=len(piece) > 0)


def progress(job: Job) -> tuple[str, float]:
    """How far a job has come: in words, and from 0 to 1."""
    if job.compositions:
        return "Rendering the sound ...", 1.0
    before, seconds = shared.queue().outlook(job)
    if before and not job.is_growing:
        return f"Waiting: {before} ahead of you, {about_time(seconds)}", job.share
    return " · ".join(_so_far(job)), job.share


def _so_far(job: Job) -> list[str]:
    """How far the takes that are composed now have come, and which these are."""
    settings, growing = job.settings, job.growing
    share, indices, draw = (growing.share, growing.indices, growing.draw) if growing else (0.0, [], 0)
    words = f"{job.num_notes:,} of {counted(settings.num_notes, 'note')}"
    if settings.num_bars:
        words = f"bar {min(settings.num_bars, 1 + int(share * settings.num_bars))} of {settings.num_bars}"
    elif settings.num_seconds:
        words = f"{int(share * settings.num_seconds)} of {settings.num_seconds:g} seconds"
    takes = "" if settings.num_pieces == 1 else f"{len(indices) or settings.num_pieces} of {settings.num_pieces} takes"
    again = f"attempt {draw + 1} of at most {num_draws(settings)}" if draw else ""
    return [f"Composing: {words}", *filter(None, [takes, again])]


def _finished(owner: str, job: Job | None, model: Model | None) -> None:
    if job and job.error:
        st.error(told(job.error))
    take_ids = _still_there(owner, job.take_ids if job else []) or _newest(owner)
    if take_ids:
        show_takes(owner, take_ids, st.rerun)
        if job and st.session_state.get(Remembered.PLAYS) is job:
            begin_playing(f"take-{take_ids[0]}")
        if model and cards_of(model):
            _cards_again(model)
    elif model and cards_of(model):
        with st.container(key="first"):
            cards(model)
    else:
        with st.container():
            st.info(WELCOME, icon=":material/music_note:")
        player([NO_NOTES], [None], identity="nothing", key=STAGE)


def _cards_again(model: Model) -> None:
    """The cards, folded away."""
    fold = st.expander("Start from a card", icon=":material/style:", key="cards_again", on_change="rerun")
    if fold.open:
        with fold:
            cards(model, about="")


def _still_there(owner: str, take_ids: list[int]) -> list[int]:
    kept = []
    for take_id in take_ids:
        with contextlib.suppress(MelodyForgeError):  # deleted meanwhile, on the page Takes
            kept.append(shared.takes().get(owner, take_id).id)
    return kept


def _newest(owner: str) -> list[int]:
    try:
        return [take.id for take in shared.takes().of(owner, at_most=1)[:1]]
    except MelodyForgeError as error:  # music can be composed without a history
        st.warning(told(error))
        return []
