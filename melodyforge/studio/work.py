"""Long work on the folder of music, fetching and reading: starts it, shows how far it is, and what stopped it."""

from __future__ import annotations

import streamlit as st

from melodyforge.errors import MelodyForgeError
from melodyforge.places import MIDI_DIR
from melodyforge.studio.words import plain, told
from melodyforge.workshop.tasks import MAIN, Task, find_task, start_task

SECONDS_BETWEEN_LOOKS = 1.0
READ = "read-music"  # names of tasks
FETCH = "fetch-"  # and the name of a corpus


@st.cache_resource(show_spinner=False)
def _once_more() -> set[str]:
    """Tasks to be started again when they are over: what they work on has changed meanwhile."""
    return set()


def start_reading() -> None:
    """Has the folder read anew, once more where it is being read; the page says why not where it cannot be."""
    if is_running(READ):
        _once_more().add(READ)
        st.rerun()
    else:
        _once_more().discard(READ)
        _start(READ)


def start_fetching(corpus: str) -> None:
    """Has music that comes with Melody Forge put into the folder, and all of it read."""
    _start(FETCH + corpus, "--corpus", corpus)


def _start(name: str, *flags: str) -> None:
    try:
        start_task(name, [MAIN, "prepare", "--midi-dir", str(MIDI_DIR), *flags])
    except MelodyForgeError as error:
        st.error(told(error))
    else:
        st.rerun()


def is_running(name: str) -> bool:
    """Whether a task is at work."""
    task = find_task(name)
    return task is not None and task.is_running


def watch(name: str, title: str, is_main: bool = True) -> None:
    """Shows how far a task is, with a button that stops it; or why it failed.

    Args:
        name: of the task.
        title: what it does, such as "Reading".
        is_main: whether this is the place with the button; others are a line without.
    """
    task = find_task(name)
    if task is None:
        return
    if name in _once_more() and not task.is_running:
        start_reading()
    elif task.is_running:
        (_watch if is_main else _watch_aside)(name, title)
    elif task.error and is_main:
        st.error(f"{title}: {told(task.error)}")


@st.fragment(run_every=SECONDS_BETWEEN_LOOKS)
def _watch(name: str, title: str) -> None:
    task = _running(name)
    status = st.status(f"{title} ...", expanded=True)  # as a context it would be ticked off at once
    status.code(last_line(task), language=None)
    if status.button("Stop", key=f"stop_{name}"):
        _once_more().discard(name)
        task.stop()


@st.fragment(run_every=SECONDS_BETWEEN_LOOKS)
def _watch_aside(name: str, title: str) -> None:
    st.caption(f":material/hourglass_top: {title}: {plain(last_line(_running(name)))}")


def _running(name: str) -> Task:
    """The task; once it is over the whole page is shown anew."""
    task = find_task(name)
    if task is None or not task.is_running:
        st.rerun()
    return task


def last_line(task: Task) -> str:
    """What it said last."""
    lines = [line for line in task.log.replace("\r", "\n").splitlines() if line.strip()]
    return lines[-1] if lines else "starting"
