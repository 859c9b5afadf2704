"""The package as a wheel, installed into an environment that has nothing but what it declares."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
import venv
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from melodyforge.music.midi import read_midi, write_midi
from tests.music_samples import tune
from tests.studio_server import PROJECT_DIR, free_port

pytestmark = pytest.mark.slow

TIMEOUT_S = 120


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, so that nothing is left in the project."""
    source, folder = tmp_path_factory.mktemp("source") / "project", tmp_path_factory.mktemp("wheel")
    kept = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
    shutil.copytree(PROJECT_DIR / "melodyforge", source / "melodyforge", ignore=kept)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT_DIR / name, source)
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        folder,
    ]
    subprocess.run([*build, source], check=True, timeout=TIMEOUT_S)
    (built,) = folder.glob("*.whl")
    return built


def install(wheel: Path, folder: Path, extra: str = "") -> Path:
    """Makes an environment with the wheel and what it requires, taken from this one; gives its folder of commands."""
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install", "--quiet", "--no-index"]
    subprocess.run([*pip, "--no-deps", wheel], check=True, timeout=TIMEOUT_S)
    (metadata,) = site.glob("melodyforge-*.dist-info")
    for one in required(Distribution.at(metadata), extra):
        for name in {file.parts[0] for file in one.files or [] if file.parts[0] != ".."}:
            target = site / name
            if not target.exists():
                target.symlink_to(Path(str(one.locate_file(name))))
    return folder / "bin"


def required(of: Distribution, extra: str, known: dict[str, Distribution] | None = None) -> list[Distribution]:
    """Everything that a distribution requires, and what that requires."""
    known = {} if known is None else known
    for text in of.requires or []:
        requirement = Requirement(text)
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        if name == "melodyforge":  # an extra that stands for others
            for inner in requirement.extras:
                required(of, inner, known)
        elif name not in known:
            known[name] = distribution(name)
            for inner in requirement.extras or {""}:
                required(known[name], inner, known)
    return list(known.values())


def test_the_wheel_holds_every_file_of_the_package(wheel):
    files = (path for path in (PROJECT_DIR / "melodyforge").rglob("*") if path.is_file() and path.suffix != ".pyc")
    with zipfile.ZipFile(wheel) as archive:
        assert {str(path.relative_to(PROJECT_DIR)) for path in files} - {*archive.namelist()} == set()


def in_empty_folder(folder: Path) -> dict[str, object]:
    """Where a command runs that knows nothing of this project."""
    (folder / "empty").mkdir()
    known = {name: value for name, value in os.environ.items() if not name.startswith(("MELODY_FORGE", "PYTHON"))}
    return {"cwd": folder / "empty", "env": known | {"HOME": str(folder)}}


def test_the_wheel_composes_from_the_starter_where_nothing_else_is(wheel, tmp_path):
    commands = install(wheel, tmp_path / "bare")
    where = in_empty_folder(tmp_path)
    call = [commands / "melody-forge", "compose", "--num-notes", "40", "--seed", "1", "--wav"]
    done = subprocess.run(call, capture_output=True, text=True, timeout=TIMEOUT_S, **where)
    assert done.returncode == 0, done.stderr
    home = tmp_path / "melody-forge"
    assert done.stdout.splitlines()[0] == f"Music, models and output: {home}"
    num_notes = len(read_midi((home / "output" / "generated_music.mid").read_bytes())[0])
    assert 36 <= num_notes <= 40  # it may end a little before
    assert (home / "output" / "generated_music.wav").read_bytes()[:4] == b"RIFF"
    assert not any((tmp_path / "empty").iterdir())
    packages = {path.name for path in next((tmp_path / "bare").glob("lib/python*/site-packages")).iterdir()}
    assert not packages & {"tensorflow", "keras", "music21", "streamlit", "scipy", "matplotlib"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train"], "No MIDI files found"),
        (["studio"], "lacks the package streamlit. Run `pip install 'melodyforge[studio]'`"),
        (["evaluate"], "lacks the package scipy. Run `pip install 'melodyforge[train]'`"),
        (["compose", "--primer", "tune.abc"], "music21. Run `pip install 'melodyforge[scores]'`"),
        (["dance"], "invalid choice: 'dance'"),
    ],
)
def test_what_is_not_there_is_said_in_a_line(bare, arguments, words):
    commands, where = bare
    done = subprocess.run([commands / "melody-forge", *arguments], capture_output=True, text=True, **where)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert words in line


@pytest.fixture(scope="module")
def bare(wheel, tmp_path_factory):
    """An environment for composing alone, and where commands run in it."""
    folder = tmp_path_factory.mktemp("bare")
    commands, where = install(wheel, folder / "venv"), in_empty_folder(folder)
    (folder / "empty" / "tune.abc").write_text("X:1\nK:C\nCDEF|\n")
    return commands, where


def test_music_in_the_current_folder_is_found(bare, tmp_path):
    commands, where = bare
    (tmp_path / "models").mkdir()
    call = [commands / "melody-forge", "compose", "--num-notes", "5"]
    done = subprocess.run(call, capture_output=True, text=True, **where | {"cwd": tmp_path})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "output" / "generated_music.mid").is_file()


def test_nothing_is_written_where_the_package_lies(wheel, tmp_path):
    """As where it is installed for all users of a machine; tests may run as root, whom no permission stops."""
    commands, home, port = install(wheel, tmp_path / "venv", "all"), tmp_path / "home", free_port()
    where = in_empty_folder(tmp_path)
    where["env"] |= {"MELODY_FORGE_HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    music = home / "data" / "midi_files"
    music.mkdir(parents=True)
    for index in range(4):
        (music / f"{index}.mid").write_bytes(write_midi(tune(index, 8)))
    (package,) = (tmp_path / "venv").glob("lib/python*/site-packages/melodyforge")
    before = state_of(package)
    small = ["--recipe", "classic", "--units", "8", "--num-layers", "1", "--window", "16", "--epochs", "1"]
    for arguments in (["train", *small], ["compose", "--model", "starter", "--num-notes", "20", "--wav"]):
        done = subprocess.run(
            [commands / "melody-forge", *arguments], capture_output=True, text=True, timeout=TIMEOUT_S, **where
        )
        assert done.returncode == 0, done.stderr
    assert (home / "models" / "classic").is_dir()
    assert (home / "output" / "generated_music.wav").is_file()
    call = [commands / "melody-forge", "studio", "--port", str(port)]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(call, stdout=log, stderr=log, **where) as server:
        try:
            assert "window.__streamlit" in first_page(f"http://localhost:{port}/", tmp_path / "log")
        finally:
            server.terminate()
    assert state_of(package) == before
    assert not any((tmp_path / "empty").iterdir())


def state_of(folder: Path) -> dict[Path, tuple[int, int]]:
    """When each file and folder in it was last changed, and its size."""
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in [folder, *folder.rglob("*")]}


def first_page(address: str, log: Path) -> str:
    """The page of a server that is starting."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                return answer.read().decode()
        except OSError:
            time.sleep(0.2)
    raise AssertionError(log.read_text())
