"""Folders that several processes share: one changes them at a time, as a whole, and no reader ever finds half.

A lock is an empty file in the hidden folder `.locks` beside what it guards. The system frees it when its process ends,
however it ends; so whoever holds it knows that what an earlier one left behind is nobody's. Knows no music.
"""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from melodyforge.errors import BusyError, MelodyForgeError
from melodyforge.files import output_errors

try:
    import fcntl
except ImportError:  # Windows has other locks
    fcntl = None  # type: ignore[assignment]

PATIENCE_SECONDS = 2.0  # in which those who only look at a folder, or mend it, are done
POLL_SECONDS = 0.002
LEFTOVER = "????????"  # what `tempfile` puts behind a prefix

T = TypeVar("T")


def lock_path(folder: Path) -> Path:
    """The lock of a folder, or of whatever else has this path."""
    return folder.parent.resolve() / ".locks" / f"{folder.name}.lock"


@contextlib.contextmanager
def hold(folder: Path, refusal: str = "", on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Keeps others from changing a folder while the block runs; the same thread may hold it several times.

    What a process that was killed left half-done is mended or removed first.

    Args:
        folder: it need not exist.
        refusal: what to say when another holds it; "" to wait as long as it takes.
        on_wait: called once when there is somebody to wait for.

    Raises:
        BusyError: another holds it, and there is a `refusal`.
        OutputError: nothing can be written beside the folder.
    """
    from filelock import FileLock, Timeout  # here, for it takes longer to load than a short composition

    path = lock_path(folder)
    with output_errors(folder):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, is_singleton=True)
        try:
            lock.acquire(timeout=PATIENCE_SECONDS)
        except Timeout:
            if refusal:
                raise BusyError(refusal) from None
            if on_wait:
                on_wait()
            lock.acquire()
    try:
        if lock.lock_counter == 1:
            with output_errors(folder):
                _clean(folder)
                _new_beside(folder).rmdir()  # now, and not when an hour's work is to be saved
        yield
    finally:
        lock.release()


def take_lock(folder: Path, refusal: str) -> int:
    """The lock of a folder as an open file, for a process that is about to be started: it holds it to its end.

    Raises:
        BusyError: another holds it.
        OutputError: nothing can be written beside the folder.
    """
    from filelock import lock_descriptor

    path = lock_path(folder)
    with output_errors(folder):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not lock_descriptor(handle, blocking=False):
        if time.monotonic() > deadline:
            os.close(handle)
            raise BusyError(refusal)
        time.sleep(POLL_SECONDS)
    return handle


def is_held(folder: Path) -> bool:
    """Whether a living process holds the lock of a folder."""
    try:
        handle = os.open(lock_path(folder), os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _can_lock(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Gives a new folder that takes the place of `folder` when all has gone well, and vanishes otherwise.

    Raises:
        OutputError: it cannot be written.
    """
    with hold(folder), output_errors(folder):
        new = _new_beside(folder)
        try:
            yield new
            new.chmod(0o755)
            _put_in_place(new, folder)
        finally:
            shutil.rmtree(new, ignore_errors=True)


def remove(folder: Path) -> None:
    """Removes a folder as a whole: killed half-way, it is gone all the same.

    Raises:
        OutputError: it cannot be removed.
    """
    with hold(folder), output_errors(folder):
        gone = _new_beside(folder)
        try:
            folder.replace(gone)
        finally:
            shutil.rmtree(gone, ignore_errors=True)


def read_steadily(folder: Path, read: Callable[[], T]) -> T:
    """Reads a folder that may be replaced at any moment: anew when that happened while it was read.

    Raises:
        MelodyForgeError: as `read` says, of a folder that was not replaced meanwhile.
    """
    while True:
        before = version(folder)
        try:
            return read()
        except (MelodyForgeError, FileNotFoundError):
            if version(folder) == before:
                raise


def version(folder: Path) -> tuple[int, int] | None:
    """What changes when the folder is replaced; None where there is none.

    A folder that is just being replaced is waited for; where the writer was killed between its two renames, the
    former folder is put back.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = _stat(folder)
        if found is None and not _previous(folder).is_dir():
            found = _stat(folder)  # the second rename may have come between the two looks
            if found is None:
                return None
        if found:
            return found.st_ino, found.st_mtime_ns
        if time.monotonic() > deadline:
            return None
        if not is_held(folder):
            with contextlib.suppress(MelodyForgeError), hold(folder, "it is being replaced"):
                pass  # which puts it back
        time.sleep(POLL_SECONDS)


def names_being_replaced(parent: Path) -> set[str]:
    """Folders in `parent` that stand under another name for the moment."""
    return {path.name[1:].removesuffix(".previous") for path in parent.glob(".*.previous")}


def sweep(pattern: Path) -> None:
    """Removes temporary files and folders that a killed process left; to be called by who holds their lock.

    Args:
        pattern: their path without the random letters at its end.
    """
    for leftover in pattern.parent.glob(glob.escape(pattern.name) + LEFTOVER):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def _clean(folder: Path) -> None:
    """Mends and removes what was left half-done; only for who holds the lock."""
    previous = _previous(folder)
    if previous.is_dir():
        if folder.exists():
            shutil.rmtree(previous, ignore_errors=True)
        else:
            previous.rename(folder)
    sweep(_prefix(folder))


def _put_in_place(new: Path, folder: Path) -> None:
    """Swaps the new folder in; killed between the two renames, the next holder of the lock mends it."""
    previous = _previous(folder)
    if folder.exists():
        shutil.rmtree(previous, ignore_errors=True)
        folder.rename(previous)
    new.rename(folder)
    shutil.rmtree(previous, ignore_errors=True)


def _new_beside(folder: Path) -> Path:
    prefix = _prefix(folder)
    return Path(tempfile.mkdtemp(dir=prefix.parent, prefix=prefix.name))


def _prefix(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.new.")


def _previous(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.previous")


def _stat(folder: Path) -> os.stat_result | None:
    try:
        return folder.stat()
    except FileNotFoundError:
        return None


def _can_lock(handle: int) -> bool:
    """Whether nobody holds the lock of an open file; asks so that several who ask do not meet."""
    if fcntl is None:
        from filelock import lock_descriptor

        return lock_descriptor(handle, blocking=False)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
