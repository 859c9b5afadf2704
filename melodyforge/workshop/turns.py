"""Whose turn it is to compose, among the threads of a process: one at a time, so that none waits for all others.

First everybody gets a few notes, then whoever is due first gets the rest. Knows no music.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

AWAY_S = 0.25  # who has not come back for so long, such as from reading a long primer, holds nobody up


@dataclass
class _Turn:
    """What is known of one thread.

    Attributes:
        number: of the thread; of two that are due at the same time the lower one goes first.
        due: when it should be done, as `time.monotonic` tells it.
        has_begun: whether it has got its first notes.
        is_waiting: whether it waits to go on.
        went_at: when it went on last; None while it waits, and before it has ever asked.
        worked_s: how long it has worked.
    """

    number: int
    due: float
    has_begun: bool = False
    is_waiting: bool = False
    went_at: float | None = None
    worked_s: float = 0.0

    @property
    def rank(self) -> tuple[bool, float, int]:
        """The lowest goes first."""
        return self.has_begun, self.due, self.number

    def holds_up(self, now: float) -> bool:
        """Whether those behind it must wait."""
        return self.is_waiting or (self.went_at is not None and now - self.went_at <= AWAY_S)

    def pause(self, now: float) -> None:
        """It does not work now."""
        if self.went_at is not None:
            self.worked_s += now - self.went_at
        self.went_at = None


class Turns:
    """The order among threads, each with a number of its own. For many threads."""

    def __init__(self) -> None:
        self._turns: dict[int, _Turn] = {}
        self._changed = threading.Condition()

    def __len__(self) -> int:
        with self._changed:
            return len(self._turns)

    def enter(self, number: int, due: float) -> None:
        """Takes a thread in; nobody waits for it before it asks for its first turn."""
        with self._changed:
            self._turns[number] = _Turn(number, due)

    def change(self, number: int, due: float) -> None:
        """Gives a thread, if it is still there, another place."""
        with self._changed:
            if number in self._turns:
                self._turns[number].due = due
                self._changed.notify_all()

    def has_begun(self, number: int) -> None:
        """A thread has got its first notes."""
        with self._changed:
            if not self._turns[number].has_begun:
                self._turns[number].has_begun = True
                self._changed.notify_all()

    def must_wait(self, number: int) -> bool:
        """Whether others come before a thread."""
        with self._changed:
            return self._must_wait(self._turns[number], time.monotonic())

    def wait(self, number: int) -> None:
        """Returns when it is a thread's turn; it asks again and again, after every little piece of work."""
        with self._changed:
            turn, now = self._turns[number], time.monotonic()
            turn.pause(now)
            turn.is_waiting = True
            while self._must_wait(turn, now):
                self._changed.wait(AWAY_S)
                now = time.monotonic()
            turn.is_waiting, turn.went_at = False, now

    def leave(self, number: int) -> float:
        """A thread is done; gives the seconds that it worked."""
        with self._changed:
            turn = self._turns.pop(number)
            turn.pause(time.monotonic())
            self._changed.notify_all()
        return turn.worked_s

    def _must_wait(self, turn: _Turn, now: float) -> bool:
        return any(other.rank < turn.rank and other.holds_up(now) for other in self._turns.values())
