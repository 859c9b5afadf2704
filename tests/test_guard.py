"""Guarded processes: whatever a function does, its caller gets an answer, and the next one too."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path

import pytest

from melodyforge import guard
from melodyforge.errors import BusyError, MusicReadError
from melodyforge.guard import Guard, StoppedError

PROJECT_DIR = Path(__file__).parents[1]


class OddError(Exception):
    """Cannot be unpacked: its arguments are not those it was made with."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first + second)


def raise_odd_error() -> None:
    raise OddError("too ", "odd")


def refuse() -> None:
    raise MusicReadError("Expected music.")


def fill_memory() -> int:
    return len(bytearray(4 * 2**30))


def chatter() -> str:
    print("between the answers", flush=True)
    os.write(1, b"and below Python")
    return "said"


def process_id() -> int:
    return os.getpid()


@pytest.fixture
def one():
    """A guard with a single process."""
    one = Guard(1)
    yield one
    one.close()


@pytest.mark.parametrize(
    ("function", "args", "reason"),
    [(time.sleep, (60,), "too long"), (os._exit, (11,), "crash"), (os.abort, (), "crash"), (fill_memory, (), "memory")],
)
def test_what_hangs_crashes_or_swells_gives_a_line_and_the_next_call_works(one, function, args, reason):
    with pytest.raises(StoppedError, match=reason):
        one.run(function, *args, seconds=1 if reason == "too long" else 30)
    assert one.run(len, "abc", seconds=30) == 3


def test_one_line_of_the_asked_type_says_what_was_stopped():
    with pytest.raises(MusicReadError, match=r"Expected a tune .* crash"):
        guard.run(os._exit, 1, seconds=30, error=MusicReadError, what="a tune")


def test_errors_come_as_they_are_and_bugs_with_their_traceback(one):
    with pytest.raises(MusicReadError, match=r"^Expected music\.$"):
        one.run(refuse, seconds=30)
    with pytest.raises(KeyError) as caught:
        one.run(dict.__getitem__, {}, "nothing", seconds=30)
    assert "Traceback" in caught.value.__notes__[0]
    with pytest.raises(RuntimeError, match="too odd"):
        one.run(raise_odd_error, seconds=30)


def test_a_process_is_used_again_and_replaced_when_it_died_in_between(one):
    first = one.run(process_id, seconds=30)
    assert one.run(process_id, seconds=30) == first
    os.kill(first, 9)
    while Path(f"/proc/{first}/stat").exists() and " Z " not in Path(f"/proc/{first}/stat").read_text():
        time.sleep(0.01)
    assert one.run(process_id, seconds=30) != first


def test_what_a_function_prints_does_not_come_between_the_answers(one):
    assert one.run(chatter, seconds=30) == "said"
    assert one.run(chatter, seconds=30) == "said"


def test_who_waits_too_long_for_a_process_is_told():
    busy = Guard(1, wait_seconds=0.1)
    with ThreadPoolExecutor(1) as threads:
        sleeping = threads.submit(busy.run, time.sleep, 60, seconds=60)
        while not busy._processes:
            time.sleep(0.01)
        with pytest.raises(BusyError):
            busy.run(len, "abc", seconds=30)
        busy.close()
        assert isinstance(sleeping.exception(), CancelledError)


def test_many_threads_share_two_processes():
    shared = Guard(2)
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(shared.run, process_id, seconds=30) for _ in range(40)]
        assert len({one.result() for one in asked}) <= 2
    shared.close()


def test_a_script_without_a_main_guard_can_read_in_processes(tmp_path):
    script = tmp_path / "plain.py"
    script.write_text("from melodyforge.guard import Guard\nprint('once', Guard(1).run(len, 'abc', seconds=30))\n")
    done = subprocess.run(
        [sys.executable, script], env=os.environ | {"PYTHONPATH": str(PROJECT_DIR)}, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("once 3\n", "")
