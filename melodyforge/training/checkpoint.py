"""The state of a training that is under way: one file, always whole, to go on from after any interruption.

Knows Keras variables; does not know what is trained.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from reprlib import repr as in_short
from typing import TYPE_CHECKING, Any

import numpy as np

from melodyforge import __version__
from melodyforge.errors import ModelFolderError
from melodyforge.files import write_bytes

if TYPE_CHECKING:
    import keras

FORMAT = 2  # raised when older checkpoints can no longer be gone on with


def save_checkpoint(path: Path, variables: list[keras.Variable], facts: dict[str, Any]) -> None:
    """Writes the values of the variables, in their order, and facts that JSON can hold."""
    import keras  # here, for facts are read before TensorFlow is loaded

    arrays = {str(index): keras.ops.convert_to_numpy(variable) for index, variable in enumerate(variables)}
    known = json.dumps({"format": FORMAT, "version": __version__} | facts)
    buffer = io.BytesIO()
    np.savez(buffer, facts=np.frombuffer(known.encode(), np.uint8), **arrays)
    write_bytes(path, buffer.getvalue())


def read_facts(path: Path) -> dict[str, Any]:
    """The facts of a checkpoint.

    Raises:
        ModelFolderError: there is none, or it is damaged or of another version.
    """
    if not path.is_file():
        raise ModelFolderError(
            f"Expected an unfinished training of the model {path.stem!r}. Received none. Start one without --resume."
        )
    try:
        facts = json.loads(_load(path)["facts"].tobytes())
    except (KeyError, ValueError) as error:
        raise _damaged(path, error) from None
    if facts.get("format") != FORMAT:
        raise ModelFolderError(
            f"Expected a checkpoint of format {FORMAT} in {path}. Received {in_short(facts.get('format'))}, written by "
            f"Melody Forge {in_short(facts.get('version', '?'))}. Go on with that version, or start the training anew "
            "with --replace instead of --resume."
        )
    return facts


def restore_checkpoint(path: Path, variables: list[keras.Variable]) -> None:
    """Gives the variables the values that they had.

    Raises:
        ModelFolderError: the file is damaged, or of another network.
    """
    arrays = _load(path)
    values = [arrays[str(index)] for index in range(len(arrays) - 1)]
    if [value.shape for value in values] != [tuple(variable.shape) for variable in variables]:
        raise ModelFolderError(
            f"Expected a checkpoint of {len(variables)} arrays of this network in {path}. Received {len(values)} of "
            "other sizes. Start the training anew without --resume."
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _load(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> ModelFolderError:
    return ModelFolderError(
        f"Expected a checkpoint in {path}. Received a damaged file: {error}. Start the training anew."
    )
