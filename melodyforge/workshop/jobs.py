"""Composes for everybody who asks: a bounded queue, a few threads, jobs that can be watched while they grow.

Knows compositions; knows no web page.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum

from melodyforge.bundle import Model
from melodyforge.compose import Growing
from melodyforge.composition import Composition
from melodyforge.errors import BusyError, MelodyForgeError
from melodyforge.music.piece import Piece
from melodyforge.settings import ComposeSettings
from melodyforge.workshop.composers import Composers

MAX_RUNNING = 10  # at once; they share the processors, so that everybody soon hears something
MAX_WAITING = 40


class State(StrEnum):
    """How far a job has come."""

    WAITING = "waiting"
    COMPOSING = "composing"
    DONE = "done"
    FAILED = "failed"


class Job:
    """Music that was asked for.

    Attributes:
        state: how far it has come.
        compositions: all takes, once composed.
        take_ids: numbers of the takes in the history, as far as they are kept.
        error: what went wrong, in words for the user.
        num_notes, draw: notes composed so far, and how often takes were drawn again.
    """

    def __init__(
        self, model: Model, settings: ComposeSettings, primer: Piece | None, keep: Callable[[Composition], int]
    ) -> None:
        """Takes down what is wanted.

        Args:
            model: that composes.
            settings: how.
            primer: music to go on from, or None.
            keep: is called with every take when it is done, and gives its number in the history.
        """
        self.model, self.settings, self.primer = model, settings, primer
        self._keep = keep
        self.state = State.WAITING
        self.compositions: list[Composition] = []
        self.take_ids: list[int] = []
        self.error = ""
        self.num_notes = self.draw = 0
        self._growing: Growing | None = None
        self._is_stopped = False
        self._news = threading.Event()

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self.state in (State.DONE, State.FAILED)

    def stop(self) -> None:
        """Ends composing; what is there is kept."""
        self._is_stopped = True

    def wait_for_notes(self, max_seconds: float) -> None:
        """Returns as soon as there are notes, the job is over, or the time is."""
        self._news.wait(max_seconds)

    def piece(self) -> Piece | None:
        """The first take as far as it has grown; None before its first note."""
        if self.compositions:
            return self.compositions[0].piece
        return self._growing.piece(0) if self._growing else None

    def run(self, composers: Composers) -> None:
        """Has it composed, and keeps every take."""
        try:
            self._run(composers)
        finally:
            self._news.set()

    def _run(self, composers: Composers) -> None:
        if self._is_stopped:
            self.state = State.DONE
            return
        try:
            self.state = State.COMPOSING
            self.compositions = composers.compose(self.model.folder, self.settings, self.primer, self._grow)
            self.take_ids = [self._keep(composition) for composition in self.compositions]
            self.state = State.DONE
        except MelodyForgeError as error:
            self.error, self.state = str(error), State.FAILED
        except Exception as error:  # a bug must not leave the user waiting for ever; its traceback goes to the server
            traceback.print_exc()
            self.error, self.state = f"This should not happen: {error!r}. The server's output says more.", State.FAILED

    def _grow(self, growing: Growing) -> bool:
        self._growing, self.num_notes, self.draw = growing, growing.num_notes, growing.draw
        self._news.set()
        return self._is_stopped


class JobQueue:
    """Works jobs off in the order in which they come, several at once."""

    def __init__(self, max_running: int = MAX_RUNNING, max_waiting: int = MAX_WAITING) -> None:
        self._max_waiting = max_waiting
        self._waiting: list[Job] = []
        self._num_running = 0
        self._lock = threading.Lock()
        self.composers = Composers()
        self._threads = ThreadPoolExecutor(max_running, thread_name_prefix="composing")

    def submit(self, job: Job) -> None:
        """Takes a job.

        Raises:
            BusyError: too many wait already.
        """
        with self._lock:
            if len(self._waiting) >= self._max_waiting:
                raise BusyError(
                    f"At most {self._max_waiting} people can wait for music at a time, and so many do. "
                    "Try again in a minute."
                )
            self._waiting.append(job)
        self._threads.submit(self._work, job)

    def num_before(self, job: Job) -> int:
        """How many jobs wait that came before this one."""
        with self._lock:
            return self._waiting.index(job) if job in self._waiting else 0

    @property
    def num_at_work(self) -> int:
        """How many jobs are being composed."""
        return self._num_running

    def _work(self, job: Job) -> None:
        with self._lock:
            self._waiting.remove(job)
            self._num_running += 1
        try:
            job.run(self.composers)
        finally:
            with self._lock:
                self._num_running -= 1
