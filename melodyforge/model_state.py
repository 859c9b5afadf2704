"""What a model folder is at the moment, told from the files beside its weights: finished, in training, left unfinished.

Knows names and files; does not know what a model is.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from melodyforge import folders
from melodyforge.errors import ModelFolderError, SettingsError
from melodyforge.files import output_errors

WEIGHTS_FILE = "music_model.weights.h5"
VOCABULARY_FILE = "notes_vocab.pkl"
CONFIG_FILE = "config.json"
METRICS_FILE = "metrics.json"
HISTORY_FILE = "history.csv"
INDEX_FILE = "training_music.npz"
MODEL_FILES = (WEIGHTS_FILE, VOCABULARY_FILE, CONFIG_FILE, METRICS_FILE, HISTORY_FILE)
OPTIONAL_FILES = (INDEX_FILE,)  # that older models lack
UNFINISHED = "training goes on"  # what metrics.json says instead of why the training ended
MAX_NAME_LENGTH = 100  # of a model; files beside it have longer names
REPLACED_BY = "replaced_by"  # in metrics.json of a model that was kept: the name that it had
_NAME_CHARACTERS = set(string.ascii_letters + string.digits + "-_.")


@dataclass(frozen=True)
class ModelState:
    """What a model says of itself.

    Attributes:
        is_training: whether a training of this name is at work.
        is_finished: whether its training came to its end.
        is_kept: whether a newer training has taken its name.
        num_epochs: after which its weights were the best, or under way.
        is_poor: whether counting which notes follow each other predicts music as well as it does.
    """

    is_training: bool
    is_finished: bool
    is_kept: bool
    num_epochs: int
    is_poor: bool

    @property
    def label(self) -> str:
        """What a user should know before choosing it, in a few words; "" when there is nothing to say."""
        if self.is_training:
            return f"in training, epoch {self.num_epochs}" if self.num_epochs else "in training"
        epochs = f"{self.num_epochs} epoch{'s' * (self.num_epochs != 1)}"
        words = [
            "before the newest training" if self.is_kept else "",
            "" if self.is_finished else f"unfinished: stopped after {epochs}",
            "no better than an n-gram" if self.is_poor else "",
        ]
        return ", ".join(filter(None, words))


def read_state(folder: Path) -> ModelState:
    """What a model is at the moment; never fails, for lists must show damaged ones, too."""
    metrics = _read(folder / METRICS_FILE)
    is_kept = REPLACED_BY in metrics
    is_training = not is_kept and folders.is_held(folder) and metrics.get("ended_because", UNFINISHED) == UNFINISHED
    epochs = _read(progress_path(folder)).get("epoch") if is_training else None
    nats, ngram = _number(metrics.get("held_out_nats")), _number(metrics.get("best_ngram_nats"))
    return ModelState(
        is_training,
        metrics.get("ended_because") != UNFINISHED,
        is_kept,
        int(_number(epochs) or _number(metrics.get("epochs")) or 0),
        nats is not None and ngram is not None and nats >= ngram,
    )


def progress_path(folder: Path) -> Path:
    """Where it is written down how far the training of a model has come."""
    return folder.parent / ".training" / f"{folder.name}.progress.json"


def checkpoint_path(folder: Path) -> Path:
    """Where the state of a model's training lies."""
    return folder.parent / ".training" / f"{folder.name}.npz"


def latest_path(folder: Path) -> Path:
    """Where the model with the weights of the last epoch lies, while it is being trained."""
    return folder.parent / ".training" / folder.name


@contextlib.contextmanager
def hold_model(folder: Path) -> Iterator[None]:
    """Keeps others from training, renaming, replacing or deleting a model while the block runs.

    Raises:
        BusyError: another does so.
        OutputError: nothing can be written where models lie.
    """
    refusal = (
        f"The model {folder.name!r} must be at rest. It is being trained or changed by another process. "
        "Wait until that has ended, stop it, or choose another name."
    )
    with folders.hold(folder, refusal):
        for path in (progress_path(folder), checkpoint_path(folder)):
            folders.sweep(path.with_name(f".{path.name}."))
        yield


