"""A piano keyboard on the screen, to record a few notes with."""

from __future__ import annotations

from pathlib import Path

from melodyforge.studio.scripts import component

_component = component(Path(__file__).parent)


def keyboard(key: str) -> list[list[float]] | None:
    """Shows the keyboard.

    Returns:
        For each note of the last recording its pitch, its start and its length in seconds; None before the first.
    """
    notes: list[list[float]] | None = _component(key=key, on_notes_change=lambda: None).notes
    return notes
