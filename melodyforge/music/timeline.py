"""A piece on the clock, as plain lists: what a player draws and steps through. Knows no browser."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from melodyforge.music.form import read_form, sections
from melodyforge.music.instruments import instrument_name, is_plain_name
from melodyforge.music.mix import MAX_PARTS, Mix, heard, part_of
from melodyforge.music.notation import bar_numbers, first_bar_number
from melodyforge.music.piece import FULL_VOLUME, Piece, Track
from melodyforge.music.voices import voice_names

SECONDS_BETWEEN_MARKS = 1.0  # where there are no bars
MAX_NAME_LENGTH = 24  # of a track
OTHERS = "others"  # what the last part is called where it holds several tracks


def timeline(piece: Piece, is_whole: bool = True) -> dict[str, Any]:
    """Notes, instruments, bar lines, chords and sections in seconds.

    Args:
        piece: the music.
        is_whole: whether it has come to its end; before, nobody knows its sections.

    Returns:
        `notes`: lists of start and length in seconds, pitch, velocity, and the index of the track;
        `tracks`: a dict of `name`, `part`, `program` and `is_drum` for each; `bars`: where bars begin, or every second
        of music that was played freely, then `is_free` is true; `first_bar`: what the first of the bars is called;
        `num_bars`: in how many notes may begin; `chords`: lists of seconds and symbol; `sections`: lists of seconds and
        letter; `seconds`: playing time.
    """
    notes = piece.notes
    onsets = piece.played_onsets
    starts = piece.seconds_at(onsets)
    lengths = piece.seconds_at(onsets + notes["duration"]) - starts
    columns = (starts.round(3), lengths.round(3), notes["pitch"], notes["velocity"], notes["track"])
    return {
        "name": piece.name,
        "notes": [list(row) for row in zip(*(column.tolist() for column in columns), strict=True)],
        "tracks": parts_of(piece),
        "bars": _bars(piece),
        "first_bar": first_bar_number(piece),
        "num_bars": 0 if piece.is_performed else len(bar_numbers(piece)),
        "chords": _placed(piece, [(placed.onset, placed.chord.text) for placed in piece.chords]),
        "sections": _sections(piece) if is_whole else [],
        "is_free": piece.is_performed,
        "seconds": round(piece.seconds, 3),
    }


def with_track_names(piece: Piece) -> Piece:
    """The piece with its tracks called as they are shown where they have no names, as music programs show them."""
    names = track_names(piece)
    tracks = [
        track if _own_name(track) else replace(track, name=name.capitalize())
        for track, name in zip(piece.tracks, names, strict=True)
    ]
    return replace(piece, tracks=tuple(tracks))


def heard_with_names(piece: Piece, mix: Mix) -> Piece:
    """The piece as it is heard (`heard`); its tracks keep their names, but those of other instruments get theirs.

    Raises:
        SettingsError: there is no such part or instrument.
    """
    sounding = {number: replace(fader, volume=fader.volume or FULL_VOLUME) for number, fader in mix.items()}
    return heard(with_track_names(heard(with_track_names(piece), sounding)), mix)


def track_names(piece: Piece) -> list[str]:
    """How each track is called, so that no two are called alike.

    By its own name where that says more than its instrument, as a voice or a hand where what it plays tells that, else
    by its instrument; those that would be called alike are numbered.
    """
    voices = voice_names(piece)
    names = [
        _own_name(track) or voices.get(index, instrument_name(track.program, track.is_drum))
        for index, track in enumerate(piece.tracks)
    ]
    return [
        f"{name} ({names[:number].count(name) + 1})" if names.count(name) > 1 else name
        for number, name in enumerate(names)
    ]


def parts_of(piece: Piece) -> list[dict[str, Any]]:
    """For each track its name and the part that it belongs to, its instrument, and whether it is drums."""
    many = len(piece.tracks) > MAX_PARTS
    return [
        {
            "name": OTHERS if many and index >= MAX_PARTS - 1 else name,
            "part": part_of(index, len(piece.tracks)),
            "program": track.program,
            "is_drum": track.is_drum,
        }
        for index, (name, track) in enumerate(zip(track_names(piece), piece.tracks, strict=True))
    ]


def _own_name(track: Track) -> str:
    """What a file calls a track, on one line; "" where that is its instrument."""
    name = " ".join(track.name.split())
    return "" if is_plain_name(name, track.program, track.is_drum) else name[:MAX_NAME_LENGTH].rstrip()


def _sections(piece: Piece) -> list[list[Any]]:
    parts = [] if piece.is_performed else sections(read_form(piece))
    return _placed(piece, [(piece.start_of_bar(part.bar), part.letter) for part in parts])


def _placed(piece: Piece, labels: list[tuple[int, str]]) -> list[list[Any]]:
    """Words at steps, as lists of seconds and words."""
    seconds = piece.seconds_at(np.array([step for step, _ in labels], np.int64)).round(3).tolist() if labels else []
    return [[at, words] for at, (_, words) in zip(seconds, labels, strict=True)]


def _bars(piece: Piece) -> list[float]:
    if piece.is_performed:
        return np.arange(0.0, piece.seconds + SECONDS_BETWEEN_MARKS, SECONDS_BETWEEN_MARKS).tolist()
    steps = np.arange(piece.end + 1)
    _, position, _ = piece.bars_at(steps)
    return piece.seconds_at(steps[position == 0]).round(3).tolist()
