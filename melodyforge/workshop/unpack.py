"""Takes what strangers send onto the disk: files and zips, never whole in memory, never more than there is room for.

Believes nothing that a zip says of itself: bytes are counted as they come. Knows neither music nor models.
"""

from __future__ import annotations

import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from melodyforge.errors import TooMuchError, UnpackError

MIN_FREE_BYTES = 500_000_000  # that stay free on the disk
MAX_LIST_BYTES = 4 * 2**20  # of a zip's list of files; 30,000 files take about as much
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others are rare, and may ask for gigabytes to work in
CHUNK_BYTES = 2**20
DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,  # of the reading alone
    RuntimeError,  # a password is needed; or NotImplementedError
    ValueError,  # a name that is no UTF-8, or a place before the beginning
    OverflowError,
)


class Room:
    """How many bytes may still be written.

    Attributes:
        left: bytes.
    """

    def __init__(self, num_bytes: int, folder: Path) -> None:
        """Makes room of so many bytes, or of what the disk of a folder has to spare."""
        self._num_bytes = max(0, min(num_bytes, shutil.disk_usage(folder).free - MIN_FREE_BYTES))
        self.left = self._num_bytes

    def take(self, num_bytes: int) -> None:
        """Counts bytes as written.

        Raises:
            TooMuchError: there is no room for them.
        """
        self.left -= num_bytes
        if self.left < 0:
            raise TooMuchError(
                f"Expected at most {self._num_bytes / 1e6:,.0f} MB, unpacked: so much room there is. Received more. "
                "Send fewer files, or free some space."
            )


def open_zip(file: BinaryIO) -> zipfile.ZipFile:
    """Opens a zip for reading.

    Raises:
        UnpackError: it is none, it is damaged, or its list of files is too long.
    """
    try:
        return zipfile.ZipFile(cast(BinaryIO, _InParts(file)))
    except DAMAGES as error:
        raise UnpackError(_in_a_line(error)) from None


def unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, max_bytes: int, room: Room) -> None:
    """Writes one file of a zip.

    Raises:
        UnpackError: it is damaged, or larger than `max_bytes`; nothing is left of it.
        TooMuchError: there is no room for it.
    """
    if entry.compress_type not in METHODS:
        raise UnpackError("it is packed in a way that is not accepted; pack it as a usual zip")
    try:
        source = archive.open(entry)
    except DAMAGES as error:
        raise UnpackError(_in_a_line(error)) from None
    with source:
        write_stream(cast(BinaryIO, source), path, max_bytes, room)


def write_stream(source: BinaryIO, path: Path, max_bytes: int, room: Room) -> None:
    """Writes what a stream holds; errors as in `unpack`."""
    try:
        with path.open("xb") as target:
            for chunk in _chunks(source, max_bytes):
                room.take(len(chunk))
                target.write(chunk)
    except UnpackError:
        room.take(-path.stat().st_size)
        path.unlink()
        raise


def _chunks(source: BinaryIO, max_bytes: int) -> Iterator[bytes]:
    left = max_bytes
    while True:
        try:
            chunk = source.read(CHUNK_BYTES)
        except DAMAGES as error:
            raise UnpackError(_in_a_line(error)) from None
        if not chunk:
            return
        left -= len(chunk)
        if left < 0:
            raise UnpackError(f"it is larger than {max_bytes / 1e6:,.0f} MB")
        yield chunk


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


class _InParts:
    """A file of which never more is read at once than a zip's list of files may have."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(min(size, MAX_LIST_BYTES + 1) if size >= 0 else MAX_LIST_BYTES + 1)
        if len(data) > MAX_LIST_BYTES:
            raise zipfile.BadZipFile(f"its list of files is longer than {MAX_LIST_BYTES // 2**20} MB")
        return data
