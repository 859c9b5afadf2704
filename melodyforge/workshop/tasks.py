"""Long work as processes of their own: they outlive the page and the server that started them.

A task is a folder: what was started, its output, how it ended. Knows commands; knows no web page.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from melodyforge.errors import TaskError
from melodyforge.files import output_errors, write_bytes
from melodyforge.settings import OUTPUT_DIR, PROJECT_DIR, check_model_name

TASKS_DIR = OUTPUT_DIR / "tasks"
STARTED_FILE, ENDED_FILE, LOG_FILE = "started.json", "ended.json", "log.txt"
INTERRUPTED = 130  # exit status after Ctrl-C
MAX_LOG_BYTES = 20_000  # shown of a log's end
_children: dict[int, subprocess.Popen] = {}  # started by this process


@dataclass(frozen=True)
class Task:
    """A process that was started.

    Attributes:
        name: unique.
        folder: where it keeps its files.
        started_at: seconds since 1970.
        pid: of the process that looks after it.
        exit_status: None while it runs; 0 when all went well.
    """

    name: str
    folder: Path
    started_at: float
    pid: int
    exit_status: int | None

    @property
    def is_running(self) -> bool:
        """Whether it is at work."""
        return self.exit_status is None and _is_alive(self.pid)

    @property
    def is_interrupted(self) -> bool:
        """Whether it was stopped, or perished with the machine."""
        return self.exit_status == INTERRUPTED or (self.exit_status is None and not _is_alive(self.pid))

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
        """Asks it to save its work and end."""
        if self.is_running:
            os.kill(self.pid, signal.SIGINT)


def start_task(name: str, command: list[str], tasks_dir: Path = TASKS_DIR) -> Task:
    """Starts a Python program of the project, in place of an earlier task of the same name that is over.

    Args:
        name: of the task, as a folder may be called.
        command: the script and its arguments, such as ["train_model.py", "--minutes", "5"].
        tasks_dir: where tasks lie.

    Raises:
        TaskError: one of this name is at work.
        OutputError: it cannot be written down.
    """
    folder = tasks_dir / check_model_name(name)
    former = find_task(name, tasks_dir)
    if former and former.is_running:
        raise TaskError(f"{name!r} must have ended before it can start anew. It is at work. Stop it first.")
    with output_errors(folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    keeper = [sys.executable, "-m", "melodyforge.workshop.keep_task", str(folder), sys.executable, "-u", *command]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(keeper, cwd=PROJECT_DIR, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    _children[process.pid] = process
    started_at = time.time()
    facts = {"pid": process.pid, "started_at": started_at, "command": command}
    write_bytes(folder / STARTED_FILE, json.dumps(facts).encode())
    return Task(name, folder, started_at, process.pid, None)


def find_task(name: str, tasks_dir: Path = TASKS_DIR) -> Task | None:
    """A task by its name."""
    folder = tasks_dir / name
    started = _read(folder / STARTED_FILE)
    if not started:
        return None
    ended = _read(folder / ENDED_FILE)
    return Task(name, folder, started["started_at"], started["pid"], ended.get("exit_status"))


def list_tasks(tasks_dir: Path = TASKS_DIR) -> list[Task]:
    """All tasks, the latest first."""
    names = [path.parent.name for path in tasks_dir.glob(f"*/{STARTED_FILE}")]
    found = [task for name in names if (task := find_task(name, tasks_dir))]
    return sorted(found, key=lambda task: -task.started_at)


def forget_task(task: Task) -> None:
    """Removes what is kept of a task that is over."""
    if not task.is_running:
        shutil.rmtree(task.folder, ignore_errors=True)


def _read(path: Path) -> dict:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _is_alive(pid: int) -> bool:
    if pid in _children:  # ours: asked so that none lingers after its end
        return _children[pid].poll() is None
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
