"""Which work goes first where processors are short. Imports nothing of the project."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

NICENESS = 10  # against the processes of the same session
SESSION_NICENESS = 5  # against other sessions: a third of what they get
SESSION_FILE = Path("/proc/self/autogroup")  # Linux shares processors out by session, and nice counts only inside one


def give_way(*, as_session: bool = False) -> None:
    """Lets others go before this process.

    Args:
        as_session: let other sessions go first, too; for a process that leads a session of its own.
    """
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    if as_session:
        with contextlib.suppress(OSError):  # not Linux, or one that shares them out otherwise
            SESSION_FILE.write_text(str(SESSION_NICENESS), encoding="ascii")
