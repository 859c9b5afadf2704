"""Tables of pitches, voice by voice and step by step, as pieces and back; without loss."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from melodyforge.corpus.store import PieceStore, PieceStoreWriter, pack_piece
from melodyforge.music.piece import Piece, Track, make_notes

REST = -1
LOWEST_KEY, NUM_KEYS = 21, 88  # of a piano


def piece_of_cells(cells: np.ndarray, steps_per_cell: int) -> Piece:
    """Voices as tracks of notes: runs of equal pitches become one note each.

    Args:
        cells: pitches or `REST`, shape (num_cells, num_voices).
        steps_per_cell: of the piece.
    """
    notes = []
    for voice, line in enumerate(cells.T):
        starts = np.flatnonzero(np.diff(line, prepend=line[0] - 1))
        for start, stop in zip(starts, [*starts[1:], len(line)], strict=True):
            if line[start] != REST:
                notes.append((start * steps_per_cell, (stop - start) * steps_per_cell, voice, int(line[start]), 80))
    return Piece(make_notes(notes), (Track(),) * cells.shape[1])


def cells_of_piece(piece: Piece, shape: tuple[int, int], steps_per_cell: int) -> np.ndarray:
    """The inverse of `piece_of_cells`.

    Args:
        piece: with a track for each voice.
        shape: (num_cells, num_voices).
        steps_per_cell: of the piece.
    """
    cells = np.full(shape, REST)
    for onset, duration, track, pitch, *_ in piece.notes.tolist():
        cells[onset // steps_per_cell : (onset + duration) // steps_per_cell, track] = pitch
    return cells


def store_pieces(folder: Path, pieces: Iterable[Piece]) -> PieceStore:
    """A dataset of pieces in a new folder."""
    with contextlib.closing(PieceStoreWriter(folder)) as writer:
        for piece in pieces:
            writer.append(pack_piece(piece))
        writer.finish()
    return PieceStore(folder)


def piece_of_roll(roll: np.ndarray, steps_per_frame: int) -> Piece:
    """A piano roll as one track: each key's runs of frames become one note each.

    Args:
        roll: bool, shape (num_frames, 88); key 0 is pitch 21.
        steps_per_frame: of the piece.
    """
    edges = np.diff(np.pad(roll.astype(np.int8), ((1, 1), (0, 0))), axis=0)
    keys, starts = np.nonzero(edges.T == 1)
    _, stops = np.nonzero(edges.T == -1)
    spans = zip(starts.tolist(), stops.tolist(), keys.tolist(), strict=True)
    scale = steps_per_frame
    return Piece(make_notes([(on * scale, (off - on) * scale, 0, LOWEST_KEY + key, 80) for on, off, key in spans]))


def roll_of_piece(piece: Piece, num_frames: int, steps_per_frame: int) -> np.ndarray:
    """The inverse of `piece_of_roll`."""
    roll = np.zeros((num_frames, NUM_KEYS), bool)
    for onset, duration, _, pitch, *_ in piece.notes.tolist():
        roll[onset // steps_per_frame : (onset + duration) // steps_per_frame, pitch - LOWEST_KEY] = True
    return roll
