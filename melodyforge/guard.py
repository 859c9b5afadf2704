"""Runs functions on strangers' files in processes of their own, with limits on time and memory.

Whatever a file does to its reader ends that process alone. The processes are fresh: they import what they run, not
the caller's script, and share none of its threads and locks. Knows no music.
"""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import traceback
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar

from melodyforge.errors import BusyError, MelodyForgeError
from melodyforge.priority import give_way

MAX_PROCESS_BYTES = 2 * 2**30  # address space of one process
NUM_PROCESSES = 2  # for what `run` is given
WAIT_SECONDS = 60.0  # until one of them is free
IDLE_SECONDS = 120  # after which one ends: with music21 loaded it holds 130 MB
CALLS_AHEAD = 3  # of a process; enough that none waits, few enough that results do not pile up
LATE_SECONDS = 5  # after its limit, one whose owner is gone ends by itself

TOO_LONG = "took too long and was stopped"
TOO_MUCH_MEMORY = "took too much memory and was stopped"
CRASHED = "made the reader crash"

_T = TypeVar("_T")
_Item = TypeVar("_Item")
_START = "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); import melodyforge.guard as g; g.serve()"


class StoppedError(Exception):
    """A function did not come to its end; the message is the rest of a sentence, such as `TOO_LONG`."""


class Pool(Protocol):
    """Where calls run side by side: guarded processes here, or a cluster of machines."""

    def each(self, call: Callable[[Guard, _Item], _T], items: Iterable[_Item]) -> Generator[_T, None, None]:
        """Calls a function for each item, as many at once as there are processes.

        Args:
            call: is given the guard of where it runs, and an item.
            items: taken one by one, a few ahead of what is wanted.

        Yields:
            What was returned, in the order of the items.
        """
        ...


class Guard:
    """A few guarded processes, each started when needed. Threads may share it: a call has a process for itself."""

    def __init__(self, num_processes: int, wait_seconds: float | None = None) -> None:
        """Starts nothing yet.

        Args:
            num_processes: how many there may be.
            wait_seconds: how long a call waits for a free one; None for as long as it takes.
        """
        self._num_processes = num_processes
        self._wait_seconds = wait_seconds
        self._free = threading.BoundedSemaphore(num_processes)
        self._processes: weakref.WeakSet[_Process] = weakref.WeakSet()
        self._idle: list[_Process] = []
        self._is_closed = False

    def run(self, function: Callable[..., _T], *args: Any, seconds: float) -> _T:
        """Runs a function in one of the processes, and gives back what it returns or raises.

        Args:
            function: stands in a module that can be imported, as do the types of what it takes and returns.
            args: what it is given.
            seconds: how long it may take.

        Raises:
            StoppedError: it took too long or too much memory, or crashed.
            BusyError: no process became free.
            CancelledError: the guard was closed.
        """
        if not self._free.acquire(timeout=self._wait_seconds):
            raise BusyError("Too many files are being read at the moment. Try again in a minute.")
        try:
            process = self._take()
            has_returned, value = process.ask(function, args, seconds)
            self._idle.append(process)
        except StoppedError:
            if self._is_closed:
                raise CancelledError from None
            raise
        finally:
            self._free.release()
        if not has_returned:
            raise value
        return value

    def each(self, call: Callable[[Guard, _Item], _T], items: Iterable[_Item]) -> Generator[_T, None, None]:
        """See `Pool`; calls run in threads of this process, and use this guard. Closes it at the end."""
        items = iter(items)
        with ThreadPoolExecutor(self._num_processes) as threads:
            try:
                running = deque(
                    threads.submit(call, self, item) for item in islice(items, CALLS_AHEAD * self._num_processes)
                )
                while running:
                    yield running.popleft().result()
                    running.extend(threads.submit(call, self, item) for item in islice(items, 1))
            finally:
                threads.shutdown(wait=False, cancel_futures=True)
                self.close()

    def close(self) -> None:
        """Ends all processes, at work or not."""
        self._is_closed = True
        for process in list(self._processes):
            process.end()

    def _take(self) -> _Process:
        """An idle process that will not end at this very moment, or a new one."""
        with contextlib.suppress(IndexError):
            while True:
                process = self._idle.pop()
                if process.is_ready:
                    return process
                process.end()
        process = _Process()
        self._processes.add(process)
        if self._is_closed:
            process.end()
        return process


