"""Which tracks of a piece people mean: by number, name, instrument or family, or as the melody or the drums."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from melodyforge.errors import SettingsError
from melodyforge.music.instruments import INSTRUMENTS, instrument_name
from melodyforge.music.melody import find_melody
from melodyforge.music.piece import Piece

MELODY = "melody"
MOST_LISTED = 24  # tracks that a message names


def tracks_called(piece: Piece, names: Iterable[str], setting: str) -> list[int]:
    """The tracks that names stand for, in order, each once.

    A number counts from 1. A name stands for the tracks called exactly so, else those of this instrument, or family of
    instruments; `drums` for all drums, `melody` for the track that carries it. A part of a name must single out one
    track, or tracks of one instrument.

    Args:
        piece: that has the tracks.
        names: as people write them, in any case.
        setting: that they were given by, for messages.

    Raises:
        SettingsError: a name stands for no track of the piece, or may stand for several; they are listed.
    """
    return sorted({index for name in names for index in _called(piece, name, setting)})


def _called(piece: Piece, name: str, setting: str) -> list[int]:
    for found in _readings(piece, name.strip().lower()):
        if found:
            return found
    parts = _with_part(piece, name.strip().lower())
    if len({(piece.tracks[index].name, _instrument(piece, index)) for index in parts}) == 1:
        return parts
    what = "which may be several tracks" if parts else "which none of its tracks is called"
    raise SettingsError(f"`{setting}` must name tracks of the primer: {_listed(piece)}. Received {name!r}, {what}.")


def _readings(piece: Piece, wanted: str) -> Iterator[list[int]]:
    """The tracks that are exactly what is wanted, by one reading after the other."""
    tracks = list(enumerate(piece.tracks))
    if wanted.isdigit():
        yield [index for index, _ in tracks if index + 1 == int(wanted)]
    yield [index for index, track in tracks if wanted and track.name.strip().lower() == wanted]
    if wanted == MELODY:
        melody = find_melody(piece)
        yield [melody.number - 1] if melody else []
    yield [index for index, _ in tracks if _instrument(piece, index) == wanted]
    yield [index for index, one in tracks if not one.is_drum and INSTRUMENTS[one.program].family == wanted]


def _with_part(piece: Piece, wanted: str) -> list[int]:
    """The tracks with a part of their name in common with what is wanted, else with a part of their instrument's."""
    numbers = range(len(piece.tracks))
    if not wanted or wanted.isdigit():
        return []
    by_name = [index for index in numbers if wanted in piece.tracks[index].name.lower()]
    return by_name or [index for index in numbers if wanted in _instrument(piece, index)]


def _instrument(piece: Piece, index: int) -> str:
    track = piece.tracks[index]
    return instrument_name(track.program, track.is_drum)


def _listed(piece: Piece) -> str:
    """All tracks in a line, such as "1 flute, 2 Left hand (acoustic grand piano)"."""
    said = []
    for index, track in enumerate(piece.tracks[:MOST_LISTED]):
        instrument = _instrument(piece, index)
        is_plain = track.name.strip().lower() in ("", instrument)
        said.append(f"{index + 1} {instrument}" if is_plain else f"{index + 1} {track.name.strip()} ({instrument})")
    return ", ".join(said + ["..."] * (len(piece.tracks) > MOST_LISTED))
