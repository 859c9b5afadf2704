"""The pages of the studio, without a browser: what they offer, say and keep."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sqlite3
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

pytest.importorskip("streamlit")

import streamlit as st
from streamlit.testing.v1 import AppTest

from melodyforge.bundle import CONFIG_FILE, METRICS_FILE, STARTER_NAME, load_model
from melodyforge.compose import compose, reproduce
from melodyforge.composing.takes import Growing
from melodyforge.composing.wishes import default_settings
from melodyforge.corpus.report import CorpusReport, Fate, FileReport
from melodyforge.decoding.ending import ENDING_SHARE
from melodyforge.errors import SettingsError
from melodyforge.model_state import UNFINISHED
from melodyforge.music.midi import write_midi
from melodyforge.music.traits import read_traits
from melodyforge.places import STARTER_DIR
from melodyforge.settings import ComposeSettings, TrainingSettings, bounds, kind_of, shown
from melodyforge.studio import data_page, shared
from melodyforge.studio.compose_page import progress
from melodyforge.studio.remembered import Remembered
from melodyforge.studio.uploads import what_became_of
from melodyforge.studio.widgets import explained, offered
from melodyforge.studio.words import told
from melodyforge.workshop import cards
from melodyforge.workshop.cards import OF_THE_STARTER
from melodyforge.workshop.jobs import Job
from melodyforge.workshop.music_folder import Added
from melodyforge.workshop.takes import Takes
from tests.music_samples import tune

pytestmark = pytest.mark.slow

PROJECT_DIR = Path(__file__).parents[1]
STUDIO_DIR = PROJECT_DIR / "melodyforge" / "studio"
APP = str(STUDIO_DIR / "main.py")
TIMEOUT_S = 240.0  # composing gives way to the other tests, which keep all processors busy
OWNER = "0" * 32


@pytest.fixture
def models_dir(tiny_model_dir, tmp_path, monkeypatch):
    """A copy of the model `tiny`, which a test may spoil."""
    folder = tmp_path / "models"
    shutil.copytree(tiny_model_dir / "tiny", folder / "tiny")
    monkeypatch.setenv("MELODY_FORGE_MODELS", str(folder))
    return folder


@pytest.fixture
def takes(tmp_path, monkeypatch):
    path = tmp_path / "takes.sqlite"
    monkeypatch.setenv("MELODY_FORGE_TAKES", str(path))
    return Takes(path)


@pytest.fixture(autouse=True)
def own_main_module(monkeypatch):
    """AppTest leaves the app behind as `__main__`, which worker processes of later tests would run anew."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture(scope="module")
def queue():
    """One for all tests, for the processes that compose take seconds to start."""
    return shared.queue()


@pytest.fixture(autouse=True)
def fresh_cache(takes, queue, monkeypatch):
    st.cache_resource.clear()
    st.cache_data.clear()
    monkeypatch.setattr(shared, "queue", lambda: queue)
    yield
    st.cache_resource.clear()
    st.cache_data.clear()


def checked(app: AppTest) -> AppTest:
    assert not app.exception
    return app


def open_app() -> AppTest:
    app = AppTest.from_file(APP, default_timeout=TIMEOUT_S)
    app.session_state[Remembered.VISITOR] = OWNER
    return checked(app.run())


def open_page(name: str) -> AppTest:
    app = AppTest.from_string(f"from melodyforge.studio import {name}\n{name}.show()", default_timeout=TIMEOUT_S)
    app.session_state[Remembered.VISITOR] = OWNER
    return checked(app.run())


def press_compose(app: AppTest) -> AppTest:
    return press_until_composed(app, "compose")


def press_until_composed(app: AppTest, button: str) -> AppTest:
    """Presses the button and waits for the end, as the page does by looking again and again."""
    checked(app.button(key=button).click().run())
    deadline = time.monotonic() + TIMEOUT_S
    while any(button.key == "stop" for button in app.button):
        assert time.monotonic() < deadline
        time.sleep(0.05)
        checked(app.run())
    return app


def turn_to(app: AppTest, page: str) -> AppTest:
    """Turns to a page by its name in the address, as the links above do; AppTest itself knows pages as files only."""
    pages = app._registered_pages
    app._page_hash = next(name for name, info in pages.items() if info.get("url_pathname") == page)
    checked(app.run())
    app._page_hash = ""
    return app


def open_tab(app: AppTest, name: str) -> AppTest:
    app.session_state.take_tab = name
    return checked(app.run())


def add_take(takes: Takes, models_dir: Path, seed: int = 0) -> int:
    model = load_model(models_dir / "tiny")
    return takes.add(OWNER, compose(model, default_settings(model, num_notes=30, seed=seed))[0])


