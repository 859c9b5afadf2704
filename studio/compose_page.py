"""Compose: say what you want, watch it grow, hear it, keep it."""

from __future__ import annotations

import streamlit as st

from melodyforge.compose import asked_controls
from melodyforge.errors import MelodyForgeError
from melodyforge.workshop.jobs import Job, State
from studio import shared
from studio.panel import panel
from studio.player import player
from studio.stage import show_takes
from studio.visitor import visitor

SECONDS_BETWEEN_LOOKS = 0.2
WELCOME = "Press **Compose**: the music appears here while it is being made."


def show() -> None:
    """The page."""
    owner = visitor()
    left, right = st.columns([4, 9], gap="large")
    with left:
        wanted = panel()
    with right:
        if wanted:
            _begin(owner, *wanted)
        job = shared.job_of(owner)
        if job and not job.is_over:
            _growing(owner)
        else:
            _finished(owner, job)


def _begin(owner, model, settings, primer) -> None:
    try:
        asked_controls(model, settings)  # says at once what the model has not learnt
        shared.submit(owner, model, settings, primer)
        st.session_state.pop("shown", None)
    except MelodyForgeError as error:
        st.error(str(error))


@st.fragment(run_every=SECONDS_BETWEEN_LOOKS)
def _growing(owner: str) -> None:
    """The music so far, a few times a second."""
    job = shared.job_of(owner)
    if job is None or job.is_over:
        st.rerun()
    words, share = _progress(job)
    bar, button = st.columns([5, 1], vertical_alignment="center")
    bar.progress(share, words)
    if button.button("Stop", key="stop", icon=":material/stop:", help="End here and keep what is there"):
        job.stop()
    piece = job.piece()
    if piece is not None and len(piece):
        player([piece], [None], identity=f"growing-{id(job)}", key="growing", is_growing=True)


def _progress(job: Job) -> tuple[str, float]:
    if job.state == State.WAITING:
        before = shared.queue().num_before(job)
        return f"Waiting: {before} before you" if before else "You are next", 0.0
    settings = job.settings
    if settings.num_bars or settings.num_seconds:
        return f"Composing: {job.num_rows:,} notes", 0.5
    again = f" · drawn again ({job.draw})" if job.draw else ""
    return f"Composing: {job.num_rows:,} of {settings.num_notes:,} notes{again}", job.num_rows / settings.num_notes


def _finished(owner: str, job: Job | None) -> None:
    if job and job.error:
        st.error(job.error)
    take_ids = st.session_state.get("shown") or (job.take_ids if job else [])
    if not take_ids:
        newest = shared.takes().of(owner)[:1]
        take_ids = [take.id for take in newest]
    if take_ids:
        show_takes(owner, take_ids)
    elif not (job and job.error):
        st.info(WELCOME, icon=":material/music_note:")
