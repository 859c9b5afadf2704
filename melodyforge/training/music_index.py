"""Makes the index of the music that a model learns from, by which copies of it are found. Knows no network."""

from __future__ import annotations

import numpy as np

from melodyforge.corpus.split import split_pieces
from melodyforge.corpus.store import PieceStore
from melodyforge.originality.index import MusicIndex, build_index, merged
from melodyforge.originality.report import MOST_REAL, with_real
from melodyforge.settings import TrainingSettings


def index_music(store: PieceStore, settings: TrainingSettings, before: MusicIndex | None = None) -> MusicIndex:
    """An index of all pieces that are learnt from, and what those that are held out share with them.

    Args:
        store: the music.
        settings: say which pieces are held out.
        before: index of the model that is trained further; what that has learnt is in the new one, too.
    """
    train, held_out = split_pieces(store, settings.held_out, settings.seed, settings.style)
    index = build_index(store[number] for number in train.tolist())
    if before and not set(index.names) <= set(before.names):  # else it is the same music once more
        index = merged(index, before)
    elif before:
        index = before
    chosen = np.random.default_rng(settings.seed).permutation(held_out)[:MOST_REAL]
    return with_real(index, (store[number] for number in chosen.tolist()))