def test_without_a_model_the_page_says_where_to_make_one(tmp_path, monkeypatch):
    monkeypatch.setenv("MELODY_FORGE_MODELS", str(tmp_path / "none"))
    app = open_app()
    assert "Train" in app.info[0].value
    assert not app.button


def test_composing_keeps_a_take_and_shows_it(models_dir, takes):
    app = open_app()
    app.slider(key="notes").set_value(40)
    press_compose(app)
    (take,) = takes.of(OWNER)
    num_notes = len(take.piece)
    assert 40 * (1 - ENDING_SHARE) <= num_notes <= 40  # it may close a little sooner
    assert f"{num_notes} notes" in app.caption[0].value
    assert {button.label for button in app.get("download_button")} >= {"MIDI", "OGG", "MusicXML", "Picture"}
    assert [button.proto.label for button in app.get("link_button")] == ["WAV", "Parts"]
    assert not app.error


def test_what_was_composed_is_there_after_a_reload(models_dir):
    press_compose(open_app())
    assert "notes" in open_app().caption[0].value


def test_the_same_seed_gives_the_same_music_and_no_seed_new_music(models_dir, takes):
    app = open_app()
    app.slider(key="notes").set_value(30)
    for seed in (7, 7, 8, None, None):
        app.number_input(key="seed").set_value(seed)
        press_compose(app)
    *_, third, second, first = (take.midi for take in takes.of(OWNER))
    assert first == second != third
    newest, other, *_ = (take.midi for take in takes.of(OWNER))
    assert newest != other


def test_wishes_reach_the_music(models_dir, takes):
    app = open_app()
    app.segmented_control(key="unit").set_value("bars").run()
    app.slider(key="bars").set_value(4)
    app.number_input(key="tempo").set_value(90.0)
    app.selectbox(key="tonic").set_value("D")
    app.selectbox(key="mode").set_value("minor")
    app.slider(key="temperature").set_value(0.5)
    app.segmented_control(key="takes").set_value(4)
    press_compose(app)
    assert len(takes.of(OWNER)) == 4
    take = takes.of(OWNER)[0]
    settings = take.origin["settings"]
    assert (settings["num_bars"], settings["key"], settings["temperature"]) == (4, "D minor", 0.5)
    assert take.piece.tempo_qpm == pytest.approx(90.0, abs=0.01)
    assert take.piece.notes["onset"].max() < 4 * 96


def test_music_asked_for_in_words_fills_the_fields_and_what_is_changed_by_hand_stands(models_dir, takes):
    app = open_app()
    app.text_input(key="ask").set_value("a happy tune in D minor for flute, 4 bars at 90, like Chopin")
    checked(app.run())
    fields = {"tonic": "D", "mode": "minor", "bars": 4, "tempo": 90.0, "instruments": ["flute"], "unit": "bars"}
    assert {key: app.session_state[key] for key in fields} == fields
    assert any("understood" in text.value and "not learnt 'Chopin'" in text.value for text in app.caption)
    app.selectbox(key="tonic").set_value("G")
    app.number_input(key="tempo").set_value(None)
    checked(app.run())
    press_compose(app)
    settings = takes.of(OWNER)[0].origin["settings"]
    assert (settings["key"], settings["tempo"], settings["num_bars"]) == ("G minor", None, 4)
    app.text_input(key="ask").set_value("sad")  # what was asked for before is not any more
    checked(app.run())
    now = {key: app.session_state[key] for key in ("tonic", "mode", "instruments", "unit", "mood")}
    assert now == {"tonic": "G", "mode": None, "instruments": [], "unit": "notes", "mood": "sad"}
    app.text_input(key="ask").set_value("three takes of 3,000 notes")
    checked(app.run())
    assert (app.session_state.takes, app.session_state.notes) == (4, 2000)
    assert any("becomes pieces 4 here" in text.value for text in app.caption)
    app.text_input(key="ask").set_value("purple")
    checked(app.run())
    assert "nothing of it was understood" in app.warning[0].value


def test_words_are_read_anew_for_another_model(models_dir):
    shutil.copytree(STARTER_DIR, models_dir / "other")
    app = open_app()
    app.selectbox(key="model").set_value("other")
    checked(app.run())
    app.text_input(key="ask").set_value("sad, like Chopin, no drums")
    checked(app.run())
    assert (app.session_state.style, app.session_state.instruments) == ("chopin", ["no drums"])
    app.session_state.mood = "calm"
    checked(app.run())
    app.selectbox(key="model").set_value("tiny")
    checked(app.run())
    assert any("not learnt 'Chopin'" in text.value for text in app.caption)
    app.selectbox(key="model").set_value("other")
    checked(app.run())
    assert (app.session_state.style, app.session_state.mood) == ("chopin", "calm")


