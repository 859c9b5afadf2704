"""Makes the index of the music that a model learns from, by which copies of it are found. Knows no network."""

from __future__ import annotations

import numpy as np

from melodyforge.corpus.split import split_pieces
from melodyforge.corpus.store import PieceStore
from melodyforge.originality.index import MusicIndex, build_index, merged
from melodyforge.originality.report import MOST_REAL, with_real
from melodyforge.settings import TrainingSettings

MAX_NOTES, MAX_PIECES = 20_000_000, 200_000  # of an index that can be read again: 30 MB, and made in a few gigabytes


def can_be_indexed(store: PieceStore) -> bool:
    """Whether music is not too large for an index."""
    return len(store) <= MAX_PIECES and int(store.lengths.sum()) <= MAX_NOTES


def index_music(store: PieceStore, settings: TrainingSettings, before: MusicIndex | None = None) -> MusicIndex | None:
    """An index of all pieces that are learnt from, and what those that are held out share with them.

    Args:
        store: the music.
        settings: say which pieces are held out.
        before: index of the model that is trained further; what that has learnt is in the new one, too.

    Returns:
        None where there is too much music.
    """
    if not can_be_indexed(store):
        return None
    train, held_out = split_pieces(store, settings.held_out, settings.seed, settings.style)
    index = build_index(store[number] for number in train.tolist())
    if before:
        index = before if _pieces(index) <= _pieces(before) else merged(index, before)
    chosen = np.random.default_rng(settings.seed).permutation(held_out)[:MOST_REAL]
    return with_real(index, (store[number] for number in chosen.tolist()))


def _pieces(index: MusicIndex) -> set[tuple[str, bytes]]:
    """What tells pieces apart: other music may have the same names."""
    return {(name, signature.tobytes()) for name, signature in zip(index.names, index.signatures, strict=True)}
