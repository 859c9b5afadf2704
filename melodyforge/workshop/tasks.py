"""Long work as processes of their own: they outlive the page and the server that started them.

A task is a folder: what was started, its output, how it ended. Its process holds the lock of that folder as long as it
lives; so a task is never taken for another process that happens to have its number. Tasks of one queue take turns.
Knows commands; knows no web page.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from melodyforge.errors import BusyError, TaskError
from melodyforge.files import output_errors, write_bytes
from melodyforge.folders import is_held, lock_path, take_lock
from melodyforge.model_state import check_model_name
from melodyforge.places import OUTPUT_DIR, PACKAGE_DIR, PROJECT_DIR

TASKS_DIR = OUTPUT_DIR / "tasks"
MAIN = str(PACKAGE_DIR / "__main__.py")  # the script that is `melody-forge`
STARTED_FILE, STOP_FILE, ENDED_FILE, LOG_FILE = "started.json", "stop", "ended.json", "log.txt"
INTERRUPTED = 130  # exit status after Ctrl-C
MAX_LOG_BYTES = 20_000  # shown of a log's end
SECONDS_TO_BEGIN = 10.0  # until a process that was started can be told to stop
SECONDS_TO_TAKE_BACK = 5.0
POLL_SECONDS = 0.02


@dataclass(frozen=True, kw_only=True)
class Task:
    """A process that was started, as it was a moment ago.

    Attributes:
        name: unique.
        folder: where it keeps its files.
        started_at: seconds since 1970.
        queue: those of one queue take turns, in the order of their start; "" for none.
        is_alive: whether its process lives.
        exit_status: None while it runs; 0 when all went well.
    """

    name: str
    folder: Path
    started_at: float
    queue: str
    is_alive: bool
    exit_status: int | None

    @property
    def is_running(self) -> bool:
        """Whether it is at work, or waits for its turn."""
        return self.exit_status is None and self.is_alive

    @property
    def is_stopping(self) -> bool:
        """Whether it was asked to stop, and is still saving its work."""
        return self.is_running and (self.folder / STOP_FILE).exists()

    @property
    def is_interrupted(self) -> bool:
        """Whether it was stopped, or killed."""
        return self.exit_status == INTERRUPTED or (self.exit_status is None and not self.is_alive)

    @property
    def is_killed(self) -> bool:
        """Whether its process perished unasked, such as with the machine or for lack of memory."""
        return self.exit_status is None and not self.is_alive and not (self.folder / STOP_FILE).exists()

    @property
    def log(self) -> str:
        """The end of what it printed."""
        path = self.folder / LOG_FILE
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - MAX_LOG_BYTES))
            return file.read().decode("utf-8", "replace")

    @property
    def error(self) -> str:
        """What it complained of, in one line; "" when it did not fail."""
        if not self.exit_status or self.is_interrupted:
            return ""
        lines = [line for line in self.log.splitlines() if line.strip()]
        complaints = [line for line in lines if line.startswith("error: ")]
        return (complaints or lines or ["It ended without a word."])[-1].removeprefix("error: ")

    def stop(self) -> None:
        """Asks it to save its work and end; it is asked once."""
        if not is_held(self.folder) or (self.folder / STOP_FILE).exists():
            return
        write_bytes(self.folder / STOP_FILE, b"")
        pid = self._pid()
        if pid and is_held(self.folder):
            os.kill(pid, signal.SIGINT)

    def _pid(self) -> int | None:
        """The process that holds the lock, once it listens; it has written into the lock who it is."""
        deadline = time.monotonic() + SECONDS_TO_BEGIN
        while is_held(self.folder) and time.monotonic() < deadline:
            words = lock_path(self.folder).read_text(encoding="ascii").split()
            if len(words) == 3:
                return int(words[0]) if words[1] == str(self.started_at) else None
            time.sleep(POLL_SECONDS)
        return None


def start_task(name: str, command: list[str], tasks_dir: Path = TASKS_DIR, queue: str = "") -> Task:
    """Starts a Python script, in place of an earlier task of the same name that is over.

    Args:
        name: of the task, as a folder may be called.
        command: the script and its arguments, such as [MAIN, "train", "--minutes", "5"].
        tasks_dir: where tasks lie.
        queue: it waits until those that were started in this queue before it are over; "" starts at once.

    Raises:
        TaskError: one of this name is at work.
        OutputError: it cannot be written down.
    """
    folder = tasks_dir / check_model_name(name)
    try:
        lock = take_lock(folder, "")
    except BusyError:
        raise TaskError(f"{name!r} must have ended before it can start anew. It is at work. Stop it first.") from None
    try:
        with output_errors(folder):
            os.truncate(lock, 0)
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            facts = {"started_at": time.time(), "command": command, "queue": queue}
            write_bytes(folder / STARTED_FILE, json.dumps(facts).encode())
            _start(folder, lock, command)
    finally:
        os.close(lock)  # the process has its own
    return _described(folder, facts)


def _start(folder: Path, lock: int, command: list[str]) -> None:
    keeper = [sys.executable, "-u", "-m", "melodyforge.workshop.keep_task", str(folder), str(lock), *command]
    with (folder / LOG_FILE).open("wb") as log:
        process = subprocess.Popen(
            keeper,
            cwd=PROJECT_DIR,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[lock],
        )
    threading.Thread(target=process.wait, daemon=True).start()  # so that none lingers after its end


def find_task(name: str, tasks_dir: Path = TASKS_DIR) -> Task | None:
    """A task by its name."""
    started = _read(tasks_dir / name / STARTED_FILE)
    return _described(tasks_dir / name, started) if started else None


def _described(folder: Path, started: dict) -> Task:
    is_alive = is_held(folder)  # asked first: who is dead has written down how it ended
    ended = _read(folder / ENDED_FILE)
    return Task(
        name=folder.name,
        folder=folder,
        started_at=started["started_at"],
        queue=started.get("queue", ""),
        is_alive=is_alive,
        exit_status=ended.get("exit_status"),
    )


def list_tasks(tasks_dir: Path = TASKS_DIR) -> list[Task]:
    """All tasks, the latest first."""
    names = [path.parent.name for path in tasks_dir.glob(f"*/{STARTED_FILE}")]
    found = [task for name in names if (task := find_task(name, tasks_dir))]
    return sorted(found, key=lambda task: -task.started_at)


def tasks_before(task: Task) -> list[Task]:
    """Whom a task has to wait for, the next one first."""
    if not task.queue:
        return []
    others = [other for other in list_tasks(task.folder.parent) if other.queue == task.queue and other.is_running]
    return [other for other in others if (other.started_at, other.name) < (task.started_at, task.name)]


def take_back(task: Task) -> None:
    """Takes a task out of its queue and forgets it; nothing was done yet that could be saved."""
    task.stop()
    deadline = time.monotonic() + SECONDS_TO_TAKE_BACK
    while is_held(task.folder) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    forget_task(task)


def forget_task(task: Task) -> None:
    """Removes what is kept of a task that is over."""
    with contextlib.suppress(BusyError):
        lock = take_lock(task.folder, "")
        os.truncate(lock, 0)
        shutil.rmtree(task.folder, ignore_errors=True)
        os.close(lock)


def _read(path: Path) -> dict:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}
