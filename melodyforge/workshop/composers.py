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
from typing import IO, Any, NamedTuple, Protocol

from melodyforge.bundle import CONFIG_FILE, Model, load_model
from melodyforge.compose import compose
from melodyforge.composing.takes import Growing
from melodyforge.composition import Composition
from melodyforge.errors import BusyError, MelodyForgeError
from melodyforge.music.piece import Piece
from melodyforge.places import PROJECT_DIR
from melodyforge.priority import give_way, give_way_as_session
from melodyforge.settings import ComposeSettings
from melodyforge.workshop.turns import Turns

MAX_PROCESSES = 4
MAX_MODELS = 4  # that a process keeps loaded
NUM_IN_CROWD = 3  # that ask one process for music at once: from so many on, a training comes before it
NUM_FIRST_ROWS = 40  # that everybody gets before anybody gets the rest
SECONDS_BETWEEN_NEWS = 0.1
SECONDS_BETWEEN_LOOKS = 0.25  # at whether an order was stopped, or has another place now
MAX_SILENT_S = 60.0  # a process that composes says something more often, however slow the machine
NUM_TRIES = 2
LOAD, COMPOSE, CHANGE, STOP = "load", "compose", "change", "stop"
GROWN, DONE, FAILED, BROKEN, ENDED = "grown", "done", "failed", "broken", "ended"


class Order(Protocol):
    """Music that is asked for, and whoever asks for it.

    Attributes:
        folder: of the model.
        settings: how.
        primer: music to go on from, or None.
        join: music to follow behind the primer, or None.
        cost_s: about how long it will take a process.
        is_stopped: whether it is to end with what is there.
        due: when it should be done, as `time.monotonic` tells it; a process works for whoever is due first.
    """

    folder: Path
    settings: ComposeSettings
    primer: Piece | None
    join: Piece | None
    cost_s: float
    is_stopped: bool

    @property
    def due(self) -> float:
        """See above; it may change."""

    def grow(self, growing: Growing) -> None:
        """Is told a few times a second, while it is composed."""


class Composed(NamedTuple):
    """What became of an order: its takes, none when it was stopped before its first note, and how long it took."""

    compositions: list[Composition]
    seconds: float


class Composers:
    """Some processes, each started when it is first needed, and anew when it has ended. For many threads."""

    def __init__(self, number: int = min(MAX_PROCESSES, os.cpu_count() or 1)) -> None:
        self._processes: list[_Process | None] = [None] * number
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._processes)

    def prepare(self, folder: Path) -> None:
        """Has a model loaded before it is needed."""
        for index in range(len(self._processes)):
            with self._lock, contextlib.suppress(BusyError):  # is said when it is asked for music
                self._running(index).send(LOAD, 0, folder.absolute())

    def compose(self, order: Order) -> Composed:
        """As `melodyforge.compose.compose`, with a model by its folder; tried again when the process has ended.

        Raises:
            SettingsError, ModelFolderError: what is asked for cannot be composed.
            BusyError: each process that tried has ended, or none can be started.
            RuntimeError: a bug, whose traceback was printed.
        """
        for _ in range(NUM_TRIES):
            with self._lock:
                process = min(map(self._running, range(len(self))), key=lambda one: one.mail.cost_s)
                number, answers = process.ask(order)
            try:
                return _await(order, process, number, answers)
            except _EndedError:
                continue
            finally:
                process.mail.forget(number)
        raise BusyError(
            "The process that composes ended twice before this music was there, such as for want of memory. Ask for "
            "fewer notes or takes, or try again later."
        )

    def _running(self, index: int) -> _Process:
        process = self._processes[index]
        if process is not None and process.hangs:
            process.kill()
            process = None
        if process is None or process.mail.is_closed:
            try:
                process = self._processes[index] = _Process()
            except OSError as error:
                raise BusyError(f"No process that composes can be started ({error}). Try again later.") from None
        return process


class _EndedError(Exception):
    """The process that was asked has ended."""


def _await(order: Order, process: _Process, number: int, answers: queue.SimpleQueue) -> Composed:
    """Waits for what was asked for, and tells the process what has changed meanwhile."""
    due, is_stopped = order.due, False
    while True:
        with contextlib.suppress(queue.Empty):
            kind, *rest = answers.get(timeout=SECONDS_BETWEEN_LOOKS)
            if kind == GROWN:
                told = rest[0]
                order.grow(Growing(**told | {"piece": _always(told["piece"])}))
            elif kind == DONE:
                return Composed(*rest)
            elif kind == FAILED:
                raise rest[0]
            elif kind == BROKEN:
                raise RuntimeError(rest[0])
            else:
                raise _EndedError
        if process.hangs:
            process.kill()
        if order.is_stopped and not is_stopped:
            is_stopped = True
            process.send(STOP, number)
        if order.due != due:
            due = order.due
            process.send(CHANGE, number, due)


def _always(piece: Piece) -> Callable[[int], Piece]:
    return lambda _: piece


