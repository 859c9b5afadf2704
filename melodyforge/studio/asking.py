"""The field in which music is asked for in words: what is understood is put into the other fields of the panel.

Whatever is changed there by hand stands: the field acts when it is entered, and when another model is chosen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from melodyforge.asking.ask import EXAMPLE, MAX_LETTERS, understand
from melodyforge.bundle import Model
from melodyforge.composing.wishes import LENGTHS
from melodyforge.errors import MelodyForgeError
from melodyforge.music.instruments import instrument_name, instruments_named, refused
from melodyforge.settings import ComposeSettings, Wishes
from melodyforge.studio.fields import AT_ONCE, EMPTY, in_fields
from melodyforge.studio.remembered import Remembered
from melodyforge.studio.widgets import offered
from melodyforge.studio.words import plain, told

NUMBERS = (*LENGTHS, "num_pieces", "temperature", "guidance", "seed")  # settings with fields for numbers
WITH_FIELDS = {*NUMBERS, "form", *Wishes.model_fields}


@dataclass(frozen=True)
class Said:
    """What the field has come to.

    Attributes:
        text: that was entered.
        model: whose name it was read for.
        answer: what was understood, in Markdown.
        is_problem: whether nothing was.
        fields: what was put into other fields, by key.
    """

    text: str = ""
    model: str = ""
    answer: str = ""
    is_problem: bool = False
    fields: dict[str, Any] = field(default_factory=dict)


def asking_field(name: str, model: Model) -> None:
    """The field, and what was understood.

    Args:
        name: of the model.
        model: that is asked.
    """
    text = st.text_input(
        "In words",
        key="ask",
        placeholder=EXAMPLE.strip('"'),
        max_chars=MAX_LETTERS,
        help="Sets the fields below. What you change there afterwards stands.",
        persist_state="session",
    ).strip()
    before: Said = st.session_state.get(Remembered.ASKED, Said())
    if (text, name) != (before.text, before.model):
        st.session_state[Remembered.ASKED] = before = _said(text, name, model, before)
    if before.is_problem:
        st.warning(before.answer)
    elif before.answer:
        st.caption(before.answer)


def _said(text: str, name: str, model: Model, before: Said) -> Said:
    """Reads the text and fills the other fields."""
    if not text:
        _fill({}, before, is_new=True)
        return Said(model=name)
    try:
        asked = understand(model, text)
    except MelodyForgeError as error:
        _fill({}, before, is_new=True)
        return Said(text, name, told(error, ask="In words"), is_problem=True)
    strange = [name for name in asked.settings if name not in WITH_FIELDS]
    asked = asked.without(dict.fromkeys(strange, "has no field here"))
    asked = asked.fitted({name: _within(name, asked.settings[name]) for name in NUMBERS if name in asked.settings})
    fields = in_fields(asked.settings)
    if "instruments" in fields:
        fields["instruments"] = _instruments(fields["instruments"], model)
    _fill(fields, before, is_new=text != before.text)
    return Said(text, name, plain(str(asked)), fields=fields)


def _fill(fields: dict[str, Any], before: Said, is_new: bool) -> None:
    """Puts values into fields, and empties those that were filled before; what was changed by hand stays.

    Args:
        fields: values by key.
        before: what was filled before.
        is_new: whether the text is; then it wins over what was chosen before it was entered.
    """
    state = st.session_state
    filled = {key for key, value in before.fields.items() if state.get(key) == value}
    for key in filled - fields.keys():
        if key in EMPTY:
            state[key] = EMPTY[key]
    for key, value in fields.items():
        if is_new or key in filled or (key not in before.fields and state.get(key) in (None, "", [])):
            state[key] = value


def _within(name: str, value: float) -> float:
    """A number as its field can show it."""
    if name == "num_pieces":
        return next((number for number in AT_ONCE if number >= value), AT_ONCE[-1])
    known = offered(ComposeSettings, name)
    low, high = known["min_value"], known["max_value"]
    return min(max(value, low), value if high is None else high)


def _instruments(names: list[str], model: Model) -> list[str]:
    """The options that names stand for; what is refused as it is."""
    controls, (wanted, _) = model.representation.controls, refused(names)
    options = controls.wishes["instruments"].options if controls else ()
    playing = {instrument_name(*one) for name in wanted for one in instruments_named(name)}
    return [*(one for one in options if one in playing), *(name for name in names if name not in wanted)]