def check_model_name(name: str) -> str:
    """The name, if a folder can have it.

    Raises:
        SettingsError: it is empty, hidden or too long, or would lie elsewhere.
    """
    if not name or name.startswith(".") or not set(name) <= _NAME_CHARACTERS:
        raise SettingsError(f"--name must be made of letters, digits, '-', '_' and '.'. Received {name!r}.")
    if len(name) > MAX_NAME_LENGTH:
        raise SettingsError(f"--name must have at most {MAX_NAME_LENGTH} characters. Received {len(name)}.")
    return name


def require_free(folder: Path, is_replacing: bool = False) -> None:
    """Refuses a training that would replace a model, or an unfinished training, unasked.

    Raises:
        ModelFolderError: there is one, and `is_replacing` is False.
    """
    name = folder.name
    if is_replacing or not is_taken(folder):
        return
    if folder.exists():
        raise ModelFolderError(
            f"There is a model {name!r} already, and nothing is replaced unasked. `--name {free_name(folder)}` trains "
            f"beside it, `--from {name}` with another name trains it further, `--resume` continues its training, "
            f"`--replace` replaces it and keeps it as {_kept_path(folder).name!r}."
        )
    raise ModelFolderError(
        f"There is an unfinished training {name!r}, and nothing is replaced unasked. `--resume` continues it, "
        f"`--name {free_name(folder)}` trains beside it, `--replace` begins anew."
    )


def is_taken(folder: Path) -> bool:
    """Whether there is a model of this name, or an unfinished training of one."""
    return folders.version(folder) is not None or checkpoint_path(folder).is_file()


def free_name(folder: Path) -> str:
    """The name of the folder, or the next that is free, such as `my-music-2`."""
    return next_free(folder, is_taken).name


def keep_former(folder: Path) -> Path | None:
    """Keeps a copy of the model that is about to be replaced, as NAME-before, under the first name that is free.

    Returns:
        Where it lies, which is where it lay already if it was kept before; None when there is no model.

    Raises:
        OutputError: it cannot be written.
    """
    if not folder.exists():
        return None
    kept = _kept_path(folder)
    if not kept.exists():
        with folders.replacing(kept) as new, output_errors(kept):
            shutil.copytree(folder, new, dirs_exist_ok=True)
            metrics = _read(folder / METRICS_FILE) | {REPLACED_BY: folder.name}
            (new / METRICS_FILE).write_text(json.dumps(metrics, indent=1), encoding="utf-8")
    return kept


def forget_training(folder: Path) -> None:
    """Removes what would be needed to go on with a training."""
    for path in (checkpoint_path(folder), progress_path(folder)):
        path.unlink(missing_ok=True)
    shutil.rmtree(latest_path(folder), ignore_errors=True)


def rename_training(folder: Path, target: Path) -> None:
    """Lets a training go on under another name."""
    for place in (checkpoint_path, progress_path, latest_path):
        if place(folder).exists():
            place(folder).replace(place(target))


def _kept_path(folder: Path) -> Path:
    """NAME-before, or the next free name; where this very model was kept already, that place."""
    config = (folder / CONFIG_FILE).read_bytes()

    def is_other(place: Path) -> bool:
        with contextlib.suppress(OSError):
            return (place / CONFIG_FILE).read_bytes() != config
        return place.exists()

    return next_free(folder.with_name(f"{folder.name}-before"), is_other)


def next_free(path: Path, is_taken: Callable[[Path], bool]) -> Path:
    """The path, or with the lowest number behind it from 2 on that is free."""
    number, free = 2, path
    while is_taken(free):
        free, number = path.with_name(f"{path.name}-{number}"), number + 1
    return free


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
