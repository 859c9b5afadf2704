"""Keeps the sound of the music heard last as files, up to a number of bytes, so that it is rendered once.

On the disk, because a page is run anew at every click: in memory, what 25 visitors hear takes hundreds of megabytes,
and with less room for it each click would have it rendered again. For many threads.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
import weakref
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from melodyforge.files import write_bytes
from melodyforge.music.audio import render_wav
from melodyforge.music.piece import Piece

MAX_BYTES = 1_000_000_000  # an hour and a half
MAX_PROMISED = 2000  # pieces, of which most are never heard: a few kB each
PREFIX = "melodyforge-sounds-"  # of the folder, before the number of the process that it belongs to


@dataclass(frozen=True)
class KeptSound:
    """The sound of a piece on the disk.

    Attributes:
        file: a WAV; gone once newer sounds need the room.
        num_bytes: of the file.
        engine: what played it.
        notices: what the user should be told, a sentence or two each.
    """

    file: Path
    num_bytes: int
    engine: str
    notices: list[str]


class Sounds:
    """Sound by the music that it plays."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        _sweep()
        self._folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._max_bytes = max_bytes
        self._kept: OrderedDict[str, KeptSound] = OrderedDict()
        self._lock = threading.Lock()
        self._rendering: dict[str, threading.Lock] = {}
        self._promised: OrderedDict[str, Piece] = OrderedDict()
        self._players = threading.Semaphore(os.cpu_count() or 1)  # more at once take memory and save no time

    def of(self, piece: Piece) -> KeptSound:
        """The sound of a piece, rendered if it is not kept; who asks for what is being rendered waits for that.

        Raises:
            OutputError: the disk does not take it.
        """
        name = _name(piece)
        if kept := self._found(name):
            return kept
        with self._lock:
            rendering = self._rendering.setdefault(name, threading.Lock())
        with rendering:
            return self._found(name) or self._render(name, piece)

    def promise(self, piece: Piece) -> str:
        """The name of the file of a piece, which is rendered when somebody asks for the file."""
        name = _name(piece)
        with self._lock:
            self._promised[name] = piece
            self._promised.move_to_end(name)
            while len(self._promised) > MAX_PROMISED:
                self._promised.popitem(last=False)
        return f"{name}.wav"

    def file(self, name: str) -> Path | None:
        """The file of this name, if there is one, or one was promised.

        Raises:
            OutputError: the disk does not take it.
        """
        name = name.removesuffix(".wav")
        kept, promised = self._found(name), self._promised.get(name)
        if kept is None and promised is not None:
            kept = self.of(promised)
        return kept.file if kept else None

    def _found(self, name: str) -> KeptSound | None:
        with self._lock:
            kept = self._kept.get(name)
            if kept is None or not kept.file.is_file():  # somebody may have cleared the folder of temporary files
                return None
            self._kept.move_to_end(name)
            return kept

    def _render(self, name: str, piece: Piece) -> KeptSound:
        with self._players:
            sound = render_wav(piece)
        kept = KeptSound(self._folder / f"{name}.wav", len(sound.wav), sound.engine, sound.notices)
        write_bytes(kept.file, sound.wav)
        with self._lock:
            self._kept[name] = kept
            while len(self._kept) > 1 and sum(one.num_bytes for one in self._kept.values()) > self._max_bytes:
                _, oldest = self._kept.popitem(last=False)
                oldest.file.unlink(missing_ok=True)
            self._rendering.pop(name, None)
        return kept


def _sweep() -> None:
    """Removes what processes that were killed left behind."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)
        except (ValueError, OSError):  # not one of ours, or somebody else's
            continue


def _name(piece: Piece) -> str:
    """The same for a piece and for what its MIDI file says of it."""
    tracks = [(track.program, track.is_drum) for track in piece.tracks]
    tempos = [(tempo.onset, round(tempo.qpm, 2)) for tempo in piece.tempos]
    return hashlib.sha256(piece.notes.tobytes() + repr((tracks, tempos)).encode()).hexdigest()
