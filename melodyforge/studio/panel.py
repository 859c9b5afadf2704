"""The panel on which music is asked for. What the chosen model has not learnt is not offered."""

from __future__ import annotations

from typing import Any

import streamlit as st

from melodyforge.bundle import Model
from melodyforge.compose import default_settings
from melodyforge.errors import MelodyForgeError
from melodyforge.music.keys import TONIC_NAMES
from melodyforge.settings import ComposeSettings, shown
from melodyforge.studio import shared
from melodyforge.studio.primer import A_PASSAGE, NOTHING, Start, primer
from melodyforge.studio.widgets import HELP, offered
from melodyforge.studio.words import plain, told

BOUND: Any = "query-params"  # what is chosen stands in the address, so that it survives a reload
ANY = "any"
Wanted = tuple[ComposeSettings, Start]


def panel() -> tuple[Model | None, Wanted | None]:
    """All widgets; gives the chosen model, and what is wanted when Compose has just been pressed."""
    names = shared.model_names()
    if not names:
        st.info("There is no model yet. The page **Train** makes one from your music.", icon=":material/school:")
        return None, None
    try:
        name = _choice("Model", names, "model", help="What composes: a trained network.")
        if label := shared.model_label(name):
            st.caption(f"{plain(name)}: {label}.")
        model = shared.model(name)
        return model, _asked(model)
    except MelodyForgeError as error:
        st.error(told(error))
    except OverflowError:  # Streamlit 1.67 stumbles over `?top_k=inf`
        st.error("The address of this page holds a number without end. [Open the page without it](?).")
    return None, None


def _asked(model: Model) -> Wanted | None:
    values = _length(default_settings(model))
    controls = model.representation.controls
    if controls:
        values |= _style_and_key(controls.available())
    start = primer(A_PASSAGE if model.passages and default_settings(model).start == "passage" else NOTHING)
    with st.expander("Tempo, mood and instruments" if controls else "Tempo", icon=":material/tune:"):
        tempo = offered(ComposeSettings, "tempo")
        values["tempo"] = st.number_input(**tempo, placeholder=ANY, key="tempo", bind=BOUND)
        if controls:
            values |= _character(controls.available())
    with st.expander("More", icon=":material/casino:"):
        values |= _sampling(default_settings(model), bool(controls))
    pressed = st.button("Compose", type="primary", key="compose", icon=":material/music_note:", width="stretch")
    return (default_settings(model, **values), start) if pressed else None


def _length(usual: ComposeSettings) -> dict[str, Any]:
    unit = st.segmented_control(
        "Length in", ["notes", "bars", "seconds"], default="notes", required=True, key="unit", bind=BOUND
    )
    name = f"num_{unit}"
    return {name: st.slider(**offered(ComposeSettings, name, getattr(usual, name)), key=unit, bind=BOUND)}


def _style_and_key(known: dict[str, list[str]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if known["style"]:
        values["style"] = _choice_or_any("Style", known["style"], "style")
    with st.container(horizontal=True, wrap=False):
        tonic = _choice_or_any("Key", list(TONIC_NAMES), "tonic", "The note that the music comes to rest on.")
        mode = _choice_or_any("Mode", ["major", "minor"], "mode", "Major sounds bright, minor dark.")
    if tonic or mode:
        values["key"] = " ".join(filter(None, [tonic, mode]))
    return values


def _character(known: dict[str, list[str]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if known["meter"]:
        values["meter"] = _choice_or_any("Meter", known["meter"], "meter", "Beats in a bar, such as 3/4 for a waltz.")
    for name in ("mood", "density", "polyphony"):
        values[name] = st.pills(name.capitalize(), known[name], key=name, help=HELP[name], bind=BOUND)
    values["instruments"] = (
        st.multiselect(
            "Instruments",
            known["instruments"],
            key="instruments",
            placeholder=ANY,
            help=HELP["instruments"],
            bind=BOUND,
        )
        or None
    )
    return values


def _sampling(usual: ComposeSettings, has_wishes: bool) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, widget in (("temperature", st.slider), ("top_p", st.slider), ("top_k", st.number_input)):
        values[name] = widget(**offered(ComposeSettings, name, getattr(usual, name)), key=name, bind=BOUND)
    if has_wishes:
        guidance = offered(ComposeSettings, "guidance", usual.guidance)
        values["guidance"] = st.slider(**guidance, key="guidance", bind=BOUND)
    values["num_pieces"] = st.number_input(**offered(ComposeSettings, "num_pieces"), key="takes", bind=BOUND)
    seed, left_out = offered(ComposeSettings, "seed"), shown(ComposeSettings, "seed").left_out
    values["seed"] = st.number_input(**seed, placeholder=left_out, key="seed", bind=BOUND)
    return values


def _choice(label: str, options: list[str], key: str, help: str) -> str:
    return st.selectbox(label, options, key=key, help=help, bind=BOUND)


def _choice_or_any(label: str, options: list[str], key: str, help: str | None = None) -> str | None:
    if st.session_state.get(key) not in [None, *options]:
        del st.session_state[key]  # another model's
    return st.selectbox(label, options, index=None, placeholder=ANY, key=key, help=help or HELP.get(key), bind=BOUND)
