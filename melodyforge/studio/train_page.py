"""Train: bring music, choose how, start; watch the curve fall and hear what the network makes of it so far."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from melodyforge.bundle import STARTER_NAME
from melodyforge.corpus.builtin import list_corpora
from melodyforge.corpus.files import find_music_files
from melodyforge.errors import MelodyForgeError
from melodyforge.folders import is_held
from melodyforge.model_state import check_model_name, is_taken
from melodyforge.music.load import load_piece
from melodyforge.places import MIDI_DIR
from melodyforge.recipe import DEFAULT_RECIPE, list_recipes, load_recipe
from melodyforge.settings import TrainingSettings, shown
from melodyforge.studio import shared, work
from melodyforge.studio.player import player
from melodyforge.studio.remembered import Remembered
from melodyforge.studio.uploads import upload
from melodyforge.studio.widgets import explained, offered
from melodyforge.studio.words import about_minutes, about_time, plain, told
from melodyforge.studio.work import SECONDS_BETWEEN_LOOKS, last_line
from melodyforge.words import counted
from melodyforge.workshop.models import delete_model, export_model, import_model, rename_model
from melodyforge.workshop.music_folder import open_dataset
from melodyforge.workshop.tasks import forget_task, take_back
from melodyforge.workshop.trainings import (
    Training,
    estimated_minutes,
    free_training_name,
    list_trainings,
    start_training,
)

USUAL_NAME = "my-music"
SCRATCH = "from scratch"
ABOUT_START = (
    "A trained model needs only minutes and a handful of files (fine-tuning). From scratch, it learns your music "
    "alone; use a hundred files or more."
)
CURVES = {"train_nats": "training loss", "held_out_nats": "validation loss"}
CURVE = {  # in the language of Vega-Lite; from a scale that begins at 0 nobody could read how it falls
    "mark": {"type": "line", "point": True},
    "encoding": {
        "x": {"field": "epoch", "type": "quantitative", "axis": {"tickMinStep": 1, "format": "d"}},
        "y": {"field": "nats", "type": "quantitative", "scale": {"zero": False}, "title": "nats per note"},
        "color": {"field": "of", "type": "nominal", "legend": {"orient": "bottom", "title": None}},
    },
}
ABOUT_RECIPE = "The kind of network, and how music is encoded for it. `forge` suits nearly everything."


def show() -> None:
    """The page."""
    music, training, models = st.tabs(["1 · Music", "2 · Training", "Models"], key="train_tab", on_change="rerun")
    if music.open:
        with music:
            _music()
    if training.open:
        with training:
            _new_training()
            _trainings()
    if models.open:
        with models:
            _models()


# ---- music ----------------------------------------------------------------------------------------------------------


def _music() -> None:
    for corpus in list_corpora():
        work.watch(work.FETCH + corpus.name, f"Fetching {corpus.title}", is_main=False)
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("##### Your files")
        upload()
    with right:
        st.markdown("##### Or a collection")
        _corpora()
    files = counted(len(find_music_files(MIDI_DIR)), "file")
    st.caption(f"{files} in {plain(str(MIDI_DIR))}. The page Data shows what happened to each.")


def _corpora() -> None:
    corpora = list_corpora()
    is_busy = any(map(work.is_running, [work.READ, *(work.FETCH + corpus.name for corpus in corpora)]))
    for corpus in corpora:
        with st.container(border=True):
            with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
                facts = f"{counted(corpus.num_pieces, 'piece')} · {corpus.licence}"
                st.markdown(f"**{plain(corpus.title)}**  \n:small[{plain(facts)}]", width="stretch")
                wait = (
                    f"{corpus.num_bytes / 1e6:.0f} MB to download" if corpus.num_bytes else about_time(corpus.seconds)
                )
                key = f"fetch_{corpus.name}"
                is_pressed = st.button("Fetch", key=key, icon=":material/download:", help=wait, disabled=is_busy)
            if is_pressed:
                work.start_fetching(corpus.name)
            work.watch(work.FETCH + corpus.name, "Fetching")


# ---- training -------------------------------------------------------------------------------------------------------


def _new_training() -> None:
    with st.container(border=True):
        first, second, third = st.columns([2, 2, 1])
        name = _new_name(first)
        starts = [name for name in shared.model_names() if name == STARTER_NAME] + [
            name for name in shared.model_names() if name != STARTER_NAME
        ]
        start = second.selectbox("Start from", [*starts, SCRATCH], key="start_from", help=ABOUT_START)
        minutes = third.number_input(**offered(TrainingSettings, "minutes"), key="minutes")
        recipe, flags = None, dict[str, Any](minutes=minutes)
        with st.expander("Recipe and settings", icon=":material/tune:"):
            if start == SCRATCH:
                recipe = st.selectbox(
                    "Recipe",
                    list_recipes(),
                    list_recipes().index(DEFAULT_RECIPE),
                    key="recipe",
                    help=ABOUT_RECIPE,
                    format_func=lambda one: f"{one}: {load_recipe(one).title}",
                )
            flags |= _settings() | {"style": _style()}
        _estimate(start != SCRATCH)
        is_replacing = _asks_to_replace(name)
        if st.button("Start training", key="start_training", type="primary", icon=":material/play_arrow:"):
            source = None if start == SCRATCH else start
            try:
                start_training(name, recipe, source, flags, replace=is_replacing, models_dir=shared.models_dir())
                st.session_state.pop(Remembered.OFFERED)
                st.rerun()
            except MelodyForgeError as error:
                st.error(told(error))


def _new_name(place: DeltaGenerator) -> str:
    """A name for the new model; at first, and after each start, one that is free."""
    if Remembered.OFFERED not in st.session_state:
        st.session_state[Remembered.OFFERED] = free_training_name(USUAL_NAME, shared.models_dir())
    offered = st.session_state[Remembered.OFFERED]
    return place.text_input("Name of the new model", offered, key=f"new_name_{offered}")


def _asks_to_replace(name: str) -> bool:
    """Whether a model of this name may be replaced; asked only where there is one that is at rest."""
    try:
        folder = shared.models_dir() / check_model_name(name)
    except MelodyForgeError:
        return False
    if not is_taken(folder) or is_held(folder):
        return False
    return st.checkbox(
        f"A model or a training {plain(name)} exists. Replace it",
        key=f"replace_{name}",
        help="The model is kept until the new one is finished and better on the same music, or until you delete it.",
    )


def _estimate(is_further: bool) -> None:
    found = open_dataset()
    if found is None:
        if not any(training.task.is_running for training in list_trainings(shared.models_dir())):
            st.caption("No music has been read yet; training begins with that.")
        return
    num_notes = found[0].num_notes
    words = about_minutes(estimated_minutes(num_notes, is_further))
    st.caption(f"{counted(num_notes, 'note')} in your folder: {words} on this machine, less if the loss stops falling.")


def _settings() -> dict[str, float | None]:
    """The settings that are worth changing; None where the recipe decides."""
    chosen: dict[str, float | None] = {}
    columns = st.columns(3)
    for number, name in enumerate(("epochs", "batch_size", "window", "learning_rate", "transpose", "seed")):
        setting = offered(TrainingSettings, name) | {"value": None}
        place = columns[number % 3]
        chosen[name] = place.number_input(**setting, placeholder="chosen for you", key=f"flag_{name}")
    return chosen


def _style() -> str | None:
    """One style to learn from, if there are several."""
    found = open_dataset()
    names = [name for name in found[0].style_names if name] if found else []
    if len(names) < 2:
        return None
    about, left_out = explained(TrainingSettings, "style"), shown(TrainingSettings, "style").left_out
    return st.selectbox("Style", names, index=None, placeholder=left_out, key="flag_style", help=about)


def _trainings() -> None:
    trainings = list_trainings(shared.models_dir())
    if any(training.task.is_running for training in trainings):
        _watch_trainings()
    else:
        for training in trainings:
            _training(training)


@st.fragment(run_every=SECONDS_BETWEEN_LOOKS)
def _watch_trainings() -> None:
    trainings = list_trainings(shared.models_dir())
    if not any(training.task.is_running for training in trainings):
        st.rerun()
    for training in trainings:
        _training(training)


def _training(training: Training) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"##### {plain(training.name)} · {plain(training.state)}", width="content")
            _buttons(training)
        with st.container():  # of its own, so that curve and sample keep their place when it is empty
            _how_it_goes(training)
        if training.history:
            curve, sample = st.columns(2)
            with curve:
                _curve(training)
            with sample:
                _sample(training)


def _how_it_goes(training: Training) -> None:
    task, facts = training.task, training.facts
    if task.is_running and not training.waits_for:
        words = last_line(task)
        if "minutes_left" in facts:
            words = f"Epoch {facts['epoch']} · {about_minutes(facts['minutes_left'])} left"
        st.progress(min(1.0, facts.get("share", 0.0)), words)
    if task.error:
        st.error(told(task.error))
    if training.verdict:
        st.info(training.verdict, icon=":material/hearing:")


def _buttons(training: Training) -> None:
    name, task = training.name, training.task
    with st.container(horizontal=True, width="content"):
        if task.is_running:
            if training.waits_for:
                st.button("Cancel", f"take_back_{name}", icon=":material/close:", on_click=take_back, args=[task])
                return
            st.button(
                "Stop",
                key=f"stop_{name}",
                icon=":material/stop:",
                help="Saves the training; it can be resumed later",
                on_click=task.stop,
                disabled=task.is_stopping,
            )
            return
        if training.can_go_on and st.button("Resume", key=f"resume_{name}", icon=":material/play_arrow:"):
            _resume(name)
        if st.button("Remove from list", key=f"forget_{name}", icon=":material/close:", help="Keeps the model"):
            forget_task(task)
            st.rerun()


def _resume(name: str) -> None:
    try:
        start_training(name, resume=True, models_dir=shared.models_dir())
        st.rerun()
    except MelodyForgeError as error:
        st.error(told(error))


def _curve(training: Training) -> None:
    rows = pd.DataFrame(training.history).rename(columns=CURVES)
    points = rows.melt("epoch", list(CURVES.values()), "of", "nats")
    st.caption(
        "Loss in nats per note: lower is better.",
        help="How surprised the network is by the true next note; validation is on music that it does not learn from.",
    )
    st.vega_lite_chart(points, CURVE, height=260)


def _sample(training: Training) -> None:
    if training.sample is None:
        return
    piece = load_piece(training.sample)
    st.caption(f"What it composed after epoch {int(training.history[-1]['epoch'])}")
    sound = shared.sounds().of(piece)
    player([piece], [sound], identity=training.sample.name, key=f"sample_{training.name}")


# ---- models ---------------------------------------------------------------------------------------------------------


def _models() -> None:
    busy = {training.name for training in list_trainings(shared.models_dir()) if training.task.is_running}
    for name in shared.model_names():
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            label = shared.model_label(name)
            title = f"**{plain(name)}**" + (f" ({plain(label)})" if label else "")
            st.markdown(f"{title}  \n:small[{plain(_facts(name))}]", width="stretch")
            st.download_button(
                "Export",
                partial(export_model, name, shared.models_dir()),
                f"{name}.zip",
                "application/zip",
                key=f"export_{name}",
                on_click="ignore",
                icon=":material/folder_zip:",
            )
            if name == STARTER_NAME or name in busy:
                continue
            with st.popover("Rename", icon=":material/edit:"):
                new = st.text_input("New name", name, key=f"rename_to_{name}")
                if st.button("Rename", key=f"rename_model_{name}", type="primary"):
                    _change(rename_model, name, new)
            with st.popover("Delete", icon=":material/delete:"):
                st.write("The model will be gone for good.")
                if st.button("Delete for good", key=f"delete_model_{name}", type="primary"):
                    _change(delete_model, name)
    _import()


def _facts(name: str) -> str:
    try:
        model = shared.model(name)
    except MelodyForgeError as error:
        return str(error)
    nats = model.metrics.get("held_out_nats")
    notes = model.metrics.get("num_train_rows")
    facts = [f"recipe {model.recipe.name}", f"learnt from {counted(notes, 'note')}" if notes else ""]
    return " · ".join(filter(None, [*facts, f"validation loss {nats:.2f}" if nats else ""]))


def _change(act, *names: str) -> None:
    try:
        act(*names, models_dir=shared.models_dir())
        st.rerun()
    except MelodyForgeError as error:
        st.error(told(error, name="New name"))


def _import() -> None:
    with st.form("import", border=True, clear_on_submit=True):
        upload = st.file_uploader(
            "Import a model", ["zip"], key="model_zip", help="A zip made by Export, here or elsewhere"
        )
        if st.form_submit_button("Import", key="import_model", icon=":material/upload:") and upload:
            try:
                import_model(upload, Path(upload.name).stem, shared.models_dir())
                st.rerun()
            except MelodyForgeError as error:
                st.error(told(error, name="Name of the file"))
