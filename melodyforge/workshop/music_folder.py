"""The user's folder of music: adds uploads, removes and relabels files, and says what the dataset made of it holds.

Knows files and datasets; knows no web page.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import stat
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from melodyforge.corpus.files import IGNORED_FOLDERS, printable
from melodyforge.corpus.report import REPORT_FILE, CorpusReport
from melodyforge.corpus.store import PieceStore
from melodyforge.errors import CorpusError, MelodyForgeError, TooMuchError, UnpackError
from melodyforge.files import output_errors
from melodyforge.folders import read_steadily
from melodyforge.music.instruments import instrument_name
from melodyforge.music.load import MUSIC_SUFFIXES
from melodyforge.music.musicxml_read import MAX_SCORE_BYTES
from melodyforge.music.traits import read_traits
from melodyforge.places import DATASET_DIR, MIDI_DIR
from melodyforge.workshop.unpack import Room, open_zip, unpack, write_stream

SENT_SUFFIXES = (*MUSIC_SUFFIXES, ".zip")  # of the files that are taken
MAX_FILES, MAX_BYTES = 20_000, 500_000_000  # sent at once, unpacked
MAX_FOLDER_FILES, MAX_FOLDER_BYTES = 200_000, 10_000_000_000  # beyond which nothing more is taken
MAX_STEM_BYTES = 200  # of a file's name; systems take 255 with suffix and number
MAX_NAME_SHOWN, MAX_REASONS = 100, 3
WAITING = ".upload-"  # begins the names of folders in which files wait
MAX_WAITING_S = 24 * 3600
REMOVED = ".removed"  # the folder of removed files; hidden, so that nobody reads it
DAYS_KEPT = 7
MAX_PIECES_READ = 500  # for the plots; more of them take seconds and say the same


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a dataset holds.

    Attributes:
        num_pieces, num_notes: in all.
        styles: pieces by style.
        keys, meters, moods, instruments: how many of the pieces that were looked at have each.
        tempos_qpm: of the pieces that were looked at.
        num_read: pieces that were looked at.
    """

    num_pieces: int
    num_notes: int
    styles: Counter[str]
    keys: Counter[str]
    meters: Counter[str]
    moods: Counter[str]
    instruments: Counter[str]
    tempos_qpm: list[float]
    num_read: int


@dataclass(frozen=True)
class Added:
    """What became of files that were sent.

    Attributes:
        names: under which they lie in the folder of music.
        refused: for each that was not taken one line, which names it and says why.
    """

    names: list[str]
    refused: list[str]


def add_files(files: Iterable[tuple[str, BinaryIO]], style: str, midi_dir: Path = MIDI_DIR) -> Added:
    """Puts music files, and those in zips, into the folder of a style; a name that is taken gets a number.

    What is damaged costs only itself; when there is too much, nothing is added.

    Args:
        files: names and contents.
        style: a subfolder's name; "" for the folder itself.
        midi_dir: the user's folder.

    Raises:
        CorpusError: there is no music in them, or no folder can have this name.
        TooMuchError: there is no room for as much.
        OutputError: they cannot be written.
    """
    folder = midi_dir / _checked_style(style)
    with output_errors(folder):
        midi_dir.mkdir(parents=True, exist_ok=True)
        _sweep(midi_dir)
        with tempfile.TemporaryDirectory(dir=midi_dir, prefix=WAITING) as waiting:
            received = _Received(Path(waiting), midi_dir)
            for name, file in files:
                received.add(name, file)
            if not received.files:
                raise CorpusError(_explain_nothing(received.refused))
            folder.mkdir(exist_ok=True)
            return Added(_put_in_place(received.files, folder, midi_dir), received.refused)


def remove_file(name: str, midi_dir: Path = MIDI_DIR) -> None:
    """Takes a file out of the folder; for `DAYS_KEPT` days it can be put back.

    Raises:
        CorpusError: it is not in there.
    """
    path = _path_of(name, midi_dir)
    _sweep(midi_dir)
    target = midi_dir / REMOVED / str(time.time_ns()) / path.relative_to(midi_dir.resolve())
    with output_errors(target):
        target.parent.mkdir(parents=True)
        path.replace(target)


