"""What a model folder says of itself, in config.json, metrics.json and history.csv: read, and checked before use.

Others may have written it: sizes are bounded, and numbers are numbers. Knows no network.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from reprlib import repr as in_short
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from melodyforge.errors import ModelFolderError, SettingsError, TooMuchError
from melodyforge.files import read_at_most
from melodyforge.model_state import CONFIG_FILE, HISTORY_FILE, METRICS_FILE
from melodyforge.settings import Section

MAX_BYTES = {CONFIG_FILE: 4 * 2**20, METRICS_FILE: 2**20, HISTORY_FILE: 16 * 2**20}
FORMAT = 4  # raised when older folders can no longer be read
_Text = Annotated[str, Field(max_length=10_000)]
_Count = Annotated[int, Field(ge=0)]


class _Facts(Section):
    """Some that are known by name; others may stand beside them."""

    model_config = ConfigDict(extra="allow", strict=True)


class _Config(_Facts):
    recipe: dict[str, Any]
    sha256: dict[str, _Text]
    version: _Text = ""
    data_fingerprint: _Text = ""
    habits: dict[str, dict[str, float]] = Field(default_factory=dict)


class _Metrics(_Facts):
    __pydantic_extra__: dict[str, float | bool | _Text | dict[str, float] | None]
    held_out_nats: float | None = None
    start_nats: float | None = None
    best_ngram_nats: float | None = None
    num_train_rows: _Count | None = None
    num_held_out_rows: _Count | None = None
    epochs: _Count | None = None
    seconds: float | None = None


def read_config(folder: Path) -> dict[str, Any]:
    """The model's config.json, if this version can read the model.

    Raises:
        ModelFolderError: it cannot.
    """
    config = _read_json(folder / CONFIG_FILE)
    written = config.get("format")
    if written != FORMAT:
        is_newer = isinstance(written, int) and written > FORMAT
        raise ModelFolderError(
            f"The model {folder} must have format {FORMAT}. Received {in_short(written)}, written by "
            f"Melody Forge {in_short(config.get('version', '?'))}. "
            + ("Use that version or a newer one." if is_newer else "Train it again, or use that version.")
        )
    _require(_Config, config, folder / CONFIG_FILE)
    return config


def read_metrics(folder: Path) -> dict[str, Any]:
    """The model's metrics.json; every number in it is one.

    Raises:
        ModelFolderError: it cannot be read.
    """
    metrics = _read_json(folder / METRICS_FILE)
    _require(_Metrics, metrics, folder / METRICS_FILE)
    return metrics


def read_history(folder: Path) -> list[dict[str, float]]:
    """The rows of the model's history.csv.

    Raises:
        ModelFolderError: it cannot be read.
    """
    path = folder / HISTORY_FILE
    try:
        rows = csv.DictReader(io.StringIO(_read_text(path)))
        return [{name: float(value) for name, value in row.items()} for row in rows]
    except (ValueError, TypeError, csv.Error) as error:
        raise ModelFolderError(f"{path} must be a table of numbers. Received others: {error}.") from None


def _require(kind: type[_Facts], values: dict[str, Any], path: Path) -> None:
    try:
        kind.check(values)
    except SettingsError as error:
        raise ModelFolderError(f"The model {path.parent} cannot be used. In {path.name}, {error}") from None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_read_text(path))
    except (ValueError, RecursionError) as error:
        raise ModelFolderError(f"{path} must be a JSON file. Received: {error}. Train the model again.") from None
    if not isinstance(value, dict):
        raise ModelFolderError(f"{path} must hold a JSON object. Received a {type(value).__name__}.")
    return value


def _read_text(path: Path) -> str:
    try:
        return read_at_most(path, MAX_BYTES[path.name]).decode()
    except (OSError, UnicodeDecodeError, TooMuchError) as error:
        raise ModelFolderError(f"{path} cannot be read: {error} Train the model again.") from None
