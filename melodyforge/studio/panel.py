"""The panel on which music is asked for. What the chosen model has not learnt is not offered."""

from __future__ import annotations

from typing import Any, get_args

import streamlit as st

from melodyforge.bundle import Model
from melodyforge.composing.wishes import OF_WHOLE_PIECES, default_settings
from melodyforge.errors import MelodyForgeError
from melodyforge.music.instruments import refused
from melodyforge.music.keys import TONIC_NAMES
from melodyforge.settings import ComposeSettings, kind_of, shown
from melodyforge.studio import shared
from melodyforge.studio.asking import asking_field
from melodyforge.studio.fields import AT_ONCE, begins
from melodyforge.studio.primer import A_PASSAGE, NOTHING, Start, primer
from melodyforge.studio.widgets import HELP, offered
from melodyforge.studio.words import label, plain, told
from melodyforge.tokens.controls import Controls
from melodyforge.tokens.wishes import MODES, Wish

BOUND: Any = "query-params"  # what is chosen stands in the address, so that it survives a reload
ANY = "any"
IN_FRONT = ("style", "key")  # wishes that are seen at once; the others are in a box of their own
Wanted = tuple[ComposeSettings, Start]


def panel() -> tuple[Model | None, Wanted | None]:
    """All widgets; gives the chosen model, and what is wanted when Compose has just been pressed."""
    names = shared.model_names()
    if not names:
        st.info("There is no model yet. Train one on your music, on the page **Train**.", icon=":material/school:")
        return None, None
    try:
        name = _choice("Model", names, "model", help="The trained network that composes.")
        if label := shared.model_label(name):
            st.caption(f"{plain(name)}: {label}.")
        model = shared.model(name)
        asking_field(name, model)
        return model, _asked(model)
    except MelodyForgeError as error:
        st.error(told(error))
    except OverflowError:  # Streamlit 1.67 stumbles over `?top_k=inf`
        st.error("The address of this page contains an infinite number. [Open the page without it](?).")
    return None, None


def _asked(model: Model) -> Wanted | None:
    values = _length(default_settings(model))
    if model.representation.knows_forms:
        values["form"] = _form()
    controls = model.representation.controls
    if controls:
        values |= _wishes(controls, is_in_front=True)
    starts_from = A_PASSAGE if model.passages and default_settings(model).start == "passage" else NOTHING
    start = primer(starts_from, can_keep=model.representation.knows_held)
    with st.expander("Tempo, mood and instruments" if controls else "Tempo", icon=":material/tune:"):
        values |= _wishes(controls, is_in_front=False) if controls else {"tempo": _tempo()}
    with st.expander("More", icon=":material/casino:"):
        values |= _sampling(model)
    values["num_pieces"] = _takes()
    pressed = st.button("Compose", type="primary", key="compose", icon=":material/music_note:", width="stretch")
    pressed |= begins()
    if start.keeps:
        values = {name: value for name, value in values.items() if name not in OF_WHOLE_PIECES} | start.keeps
    return (default_settings(model, **values), start) if pressed else None


def _length(usual: ComposeSettings) -> dict[str, Any]:
    unit = st.segmented_control(
        "Length in", ["notes", "bars", "seconds"], default="notes", required=True, key="unit", bind=BOUND
    )
    unit = unit or "notes"  # an address may say anything
    name = f"num_{unit}"
    return {name: st.slider(**offered(ComposeSettings, name, getattr(usual, name)), key=unit, bind=BOUND)}


def _form() -> str | None:
    left_out = f"{shown(ComposeSettings, 'form').left_out}, or letters such as AABA"
    asked = st.text_input("Form", placeholder=left_out, max_chars=26, key="form", help=HELP["form"], bind=BOUND)
    return asked.strip() or None


def _wishes(controls: Controls, is_in_front: bool) -> dict[str, Any]:
    """A widget for each wish that the model can be asked for: those in front, or the others."""
    return {
        name: _wish(wish)
        for name, wish in controls.wishes.items()
        if (name in IN_FRONT) == is_in_front and (wish.options or wish.widget in ("key", "number"))
    }


def _wish(wish: Wish) -> Any:
    title, hint, options = wish.name.capitalize(), HELP[wish.name], list(wish.options)
    if wish.widget == "key":
        return _key()
    if wish.widget == "number":
        return _tempo()
    if wish.widget == "buttons":
        return st.pills(title, options, key=wish.name, help=hint, bind=BOUND)
    if wish.widget == "several":
        options += [one for one in st.session_state.get(wish.name, []) if refused([one])[1]]  # asked for in words
        return st.multiselect(title, options, key=wish.name, placeholder=ANY, help=hint, bind=BOUND) or None
    return _choice_or_any(title, options, wish.name, hint)


def _key() -> str | None:
    with st.container(horizontal=True, wrap=False):
        tonic = _choice_or_any("Key", list(TONIC_NAMES), "tonic", "The note on which the music comes to rest.")
        mode = _choice_or_any("Mode", list(MODES), "mode", "Major sounds bright, minor dark.")
    return " ".join(filter(None, [tonic, mode])) or None


def _tempo() -> float | None:
    return st.number_input(**offered(ComposeSettings, "tempo"), placeholder=ANY, key="tempo", bind=BOUND)


def _takes() -> int:
    number = st.segmented_control(
        label("num_pieces"), AT_ONCE, default=1, required=True, key="takes", help=HELP["num_pieces"], bind=BOUND
    )
    return number or 1  # an address may say anything


def _sampling(model: Model) -> dict[str, Any]:
    usual, values = default_settings(model), dict[str, Any]()
    if model.critic:
        efforts = list(get_args(kind_of(ComposeSettings, "effort")))
        values["effort"] = st.segmented_control(
            "Effort", efforts, default=usual.effort, required=True, key="effort", help=HELP["effort"], bind=BOUND
        )
    for name, widget in (("temperature", st.slider), ("top_p", st.slider), ("top_k", st.number_input)):
        values[name] = widget(**offered(ComposeSettings, name, getattr(usual, name)), key=name, bind=BOUND)
    if model.representation.controls:
        guidance = offered(ComposeSettings, "guidance", usual.guidance)
        values["guidance"] = st.slider(**guidance, key="guidance", bind=BOUND)
    if model.has_index:
        most = offered(ComposeSettings, "max_shared_notes")
        values["max_shared_notes"] = st.number_input(**most, placeholder=ANY, key="max_shared_notes", bind=BOUND)
    seed, left_out = offered(ComposeSettings, "seed"), shown(ComposeSettings, "seed").left_out
    values["seed"] = st.number_input(**seed, placeholder=left_out, key="seed", bind=BOUND)
    return values


def _choice(label: str, options: list[str], key: str, help: str) -> str:
    return st.selectbox(label, options, key=key, help=help, bind=BOUND)


def _choice_or_any(label: str, options: list[str], key: str, help: str) -> str | None:
    if st.session_state.get(key) not in [None, *options]:
        del st.session_state[key]  # another model's
    return st.selectbox(label, options, index=None, placeholder=ANY, key=key, help=help, bind=BOUND)
