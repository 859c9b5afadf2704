"""What music may start from: a file, a piece in the music folder, a few notes played here, or nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import streamlit as st

from melodyforge.corpus.store import PieceStore
from melodyforge.errors import MelodyForgeError, MusicReadError
from melodyforge.music.load import MUSIC_SUFFIXES
from melodyforge.music.notation import bar_numbers
from melodyforge.music.piece import Piece
from melodyforge.music.recording import piece_of_recording
from melodyforge.music.timeline import with_track_names
from melodyforge.places import DATASET_DIR
from melodyforge.settings import CONTOUR, HARMONY, RHYTHM, ComposeSettings
from melodyforge.studio.keyboard import keyboard
from melodyforge.studio.widgets import offered
from melodyforge.studio.words import label, told
from melodyforge.words import counted
from melodyforge.workshop.primers import read_sent, require_short

NOTHING, FILE, PASSAGE, PLAY = "nothing", "a file", "the music folder", "play it here"
FOLLOWS, BARS, TRACKS, VARIED = "what follows", "bars", "tracks", "a variation"
NO_TRACKS = "Choose a track that stays, or compose what follows."
A_PASSAGE = "a random passage"  # of the training music
KEEPS = "Rhythm: only pitches change. Contour: lines also rise and fall as before. Harmony: the chords stay."
MAX_KEPT_FILES = 8  # a piece of the largest size takes 3 MB
KEPT_SECONDS = 600  # then a file that took too long may be tried again
MAX_PIECES = 2000  # offered; a longer list helps nobody
MISSING = {
    FILE: "Choose a file to start from, or start from nothing.",
    PASSAGE: "The music folder has not been read. Add music on the page Train, or start from nothing.",
    PLAY: "Record a few notes to start from, or start from nothing.",
}


@dataclass(frozen=True)
class Start:
    """What music is to start from.

    Attributes:
        piece: the music; None for nothing.
        problem: why what was chosen cannot be started from; "" where it can. Nothing may be composed then.
        keeps: settings that say what of it stays while the rest is composed anew; none where it is continued.
    """

    piece: Piece | None = None
    problem: str = ""
    keeps: dict[str, Any] = field(default_factory=dict)


def primer(usual: str = NOTHING, can_keep: bool = False) -> Start:
    """The widgets, and what was chosen with them.

    Args:
        usual: what the model starts from when nothing is chosen.
        can_keep: whether the model can compose around parts of it that stay.
    """
    with st.expander("Start from", icon=":material/start:"):
        store = _dataset()
        has_passages = store or st.session_state.get("primer_way") == PASSAGE
        ways = [NOTHING, FILE, *([PASSAGE] if has_passages else []), PLAY]
        way = st.segmented_control(
            "Start from",
            ways,
            default=NOTHING,
            required=True,
            key="primer_way",
            label_visibility="collapsed",
            persist_state="session",  # so that nobody who comes back from another page composes from nothing
            format_func=lambda one: usual if one == NOTHING else one,
        )
        try:
            chosen = _chosen(way, store)
            if chosen is not None:
                require_short(chosen)
        except MelodyForgeError as error:
            st.error(told(error))
            return Start(problem=told(error))
        if chosen is None:
            return Start(problem=MISSING.get(way, ""))
        task = _task(chosen) if can_keep and len(chosen) else FOLLOWS
        if task != FOLLOWS:
            st.caption("Length, form, tempo and meter are those of this music.")
        if task == BARS:
            return Start(chosen, keeps={"redo_bars": _bars_anew(chosen)})
        if task == TRACKS:
            kept = _kept_tracks(chosen)
            return Start(chosen, "" if kept else NO_TRACKS, {"keep_tracks": kept})
        if task == VARIED:
            return Start(chosen, keeps=varied("primer"))
        st.caption(f"The music continues from {counted(len(chosen), 'note')}.")
        return Start(chosen)


def _task(piece: Piece) -> str:
    """What is to be done with a piece."""
    tasks = [FOLLOWS, TRACKS] if piece.is_performed else [FOLLOWS, BARS, TRACKS, VARIED]
    chosen = st.segmented_control(
        "Compose", tasks, default=FOLLOWS, required=True, key="primer_task", help="All else stays as it is."
    )
    return chosen or FOLLOWS


def varied(key: str) -> dict[str, Any]:
    """How much of a piece is varied and what that keeps, as settings.

    Args:
        key: begins the keys of the widgets.
    """
    share = st.slider(**offered(ComposeSettings, "vary"), key=f"{key}_vary")
    kept = st.pills(
        label("vary_keeps"), [RHYTHM, CONTOUR, HARMONY], selection_mode="multi", key=f"{key}_vary_keeps", help=KEEPS
    )
    return {"vary": share, "vary_keeps": ",".join(kept) or None}


def _bars_anew(piece: Piece) -> str:
    """Which bars are composed anew, as the setting says it."""
    bars = bar_numbers(piece)
    if len(bars) == 1:
        return str(bars[0])
    middle = bars[len(bars) // 2]
    first, last = st.slider(
        "Bars to compose anew", bars[0], bars[-1], (middle, min(middle + 3, bars[-1])), key="primer_anew"
    )
    return f"{first}-{last}"


def _kept_tracks(piece: Piece) -> list[str]:
    """Which tracks stay, as the setting says it."""
    names = [track.name for track in with_track_names(piece).tracks]
    return st.multiselect(
        "Tracks that stay",
        [str(number) for number in range(1, len(names) + 1)],
        default=["1"],
        format_func=lambda number: names[int(number) - 1],
        key="primer_kept",
        help="The others are composed anew. A tune alone gets others to go with it.",
    )


def _chosen(way: str, store: PieceStore | None) -> Piece | None:
    if way == FILE:
        return _from_file()
    if way == PASSAGE and store:
        return _from_dataset(store)
    return _from_keyboard() if way == PLAY else None


def _from_file() -> Piece | None:
    upload = st.file_uploader("MIDI, MusicXML or ABC", MUSIC_SUFFIXES, key="primer_file")
    if upload is None:
        return None
    piece = _read(upload.getvalue(), Path(upload.name).suffix.lower())
    if isinstance(piece, MusicReadError):
        raise piece
    return _beginning(piece, "file")


@st.cache_data(max_entries=MAX_KEPT_FILES, ttl=KEPT_SECONDS, show_spinner="Reading the file")
def _read(data: bytes, suffix: str) -> Piece | MusicReadError:
    """The music in an uploaded file, or why there is none; kept, because the page runs again at every click."""
    try:
        return read_sent(data, suffix)
    except MusicReadError as error:
        return error


def _from_dataset(store: PieceStore) -> Piece:
    numbers = range(min(len(store), MAX_PIECES))
    number = st.selectbox(
        "Piece", numbers, format_func=lambda index: store[index].name or f"piece {index + 1}", key="primer_piece"
    )
    return _beginning(store[number], "passage")


def _from_keyboard() -> Piece | None:
    return piece_of_recording(keyboard(key="primer_keys"))


def _beginning(piece: Piece, key: str) -> Piece:
    """A stretch of bars of a piece, as the user chooses it."""
    bars = bar_numbers(piece)
    if len(bars) == 1:
        return piece
    first, last = st.slider(
        "Bars",
        bars[0],
        bars[-1],
        (bars[0], min(8, bars[-1])),
        key=f"primer_bars_{key}",
        help="The passage to continue from.",
    )
    return piece.excerpt(first - bars[0], last - bars[0] + 1)


def _dataset() -> PieceStore | None:
    try:
        return PieceStore(DATASET_DIR) if DATASET_DIR.is_dir() else None
    except MelodyForgeError:
        return None
