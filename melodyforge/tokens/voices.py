"""Which tracks of a piece are heard, where a representation hears them as one. Drums are never among them.

Knows pieces and settings.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from melodyforge.music.melody import find_melody, only_track
from melodyforge.music.piece import STEPS_PER_QUARTER, Piece, Track, without_doubles
from melodyforge.settings import RepresentationSettings

MIN_REST_STEPS = 4 * STEPS_PER_QUARTER


def tracks_heard(piece: Piece, settings: RepresentationSettings) -> Piece:
    """The pitched notes that are learnt from, on the tracks they are played on; none where no track is wanted."""
    if settings.voices == "melody":
        melody = find_melody(piece, settings.track)
        piece = without_long_rests(only_track(piece, melody.number)) if melody else piece.with_notes(piece.notes[:0])
    return piece.with_notes(piece.pitched_notes)


def without_long_rests(piece: Piece) -> Piece:
    """The piece with long rests, in which others played, shortened by whole bars; nobody listens to silence.

    What remains of a rest is at least the bars that make up `MIN_REST_STEPS`, and less than twice as many.
    """
    notes = piece.notes
    if not len(notes):
        return piece
    onsets = notes["onset"].astype(np.int64)
    sounding_until = np.maximum.accumulate(onsets + notes["duration"])
    rests = onsets - np.concatenate([[0], sounding_until[:-1]])
    bar_steps = np.full(len(notes), MIN_REST_STEPS) if piece.is_performed else piece.bars_at(notes["onset"])[2]
    kept = bar_steps * -(-MIN_REST_STEPS // bar_steps)
    notes = notes.copy()
    notes["onset"] -= np.cumsum(np.maximum(0, rests // kept - 1) * kept)
    return piece.with_notes(notes)


def as_one_track(piece: Piece, program: int, is_alone: bool) -> Piece:
    """All notes on one track; of several with the same onset and pitch the longest.

    Args:
        piece: without drums.
        program: that plays them.
        is_alone: whether notes of other programs are left out.
    """
    programs = np.array([track.program for track in piece.tracks])
    notes = piece.notes[programs[piece.notes["track"]] == program] if is_alone else piece.notes
    notes = notes.copy()
    notes["track"] = 0
    return replace(piece, notes=without_doubles(notes), tracks=(Track(program),))


def explain_silence(settings: RepresentationSettings) -> str:
    """Why no piece holds anything to learn from, in one line."""
    if settings.track:
        return f"Expected a track that is called {settings.track!r}, or has this number. Received none in any piece."
    if settings.instrument:
        return f"Expected notes of the instrument {settings.instrument!r}. Received none in any piece."
    if settings.voices == "melody":
        return "Expected at least one piece with a track that carries a melody. Received none. Add other music."
    return "Expected at least one piece with pitched notes to learn from. Received none."
