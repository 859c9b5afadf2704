"""Every benchmark runs to its end, on next to nothing, and writes its figures."""

import importlib
import json
import shutil

import numpy as np
import pytest
from scipy.io import savemat

from benchmarks import measure, tutorial_pipeline
from benchmarks.measure import Figure, compare
from melodyforge.music.midi import write_midi
from melodyforge.places import PROJECT_DIR
from melodyforge.training import plan
from melodyforge.training.backend import Machine
from tests.music_samples import gridded_piece

pytestmark = pytest.mark.slow

TINY = """
[representation]
kind = "events"
min_count = 1
[network]
units = 8
num_layers = 1
[training]
window = 16
batch_size = 4
epochs = 1
"""
FEW_MINUTES = ["--minutes", "0.001"]
SMALL_FLAGS = ["--seeds=1", "--units=8", "--num-layers=1", "--epochs=1", "--window=16", "--batch-size=4"]
SIZES = {  # what each takes instead of its own
    "speed": {
        "NUM_FILES": 2, "UNITS": 8, "NUM_LAYERS": 1, "TRAINING_SHAPES": ((2, 4),), "MATRIX_SIZE": 8,
        "PREDICTED_NOTES": 1, "COMPOSED_NOTES": 5, "LONG_NOTES": 6, "PIECES_AT_ONCE": 2,
    },
    "time_to_quality": {"COMPOSED_NOTES": 2},
    "recipes": {"RECIPES": ("tiny.toml",), "NUM_COMPOSITIONS": 2, "TIMED_NOTES": 5, "NUM_KEPT": 1},
    "fine_tuning": {"NUM_TEST_PIECES": 2},
    "jsb_chorales": {},
    "piano_rolls": {},
    "large_data": {"NUM_FILES": 3, "NUM_NOTES": 1200, "PASSAGE_NOTES": 50},
    "mood": {"REPEATS": 1, "KNOWN": {"sad": "0 1", "happy": "2"}},
    "growth": {
        "NUM_FILES": (2, 3, 8), "NUM_NOTES": (2, 3, 4), "NUM_PIECES": (1, 2, 3), "NOTES_EACH": 3, "NUM_STEPS": 2,
        "UNITS": 8, "WINDOW": 16, "BATCH_SIZE": 4, "WARM_UP_NOTES": 1,
    },
    "constraints": {"PIECES_OF_A_SET": 1},
    "holding": {"MOST_NOTES": 20, "TRACKS": {"": {"the first track stands": slice(1, None)}}, "GAPS": ("",)},
    "adversarial": {"NUM_COMPOSITIONS": 2, "NUM_NOTES": 12, "BATCH_SIZE": 2, "ROUNDS_ALONE": 0},
    "originality": {},
    "wishes": {"OTHERS": {"mood": ("sad",)}, "NUM_NOTES": 20},
    "best_of": {"STYLES": [""], "COMPOSED_NOTES": 40, "NUM_NOTES": 20},
    "likeness": {"COMPOSED_NOTES": 20},
    "causes": {},
    "varying": {"AMOUNTS": (0.5,), "KEEPS": ("", "contour,harmony")},
}  # fmt: skip


