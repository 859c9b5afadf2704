"""Reads many files in worker processes, so that no file can stop, crash or starve the run.

Knows time and memory limits. Does not judge what was read, and keeps nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from melodyforge.corpus.duplicates import compute_fingerprint, compute_signature
from melodyforge.corpus.files import MusicFile
from melodyforge.corpus.store import PackedPiece, pack_piece
from melodyforge.errors import CorpusError, MusicReadError
from melodyforge.guard import Guard, Pool, StoppedError
from melodyforge.music.load import read_pieces
from melodyforge.music.piece import Piece

READER_VERSION = 3  # raise when the same file gives other pieces than before

CHUNK_FILES = 64  # sending a file to a worker costs about as much as reading it: send many
CHUNK_BYTES = 2**20
MIDI_SECONDS = 20.0  # the slowest of 353 hostile files takes 1
SCORE_SECONDS = 180.0  # as much ABC as may be takes music21 two minutes, as much MusicXML one


@dataclass(frozen=True)
class ReadPiece:
    """A piece as a worker hands it over.

    Attributes:
        piece: the music.
        repairs: what was mended, a phrase each.
        fingerprint: see `duplicates.compute_fingerprint`.
        signature: see `duplicates.compute_signature`.
    """

    piece: PackedPiece
    repairs: list[str]
    fingerprint: np.ndarray
    signature: np.ndarray


@dataclass(frozen=True)
class FileResult:
    """What a file held: pieces, or the reason why there are none.

    Attributes:
        pieces: of the file.
        error: why there are none.
        is_missing: whether there is no such file where it was to be read.
    """

    pieces: list[ReadPiece] = field(default_factory=list)
    error: str = ""
    is_missing: bool = False


FileReader = Callable[[MusicFile], FileResult]


def read_files(
    files: list[MusicFile],
    num_workers: int | None = None,
    *,
    pool: Pool | None = None,
    read_file: FileReader | None = None,
    midi_seconds: float = MIDI_SECONDS,
) -> Generator[tuple[MusicFile, FileResult], None, None]:
    """Reads files in parallel; a file that crashes or hangs its worker costs itself alone.

    Args:
        files: what to read.
        num_workers: processes at once; None for as many as there are processors.
        pool: where it is read, in place of processes of this machine.
        read_file: reads one file, in a worker; None for `read_music_file`.
        midi_seconds: how long reading a MIDI file may take.

    Yields:
        Each file with its result, in the order given.

    Raises:
        CorpusError: a machine of the pool does not find what this one finds.
    """
    chunks = _split_into_chunks(files)
    reader = _Reader(read_file or read_music_file, midi_seconds)
    pool = pool or Guard(max(1, min(num_workers or os.cpu_count() or 1, len(chunks))))
    with closing(pool.each(reader.read, chunks)) as results:
        for chunk, result in zip(chunks, results, strict=True):
            _require_shared(chunk, result)
            yield from zip(chunk, result, strict=True)


def _require_shared(files: list[MusicFile], results: list[FileResult]) -> None:
    """Refuses to take files for missing that are not on a disk that all machines share."""
    for file, result in zip(files, results, strict=True):
        if result.is_missing and Path(file.path).exists():
            raise CorpusError(
                f"Expected all machines of the cluster to find {file.path}. Received one that does not. Put the music "
                "where all find it under the same path."
            )


def _split_into_chunks(files: list[MusicFile]) -> list[list[MusicFile]]:
    """Neighbours together: many small files, or one large file or score alone."""
    chunks: list[list[MusicFile]] = []
    num_bytes = 0
    for file in files:
        num_bytes += file.num_bytes
        is_full = not chunks or len(chunks[-1]) >= CHUNK_FILES or num_bytes > CHUNK_BYTES
        if is_full or not file.is_midi or not chunks[-1][-1].is_midi:
            chunks.append([])
            num_bytes = file.num_bytes
        chunks[-1].append(file)
    return chunks


@dataclass(frozen=True)
class _Reader:
    """How worker processes are asked.

    Attributes:
        read_file: what they run for each file.
        midi_seconds: how long reading a MIDI file may take.
    """

    read_file: FileReader
    midi_seconds: float

    def read(self, guard: Guard, chunk: list[MusicFile]) -> list[FileResult]:
        """The results of a chunk; when it was lost, of each of its files, read again on its own."""
        seconds = sum(self._seconds_for(file) for file in chunk[:2])  # for the chunk as a whole: longer means stuck
        try:
            return guard.run(_read_chunk, chunk, self.read_file, seconds=seconds)
        except StoppedError as stopped:
            if len(chunk) == 1:
                return [FileResult(error=f"Expected a file that can be read. Received one that {stopped}. Remove it.")]
        return [self.read(guard, [file])[0] for file in chunk]

    def _seconds_for(self, file: MusicFile) -> float:
        """How long reading a file may take."""
        return self.midi_seconds if file.is_midi else SCORE_SECONDS


def _read_chunk(files: list[MusicFile], read_file: FileReader) -> list[FileResult]:
    """Runs in a worker."""
    return [read_file(file) for file in files]


def read_music_file(file: MusicFile) -> FileResult:
    """Everything in a file, or why there is nothing."""
    try:
        pieces = read_pieces(Path(file.path), Path(file.name).stem)
    except MusicReadError as error:
        return FileResult(error=str(error), is_missing=not Path(file.path).exists())
    return FileResult([_label(piece, repairs, file) for piece, repairs in pieces])


def _label(piece: Piece, repairs: list[str], file: MusicFile) -> ReadPiece:
    """The piece with its style, and what it is recognised by."""
    fingerprint = compute_fingerprint(piece)
    return ReadPiece(pack_piece(replace(piece, style=file.style)), repairs, fingerprint, compute_signature(fingerprint))