def test_what_a_model_has_not_learnt_is_not_offered(models_dir):
    app = open_app()
    assert {box.key for box in app.selectbox} >= {"model", "tonic", "mode"}
    assert "style" not in {box.key for box in app.selectbox}  # its music has none


def test_sliders_and_inputs_offer_what_their_settings_take(models_dir):
    app = open_app()
    seen = {}
    for unit in ("notes", "bars", "seconds"):
        app.segmented_control(key="unit").set_value(unit).run()
        seen |= {widget.key: widget for widget in [*app.slider, *app.number_input]}
    names = {"notes": "num_notes", "bars": "num_bars", "seconds": "num_seconds"}
    assert len(seen) == 10
    for key, widget in seen.items():
        allowed, usual = bounds(ComposeSettings, names.get(key, key)), shown(ComposeSettings, names.get(key, key)).usual
        assert (widget.min, widget.max) == (usual or (allowed.low, allowed.high))
        assert allowed.low <= widget.min < widget.max <= (allowed.high or widget.max)
        assert widget.help == explained(ComposeSettings, names.get(key, key))


def test_the_page_train_offers_what_its_settings_take(models_dir):
    app = open_page("train_page")
    app.session_state.train_tab = "2 · Training"
    checked(app.run())
    assert app.number_input(key="minutes").value == 10.0
    for widget in app.number_input:
        name = widget.key.removeprefix("flag_")
        allowed = bounds(TrainingSettings, name)
        assert allowed.low <= widget.min < widget.max <= allowed.high
        assert name == "minutes" or widget.value is None  # the recipe decides


@pytest.mark.parametrize("page", ["panel", "train_page"])
def test_no_page_types_limits_of_settings_by_itself(page):
    source = (STUDIO_DIR / f"{page}.py").read_text(encoding="utf-8")
    assert re.findall(r"(?:slider|number_input)\((?!\*\*)", source) == []


@pytest.mark.parametrize("section", [ComposeSettings, TrainingSettings])
def test_every_number_can_be_offered_within_its_bounds(section):
    for name in section.model_fields:
        kind = kind_of(section, name)
        if kind not in (int, float):
            continue
        allowed, given = bounds(section, name), offered(section, name)
        assert allowed.low <= given["min_value"]
        assert given["max_value"] is None or allowed.high is None or given["max_value"] <= allowed.high
        if given["value"] is not None:
            section.check({name: given["value"]})
        numbers = [given[one] for one in ("min_value", "max_value", "value", "step") if given[one] is not None]
        assert {type(number) for number in numbers} == {kind}


@pytest.mark.parametrize(
    ("name", "of_recipe", "value"),
    [("temperature", 3.0, 2.0), ("top_p", 0.01, 0.05), ("top_k", 900, 500), ("guidance", 2.5, 2.5)],
)
def test_what_a_recipe_has_beyond_the_usual_range_is_brought_into_it(name, of_recipe, value):
    assert offered(ComposeSettings, name, of_recipe)["value"] == value


@pytest.mark.parametrize("seconds", ["90", "42", "42.0"])
def test_a_length_in_seconds_comes_back_from_the_address(models_dir, seconds):
    app = AppTest.from_string("from melodyforge.studio.panel import panel\npanel()", default_timeout=TIMEOUT_S)
    app.query_params |= {"unit": "seconds", "seconds": seconds}
    checked(app.run())
    assert app.slider(key="seconds").value == float(seconds)


def test_a_damaged_model_is_explained(models_dir):
    (models_dir / "tiny" / CONFIG_FILE).write_text("{")
    app = open_app()
    assert "must be a JSON file" in app.error[0].value
    assert not [button for button in app.button if button.key == "compose"]


def test_takes_are_listed_rated_and_deleted(models_dir, takes):
    numbers = [add_take(takes, models_dir, seed) for seed in range(3)]
    app = open_page("takes_page")
    assert len(app.checkbox) == 3
    app.checkbox(key=f"chosen_{numbers[0]}").check().run()
    app.checkbox(key=f"chosen_{numbers[1]}").check().run()
    assert "2 chosen" in app.markdown[0].value
    checked(app.button(key="compare_chosen").click().run())
    checked(app.button(key="delete_chosen").click().run())
    assert [take.id for take in takes.of(OWNER)] == [numbers[2]]
    checked(app.button(key=f"open_{numbers[2]}").click().run())
    assert "notes" in app.caption[0].value


