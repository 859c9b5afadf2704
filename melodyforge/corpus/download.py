"""Fetches archives of MIDI files from the web: resumes, checks, then unpacks.

Trusts nothing that it is sent: an archive is opened only when its SHA-256 is the one that
stands here, and even then only music files inside its own folder are taken out of it.
Knows no music.
"""

from __future__ import annotations

import hashlib
import http.client
import shutil
import stat
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from melodyforge.corpus.files import find_music_files
from melodyforge.errors import CorpusError
from melodyforge.files import output_errors
from melodyforge.music.load import MIDI_SUFFIXES

TIMEOUT_SECONDS = 30.0  # without a byte
MAX_CUTS = 3  # connections that may break in a row without a byte arriving
BLOCK_BYTES = 2**16
MAX_GROWTH = 20  # unpacked bytes for each packed one; MIDI packs to about a third

_HANDLERS = (  # HTTP and HTTPS only: a redirection to a file or to FTP is an error
    urllib.request.ProxyHandler,
    urllib.request.HTTPHandler,
    urllib.request.HTTPSHandler,
    urllib.request.HTTPRedirectHandler,
    urllib.request.HTTPDefaultErrorHandler,
    urllib.request.HTTPErrorProcessor,
    urllib.request.UnknownHandler,
)


@dataclass(frozen=True, slots=True)
class Download:
    """An archive on the web.

    Attributes:
        name: of the corpus, and of its folder.
        url: of a zip archive.
        num_bytes: its exact size.
        sha256: of the archive, hexadecimal.
        num_pieces: music files in it.
    """

    name: str
    url: str
    num_bytes: int
    sha256: str
    num_pieces: int


def fetch_archive(
    download: Download, midi_dir: Path, on_progress: Callable[[int, int], None] | None = None
) -> list[Path]:
    """Puts the music files of an archive into `midi_dir/<name>/`; once they are there it does nothing.

    A zip that the user has put into `midi_dir` is used instead of the web, and kept.

    Args:
        download: what to fetch.
        midi_dir: where the corpora lie.
        on_progress: told how many pieces have arrived, as a share of the bytes, and how many there are.

    Returns:
        The music files.

    Raises:
        CorpusError: the web cannot be reached, or sends something else than expected.
        OutputError: the disk is full or the folder cannot be written.
    """
    folder = midi_dir / download.name
    if not (files := find_music_files(folder)):
        archive = midi_dir / PurePosixPath(download.url).name
        with output_errors(archive):
            midi_dir.mkdir(parents=True, exist_ok=True)
            is_given = archive.exists()
            if not is_given:
                _download(download, archive, on_progress)
            _check(download, archive)
            _unpack(archive, folder, download.num_bytes * MAX_GROWTH)
            if not is_given:
                archive.unlink()
        files = find_music_files(folder)
    if on_progress:
        on_progress(len(files), len(files))
    return [Path(file.path) for file in files]


def _download(download: Download, archive: Path, on_progress: Callable[[int, int], None] | None) -> None:
    """Downloads to `archive`, going on where an earlier try stopped."""
    part = archive.with_name(archive.name + ".part")
    num_cuts = 0
    while (num_bytes := part.stat().st_size if part.exists() else 0) < download.num_bytes:
        try:
            _append(download, part, num_bytes, on_progress)
        except _ConnectionCutError as error:
            has_grown = part.exists() and part.stat().st_size > num_bytes
            num_cuts = 0 if has_grown else num_cuts + 1
            if num_cuts >= MAX_CUTS:
                raise CorpusError(_unreachable(download, archive, error)) from error
    try:
        _check(download, part)
    except CorpusError:
        part.unlink()  # no resuming from wrong bytes
        raise
    part.replace(archive)


class _ConnectionCutError(Exception):
    """The connection broke off; trying again may help."""


def _unreachable(download: Download, archive: Path, reason: object) -> str:
    return (
        f"Could not reach {download.url}: {reason}. Try again, which continues where this stopped, "
        f"or put the zip at {archive} yourself."
    )