@pytest.fixture
def flags(tmp_path, tiny_model_dir, tune_store):
    """The command line of each benchmark, and the files that it names."""
    music = tmp_path / "music"
    music.mkdir()
    for index in range(10):
        (music / f"{index}.mid").write_bytes(write_midi(gridded_piece(index, 300)))
    labels = "".join(f"{index}.mid,{index / 8 - 0.4},{0.4 - index % 3 / 3},30\n" for index in range(10))
    (music / "labels.csv").write_text(f"file,valence,arousal,listeners\n{labels}")
    (tmp_path / "tiny.toml").write_text(TINY)
    cells = np.repeat([[60, 55, 52, 48], [62, 55, 53, 47]] * 8, 2, axis=0).tolist()
    (tmp_path / "table.json").write_text(json.dumps({part: [cells] * 3 for part in ("train", "valid", "test")}))
    roll = np.zeros((32, 88), np.uint8)
    roll[np.arange(32), 30 + np.arange(32) // 4] = 1
    rolls = np.empty((1, 3), object)
    rolls[0, :] = [roll, roll, roll]
    savemat(tmp_path / "Nottingham.mat", {f"{part}data": rolls for part in ("train", "valid", "test")})
    from_music = ["--midi-dir", str(music)]
    tiny = str(tiny_model_dir / "tiny")
    return {
        "speed": from_music,
        "time_to_quality": [*from_music, *FEW_MINUTES],
        "recipes": [*from_music, *FEW_MINUTES, "--recipes", "tiny.toml"],
        "fine_tuning": [*from_music, *FEW_MINUTES, "--from", tiny, "--sizes", "2"],
        "jsb_chorales": ["--table", str(tmp_path / "table.json"), *SMALL_FLAGS],
        "piano_rolls": ["--folder", str(tmp_path), "--tables", "Nottingham", *SMALL_FLAGS],
        "large_data": [*from_music, *FEW_MINUTES, "--recipe", "tiny.toml"],
        "mood": ["--labelled", str(music), "--known", str(music)],
        "growth": from_music,
        "constraints": ["--pieces", "2", "--notes", "10"],
        "holding": ["--model", tiny, "--dataset", str(tune_store.folder)],
        "adversarial": [*from_music, "--model", tiny, "--rounds", "1"],
        "originality": ["--dataset", str(tune_store.folder), "--copies", "1"],
        "causes": [*from_music, *FEW_MINUTES, "--recipe=tiny.toml", "--compositions=2", "--causes", "nothing", "form"],
        "varying": ["--music", str(music), "--model", tiny, "--pieces", "1"],
        "likeness": ["--music", str(music), "--model", tiny, "--like=1", "--others=2", "--pieces=2", "--half"],
        "wishes": ["--model", tiny, "--pieces=1"],
        "best_of": ["--model", tiny, "--dataset", str(tune_store.folder), "--best-of=2", "--pieces=3"],
    }


@pytest.fixture
def uncompiled(monkeypatch):
    """A few steps are taken sooner than compiled."""
    import tensorflow as tf

    monkeypatch.setattr(Machine, "use_xla", lambda *_: False)
    monkeypatch.setattr(plan, "MIN_STEPS_PER_EPOCH", 1)
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def test_every_benchmark_with_a_command_of_its_own_has_a_smoke_test():
    found = {path.stem for path in (PROJECT_DIR / "benchmarks").glob("*.py") if "__main__" in path.read_text()}
    others = {"studio", "load", "many_files"}  # which need a server, and whose pages have tests; or a cluster
    assert found - set(SIZES) <= others | {"peer", "remi_llama"}  # `test_peer.py`


@pytest.mark.filterwarnings("ignore:Even though the `tf.config")
@pytest.mark.parametrize("name", SIZES)
@pytest.mark.usefixtures("uncompiled")
def test_a_benchmark_runs_to_its_end(name, flags, tmp_path, tune_store, monkeypatch, capsys):
    benchmark = importlib.import_module(f"benchmarks.{name}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [name, *flags[name]])
    monkeypatch.setattr(measure, "RESULTS_DIR", tmp_path)
    for constant, value in SIZES[name].items():
        monkeypatch.setattr(benchmark, constant, value)
    for constant, value in {"UNITS": 8, "NUM_LAYERS": 1}.items():
        monkeypatch.setattr(tutorial_pipeline, constant, value)
    here = {  # in this process, which has loaded all libraries, and once
        "run_alone": lambda function, *arguments: (function(*arguments), 0.0),
        "median_seconds": lambda function, *_, **__: (function(), 1.0)[1],
        "CURVE_PATH": tmp_path / "curve.svg",
        "RESULTS_DIR": tmp_path,
        "prepare": lambda midi_dir, folder: shutil.copytree(tune_store.folder, folder / "dataset"),
    }
    for constant, value in here.items():
        if hasattr(benchmark, constant):
            monkeypatch.setattr(benchmark, constant, value)
    benchmark.main()
    (results,) = [json.loads(path.read_text()) for path in tmp_path.glob("*.json") if path.name != "table.json"]
    assert results["machine"]["processor"]
    if "figures" in results:
        assert results["machine"]["processor"].split()[0] in capsys.readouterr().out


def test_the_readme_says_on_what_processor_it_was_measured():
    kept = json.loads((PROJECT_DIR / "benchmarks" / "results" / "speed.json").read_text())
    assert kept["machine"]["processor"] in (PROJECT_DIR / "README.md").read_text()


def test_what_is_worse_than_before_on_the_same_machine_is_said(tmp_path):
    path, conditions = tmp_path / "speed.history.jsonl", {"units": 256}
    here = {"date": "2026-01-01", "processor": "fast", "num_cores": 2}
    run = [Figure("composing", 1000.0, "notes/s"), Figure("start", 1.0, "s"), Figure("ratio", 5.0, "times")]
    slow = [Figure("composing", 700.0, "notes/s"), Figure("start", 1.1, "s"), Figure("ratio", 1.0, "times")]
    assert compare(path, here, conditions, run) == []
    assert compare(path, here | {"processor": "slow"}, conditions, slow) == []
    assert compare(path, here, {"units": 64}, slow) == []
    (line,) = compare(path, here, conditions, slow)
    assert line == "Worse than on 2026-01-01 by 43%: composing: 1,000 -> 700 notes/s"
    assert compare(path, here, conditions, slow) == []  # it is the newest that counts
    assert len(path.read_text().splitlines()) == 5
