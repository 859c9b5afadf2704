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
    pitch = past.track_pitch  # (num_moments, num_tracks)
    strikes = past.track_start == onset[:, None]
    is_other = (strikes | (past.track_end > onset[:, None])) & ~is_drum & (pitch != NO_PITCH)
    moments = np.arange(len(track))
    is_other[moments, track] = False
    is_other &= (own != NO_PITCH)[:, None]
    is_above = is_other & (pitch > own[:, None])
    is_below = is_other & ~is_above
    lowest, highest = np.where(is_other, pitch, NUM_PITCHES), np.where(is_other, pitch, -1)
    found = [
        np.where(is_above, pitch, NUM_PITCHES).argmin(axis=1),
        np.where(is_below, pitch, -1).argmax(axis=1),
        np.where(is_below.any(axis=1), lowest.argmin(axis=1), highest.argmax(axis=1)),
    ]
    is_there = np.stack([is_above.any(axis=1), is_below.any(axis=1), is_other.any(axis=1)])  # (3, num_moments)
    voice = np.stack(found)
    theirs, before = pitch[moments, voice], past.track_before[moments, voice]
    has_moved = is_there & strikes[moments, voice] & (before != NO_PITCH)
    move = theirs - before
    is_perfect = PERFECT[np.abs(own - before) % 12] & has_moved & (move != 0)
    target = own + move
    return Neighbours(
        np.where(is_there, np.minimum(np.abs(theirs - own), FARTHEST) + 1, 0),
        np.where(has_moved, np.clip(move, -WIDEST_MOVE, WIDEST_MOVE) + WIDEST_MOVE, NUM_MOVES - 1),
        np.where(is_perfect & (target >= 0) & (target < NUM_PITCHES), target, NO_PITCH),
    )
