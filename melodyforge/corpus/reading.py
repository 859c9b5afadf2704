"""Reads many files in worker processes, so that no file can stop, crash or starve the run.

Knows time and memory limits. Does not judge what was read, and keeps nothing.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from pebble import ProcessExpired, ProcessPool

from melodyforge.corpus.duplicates import compute_fingerprint, compute_signature
from melodyforge.corpus.files import MusicFile
from melodyforge.corpus.store import PackedPiece, pack_piece
from melodyforge.errors import MusicReadError
from melodyforge.music.midi import read_midi
from melodyforge.music.midi_container import check_size
from melodyforge.music.piece import Piece

READER_VERSION = 1  # raise when the same file gives other pieces than before

CHUNK_FILES = 64  # sending a file to a worker costs about as much as reading it: send many
CHUNK_BYTES = 2**20
MIDI_SECONDS = 20.0  # the slowest of 353 hostile files takes 1
SCORE_SECONDS = 60.0
SCORE_SECONDS_PER_BYTE = 1e-3  # music21 parses about 10 KB of ABC a second; ten times that
MAX_WORKER_BYTES = 2 * 2**30  # address space of one worker
OUT_OF_MEMORY = "Reading took too much memory and was stopped. Remove the file."
CHUNKS_AHEAD = 3  # a worker; enough that none waits, few enough that results do not pile up


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
    """What a file held: pieces, or the reason why there are none."""

    pieces: list[ReadPiece] = field(default_factory=list)
    error: str = ""


FileReader = Callable[[MusicFile], FileResult]


def read_files(
    files: list[MusicFile],
    num_workers: int | None = None,
    *,
    read_file: FileReader | None = None,
    midi_seconds: float = MIDI_SECONDS,
) -> Generator[tuple[MusicFile, FileResult], None, None]:
    """Reads files in parallel; a file that crashes or hangs its worker costs itself alone.

    Args:
        files: what to read.
        num_workers: processes at once; None for as many as there are processors.
        read_file: reads one file, in a worker; None for `read_music_file`.
        midi_seconds: how long reading a MIDI file may take.

    Yields:
        Each file with its result, in the order given.
    """
    chunks = _split_into_chunks(files)
    num_workers = max(1, min(num_workers or os.cpu_count() or 1, len(chunks)))
    # Forking copies the threads of whoever calls, TensorFlow's too, which may hang; a fresh process imports
    # only what reading needs.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPool(max_workers=num_workers, initializer=_prepare_worker, context=context)
    try:
        workers = _Workers(pool, read_file or read_music_file, midi_seconds)
        yield from workers.read(chunks, num_ahead=num_workers * CHUNKS_AHEAD)
    finally:
        pool.stop()
        pool.join()


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
class _Workers:
    """The worker processes, and how they are asked.

    Attributes:
        pool: the processes.
        read_file: what they run for each file.
        midi_seconds: how long reading a MIDI file may take.
    """

    pool: ProcessPool
    read_file: FileReader
    midi_seconds: float

    def read(self, chunks: list[list[MusicFile]], num_ahead: int) -> Iterator[tuple[MusicFile, FileResult]]:
        """Keeps `num_ahead` chunks on their way, and gives back their results in order."""
        waiting = deque(chunks)
        running: deque[tuple[list[MusicFile], Future[list[FileResult]]]] = deque()
        while waiting or running:
            while waiting and len(running) < num_ahead:
                chunk = waiting.popleft()
                running.append((chunk, self._send(chunk)))
            chunk, future = running.popleft()
            yield from zip(chunk, self._wait(chunk, future), strict=True)

    def _send(self, chunk: list[MusicFile]) -> Future[list[FileResult]]:
        """Starts reading a chunk, in no more time than two of its files may take: longer means stuck."""
        seconds = sum(self._seconds_for(file) for file in chunk[:2])
        return self.pool.schedule(_read_chunk, args=[chunk, self.read_file], timeout=seconds)

    def _seconds_for(self, file: MusicFile) -> float:
        """How long reading a file may take."""
        return self.midi_seconds if file.is_midi else SCORE_SECONDS + SCORE_SECONDS_PER_BYTE * file.num_bytes

    def _wait(self, chunk: list[MusicFile], future: Future[list[FileResult]]) -> list[FileResult]:
        """The results of a chunk; when it was lost, of each of its files, read again on its own."""
        try:
            return future.result()
        except TimeoutError:
            reason = "Reading took too long and was stopped. Remove the file."
        except ProcessExpired:
            reason = "The reader crashed on this file. Remove it."
        except MemoryError:
            reason = OUT_OF_MEMORY
        if len(chunk) == 1:
            return [FileResult(error=reason)]
        return [self._wait([file], self._send([file]))[0] for file in chunk]


def _prepare_worker() -> None:
    """Runs first in each worker: the parent alone answers Ctrl-C, and memory is limited."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        import resource
    except ImportError:  # Windows has no such limits
        return
    _, hard_limit = resource.getrlimit(resource.RLIMIT_AS)
    is_lower = hard_limit != resource.RLIM_INFINITY and hard_limit < MAX_WORKER_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (hard_limit if is_lower else MAX_WORKER_BYTES, hard_limit))


def _read_chunk(files: list[MusicFile], read_file: FileReader) -> list[FileResult]:
    """Runs in a worker."""
    return [read_file(file) for file in files]


def read_music_file(file: MusicFile) -> FileResult:
    """Everything in a file, or why there is nothing."""
    try:
        pieces = _read_midi_file(file) if file.is_midi else _read_score_file(file)
        return FileResult([_label(piece, repairs, file) for piece, repairs in pieces])
    except MusicReadError as error:
        return FileResult(error=str(error))
    except OSError as error:
        return FileResult(error=f"The file cannot be opened: {error.strerror}. Check its permissions.")
    except MemoryError:
        return FileResult(error=OUT_OF_MEMORY)
    except Exception as error:  # whatever a library trips over, one file must not cost the others
        return FileResult(error=f"The reader failed ({type(error).__name__}). Export the file again or remove it.")


def _read_midi_file(file: MusicFile) -> list[tuple[Piece, list[str]]]:
    check_size(file.num_bytes)
    return [read_midi(Path(file.path).read_bytes(), Path(file.name).stem)]


def _read_score_file(file: MusicFile) -> list[tuple[Piece, list[str]]]:
    from melodyforge.music.scores import read_score  # imports music21, which MIDI does not need

    pieces = read_score(Path(file.path))
    if not any(len(piece) for piece, _ in pieces):
        raise MusicReadError("Expected notes. Received a score without any. Remove it.")
    return [(piece, repairs) for piece, repairs in pieces if len(piece)]


def _label(piece: Piece, repairs: list[str], file: MusicFile) -> ReadPiece:
    """The piece with its style, and what it is recognised by."""
    fingerprint = compute_fingerprint(piece)
    return ReadPiece(pack_piece(replace(piece, style=file.style)), repairs, fingerprint, compute_signature(fingerprint))
