"""Finds the music files in a folder, whatever they are called and however deep they lie.

Does not open them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from melodyforge.music.load import MIDI_SUFFIXES, MUSIC_SUFFIXES

IGNORED_FOLDERS = frozenset({"__MACOSX"})  # holds no music, only what the Finder remembers


@dataclass(frozen=True, slots=True)
class MusicFile:
    """A file that may hold music.

    Attributes:
        path: where it lies.
        name: its path below the root, for people; bytes that are no UTF-8 are shown as escapes.
        style: the first folder below the root, "" for files in the root itself.
        num_bytes: its size.
        modified_ns: time of its last change, nanoseconds.
    """

    path: str
    name: str
    style: str
    num_bytes: int
    modified_ns: int

    @property
    def is_midi(self) -> bool:
        """Whether the name says MIDI rather than a score."""
        return Path(self.path).suffix.lower() in MIDI_SUFFIXES


def find_music_files(root: Path) -> list[MusicFile]:
    """The music files below `root`, ordered by name; hidden ones and dead links are left out."""
    return sorted(_walk(root), key=lambda file: file.path)


def _walk(root: Path) -> Iterator[MusicFile]:
    """Visits each real folder once, so that links in a circle come to an end."""
    visited: set[str] = set()
    for folder, subfolders, file_names in os.walk(root, followlinks=True):
        real_folder = os.path.realpath(folder)
        if real_folder in visited:
            subfolders.clear()
            continue
        visited.add(real_folder)
        subfolders[:] = [name for name in subfolders if not name.startswith(".") and name not in IGNORED_FOLDERS]
        for file_name in file_names:
            path = Path(folder, file_name)
            if file_name.startswith(".") or path.suffix.lower() not in MUSIC_SUFFIXES:
                continue
            if path.is_file():
                yield _describe(path, root)


def _describe(path: Path, root: Path) -> MusicFile:
    relative = path.relative_to(root)
    status = path.stat()
    return MusicFile(
        path=str(path),
        name=printable(relative.as_posix()),
        style=printable(relative.parts[0]) if len(relative.parts) > 1 else "",
        num_bytes=status.st_size,
        modified_ns=status.st_mtime_ns,
    )


def printable(name: str) -> str:
    """A file name that any terminal and any UTF-8 file takes."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def identify_files(files: Iterable[MusicFile]) -> str:
    """SHA-256 of names, sizes and times of change, hexadecimal."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\0{file.num_bytes}\0{file.modified_ns}\n".encode())
    return digest.hexdigest()
