"""Passages of the training music, kept with a model so that compositions can start from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from melodyforge.corpus.store import PieceStore
from melodyforge.music.form import NO_FORM
from melodyforge.music.piece import Piece
from melodyforge.recipe import Recipe
from melodyforge.tokens.headings import Passage, heading_of
from melodyforge.tokens.representation import Representation

NUM_PASSAGES = 64
MAX_TRIES = 4 * NUM_PASSAGES  # most pieces of some music are shorter than a passage


def draw_passages(
    store: PieceStore, representation: Representation, pieces: np.ndarray, recipe: Recipe
) -> tuple[Passage, ...]:
    """Draws passages of equal length; none for a recipe whose compositions start from nothing.

    Args:
        store: the pieces.
        representation: with its vocabulary.
        pieces: numbers of those to draw from.
        recipe: says how long a passage is.
    """
    sampling, passages = recipe.sampling, []
    if sampling.start != "passage":
        return ()
    rng = np.random.default_rng(recipe.training.seed)
    numbers = np.unique(pieces)
    tries = np.concatenate([rng.permutation(numbers) for _ in range(-(-NUM_PASSAGES // len(numbers)))])
    for number in tries[:MAX_TRIES].tolist():
        passage = _passage(store[number], representation, sampling.passage_notes, rng)
        if passage:
            passages.append(passage)
        if len(passages) == NUM_PASSAGES:
            break
    return tuple(passages)


def _passage(piece: Piece, representation: Representation, length: int, rng: np.random.Generator) -> Passage | None:
    """Begins with a bar of the piece, early enough to be of this length; None if the piece is too short."""
    bars, _, _ = piece.bars_at(piece.notes["onset"])
    first = int(rng.choice(np.unique(bars)))
    for bar in (first, 0):
        excerpt = piece.excerpt(bar, int(bars[-1]) + 1)
        rows = representation.encode(excerpt)
        if len(rows) >= length:
            return Passage(replace(heading_of(excerpt), form=NO_FORM), rows[:length])
    return None
