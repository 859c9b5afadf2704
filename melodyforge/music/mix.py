"""What is heard of a piece: parts that are silent, softer, or played by other instruments.

A part is a track; of very many tracks the last part holds all that remain. Knows no sound.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from melodyforge.errors import SettingsError
from melodyforge.music.instruments import INSTRUMENTS, is_plain_name
from melodyforge.music.piece import FULL_VOLUME, Piece, Track

MAX_PARTS = 16
_FADER = re.compile(r"(?P<part>\d{1,2})v(?P<volume>\d{1,3})(?:p(?P<program>\d{1,3}))?")


@dataclass(frozen=True, slots=True)
class Fader:
    """How a part is heard.

    Attributes:
        volume: 0 (silent) to `FULL_VOLUME` (as it is).
        program: the instrument that plays it, as General MIDI numbers them; None for its own.
    """

    volume: int = FULL_VOLUME
    program: int | None = None


Mix = Mapping[int, Fader]  # by number of the part, from 0; parts that are not in it are heard as they are
AS_IT_IS: Mix = {}


def part_of(track: int, num_tracks: int) -> int:
    """The part that a track belongs to."""
    return min(track, MAX_PARTS - 1) if num_tracks > MAX_PARTS else track


def num_parts(piece: Piece) -> int:
    """How many parts there are."""
    return min(len(piece.tracks), MAX_PARTS)


def part(piece: Piece, number: int, program: int | None = None) -> Piece:
    """One part alone, from the beginning of the piece, played by its own or another instrument.

    Raises:
        SettingsError: there is no such part or instrument.
    """
    if not 0 <= number < num_parts(piece):
        raise SettingsError(f"A part must lie in 0 to {num_parts(piece) - 1}. Received {number}.")
    mix = {one: Fader(0) for one in range(num_parts(piece)) if one != number}
    return heard(piece, {**mix, number: Fader(FULL_VOLUME, program)})


def heard(piece: Piece, mix: Mix) -> Piece:
    """The piece as it is heard: without silent parts, with volumes and instruments as the mix has them.

    Raises:
        SettingsError: there is no such part or instrument.
    """
    if not mix:
        return piece
    if max(mix) >= num_parts(piece):
        raise SettingsError(f"A part must lie in 0 to {num_parts(piece) - 1}. Received {max(mix)}.")
    faders = [mix.get(part_of(index, len(piece.tracks)), Fader()) for index in range(len(piece.tracks))]
    tracks = tuple(_played(track, fader) for track, fader in zip(piece.tracks, faders, strict=True))
    is_heard = np.array([fader.volume > 0 for fader in faders], bool)
    return replace(piece, tracks=tracks, notes=piece.notes[is_heard[piece.notes["track"]]])


def _played(track: Track, fader: Fader) -> Track:
    """A track as a fader has it; one that was called by its instrument loses that name with it."""
    volume = fader.volume or FULL_VOLUME
    if fader.program in (None, track.program) or track.is_drum:
        return replace(track, volume=volume)
    name = "" if is_plain_name(track.name, track.program) else track.name
    return Track(_checked(fader.program), name=name, volume=volume)


def mix_of(text: str) -> Mix:
    """Reads what a page says of a mix, such as "1v0_3v70p40": the second part is silent, the fourth a soft violin.

    Raises:
        SettingsError: it says something else.
    """
    mix = dict[int, Fader]()
    for one in text.split("_") if text else ():
        found = _FADER.fullmatch(one)
        if not found or int(found["volume"]) > FULL_VOLUME or int(found["part"]) >= MAX_PARTS:
            raise SettingsError(f"A mix must name parts and volumes, such as 1v0_3v70p40. Received {text[:40]!r}.")
        mix[int(found["part"])] = Fader(
            int(found["volume"]), None if found["program"] is None else _checked(int(found["program"]))
        )
    return mix


def _checked(program: int) -> int:
    if not 0 <= program < len(INSTRUMENTS):
        raise SettingsError(f"An instrument must lie in 0 to {len(INSTRUMENTS) - 1}. Received {program}.")
    return program