def test_a_take_is_renamed(models_dir, takes):
    number = add_take(takes, models_dir)
    app = open_page("takes_page")
    app.text_input(key=f"name_{number}").set_value("Evening *song*")
    checked(app.button(key=f"rename_{number}").click().run())
    assert takes.get(OWNER, number).name == "Evening *song*"
    assert any(r"Evening \*song\*" in text.value for text in app.markdown)


def test_without_takes_the_page_says_what_will_be_there():
    assert "kept on this page" in open_page("takes_page").info[0].value


def test_music_that_lies_in_the_folder_unread_is_offered_to_be_read(tmp_path, monkeypatch):
    monkeypatch.setattr(data_page, "MIDI_DIR", tmp_path)
    monkeypatch.setattr(data_page, "open_dataset", lambda: None)
    assert "no music yet" in open_page("data_page").info[0].value
    (tmp_path / "tune.mid").write_bytes(write_midi(tune()))
    app = open_page("data_page")
    assert "1 file in your folder, not read yet" in app.info[0].value
    pressed = []
    monkeypatch.setattr(data_page.work, "start_reading", lambda: pressed.append(True))
    checked(app.button(key="read_first").click().run())
    assert pressed


def test_a_model_cannot_take_the_starters_name(models_dir):
    app = open_page("train_page")
    app.session_state.train_tab = "2 · Training"
    checked(app.run())
    app.text_input(key="new_name_my-music").set_value("starter")
    checked(app.button(key="start_training").click().run())
    assert "starter" in app.error[0].value


def test_the_name_that_is_offered_is_free_and_a_taken_one_asks(models_dir):
    (models_dir / "tiny").rename(models_dir / "my-music")
    app = open_page("train_page")
    app.session_state.train_tab = "2 · Training"
    checked(app.run())
    assert app.text_input(key="new_name_my-music-2").value == "my-music-2"
    assert not app.checkbox
    app.text_input(key="new_name_my-music-2").set_value("my-music")
    checked(app.run())
    assert "Replace it" in app.checkbox(key="replace_my-music").label
    checked(app.button(key="start_training").click().run())
    assert "nothing is replaced unasked" in app.error[0].value


def test_models_that_are_unfinished_say_so_and_are_not_the_one_that_composes(models_dir):
    shutil.copytree(models_dir / "tiny", models_dir / "begun")
    metrics = json.loads((models_dir / "begun" / METRICS_FILE).read_text()) | {"ended_because": UNFINISHED}
    (models_dir / "begun" / METRICS_FILE).write_text(json.dumps(metrics))
    app = open_app()
    assert app.selectbox(key="model").options == ["tiny", "begun"]
    assert app.selectbox(key="model").value == "tiny"
    checked(app.selectbox(key="model").set_value("begun").run())
    assert any("begun: unfinished: stopped after" in caption.value for caption in app.caption)


def test_going_on_works_after_a_wish_was_set_and_again_and_from_the_takes(models_dir, takes):
    app = open_app()
    app.slider(key="notes").set_value(20)
    app.selectbox(key="tonic").set_value("D")
    app.query_params["tonic"] = "D"  # as a browser has it in its address from then on
    press_compose(app)
    for number, button in enumerate(("same_settings", "go_on", "go_on"), start=2):
        open_tab(app, "Continue")
        press_until_composed(app, button)
        assert len(takes.of(OWNER)) == number
    assert app.selectbox(key="tonic").value == "D"


def test_a_continuation_says_what_it_continues_from_which_bar_and_reproduces_so(models_dir, takes):
    app = open_app()
    app.slider(key="notes").set_value(40)
    press_compose(app)
    parent = takes.of(OWNER)[0]
    takes.rename(OWNER, parent.id, "Evening")
    app.run()
    open_tab(app, "Continue")
    app.number_input(key=f"branch_bar_{parent.id}").set_value(2)
    press_until_composed(app, "go_on")
    assert "continues Evening from bar 2" in app.caption[0].value
    open_tab(app, "Continue")
    press_until_composed(app, "same_settings")
    again, child, _ = takes.of(OWNER)
    assert child.origin["continues"] == {"take": parent.id, "name": "Evening", "bar": 2}
    assert again.lineage == child.lineage
    assert again.midi != child.midi
    made = reproduce(load_model(models_dir / "tiny"), child.origin, child.primer)
    assert made.to_midi() == child.midi
    assert "continues Evening from bar 2" in "".join(text.value for text in open_page("takes_page").markdown)


