"""Runs one task to its end and writes down how it ended. Started by `tasks.start_task`.

python -m melodyforge.workshop.keep_task FOLDER LOCK SCRIPT ARGUMENTS ...

The script runs in this very process: whoever kills it has ended the work, and no other process can be forgotten.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
import time
import traceback
from pathlib import Path

from melodyforge.files import write_bytes
from melodyforge.workshop.tasks import ENDED_FILE, INTERRUPTED, find_task, tasks_before

POLL_SECONDS = 0.3


def main(folder: Path, lock: int, command: list[str]) -> None:
    """Waits for its turn and runs the command.

    Args:
        folder: of the task.
        lock: open file whose lock says that this process lives.
        command: the script and its arguments.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a server in the background may have switched it off
    os.set_inheritable(lock, False)
    task = find_task(folder.name, folder.parent)
    if task is None:
        return  # its folder was removed by hand
    os.write(lock, f"{os.getpid()} {task.started_at} listens".encode())
    try:
        while tasks_before(task):
            time.sleep(POLL_SECONDS)
        status = _run(command)
    except KeyboardInterrupt:
        status = INTERRUPTED
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    write_bytes(folder / ENDED_FILE, json.dumps({"exit_status": status}).encode())


def _run(command: list[str]) -> int:
    """Runs a script as `python SCRIPT ARGUMENTS` does; gives its exit status."""
    sys.argv = command
    try:
        runpy.run_path(command[0], run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
