"""Keeps the sound of the music heard last as files, up to a number of bytes, so that it is rendered once.

On the disk, because a page is run anew at every click: in memory, what 25 visitors hear takes hundreds of megabytes,
and with less room for it each click would have it rendered again. For many threads.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import threading
import weakref
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from melodyforge.errors import SettingsError
from melodyforge.files import output_errors, write_bytes
from melodyforge.music.audio import render_part, render_wav
from melodyforge.music.mix import AS_IT_IS, Fader, Mix, part
from melodyforge.music.piece import Piece
from melodyforge.music.timeline import heard_with_names, parts_of

MAX_BYTES = 1_000_000_000  # an hour and a half
MAX_PROMISED_NOTES = 2_000_000  # of pieces of which most are never heard: 40 MB
MAX_ZIP_BYTES = 400_000_000  # of the parts of one piece together
PREFIX = "melodyforge-sounds-"  # of the folder, before the number of the process that it belongs to


@dataclass(frozen=True)
class KeptSound:
    """The sound of a piece on the disk.

    Attributes:
        file: a WAV, or a zip of several; gone once newer sounds need the room.
        num_bytes: of the file.
        engine: what played it.
        notices: what the user should be told, a sentence or two each.
        piece: that is heard.
        gain: by which what was played was brought to full height.
    """

    file: Path
    num_bytes: int
    engine: str
    notices: list[str]
    piece: Piece
    gain: float


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
        self._num_promised = 0  # notes
        self._players = threading.Semaphore(os.cpu_count() or 1)  # more at once take memory and save no time

    def of(self, piece: Piece) -> KeptSound:
        """The sound of a piece, rendered if it is not kept; who asks for what is being rendered waits for that.

        Raises:
            OutputError: the disk does not take it.
        """
        name = _name(piece)
        return self._once(name, lambda: self._render(name, piece))

    def named(self, name: str) -> KeptSound | None:
        """The sound whose file has this name, with any ending; None where it is not kept any more."""
        return self._found(name.partition(".")[0])

    def part(self, whole: KeptSound, number: int, program: int | None = None) -> KeptSound:
        """One part of a piece alone, as loud as it is in the whole, so that all parts add up to that.

        Args:
            whole: the sound of the piece.
            number: of the part.
            program: the instrument that plays it; None for its own.

        Raises:
            SettingsError: there is no such part or instrument.
            OutputError: it cannot be played, or the disk does not take it.
        """
        alone = part(whole.piece, number, program)
        name = part_name(whole, number, program)

        def render() -> KeptSound:
            with self._players:
                wav = render_part(alone, whole.engine, whole.gain)
            return self._keep(f"{name}.wav", wav, replace(whole, piece=alone, notices=[]))

        return self._once(name, render)

    def parts(self, whole: KeptSound, mix: Mix = AS_IT_IS) -> KeptSound:
        """All parts that are heard, each at full volume, as WAV files in a zip.

        Raises:
            SettingsError: they take more than `MAX_ZIP_BYTES`; or there is no such part or instrument.
            OutputError: they cannot be played, or the disk does not take them.
        """
        names = {one["part"]: one["name"] for one in parts_of(heard_with_names(whole.piece, mix))}
        wanted = [number for number in names if mix.get(number, Fader()).volume]
        if whole.num_bytes * len(wanted) > MAX_ZIP_BYTES:
            raise SettingsError(
                f"The parts must take at most {MAX_ZIP_BYTES / 1e6:.0f} MB as WAV files. "
                f"Received {whole.num_bytes * len(wanted) / 1e6:.0f} MB. Take the WAV of the whole, or a shorter piece."
            )
        programs = {number: mix.get(number, Fader()).program for number in wanted}
        name = f"{whole.file.stem}-parts" + "".join(f"-{number}p{programs[number]}" for number in wanted)
        return self._once(hashlib.sha256(name.encode()).hexdigest(), lambda: self._zip(name, whole, names, programs))

    def _zip(self, name: str, whole: KeptSound, names: dict[int, str], programs: dict[int, int | None]) -> KeptSound:
        with output_errors(self._folder), tempfile.TemporaryDirectory(dir=self._folder) as folder:
            unfinished = Path(folder, "parts.zip")
            with zipfile.ZipFile(unfinished, "w") as archive:  # stored: sound hardly gets smaller
                for number, program in programs.items():
                    wav = self.part(whole, number, program).file
                    archive.write(wav, f"{number + 1} {_plain(names[number]).capitalize()}.wav")
            file = unfinished.replace(self._folder / f"{hashlib.sha256(name.encode()).hexdigest()}.zip")
        return self._remember(replace(whole, file=file, num_bytes=file.stat().st_size, notices=[]))

    def _once(self, name: str, render: Callable[[], KeptSound]) -> KeptSound:
        """What is kept under a name, or what rendering gives, which is done once however many ask."""
        if kept := self._found(name):
            return kept
        with self._lock:
            rendering = self._rendering.setdefault(name, threading.Lock())
        with rendering:
            try:
                return self._found(name) or render()
            finally:
                with self._lock:
                    self._rendering.pop(name, None)

    def promise(self, piece: Piece) -> str:
        """The name of the file of a piece, which is rendered when somebody asks for the file."""
        name = _name(piece)
        with self._lock:
            is_new = name not in self._promised
            self._promised[name] = piece
            self._promised.move_to_end(name)
            self._num_promised += len(piece) if is_new else 0
            while self._num_promised > MAX_PROMISED_NOTES and len(self._promised) > 1:
                self._num_promised -= len(self._promised.popitem(last=False)[1])
        return f"{name}.wav"

    def asked_for(self, name: str) -> KeptSound | None:
        """As `named`; what was promised under this name is rendered.

        Raises:
            OutputError: the disk does not take it.
        """
        kept, promised = self.named(name), self._promised.get(name.partition(".")[0])
        return self.of(promised) if kept is None and promised is not None else kept

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
        about = KeptSound(self._folder, 0, sound.engine, sound.notices, piece, sound.gain)
        return self._keep(f"{name}.wav", sound.wav, about)

    def _keep(self, file_name: str, wav: bytes, about: KeptSound) -> KeptSound:
        file = self._folder / file_name
        write_bytes(file, wav)
        return self._remember(replace(about, file=file, num_bytes=len(wav)))

    def _remember(self, kept: KeptSound) -> KeptSound:
        """Keeps a sound, and lets go of those that nobody heard for longest where it needs their room."""
        with self._lock:
            self._kept[kept.file.stem] = kept
            while len(self._kept) > 1 and sum(one.num_bytes for one in self._kept.values()) > self._max_bytes:
                _, oldest = self._kept.popitem(last=False)
                oldest.file.unlink(missing_ok=True)
        return kept


def part_name(whole: KeptSound, number: int, program: int | None = None) -> str:
    """Under which the sound of a part is kept (`Sounds.part`)."""
    return f"{whole.file.stem}-{number}" + ("" if program is None else f"-{program}")


def _plain(name: str) -> str:
    """A name as files can have it everywhere."""
    return re.sub(r"[^\w() -]+", "_", name).strip() or "part"


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
    tracks = [(track.program, track.is_drum, track.volume) for track in piece.tracks]
    tempos = [(tempo.onset, round(tempo.qpm, 2)) for tempo in piece.tempos]
    return hashlib.sha256(piece.notes.tobytes() + repr((tracks, tempos)).encode()).hexdigest()