def list_removed(midi_dir: Path = MIDI_DIR) -> list[str]:
    """What can be put back, the newest first: for each the time of its removal and its former name, with a slash."""
    trash = midi_dir / REMOVED
    paths = [path.relative_to(trash).as_posix() for path in trash.glob("*/**/*") if path.is_file()]
    return sorted(paths, reverse=True)


def put_back(removed: str, midi_dir: Path = MIDI_DIR) -> str:
    """Puts a removed file back where it was, and gives its name; where that is taken it gets a number.

    Args:
        removed: as `list_removed` gives it.
        midi_dir: the user's folder.

    Raises:
        CorpusError: it is not there any more.
    """
    if removed not in list_removed(midi_dir):
        raise CorpusError(f"Expected a file that was removed. Received {removed!r}, which is gone. Reload the page.")
    target = midi_dir / removed.split("/", 1)[1]
    with output_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        target = _claimed_path(target, Counter())
        (midi_dir / REMOVED / removed).replace(target)
    return target.relative_to(midi_dir).as_posix()


def relabel_file(name: str, style: str, midi_dir: Path = MIDI_DIR) -> str:
    """Moves a file into the folder of another style, and gives its new name.

    Raises:
        CorpusError: it is not in the folder, or no folder can have this name.
    """
    path = _path_of(name, midi_dir)
    folder = midi_dir / _checked_style(style)
    with output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        target = _claimed_path(folder / path.name, Counter())
        path.replace(target)
    return target.relative_to(midi_dir).as_posix()


