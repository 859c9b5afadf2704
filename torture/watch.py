"""Watches a process from inside: what it opens, starts or connects to, and where it leaves files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Events of Python's audit table that change paths: where their arguments hold a path, and the open folder that it is
# relative to.
CHANGING = {
    **{"os.mkdir": ((0, 2),), "os.remove": ((0, 1),), "os.rmdir": ((0, 1),), "shutil.rmtree": ((0, 1),)},
    **{"os.rename": ((0, 2), (1, 3)), "os.link": ((1, 3),), "os.symlink": ((1, 2),), "os.chmod": ((0, 2),)},
}
REACHING = frozenset(
    {"socket.connect", "os.system", "os.exec", "os.fork", "os.posix_spawn", "subprocess.Popen", "pickle.find_class"}
)
HARMLESS = ("/dev/null",)
HARMLESS_PROGRAMS = ("uname",)  # Python asks it for the processor's name, once

_trespasses: list[str] = []
_allowed: list[str] = []  # while something is being watched, the folder in which it may write
_is_installed = False


@contextmanager
def trespasses(folder: Path) -> Iterator[list[str]]:
    """Gives a list of whatever was reached for outside a folder meanwhile."""
    _install()
    _trespasses.clear()
    _allowed.append(str(folder))
    try:
        yield _trespasses
    finally:
        _allowed.clear()


def _install() -> None:
    global _is_installed
    if not _is_installed:
        sys.addaudithook(_hear)  # for good: hooks cannot be taken away
        _is_installed = True


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if not _allowed:
        return
    if event == "open":
        path, _, flags = arguments
        if isinstance(flags, int) and flags & WRITING:
            _require_inside(event, path, -1)
    elif event in CHANGING:
        for path, opened in CHANGING[event]:
            _require_inside(event, arguments[path], arguments[opened])
    elif event in REACHING and arguments[0] not in HARMLESS_PROGRAMS:
        _trespasses.append(f"{event} {arguments!r:.200}")


def _require_inside(event: str, path: Any, opened: Any) -> None:
    if isinstance(path, int):  # a file that is open already
        return
    start = f"/proc/self/fd/{opened}" if isinstance(opened, int) and opened >= 0 else ""
    full = os.path.realpath(os.path.join(start, os.fsdecode(path)))  # noqa: PTH118 - a Path costs ten times as much
    if full not in HARMLESS and full != _allowed[0] and not full.startswith(_allowed[0] + os.sep):
        _trespasses.append(f"{event} {full}")
