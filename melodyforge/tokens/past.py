"""What of the past bears on the next note: what sounds and for how long, each track's last pitch. Knows rows only.

Two forms give the same answers, which a test holds: `Past.of_rows` finds the past of all rows of a window at once,
`Past.add` follows pieces while they are composed.
"""

from __future__ import annotations

from typing import Self

import numpy as np

from melodyforge.music.piece import NUM_PITCHES
from melodyforge.tokens.features import Rows

NO_PITCH = NUM_PITCHES  # the last pitch of a track that has not played yet
LONGEST_SOUNDING_STEPS = 255

# Remaining steps -> class: exact for a quarter note, then coarser; class 0 is silence.
_REMAINING_VALUES = np.array([*range(25), 28, 32, 36, 42, 48, 60, 72, 84, 96, 120, 144, 192])
NUM_REMAINING = len(_REMAINING_VALUES)
_REMAINING_CLASS = np.searchsorted(_REMAINING_VALUES, np.arange(LONGEST_SOUNDING_STEPS + 1), side="right") - 1


def remaining_class(steps: np.ndarray) -> np.ndarray:
    """Coarse class of the steps that a note still lasts, 0 for silence."""
    return _REMAINING_CLASS.take(steps, mode="clip")


def next_end(sounding: np.ndarray) -> np.ndarray:
    """Steps until the first of the sounding notes ends, 0 in silence; uint8, shapes (..., NUM_PITCHES) -> (...)."""
    one = np.uint8(1)  # taken from 0 it leaves the greatest number there is, which counts as the last to end
    return np.minimum.reduce(sounding - one, axis=-1) + one


class Past:
    """What of the past bears on the next note of n moments.

    Attributes:
        end_by_pitch: step at which each pitch stops sounding, drums left out, shape (n, NUM_PITCHES).
        track_end: step at which each track's last note ends, shape (n, num_tracks).
        track_start: step at which it begins, -1 before it has played, shape (n, num_tracks).
        track_pitch: each track's last pitch or NO_PITCH, shape (n, num_tracks).
        track_before: the one before that or NO_PITCH, shape (n, num_tracks).
    """

    def __init__(
        self,
        end_by_pitch: np.ndarray,
        track_end: np.ndarray,
        track_start: np.ndarray,
        track_pitch: np.ndarray,
        track_before: np.ndarray,
    ) -> None:
        self.end_by_pitch, self.track_end, self.track_start = end_by_pitch, track_end, track_start
        self.track_pitch, self.track_before = track_pitch, track_before

    @classmethod
    def empty(cls, num_pieces: int, num_tracks: int) -> Self:
        """That of pieces without a note."""
        return cls(
            np.zeros((num_pieces, NUM_PITCHES), np.int64),
            np.zeros((num_pieces, num_tracks), np.int64),
            np.full((num_pieces, num_tracks), -1),
            np.full((num_pieces, num_tracks), NO_PITCH),
            np.full((num_pieces, num_tracks), NO_PITCH),
        )

    @classmethod
    def of_rows(cls, rows: np.ndarray, is_drum: np.ndarray) -> Self:
        """The past that each row has, and that of the row after the last; leading dimension len(rows) + 1.

        Args:
            rows: of one piece, with the fields onset, duration, track and pitch.
            is_drum: of each track.
        """
        number = len(rows)
        ends = rows["onset"] + rows["duration"]
        end_by_pitch = np.zeros((number + 1, NUM_PITCHES), np.int32)
        pitched = np.flatnonzero(~is_drum[rows["track"]])
        end_by_pitch[pitched + 1, rows["pitch"][pitched]] = ends[pitched]
        last_row = np.full((number + 1, len(is_drum)), -1)  # of each track; -1: it has not played yet
        last_row[np.arange(1, number + 1), rows["track"]] = np.arange(number)
        last_row = np.maximum.accumulate(last_row, axis=0)
        row_before = np.append(last_row[np.arange(number), rows["track"]], -1)  # of the same track
        pitches = np.append(rows["pitch"], NO_PITCH).astype(np.int64)
        return cls(
            np.maximum.accumulate(end_by_pitch, axis=0),
            np.append(ends, 0)[last_row],  # index -1 finds what was appended
            np.append(rows["onset"], -1)[last_row],
            pitches[last_row],
            pitches[row_before[last_row]],
        )

    def add(self, rows: Rows, is_drum: np.ndarray) -> None:
        """Takes one more row of each piece in; shapes (num_pieces,), (num_tracks,)."""
        end, pitch, track = rows["onset"] + rows["duration"], rows["pitch"], rows["track"]
        ends, starts = self.end_by_pitch.reshape(-1), np.arange(0, self.end_by_pitch.size, NUM_PITCHES)
        at = starts + pitch
        ends[at] = np.maximum(ends.take(at), end * ~is_drum.take(track))
        at = np.arange(0, self.track_end.size, len(is_drum)) + track
        self.track_end.reshape(-1)[at] = end
        self.track_start.reshape(-1)[at] = rows["onset"]
        self.track_before.reshape(-1)[at] = self.track_pitch.take(at)
        self.track_pitch.reshape(-1)[at] = pitch

    def go_back(self, piece_index: int, alone: Past) -> None:
        """Gives one piece the past that it has alone."""
        for values, of_one in zip(vars(self).values(), vars(alone).values(), strict=True):
            values[piece_index] = of_one[0]

    def follow(self, sources: np.ndarray) -> None:
        """Gives every piece the past of another, shape (num_pieces,)."""
        for values in vars(self).values():
            values[...] = values[sources]

    def select(self, index: slice) -> Past:
        """A part of the leading dimension."""
        return Past(**{name: values[index] for name, values in vars(self).items()})

    def sounding(self, onset: np.ndarray) -> np.ndarray:
        """Steps that each pitch still sounds from a step on, uint8, shapes (n,) -> (n, NUM_PITCHES)."""
        steps = self.end_by_pitch - onset[:, None]
        np.maximum(steps, 0, out=steps)
        return np.minimum(steps, LONGEST_SOUNDING_STEPS, out=steps).astype(np.uint8)

    def remaining(self, onset: np.ndarray) -> np.ndarray:
        """Classes of the steps that each track's last note still lasts, shapes (n,) -> (n, num_tracks)."""
        return remaining_class(self.track_end - onset[:, None])

    def pitch_of(self, track: np.ndarray) -> np.ndarray:
        """The last pitch of one track, shape (n,)."""
        starts = np.arange(0, self.track_pitch.size, self.track_pitch.shape[1])
        return self.track_pitch.take(track + starts)