def test_a_take_is_varied_and_its_first_version_is_what_it_was(models_dir, takes):
    number = add_take(takes, models_dir)
    app = open_tab(open_app(), "Continue")
    app.slider(key="take_vary").set_value(0.5)
    press_until_composed(app, "vary")
    varied, old = takes.of(OWNER)
    assert varied.origin["settings"]["vary"] == 0.5
    assert varied.lineage == f"{old.name} varied"
    assert [one.made for one in takes.versions(OWNER, varied.id)] == [old.name, "varied"]
    open_tab(app, "Versions")
    assert not checked(app.button(key="open_version_0").click().run()).error
    assert takes.get(OWNER, varied.id).midi == takes.get(OWNER, number).midi == old.midi


def test_two_takes_are_joined_by_a_bridge_and_so_again(models_dir, takes):
    first, second = (takes.get(OWNER, add_take(takes, models_dir, seed)) for seed in (1, 2))
    app = open_tab(open_app(), "Continue")
    app.number_input(key="bridge_bars").set_value(2)
    press_until_composed(app, "join")
    open_tab(app, "Continue")
    press_until_composed(app, "same_settings")
    again, joined, *_ = takes.of(OWNER)
    assert again.lineage == joined.lineage == f"{second.name}, joined to {first.name}"
    assert again.midi != joined.midi
    made = reproduce(load_model(models_dir / "tiny"), joined.origin, second.piece, first.piece)
    assert made.to_midi() == joined.midi
    takes.delete(OWNER, first.id)
    open_tab(app, "Continue")
    assert "not there any more" in app.button(key="same_settings").click().run().error[0].value


def test_take_after_take_is_opened_and_compared_in_any_order(models_dir, takes):
    first, second = (add_take(takes, models_dir, seed) for seed in range(2))
    app = open_page("takes_page")
    for number in (first, second, first):
        checked(app.button(key=f"open_{number}").click().run())
        app.checkbox(key=f"chosen_{number}").check()
    checked(app.button(key="compare_chosen").click().run())
    checked(app.button(key=f"open_{second}").click().run())
    assert "notes" in app.caption[0].value


def test_going_on_from_the_takes_turns_to_compose_whose_wishes_stay(models_dir, takes):
    add_take(takes, models_dir)
    app = open_app()
    app.segmented_control(key="unit").set_value("bars").run()
    app.slider(key="bars").set_value(7)
    app.selectbox(key="tonic").set_value("D")
    app.query_params |= {"unit": "bars", "bars": "7", "tonic": "D"}
    checked(app.run())
    for number in range(2, 4):
        turn_to(app, "takes")
        checked(app.button(key=f"open_{takes.of(OWNER)[-1].id}").click().run())
        open_tab(app, "Continue")
        press_until_composed(app, "go_on")
        assert len(takes.of(OWNER)) == number
        assert app.slider(key="bars").value == 7
        assert app.selectbox(key="tonic").value == "D"


def test_a_name_that_cannot_be_is_refused_by_the_name_of_its_field(models_dir):
    app = open_page("train_page")
    app.session_state.train_tab = "2 · Training"
    checked(app.run())
    app.text_input(key="new_name_my-music").set_value("my music")
    checked(app.button(key="start_training").click().run())
    assert app.error[0].value.startswith("**Name of the new model** must be made of letters")


@pytest.mark.parametrize(
    ("message", "on_page"),
    [
        ("--num-notes must be 1 or more.", "**Notes** must be 1 or more\\."),
        ("`top_p` must be less. Received 2", "**Top p** must be less\\. Received 2"),
        ("Run `python train_model.py --resume`", "Run `python train_model.py --resume`"),
        ("--name or --mood: *a* well-kept one", "**New name** or **Mood**\\: \\*a\\* well\\-kept one"),
    ],
)
def test_settings_are_called_on_pages_as_their_fields(message, on_page):
    assert told(SettingsError(message), name="New name") == on_page


def test_a_style_that_no_folder_can_have_costs_none_of_the_chosen_files(models_dir):
    app = open_page("train_page")
    app.file_uploader(key="music_files_0").set_value([("tune.mid", b"MThd", "audio/midi")])
    app.text_input(key="music_style").set_value("rock/pop")
    checked(app.button(key="add_music").click().run())
    assert "A style must be a name" in app.error[0].value
    assert [file.name for file in app.file_uploader(key="music_files_0").value] == ["tune.mid"]
    assert app.text_input(key="music_style").value == "rock/pop"


