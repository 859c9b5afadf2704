"""The fields of the panel, filled in for the user: by a card, or so that music is like a take."""

from __future__ import annotations

from typing import Any

import streamlit as st

from melodyforge.settings import Limits, Wishes
from melodyforge.studio.primer import NOTHING
from melodyforge.studio.remembered import Remembered
from melodyforge.tokens.wishes import MODES

UNITS = {"num_notes": "notes", "num_bars": "bars", "num_seconds": "seconds"}  # by the setting of that length
NAMES = {"num_pieces": "takes"}  # of fields that are not called as their settings
TEXTS = ("form", "scale", "range", "chords")  # fields to write into
CLEARED = ("tonic", "mode", "form", "seed", *Wishes.model_fields, *Limits.model_fields)


def ask_for(wishes: dict[str, Any]) -> None:
    """Fills the fields so that they ask for this and nothing else, and has it composed and played.

    For what is called when a button is pressed: that happens before the fields are drawn.

    Args:
        wishes: settings, by name; how many takes, and how notes are drawn, stays as it is unless they say it.
    """
    filled: dict[str, Any] = {name: _nothing(name) for name in CLEARED if name in st.session_state}
    for name, value in wishes.items():
        if name in UNITS:
            filled |= {"unit": UNITS[name], UNITS[name]: value}
        elif name == "key":
            filled |= _key(value)
        else:
            filled[NAMES.get(name, name)] = value
    st.session_state.update(filled | {"primer_way": NOTHING, Remembered.BEGINS: True})


def _nothing(name: str) -> list[str] | str | None:
    """What stands in a field that asks for nothing."""
    return "" if name in TEXTS else [] if isinstance(st.session_state[name], list) else None


def _key(name: str) -> dict[str, str | None]:
    """A key such as "D minor", "Bb" or "minor", in the two fields that it has."""
    words = name.split()
    mode = next((word for word in words if word in MODES), None)
    return {"tonic": next((word for word in words if word != mode), None), "mode": mode}


def begins() -> bool:
    """Whether something is to be composed although Compose was not pressed; true once."""
    return bool(st.session_state.pop(Remembered.BEGINS, False))
