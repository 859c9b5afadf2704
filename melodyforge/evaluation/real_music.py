"""Real pieces of a style for compositions to stand beside: held-out ones, and where they are few, training pieces.

Knows datasets and vocabularies; composes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from melodyforge.corpus.store import PieceStore
from melodyforge.evaluation.told_apart import LEAST_PIECES
from melodyforge.figures.describe import NUM_NOTES
from melodyforge.music.piece import Piece
from melodyforge.tokens.representation import Representation
from melodyforge.training.data import TrainingData

NUM_REAL = 60  # with fewer held-out pieces, training pieces stand beside them
BEHIND = 10  # for so many notes that are looked at one more follows, so that no ending is among them
SHORTEST_BEGINNING = 30  # notes; shorter ones say nothing


@dataclass(frozen=True)
class RealMusic:
    """Real pieces of a style, as the vocabulary says them.

    Attributes:
        style: its label; "" where the music has none.
        pieces: all longer than the beginning that is looked at.
        indices: of these in the dataset, shape (num_pieces,).
        num_held_out: of them that the model has not learnt from; they come first.
        num_notes: of the beginning that is looked at.
        lengths: notes of every piece of the style, also of those that are too short; shape (num_of_style,).
    """

    style: str
    pieces: list[Piece]
    indices: np.ndarray
    num_held_out: int
    num_notes: int
    lengths: np.ndarray


def as_said(piece: Piece, representation: Representation) -> Piece:
    """The piece as a vocabulary says it, with its own style, tempo and meter."""
    said = representation.decode(representation.encode(piece))
    return replace(piece, notes=said.notes, tracks=said.tracks)


def real_music(store: PieceStore, data: TrainingData, style: str, number: int) -> RealMusic | None:
    """Held-out pieces of a style, filled up with training pieces to at least `NUM_REAL`.

    Args:
        store: the music.
        data: its split and vocabulary.
        style: one of the store's.
        number: of pieces that are wanted.

    Returns:
        None where fewer than `LEAST_PIECES` are long enough.
    """
    held_out, train = _indices_of(store, data, style)
    both = np.concatenate([held_out, train])
    num_notes = beginning_of(store.lengths[both])
    chosen = both[store.lengths[both] >= with_ending(num_notes)][: max(NUM_REAL, number)]
    if len(chosen) < LEAST_PIECES or num_notes < SHORTEST_BEGINNING:
        return None
    said = {index: as_said(store[index], data.representation) for index in chosen.tolist()}
    kept = [index for index, piece in said.items() if len(piece) >= num_notes]
    return RealMusic(
        style,
        [said[index] for index in kept],
        np.array(kept),
        num_held_out=int(np.isin(kept, held_out).sum()),
        num_notes=num_notes,
        lengths=store.lengths[both],
    )


def beginning_of(lengths: np.ndarray) -> int:
    """How many first notes of each piece to look at: 150, or fewer where few pieces are long enough.

    Args:
        lengths: of real pieces, in notes, shape (num_pieces,).
    """
    if not len(lengths):
        return 0
    longest_first = np.sort(lengths)[::-1]
    enough = int(longest_first[: 2 * LEAST_PIECES][-1])  # that a floor can be told, too
    return min(NUM_NOTES, enough * BEHIND // (BEHIND + 1))


def with_ending(num_notes: int) -> int:
    """How many notes a piece must have for so many first ones to hold nothing of its ending."""
    return num_notes + num_notes // BEHIND


def _indices_of(store: PieceStore, data: TrainingData, style: str) -> tuple[np.ndarray, np.ndarray]:
    """Held-out and training pieces of a style, each in random order."""
    rng, number = np.random.default_rng(0), store.style_names.index(style)
    held_out = np.unique(data.held_out["piece"])
    train = np.setdiff1d(data.train["piece"], held_out)
    of_style = (group[store.styles[group] == number] for group in (held_out, train))
    first, second = (rng.permutation(group) for group in of_style)
    return first, second
