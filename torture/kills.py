"""Kills work without warning, at random moments, and looks at what is left: nothing may be lost or half there.

Each kind of work has a home of its own, in which one run after another is killed, as on a machine that fails again and
again; at the end one run is left alone, and nothing may lie about after it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import numpy as np

from melodyforge.bundle import load_model
from melodyforge.corpus.store import PieceStore
from melodyforge.music.load import load_piece
from melodyforge.music.midi import write_midi
from melodyforge.places import PROJECT_DIR
from melodyforge.workshop.takes import TAKES_FILE, Takes
from torture.seeds import piece
from torture.tiny_models import write_tiny_model
from torture.victims import MODEL, OWNER

NUM_TUNES = 60
SMALL = ("--units", "16", "--num-layers", "1", "--window", "16", "--batch-size", "8", "--patience", "1000")
MAX_SECONDS = 300.0  # of a run that is left alone
MAX_ENDLESS_SECONDS = 3.0  # of a run that would go on for ever


class LostError(Exception):
    """Something is gone, half there, or does not open any more."""


@dataclass(frozen=True)
class Work:
    """Something that is killed.

    Attributes:
        name: for people.
        command: arguments for Python.
        check: raises when something is lost; is given the home, what stood there before (its own last answer, None at
            first), and the lines that the run printed.
        num_in_long: kills in the long form.
        is_endless: whether it goes on until it is killed, unless it is told how often to do its work.
    """

    name: str
    command: tuple[str, ...]
    check: Callable[[Path, object, list[str]], object]
    num_in_long: int
    is_endless: bool = False


@dataclass
class Killed:
    """How it went with a kind of work.

    Attributes:
        name: of the work.
        num_kills: runs that were killed before they had ended.
        losses: what was lost, in words.
        leftovers: files that lie about although a run was left alone afterwards.
    """

    name: str
    num_kills: int = 0
    losses: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)


def kill_work(work: Work, num_kills: int, seed: int) -> Killed:
    """Kills a kind of work again and again."""
    killed, rng, state = Killed(work.name), Random(f"{seed} {work.name}"), None
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        home = Path(folder)
        furnish(home)
        most = MAX_ENDLESS_SECONDS if work.is_endless else MAX_SECONDS
        longest, *_ = _run_for(work, home, most)
        for _ in range(num_kills):
            _change_music(home, rng)
            seconds, printed, was_killed = _run_for(work, home, rng.uniform(longest / 4, longest))
            killed.num_kills += was_killed
            try:
                state = work.check(home, state, printed)
            except Exception as error:  # whatever it is, the work is not as it was
                killed.losses.append(f"after {seconds:.2f} s: {type(error).__name__}: {error}")
        _run_for(work, home, MAX_SECONDS, *(["1"] if work.is_endless else []))
        killed.leftovers = sorted(str(path.relative_to(home)) for path in home.rglob(".*") if _lies_about(path))
    return killed


def furnish(home: Path) -> None:
    """Music and a model."""
    for number in range(NUM_TUNES):
        path = home / "data" / "midi_files" / f"tune {number}.mid"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(write_midi(piece().transposed(number % 12)))
    write_tiny_model(home / "models" / MODEL)


def _change_music(home: Path, rng: Random) -> None:
    """So that the dataset is made anew."""
    notes = piece().notes.copy()
    notes["velocity"] = rng.randint(30, 100)
    (home / "data" / "midi_files" / "tune 0.mid").write_bytes(write_midi(piece().with_notes(notes)))


def _run_for(work: Work, home: Path, seconds: float, *more: str) -> tuple[float, list[str], bool]:
    """Runs it, with more arguments, for so long at most: how long it ran, its lines, whether it was killed."""
    environment = os.environ | {"MELODY_FORGE_HOME": str(home), "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(PROJECT_DIR)}
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [sys.executable, *work.command, *more],
            cwd=PROJECT_DIR,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        return time.perf_counter() - began, output.read().splitlines(), process.returncode == -signal.SIGKILL


def _lies_about(path: Path) -> bool:
    """Whether it is one of the names under which things are written before they get their own."""
    return path.name.endswith(".previous") or any(mark in path.name for mark in (".new.", ".unfinished-", ".import."))


def _check_saved(home: Path, before: object, printed: list[str]) -> object:
    number = load_model(home / "models" / MODEL).metrics.get("number", 0)
    known = [int(line) for line in printed if line.isdecimal()]
    if number < max(known, default=int(str(before or 0))):
        raise LostError(f"the model is number {number}, and a later one had been saved")
    return number


def _check_kept(home: Path, before: object, printed: list[str]) -> object:
    kept = {take.id for take in Takes(home / "output" / TAKES_FILE.name).of(OWNER)}
    known = {int(line) for line in printed if line.isdecimal()} | set(before if isinstance(before, set) else ())
    if known - kept:
        raise LostError(f"takes are gone: {sorted(known - kept)[:5]}")
    return kept


def _check_prepared(home: Path, before: object, _: list[str]) -> object:
    folder = home / "data" / "dataset"
    if not folder.exists() and not before:
        return None
    store = PieceStore(folder)
    return sum(len(store[number]) for number in range(len(store)))


def _check_composed(home: Path, before: object, _: list[str]) -> object:
    path = home / "output" / "generated_music.mid"
    if not path.exists() and not before:
        return None
    return len(load_piece(path))


def _check_trained(home: Path, before: object, _: list[str]) -> object:
    _check_checkpoint(home)
    folder = home / "models" / "forge"
    if not folder.exists() and not before:
        return None
    return load_model(folder).hash


def _check_checkpoint(home: Path) -> None:
    for path in (home / "models" / ".training").glob("*.npz"):
        with np.load(path) as arrays:
            dict(arrays)


TRAIN = ("train_model.py", *SMALL, "--epochs", "3", "--replace")
WORKS = (
    Work("saving a model", ("-m", "torture.victims", "save"), _check_saved, 200, is_endless=True),
    Work("keeping takes", ("-m", "torture.victims", "keep"), _check_kept, 100, is_endless=True),
    Work("preparing music", ("preprocess.py",), _check_prepared, 60),
    Work("composing", ("generate_music.py", "--num-notes", "30", "--model", MODEL, "--wav"), _check_composed, 60),
    Work("training", TRAIN, _check_trained, 20),
)
