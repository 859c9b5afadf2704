"""A dataset folder: many `Piece`s on disk, read by memory map.

Knows how pieces lie in files. Does not know where they came from, nor tokens.
"""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from melodyforge.corpus.ragged import NpyWriter, Ragged, RaggedWriter
from melodyforge.errors import CorpusError
from melodyforge.music.piece import NOTE_DTYPE, Meter, Piece, Tempo, Track
from melodyforge.words import command

STORE_VERSION = 2  # raise when the files below change their meaning
INDEX_FILE = "dataset.json"

TEMPO_DTYPE = np.dtype([("onset", np.int32), ("qpm", np.float64)])
METER_DTYPE = np.dtype([("onset", np.int32), ("numerator", np.int16), ("denominator", np.int16)])


class PackedPiece(NamedTuple):
    """A piece as its files hold it: quick to send to another process and to copy from store to store.

    Attributes:
        notes: as in `Piece`.
        tempos: of `TEMPO_DTYPE`.
        meters: of `METER_DTYPE`.
        facts: everything else but the style, as JSON in ASCII.
        style: as in `Piece`.
    """

    notes: np.ndarray
    tempos: np.ndarray
    meters: np.ndarray
    facts: bytes
    style: str


def pack_piece(piece: Piece) -> PackedPiece:
    """Packs a piece; its `text` is not kept."""
    tracks = [(track.program, track.is_drum, track.name) for track in piece.tracks]
    facts = {"name": piece.name, "is_performed": piece.is_performed, "tracks": tracks}
    return PackedPiece(
        notes=piece.notes,
        tempos=np.array([(tempo.onset, tempo.qpm) for tempo in piece.tempos], TEMPO_DTYPE),
        meters=np.array([(meter.onset, meter.numerator, meter.denominator) for meter in piece.meters], METER_DTYPE),
        facts=json.dumps(facts).encode("ascii"),  # escapes let file names that are no UTF-8 survive
        style=piece.style,
    )


def unpack_piece(packed: PackedPiece) -> Piece:
    """The piece that was packed; its notes are the same array."""
    facts = json.loads(packed.facts)
    return Piece(
        notes=packed.notes,
        tracks=tuple(Track(*track) for track in facts["tracks"]),
        tempos=tuple(Tempo(*row) for row in packed.tempos.tolist()),
        meters=tuple(Meter(*row) for row in packed.meters.tolist()),
        is_performed=facts["is_performed"],
        name=facts["name"],
        style=packed.style,
    )


class PieceStoreWriter:
    """Writes pieces one after another into a folder that `PieceStore` opens; use `contextlib.closing`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._notes = RaggedWriter(folder / "notes", NOTE_DTYPE)
        self._tempos = RaggedWriter(folder / "tempos", TEMPO_DTYPE)
        self._meters = RaggedWriter(folder / "meters", METER_DTYPE)
        self._facts = RaggedWriter(folder / "facts", np.uint8)
        self._styles = NpyWriter(folder / "styles.npy", np.int32)
        self._style_ids: dict[str, int] = {}
        self._digest = hashlib.sha256()

    def append(self, piece: PackedPiece) -> None:
        """Adds a piece."""
        self._notes.append(piece.notes)
        self._tempos.append(piece.tempos)
        self._meters.append(piece.meters)
        self._facts.append(np.frombuffer(piece.facts, np.uint8))
        self._styles.append(np.array([self._style_ids.setdefault(piece.style, len(self._style_ids))]))
        for part in (piece.notes.tobytes(), piece.tempos.tobytes(), piece.meters.tobytes(), piece.facts):
            self._digest.update(part)

    def close(self) -> None:
        """Closes the files; without `finish` before, the folder is no dataset."""
        for writer in (self._notes, self._tempos, self._meters, self._facts, self._styles):
            writer.close()

    def finish(self, families: np.ndarray | None = None, source: str = "") -> None:
        """Makes the folder a dataset.

        Args:
            families: a number for each piece, equal for pieces too similar to be parted by a
                split; int32, shape (num_pieces,). None: each piece is a family.
            source: what identifies the files that the pieces came from.
        """
        self.close()
        if families is None:
            families = np.arange(self._styles.length)
        np.save(self._folder / "families.npy", np.asarray(families, np.int32))
        index = {
            "version": STORE_VERSION,
            "fingerprint": self._digest.hexdigest(),
            "source": source,
            "style_names": list(self._style_ids),
        }
        (self._folder / INDEX_FILE).write_text(json.dumps(index, indent=1), encoding="utf-8")


class PieceStore:
    """The pieces of a dataset folder; each is built when it is asked for.

    Attributes:
        folder: where the dataset lies.
        fingerprint: SHA-256 of all pieces, hexadecimal.
        source: what identifies the files that the pieces came from.
        style_names: the labels that `styles` points into.
        families: int32, shape (num_pieces,); pieces of one family are too similar to be parted.
        styles: int32, shape (num_pieces,).
    """

    def __init__(self, folder: str | Path) -> None:
        folder = Path(folder)
        index = read_index(folder)
        if index.get("version") != STORE_VERSION:
            raise CorpusError(
                f"Expected a dataset of version {STORE_VERSION} in {folder}. Received {index.get('version')}. "
                f"Run `{command('prepare')}` again."
            )
        self.folder = folder
        self.fingerprint: str = index["fingerprint"]
        self.source: str = index["source"]
        self.style_names: tuple[str, ...] = tuple(index["style_names"])
        self.families = np.load(folder / "families.npy")
        self.styles = np.load(folder / "styles.npy")
        self._notes = Ragged.open(folder / "notes")
        self._tempos = Ragged.open(folder / "tempos")
        self._meters = Ragged.open(folder / "meters")
        self._facts = Ragged.open(folder / "facts")

    def __len__(self) -> int:
        """Number of pieces."""
        return len(self._notes)

    def __getitem__(self, index: int) -> Piece:
        """Piece `index`, from 0; its notes are a read-only view of the file."""
        return unpack_piece(self.packed(index))

    def packed(self, index: int) -> PackedPiece:
        """Piece `index`, from 0, as the files hold it."""
        return PackedPiece(
            notes=self._notes[index],
            tempos=self._tempos[index],
            meters=self._meters[index],
            facts=self._facts[index].tobytes(),
            style=self.style_names[self.styles[index]],
        )

    @cached_property
    def lengths(self) -> np.ndarray:
        """Number of notes in each piece, int64, shape (num_pieces,)."""
        return self._notes.lengths

    @property
    def num_notes(self) -> int:
        """Number of notes in all pieces."""
        return len(self._notes.values)

    @property
    def names(self) -> list[str]:
        """The name of each piece."""
        return [json.loads(self._facts[index].tobytes())["name"] for index in range(len(self))]


def read_index(folder: Path) -> dict[str, Any]:
    """The description that closes a dataset folder.

    Raises:
        CorpusError: there is none, so that the folder is no complete dataset.
    """
    try:
        return json.loads((folder / INDEX_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CorpusError(f"Expected a dataset in {folder}. Received: {error}. Run `{command('prepare')}`.") from error
