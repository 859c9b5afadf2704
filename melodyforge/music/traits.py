"""What people would say about a piece: its style, key, tempo, meter, mood, density, polyphony and instruments.

Mood is a place in the plane of valence (sad to happy) and arousal (calm to excited) of Russell, "A circumplex model of
affect" (1980). What moves it follows Gabrielsson and Lindstroem, "The role of structure in the musical expression of
emotions" (2010), and Livingstone et al., "Changing musical emotion" (2010): mode above all for valence; speed, then
loudness for arousal; high register and speed brighten. The weights are ours, checked on pieces whose mood is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from melodyforge.music.keys import NUM_PITCH_CLASSES, Key, key_fits
from melodyforge.music.piece import STEPS_PER_QUARTER, Piece

MOODS = ("happy", "tense", "sad", "calm")  # quadrants: valence +-, arousal +; then valence -+, arousal -

USUAL_ONSETS_PER_SECOND = 3.2  # the middle of chorales, tunes, pop songs and classical piano
USUAL_VELOCITY = 72.0
USUAL_PITCH = 62.0


@dataclass(frozen=True, slots=True)
class Traits:
    """What is heard in a piece.

    Attributes:
        style: its label, "" when unknown.
        key: None when nothing has a pitch.
        tempo_qpm: quarter notes per minute.
        meter: such as "3/4"; "" in performed music, which has none.
        valence: -1 sad to 1 happy.
        arousal: -1 calm to 1 excited.
        density: onsets per quarter note.
        polyphony: mean number of notes that sound while any does.
        instruments: sorted pairs (program, is_drum).
    """

    style: str
    key: Key | None
    tempo_qpm: float
    meter: str
    valence: float
    arousal: float
    density: float
    polyphony: float
    instruments: tuple[tuple[int, bool], ...]

    @property
    def mood(self) -> str:
        """One of `MOODS`: the quadrant."""
        if self.arousal >= 0:
            return "happy" if self.valence >= 0 else "tense"
        return "calm" if self.valence >= 0 else "sad"


def read_traits(piece: Piece) -> Traits:
    """Listens to a piece; everything neutral for one without notes."""
    notes, pitched = piece.notes, piece.pitched_notes
    fits = key_fits(piece)
    best = int(fits.argmax())
    key = Key(best % NUM_PITCH_CLASSES, best >= NUM_PITCH_CLASSES) if len(pitched) else None
    tempo_qpm = piece.tempo_qpm
    density = len(np.unique(notes["onset"])) * STEPS_PER_QUARTER / max(1, piece.end)
    arousal, valence = _arousal_and_valence(notes, pitched, fits, density * tempo_qpm / 60)
    meter = piece.main_meter
    return Traits(
        piece.style,
        key,
        tempo_qpm,
        "" if piece.is_performed else f"{meter.numerator}/{meter.denominator}",
        valence,
        arousal,
        density,
        _polyphony(pitched if len(pitched) else notes),
        _instruments(piece),
    )


def _instruments(piece: Piece) -> tuple[tuple[int, bool], ...]:
    heard = [piece.tracks[index] for index in np.unique(piece.notes["track"])]
    return tuple(sorted({(0, True) if track.is_drum else (track.program, False) for track in heard}))


def _arousal_and_valence(
    notes: np.ndarray, pitched: np.ndarray, fits: np.ndarray, onsets_per_second: float
) -> tuple[float, float]:
    """Both from -1 to 1."""
    if not len(notes):
        return 0.0, 0.0
    speed = np.log2(max(0.1, onsets_per_second) / USUAL_ONSETS_PER_SECOND)
    loudness = (float(notes["velocity"].mean()) - USUAL_VELOCITY) / 32
    pitch = float(np.average(pitched["pitch"], weights=pitched["duration"])) if len(pitched) else USUAL_PITCH
    register = (pitch - USUAL_PITCH) / 12
    mode = 4 * float(fits[:NUM_PITCH_CLASSES].max() - fits[NUM_PITCH_CLASSES:].max())  # how clearly major
    arousal = 0.7 * speed + 0.3 * loudness
    valence = np.clip(mode, -0.8, 0.8) + 0.15 * speed + 0.1 * register
    return float(np.clip(arousal, -1, 1)), float(np.clip(valence, -1, 1))


def _polyphony(notes: np.ndarray) -> float:
    """Mean number of notes that sound while any does; notes in order of onset."""
    if not len(notes):
        return 0.0
    onsets = notes["onset"].astype(np.int64)
    ends = onsets + notes["duration"]
    sounding_until = np.maximum.accumulate(ends)
    before = np.concatenate([[0], sounding_until[:-1]])
    covered = np.maximum(0, ends - np.maximum(onsets, before)).sum()
    return float(notes["duration"].sum() / max(1, covered))
