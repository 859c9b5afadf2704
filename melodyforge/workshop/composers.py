"""Processes that compose for the studio, so that its web server stays quick however many people compose at once.

They are handed folders of models, settings and primers through a pipe, and hand back music as it grows. What travels
are our own objects between our own processes; no file is ever read this way.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pickle
import queue
import subprocess
import sys
import threading
import time
import traceback
import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from melodyforge.bundle import CONFIG_FILE, Model, load_model
from melodyforge.compose import Growing, Listener, compose
from melodyforge.composition import Composition
from melodyforge.errors import MelodyForgeError
from melodyforge.music.piece import Piece
from melodyforge.settings import PROJECT_DIR, ComposeSettings

MAX_PROCESSES = 4
MAX_MODELS = 4  # that a process keeps loaded
NICENESS = 10  # pages come before music
SECONDS_BETWEEN_NEWS = 0.1
LOAD, COMPOSE, STOP = "load", "compose", "stop"
GROWN, DONE, FAILED, BROKEN = "grown", "done", "failed", "broken"


class Composers:
    """Some processes, each started when it is first needed. For many threads."""

    def __init__(self, number: int = min(MAX_PROCESSES, os.cpu_count() or 1)) -> None:
        self._processes = [_Process() for _ in range(number)]
        self._lock = threading.Lock()

    def prepare(self, folder: Path) -> None:
        """Has a model loaded before it is needed."""
        for process in self._processes:
            process.send(LOAD, 0, folder.absolute())

    def compose(
        self, folder: Path, settings: ComposeSettings, primer: Piece | None, listener: Listener
    ) -> list[Composition]:
        """As `melodyforge.compose.compose`, with a model by its folder.

        The listener is told a few times a second.

        Raises:
            SettingsError, ModelFolderError: what is asked for cannot be composed.
            RuntimeError: a bug; its traceback was printed.
        """
        with self._lock:
            process = min(self._processes, key=lambda one: len(one.answers))
            number, answers = process.begin(folder.absolute(), settings, primer)
        try:
            while True:
                kind, *rest = answers.get()
                if kind == GROWN:
                    num_rows, draw, indices, piece = rest
                    if listener(Growing(num_rows, draw, indices, _always(piece))):
                        process.send(STOP, number)
                elif kind == DONE:
                    return rest[0]
                elif kind == FAILED:
                    raise rest[0]
                else:
                    raise RuntimeError(rest[0])
        finally:
            process.answers.pop(number, None)


def _always(piece: Piece) -> Callable[[int], Piece]:
    return lambda _: piece


class _Process:
    """One process, and whoever waits for it."""

    def __init__(self) -> None:
        self.answers: dict[int, queue.SimpleQueue] = {}
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen | None = None
        self._end: Callable[[], object] = lambda: None
        self._lock = threading.Lock()

    def begin(self, folder: Path, settings: ComposeSettings, primer: Piece | None) -> tuple[int, queue.SimpleQueue]:
        """Asks for music; gives the number of the request, and where its answers arrive."""
        number = next(self._numbers)
        answers = self.answers[number] = queue.SimpleQueue()
        self.send(COMPOSE, number, folder, settings, primer)
        return number, answers

    def send(self, kind: str, number: int, *rest: Any) -> None:
        """Sends a request; starts the process if it is not there, or has died."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            stdin = self._process.stdin if self._process else None
            if stdin is None:
                return
            with contextlib.suppress(OSError):  # it has just died; whoever waits is told by `_read`
                pickle.dump((kind, number, *rest), stdin)
                stdin.flush()

    def _start(self) -> None:
        command = [sys.executable, "-m", "melodyforge.workshop.composers"]
        alone = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # it shares the processors
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT_DIR, env=alone
        )
        self._end()
        self._end = weakref.finalize(self, _end, self._process)
        threading.Thread(target=_read, args=(self._process.stdout, self.answers), daemon=True).start()


def _end(process: subprocess.Popen) -> None:
    process.terminate()
    with contextlib.suppress(OSError):
        if process.stdin:
            process.stdin.close()
    process.wait()  # its answers are closed by whoever reads them


def _read(stream: IO[bytes], waiting: dict[int, queue.SimpleQueue]) -> None:
    """Hands answers to those who wait for them, until the process ends."""
    with stream, contextlib.suppress(EOFError, OSError, pickle.UnpicklingError):
        while True:
            kind, number, *rest = pickle.load(stream)
            if number in waiting:
                waiting[number].put((kind, *rest))
    for answers in list(waiting.values()):
        answers.put((BROKEN, "the process that composes has ended"))


@dataclass
class _Server:
    """The other end: what runs in the process."""

    answers: IO[bytes]
    models: OrderedDict[tuple[Path, int], Model] = field(default_factory=OrderedDict)
    stopped: set[int] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    loading: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, requests: IO[bytes]) -> None:
        """Works requests off, side by side, until there are no more."""
        while True:
            try:
                kind, number, *rest = pickle.load(requests)
            except EOFError:
                return
            if kind == STOP:
                self.stopped.add(number)
            elif kind == LOAD:
                threading.Thread(target=self._load_quietly, args=rest, daemon=True).start()
            else:
                threading.Thread(target=self._compose, args=(number, *rest), daemon=True).start()

    def _compose(self, number: int, folder: Path, settings: ComposeSettings, primer: Piece | None) -> None:
        told_at = 0.0

        def listen(growing: Growing) -> bool:
            nonlocal told_at
            if time.monotonic() - told_at > SECONDS_BETWEEN_NEWS:
                told_at = time.monotonic()
                self._answer(GROWN, number, growing.num_rows, growing.draw, growing.indices, growing.piece(0))
            return number in self.stopped

        try:
            self._answer(DONE, number, compose(self._model(folder), settings, primer, listen))
        except MelodyForgeError as error:
            self._answer(FAILED, number, error)
        except Exception as error:  # a bug must not leave the user waiting for ever; its traceback goes to the server
            traceback.print_exc()
            self._answer(BROKEN, number, repr(error))

    def _load_quietly(self, folder: Path) -> None:
        with contextlib.suppress(MelodyForgeError):  # is said when it is asked for music
            self._model(folder)

    def _model(self, folder: Path) -> Model:
        with self.loading:
            name = folder, (folder / CONFIG_FILE).stat().st_mtime_ns if (folder / CONFIG_FILE).exists() else 0
            if name not in self.models:
                self.models[name] = load_model(folder)
                while len(self.models) > MAX_MODELS:
                    self.models.popitem(last=False)
            self.models.move_to_end(name)
            return self.models[name]

    def _answer(self, *answer: Any) -> None:
        data = pickle.dumps(answer)
        with self.lock:
            self.answers.write(data)
            self.answers.flush()


def main() -> None:
    """Runs in the process: requests come in through standard input, answers go out through standard output."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing else may come between the answers
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    _Server(answers).serve(sys.stdin.buffer)


if __name__ == "__main__":
    main()
