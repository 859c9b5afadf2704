"""A piano keyboard on the screen, to record a few notes with."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from melodyforge.studio.scripts import joined

HERE = Path(__file__).parent
_component = st.components.v2.component(
    "melody_forge_keyboard",
    html=(HERE / "keyboard.html").read_text(encoding="utf-8"),
    css=(HERE / "keyboard.css").read_text(encoding="utf-8"),
    js=joined(HERE / "keyboard.js"),
)


def keyboard(key: str) -> list[list[float]] | None:
    """Shows the keyboard.

    Returns:
        For each note of the last recording its pitch, its start and its length in seconds; None before the first.
    """
    return _component(key=key, on_notes_change=lambda: None).notes
