"""Data: what the folder of music holds, what became of every file; hear, relabel and remove pieces."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pandas as pd
import streamlit as st

from melodyforge.corpus.files import find_music_files
from melodyforge.corpus.report import CorpusReport, Fate
from melodyforge.corpus.store import PieceStore
from melodyforge.errors import MelodyForgeError
from melodyforge.places import DATASET_DIR, MIDI_DIR
from melodyforge.studio import shared, work
from melodyforge.studio.player import player
from melodyforge.studio.words import told
from melodyforge.words import counted
from melodyforge.workshop.music_folder import (
    DAYS_KEPT,
    Summary,
    list_removed,
    open_dataset,
    put_back,
    relabel_file,
    remove_file,
    summarise,
)

PLOTS_IN_A_ROW = 3
MAX_BARS_SHOWN = 8  # in a plot
BAR_COLOUR = "#0072b2"
ABOUT_FATES = {
    Fate.USED: "unchanged",
    Fate.REPAIRED: "with errors corrected",
    Fate.DUPLICATE: "the same music as another file",
    Fate.SKIPPED: "no readable music",
}


def _unread() -> None:
    num_files = len(find_music_files(MIDI_DIR))
    if not num_files:
        st.info("There is no music yet. Add some on the page **Train**.", icon=":material/folder_open:")
        return
    st.info(f"{counted(num_files, 'file')} in your folder, not read yet.", icon=":material/folder_open:")
    if st.button("Read the folder", key="read_first", icon=":material/refresh:", type="primary"):
        work.start_reading()


def show() -> None:
    """The page."""
    work.watch(work.READ, "Reading")
    found = open_dataset()
    if found is None:
        _unread()
        _removed()
        return
    store, report = found
    if st.button("Read the folder again", key="read_again", icon=":material/refresh:", help="After files have changed"):
        work.start_reading()
    summary = _summary(store.fingerprint, str(store.folder))
    _figures(summary, report)
    _plots(summary)
    files, pieces = st.tabs(["Files", "Listen"], key="data_tab", on_change="rerun")
    if files.open:
        with files:
            _files(report)
    if pieces.open:
        with pieces:
            _listen(store)


@st.cache_data(max_entries=4, show_spinner="Analysing the music ...")
def _summary(fingerprint: str, folder: str) -> Summary:
    store = open_dataset(DATASET_DIR)
    if store is None:
        raise RuntimeError(f"the dataset {folder} vanished")
    return summarise(store[0])


def _figures(summary: Summary, report: CorpusReport) -> None:
    fates = report.count_fates()
    with st.container(horizontal=True):
        st.metric("Pieces", f"{summary.num_pieces:,}", border=True)
        st.metric("Notes", f"{summary.num_notes:,}", border=True)
        for fate, about in ABOUT_FATES.items():
            st.metric(fate.value.capitalize(), f"{fates[fate]:,}", border=True, help=f"Files: {about}.")


def _plots(summary: Summary) -> None:
    plots = {
        "Styles": summary.styles,
        "Keys": summary.keys,
        "Tempo, quarter notes per minute": _tempi(summary.tempos_qpm),
        "Instruments": summary.instruments,
        "Meters": summary.meters,
        "Moods": summary.moods,
    }
    shown = [(title, counts) for title, counts in plots.items() if any(counts)]
    for first in range(0, len(shown), PLOTS_IN_A_ROW):
        columns = st.columns(PLOTS_IN_A_ROW)
        for column, (title, counts) in zip(columns, shown[first : first + PLOTS_IN_A_ROW], strict=False):
            with column:
                _plot(title, counts)


def _plot(title: str, counts: Counter[str]) -> None:
    st.caption(title)
    bars = pd.DataFrame(_most(counts, by_name=title.startswith("Tempo")), columns=["name", "pieces"])
    height = 60 + 23 * len(bars)
    st.bar_chart(
        bars,
        x="name",
        y="pieces",
        x_label="",
        y_label="",
        horizontal=True,
        height=height,
        sort=False,
        color=BAR_COLOUR,
    )


def _most(counts: Counter[str], by_name: bool) -> list[tuple[str, int]]:
    """The commonest, in falling order or by the number that their names begin with."""
    rows = counts.most_common(MAX_BARS_SHOWN)
    return sorted(rows, key=lambda row: int(row[0].split()[0])) if by_name else rows


def _tempi(tempos_qpm: list[float]) -> Counter[str]:
    return Counter(f"{int(tempo // 20 * 20)} to {int(tempo // 20 * 20 + 19)}" for tempo in tempos_qpm)


def _files(report: CorpusReport) -> None:
    fate = st.segmented_control(
        "Show",
        ["all", *(fate.value for fate in Fate)],
        default="all",
        required=True,
        key="fate",
        label_visibility="collapsed",
    )
    rows = [file for file in report.files if fate in ("all", file.fate.value)]
    table = pd.DataFrame(
        {
            "file": [file.name for file in rows],
            "result": [file.fate.value for file in rows],
            "why": [file.explain() for file in rows],
            "notes": [file.num_notes for file in rows],
        }
    )
    st.dataframe(table, hide_index=True, width="stretch", key="file_table")
    with st.container(border=True, horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "File", [file.name for file in report.files], key="file", index=None, placeholder="choose a file"
        )
        style = st.text_input("New style", key="new_style", width=180, help="The subfolder to move the file to")
        if st.button("Relabel", key="relabel", icon=":material/label:", disabled=not name):
            _change(partial(relabel_file, str(name), style))
        about = f"It can be put back for {DAYS_KEPT} days."
        if st.button("Remove", key="remove_file", icon=":material/delete:", disabled=not name, help=about):
            _change(partial(remove_file, str(name)))
    _removed()
    work.watch(work.READ, "Reading", is_main=False)


def _removed() -> None:
    """Files that can be put back."""
    removed = list_removed()
    if not removed:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="bottom", key="removed"):
        chosen = st.selectbox(
            f"Removed, kept for {DAYS_KEPT} days",
            removed,
            format_func=lambda one: one.split("/", 1)[1],
            key=f"removed_{removed[0]}",  # after every removal the newest is offered
        )
        if st.button("Put back", key="put_back", icon=":material/undo:"):
            _change(lambda: put_back(chosen))


def _change(act) -> None:
    try:
        act()
    except MelodyForgeError as error:
        st.error(told(error))
        return
    work.start_reading()


def _listen(store: PieceStore) -> None:
    names = store.names
    number = st.selectbox(
        "Piece", range(len(names)), format_func=lambda index: names[index] or f"piece {index + 1}", key="piece"
    )
    if number is None:
        return
    piece = store[number]
    with st.spinner("Rendering the sound ..."):
        sound = shared.sounds().of(piece)
    player([piece], [sound], identity=f"data-{store.fingerprint}-{number}", key="data_player")
