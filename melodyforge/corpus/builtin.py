"""Music to begin with: corpora inside the music21 package, and archives on the web.

Turns music21's scores into MIDI files in the user's folder, where they are treated like
any others. Does not read what it has written.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from melodyforge.corpus.download import Download, fetch_archive
from melodyforge.errors import CorpusError, MelodyForgeError
from melodyforge.files import write_bytes
from melodyforge.guard import Guard, StoppedError
from melodyforge.music.midi import write_midi
from melodyforge.music.musicxml_read import unpack_mxl
from melodyforge.music.piece import Piece, Track
from melodyforge.music.scores import read_score, read_tune, split_tunes
from melodyforge.words import how_to_install, in_any_case

MAX_SECONDS = 120.0  # for one score; the longest, Beethoven's opus 132 as a whole, takes 10
CHORALE_VOICES = ("Soprano", "Alto", "Tenor", "Bass")
MAGENTA = "https://storage.googleapis.com/magentadata/datasets"

# What the corpus folder of music21 says of all it holds (corpus/license.txt).
BY_PERMISSION = "Music in the public domain; encodings distributed with music21 by permission of the encoders"


@dataclass(frozen=True, slots=True)
class Corpus:
    """Music that can be fetched.

    Attributes:
        name: how to ask for it; also the folder's name, and so the style label.
        title: what it is.
        num_pieces: how many MIDI files it makes.
        licence: what may be done with it.
        seconds: to make the files on one processor core; 0 for what is only downloaded.
        num_bytes: to download; 0 for what is built in.
    """

    name: str
    title: str
    num_pieces: int
    licence: str
    seconds: int = 0
    num_bytes: int = 0


@dataclass(frozen=True, slots=True)
class _BuiltIn:
    """A corpus inside music21: which files, and the voices if only works for just these are taken."""

    corpus: Corpus
    patterns: tuple[str, ...]
    voices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Task:
    """A piece to turn into a MIDI file.

    Attributes:
        source: the score.
        tune: which tune of an ABC file, from 0; None for a file of one score.
        target: the MIDI file.
        voices: new names for the tracks, which then all play piano; () to keep them as they are.
    """

    source: Path
    tune: int | None
    target: Path
    voices: tuple[str, ...]


_BUILT_IN = (
    _BuiltIn(
        Corpus(
            "bach-chorales",
            "Chorales by J. S. Bach in four voices",
            365,
            f"{BY_PERMISSION} (Margaret Greentree, 2004)",
            seconds=18,
        ),
        ("bach/bwv*.mxl", "bach/bwv*.xml"),  # the kern files are other encodings of the same
        CHORALE_VOICES,
    ),
    _BuiltIn(
        Corpus("fiddle-tunes", "Ryan's Mammoth Collection of fiddle tunes (1883)", 1059, BY_PERMISSION, seconds=50),
        ("ryansMammoth/*.abc",),
    ),
    _BuiltIn(
        Corpus(
            "folk-songs",
            "The Essen collection of folk songs, one voice",
            8514,
            "Non-commercial use only; the legal status of the collection is unclear, says its licence file",
            seconds=400,
        ),
        ("essenFolksong/*.abc",),
    ),
    _BuiltIn(
        Corpus(
            "palestrina",
            "Masses by Palestrina, two to eight voices",
            1318,
            "Music in the public domain; encodings (c) 2000 John Miller, rights to other electronic formats reserved: "
            "for your own study",
            seconds=240,
        ),
        ("palestrina/*.krn",),
    ),
    _BuiltIn(
        Corpus("string-quartets", "Quartet movements by Haydn, Mozart and Beethoven", 46, BY_PERMISSION, seconds=80),
        ("haydn/**/*.mxl", "mozart/k[148]*/*.mxl", "beethoven/**/*.mxl"),  # Mozart's k545 is for the piano
    ),
)

_DOWNLOADS = (
    (
        Download(
            "maestro",
            f"{MAGENTA}/maestro/v3.0.0/maestro-v3.0.0-midi.zip",
            58_416_533,
            "70470ee253295c8d2c71e6d9d4a815189e35c89624b76d22fce5a019d5dde12c",
            1276,
        ),
        "MAESTRO v3: piano competition performances, 200 hours",
        "CC BY-NC-SA 4.0 (Google LLC)",
    ),
    (
        # size and checksum as TensorFlow Datasets lists them
        Download(
            "groove",
            f"{MAGENTA}/groove/groove-v1.0.0-midionly.zip",
            3_260_318,
            "651cbc524ffb891be1a3e46d89dc82a1cecb09a57c748c7b45b844c4841dcc1e",
            1150,
        ),
        "Groove: human drumming to a click, 13.6 hours",
        "CC BY 4.0 (Google LLC)",
    ),
)


def list_corpora() -> list[Corpus]:
    """What can be fetched; built-in corpora first."""
    downloads = [
        Corpus(download.name, title, download.num_pieces, licence, num_bytes=download.num_bytes)
        for download, title, licence in _DOWNLOADS
    ]
    return [built_in.corpus for built_in in _BUILT_IN] + downloads


def corpus_named(name: str) -> Corpus:
    """One that `list_corpora` names, in any case of letters.

    Raises:
        CorpusError: there is no such corpus.
    """
    known = {corpus.name: corpus for corpus in list_corpora()}
    name = in_any_case(name, known)
    if name not in known:
        raise CorpusError(f"The corpus must be one of {', '.join(known)}. Received {name!r}.")
    return known[name]


def fetch_corpus(
    name: str,
    midi_dir: str | Path,
    *,
    num_workers: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Puts a corpus into `midi_dir/<name>/` as MIDI files; files already there are left alone.

    A score that cannot be turned into MIDI is skipped, with a line on stderr.

    Args:
        name: one that `list_corpora` names.
        midi_dir: the user's folder of MIDI files.
        num_workers: processes at once; None for as many as there are processors.
        on_progress: told how many pieces are done and how many there are.

    Returns:
        The files, ordered by name.

    Raises:
        CorpusError: there is no such corpus, music21 is missing, or a download failed.
        OutputError: a file cannot be written.
    """
    midi_dir, corpus = Path(midi_dir), corpus_named(name)
    for download, _, _ in _DOWNLOADS:
        if download.name == corpus.name:
            return fetch_archive(download, midi_dir, on_progress)
    built_in = next(one for one in _BUILT_IN if one.corpus == corpus)
    return _export(list(_list_tasks(built_in, midi_dir / corpus.name)), num_workers, on_progress)


