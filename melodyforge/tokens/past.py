"""What of the past bears on the next note: what sounds and for how long, each track's last pitch. Knows rows only."""

from __future__ import annotations

import numpy as np

from melodyforge.music.piece import NUM_PITCHES

NO_PITCH = NUM_PITCHES  # the last pitch of a track that has not played yet

# Remaining steps -> class: exact for a quarter note, then coarser; class 0 is silence.
_REMAINING_VALUES = np.array([*range(25), 28, 32, 36, 42, 48, 60, 72, 84, 96, 120, 144, 192])
NUM_REMAINING = len(_REMAINING_VALUES)
_REMAINING_CLASS = np.searchsorted(_REMAINING_VALUES, np.arange(256), side="right") - 1


def remaining_class(steps: np.ndarray) -> np.ndarray:
    """Coarse class of the steps that a note still lasts, 0 for silence."""
    return _REMAINING_CLASS[np.clip(steps, 0, 255)]


class Past:
    """What of the past bears on the next note; all arrays share their leading dimensions.

    Attributes:
        end_by_pitch: step at which each pitch stops sounding, drums left out, shape (..., NUM_PITCHES).
        track_end: step at which each track's last note ends, shape (..., num_tracks).
        track_pitch: each track's last pitch or NO_PITCH, shape (..., num_tracks).
    """

    def __init__(self, end_by_pitch: np.ndarray, track_end: np.ndarray, track_pitch: np.ndarray) -> None:
        self.end_by_pitch, self.track_end, self.track_pitch = end_by_pitch, track_end, track_pitch

    def select(self, index: slice) -> Past:
        """A part of the leading dimension."""
        return Past(self.end_by_pitch[index], self.track_end[index], self.track_pitch[index])

    def at(self, onset: np.ndarray, prefix: str) -> dict[str, np.ndarray]:
        """What still sounds at a step, shape (...); features whose names begin with `prefix`."""
        sounding = np.clip(self.end_by_pitch - onset[..., None], 0, 255)
        next_end = np.where(sounding > 0, sounding, 256).min(axis=-1) % 256
        return {
            f"{prefix}next_end": remaining_class(next_end),
            f"{prefix}sounding": sounding.astype(np.uint8),
            f"{prefix}last_remaining": remaining_class(self.track_end - onset[..., None]),
        }

    def last_pitches(self, prefix: str) -> dict[str, np.ndarray]:
        """Each track's last pitch."""
        return {f"{prefix}last_pitch": self.track_pitch}

    def own_pitch(self, track: np.ndarray) -> np.ndarray:
        """Class of the pair (track, its last pitch), shape (...)."""
        pitch = np.take_along_axis(self.track_pitch, track[..., None], axis=-1)[..., 0]
        return track * (NUM_PITCHES + 1) + pitch
