"""Models say what they are: in training, left unfinished, replaced; the one that composes unasked is finished."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from melodyforge.bundle import find_model, models_by_age
from melodyforge.errors import BusyError, ModelFolderError
from melodyforge.folders import hold, lock_path
from melodyforge.model_state import (
    CONFIG_FILE,
    METRICS_FILE,
    UNFINISHED,
    checkpoint_path,
    free_name,
    hold_model,
    keep_former,
    progress_path,
    read_state,
    require_free,
)


def put_model(folder: Path, age: int = 0, **metrics: object) -> Path:
    """A folder that looks like a model from outside."""
    folder.mkdir(parents=True)
    (folder / METRICS_FILE).write_text(json.dumps({"ended_because": "all epochs are done", "epochs": 4} | metrics))
    (folder / CONFIG_FILE).write_text(json.dumps({"name": folder.name}))
    os.utime(folder / CONFIG_FILE, (10_000 - age, 10_000 - age))
    return folder


def put_checkpoint(folder: Path) -> Path:
    checkpoint_path(folder).parent.mkdir(parents=True, exist_ok=True)
    checkpoint_path(folder).write_bytes(b"state")
    return folder


@pytest.mark.parametrize(
    ("metrics", "label"),
    [
        ({}, ""),
        ({"ended_because": UNFINISHED}, "unfinished: stopped after 4 epochs"),
        ({"ended_because": UNFINISHED, "epochs": 1}, "unfinished: stopped after 1 epoch"),
        ({"held_out_nats": 5.0, "best_ngram_nats": 4.0}, "no better than an n-gram"),
        ({"held_out_nats": 3.0, "best_ngram_nats": 4.0}, ""),
        ({"held_out_nats": "many", "best_ngram_nats": [], "epochs": {}}, ""),
    ],
)
def test_a_model_says_what_it_is(tmp_path: Path, metrics: dict[str, object], label: str) -> None:
    assert read_state(put_model(tmp_path / "mine", **metrics)).label == label


@pytest.mark.parametrize("text", ["", "[]", "[" * 100_000, "\x00"])
def test_damaged_metrics_spoil_no_list(tmp_path: Path, text: str) -> None:
    folder = put_model(tmp_path / "mine")
    (folder / METRICS_FILE).write_text(text)
    assert read_state(folder).is_finished


def test_a_model_in_training_says_its_epoch_and_without_its_process_that_it_stopped(tmp_path: Path) -> None:
    folder = put_model(tmp_path / "mine", ended_because=UNFINISHED, epochs=2)
    progress_path(folder).parent.mkdir()
    progress_path(folder).write_text(json.dumps({"epoch": 3}))
    with hold_model(folder):
        assert read_state(folder).label == "in training, epoch 3"
    assert read_state(folder).label == "unfinished: stopped after 2 epochs"


def test_what_composes_unasked_is_the_newest_finished_model(tmp_path: Path) -> None:
    put_model(tmp_path / "old", age=20)
    put_model(tmp_path / "good", age=10)
    put_model(tmp_path / "begun", ended_because=UNFINISHED)
    assert [folder.name for folder in models_by_age(tmp_path)] == ["good", "old", "begun"]
    assert find_model(None, tmp_path).name == "good"


def test_a_model_is_listed_while_it_stands_under_neither_name(tmp_path: Path) -> None:
    put_model(tmp_path / "mine").rename(tmp_path / ".mine.previous")  # where a writer was killed
    assert [folder.name for folder in models_by_age(tmp_path)] == ["mine"]
    assert find_model("mine", tmp_path).is_dir()


def test_nothing_is_replaced_unasked_and_all_ways_on_are_named(tmp_path: Path) -> None:
    folder = put_model(tmp_path / "mine")
    with pytest.raises(ModelFolderError) as caught:
        require_free(folder)
    for way in ("--name mine-2", "--from mine", "--resume", "--replace", "'mine-before'"):
        assert way in str(caught.value)
    require_free(folder, is_replacing=True)
    with pytest.raises(ModelFolderError, match=r"unfinished training 'begun'.*--resume.*--name begun-2.*--replace"):
        require_free(put_checkpoint(tmp_path / "begun"))
    require_free(tmp_path / "new")


def test_the_next_free_name_is_neither_a_models_nor_a_trainings(tmp_path: Path) -> None:
    assert free_name(tmp_path / "my-music") == "my-music"
    put_model(tmp_path / "my-music")
    put_checkpoint(tmp_path / "my-music-2")
    assert free_name(tmp_path / "my-music") == "my-music-3"


def test_a_model_that_is_replaced_is_kept_once_under_a_free_name(tmp_path: Path) -> None:
    folder = put_model(tmp_path / "mine")
    put_model(tmp_path / "mine-before")  # of another model
    kept = keep_former(folder)
    assert kept == tmp_path / "mine-before-2"
    assert keep_former(folder) == kept  # the same model again
    assert read_state(kept).label == "before the newest training"
    assert (kept / CONFIG_FILE).read_bytes() == (folder / CONFIG_FILE).read_bytes()
    assert keep_former(tmp_path / "none") is None


def test_a_second_training_of_a_name_is_refused_and_the_first_ones_leftovers_are_swept(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    for leftover in (".mine.new.abcdefgh", ".training/.mine.npz.abcdefgh", ".training/.mine.progress.json.abcdefgh"):
        (tmp_path / leftover).mkdir(parents=True)
    lock_path(folder).parent.mkdir()
    with hold_model(folder):
        assert [*tmp_path.glob(".mine*"), *(tmp_path / ".training").iterdir()] == []
        with pytest.raises(BusyError, match="'mine' must be at rest"):
            in_another_thread(lambda: hold_model(folder))
        with hold(tmp_path / "other", "busy"):
            pass


def in_another_thread(lock) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def enter() -> None:
        with lock():
            pass

    with ThreadPoolExecutor(1) as pool:
        pool.submit(enter).result()
