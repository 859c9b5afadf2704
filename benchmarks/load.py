"""How the studio bears many people at once: the wait for the first note, memory over time, a training beside them.

    python -m benchmarks.load --visitors 30
    python -m benchmarks.load --visitors 25 --minutes 10 --training

Without `--minutes` everybody presses Compose once, at the same time; with it everybody composes, listens, uploads and
downloads until the time limit is reached. The visitors draw nothing (`benchmarks/light_visitor.py`).
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import requests

from benchmarks.light_visitor import LightVisitor
from benchmarks.measure import Figure, report
from benchmarks.studio import memory_mb, server, until
from melodyforge.bundle import STARTER_NAME
from melodyforge.cli import Parser, run
from melodyforge.model_state import progress_path
from melodyforge.music.midi import write_midi
from melodyforge.music.piece import Piece, make_notes
from melodyforge.workshop.tasks import find_task, start_task

PATIENCE_S = 180.0
SECONDS_BETWEEN_SAMPLES = 1.0
PAUSE_S = 5.0  # on average, between what a visitor does and what next
LENGTHS = (100, 250, 500, 1000)  # notes that visitors ask for
TRAINING = "beside"  # the name of the model that is trained meanwhile
NUM_PIECES, NOTES_A_PIECE = 24, 600  # that it learns from: an epoch takes seconds
ALONE_S = 60.0  # that it is watched without visitors
MAX_START_S = 300.0


@dataclass
class Load:
    """What was seen.

    Attributes:
        asked: how often Compose was pressed.
        waits: for each piece that came, seconds until its first note and until there was sound.
        uploads, downloads: that worked.
        pressed_again: downloads that had to be pressed twice.
        errors: what the studio said, or that it said nothing.
        memory: at what time how many MB the server and the processes that compose held.
        rows_alone, rows_beside: a second, that a training learnt from without visitors and with them.
    """

    asked: int = 0
    waits: list[tuple[float, float]] = field(default_factory=list)
    uploads: int = 0
    downloads: int = 0
    pressed_again: int = 0
    errors: list[str] = field(default_factory=list)
    memory: list[tuple[float, float, float]] = field(default_factory=list)
    rows_alone: float = 0.0
    rows_beside: float = 0.0

    def figures(self) -> list[Figure]:
        """All of it, as rows of a table."""
        waits = self.waits or [(math.inf, math.inf)]  # when nothing came
        first_notes, sounds = (sorted(column) for column in zip(*waits, strict=True))
        rows = [
            Figure("pieces asked for", self.asked, ""),
            Figure("pieces that came", len(self.waits), "", str(self.asked)),
            Figure("first note, median", statistics.median(first_notes), "s"),
            Figure("first note, 95 of 100", percentile(first_notes, 95), "s"),
            Figure("first note, slowest", first_notes[-1], "s", "<= 15"),
            Figure("finished with sound, median", statistics.median(sounds), "s"),
            Figure("finished with sound, 95 of 100", percentile(sounds, 95), "s"),
            Figure("finished with sound, slowest", sounds[-1], "s"),
            Figure("uploads, downloads", self.uploads + self.downloads, ""),
            Figure("downloads pressed again", self.pressed_again, ""),
            Figure("errors", len(self.errors), "", "0"),
            Figure("memory of the web server, most", max((mb for _, mb, _ in self.memory), default=0.0), "MB"),
            Figure(
                "memory of the processes that compose, most", max((mb for _, _, mb in self.memory), default=0.0), "MB"
            ),
        ]
        minutes = self._server_by_minute()
        if len(minutes) > 2:
            middle = minutes[1:]  # in the first minute all come in
            rows.append(Figure("web server, largest minus smallest minute", max(middle) - min(middle), "MB", "<= 50"))
            rows.append(Figure("web server, last minus second minute", middle[-1] - middle[0], "MB"))
        if self.rows_alone:
            rows.append(Figure("training alone", self.rows_alone, "notes/s"))
            rows.append(Figure("training beside them", self.rows_beside, "notes/s", f">= {self.rows_alone / 2:,.0f}"))
        return rows

    def _server_by_minute(self) -> list[float]:
        """The median of each whole minute, in MB."""
        minutes: dict[int, list[float]] = {}
        for seconds, server_mb, _ in self.memory:
            minutes.setdefault(int(seconds // 60), []).append(server_mb)
        minutes = {minute: seen for minute, seen in minutes.items() if len(seen) > 30 / SECONDS_BETWEEN_SAMPLES}
        return [statistics.median(minutes[minute]) for minute in sorted(minutes)]


def main() -> None:
    """Measures and reports."""
    parser = Parser(prog="-m benchmarks.load", description=__doc__)
    parser.add_argument("--visitors", type=int, default=30, help="people at once (default: 30)")
    parser.add_argument("--minutes", type=float, default=0.0, help="how long they stay; once each when left out")
    parser.add_argument("--training", action="store_true", help="a training runs beside them")
    asked = parser.parse_args()
    load = measure(asked.visitors, asked.minutes, asked.training)
    for words in sorted(set(load.errors)):
        print(f"{load.errors.count(words)} x {words}")
    memory = [[round(value, 1) for value in row] for row in load.memory[::10]]
    report("load", f"{asked.visitors} visitors", load.figures(), **vars(asked), memory_s_server_composers=memory)


def measure(num_visitors: int, minutes: float = 0.0, with_training: bool = False) -> Load:
    """Sends visitors to a fresh studio.

    Args:
        num_visitors: at once.
        minutes: for which everybody does one thing after another; 0: everybody composes once, at the same time.
        with_training: whether a training runs beside them.
    """
    load = Load()
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as (url, process, _):
        home = Path(folder)
        until(lambda: answers(url))
        visitors = [LightVisitor(url, PATIENCE_S) for _ in range(num_visitors)]
        with training(home) if with_training else nothing() as epochs, watched(process, load):
            load.rows_alone = speed(epochs, 0)
            num_epochs = len(epochs())
            end = time.perf_counter() + 60 * minutes
            rngs = [random.Random(number) for number in range(num_visitors)]
            with ThreadPoolExecutor(num_visitors) as threads:
                list(threads.map(lambda one, rng: stay(one, load, end, rng), visitors, rngs))
            load.rows_beside = speed(epochs, num_epochs)
        for one in visitors:
            one.close()
    return load


def answers(url: str) -> bool:
    """Whether the server is there."""
    try:
        return requests.get(f"{url}/_stcore/health", timeout=PATIENCE_S).ok
    except requests.ConnectionError:
        return False


def stay(visitor: LightVisitor, load: Load, end: float, rng: random.Random) -> None:
    """Composes, and goes on doing so until the end; also listens, uploads and downloads."""
    notes = 500 if end < time.perf_counter() else rng.choice(LENGTHS)
    while True:
        try:
            load.asked += 1
            load.waits.append(visitor.compose(model=STARTER_NAME, notes=notes))
            if time.perf_counter() > end:
                return
            visitor.listen()
            time.sleep(rng.expovariate(1 / PAUSE_S))
            for act in rng.sample((upload, download, download), 2):
                act(visitor, load, rng)
            notes = rng.choice(LENGTHS)
        except (RuntimeError, TimeoutError, OSError) as error:
            load.errors.append(f"{type(error).__name__}: {error}")
            if time.perf_counter() > end:
                return
            time.sleep(PAUSE_S)  # as people do who have just read it
            with contextlib.suppress(RuntimeError, TimeoutError, OSError):
                visitor.start_anew()  # what was being uploaded may not have come


def upload(visitor: LightVisitor, load: Load, rng: random.Random) -> None:
    """Lets the next music start from a file."""
    visitor.upload("start.mid", write_midi(random_piece(rng.randrange(1000), 100)))
    load.uploads += 1


def download(visitor: LightVisitor, load: Load, rng: random.Random) -> None:
    """Takes a file home; presses again where Streamlit has dropped the file at the end of somebody else's run."""
    form = rng.choice(("MIDI", "WAV"))
    try:
        visitor.download(form)
    except requests.HTTPError:
        load.pressed_again += 1
        visitor.download(form)
    load.downloads += 1


