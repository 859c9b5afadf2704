"""Which voices sound beside a track's own line, how they have just moved, and what would be parallel to them.

Voices that know of each other seldom cross and seldom move in parallel octaves. Knows the past of moments; knows no
network.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from melodyforge.music.piece import NUM_PITCHES
from melodyforge.tokens.past import NO_PITCH, Past

FARTHEST = 24  # semitones between neighbours; farther ones are all alike
WIDEST_MOVE = 12  # semitones; wider moves are all alike
NUM_DISTANCES = FARTHEST + 2  # none, 0 to 24
NUM_MOVES = 2 * WIDEST_MOVE + 2  # -12 to 12, and none
PERFECT = np.isin(
    np.arange(12), (0, 7)
)  # unisons, octaves and fifths, by semitones from the lower to the higher, modulo 12


class Neighbours(NamedTuple):
    """Of some moments at which a track is to play; of the voice above, the voice below and the outer voice each.

    The outer voice is the lowest of the others, or the highest if none is lower than the own line.

    Attributes:
        distance: class of the semitones up to or down to it, 0 for none.
        move: class of how it moves at this very onset, the last if it does not.
        parallel: the pitch that would keep a perfect interval to it although both move, `NO_PITCH` for none.
    """

    distance: np.ndarray  # (3, num_moments)
    move: np.ndarray  # (3, num_moments)
    parallel: np.ndarray  # (3, num_moments)


def find_neighbours(
    past: Past, track: np.ndarray, own: np.ndarray, onset: np.ndarray, is_drum: np.ndarray
) -> Neighbours:
    """The voices beside a track, as they stand at an onset.

    Args:
        past: of the moments.
        track: of each moment the one that is to play, shape (num_moments,).
        own: its last pitch, shape (num_moments,).
        onset: at which it is to play, shape (num_moments,).
        is_drum: of each track.
    """
    pitch, starts = past.track_pitch, np.arange(0, past.track_pitch.size, len(is_drum))  # (num_moments, num_tracks)
    strikes = past.track_start == onset[:, None]
    is_other = (strikes | (past.track_end > onset[:, None])) & (pitch != NO_PITCH) & ~is_drum
    is_other.reshape(-1)[starts + track] = False
    is_other &= (own != NO_PITCH)[:, None]
    is_above = is_other & (pitch > own[:, None])
    is_below = is_other & ~is_above
    goes_down = np.logical_or.reduce(is_below, axis=1)[:, None]  # to the outer voice
    orders = np.empty((3, *pitch.shape), np.int64)  # the lowest of each is the voice that is looked for
    orders[0], orders[1], orders[2] = pitch, -pitch, np.where(goes_down, pitch, -pitch)
    for order, is_possible in zip(orders, (is_above, is_below, is_other), strict=True):
        order[~is_possible] = NUM_PITCHES
    voice = orders.argmin(axis=2) + starts  # (3, num_moments), in all tracks of all moments
    is_there = np.minimum.reduce(orders, axis=2) < NUM_PITCHES
    theirs, before = pitch.take(voice), past.track_before.take(voice)
    has_moved = is_there & strikes.take(voice) & (before != NO_PITCH)
    move = theirs - before
    target = own + move
    is_perfect = has_moved & (move != 0) & PERFECT.take(np.abs(own - before) % 12)
    is_perfect &= (target >= 0) & (target < NUM_PITCHES)
    return Neighbours(
        np.where(is_there, np.minimum(np.abs(theirs - own), FARTHEST) + 1, 0),
        np.where(has_moved, np.minimum(np.maximum(move, -WIDEST_MOVE), WIDEST_MOVE) + WIDEST_MOVE, NUM_MOVES - 1),
        np.where(is_perfect, target, NO_PITCH),
    )
