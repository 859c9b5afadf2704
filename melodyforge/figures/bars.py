"""Bars held beside each other: how alike they are, which ones return, and how far notes keep to a grid.

What a bar holds is which pitches begin in which sixteenth of it; lengths and loudness do not matter. Knows pieces only.
"""

from __future__ import annotations

import numpy as np

from melodyforge.figures.numbers import NAN, mean
from melodyforge.hashing import spread, take_in
from melodyforge.music.form import SIXTEENTH, bar_likeness
from melodyforge.music.piece import NUM_PITCHES, STEPS_PER_QUARTER, Piece

TRIPLET = STEPS_PER_QUARTER // 3
BLOCK_BARS = 4
RETURN_BARS = 16  # after so many bars a block comes back; sooner it only goes on
CONTRAST_BARS = 8  # of other music between
ALIKE, UNLIKE = 0.75, 0.4  # blocks at least, or bars at most, so alike count as the same, or as other music
LONGEST_PERIOD = 128  # onsets in a loop that is looked for


def neighbour_likeness(likeness: np.ndarray, distance: int = 1) -> float:
    """Mean likeness of bars so many bars apart; NaN where there are none."""
    return mean(np.diagonal(likeness, distance))


def returns_with_contrast(piece: Piece) -> float:
    """Share of four-bar blocks that stood 16 bars or more before, with eight bars of other music between.

    The blocks of the first 16 bars, which cannot, do not count. NaN for pieces that are too short.
    """
    likeness = bar_likeness(piece)
    num_blocks = len(likeness) - BLOCK_BARS + 1
    if num_blocks <= RETURN_BARS:
        return NAN
    blocks = np.mean([likeness[bar : bar + num_blocks, bar : bar + num_blocks] for bar in range(BLOCK_BARS)], axis=0)
    comes_back = np.zeros(num_blocks, bool)
    for earlier in range(num_blocks - RETURN_BARS):
        later = earlier + RETURN_BARS + np.flatnonzero(blocks[earlier, earlier + RETURN_BARS :] >= ALIKE)
        comes_back[later[later >= _contrast_end(likeness, earlier)]] = True
    return mean(comes_back[RETURN_BARS:])


def _contrast_end(likeness: np.ndarray, block: int) -> int:
    """The bar behind the first eight in a row after a block that are like none of its bars; past the end if none."""
    is_other = likeness[block : block + BLOCK_BARS, block + BLOCK_BARS :].max(axis=0) <= UNLIKE
    in_a_row = 0
    for bar, other in enumerate(is_other.tolist(), block + BLOCK_BARS):
        in_a_row = in_a_row + 1 if other else 0
        if in_a_row == CONTRAST_BARS:
            return bar + 1
    return len(likeness)


def neighbouring_bars_alike(piece: Piece) -> float:
    """Mean likeness of bars that follow each other; NaN for less than two bars."""
    return neighbour_likeness(bar_likeness(piece))


def on_grid(piece: Piece, grid_steps: int) -> float:
    """Share of onsets on a grid, wherever that begins: the phase that most onsets have. NaN without notes.

    Times are whole steps, so that an onset is on the grid within half a step, 1/48 of a quarter note.

    Args:
        piece: notes count once an onset.
        grid_steps: from line to line of the grid.
    """
    onsets = np.unique(piece.notes["onset"])
    return float(np.bincount(onsets % grid_steps).max() / len(onsets)) if len(onsets) else NAN


def on_sixteenths(piece: Piece) -> float:
    """Share of onsets on the grid of sixteenths."""
    return on_grid(piece, SIXTEENTH)


def on_triplets(piece: Piece) -> float:
    """Share of onsets on the grid of thirds of a quarter note."""
    return on_grid(piece, TRIPLET)


def onset_keys(piece: Piece) -> np.ndarray:
    """A number an onset, equal for equal chords after equal times; uint64, shape (num_onsets,)."""
    notes = piece.notes
    if not len(notes):
        return np.zeros(0, np.uint64)
    onsets, starts = np.unique(notes["onset"], return_index=True)
    names = notes["track"].astype(np.uint64) * np.uint64(NUM_PITCHES) + notes["pitch"] + np.uint64(1)
    chords = np.add.reduceat(spread(names), starts)
    return take_in(chords, np.diff(onsets, prepend=onsets[:1]).astype(np.uint64))


def longest_loop(piece: Piece, longest_period: int = LONGEST_PERIOD) -> float:
    """Onsets in the longest stretch that only repeats what stood a fixed number of onsets before.

    Args:
        piece: to listen to.
        longest_period: that fixed number at most.
    """
    keys, longest = onset_keys(piece), 0
    for period in range(1, min(longest_period, len(keys) - 1) + 1):
        differs = np.flatnonzero(keys[period:] != keys[:-period])
        borders = np.concatenate([[-1], differs, [len(keys) - period]])
        longest = max(longest, int(np.diff(borders).max()) - 1)
    return float(longest)
