"""Splits a dataset into pieces to train on and pieces held out for validation.

Knows families, styles and lengths. Does not know tokens.
"""

from __future__ import annotations

import numpy as np

from melodyforge.corpus.store import PieceStore
from melodyforge.errors import CorpusError

MIN_FAMILIES = 4  # with fewer, a held-out family would take too much away from training


def split_pieces(
    store: PieceStore, held_out_fraction: float, seed: int, style: str = ""
) -> tuple[np.ndarray, np.ndarray]:
    """Draws whole families until they hold the wished share of the notes of each style.

    Args:
        store: the pieces.
        held_out_fraction: share of all notes to hold out, 0 to 1 exclusive.
        seed: the same seed gives the same split.
        style: leave all pieces of other styles out.

    Returns:
        Numbers of the pieces to train on and of those held out, int64, ascending. None are
        held out when there are fewer than `MIN_FAMILIES` families.

    Raises:
        CorpusError: no piece is of this style.
    """
    chosen = _of_style(store, style) if style else np.arange(len(store))
    _, first_pieces, family = np.unique(store.families[chosen], return_index=True, return_inverse=True)
    if len(first_pieces) < MIN_FAMILIES or held_out_fraction <= 0:
        return chosen, chosen[:0]
    num_notes = np.bincount(family, weights=store.lengths[chosen])
    style_of_family = store.styles[chosen][
        first_pieces
    ]  # of a family that spans several styles, the style of its first piece
    order = np.random.default_rng(seed).permutation(len(num_notes))
    is_held_out = np.zeros(len(num_notes), bool)
    for style_id in np.unique(style_of_family):
        members = order[style_of_family[order] == style_id]
        is_held_out[_draw(members, num_notes, held_out_fraction)] = True
    if not is_held_out.any():
        is_held_out[np.argmin(num_notes)] = True
    return chosen[~is_held_out[family]], chosen[is_held_out[family]]


def _of_style(store: PieceStore, style: str) -> np.ndarray:
    """Numbers of the pieces of a style, in any case of letters."""
    known = store.style_names
    found = [index for index, name in enumerate(known) if name.lower() == style.lower()]
    if not found:
        names = ", ".join(sorted(filter(None, known))) or "none; put the files into subfolders"
        raise CorpusError(f"--style must name a subfolder of the music: {names}. Received {style!r}.")
    return np.flatnonzero(np.isin(store.styles, found))


def _draw(members: np.ndarray, num_notes: np.ndarray, fraction: float) -> np.ndarray:
    """Families, in the order given, that come nearest to the wished share without taking all.

    Args:
        members: numbers of families, shape (n,).
        num_notes: notes of every family.
        fraction: wished share of the notes of `members`.

    Returns:
        Some of `members`.
    """
    missing = fraction * num_notes[members].sum()
    drawn = []
    for member in members[: len(members) - 1].tolist():
        if num_notes[member] <= 2 * missing:  # taking it brings the sum no farther from the wish
            drawn.append(member)
            missing -= num_notes[member]
    return np.array(drawn, np.int64)
