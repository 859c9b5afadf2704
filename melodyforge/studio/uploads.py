"""Music that is brought by the visitor: the form, and what became of the files, until it is dismissed."""

from __future__ import annotations

import streamlit as st

from melodyforge.corpus.report import CorpusReport, Fate, FileReport
from melodyforge.errors import MelodyForgeError
from melodyforge.studio import work
from melodyforge.studio.remembered import Remembered
from melodyforge.studio.visitor import visitor
from melodyforge.studio.words import plain, told
from melodyforge.words import counted
from melodyforge.workshop.music_folder import SENT_SUFFIXES, Added, add_files, open_dataset

NOT_READ = "not read yet"
MAX_LINES, MAX_UPLOADS_KEPT = 12, 100
FATES_TO_EXPLAIN = (Fate.SKIPPED, Fate.REPAIRED, Fate.DUPLICATE)  # the worst first


@st.cache_resource(show_spinner=False)
def _uploads() -> dict[str, Added]:
    """The newest upload of each visitor."""
    return {}


def upload() -> None:
    """The form, and what became of the newest upload. What was chosen stays chosen until it has been added."""
    number = st.session_state.get(Remembered.UPLOADS, 0)  # another number, another widget without files
    with st.form("upload", border=True):
        files = st.file_uploader(
            "MIDI, MusicXML, ABC, or zips of them", SENT_SUFFIXES, True, key=f"music_files_{number}"
        )
        style = st.text_input(
            "Style", key="music_style", placeholder="none", help="A name for this kind of music, to ask for later."
        )
        if st.form_submit_button("Add", icon=":material/upload:", key="add_music"):
            try:
                added = add_files([(file.name, file) for file in files or []], style)
            except MelodyForgeError as error:
                st.error(told(error))
            else:
                st.session_state[Remembered.UPLOADS] = number + 1
                _keep(visitor(), added)
                work.start_reading()
    work.watch(work.READ, "Reading")
    _show(visitor())


def _keep(owner: str, added: Added) -> None:
    uploads = _uploads()
    uploads.pop(owner, None)
    uploads[owner] = added
    for name in list(uploads)[:-MAX_UPLOADS_KEPT]:
        uploads.pop(name, None)


def _show(owner: str) -> None:
    added = _uploads().get(owner)
    if added is None:
        return
    with st.container(border=True, key="uploaded"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f"**{counted(len(added.names), 'file')} added**", width="content")
            if st.button("Dismiss", key="dismiss_upload", icon=":material/close:", type="tertiary"):
                _uploads().pop(owner, None)
                st.rerun()
        if work.is_running(work.READ):
            st.markdown("Reading; the results will appear here.")
            return
        found = open_dataset()
        counts, lines = what_became_of(added, found[1] if found else CorpusReport())
        st.markdown(" · ".join(f"{number:,} {what}" for what, number in counts.items()))
        st.markdown("\n".join(f"- {plain(line)}" for line in lines[:MAX_LINES]))
        if len(lines) > MAX_LINES:
            st.caption(f"And {len(lines) - MAX_LINES:,} more; the page Data lists every file.")
        if NOT_READ in counts and st.button("Read now", key="read_now", icon=":material/refresh:"):
            work.start_reading()


def what_became_of(added: Added, report: CorpusReport) -> tuple[dict[str, int], list[str]]:
    """How many files of an upload met which fate, and a line for each that was not simply used."""
    files = {file.name: file for file in report.files}
    read = [files[name] for name in added.names if name in files]
    counts = {fate.value: sum(file.fate == fate for file in read) for fate in Fate}
    counts |= {NOT_READ: len(added.names) - len(read), "refused": len(added.refused)}
    lines = [_line(file) for fate in FATES_TO_EXPLAIN for file in read if file.fate == fate]
    return {what: number for what, number in counts.items() if number}, [*added.refused, *lines]


def _line(file: FileReport) -> str:
    fate = [] if file.fate == Fate.DUPLICATE else [file.fate.value]  # whose reason says so itself
    return f"{file.name}: {'. '.join([*fate, file.explain()])}"
