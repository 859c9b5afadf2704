"""What is done to a take once it is drawn: its last notes ring, and it is moved into the key that was asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from melodyforge.composing.start import Given
from melodyforge.composing.task import Task
from melodyforge.music.drum_kit import in_general_midi
from melodyforge.music.keys import NUM_PITCH_CLASSES, key_named
from melodyforge.music.piece import STEPS_PER_QUARTER, Piece, without_doubles
from melodyforge.music.traits import read_traits

MIN_CLOSE_STEPS = STEPS_PER_QUARTER  # the last chord of a piece rings at least this long


def finished(task: Task, piece: Piece, given: Given) -> Piece:
    """The piece with a soft close, in the key that was asked for where that can be, on drums that can be heard.

    Where a part of a primer stands, that is left as it is.
    """
    if isinstance(given, np.ndarray):
        return piece if task.settings.keeps_rhythm else _closed(piece, ~given)
    return _in_asked_key(task, _closed(_with_known_drums(piece)))


def _with_known_drums(piece: Piece) -> Piece:
    """Older models learnt drum sounds that General MIDI does not know."""
    is_drum = piece.is_drum_track[piece.notes["track"]]
    pitch = np.where(is_drum, in_general_midi(piece.notes["pitch"]), piece.notes["pitch"])
    if np.array_equal(pitch, piece.notes["pitch"]):
        return piece
    notes = piece.notes.copy()
    notes["pitch"] = pitch
    return replace(piece, notes=without_doubles(notes))


def _closed(piece: Piece, may_ring: np.ndarray | Literal[True] = True) -> Piece:
    """A soft close: what sounds last rings to the end of its bar, of notes that may."""
    if not len(piece):
        return piece
    notes = piece.notes.copy()
    last = int(notes["onset"].max())
    _, position, bar_steps = (int(values[0]) for values in piece.bars_at(np.array([last])))
    to_bar_line = MIN_CLOSE_STEPS if piece.is_performed else max(MIN_CLOSE_STEPS, bar_steps - position)
    is_pitched = np.array([not track.is_drum for track in piece.tracks])
    rings = (notes["onset"] == last) & is_pitched[notes["track"]] & may_ring
    notes["duration"][rings] = np.maximum(notes["duration"][rings], to_bar_line)
    return piece.with_notes(notes)


def _in_asked_key(task: Task, piece: Piece) -> Piece:
    """The piece, moved as little as possible to the tonic that was asked for, unless its mode is wrong anyway.

    What starts from other music is never moved.
    """
    wished = task.settings.key
    if task.limits and task.limits.bind_pitches:
        return piece
    if wished is None or not len(piece) or task.primer is not None or task.passages:
        return piece
    key, (tonic, is_minor) = read_traits(piece).key, key_named(wished)
    if key is None or tonic is None or is_minor not in (None, key.is_minor):
        return piece
    semitones = (tonic - key.tonic + NUM_PITCH_CLASSES // 2 - 1) % NUM_PITCH_CLASSES - NUM_PITCH_CLASSES // 2 + 1
    try:
        return piece.transposed(semitones)
    except ValueError:  # a note would leave the range of pitches; the take will be drawn again
        return piece
