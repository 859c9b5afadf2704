"""The web app: choose a model, compose, listen, look, download. Run `streamlit run app.py`.

Widgets only; `melodyforge` does the work. Keeps music in the visitor's session, writes no file, imports no TensorFlow.
"""

import os
import secrets
from pathlib import Path
from typing import Any

import streamlit as st

from melodyforge.bundle import CONFIG_FILE, Model, find_model, list_models, load_model
from melodyforge.compose import Growing, compose, default_settings
from melodyforge.errors import MelodyForgeError
from melodyforge.music.audio import render_wav
from melodyforge.music.roll import draw_roll
from melodyforge.settings import MAX_SEED, MODELS_DIR, ComposeSettings

MODELS = Path(os.environ.get("MELODY_FORGE_MODELS") or MODELS_DIR)
MAX_NOTES = 1000  # minutes of music, whose sound keeps the server below 400 MB; the command line composes longer pieces
MAX_TEMPERATURE = 2.0  # hardly anything learnt is left
ROLL_WIDTH = 1460  # Streamlit shrinks wider pictures, and blurs them
HELP = {name: setting.description for name, setting in ComposeSettings.model_fields.items()}


@st.cache_resource(max_entries=4, show_spinner="Loading the model ...")
def _load(folder: Path, changed_ns: int) -> Model:  # cached until it was changed, such as by training anew
    return load_model(folder)


def _ask_settings(usual: ComposeSettings) -> ComposeSettings | None:
    daring = min(usual.temperature, MAX_TEMPERATURE)
    with st.form("settings"):
        num_notes = st.slider("Notes", 1, MAX_NOTES, usual.num_notes, help=HELP["num_notes"], key="num_notes")
        daring = st.slider("Temperature", 0.0, MAX_TEMPERATURE, daring, help=HELP["temperature"], key="temperature")
        seed = st.number_input("Random seed", 0, MAX_SEED, None, help=HELP["seed"], placeholder="any", key="seed")
        is_pressed = st.form_submit_button("Compose", type="primary", key="compose")
    seed = secrets.randbelow(MAX_SEED) if seed is None else seed
    return usual.changed(num_notes=num_notes, temperature=daring, seed=seed) if is_pressed else None


def _make_take(model: Model, settings: ComposeSettings) -> dict[str, Any]:
    bar, rows_per_update = st.progress(0.0, "Composing ..."), settings.num_notes // 20 + 1

    def move(growing: Growing) -> None:
        if growing.num_rows % rows_per_update == 0:
            bar.progress(growing.num_rows / settings.num_notes, "Composing ...")

    composition = compose(model, settings, listener=move)[0]
    bar.progress(1.0, "Playing and drawing ...")
    piece, sound = composition.piece, render_wav(composition.piece)
    words = [f"{len(piece)} notes · random seed {settings.seed} · played by {sound.engine}"]
    words += composition.notices + sound.notices
    roll = draw_roll(piece, ROLL_WIDTH)
    bar.empty()
    return {"name": piece.name, "words": words, "midi": composition.to_midi(), "wav": sound.wav, "roll": roll}


def _show_take(name: str, words: list[str], midi: bytes, wav: bytes, roll: bytes) -> None:
    st.caption("  \n".join(words))
    st.audio(wav)
    left, right, _ = st.columns([1, 1, 4])
    left.download_button("Download MIDI", midi, f"{name}.mid", "audio/midi", key="midi", on_click="ignore")
    right.download_button("Download WAV", wav, f"{name}.wav", "audio/wav", key="wav", on_click="ignore")
    st.image(roll, width="stretch", output_format="PNG")  # as it is; else Streamlit makes a blurred JPEG of it


st.set_page_config("Melody Forge", "🎼", layout="wide")
st.title("Melody Forge")
if not (names := list_models(MODELS)):
    st.info(f"There is no model in {MODELS} yet. Train one with `python train_model.py`, then reload this page.")
    st.stop()
try:
    with st.sidebar:
        folder = find_model(st.selectbox("Model", names, key="model"), MODELS)
        model = _load(folder, (folder / CONFIG_FILE).stat().st_mtime_ns)
        settings = _ask_settings(default_settings(model))
    if settings:
        st.session_state.take = _make_take(model, settings)
except MelodyForgeError as error:
    st.error(str(error))
if "take" in st.session_state:
    _show_take(**st.session_state.take)
