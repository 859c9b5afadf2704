"""Writing files so that nobody ever finds half of one, and reading no more of one than is expected. Knows no music."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from melodyforge.errors import MusicReadError, OutputError, TooMuchError

MAX_BYTES = 64 * 2**20  # of a file that is read at once; a Mahler symphony takes 30 MB of MusicXML


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


def read_at_most(path: Path, max_bytes: int) -> bytes:
    """The content of a file.

    Raises:
        OSError: it cannot be read.
        TooMuchError: it is larger.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(max_bytes + 1) if size <= max_bytes else b""
    if size > max_bytes or len(data) > max_bytes:
        raise TooMuchError(f"{path.name} must be at most {max_bytes:,} bytes long. Received {max(size, len(data)):,}.")
    return data


def check_file(path: Path, max_bytes: int = MAX_BYTES) -> None:
    """Makes sure that a path leads to a file, and not to a folder, a device that never ends or a pipe that waits.

    Raises:
        MusicReadError: it does not, or the file is too large.
    """
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise MusicReadError(f"Expected a file to read at {path}. Received: {reason}.") from None
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a device or pipe"
        raise MusicReadError(f"Expected a file to read at {path}. Received {kind}. Name a file.")
    if status.st_size > max_bytes:
        raise MusicReadError(
            f"Expected a file of at most {max_bytes:,} bytes. Received {status.st_size:,}. Remove {path.name}."
        )


def read_bytes(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """The content of a file that the user names.

    Raises:
        MusicReadError: it cannot be read, or is no file, or too large.
    """
    check_file(path, max_bytes)
    try:
        with path.open("rb") as file:
            return file.read(max_bytes)
    except OSError as error:
        raise MusicReadError(f"Expected a file to read at {path}. Received: {error.strerror or error}.") from None
