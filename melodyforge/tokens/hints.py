"""What the music so far suggests for the next note, as classes that a network is told, head by head.

Turns what `recall.py` finds into features; window and context both ask here, so both say the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from melodyforge.music.keys import NUM_PITCH_CLASSES
from melodyforge.music.piece import NUM_PITCHES
from melodyforge.tokens.controls import PREFIX
from melodyforge.tokens.recall import MATCH_LENGTHS, Continuation, LineContinuation, Recall
from melodyforge.tokens.representation import Feature

if TYPE_CHECKING:
    from melodyforge.tokens.bins import Bins
    from melodyforge.tokens.past import Past

BARS_AGO = (1, 2, 4, 8)
_BARS_AGO = np.array(BARS_AGO)[:, None]
NO_DEGREE = 12  # class of the scale degree where there is no scale or no note
NO_TONIC = 0  # 1 to 12: C to B
NUM_INTERVALS = 2 * NUM_PITCHES  # -127 to 127 semitones, and none

# What is suggested to each head; names of features.
SHIFT_POINTERS = ("again_shift", *(f"ago{bars}_shift" for bars in BARS_AGO))
TRACK_POINTERS = ("agreed_track",)
PITCH_POINTERS = ("agreed_pitch", "line_pitch", *(f"ago{bars}_pitch" for bars in BARS_AGO))
TONICS = ("scale_tonic", f"{PREFIX}tonic")
DURATION_POINTERS = ("agreed_duration", "line_duration", *(f"ago{bars}_duration" for bars in BARS_AGO))


class HintFeatures:
    """The features by the time at which they are known; for all but lengths and degrees the last class means none.

    Attributes:
        inputs: before anything of the note is decided.
        with_shift, with_track, with_pitch: as soon as that much is.
    """

    def __init__(self, shifts: Bins, durations: Bins, num_tracks: int) -> None:
        num_shifts, num_durations, num_lengths = len(shifts) + 1, len(durations) + 1, len(MATCH_LENGTHS) + 1
        self.inputs = (
            Feature("again_length", num_lengths),
            Feature("again_shift", num_shifts),
            Feature("again_track", num_tracks + 1),
            Feature("again_pitch", NUM_PITCHES + 1),
            Feature("again_duration", num_durations),
            *(Feature(f"ago{bars}_shift", num_shifts) for bars in BARS_AGO),
            Feature("scale", NO_DEGREE + 1),
            Feature("last_degree", NO_DEGREE + 1, slots=num_tracks),
        )
        self.with_shift = (Feature("agreed_track", num_tracks + 1),)
        self.with_track = (
            Feature("own_last", NUM_PITCHES + 1),
            Feature("own_degree", NO_DEGREE + 1),
            Feature("scale_tonic", 1 + NUM_PITCH_CLASSES),
            Feature(f"{PREFIX}scale_degree", 1 + NUM_PITCH_CLASSES),
            Feature(f"{PREFIX}own_degree", 1 + NUM_PITCH_CLASSES),
            Feature("sounding_degree", 2, slots=12),
            Feature("agreed_pitch", NUM_PITCHES + 1),
            Feature("line_length", num_lengths),
            Feature("line_pitch", NUM_PITCHES + 1),
            Feature("line_last_duration", num_durations),
            *(Feature(f"ago{bars}_pitch", NUM_PITCHES + 1) for bars in BARS_AGO),
        )
        self.with_pitch = (
            Feature("new_degree", NO_DEGREE + 1),
            Feature("new_interval", NUM_INTERVALS),
            Feature("agreed_duration", num_durations),
            Feature("line_duration", num_durations),
            *(Feature(f"ago{bars}_duration", num_durations) for bars in BARS_AGO),
        )


class Hints:
    """The features of some moments, each before a row; ask in the order of the methods. Shapes (num_moments, ...)."""

    def __init__(
        self,
        recall: Recall,
        past: Past,
        shifts: Bins,
        durations: Bins,
        onset: np.ndarray,
        bar_steps: np.ndarray,
        asked_tonic: np.ndarray,
    ) -> None:
        """Takes in what is known.

        Args:
            recall: finds earlier music.
            past: what sounds, and each track's last pitch.
            shifts: the vocabulary's.
            durations: the vocabulary's.
            onset: of the newest row.
            bar_steps: length of the bar, 0 where there are none.
            asked_tonic: 1 to 12, or `NO_TONIC`.
        """
        self._recall, self._past, self._shifts, self._durations = recall, past, shifts, durations
        self._onset, self._bar_steps = onset.astype(np.int64), bar_steps.astype(np.int64)
        self._asked_tonic = asked_tonic
        self._scale = recall.scale()
        self._again: Continuation = recall.continuation()
        self._agrees = self._again.shift >= 0

    def inputs(self) -> dict[str, np.ndarray]:
        """Before anything of the note is decided."""
        again, num_tracks = self._again, self._past.track_pitch.shape[-1]
        self._again_shift = _classes(self._shifts, again.shift)
        self._again_duration = _classes(self._durations, again.duration)
        return {
            "again_length": again.length,
            "again_shift": self._again_shift,
            "again_track": _or_none(again.track, num_tracks),
            "again_pitch": _or_none(again.pitch, NUM_PITCHES),
            "again_duration": self._again_duration,
            "scale": self._scale,
            "last_degree": self._degrees(self._past.track_pitch),
        } | _by_bars("shift", _classes(self._shifts, self._recall.shift_after(self._bars_before(self._onset))))

    def with_shift(self, shift: np.ndarray) -> dict[str, np.ndarray]:
        """Once the class of the shift is decided."""
        self._agrees = self._agrees & (self._again_shift == shift)
        return {"agreed_track": np.where(self._agrees, self._again.track, self._past.track_pitch.shape[-1])}

    def with_track(self, track: np.ndarray, onset: np.ndarray) -> dict[str, np.ndarray]:
        """Once the track is decided; `onset` is the new note's."""
        self._agrees = self._agrees & (self._again.track == track)
        self._line: LineContinuation = self._recall.line(track)
        self._own = np.take_along_axis(self._past.track_pitch, track[..., None], axis=-1)[..., 0]
        pitches, self._ago_durations = self._recall.note_at(self._bars_before(onset.astype(np.int64)), track)
        return {
            "own_last": self._own,
            "own_degree": self._degrees(self._own),
            "scale_tonic": np.where(self._scale < NO_DEGREE, self._scale + 1, NO_TONIC),
            f"{PREFIX}scale_degree": self._asked_degrees(self._scale, NO_DEGREE),
            f"{PREFIX}own_degree": self._asked_degrees(self._own, NUM_PITCHES),
            "sounding_degree": self._sounding_degrees(onset),
            "agreed_pitch": np.where(self._agrees, self._again.pitch, NUM_PITCHES),
            "line_length": self._line.length,
            "line_pitch": _or_none(self._line.pitch, NUM_PITCHES),
            "line_last_duration": _classes(self._durations, self._line.last_duration),
        } | _by_bars("pitch", _or_none(pitches, NUM_PITCHES))

    def with_pitch(self, pitch: np.ndarray) -> dict[str, np.ndarray]:
        """Once the pitch is decided."""
        agrees = self._agrees & (self._again.pitch == pitch)
        none = len(self._durations)
        follows_line = self._line.pitch == pitch
        interval = pitch.astype(np.int64) - self._own + NUM_PITCHES - 1
        return {
            "new_degree": self._degrees(pitch),
            "new_interval": np.where(self._own < NUM_PITCHES, interval, NUM_INTERVALS - 1),
            "agreed_duration": np.where(agrees, self._again_duration, none),
            "line_duration": np.where(follows_line, _classes(self._durations, self._line.duration), none),
        } | _by_bars("duration", _classes(self._durations, self._ago_durations))

    def _bars_before(self, onset: np.ndarray) -> np.ndarray:
        """The same place some bars before, shape (len(BARS_AGO), num_moments); negative where there is none."""
        return np.where(self._bar_steps > 0, onset - _BARS_AGO * self._bar_steps, -1)

    def _degrees(self, pitch: np.ndarray) -> np.ndarray:
        """Semitones above the scale's tonic, shape as `pitch`."""
        scale = self._scale if pitch.ndim == 1 else self._scale[:, None]
        return np.where((pitch < NUM_PITCHES) & (scale < NO_DEGREE), (pitch - scale) % 12, NO_DEGREE)

    def _asked_degrees(self, pitch: np.ndarray, no_pitch: int) -> np.ndarray:
        """Semitones above the tonic that is asked for, one-based; 0 where none is, or no pitch is known."""
        is_known = (self._asked_tonic != NO_TONIC) & (pitch < no_pitch)
        return np.where(is_known, (pitch - self._asked_tonic + 1) % NUM_PITCH_CLASSES + 1, 0)

    def _sounding_degrees(self, onset: np.ndarray) -> np.ndarray:
        """Which degrees of the scale, or of C without one, sound at a step: 0 or 1, shape (num_moments, 12)."""
        sounds = self._past.end_by_pitch > onset[:, None]
        octaves = np.zeros((len(sounds), 11 * 12), bool)
        octaves[:, :NUM_PITCHES] = sounds
        by_class = octaves.reshape(-1, 11, 12).any(axis=1)
        tonic = np.where(self._scale < NO_DEGREE, self._scale, 0)
        return np.take_along_axis(by_class, (np.arange(12) + tonic[:, None]) % 12, axis=1).astype(np.int32)


def _by_bars(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """Rows of values, one for each of `BARS_AGO`, by the names of their features."""
    return {f"ago{bars}_{name}": row for bars, row in zip(BARS_AGO, values, strict=True)}


def _classes(bins: Bins, numbers: np.ndarray) -> np.ndarray:
    """The class of each number, one more than there are for negative ones."""
    return np.where(numbers >= 0, bins.classes(numbers), len(bins))


def _or_none(classes: np.ndarray, none: int) -> np.ndarray:
    return np.where(classes >= 0, classes, none)
