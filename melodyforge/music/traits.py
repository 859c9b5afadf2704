"""What people would say about a piece: its style, key, tempo, meter, mood, density, polyphony and instruments.

Mood is a place in the plane of valence (sad to happy) and arousal (calm to excited) of Russell, "A circumplex model of
affect" (1980). What moves it follows Gabrielsson and Lindstroem, "The role of structure in the musical expression of
emotions" (2010), and Livingstone et al., "Changing musical emotion" (2010): mode above all for valence; speed, then
loudness for arousal; high register and speed brighten. The weights are ours, checked on pieces whose mood is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field

from melodyforge.music.keys import NUM_PITCH_CLASSES, Key, key_fits
from melodyforge.music.piece import DEFAULT_TEMPO_QPM, STEPS_PER_QUARTER, Piece

MOODS = ("happy", "tense", "sad", "calm")  # quadrants: valence +-, arousal +; then valence -+, arousal -

USUAL_ONSETS_PER_SECOND = 3.2  # the middle of chorales, tunes, pop songs and classical piano
USUAL_VELOCITY = 72.0
USUAL_PITCH = 62.0


@dataclass(frozen=True, slots=True)
class Affect:
    """A place in the plane of feelings.

    Attributes:
        valence: -1 sad to 1 happy.
        arousal: -1 calm to 1 excited.
    """

    valence: float
    arousal: float

    @property
    def mood(self) -> str:
        """One of `MOODS`: the quadrant."""
        if self.arousal >= 0:
            return "happy" if self.valence >= 0 else "tense"
        return "calm" if self.valence >= 0 else "sad"


def _key(known: Any) -> Any:
    """A key by its name, as files hold it; "" for none."""
    return Key.named(known) if isinstance(known, str) else known


# What a file may claim.
Name = Annotated[str, Field(max_length=1_024)]  # of a folder; bytes that are no UTF-8 have become four characters
Measure = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Program = Annotated[int, Field(ge=0, le=127)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What is heard in a piece; the defaults say that nothing is known.

    Attributes:
        tempo_qpm: quarter notes per minute.
        meter: such as "3/4"; "" in performed music, which has none.
        style: its label.
        mood: one of `MOODS`; "" when the piece has not been listened to.
        key: None when nothing has a pitch.
        density: onsets per quarter note.
        polyphony: mean number of notes that sound while any does.
        instruments: sorted pairs (program, is_drum).
    """

    tempo_qpm: Annotated[float, Field(gt=0, le=10_000)] = DEFAULT_TEMPO_QPM
    meter: str = "4/4"
    style: Name = ""
    mood: Name = ""
    key: Annotated[Key | None, BeforeValidator(_key)] = None
    density: Measure = 0.0
    polyphony: Measure = 0.0
    instruments: Annotated[tuple[tuple[Program, bool], ...], Field(max_length=256)] = ()


def read_traits(piece: Piece) -> Traits:
    """Listens to a piece; everything neutral for one without notes."""
    pitched = piece.pitched_notes
    best = int(key_fits(piece).argmax())
    meter = piece.main_meter
    return Traits(
        tempo_qpm=piece.tempo_qpm,
        meter="" if piece.is_performed else f"{meter.numerator}/{meter.denominator}",
        style=piece.style,
        mood=read_affect(piece).mood,
        key=Key(best % NUM_PITCH_CLASSES, best >= NUM_PITCH_CLASSES) if len(pitched) else None,
        density=_density(piece),
        polyphony=_polyphony(pitched if len(pitched) else piece.notes),
        instruments=_instruments(piece),
    )


def read_affect(piece: Piece) -> Affect:
    """The feeling of a piece; 0 and 0 without notes."""
    notes, pitched, fits = piece.notes, piece.pitched_notes, key_fits(piece)
    if not len(notes):
        return Affect(0.0, 0.0)
    onsets_per_second = _density(piece) * piece.tempo_qpm / 60
    speed = np.log2(max(0.1, onsets_per_second) / USUAL_ONSETS_PER_SECOND)
    loudness = (float(notes["velocity"].mean()) - USUAL_VELOCITY) / 32
    pitch = float(np.average(pitched["pitch"], weights=pitched["duration"])) if len(pitched) else USUAL_PITCH
    register = (pitch - USUAL_PITCH) / 12
    mode = 4 * float(fits[:NUM_PITCH_CLASSES].max() - fits[NUM_PITCH_CLASSES:].max())  # how clearly major
    arousal = 0.7 * speed + 0.3 * loudness
    valence = np.clip(mode, -0.8, 0.8) + 0.15 * speed + 0.1 * register
    return Affect(float(np.clip(valence, -1, 1)), float(np.clip(arousal, -1, 1)))


def _density(piece: Piece) -> float:
    return len(np.unique(piece.notes["onset"])) * STEPS_PER_QUARTER / max(1, piece.end)


def _instruments(piece: Piece) -> tuple[tuple[int, bool], ...]:
    heard = [piece.tracks[index] for index in np.unique(piece.notes["track"])]
    return tuple(sorted({(0, True) if track.is_drum else (track.program, False) for track in heard}))


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