def test_what_became_of_an_upload_is_told_file_by_file():
    files = [
        FileReport("a.mid", Fate.USED),
        FileReport("b.mid", Fate.REPAIRED, ["1 note was cut"]),
        FileReport("c.mid", Fate.SKIPPED, ["damaged"]),
        FileReport("d.mid", Fate.DUPLICATE, duplicate_of=["a.mid"]),
        FileReport("older.mid", Fate.SKIPPED, ["not of this upload"]),
    ]
    added = Added(["a.mid", "b.mid", "c.mid", "d.mid", "late.mid"], ["notes.txt: no music file"])
    counts, lines = what_became_of(added, CorpusReport(files))
    assert counts == {"used": 1, "repaired": 1, "duplicate": 1, "skipped": 1, "not read yet": 1, "refused": 1}
    assert lines == [
        "notes.txt: no music file",
        "c.mid: skipped. damaged",
        "b.mid: repaired. 1 note was cut",
        "d.mid: duplicate of a.mid",
    ]


def test_what_the_studio_remembers_has_names_that_no_widget_has():
    sources = {path.name: path.read_text(encoding="utf-8") for path in STUDIO_DIR.glob("*.py")}
    for name, source in sources.items():
        assert not re.search(r"session_state(\.(?!get\b|pop\b)\w+ =|\[\s*f?[\"'])", source), f"{name}: use Remembered"
        assert not re.search(r"key=f?[\"'][^\"']*:", source), f"{name}: keys of widgets hold no colon"
    assert all(":" in name for name in Remembered)


