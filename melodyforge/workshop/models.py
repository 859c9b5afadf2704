"""Looks after model folders: renames, deletes, exports and imports them. Loads nothing that a stranger's file says.

An import is unpacked beside the others, loaded under the rules of `bundle`, and put in place only when it composes.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import BinaryIO

from melodyforge import folders, guard
from melodyforge.bundle import STARTER_NAME, find_model, load_model
from melodyforge.errors import ModelFolderError, UnpackError
from melodyforge.files import output_errors
from melodyforge.model_state import (
    MODEL_FILES,
    OPTIONAL_FILES,
    check_model_name,
    forget_training,
    hold_model,
    is_taken,
    rename_training,
)
from melodyforge.places import MODELS_DIR
from melodyforge.workshop.unpack import Room, open_zip, unpack

MAX_BYTES = 1_000_000_000  # of an unpacked model
LOAD_SECONDS = 30.0


def export_model(name: str, models_dir: Path = MODELS_DIR) -> bytes:
    """The files of a model in one zip, in a folder of its name."""
    folder = find_model(name, models_dir)
    return folders.read_steadily(folder, lambda: _packed(folder, name))


def import_model(file: BinaryIO, name: str, models_dir: Path = MODELS_DIR) -> Path:
    """Unpacks a zipped model under a name.

    Args:
        file: the zip, open for reading.
        name: of the model.
        models_dir: where models lie.

    Raises:
        SettingsError: no model can have this name.
        ModelFolderError: there is one of this name, it is no zip, or it holds no usable model.
        TooMuchError: there is no room for it.
        OutputError: it cannot be written.
    """
    target = _free_folder(name, models_dir)
    with output_errors(target):
        models_dir.mkdir(parents=True, exist_ok=True)
        with hold_model(target), folders.replacing(target) as new:
            _require_free(target)
            _unpack(file, new)
            guard.run(_require_usable, new, seconds=LOAD_SECONDS, error=ModelFolderError, what="a model")
    return target


def rename_model(name: str, new_name: str, models_dir: Path = MODELS_DIR) -> None:
    """Gives a model another name.

    Raises:
        SettingsError: no model can have this name.
        ModelFolderError: there is one of this name, or the model is the starter.
    """
    folder = _own_folder(name, models_dir)
    target = _free_folder(new_name, models_dir)
    with hold_model(folder), hold_model(target), output_errors(target):
        _require_free(target)
        folder.rename(target)
        rename_training(folder, target)


def delete_model(name: str, models_dir: Path = MODELS_DIR) -> None:
    """Removes a model for good.

    Raises:
        ModelFolderError: the model is the starter.
    """
    folder = _own_folder(name, models_dir)
    with hold_model(folder):
        folders.remove(folder)
        forget_training(folder)


def _packed(folder: Path, name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in MODEL_FILES + tuple(file for file in OPTIONAL_FILES if (folder / file).is_file()):
            archive.write(folder / file, f"{name}/{file}")
    return buffer.getvalue()


def _own_folder(name: str, models_dir: Path) -> Path:
    """The folder of a model by its name alone, so that no other folder can be meant."""
    if name == STARTER_NAME:
        raise ModelFolderError(f"The model must be one of your own. Received {name!r}, which ships with the project.")
    folder = models_dir / check_model_name(name)
    if folders.version(folder) is None or folder.is_symlink():
        raise ModelFolderError(f"The model must be one of your own. Received {name!r}, which is not there.")
    return folder


def _free_folder(name: str, models_dir: Path) -> Path:
    target = models_dir / check_model_name(name)
    _require_free(target)
    return target


def _require_free(target: Path) -> None:
    if is_taken(target) or target.name == STARTER_NAME:
        raise ModelFolderError(
            f"The name must be new. There is a model or a training {target.name!r} already. Choose another name."
        )


def _unpack(file: BinaryIO, folder: Path) -> None:
    """Takes the files of a model out of a zip, by their names alone; paths in the zip mean nothing."""
    try:
        with open_zip(file) as archive:
            entries = {Path(entry.filename).name: entry for entry in archive.infolist() if not entry.is_dir()}
            missing = [name for name in MODEL_FILES if name not in entries]
            if missing:
                raise ModelFolderError(
                    f"A zipped model must hold {', '.join(MODEL_FILES)}. Missing: {', '.join(missing)}."
                )
            room = Room(MAX_BYTES, folder)
            for name in MODEL_FILES + tuple(name for name in OPTIONAL_FILES if name in entries):
                unpack(archive, entries[name], folder / name, MAX_BYTES, room)
    except UnpackError as error:
        raise ModelFolderError(f"Expected a zipped model. Received: {error}. Export it again.") from None


def _require_usable(folder: Path) -> None:
    """Runs in a guarded process."""
    load_model(folder)
