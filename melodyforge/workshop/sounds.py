"""Keeps the sound of the music heard last, up to a number of bytes, so that it is rendered once. For many threads."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict

from melodyforge.music.audio import Sound, render_wav
from melodyforge.music.piece import Piece

MAX_BYTES = 48_000_000  # four to five minutes


class Sounds:
    """Sound by the music that it plays."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[str, Sound] = OrderedDict()
        self._lock = threading.Lock()
        self._players = threading.Semaphore(os.cpu_count() or 1)  # more at once take memory and save no time

    def of(self, piece: Piece) -> Sound:
        """The sound of a piece, rendered if it is not kept."""
        name = _name(piece)
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
        with self._players:
            sound = render_wav(piece)
        with self._lock:
            self._kept[name] = sound
            while len(self._kept) > 1 and sum(len(one.wav) for one in self._kept.values()) > self._max_bytes:
                self._kept.popitem(last=False)
        return sound


def _name(piece: Piece) -> str:
    """The same for a piece and for what its MIDI file says of it."""
    tracks = [(track.program, track.is_drum) for track in piece.tracks]
    tempos = [(tempo.onset, round(tempo.qpm, 2)) for tempo in piece.tempos]
    return hashlib.sha256(piece.notes.tobytes() + repr((tracks, tempos)).encode()).hexdigest()
