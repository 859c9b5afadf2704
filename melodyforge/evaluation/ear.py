"""Listens to a few compositions while a model is in training: validation loss does not tell what is heard.

Knows datasets and models; writes nothing.
"""

from __future__ import annotations

import time
from functools import cached_property

import numpy as np

from melodyforge.bundle import Model
from melodyforge.corpus.split import split_pieces
from melodyforge.corpus.store import PieceStore
from melodyforge.music.piece import Piece
from melodyforge.recipe import Recipe

LEAST_SECONDS = 60.0  # from one time to the next: it takes a few


class Ear:
    """Tells compositions of a model in training from real music, every minute at most.

    Args:
        store: the music that it learns from; the style of which there is most is listened to.
        recipe: by which the music is split.
    """

    def __init__(self, store: PieceStore, recipe: Recipe) -> None:
        self._store, self._settings = store, recipe.training
        self._listened = time.monotonic()

    def listen(self, model: Model) -> float | None:
        """How well compositions are told from real music (AUC); None where it is too soon, or there is too little."""
        if time.monotonic() - self._listened < LEAST_SECONDS:
            return None
        from melodyforge.evaluation.heard import hear_quickly  # here: loads scikit-learn, which short trainings spare
        from melodyforge.evaluation.told_apart import LEAST_PIECES

        if len(self._real) < LEAST_PIECES:
            return None
        found = hear_quickly(model, self._real).get("told from real")
        self._listened = time.monotonic()
        return found

    @cached_property
    def _real(self) -> list[Piece]:
        """Pieces of the commonest style, those held out first."""
        from melodyforge.evaluation.real_music import NUM_REAL, SHORTEST_BEGINNING, beginning_of, with_ending

        store, settings = self._store, self._settings
        train, held_out = split_pieces(store, settings.held_out, settings.seed, settings.style)
        pieces = np.concatenate([held_out, train])
        pieces = pieces[store.styles[pieces] == np.bincount(store.styles[pieces], store.lengths[pieces]).argmax()]
        num_notes = beginning_of(store.lengths[pieces])
        long_enough = pieces[store.lengths[pieces] >= with_ending(num_notes)]
        return [store[index] for index in long_enough[:NUM_REAL].tolist()] if num_notes >= SHORTEST_BEGINNING else []
