"""Imports go in one direction, and heavy libraries are loaded only where they are needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT_DIR = Path(__file__).parents[1]
SCRIPTS = sorted(path.name for path in PROJECT_DIR.glob("*.py") if path.name != "app.py")
# Each room may use the rooms of the lines above its own, and itself; not its neighbours on the same line.
LEVELS = (
    ("errors", "places", "priority"),
    ("hashing", "words"),
    ("settings", "files", "cli", "progress", "guard", "plain_pickle", "weights_file"),
    ("recipe", "folders", "cluster"),
    ("flags", "model_state"),
    ("music", "facts"),
    ("tokens", "figures"),
    ("corpus", "decoding", "networks"),
    ("originality",),
    ("bundle", "composition"),
    ("training", "composing"),
    ("compose", "asking"),
    ("evaluation", "workshop", "live", "bulk"),
    ("studio",),
    ("commands",),
    ("__main__",),
)
LEVEL_OF = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
TRAINING_LIBRARIES = {"keras", "tensorflow", "jax", "torch"}
TRAINING_ROOMS = {"networks", "training"}
SLOW_LIBRARIES = TRAINING_LIBRARIES | {"music21", "streamlit", "verovio", "pretty_midi"}


def imported_modules(path: Path) -> Iterator[str]:
    """Full names of all modules that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(path: Path, package: Path) -> str:
    return path.relative_to(package).with_suffix("").parts[0]


def files_of(package: Path) -> list[Path]:
    return [path for path in sorted(package.rglob("*.py")) if path != package / "__init__.py"]


def wrong_imports(package: Path) -> list[str]:
    """What is imported against the direction, as `file imports room`."""
    wrong = set()
    for path in files_of(package):
        room = room_of(path, package)
        for name in imported_modules(path):
            used = name.split(".")[1] if name.startswith("melodyforge.") else room
            if used in LEVEL_OF and used != room and LEVEL_OF[used] >= LEVEL_OF[room]:
                wrong.add(f"{path.relative_to(package)} imports {used}")
    return sorted(wrong)


def library_users(package: Path, libraries: set[str]) -> set[str]:
    """The rooms that import one of the libraries."""
    return {
        room_of(path, package)
        for path in files_of(package)
        if any(name.split(".")[0] in libraries for name in imported_modules(path))
    }


def modules_loaded_by(code: str) -> set[str]:
    """Names of the libraries that a fresh Python has loaded after running some code."""
    report = "\nimport sys; print('loaded:', *{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, cwd=PROJECT_DIR)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("loaded:")[2].split())


def test_every_room_has_a_level():
    assert {room_of(path, PROJECT_DIR / "melodyforge") for path in files_of(PROJECT_DIR / "melodyforge")} <= set(
        LEVEL_OF
    )


def test_imports_go_in_one_direction():
    assert wrong_imports(PROJECT_DIR / "melodyforge") == []


def test_an_import_against_the_direction_is_found_even_inside_a_function(tmp_path):
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "bad.py").write_text("def f():\n    from melodyforge.training import train\n")
    assert wrong_imports(tmp_path) == ["music/bad.py imports training"]


def test_the_library_does_not_use_the_studio():
    assert library_users(PROJECT_DIR / "melodyforge", {"streamlit", "starlette"}) == {"studio", "commands"}


def test_only_networks_and_training_use_keras():
    assert library_users(PROJECT_DIR / "melodyforge", TRAINING_LIBRARIES) <= TRAINING_ROOMS


def test_a_use_of_keras_is_found(tmp_path):
    (tmp_path / "compose.py").write_text("import keras.ops\n")
    assert library_users(tmp_path, TRAINING_LIBRARIES) == {"compose"}


@pytest.mark.parametrize("module", ["melodyforge.bundle", "melodyforge.compose"])
def test_what_composing_imports_loads_no_slow_library(module):
    assert not modules_loaded_by(f"import {module}") & SLOW_LIBRARIES


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_loads_no_slow_library(script):
    code = f"import runpy, sys\nsys.argv = [{script!r}, '--help']\n"
    code += f"try: runpy.run_path({script!r}, run_name='__main__')\nexcept SystemExit as end: assert not end.code"
    assert not modules_loaded_by(code) & SLOW_LIBRARIES