def _corpus_dir() -> Path:
    """Where music21 keeps its scores; found without importing it, which takes a second."""
    spec = importlib.util.find_spec("music21")
    folder = Path(spec.origin).parent / "corpus" if spec and spec.origin else None
    if folder is None or not (folder / "bach").is_dir():
        raise CorpusError(f"Expected music21 with its corpus. Received none. {how_to_install('music21')}")
    return folder


def _list_tasks(built_in: _BuiltIn, target_dir: Path) -> Iterator[_Task]:
    """One task for each piece of a corpus."""
    corpus_dir = _corpus_dir()
    sources = sorted({source for pattern in built_in.patterns for source in corpus_dir.glob(pattern)})
    for source in sources:
        if built_in.voices and _count_parts(source) != len(built_in.voices):
            continue
        parts = source.relative_to(corpus_dir).with_suffix("").parts
        stem = "-".join(parts[1:] if len(built_in.patterns) == 1 or built_in.voices else parts)
        num_tunes = len(_tunes_of(source)) if source.suffix == ".abc" else 0
        if num_tunes == 0:
            yield _Task(source, None, target_dir / f"{stem}.mid", built_in.voices)
        for tune in range(num_tunes):
            number = f"-{tune + 1:04d}" if num_tunes > 1 else ""
            yield _Task(source, tune, target_dir / f"{stem}{number}.mid", built_in.voices)


def _count_parts(source: Path) -> int:
    """Parts of a MusicXML score, without parsing it."""
    data = source.read_bytes()
    return len(re.findall(rb"<score-part\b", unpack_mxl(data) if source.suffix == ".mxl" else data))


@functools.lru_cache(maxsize=2)
def _tunes_of(source: Path) -> list[str]:
    """The tunes of an ABC file; kept, because the tasks for one file follow one another."""
    return split_tunes(source.read_text("utf-8", errors="replace"))


def _export(tasks: list[_Task], num_workers: int | None, on_progress: Callable[[int, int], None] | None) -> list[Path]:
    """Makes the MIDI files that are missing, in worker processes."""
    missing = [task for task in tasks if not task.target.exists()]
    report = on_progress or (lambda done, total: None)
    report(len(tasks) - len(missing), len(tasks))
    guard = Guard(max(1, min(num_workers or os.cpu_count() or 1, len(missing))))
    with closing(guard.each(_try_task, missing)) as reasons:
        for number, (task, reason) in enumerate(
            zip(missing, reasons, strict=True), start=len(tasks) - len(missing) + 1
        ):
            if reason:
                print(f"skipped {task.source.name}: {reason}", file=sys.stderr)
            report(number, len(tasks))
    return sorted(task.target for task in tasks if task.target.exists())


def _try_task(guard: Guard, task: _Task) -> str:
    """Has a MIDI file made; returns why it could not be, "" when it was."""
    try:
        return guard.run(_export_task, task, seconds=MAX_SECONDS)
    except StoppedError as stopped:
        return f"it {stopped}"


def _export_task(task: _Task) -> str:
    """Makes one MIDI file, in a worker; returns why not, "" when it went well."""
    try:
        if task.tune is None:
            piece, _ = read_score(task.source)[0]
        else:
            piece, _ = read_tune(_tunes_of(task.source)[task.tune], task.target.stem)
    except MelodyForgeError as error:
        return str(error)
    write_bytes(task.target, write_midi(_name_voices(piece, task.voices)))
    return ""


def _name_voices(piece: Piece, voices: tuple[str, ...]) -> Piece:
    """The piece with its tracks named alike in every piece, all on the piano."""
    if len(piece.tracks) != len(voices):
        return piece
    return replace(piece, tracks=tuple(Track(0, False, name) for name in voices))
