"""What people would say about a piece: its style, key, tempo, meter, mood, density, polyphony and instruments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field

from melodyforge.music.keys import NUM_PITCH_CLASSES, Key, key_fits
from melodyforge.music.mood import read_affect
from melodyforge.music.piece import DEFAULT_TEMPO_QPM, STEPS_PER_QUARTER, Piece


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
        mood: one of `mood.MOODS`; "" when the piece has not been listened to.
        key: None when nothing has a pitch.
        density: onsets per quarter note.
        polyphony: mean number of notes that sound while any does.
        instruments: sorted pairs (program, is_drum), one for each track that plays.
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


def _density(piece: Piece) -> float:
    return len(np.unique(piece.notes["onset"])) * STEPS_PER_QUARTER / max(1, piece.end)


def _instruments(piece: Piece) -> tuple[tuple[int, bool], ...]:
    heard = [piece.tracks[index] for index in np.unique(piece.notes["track"])]
    return tuple(sorted((0, True) if track.is_drum else (track.program, False) for track in heard))


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
