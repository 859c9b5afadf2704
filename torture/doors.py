"""The ways by which strangers' files come in: each called as scripts and studio call it.

Each function takes the path of a file in a folder of its own, and a generator for what is left to chance. It returns
when the file was taken, and raises an error of `melodyforge.errors` when it was refused. Anything else is a flaw.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl

import numpy as np

from melodyforge import guard
from melodyforge.bundle import Model, list_models, load_model
from melodyforge.compose import compose
from melodyforge.composing.wishes import default_settings
from melodyforge.corpus.files import MusicFile
from melodyforge.corpus.reading import read_music_file
from melodyforge.corpus.store import unpack_piece
from melodyforge.errors import MusicReadError
from melodyforge.music.load import _read_first
from melodyforge.recipe import load_recipe
from melodyforge.workshop.models import import_model
from melodyforge.workshop.music_folder import add_files
from torture.flaws import FlawError, LastNetError
from torture.mutate.weights import CANARY_VALUE
from torture.tiny_models import write_tiny_model
from torture.uses import use

SHARE_USED = 0.3  # of what could be read
SHARE_PRIMERS = 0.1  # of files that are loaded as primers instead of read as parts of a corpus
SHARE_COMPOSE = 0.2  # of addresses at which the button is pressed, too
LAST_NET = "The reader failed"  # how what it catches begins
PANEL = "from melodyforge.studio.panel import panel\npanel()"
TIMEOUT_S = 60.0


def music(path: Path, rng: Random) -> None:
    """A file of a music folder, or a primer; a part of what can be read is then used."""
    if rng.random() < SHARE_PRIMERS:  # `load_piece` runs this in a process like the one that we are in
        pieces = [_read_first(path)]
    else:
        result = read_music_file(MusicFile(str(path), path.name, "", path.stat().st_size, 0))
        if result.error.startswith(LAST_NET):
            _read_first(path)  # says more
            raise LastNetError(result.error)
        if result.error:
            raise MusicReadError(result.error)
        pieces = [unpack_piece(one.piece) for one in result.pieces]
    if rng.random() < SHARE_USED:
        use(rng.choice(pieces), rng)


def upload(path: Path, _: Random) -> None:
    """A zip of music, put into the music folder through the browser."""
    music_dir = path.parent / "music"
    with path.open("rb") as file:
        added = add_files([(path.name, file)], "style", music_dir)
    if any(not (music_dir / name).is_file() for name in added.names):
        raise FlawError("files are not where they are said to be")


def _run_here(function: Callable[..., Any], *args: Any, **_: Any) -> Any:
    """In place of `guard.run`: we are in such a process already, and watch this one."""
    return function(*args)


def model(path: Path, _: Random) -> None:
    """A zipped model: what is imported must compose, and be listed."""
    models_dir = path.parent / "models"
    with path.open("rb") as file, mock.patch.object(guard, "run", _run_here):
        folder = import_model(file, "mine", models_dir)
    if list_models(models_dir) != ["mine"]:
        raise FlawError("an imported model is not listed")
    imported = load_model(folder)
    require_own_weights(imported)
    compose(imported, default_settings(imported, num_notes=4, num_seconds=None, start="nothing", seed=1))


def require_own_weights(imported: Model) -> None:
    """Refuses weights that are no numbers, or that came from elsewhere."""
    for value in _arrays_in(imported.network):
        if not np.isfinite(value).all():
            raise FlawError("weights that are no numbers were taken")
        if value.dtype == np.float32 and (value == np.float32(CANARY_VALUE)).any():
            raise FlawError("weights were read from another file")


def _arrays_in(thing: object) -> list[np.ndarray]:
    """All arrays of real numbers in an object and what it holds."""
    if isinstance(thing, np.ndarray):
        return [thing] if thing.dtype.kind == "f" else []
    if isinstance(thing, dict):
        return [array for one in thing.values() for array in _arrays_in(one)]
    if isinstance(thing, list | tuple):
        return [array for one in thing for array in _arrays_in(one)]
    return [array for one in vars(thing).values() for array in _arrays_in(one)] if hasattr(thing, "__dict__") else []


def recipe(path: Path, _: Random) -> None:
    """A recipe from a file."""
    load_recipe(str(path)).model_dump_json()


def address(path: Path, rng: Random) -> None:
    """The studio's panel under an address; Streamlit runs it as for a browser."""
    from streamlit.testing.v1 import AppTest

    _prepare_streamlit()
    app = AppTest.from_string(PANEL, default_timeout=TIMEOUT_S)
    for name, value in parse_qsl(path.read_text("utf-8"), keep_blank_values=True, errors="replace"):
        app.query_params[name] = value
    app.run()
    _require_no_exception(app)
    buttons = [button for button in app.button if button.key == "compose"]
    if buttons and rng.random() < SHARE_COMPOSE:
        buttons[0].click().run()
        _require_no_exception(app)


def _require_no_exception(app: object) -> None:
    for shown in app.exception:  # type: ignore[attr-defined]
        raise FlawError(f"the page shows an exception: {shown.value}")


@cache
def _prepare_streamlit() -> None:
    """Once in a worker: a model to choose; and one look at all installed packages, instead of one for each page."""
    from streamlit.components.v2 import manifest_scanner

    folder = Path(tempfile.mkdtemp())
    write_tiny_model(folder / "tiny")
    os.environ["MELODY_FORGE_MODELS"] = str(folder)
    manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)


def clear(folder: Path) -> None:
    """Empties a worker's folder, so that the next file finds it as the first did."""
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