def _append(download: Download, part: Path, start: int, on_progress: Callable[[int, int], None] | None) -> None:
    """Asks for the bytes from `start` on and adds what comes to `part`.

    Raises:
        _ConnectionCutError: not everything came.
        CorpusError: the server refuses, or has a file of another size.
    """
    try:
        with _open(download, part, start) as response:
            is_resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
            if is_resumed and not _is_range_from(response, start):
                raise CorpusError(_changed(download))
            with part.open("ab" if is_resumed else "wb") as file:  # without Range support it sends all again
                _copy(response, file, download, on_progress)
    except (http.client.HTTPException, urllib.error.URLError, ConnectionError, TimeoutError) as error:
        raise _ConnectionCutError(getattr(error, "reason", error)) from error


def _open(download: Download, part: Path, start: int) -> http.client.HTTPResponse:
    """The server's answer; a URLError when there is none."""
    opener = urllib.request.OpenerDirector()
    for handler in _HANDLERS:
        opener.add_handler(handler())
    request = urllib.request.Request(download.url, headers={"User-Agent": "melody-forge"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        return opener.open(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)
            raise CorpusError(_changed(download)) from error
        archive = part.with_suffix("")
        raise CorpusError(_unreachable(download, archive, f"status {error.code} {error.reason}")) from error


def _is_range_from(response: http.client.HTTPResponse, start: int) -> bool:
    """Whether the part that comes begins where it was asked to."""
    return (response.getheader("Content-Range") or "").startswith(f"bytes {start}-")


def _changed(download: Download) -> str:
    return f"Expected {download.num_bytes:,} bytes at {download.url}. Received another file: it has been changed."


def _copy(
    response: http.client.HTTPResponse,
    file: IO[bytes],
    download: Download,
    on_progress: Callable[[int, int], None] | None,
) -> None:
    """Copies what comes to the end of an open file, never more than expected."""
    while block := response.read(BLOCK_BYTES):
        file.write(block)
        if file.tell() > download.num_bytes:
            file.truncate(0)
            raise CorpusError(_changed(download))
        if on_progress:
            on_progress(download.num_pieces * file.tell() // download.num_bytes, download.num_pieces)
    if file.tell() < download.num_bytes:
        raise _ConnectionCutError(f"{download.num_bytes - file.tell():,} bytes did not come")


def _check(download: Download, archive: Path) -> None:
    """Raises `CorpusError` unless the archive is the very one that is expected."""
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != download.sha256:
        raise CorpusError(
            f"Expected {archive} with SHA-256 {download.sha256}. Received {found}. "
            f"Nothing was unpacked: delete it and try again, or get it anew from {download.url}."
        )


def _unpack(archive: Path, folder: Path, max_bytes: int) -> None:
    """Unpacks the music files into `folder`: all of them, or none."""
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        with zipfile.ZipFile(archive) as zipped:
            for entry in zipped.infolist():
                if PurePosixPath(entry.filename).suffix.lower() in MIDI_SUFFIXES and not entry.is_dir():
                    max_bytes -= _unpack_entry(zipped, entry, temporary, max_bytes)
        if not any(temporary.iterdir()):
            raise CorpusError(f"Expected MIDI files in {archive}. Received none. Delete it.")
        temporary.chmod(0o755)
        temporary.replace(folder)
    except zipfile.BadZipFile as error:
        raise CorpusError(f"Expected a zip archive at {archive}. Received a damaged one. Delete it.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _unpack_entry(zipped: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path, max_bytes: int) -> int:
    """Unpacks one file below `folder`, without the archive's own top folder; returns its size in bytes."""
    parts = PurePosixPath(entry.filename).parts
    is_link = stat.S_ISLNK(entry.external_attr >> 16)
    if is_link or ".." in parts or entry.filename.startswith("/") or "\\" in entry.filename or ":" in parts[0]:
        raise CorpusError(f"Expected music files in the archive. Received the unsafe path {entry.filename!r}.")
    target = folder.joinpath(*(parts[1:] or parts))
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipped.open(entry) as source:
        data = source.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise CorpusError(f"Expected music files in the archive. Received {entry.filename!r}, too large to be music.")
    target.write_bytes(data)
    return len(data)
