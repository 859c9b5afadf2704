"""Finds the track that carries the melody: of the tracks that sing, the highest. Knows pieces; knows no network."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from melodyforge.music.instruments import INSTRUMENTS, instrument_name
from melodyforge.music.piece import Piece

MIN_NOTES = 16  # fewer are a signal or an effect, no melody
MIN_SHARE = 0.1  # of the notes of the busiest track with pitches
UNPITCHED_FAMILIES = frozenset({"percussive", "sound effects"})


@dataclass(frozen=True, slots=True)
class TrackFacts:
    """What is known of one track of a piece.

    Attributes:
        number: from 1, as people count.
        name: its own name, or its instrument.
        num_notes: how many.
        mean_pitch: NaN without notes.
        sings: whether it may carry the melody.
    """

    number: int
    name: str
    num_notes: int
    mean_pitch: float
    sings: bool


def describe_tracks(piece: Piece) -> list[TrackFacts]:
    """All tracks of a piece."""
    notes = piece.notes
    counts = np.bincount(notes["track"], minlength=len(piece.tracks))
    sums = np.bincount(notes["track"], notes["pitch"], minlength=len(piece.tracks))
    has_pitches = np.array([INSTRUMENTS[one.program].family not in UNPITCHED_FAMILIES for one in piece.tracks], bool)
    is_pitched = has_pitches & ~piece.is_drum_track
    busiest = int(counts[is_pitched].max(initial=0))
    enough = max(min(MIN_NOTES, busiest), MIN_SHARE * busiest)
    return [
        TrackFacts(
            index + 1,
            track.name or instrument_name(track.program, track.is_drum),
            int(counts[index]),
            float(sums[index] / counts[index]) if counts[index] else float("nan"),
            bool(is_pitched[index] and counts[index] > 0 and counts[index] >= enough),
        )
        for index, track in enumerate(piece.tracks)
    ]


def find_melody(piece: Piece, wanted: str = "") -> TrackFacts | None:
    """The track that carries the melody; None when none sings, or none is the one that is wanted.

    Args:
        piece: with any number of tracks.
        wanted: choose this one instead: a number from 1, or a part of a track's or an instrument's name.
    """
    facts = describe_tracks(piece)
    if wanted:
        return next((one for one in facts if one.num_notes and _is_called(one, piece, wanted)), None)
    singing = [one for one in facts if one.sings]
    return max(singing, key=lambda one: one.mean_pitch, default=None)


def only_track(piece: Piece, number: int) -> Piece:
    """The piece with one of its tracks, counted from 1."""
    notes = piece.notes[piece.notes["track"] == number - 1].copy()
    notes["track"] = 0
    return replace(piece, notes=notes, tracks=(piece.tracks[number - 1],))


def _is_called(facts: TrackFacts, piece: Piece, wanted: str) -> bool:
    if wanted.isdigit():
        return facts.number == int(wanted)
    track = piece.tracks[facts.number - 1]
    return any(wanted.lower() in name.lower() for name in (track.name, instrument_name(track.program, track.is_drum)))
