"""Writing files so that nobody ever finds half of one. Knows no music."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from melodyforge.errors import MusicReadError, OutputError


@contextlib.contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turns an OSError into one that says what to do, such as a full disk or a folder that cannot be written."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(
            f"Expected to write {path}. Received: {reason}. Free some space or choose another place."
        ) from error


def require_writable(path: Path) -> None:
    """Makes sure that a file can be written, before work that would be lost otherwise; leaves nothing behind.

    Raises:
        OutputError: it cannot.
    """
    with output_errors(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        with tempfile.TemporaryFile(dir=folder):
            pass


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file as a whole: under another name first, then renamed.

    Raises:
        OutputError: it cannot be written; what stood there before still stands.
    """
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:50]}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def read_bytes(path: Path) -> bytes:
    """The content of a file that the user names.

    Raises:
        MusicReadError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise MusicReadError(f"Expected a file to read at {path}. Received: {error.strerror or error}.") from None
