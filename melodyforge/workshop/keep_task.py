"""Looks after one task: runs its command, writes down its output and how it ended. Started by `tasks.start_task`.

python -m melodyforge.workshop.keep_task FOLDER COMMAND ...
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from pathlib import Path

from melodyforge.files import write_bytes
from melodyforge.workshop.tasks import ENDED_FILE, INTERRUPTED, LOG_FILE


def main(folder: Path, command: list[str]) -> None:
    """Runs the command to its end; what is sent to stop this process stops the command."""
    with (folder / LOG_FILE).open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

        def pass_on(number: int, _: object) -> None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)

        signal.signal(signal.SIGINT, pass_on)
        signal.signal(signal.SIGTERM, pass_on)
        status = process.wait()
    if status in (-signal.SIGINT, -signal.SIGTERM):
        status = INTERRUPTED
    write_bytes(folder / ENDED_FILE, json.dumps({"exit_status": status}).encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
