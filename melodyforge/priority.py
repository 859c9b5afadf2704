"""Which work goes first where processors are short. Imports nothing of the project."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

NICENESS = 10  # against the processes of the same session
SESSION_NICENESS = 5  # against other sessions: a third of what they get
# Linux shares processors out by session, and a process's niceness counts only inside its own.
SESSION_FILE = Path("/proc/self/autogroup")


def give_way() -> None:
    """Lets the other processes of the session go first."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)


def give_way_as_session(is_on: bool) -> None:
    """Lets other sessions go before that of this process, or no longer; nothing where the system does not have that."""
    with contextlib.suppress(OSError):
        SESSION_FILE.write_text(str(SESSION_NICENESS if is_on else 0), encoding="ascii")