class _Mail:
    """Answers for those who wait, by the number of their request. Closed when the process ends: nobody waits then."""

    def __init__(self) -> None:
        self.is_closed = False
        self._answers: dict[int, queue.SimpleQueue] = {}
        self._costs_s: dict[int, float] = {}
        self._heard_at = 0.0
        self._lock = threading.Lock()

    @property
    def cost_s(self) -> float:
        """About how long it will take to answer all who wait."""
        with self._lock:
            return sum(self._costs_s.values())

    @property
    def silent_s(self) -> float:
        """How long somebody has waited without a word for anybody."""
        with self._lock:
            return time.monotonic() - self._heard_at if self._answers else 0.0

    def expect(self, number: int, cost_s: float) -> queue.SimpleQueue:
        """Where the answers to a request will arrive."""
        answers: queue.SimpleQueue = queue.SimpleQueue()
        with self._lock:
            if not self._answers:
                self._heard_at = time.monotonic()
            self._answers[number], self._costs_s[number] = answers, cost_s
            if self.is_closed:  # it ended between the choice of the process and now
                answers.put((ENDED,))
        return answers

    def forget(self, number: int) -> None:
        """Nobody waits for these answers any longer."""
        with self._lock:
            self._answers.pop(number, None)
            self._costs_s.pop(number, None)

    def put(self, number: int, answer: tuple) -> None:
        """Hands an answer over."""
        with self._lock:
            self._heard_at = time.monotonic()
            if number in self._answers:
                self._answers[number].put(answer)

    def close(self) -> None:
        """Tells all who wait that no answer will come."""
        with self._lock:
            self.is_closed = True
            for answers in self._answers.values():
                answers.put((ENDED,))


class _Process:
    """One running process, and whoever waits for it."""

    def __init__(self) -> None:
        self.mail = _Mail()
        self._numbers = itertools.count(1)
        self._requests: queue.SimpleQueue = queue.SimpleQueue()
        command = [sys.executable, "-m", "melodyforge.workshop.composers"]
        alone = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # it shares the processors
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=PROJECT_DIR,
            env=alone,
            start_new_session=True,  # it sets its priority
        )
        weakref.finalize(self, _end, self._process, self._requests)
        threading.Thread(target=_write, args=(self._process.stdin, self._requests), daemon=True).start()
        threading.Thread(target=_read, args=(self._process.stdout, self.mail), daemon=True).start()

    @property
    def hangs(self) -> bool:
        """Whether people wait for it, and it says nothing any more."""
        return self.mail.silent_s > MAX_SILENT_S

    def kill(self) -> None:
        """Ends it; whoever waits is told by its mail."""
        self._process.kill()

    def ask(self, order: Order) -> tuple[int, queue.SimpleQueue]:
        """Asks for music; gives the number of the request, and where its answers arrive."""
        number = next(self._numbers)
        answers = self.mail.expect(number, order.cost_s)
        what = order.folder.absolute(), order.settings, order.primer, order.join
        self.send(COMPOSE, number, order.due, *what)
        return number, answers

    def send(self, kind: str, number: int, *rest: Any) -> None:
        """Sends a request; never waits, even when the process does not read."""
        self._requests.put((kind, number, *rest))


def _end(process: subprocess.Popen, requests: queue.SimpleQueue) -> None:
    requests.put(None)
    process.terminate()
    process.wait()  # its answers are closed by whoever reads them


def _write(stream: IO[bytes], requests: queue.SimpleQueue) -> None:
    """Sends requests until there are no more."""
    with contextlib.suppress(OSError), stream:  # it has just ended; whoever waits is told by its mail
        while request := requests.get():
            pickle.dump(request, stream)
            stream.flush()


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
    turns: Turns = field(default_factory=Turns)
    lock: threading.Lock = field(default_factory=threading.Lock)
    loading: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, requests: IO[bytes]) -> None:
        """Takes requests and has each worked off in a thread of its own, until there are no more."""
        while True:
            try:
                kind, number, *rest = pickle.load(requests)
            except EOFError:
                return
            if kind == STOP:
                self.stopped.add(number)
            elif kind == CHANGE:
                self.turns.change(number, *rest)
            elif kind == LOAD:
                threading.Thread(target=self._load_quietly, args=rest, daemon=True).start()
            else:
                self.turns.enter(number, rest.pop(0))
                self._give_way_to_trainings()
                threading.Thread(target=self._answer_order, args=(number, *rest), daemon=True).start()

    def _answer_order(self, number: int, *order: Any) -> None:
        answer: tuple
        try:
            answer = DONE, number, self._compose(number, *order)
        except MelodyForgeError as error:
            answer = FAILED, number, error
        except Exception as error:  # a bug must not leave the user waiting for ever; its traceback goes to the server
            traceback.print_exc()
            answer = BROKEN, number, repr(error)
        seconds = self.turns.leave(number)
        self._give_way_to_trainings()
        self.stopped.discard(number)
        self._answer(*answer, seconds)

    def _compose(
        self, number: int, folder: Path, settings: ComposeSettings, primer: Piece | None, join: Piece | None
    ) -> list[Composition]:
        told_at = 0.0

        def listen(growing: Growing) -> bool:
            nonlocal told_at
            if growing.num_rows >= NUM_FIRST_ROWS:
                self.turns.has_begun(number)
            if time.monotonic() - told_at > SECONDS_BETWEEN_NEWS or self.turns.must_wait(number):
                told_at = time.monotonic()
                told = vars(growing) | {"piece": growing.piece(0)}  # functions cannot travel
                self._answer(GROWN, number, told)
            self.turns.wait(number)
            return number in self.stopped

        model = self._model(folder)
        self.turns.wait(number)
        return [] if number in self.stopped else compose(model, settings, primer, listen, join)

    def _give_way_to_trainings(self) -> None:
        """Where many wait they wait anyway; one alone is served as fast as the machine can."""
        give_way_as_session(len(self.turns) >= NUM_IN_CROWD)

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
    give_way()  # pages come before music
    _Server(answers).serve(sys.stdin.buffer)


if __name__ == "__main__":
    main()
