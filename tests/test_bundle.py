"""The model folder: whole or not at all, and harmless whatever it holds."""

import hashlib
import json
import os
import pickle
import shutil

import pytest

from melodyforge.bundle import (
    CONFIG_FILE,
    FORMAT,
    MODEL_FILES,
    VOCABULARY_FILE,
    WEIGHTS_FILE,
    ModelParts,
    find_model,
    list_models,
    load_model,
    read_vocabulary,
    save_model,
)
from melodyforge.errors import ModelFolderError, OutputError
from melodyforge.music.piece import Piece
from melodyforge.recipe import load_recipe
from melodyforge.tokens import NotesRepresentation
from tests.music_samples import gridded_piece, tune


@pytest.fixture
def model_dir(tiny_model_dir, tmp_path):
    """A copy of the tiny model that a test may break."""
    shutil.copytree(tiny_model_dir / "tiny", tmp_path / "tiny")
    return tmp_path / "tiny"


def replace_file(folder, name, data):
    """Changes a file and its checksum, as somebody with an aim would."""
    (folder / name).write_bytes(data)
    config = json.loads((folder / CONFIG_FILE).read_text())
    config["sha256"][name] = hashlib.sha256(data).hexdigest()
    (folder / CONFIG_FILE).write_text(json.dumps(config))


class Evil:
    def __reduce__(self):
        return (os.mkdir, (str(self.path),))

    def __init__(self, path):
        self.path = path


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_vocabulary_that_would_run_code_is_refused_and_runs_nothing(model_dir, tmp_path, protocol):
    trap = tmp_path / "trap"
    replace_file(model_dir, VOCABULARY_FILE, pickle.dumps({"kind": "notes", "x": Evil(trap)}, protocol))
    with pytest.raises(ModelFolderError, match="could run code"):
        load_model(model_dir)
    assert not trap.exists()


@pytest.mark.parametrize("data", [b"", b"not a pickle", pickle.dumps([1, 2]), pickle.dumps({"kind": "notes"})[:-3]])
def test_a_damaged_vocabulary_is_refused(data):
    with pytest.raises(ModelFolderError, match=VOCABULARY_FILE):
        read_vocabulary(data)


def test_weights_that_do_not_fit_the_vocabulary_are_refused_with_both_sizes(model_dir):
    other = NotesRepresentation.fit(load_recipe("forge").representation, [tune(), gridded_piece()])
    sizes = load_model(model_dir).representation.sizes
    replace_file(model_dir, VOCABULARY_FILE, pickle.dumps({"kind": "notes"} | other.state()))
    with pytest.raises(ModelFolderError) as caught:
        load_model(model_dir)
    assert f"weights of shape {other.sizes['shift']} x 48 for the layer 'heard_shift'" in str(caught.value)
    assert f"Received {sizes['shift']} x 48" in str(caught.value)


@pytest.mark.parametrize("name", [WEIGHTS_FILE, VOCABULARY_FILE])
def test_a_changed_file_is_noticed(model_dir, name):
    data = bytearray((model_dir / name).read_bytes())
    data[len(data) // 2] ^= 0xFF
    (model_dir / name).write_bytes(bytes(data))
    with pytest.raises(ModelFolderError, match=r"cannot be used|must hold"):
        load_model(model_dir)


@pytest.mark.parametrize("name", MODEL_FILES)
def test_a_missing_file_is_named(model_dir, name):
    (model_dir / name).unlink()
    with pytest.raises(ModelFolderError, match=name):
        load_model(model_dir)


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        (FORMAT + 1, "Use that version or a newer one."),
        (FORMAT - 1, "Train it again, or use that version."),
        (None, "Train it again, or use that version."),
        ("4", "Train it again, or use that version."),
    ],
)
def test_a_model_of_another_format_is_refused_in_a_line_and_left_as_it_is(model_dir, written, advice):
    config = json.loads((model_dir / CONFIG_FILE).read_text()) | {"format": written, "version": "7.0"}
    (model_dir / CONFIG_FILE).write_text(json.dumps(config))
    before = {path.name: path.read_bytes() for path in model_dir.iterdir()}
    with pytest.raises(ModelFolderError) as caught:
        load_model(model_dir)
    said = f"must have format {FORMAT}. Received {written!r}, written by Melody Forge '7.0'. {advice}"
    assert str(caught.value) == f"The model {model_dir} {said}"
    assert {path.name: path.read_bytes() for path in model_dir.iterdir()} == before


@pytest.mark.parametrize(
    "text", ["", "[]", "{", f'{{"format": {FORMAT}}}', f'{{"format": {FORMAT}, "recipe": {{"units": 3}}}}']
)
def test_a_damaged_config_is_refused(model_dir, text):
    (model_dir / CONFIG_FILE).write_text(text)
    with pytest.raises(ModelFolderError):
        load_model(model_dir)


def test_a_missing_model_names_those_that_are_there(tiny_model_dir):
    with pytest.raises(ModelFolderError, match="tiny"):
        load_model(tiny_model_dir / "none")
    assert list_models(tiny_model_dir) == ["tiny"]
    assert find_model(None, tiny_model_dir).name == "tiny"
    with pytest.raises(ModelFolderError, match=r"train_model\.py"):
        find_model(None, tiny_model_dir / "nowhere")


def parts_of(folder, write_weights=None):
    model = load_model(folder)
    weights = (folder / WEIGHTS_FILE).read_bytes()
    return ModelParts(
        recipe=model.recipe,
        representation=model.representation,
        write_weights=write_weights or (lambda path: path.write_bytes(weights)),
        config={},
        metrics={},
        history="",
    )


def test_a_failed_save_leaves_the_old_model_and_no_rubbish(model_dir):
    before = load_model(model_dir).hash

    def disk_full(path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match="No space left"):
        save_model(model_dir, parts_of(model_dir, disk_full))
    assert load_model(model_dir).hash == before
    assert sorted(path.name for path in model_dir.parent.iterdir()) == [".locks", "tiny"]


def test_a_save_that_was_killed_between_its_two_renames_is_mended(model_dir):
    before = load_model(model_dir).hash
    model_dir.rename(model_dir.with_name(".tiny.previous"))
    assert load_model(model_dir).hash == before


def test_saving_again_replaces_the_model(model_dir):
    save_model(model_dir, parts_of(model_dir))
    assert len(load_model(model_dir).representation.encode(tune())) > 0
    assert load_model(model_dir).representation.encode(Piece(tune().notes[:0])).size == 0
