"""The panel on which music is asked for. What the chosen model has not learnt is not offered."""

from __future__ import annotations

import secrets
from typing import Any

import streamlit as st

from melodyforge.bundle import Model
from melodyforge.composing.wishes import default_settings
from melodyforge.errors import MelodyForgeError
from melodyforge.music.keys import TONIC_NAMES
from melodyforge.settings import MAX_SEED, ComposeSettings
from melodyforge.studio import shared
from melodyforge.studio.primer import A_PASSAGE, NOTHING, Start, primer
from melodyforge.studio.shared import HELP
from melodyforge.studio.words import plain, told
from melodyforge.tokens.controls import Controls
from melodyforge.tokens.wishes import MODES, Wish

MAX_NOTES, MAX_BARS, MAX_MINUTES = 2000, 128, 10  # longer pieces: on the command line
MAX_TEMPERATURE = 2.0  # hardly anything learnt is left
MIN_TOP_P, MAX_TOP_K, MAX_GUIDANCE = 0.05, 500, 6.0  # a recipe may go farther
MAX_TAKES = 8
BOUND: Any = "query-params"  # what is chosen stands in the address, so that it survives a reload
ANY = "any"
IN_FRONT = ("style", "key")  # wishes that are seen at once; the others are in a box of their own
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
        values |= _wishes(controls, is_in_front=True)
    start = primer(A_PASSAGE if model.passages and default_settings(model).start == "passage" else NOTHING)
    with st.expander("Tempo, mood and instruments" if controls else "Tempo", icon=":material/tune:"):
        values |= _wishes(controls, is_in_front=False) if controls else {"tempo": _tempo()}
    with st.expander("More", icon=":material/casino:"):
        values |= _sampling(default_settings(model), bool(controls))
    pressed = st.button("Compose", type="primary", key="compose", icon=":material/music_note:", width="stretch")
    if not pressed:
        return None
    if values["seed"] is None:
        values["seed"] = secrets.randbelow(MAX_SEED)
    return default_settings(model, **values), start


def _length(usual: ComposeSettings) -> dict[str, Any]:
    unit = st.segmented_control(
        "Length in", ["notes", "bars", "seconds"], default="notes", required=True, key="unit", bind=BOUND
    )
    if unit == "bars":
        return {"num_bars": st.slider("Bars", 1, MAX_BARS, 32, key="bars", help=HELP["num_bars"], bind=BOUND)}
    if unit == "seconds":
        longest = MAX_MINUTES * 60
        return {
            "num_seconds": st.slider("Seconds", 5, longest, 90, key="seconds", help=HELP["num_seconds"], bind=BOUND)
        }
    return {
        "num_notes": st.slider("Notes", 1, MAX_NOTES, usual.num_notes, key="notes", help=HELP["num_notes"], bind=BOUND)
    }


def _wishes(controls: Controls, is_in_front: bool) -> dict[str, Any]:
    """A widget for each wish that the model can be asked for: those in front, or the others."""
    return {
        name: _wish(wish)
        for name, wish in controls.wishes.items()
        if (name in IN_FRONT) == is_in_front and (wish.options or wish.widget in ("key", "number"))
    }


def _wish(wish: Wish) -> Any:
    label, hint, options = wish.name.capitalize(), HELP[wish.name], list(wish.options)
    if wish.widget == "key":
        return _key()
    if wish.widget == "number":
        return _tempo()
    if wish.widget == "buttons":
        return st.pills(label, options, key=wish.name, help=hint, bind=BOUND)
    if wish.widget == "several":
        return st.multiselect(label, options, key=wish.name, placeholder=ANY, help=hint, bind=BOUND) or None
    return _choice_or_any(label, options, wish.name, hint)


def _key() -> str | None:
    with st.container(horizontal=True, wrap=False):
        tonic = _choice_or_any("Key", list(TONIC_NAMES), "tonic", "The note that the music comes to rest on.")
        mode = _choice_or_any("Mode", list(MODES), "mode", "Major sounds bright, minor dark.")
    return " ".join(filter(None, [tonic, mode])) or None


def _tempo() -> float | None:
    return st.number_input(
        "Tempo", 10.0, 400.0, None, 1.0, "%g", placeholder=ANY, key="tempo", help=HELP["tempo"], bind=BOUND
    )


def _sampling(usual: ComposeSettings, has_wishes: bool) -> dict[str, Any]:
    values: dict[str, Any] = {}
    values["temperature"] = st.slider(
        "Temperature",
        0.0,
        MAX_TEMPERATURE,
        min(usual.temperature, MAX_TEMPERATURE),
        0.05,
        key="temperature",
        bind=BOUND,
        help=f"How daring: {HELP['temperature']}",
    )
    values["top_p"] = st.slider(
        "Top p", MIN_TOP_P, 1.0, max(usual.top_p, MIN_TOP_P), 0.01, key="top_p", help=HELP["top_p"], bind=BOUND
    )
    values["top_k"] = st.number_input(
        "Top k", 0, MAX_TOP_K, min(usual.top_k, MAX_TOP_K), key="top_k", help=HELP["top_k"], bind=BOUND
    )
    if has_wishes:
        values["guidance"] = st.slider(
            "Guidance",
            0.0,
            MAX_GUIDANCE,
            min(usual.guidance, MAX_GUIDANCE),
            0.25,
            key="guidance",
            help=HELP["guidance"],
            bind=BOUND,
        )
    values["num_pieces"] = st.number_input("Takes", 1, MAX_TAKES, 1, key="takes", help=HELP["num_pieces"], bind=BOUND)
    values["seed"] = st.number_input(
        "Random seed", 0, MAX_SEED, None, placeholder="a new one each time", key="seed", help=HELP["seed"], bind=BOUND
    )
    return values


def _choice(label: str, options: list[str], key: str, help: str) -> str:
    return st.selectbox(label, options, key=key, help=help, bind=BOUND)


def _choice_or_any(label: str, options: list[str], key: str, help: str | None = None) -> str | None:
    if st.session_state.get(key) not in [None, *options]:
        del st.session_state[key]  # another model's
    return st.selectbox(label, options, index=None, placeholder=ANY, key=key, help=help or HELP.get(key), bind=BOUND)
