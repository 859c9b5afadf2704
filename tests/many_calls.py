"""Scripts as users run them, many in a row: each in a process of its own, whose libraries one process loaded for all.

`python -m tests.many_calls` waits for lines of JSON: a script and its arguments. Each call runs in a copy of this
process as it is after its imports, and is answered by a line of JSON: its exit status, what it printed, its complaints.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

PROJECT_DIR = Path(__file__).parents[1]


class Caller:
    """Calls scripts on a user's home folder."""

    def __init__(self, home: Path) -> None:
        command, environment = [sys.executable, "-m", "tests.many_calls"], {"MELODY_FORGE_HOME": str(home)}
        self._process = subprocess.Popen(
            command,
            cwd=PROJECT_DIR,
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, script: str, *arguments: object) -> tuple[int, str, list[str]]:
        """Runs a script to its end: (exit status, what it printed, its lines on stderr)."""
        self._process.stdin.write(json.dumps([script, *map(str, arguments)]) + "\n")
        self._process.stdin.flush()
        status, printed, errors = json.loads(self._process.stdout.readline())
        return status, printed, errors.splitlines()

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate(timeout=60)


def answer(call: list[str]) -> tuple[int, str, str]:
    """Runs one script in a copy of this process."""
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as errors:
        child = os.fork()
        if child == 0:
            os.dup2(printed.fileno(), 1)
            os.dup2(errors.fileno(), 2)
            os._exit(run(call))
        _, status = os.waitpid(child, 0)
        for file in (printed, errors):
            file.seek(0)
        return os.waitstatus_to_exitcode(status), printed.read().decode(), errors.read().decode()


def run(call: list[str]) -> int:
    """Runs a script here; its exit status."""
    sys.stdin, sys.stdout = open(os.devnull), open(1, "w", closefd=False)  # noqa: PTH123, SIM115
    sys.argv = call
    try:
        runpy.run_path(call[0], run_name="__main__")
        status = 0
    except SystemExit as end:
        status = end.code or 0
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def main() -> None:
    """Answers call after call until its input ends."""
    import melodyforge.commands.compose
    import melodyforge.commands.evaluate
    import melodyforge.commands.prepare
    import melodyforge.commands.train
    import melodyforge.compose
    import melodyforge.training.checkpoint  # noqa: F401

    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