class _Process:
    """One process, which runs one function at a time."""

    def __init__(self) -> None:
        self._idle_since = time.monotonic()
        self._popen = subprocess.Popen(
            [sys.executable, "-P", "-c", _START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},  # threads take address space
            process_group=0,  # Ctrl-C is for whoever asked
        )
        self.end = weakref.finalize(self, _end, self._popen)
        self._greeting = pickle.dumps([path or str(Path.cwd()) for path in sys.path])

    @property
    def is_ready(self) -> bool:
        """Whether it lives, and has not been idle for so long that it may end at any moment."""
        return self._popen.poll() is None and time.monotonic() - self._idle_since < IDLE_SECONDS / 2

    def ask(self, function: Callable[..., Any], args: tuple[Any, ...], seconds: float) -> tuple[bool, Any]:
        """Whether a function returned, and what it returned or raised.

        Raises:
            StoppedError: it took too long or too much memory, or the process crashed.
        """
        request = pickle.dumps((seconds, pickle.dumps((function, args))))
        started = time.monotonic()
        timer = threading.Timer(seconds, self.end)
        timer.daemon = True
        timer.start()
        try:
            has_returned, value = self._exchange(request)
        except (OSError, ValueError, EOFError, pickle.UnpicklingError):  # it has ended, and its pipes with it
            self.end()
            raise StoppedError(TOO_LONG if time.monotonic() - started >= seconds else CRASHED) from None
        finally:
            timer.cancel()
            self._idle_since = time.monotonic()
        if isinstance(value, MemoryError):
            self.end()
            raise StoppedError(TOO_MUCH_MEMORY)
        return has_returned, value

    def _exchange(self, request: bytes) -> tuple[bool, Any]:
        stdin, stdout = self._popen.stdin, self._popen.stdout
        if not stdin or not stdout:
            raise EOFError
        stdin.write(self._greeting + request)
        self._greeting = b""
        stdin.flush()
        return pickle.load(stdout)


def _end(popen: subprocess.Popen) -> None:
    popen.kill()
    popen.wait()
    for pipe in (popen.stdin, popen.stdout):
        with contextlib.suppress(OSError):  # what was not yet sent
            if pipe:
                pipe.close()


_shared = Guard(NUM_PROCESSES, WAIT_SECONDS)


def run(
    function: Callable[..., _T],
    *args: Any,
    seconds: float,
    error: type[MelodyForgeError],
    what: str = "a file",
) -> _T:
    """Runs a function in a guarded process, and gives back what it returns or raises.

    Args:
        function: stands in a module that can be imported, as do the types of what it takes and returns.
        args: what it is given.
        seconds: how long it may take.
        error: what to raise when it takes too long or too much memory, or crashes.
        what: what it reads, for the message.

    Raises:
        BusyError: too many others want something read.
        MelodyForgeError: of the given type.
    """
    try:
        return _shared.run(function, *args, seconds=seconds)
    except StoppedError as stopped:
        raise error(f"Expected {what} that can be read. Received one that {stopped}. Choose another one.") from None


def serve() -> None:
    """Runs in the process: requests come in through standard input, answers go out through standard output."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing else may come between the answers
    _limit_memory()
    give_way()
    while True:
        _end_after(IDLE_SECONDS)
        try:
            seconds, request = pickle.load(sys.stdin.buffer)
        except EOFError:  # the owner is gone
            return
        _end_after(seconds + LATE_SECONDS)
        answers.write(_answer(request))
        answers.flush()


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limits
        return
    _, hard_limit = resource.getrlimit(resource.RLIMIT_AS)
    is_lower = hard_limit != resource.RLIM_INFINITY and hard_limit < MAX_PROCESS_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (hard_limit if is_lower else MAX_PROCESS_BYTES, hard_limit))


def _end_after(seconds: float) -> None:
    """Has the system end this process then, whatever it is doing."""
    if hasattr(signal, "alarm"):
        signal.alarm(math.ceil(seconds))


def _answer(request: bytes) -> bytes:
    """What came of a request, packed."""
    try:
        function, args = pickle.loads(request)
        return pickle.dumps((True, function(*args)))
    except MelodyForgeError as error:
        return pickle.dumps((False, error))
    except MemoryError:
        return pickle.dumps((False, MemoryError()))
    except Exception as error:
        return _pack_bug(error)


def _pack_bug(error: Exception) -> bytes:
    """An exception with its traceback as text; one that cannot be packed becomes a RuntimeError."""
    text = "".join(traceback.format_exception(error))
    try:
        error.add_note(text)
        packed = pickle.dumps((False, error))
        pickle.loads(packed)
    except Exception:
        packed = pickle.dumps((False, RuntimeError(text)))
    return packed
