"""From a folder of strangers' music files to a clean dataset: read, report, remove duplicates, store.

Does not know tokens, models or the terminal.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from melodyforge.corpus.duplicates import NUM_HASHES, Relations, find_relations
from melodyforge.corpus.files import MusicFile, find_music_files, identify_files
from melodyforge.corpus.ragged import NpyWriter, Ragged, RaggedWriter
from melodyforge.corpus.reading import READER_VERSION, FileResult, read_files
from melodyforge.corpus.report import REPORT_FILE, CorpusReport, Fate, FileReport
from melodyforge.corpus.store import INDEX_FILE, STORE_VERSION, PieceStore, PieceStoreWriter, read_index
from melodyforge.errors import CorpusError, OutputError
from melodyforge.folders import hold, replacing
from melodyforge.guard import Pool
from melodyforge.words import command, counted

UNSIFTED_FOLDER = "unsifted"  # all pieces, doubles included; gone when the dataset is done
FINGERPRINTS_FOLDER = "fingerprints"
SIGNATURES_FILE = "signatures.npy"
MAX_REASONS_IN_ERROR = 3

Progress = Callable[[int, int], None]  # files done, files in all


@dataclass
class _Reading:
    """What came out of all files, before doubles are parted.

    Attributes:
        report: one entry a file; duplicates are not marked yet.
        file_of_piece: for each piece the number of its file.
    """

    report: CorpusReport = field(default_factory=CorpusReport)
    file_of_piece: list[int] = field(default_factory=list)


def prepare_corpus(
    midi_dir: str | Path,
    dataset_dir: str | Path,
    *,
    num_workers: int | None = None,
    pool: Pool | None = None,
    on_progress: Progress | None = None,
    on_wait: Callable[[], None] | None = None,
) -> PieceStore:
    """Makes a folder of music files into a dataset; a folder that has not changed is not read again.

    Args:
        midi_dir: where the files lie; subfolders name styles.
        dataset_dir: where the dataset and its report go; replaced as a whole, at the end.
        num_workers: reading processes; None for as many as there are processors.
        pool: where the files are read, in place of processes of this machine; the dataset is the same.
        on_progress: called with the number of files read and of all files.
        on_wait: called when another process is making the dataset; then that is waited for.

    Returns:
        The dataset.

    Raises:
        CorpusError: there are no music files, none of them can be used, or a machine of the pool does not find them.
        OutputError: the dataset cannot be written.
    """
    midi_dir, dataset_dir = Path(midi_dir), Path(dataset_dir)
    files = find_music_files(midi_dir)
    if not files:
        raise CorpusError(_explain_no_files(midi_dir))
    source = f"{READER_VERSION}.{STORE_VERSION}.{identify_files(files)}"
    with hold(dataset_dir, on_wait=on_wait):
        if not _is_current(dataset_dir, source):
            _require_dataset(dataset_dir)
            with replacing(dataset_dir) as folder:
                with closing(read_files(files, num_workers, pool=pool)) as results:
                    reading = _store_all(results, len(files), folder / UNSIFTED_FOLDER, on_progress)
                _sift(folder, reading, source)
        return PieceStore(dataset_dir)


def _explain_no_files(midi_dir: Path) -> str:
    fetch = f"or fetch some: {command('prepare')} --list-corpora"
    try:
        next(midi_dir.iterdir(), None)
    except OSError as error:
        return f"No MIDI files found in {midi_dir}: {error.strerror}. Give a folder of .mid files, {fetch}"
    return f"No MIDI files found in {midi_dir}. Put .mid files there, {fetch}"


def _is_current(dataset_dir: Path, source: str) -> bool:
    """Whether the dataset was made from these very files."""
    try:
        return read_index(dataset_dir)["source"] == source and (dataset_dir / REPORT_FILE).is_file()
    except (CorpusError, KeyError):
        return False


def _require_dataset(folder: Path) -> None:
    """Refuses to replace a folder that holds something else."""
    if folder.exists() and any(folder.iterdir()) and not (folder / INDEX_FILE).is_file():
        raise OutputError(f"Expected a dataset or an empty folder. Received {folder} with other files. Choose another.")


def _store_all(
    results: Iterable[tuple[MusicFile, FileResult]], num_files: int, folder: Path, on_progress: Progress | None
) -> _Reading:
    """Puts what was read into a store at `folder`, doubles included, with what they are recognised by."""
    reading = _Reading()
    with (
        closing(PieceStoreWriter(folder)) as writer,
        closing(RaggedWriter(folder / FINGERPRINTS_FOLDER, np.uint64)) as fingerprints,
        closing(NpyWriter(folder / SIGNATURES_FILE, np.uint32)) as signatures,
    ):
        for number, (file, result) in enumerate(results):
            for read_piece in result.pieces:
                writer.append(read_piece.piece)
                fingerprints.append(read_piece.fingerprint)
                signatures.append(read_piece.signature)
                reading.file_of_piece.append(number)
            reading.report.files.append(_report_on(file, result))
            if on_progress:
                on_progress(number + 1, num_files)
        writer.finish()
    if not reading.file_of_piece:
        raise CorpusError(_explain_nothing_usable(reading.report))
    return reading


def _report_on(file: MusicFile, result: FileResult) -> FileReport:
    """What became of a file, as far as the file itself says."""
    if not result.pieces:
        return FileReport(file.name, Fate.SKIPPED, [result.error])
    repairs = list(dict.fromkeys(repair for piece in result.pieces for repair in piece.repairs))
    num_notes = sum(len(piece.piece.notes) for piece in result.pieces)
    fate = Fate.REPAIRED if repairs else Fate.USED
    return FileReport(file.name, fate, repairs, num_pieces=len(result.pieces), num_notes=num_notes)


def _explain_nothing_usable(report: CorpusReport) -> str:
    """One line that names the most frequent reasons."""
    reasons = report.count_reasons(Fate.SKIPPED)
    named = " ".join(f"{count} x: {reason}" for reason, count in reasons[:MAX_REASONS_IN_ERROR])
    received = counted(len(report.files), "file")
    return f"Expected music that can be read. Received {received} of which none can be used. {named}"


def _sift(folder: Path, reading: _Reading, source: str) -> None:
    """Makes the unsifted pieces into the final dataset at `folder`, and removes them."""
    unsifted = PieceStore(folder / UNSIFTED_FOLDER)
    relations = _relate(unsifted.folder)
    kept = np.flatnonzero(relations.duplicate_of < 0)
    _mark_duplicates(reading, relations, unsifted.lengths)
    reading.report.save(folder / REPORT_FILE)
    _, families = np.unique(relations.families[kept], return_inverse=True)
    with closing(PieceStoreWriter(folder)) as writer:
        for index in kept.tolist():
            writer.append(unsifted.packed(index))
        writer.finish(families, source)
    shutil.rmtree(folder / UNSIFTED_FOLDER)


def _relate(folder: Path) -> Relations:
    """Finds the doubles and the families of the pieces that `_store_all` put into a folder."""
    signatures = np.load(folder / SIGNATURES_FILE, mmap_mode="r").reshape(-1, NUM_HASHES)
    return find_relations(signatures, Ragged.open(folder / FINGERPRINTS_FOLDER).__getitem__)


def _mark_duplicates(reading: _Reading, relations: Relations, lengths: np.ndarray) -> None:
    """Puts into the report what the pieces of each file are duplicates of."""
    for index in np.flatnonzero(relations.duplicate_of >= 0).tolist():
        file = reading.report.files[reading.file_of_piece[index]]
        original = reading.report.files[reading.file_of_piece[int(relations.duplicate_of[index])]]
        file.num_pieces -= 1
        file.num_notes -= int(lengths[index])
        if original.name not in file.duplicate_of:
            file.duplicate_of.append(original.name)
        if not file.num_pieces:
            file.fate = Fate.DUPLICATE