def random_piece(seed: int, num_notes: int) -> Piece:
    """Notes of one instrument, a few at a time."""
    rng = np.random.default_rng(seed)
    onsets = np.cumsum(rng.choice((0, 6, 12, 24), num_notes))
    pitches = rng.integers(48, 84, num_notes)
    rows = {(int(onset), 12, 0, int(pitch), 80) for onset, pitch in zip(onsets, pitches, strict=True)}
    return Piece(make_notes(sorted(rows)))


@contextmanager
def watched(process: psutil.Process, load: Load) -> Iterator[None]:
    """Notes the memory of the server and of the processes that compose for it."""
    is_over, began = threading.Event(), time.perf_counter()

    def watch() -> None:
        while not is_over.wait(SECONDS_BETWEEN_SAMPLES):
            load.memory.append((time.perf_counter() - began, memory_mb(process), composing_mb(process)))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def composing_mb(process: psutil.Process) -> float:
    """What the processes that compose for a server hold."""
    held_mb = 0.0
    for child in process.children():
        with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended, as those that make sound do
            if "melodyforge.workshop.composers" in child.cmdline():
                held_mb += memory_mb(child)
    return held_mb


@contextmanager
def nothing() -> Iterator[Callable[[], list[dict[str, float]]]]:
    """No training."""
    yield list


@contextmanager
def training(home: Path) -> Iterator[Callable[[], list[dict[str, float]]]]:
    """Trains a model as the studio does; gives what tells its epochs so far. Begins when it has run for a while."""
    music = home / "data" / "midi_files"
    music.mkdir(parents=True)
    for number in range(NUM_PIECES):
        (music / f"{number}.mid").write_bytes(write_midi(random_piece(number, NOTES_A_PIECE)))
    os.environ["MELODY_FORGE_HOME"] = str(home)
    without_end = ["--epochs", "100000", "--patience", "100000"]
    command = ["train_model.py", "--midi-dir", str(music), "--name", TRAINING, *without_end]
    task = start_task("train", command, home / "tasks")

    def epochs() -> list[dict[str, float]]:
        try:
            facts = json.loads(progress_path(home / "models" / TRAINING).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []
        return list(facts.get("history", []))  # none before the first epoch

    try:
        deadline = time.perf_counter() + MAX_START_S
        while len(epochs()) < 2:
            now = find_task("train", home / "tasks")
            if time.perf_counter() > deadline or not (now and now.is_running):
                raise RuntimeError(f"The training must begin. It says: {task.log}")
            time.sleep(1)
        time.sleep(ALONE_S)
        yield epochs
    finally:
        task.stop()
        while (now := find_task("train", home / "tasks")) and now.is_running:
            time.sleep(0.1)


def speed(epochs: Callable[[], list[dict[str, float]]], first: int) -> float:
    """Notes a second that a training learnt from, from an epoch on; the very first one, with compiling, left out."""
    seen = [row["rows_per_second"] for row in epochs()[max(1, first) :]]
    return statistics.median(seen) if seen else 0.0


def percentile(values: list[float], share: float) -> float:
    """The smallest value that so many of 100 do not exceed."""
    return float(np.percentile(values, share, method="inverted_cdf"))


if __name__ == "__main__":
    raise SystemExit(run(main))
