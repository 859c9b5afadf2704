"""The state of a training that is under way: one file, always whole, to go on from after any interruption.

Knows Keras variables; does not know what is trained.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from melodyforge.errors import ModelFolderError
from melodyforge.files import write_bytes

if TYPE_CHECKING:
    import keras


def save_checkpoint(path: Path, variables: list[keras.Variable], facts: dict[str, Any]) -> None:
    """Writes the values of the variables, in their order, and facts that JSON can hold."""
    import keras  # here, for facts are read before TensorFlow is loaded

    arrays = {str(index): keras.ops.convert_to_numpy(variable) for index, variable in enumerate(variables)}
    buffer = io.BytesIO()
    np.savez(buffer, facts=np.frombuffer(json.dumps(facts).encode(), np.uint8), **arrays)
    write_bytes(path, buffer.getvalue())


def read_facts(path: Path) -> dict[str, Any]:
    """The facts of a checkpoint.

    Raises:
        ModelFolderError: there is none, or it is damaged.
    """
    if not path.is_file():
        raise ModelFolderError(
            f"Expected an unfinished training of the model {path.stem!r}. Received none. Start one without --resume."
        )
    return json.loads(_load(path)["facts"].tobytes())


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
        raise ModelFolderError(
            f"Expected a checkpoint in {path}. Received a damaged file: {error}. Start the training anew."
        ) from None
