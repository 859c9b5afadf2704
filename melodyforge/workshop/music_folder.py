"""The user's folder of music: adds uploads, removes and relabels files, and says what the dataset made of it holds.

Knows files and datasets; knows no web page.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from melodyforge.corpus.files import MUSIC_SUFFIXES
from melodyforge.corpus.report import REPORT_FILE, CorpusReport
from melodyforge.corpus.store import PieceStore
from melodyforge.errors import CorpusError, MelodyForgeError
from melodyforge.files import output_errors, write_bytes
from melodyforge.music.instruments import instrument_name
from melodyforge.music.traits import read_traits
from melodyforge.settings import DATASET_DIR, MIDI_DIR

MAX_FILES, MAX_BYTES = 20_000, 500_000_000  # of one upload, unpacked
MAX_PIECES_READ = 500  # for the plots; more of them take seconds and say the same


@dataclass(frozen=True)
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


def add_files(files: Iterable[tuple[str, bytes]], style: str, midi_dir: Path = MIDI_DIR) -> list[str]:
    """Puts music files, and those in zips, into the folder of a style; a name that is taken gets a number.

    Args:
        files: names and contents.
        style: a subfolder's name; "" for the folder itself.
        midi_dir: the user's folder.

    Returns:
        The names under which they lie there.

    Raises:
        CorpusError: there is no music in them, too much of it, or no folder can have this name.
        OutputError: they cannot be written.
    """
    folder = midi_dir / _checked_style(style)
    music = [one for name, data in files for one in _music_in(name, data)]
    if not music:
        raise CorpusError(f"Expected music files ({', '.join(sorted(MUSIC_SUFFIXES))}) or zips of them. Received none.")
    names = []
    for name, data in music:
        path = _free_path(folder / name)
        write_bytes(path, data)
        names.append(path.relative_to(midi_dir).as_posix())
    return names


def remove_file(name: str, midi_dir: Path = MIDI_DIR) -> None:
    """Deletes a file of the folder.

    Raises:
        CorpusError: it is not in there.
    """
    path = _path_of(name, midi_dir)
    with output_errors(path):
        path.unlink()


def relabel_file(name: str, style: str, midi_dir: Path = MIDI_DIR) -> str:
    """Moves a file into the folder of another style, and gives its new name.

    Raises:
        CorpusError: it is not in the folder, or no folder can have this name.
    """
    path = _path_of(name, midi_dir)
    target = _free_path(midi_dir / _checked_style(style) / path.name)
    with output_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    return target.relative_to(midi_dir).as_posix()


def summarise(store: PieceStore) -> Summary:
    """Looks at some pieces of a dataset, evenly spread, and counts what they are."""
    numbers = range(0, len(store), -(-len(store) // MAX_PIECES_READ))
    traits = [read_traits(store[number]) for number in numbers]
    instruments = Counter(instrument_name(*one) for trait in traits for one in trait.instruments)
    styles: Counter[str] = Counter(store.style_names[style] for style in store.styles.tolist())
    return Summary(
        len(store),
        store.num_notes,
        styles,
        Counter(trait.key.title for trait in traits if trait.key),
        Counter(trait.meter for trait in traits if trait.meter),
        Counter(trait.mood for trait in traits),
        instruments,
        [trait.tempo_qpm for trait in traits],
        len(traits),
    )


def open_dataset(dataset_dir: Path = DATASET_DIR) -> tuple[PieceStore, CorpusReport] | None:
    """The dataset and what became of every file; None while there is none."""
    try:
        return PieceStore(dataset_dir), CorpusReport.load(dataset_dir / REPORT_FILE)
    except (MelodyForgeError, OSError, ValueError):
        return None


def _music_in(name: str, data: bytes) -> Iterable[tuple[str, bytes]]:
    if Path(name).suffix.lower() != ".zip":
        return [(_plain_name(name), data)] if Path(name).suffix.lower() in MUSIC_SUFFIXES else []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [one for one in archive.infolist() if Path(one.filename).suffix.lower() in MUSIC_SUFFIXES]
            if len(entries) > MAX_FILES or sum(entry.file_size for entry in entries) > MAX_BYTES:
                raise CorpusError(
                    f"A zip must hold at most {MAX_FILES:,} files and {MAX_BYTES // 10**6} MB. {name!r} holds more; "
                    "copy its music into data/midi_files instead."
                )
            return [(_plain_name(entry.filename), archive.read(entry)) for entry in entries]
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise CorpusError(f"Expected a zip. {name!r} cannot be opened: {error}. Pack it again.") from None


def _plain_name(name: str) -> str:
    """The last part of a path, made of characters that every system allows."""
    path = PurePosixPath(name.replace("\\", "/"))
    return (re.sub(r"[^\w. -]+", "_", path.stem).strip(" .") or "music") + path.suffix.lower()


def _checked_style(style: str) -> str:
    style = style.strip()
    if style.startswith(".") or re.search(r'[\\/:*?"<>|\x00-\x1f]', style):
        raise CorpusError(f"A style must be a name that a folder can have. Received {style!r}.")
    return style


def _free_path(path: Path) -> Path:
    number, free = 2, path
    while free.exists():
        free, number = path.with_stem(f"{path.stem}-{number}"), number + 1
    return free


def _path_of(name: str, midi_dir: Path) -> Path:
    path = (midi_dir / name).resolve()
    if not path.is_file() or midi_dir.resolve() not in path.parents:
        raise CorpusError(f"Expected a file in {midi_dir}. Received {name!r}, which is not there. Reload the page.")
    return path
