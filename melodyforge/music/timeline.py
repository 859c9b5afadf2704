"""A piece on the clock, as plain lists: what a player draws and steps through. Knows no browser."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from melodyforge.music.instruments import instrument_name
from melodyforge.music.notation import first_bar_number
from melodyforge.music.piece import Piece

SECONDS_BETWEEN_MARKS = 1.0  # where there are no bars


def timeline(piece: Piece) -> dict[str, Any]:
    """Notes, instruments and bar lines in seconds.

    Returns:
        `notes`: lists of start and length in seconds, pitch, velocity, and the index of the track;
        `tracks`: a dict of `name` and `is_drum` for each; `bars`: where bars begin, or every second of
        music that was played freely, then `is_free` is true; `first_bar`: what the first of the bars is called;
        `seconds`: playing time.
    """
    notes = piece.notes
    onsets = piece.played_onsets
    starts = piece.seconds_at(onsets)
    lengths = piece.seconds_at(onsets + notes["duration"]) - starts
    columns = (starts.round(3), lengths.round(3), notes["pitch"], notes["velocity"], notes["track"])
    return {
        "name": piece.name,
        "notes": [list(row) for row in zip(*(column.tolist() for column in columns), strict=True)],
        "tracks": [
            {"name": name, "is_drum": track.is_drum}
            for name, track in zip(track_names(piece), piece.tracks, strict=True)
        ],
        "bars": _bars(piece),
        "first_bar": first_bar_number(piece),
        "is_free": piece.is_performed,
        "seconds": round(piece.seconds, 3),
    }


def with_track_names(piece: Piece) -> Piece:
    """The piece with its tracks called by their instruments where they have no names, as music programs show them."""
    names = track_names(piece)
    tracks = [
        replace(track, name=track.name or name.capitalize()) for track, name in zip(piece.tracks, names, strict=True)
    ]
    return replace(piece, tracks=tuple(tracks))


def track_names(piece: Piece) -> list[str]:
    """The instrument of each track; those of the same instrument are numbered."""
    names = [instrument_name(track.program, track.is_drum) for track in piece.tracks]
    return [
        f"{name} ({names[:number].count(name) + 1})" if names.count(name) > 1 else name
        for number, name in enumerate(names)
    ]


def _bars(piece: Piece) -> list[float]:
    if piece.is_performed:
        return np.arange(0.0, piece.seconds + SECONDS_BETWEEN_MARKS, SECONDS_BETWEEN_MARKS).tolist()
    steps = np.arange(piece.end + 1)
    _, position, _ = piece.bars_at(steps)
    return piece.seconds_at(steps[position == 0]).round(3).tolist()
