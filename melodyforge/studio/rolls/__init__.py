"""Small rolls that play when they are pressed, pointed at, or called by their number; and the player that begins."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from melodyforge.music.piece import Piece
from melodyforge.music.small_roll import small_roll
from melodyforge.studio import shared
from melodyforge.studio.media import promised_address
from melodyforge.studio.scripts import component, joined

HERE = Path(__file__).parent
_roll = component(HERE)
_begin = st.components.v2.component("melody_forge_begin", js=joined(HERE / "begin.js"))


def playing_roll(piece: Piece | None, name: str, key: str, number: int = 0) -> None:
    """Shows a piece in small, which plays when it is pressed.

    Args:
        piece: the music; None where there is none yet.
        name: what it is called.
        key: of the widget.
        number: of the key on the keyboard that plays it, 1 to 9, and pointing at it does, too; 0 for neither.
    """
    data = {"name": name, "number": number, "svg": "", "seconds": 0.0, "audio": None}
    if piece is not None and len(piece):
        address = promised_address(shared.sounds().promise(piece))
        data |= {"svg": small_roll(piece), "seconds": round(piece.seconds, 1), "audio": address}
    _roll(data=data, key=key)


def begin_playing(identity: str) -> None:
    """Has the player begin by itself, once, as soon as it has the sound of this (see `player`)."""
    with st.container(height=1, border=False):
        _begin(data={"identity": identity}, key="begin_playing")
