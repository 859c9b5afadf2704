"""The player: piano rolls with a playhead in step with the sound. Draws what `melodyforge.music.timeline` says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from melodyforge.music.piece import Piece
from melodyforge.music.timeline import timeline
from melodyforge.studio.media import sound_address
from melodyforge.studio.scripts import joined
from melodyforge.workshop.sounds import KeptSound

HERE = Path(__file__).parent
_component = st.components.v2.component(
    "melody_forge_player",
    html=(HERE / "player.html").read_text(encoding="utf-8"),
    css=(HERE / "player.css").read_text(encoding="utf-8"),
    js=joined(HERE / "player.js"),
)


def player(
    pieces: Sequence[Piece],
    sounds: Sequence[KeptSound | None],
    identity: str,
    key: str,
    is_growing: bool = False,
    names: Sequence[str] = (),
) -> None:
    """Shows one piece, or several below one another with the same playhead.

    Args:
        pieces: what is drawn.
        sounds: that of each; None while there is none.
        identity: another one sends playhead, zoom and loop back to the beginning.
        key: of the widget.
        is_growing: whether more notes will come.
        names: of the pieces, where they have others than their own.
    """
    takes: list[dict[str, Any]] = [timeline(piece) for piece in pieces]
    for take, name in zip(takes, names, strict=False):
        take["name"] = name
    for take, sound in zip(takes, sounds, strict=True):
        take["audio"] = sound_address(sound) if sound else None
    _component(data={"takes": takes, "identity": identity, "is_growing": is_growing}, key=key)