def summarise(store: PieceStore) -> Summary:
    """Looks at some pieces of a dataset, evenly spread, and counts what they are."""
    numbers = range(0, len(store), -(-len(store) // MAX_PIECES_READ))
    traits = [read_traits(store[number]) for number in numbers]
    instruments = Counter(instrument_name(*one) for trait in traits for one in set(trait.instruments))
    styles: Counter[str] = Counter(store.style_names[style] for style in store.styles.tolist())
    return Summary(
        num_pieces=len(store),
        num_notes=store.num_notes,
        styles=styles,
        keys=Counter(trait.key.title for trait in traits if trait.key),
        meters=Counter(trait.meter for trait in traits if trait.meter),
        moods=Counter(trait.mood for trait in traits if trait.key),  # drums have none
        instruments=instruments,
        tempos_qpm=[trait.tempo_qpm for trait in traits],
        num_read=len(traits),
    )


def open_dataset(dataset_dir: Path = DATASET_DIR) -> tuple[PieceStore, CorpusReport] | None:
    """The dataset and what became of every file; None while there is none."""
    try:
        return read_steadily(
            dataset_dir, lambda: (PieceStore(dataset_dir), CorpusReport.load(dataset_dir / REPORT_FILE))
        )
    except (MelodyForgeError, OSError, ValueError):
        return None


class _Received:
    """Files that wait, unpacked, until all have been looked at.

    Attributes:
        files: for each the name that it shall have, and where it waits.
        refused: as in `Added`.
    """

    def __init__(self, waiting: Path, midi_dir: Path) -> None:
        num_files, num_bytes = _size_of(midi_dir)
        self.files: list[tuple[str, Path]] = []
        self.refused: list[str] = []
        self._waiting, self._max_files = waiting, min(MAX_FILES, MAX_FOLDER_FILES - num_files)
        self._room = Room(min(MAX_BYTES, max(0, MAX_FOLDER_BYTES - num_bytes)), waiting)

    def add(self, name: str, file: BinaryIO) -> None:
        """Takes a file, or the music in a zip."""
        suffix = Path(name).suffix.lower()
        try:
            if suffix == ".zip":
                self._add_zip(name, file)
            elif suffix in MUSIC_SUFFIXES:
                self._keep(name, partial(write_stream, file))
            else:
                self.refused.append(f"{shown(name)}: no music file")
        except UnpackError as error:
            self.refused.append(f"{shown(name)}: {error}")

    def _add_zip(self, name: str, file: BinaryIO) -> None:
        with open_zip(file) as archive:
            for entry in filter(_is_music, archive.infolist()):
                write = partial(unpack, archive, entry)
                try:
                    self._keep(entry.filename, write)
                except UnpackError as error:
                    self.refused.append(f"{shown(entry.filename)} in {shown(name)}: {error}")

    def _keep(self, name: str, write: Callable[[Path, int, Room], None]) -> None:
        if len(self.files) >= self._max_files:
            raise TooMuchError(
                f"Expected at most {MAX_FILES:,} files at once, and {MAX_FOLDER_FILES:,} in the folder of music. "
                "Received more. Send fewer."
            )
        path = self._waiting / str(len(self.files))
        write(path, MAX_SCORE_BYTES, self._room)
        self.files.append((_plain_name(name), path))


def _is_music(entry: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(entry.filename)
    is_hidden = path.name.startswith(".") or not IGNORED_FOLDERS.isdisjoint(path.parts)
    return path.suffix.lower() in MUSIC_SUFFIXES and not entry.is_dir() and not is_hidden


def _size_of(midi_dir: Path) -> tuple[int, int]:
    """Files and bytes in the folder of music."""
    num_files = num_bytes = 0
    for path in midi_dir.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # others may work in the folder, too
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                num_files += 1
                num_bytes += status.st_size
    return num_files, num_bytes


def _explain_nothing(refused: list[str]) -> str:
    reasons = f": {'; '.join(refused[:MAX_REASONS])}" if refused else ""
    return f"Expected music files ({', '.join(MUSIC_SUFFIXES)}) or zips of them. Received none{reasons}."


def _sweep(midi_dir: Path) -> None:
    """Deletes what an upload left that was killed, and what was removed long ago."""
    _delete_old(midi_dir.glob(f"{WAITING}*"), MAX_WAITING_S)
    _delete_old((midi_dir / REMOVED).glob("*"), DAYS_KEPT * 24 * 3600)


def _delete_old(folders: Iterable[Path], max_seconds: float) -> None:
    for folder in folders:
        with contextlib.suppress(FileNotFoundError):  # somebody else has just done so
            if time.time() - folder.stat().st_mtime > max_seconds:
                shutil.rmtree(folder, ignore_errors=True)


def _put_in_place(files: list[tuple[str, Path]], folder: Path, midi_dir: Path) -> list[str]:
    next_number: Counter[str] = Counter()
    names = []
    for name, waiting in files:
        path = _claimed_path(folder / name, next_number)
        waiting.replace(path)
        names.append(path.relative_to(midi_dir).as_posix())
    return names


def shown(name: str) -> str:
    """A stranger's file name as a short printable text."""
    return printable(name)[:MAX_NAME_SHOWN]


def _plain_name(name: str) -> str:
    """The last part of a path, made of characters that every system allows."""
    path = PurePosixPath(name.replace("\\", "/"))
    stem = re.sub(r"[^\w. -]+", "_", path.stem).encode()[:MAX_STEM_BYTES].decode(errors="ignore")
    return (stem.strip(" .") or "music") + path.suffix.lower()


def _checked_style(style: str) -> str:
    style = style.strip()
    is_long = len(style.encode(errors="replace")) > MAX_STEM_BYTES
    if is_long or style.startswith(".") or re.search(r'[\\/:*?"<>|\x00-\x1f]', style):
        raise CorpusError(f"A style must be a name that a folder can have. Received {shown(style)!r}.")
    return style


def _claimed_path(path: Path, next_number: Counter[str]) -> Path:
    """This path, or one with a number, now taken by an empty file; nobody else can take it meanwhile.

    Args:
        path: that is wished for.
        next_number: the number to try first, by path, so that thousands of equal names are numbered at once.
    """
    while True:
        number = next_number[path.name]
        next_number[path.name] = max(2, number + 1)
        free = path.with_stem(f"{path.stem}-{number}") if number else path
        try:
            free.touch(exist_ok=False)
        except FileExistsError:
            continue
        return free


def _path_of(name: str, midi_dir: Path) -> Path:
    path = (midi_dir / name).resolve()
    if not path.is_file() or midi_dir.resolve() not in path.parents:
        raise CorpusError(f"Expected a file in {midi_dir}. Received {name!r}, which is not there. Reload the page.")
    return path
