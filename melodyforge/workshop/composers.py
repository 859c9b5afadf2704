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
ENDED = (BROKEN, "the process that composes has ended")


class Composers:
    """Some processes, each started when it is first needed, and anew when it has ended. For many threads."""

    def __init__(self, number: int = min(MAX_PROCESSES, os.cpu_count() or 1)) -> None:
        self._processes: list[_Process | None] = [None] * number
        self._lock = threading.Lock()

    def prepare(self, folder: Path) -> None:
        """Has a model loaded before it is needed."""
        for index in range(len(self._processes)):
            with self._lock:
                process = self._running(index)
            process.send(LOAD, 0, folder.absolute())

    def compose(
        self, folder: Path, settings: ComposeSettings, primer: Piece | None, listener: Listener
    ) -> list[Composition]:
        """As `melodyforge.compose.compose`, with a model by its folder.

        The listener is told a few times a second.

        Raises:
            SettingsError, ModelFolderError: what is asked for cannot be composed.
            RuntimeError: a bug, whose traceback was printed, or the process was killed.
        """
        with self._lock:
            process = self._running(min(range(len(self._processes)), key=self._num_at_work))
            number, answers = process.ask(folder.absolute(), settings, primer)
        try:
            while True:
                kind, *rest = answers.get()
                if kind == GROWN:
                    num_rows, num_notes, draw, indices, piece = rest
                    if listener(Growing(num_rows, num_notes, draw, indices, _always(piece))):
                        process.send(STOP, number)
                elif kind == DONE:
                    return rest[0]
                elif kind == FAILED:
                    raise rest[0]
                else:
                    raise RuntimeError(rest[0])
        finally:
            process.mail.forget(number)

    def _num_at_work(self, index: int) -> int:
        process = self._processes[index]
        return len(process.mail) if process else 0

    def _running(self, index: int) -> _Process:
        process = self._processes[index]
        if process is None or process.mail.is_closed:
            process = self._processes[index] = _Process()
        return process


def _always(piece: Piece) -> Callable[[int], Piece]:
    return lambda _: piece


class _Mail:
    """Answers for those who wait, by the number of their request. Closed when the process ends: nobody waits then."""

    def __init__(self) -> None:
        self.is_closed = False
        self._answers: dict[int, queue.SimpleQueue] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._answers)

    def expect(self, number: int) -> queue.SimpleQueue:
        """Where the answers to a request will arrive."""
        answers: queue.SimpleQueue = queue.SimpleQueue()
        with self._lock:
            self._answers[number] = answers
            if self.is_closed:  # it ended between the choice of the process and now
                answers.put(ENDED)
        return answers

    def forget(self, number: int) -> None:
        """Nobody waits for these answers any longer."""
        with self._lock:
            self._answers.pop(number, None)

    def put(self, number: int, answer: tuple) -> None:
        """Hands an answer over."""
        with self._lock:
            if number in self._answers:
                self._answers[number].put(answer)

    def close(self) -> None:
        """Tells all who wait that no answer will come."""
        with self._lock:
            self.is_closed = True
            for answers in self._answers.values():
                answers.put(ENDED)


class _Process:
    """One running process, and whoever waits for it."""

    def __init__(self) -> None:
        self.mail = _Mail()
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        command = [sys.executable, "-m", "melodyforge.workshop.composers"]
        alone = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # it shares the processors
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT_DIR, env=alone
        )
        weakref.finalize(self, _end, self._process)
        threading.Thread(target=_read, args=(self._process.stdout, self.mail), daemon=True).start()

    def ask(self, folder: Path, settings: ComposeSettings, primer: Piece | None) -> tuple[int, queue.SimpleQueue]:
        """Asks for music; gives the number of the request, and where its answers arrive."""
        number = next(self._numbers)
        answers = self.mail.expect(number)
        self.send(COMPOSE, number, folder, settings, primer)
        return number, answers

    def send(self, kind: str, number: int, *rest: Any) -> None:
        """Sends a request."""
        stdin = self._process.stdin
        with self._lock, contextlib.suppress(OSError):  # it has just ended; whoever waits is told by its mail
            if stdin:
                pickle.dump((kind, number, *rest), stdin)
                stdin.flush()


def _end(process: subprocess.Popen) -> None:
    process.terminate()
    with contextlib.suppress(OSError):
        if process.stdin:
            process.stdin.close()
    process.wait()  # its answers are closed by whoever reads them


def _read(stream: IO[bytes], mail: _Mail) -> None:
    """Hands answers to those who wait for them, until the process ends."""
    try:
        with stream, contextlib.suppress(EOFError, OSError, pickle.UnpicklingError):
            while True:
                kind, number, *rest = pickle.load(stream)
                mail.put(number, (kind, *rest))
    finally:
        mail.close()


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
                told = growing.num_rows, growing.num_notes, growing.draw, growing.indices
                self._answer(GROWN, number, *told, growing.piece(0))
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