def test_music_can_be_heard_and_saved_while_the_history_is_held_and_kept_later(models_dir, takes, monkeypatch):
    monkeypatch.setattr("melodyforge.workshop.takes.SECONDS_TO_WAIT", 0.1)
    add_take(takes, models_dir)
    with contextlib.closing(sqlite3.connect(takes._path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        app = open_app()
        app.slider(key="notes").set_value(30)
        press_compose(app)
        assert "not in the history yet" in app.error[0].value
        assert "Another program holds it" in app.error[0].value
        assert "MIDI" in {button.label for button in app.get("download_button")}
        checked(app.button(key="keep_now").click().run())
        assert app.error
        other.execute("ROLLBACK")
    checked(app.button(key="keep_now").click().run())
    assert not app.error
    assert len(takes.of(OWNER)) == 2


def test_a_take_that_cannot_be_read_costs_its_own_row_only(models_dir, takes):
    good, bad = add_take(takes, models_dir, 1), add_take(takes, models_dir, 2)
    with contextlib.closing(sqlite3.connect(takes._path)) as database, database:
        database.execute("UPDATE takes SET midi = 'nonsense' WHERE id = ?", (bad,))
    app = open_page("takes_page")
    assert any("nonsense" in one.value or "MIDI" in one.value for one in app.markdown)
    checked(app.button(key=f"open_{bad}").click().run())
    assert app.error
    checked(app.button(key=f"open_{good}").click().run())
    assert not app.error
    checked(open_app())


def add_starter(models_dir: Path, name: str) -> None:
    shutil.rmtree(models_dir / "tiny")
    shutil.copytree(STARTER_DIR, models_dir / name)


def test_a_card_composes_with_its_wishes_which_stand_in_the_fields(models_dir, takes):
    add_starter(models_dir, STARTER_NAME)
    app = open_app()
    titles = {button.label for button in app.button if button.key.startswith("card_")}
    assert titles == {card.title for card in OF_THE_STARTER}
    app.selectbox(key="tonic").set_value("D")
    app.multiselect(key="instruments").set_value(["violin"])
    app.text_input(key="form").set_value("AABA")
    app.text_input(key="ask").set_value("a fast waltz")
    press_until_composed(app, "card_chorale")
    assert app.text_input(key="ask").value == ""
    assert not any("understood" in text.value for text in app.caption)
    assert (app.selectbox(key="style").value, app.slider(key="notes").value) == ("bach-chorales", 120)
    assert (app.selectbox(key="tonic").value, app.multiselect(key="instruments").value) == (None, [])
    settings = takes.of(OWNER)[0].origin["settings"]
    wishes = OF_THE_STARTER[0].wishes | {"key": None, "form": None, "instruments": None}
    assert {name: settings[name] for name in wishes} == wishes
    assert not any(button.key.startswith("card_") for button in app.button)  # folded away
    app.session_state.cards_again = True
    checked(app.run())
    assert app.button(key="card_beat").label == "Beat"


def test_another_models_cards_are_its_styles_and_their_examples_are_composed_once(models_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(cards, "KEPT_DIR", tmp_path / "cards")
    add_starter(models_dir, "mine")
    app = open_app()
    assert len([button for button in app.button if button.key.startswith("card_")]) == cards.MAX_CARDS
    assert "Bach chorales" in {button.label for button in app.button}
    jobs = list(shared._sketches().values())
    checked(app.run())
    assert list(shared._sketches().values()) == jobs
    deadline = time.monotonic() + TIMEOUT_S
    while not list(tmp_path.glob("cards/*/*.mid")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    for job in jobs:
        job.stop()


def test_of_many_takes_some_are_kept_and_more_like_one_are_composed(models_dir, takes):
    app = open_app()
    app.slider(key="notes").set_value(20)
    app.segmented_control(key="takes").set_value(4)
    press_compose(app)
    *_, second, first = takes.of(OWNER)
    press_until_composed(app, f"more_{second.id}")
    alike = takes.of(OWNER)[:4]
    assert len(takes.of(OWNER)) == 8
    traits = read_traits(second.piece)
    for settings in (take.origin["settings"] for take in alike):
        assert (settings["key"], settings["mood"]) == (traits.key.name, traits.mood)
    app.checkbox(key=f"keep_{alike[0].id}").check().run()
    checked(app.button(key="delete_others").click().run())
    assert {take.id for take in takes.of(OWNER)} > {alike[0].id, first.id}
    assert len(takes.of(OWNER)) == 5


def test_takes_are_found_by_all_that_is_said_of_them(models_dir, takes):
    model = load_model(models_dir / "tiny")
    for tempo in (90.0, 120.0):
        takes.add(OWNER, compose(model, default_settings(model, num_notes=20, tempo=tempo, seed=1))[0])
    newest, older = takes.of(OWNER)
    for take, name in ((newest, "Morning"), (older, "Evening")):
        takes.rename(OWNER, take.id, name)
    app = open_page("takes_page")
    for words, found in (
        ("evening tiny", [older]),
        (f"{date.today().year} morning", [newest]),
        ("tiny", [newest, older]),
        ("tiny noon", []),
    ):
        checked(app.text_input(key="find").set_value(words).run())
        assert [button.key for button in app.button if button.label == "Open"] == [f"open_{one.id}" for one in found]


def test_what_was_seen_growing_is_not_taken_away_before_more_is_there(models_dir):
    model = load_model(models_dir / "tiny")
    job = Job(model, default_settings(model, num_pieces=2, num_notes=100), None, lambda _: 0)
    seen = []
    for draw, num_bars in ((0, 2), (0, 4), (0, 3), (1, 1), (1, 6)):
        piece = tune(0, num_bars)
        job.grow(Growing(num_rows=9, num_notes=9, share=0.5, draw=draw, indices=[0, 1], piece=lambda _, one=piece: one))
        seen.append(job.piece())
    assert [len(piece) for piece in seen] == [len(tune(0, number)) for number in (2, 4, 4, 4, 4)]


def test_who_waits_is_told_place_and_time(models_dir):
    model = load_model(models_dir / "tiny")
    wanted = default_settings(model, num_notes=20_000)
    before = [shared.submit(f"visitor {number}", model, wanted, None) for number in range(4)]
    app = open_app()
    app.slider(key="notes").set_value(2000)
    app.segmented_control(key="takes").set_value(8)
    checked(app.button(key="compose").click().run())
    mine = shared.job_of(OWNER)
    mine._asked_at += 1000  # as if the others had come long before
    deadline = time.monotonic() + TIMEOUT_S
    while "ahead of you" not in app.get("progress")[0].proto.text:
        assert time.monotonic() < deadline
        time.sleep(0.1)
        checked(app.run())
    assert re.fullmatch(r"Waiting: 4 ahead of you, about \d+ (seconds|minutes?)", app.get("progress")[0].proto.text)
    while not mine.piece():  # the first notes come, although others were there before
        assert time.monotonic() < deadline
        time.sleep(0.1)
    for job in [*before, mine]:
        job.stop()


def test_a_start_that_cannot_be_read_is_never_passed_over(models_dir, takes):
    app = open_app()
    app.slider(key="notes").set_value(20)
    app.segmented_control(key="primer_way").set_value("a file").run()
    for file in (None, ("broken.mid", b"MThd", "audio/midi"), ("empty.mid", b"", "audio/midi")):
        app.file_uploader(key="primer_file").set_value(file)
        checked(app.button(key="compose").click().run())
        assert "Nothing was composed" in app.error[-1].value
        assert takes.of(OWNER) == []
    app.segmented_control(key="primer_way").set_value("play it here").run()
    checked(app.button(key="compose").click().run())
    assert "Record a few notes" in app.error[-1].value
    app.segmented_control(key="primer_way").set_value("a file").run()
    app.file_uploader(key="primer_file").set_value(("tune.mid", write_midi(tune(0, 3)), "audio/midi"))
    press_compose(app)
    assert takes.of(OWNER)[0].primer is not None


def test_who_comes_back_to_a_chosen_start_is_not_given_music_from_nothing(models_dir, takes):
    app = open_app()
    app.segmented_control(key="primer_way").set_value("a file").run()
    app.file_uploader(key="primer_file").set_value(("tune.mid", write_midi(tune(0, 3)), "audio/midi"))
    checked(app.run())
    turn_to(app, "takes")
    turn_to(app, "")
    checked(app.button(key="compose").click().run())
    if takes.of(OWNER):
        assert takes.of(OWNER)[0].primer is not None
    else:
        assert "Choose a file" in app.error[-1].value


def test_a_missed_wish_is_said_once_and_tried_again(models_dir, takes):
    model = load_model(models_dir / "tiny")
    (made,) = compose(model, default_settings(model, num_notes=20, mood="sad", seed=1))
    notices = ["drawn again because its mood is happy, not sad"] * 5 + [
        "kept although its mood is happy, not sad; train more"
    ]
    number = takes.add(OWNER, replace(made, notices=notices))
    app = open_app()
    assert app.button(key="try_again").label == "Asked sad, got happy\\: try again"
    assert "drawn again" not in "".join(text.value for text in app.caption)
    open_tab(app, "Details")
    (details,) = (text.value for text in app.caption if "random seed" in text.value)
    assert "kept although" not in details
    assert details.count("drawn again") == 1
    assert "5 times" in details
    turn_to(app, "takes")
    assert any("asked sad, got happy" in row.value for row in app.markdown)
    checked(app.button(key=f"open_{number}").click().run())
    press_until_composed(app, "try_again")
    newest, _ = takes.of(OWNER)
    settings = newest.origin["settings"]
    assert settings["mood"] == "sad"
    assert settings["seed"] != 1


def test_a_take_that_was_deleted_is_not_missed_on_compose(models_dir, takes):
    app = open_app()
    app.slider(key="notes").set_value(20)
    press_compose(app)
    press_compose(app)
    turn_to(app, "takes")
    newest, older = takes.of(OWNER)
    app.checkbox(key=f"chosen_{newest.id}").check().run()
    checked(app.button(key="delete_chosen").click().run())
    turn_to(app, "")
    assert not app.warning
    assert any(older.name.split(",")[0] in text.value for text in app.markdown)


@pytest.mark.parametrize(
    ("wish", "half_way"),
    [
        ({"num_bars": 8}, "bar 5 of 8"),
        ({"num_seconds": 30}, "15 of 30 seconds"),
        ({"num_notes": 40}, "20 of 40 notes"),
    ],
)
def test_progress_tells_the_way_to_every_limit_of_all_takes(models_dir, wish, half_way):
    model = load_model(models_dir / "tiny")
    told = []
    job = Job(model, default_settings(model, num_pieces=4, seed=3, **wish), None, lambda _: 0)

    def listen(growing):
        job.grow(growing)
        if growing.draw == 0:
            told.append((job.share, *progress(job)))

    compose(model, job.settings, listener=listen)
    shares = [share for share, *_ in told]
    assert shares == sorted(shares)
    assert shares[0] < 0.3
    assert shares[-1] > 0.9
    assert len(set(shares)) > 5
    assert any(half_way in words for _, words, _ in told)
    assert all("4 of 4 takes" in words and shown == share for share, words, shown in told)


def test_what_is_drawn_again_is_counted_beside_what_is_there(models_dir):
    model = load_model(models_dir / "tiny")
    job = Job(model, default_settings(model, num_pieces=4, num_notes=100), None, lambda _: 0)
    job.grow(Growing(num_rows=50, num_notes=50, share=0.5, draw=2, indices=[1], piece=lambda _: tune()))
    words, share = progress(job)
    assert share == 0.875
    assert "50 of 100 notes · 1 of 4 takes · attempt 3 of at most 6" in words


def test_an_endless_number_in_the_address_is_said_in_a_line(models_dir):
    app = AppTest.from_string("from melodyforge.studio.panel import panel\npanel()", default_timeout=TIMEOUT_S)
    app.query_params["top_k"] = "inf"
    app.run()
    assert not app.exception
    assert "an infinite number" in app.error[0].value


def test_an_address_without_a_unit_of_length_means_notes(models_dir):
    app = AppTest.from_string("from melodyforge.studio.panel import panel\npanel()", default_timeout=TIMEOUT_S)
    app.query_params |= {"unit": "", "notes": "77"}
    app.run()
    assert not app.exception
    assert app.slider(key="notes").value == 77
