"""The fields of the panel, filled in for the user: by a card, or by what was asked for in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from melodyforge.music.keys import TONIC_NAMES, key_named
from melodyforge.studio.primer import NOTHING
from melodyforge.studio.remembered import Remembered
from melodyforge.tokens.wishes import MODES

UNITS = {"num_notes": "notes", "num_bars": "bars", "num_seconds": "seconds"}  # by the setting of that length
NAMES = {"num_pieces": "takes"}  # of fields that are not called as their settings
AT_ONCE = (1, 4, 8)  # takes
EMPTY: dict[str, Any] = {  # what stands in fields that ask for nothing
    **dict.fromkeys(("style", "tonic", "mode", "tempo", "meter", "mood", "density", "polyphony", "seed")),
    **{"instruments": [], "form": "", "unit": "notes"},
}


def in_fields(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in the fields for settings: values by key."""
    filled: dict[str, Any] = {}
    for name, value in settings.items():
        if name in UNITS:
            filled |= {"unit": UNITS[name], UNITS[name]: value}
        elif name == "key":
            filled |= _key(value)
        else:
            filled[NAMES.get(name, name)] = value
    return filled


def ask_for(wishes: Mapping[str, Any]) -> None:
    """Fills the fields so that they ask for this and nothing else, and has it composed and played.

    For what is called when a button is pressed: that happens before the fields are drawn.

    Args:
        wishes: settings, by name; how many takes, and how notes are drawn, stays as it is unless they say it.
    """
    emptied = {name: value for name, value in EMPTY.items() if name in st.session_state}
    st.session_state.pop(Remembered.ASKED, None)  # what was asked for in words before
    st.session_state.update(emptied | in_fields(wishes) | {"ask": "", "primer_way": NOTHING, Remembered.BEGINS: True})


def _key(name: str) -> dict[str, str | None]:
    """A key such as "D minor", "Bb" or "minor", in the two fields that it has."""
    tonic, is_minor = key_named(name)
    return {"tonic": None if tonic is None else TONIC_NAMES[tonic], "mode": MODES[bool(is_minor)]}


def begins() -> bool:
    """Whether something is to be composed although Compose was not pressed; true once."""
    return bool(st.session_state.pop(Remembered.BEGINS, False))
