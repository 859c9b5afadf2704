import io
import shutil
import subprocess
import sys
import wave
from pathlib import Path

import pytest

pytest.importorskip("streamlit")

import streamlit as st
from streamlit.testing.v1 import AppTest

from melodyforge.bundle import CONFIG_FILE
from melodyforge.decoding.generate import ENDING_SHARE
from melodyforge.music.midi import read_midi

PROJECT_DIR = Path(__file__).parents[1]
APP = str(PROJECT_DIR / "app.py")
TIMEOUT_S = 60


@pytest.fixture
def models_dir(tiny_model_dir, tmp_path, monkeypatch):
    """A copy of the models, which a test may spoil."""
    folder = tmp_path / "models"
    shutil.copytree(tiny_model_dir, folder)
    monkeypatch.setenv("MELODY_FORGE_MODELS", str(folder))
    return folder


@pytest.fixture(autouse=True)
def own_main_module(monkeypatch):
    """AppTest leaves the app behind as `__main__`, which worker processes of later tests would run anew."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture(autouse=True)
def fresh_cache():
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


def open_app() -> AppTest:
    app = AppTest.from_file(APP, default_timeout=TIMEOUT_S).run()
    assert not app.exception
    return app


def press_compose(app: AppTest, **values: object) -> AppTest:
    for key, value in values.items():
        kind = app.number_input if key == "seed" else app.slider
        kind(key=key).set_value(value)
    app.button(key="compose").click().run()
    assert not app.exception
    return app


def midi_of(app: AppTest) -> bytes:
    return app.session_state["take"]["midi"]


def test_without_a_model_the_page_says_how_to_train_one(tmp_path, monkeypatch):
    monkeypatch.setenv("MELODY_FORGE_MODELS", str(tmp_path))
    app = open_app()
    assert "python train_model.py" in app.info[0].value
    assert not app.button


def test_composing_gives_midi_sound_and_picture(models_dir):
    app = press_compose(open_app(), num_notes=40)
    take = app.session_state["take"]
    num_notes = len(read_midi(take["midi"])[0])
    assert 40 * (1 - ENDING_SHARE) <= num_notes <= 40  # it may close a little sooner
    with wave.open(io.BytesIO(take["wav"])) as file:
        assert file.getnframes() > file.getframerate()
    assert take["roll"].startswith(b"\x89PNG")
    assert f"{num_notes} notes" in app.caption[0].value
    assert not app.error


def test_the_same_seed_gives_the_same_music_and_no_seed_new_music(models_dir):
    app = open_app()
    first = midi_of(press_compose(app, num_notes=30, seed=7))
    assert midi_of(press_compose(app, num_notes=30, seed=7)) == first
    assert midi_of(press_compose(app, num_notes=30, seed=8)) != first
    unseeded = midi_of(press_compose(app, num_notes=30, seed=None))
    assert midi_of(press_compose(app, num_notes=30, seed=None)) != unseeded


def test_the_seed_that_was_drawn_is_shown_and_makes_the_same_music_again(models_dir):
    app = press_compose(open_app(), num_notes=30)
    drawn = midi_of(app)
    seed = int(app.caption[0].value.split("random seed ")[1].split()[0])
    assert midi_of(press_compose(app, num_notes=30, seed=seed)) == drawn


def test_temperature_reaches_the_composer(models_dir):
    app = open_app()
    cold = midi_of(press_compose(app, num_notes=30, temperature=0.0, seed=1))
    assert midi_of(press_compose(app, num_notes=30, temperature=2.0, seed=1)) != cold


def test_the_take_stays_on_the_page_when_a_control_is_moved(models_dir):
    app = press_compose(open_app(), num_notes=30)
    drawn = midi_of(app)
    app.slider(key="num_notes").set_value(50).run()
    assert midi_of(app) == drawn
    assert "30 notes" in app.caption[0].value


def test_two_visitors_do_not_share_their_music(models_dir):
    ann, bob = open_app(), open_app()
    press_compose(ann, num_notes=30, seed=1)
    assert "take" not in bob.session_state
    press_compose(bob, num_notes=30, seed=2)
    assert midi_of(ann) != midi_of(bob)


def test_a_broken_model_is_one_message_not_a_traceback(models_dir):
    (models_dir / "tiny" / "notes_vocab.pkl").write_bytes(b"nonsense")
    app = open_app()
    assert "notes_vocab.pkl" in app.error[0].value
    assert not app.button


def test_another_model_can_be_chosen_after_a_broken_one(models_dir):
    shutil.copytree(models_dir / "tiny", models_dir / "broken")
    (models_dir / "broken" / "metrics.json").unlink()
    app = open_app()
    assert app.selectbox(key="model").options == ["broken", "tiny"]
    assert "metrics.json" in app.error[0].value
    app.selectbox(key="model").select("tiny").run()
    assert not app.error
    assert "tiny" in press_compose(app, num_notes=20).session_state["take"]["name"]


def test_a_model_trained_anew_is_loaded_anew(models_dir):
    open_app()
    (models_dir / "tiny" / "notes_vocab.pkl").write_bytes(b"nonsense")
    assert not open_app().error  # still in memory
    (models_dir / "tiny" / CONFIG_FILE).touch()
    assert open_app().error


def test_the_app_loads_no_tensorflow(models_dir):
    code = (
        "import sys; from streamlit.testing.v1 import AppTest\n"
        f"app = AppTest.from_file({APP!r}, default_timeout=60).run()\n"
        "app.slider(key='num_notes').set_value(20); app.button(key='compose').click().run()\n"
        "assert app.session_state['take'] and not app.exception\n"
        "assert not {'tensorflow', 'keras', 'music21'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
