"""Composes for everybody who asks: a bounded queue, shared out fairly, of jobs that can be watched while they grow.

Knows compositions; knows no web page.
"""

from __future__ import annotations

import math
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import NamedTuple

from melodyforge.bundle import Model
from melodyforge.composing.takes import Growing
from melodyforge.composing.task import CANDIDATES
from melodyforge.composition import Composition
from melodyforge.errors import BusyError, MelodyForgeError
from melodyforge.music.piece import Piece
from melodyforge.settings import ComposeSettings
from melodyforge.workshop.composers import Composers

MAX_JOBS = 50  # at once
MAX_JOBS_OF_ONE = 3  # at once, those that are being stopped among them
SECONDS_A_NOTE = 7e-4  # the starter, on one core of 2024
NOTES_A_BAR, NOTES_A_SECOND = 12, 7  # about, for those who ask for bars or seconds
SHARE_OF_A_TAKE = 0.1  # what one more take costs, composed beside the first
PATIENCE = 20.0  # music should be there after so many times as long as it takes alone
RECENT_S = 60.0  # who has asked for music this lately comes after those who have not
LOOKED_AT_S, BEHIND_S = 15.0, 600.0  # whose page has not looked for so long comes so much later
GROWING_S = 0.5  # what has had no news for so long is waiting
LEARNING = 0.2  # weight of the newest job in what is known of the speed


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
        failure: what went wrong; None where nothing did.
        growing: how far the takes that are composed now have come; None before the first note.
        cost_s: about how long it will take a process to compose it, were it drawn once.
        seconds: how long it took.
        num_recent: pieces that the same visitor asked for in the last minute.
        is_stopped: whether it is to end with what is there.
    """

    def __init__(
        self,
        model: Model,
        settings: ComposeSettings,
        primer: Piece | None,
        keep: Callable[[Composition], int],
        owner: str = "",
        is_awaited: bool = True,
        join: Piece | None = None,
    ) -> None:
        """Takes down what is wanted.

        Args:
            model: that composes.
            settings: how.
            primer: music to go on from, or None.
            keep: is called with every take when it is done, and gives its number in the history.
            owner: who asks; the queue tells people apart by it.
            is_awaited: whether somebody asked for it; what nobody did comes after all that was asked for.
            join: music that is to follow behind the primer, or None.
        """
        self.folder, self.settings, self.primer, self.join = model.folder, settings, primer, join
        self.owner, self._keep = owner, keep
        self.state = State.WAITING
        self.compositions: list[Composition] = []
        self.take_ids: list[int] = []
        self.failure: Exception | None = None
        self.num_recent = 0
        self.seconds = 0.0
        self.is_stopped = False
        num_others = settings.num_pieces * CANDIDATES[settings.effort] - 1
        self.cost_s = SECONDS_A_NOTE * _num_asked(settings) * (1 + SHARE_OF_A_TAKE * num_others)
        self.growing: Growing | None = None
        self._seen: Piece | None = None  # of the first take
        self._asked_at = time.monotonic()
        self._looked_at = self._asked_at if is_awaited else -math.inf
        self._grown_at = -math.inf
        self._news = threading.Event()

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self.state in (State.DONE, State.FAILED)

    @property
    def error(self) -> str:
        """What went wrong, in words for the user; "" where nothing did."""
        if self.failure is None or isinstance(self.failure, MelodyForgeError):
            return str(self.failure or "")
        return f"This should not happen: {self.failure!r}. The server's output says more."

    @property
    def is_growing(self) -> bool:
        """Whether it is being composed now; others may have their turn."""
        return time.monotonic() - self._grown_at < GROWING_S

    @property
    def is_looked_at(self) -> bool:
        """Whether there is a page that waits for it."""
        return time.monotonic() - self._looked_at < LOOKED_AT_S

    @property
    def due(self) -> float:
        """When it should be done, as `time.monotonic` tells it: the order in which jobs are composed.

        Short music comes before long music, redraws and second pieces of the same visitor come later, and last what
        nobody looks at; but nobody waits for ever, because those who come later are due later.
        """
        if self.is_stopped:
            return -math.inf
        patience_s = PATIENCE * self.cost_s * (1 + self.draw) * (1 + self.num_recent)
        return self._asked_at + patience_s + (0 if self.is_looked_at else BEHIND_S)

    @property
    def left_s(self) -> float:
        """What remains of `cost_s`."""
        return self.cost_s * (1 - self.share)

    @property
    def share(self) -> float:
        """Of all takes that is there, 0 to 1. It falls when takes are taken back or drawn again."""
        if self.compositions or self.growing is None:
            return float(bool(self.compositions))
        num_missing = len(self.growing.indices) * (1 - self.growing.share)
        return 1 - num_missing / self.settings.num_pieces

    @property
    def draw(self) -> int:
        """How often takes have been drawn again."""
        return self.growing.draw if self.growing else 0

    @property
    def num_notes(self) -> int:
        """Composed so far by the take that has fewest."""
        return self.growing.num_notes if self.growing else 0

    def stop(self) -> None:
        """Ends composing; what is there is kept."""
        self.is_stopped = True

    def wait_for_notes(self, max_seconds: float) -> None:
        """Returns as soon as there are notes, the job is over, or the time is."""
        self._looked_at = time.monotonic()
        self._news.wait(max_seconds)

    def piece(self) -> Piece | None:
        """The first take as far as it has grown; None before its first note.

        What is composed again does so out of sight: nothing that was seen is taken away before more is there.
        """
        return self.compositions[0].piece if self.compositions else self._seen

    def grow(self, growing: Growing) -> None:
        """Is told a few times a second, while it is composed."""
        self.state, self._grown_at = State.COMPOSING, time.monotonic()
        self.growing = growing
        if growing.draw == 0:  # later there may be other takes at its place
            piece = growing.piece(0)
            self._seen = piece if self._seen is None or len(piece) >= len(self._seen) else self._seen
        self._news.set()

    def run(self, composers: Composers) -> None:
        """Has it composed, and keeps every take."""
        try:
            self._run(composers)
            self.state = State.DONE
        except MelodyForgeError as error:
            self.failure, self.state = error, State.FAILED
        except Exception as error:  # a bug must not leave the user waiting for ever; its traceback goes to the server
            traceback.print_exc()
            self.failure, self.state = error, State.FAILED
        finally:
            self._news.set()

    def _run(self, composers: Composers) -> None:
        if self.is_stopped:
            return
        self.compositions, self.seconds = composers.compose(self)
        self.take_ids = [self._keep(composition) for composition in self.compositions]


def _num_asked(settings: ComposeSettings) -> float:
    """About how many notes are asked for."""
    asked = (NOTES_A_BAR * (settings.num_bars or 0), NOTES_A_SECOND * (settings.num_seconds or 0))
    return min(filter(None, asked), default=settings.num_notes)


class Outlook(NamedTuple):
    """What somebody who waits can expect."""

    num_before: int
    seconds: float


class JobQueue:
    """Has jobs composed, all at once: `melodyforge.workshop.composers` shares out the processors among them."""

    def __init__(self, max_jobs: int = MAX_JOBS) -> None:
        self._max_jobs = max_jobs
        self._jobs: list[Job] = []
        self._asked: deque[tuple[float, str]] = deque()  # when, and by whom, in the last minute
        self._pace = 1.5  # seconds that a second of `cost_s` takes, what is drawn again counted
        self._lock = threading.Lock()
        self.composers = Composers()
        self._threads = ThreadPoolExecutor(max_jobs, thread_name_prefix="composing")

    def submit(self, job: Job) -> None:
        """Takes a job.

        Raises:
            BusyError: there are too many already, of all people or of this one.
        """
        with self._lock:
            if len(self._jobs) >= self._max_jobs:
                raise BusyError(
                    f"At most {self._max_jobs} pieces can be composed at a time, and so many are. "
                    "Try again in a minute."
                )
            if job.owner and sum(one.owner == job.owner for one in self._jobs) >= MAX_JOBS_OF_ONE:
                raise BusyError(
                    f"At most {MAX_JOBS_OF_ONE} of your pieces can be composed at a time, and so many are. "
                    "Try again in a few seconds."
                )
            job.num_recent = self._count(job.owner)
            self._jobs.append(job)
        self._threads.submit(self._work, job)

    def outlook(self, job: Job) -> Outlook:
        """How many are due before a job, and about how long it will be until it is composed itself."""
        with self._lock:
            due = job.due
            before = [one for one in self._jobs if one is not job and one.left_s and one.due <= due]
            left_s = sum(one.left_s for one in before) / len(self.composers) + job.left_s
            return Outlook(len(before), self._pace * left_s)

    @property
    def num_at_work(self) -> int:
        """How many jobs are being composed."""
        return len(self._jobs)

    def _count(self, owner: str) -> int:
        """How often somebody has asked lately; this time is counted from now on."""
        now = time.monotonic()
        while self._asked and now - self._asked[0][0] > RECENT_S:
            self._asked.popleft()
        number = sum(name == owner for _, name in self._asked) if owner else 0
        self._asked.append((now, owner))
        return number

    def _work(self, job: Job) -> None:
        try:
            job.run(self.composers)
        finally:
            with self._lock:
                self._jobs.remove(job)
                if job.seconds and not job.is_stopped:
                    self._pace += LEARNING * (job.seconds / job.cost_s - self._pace)
