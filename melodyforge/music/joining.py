"""Two pieces as one, with empty bars between them. Knows pieces only; composes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from melodyforge.music.notation import first_bar_number
from melodyforge.music.piece import Piece, Track, sort_notes


@dataclass(frozen=True)
class Joined:
    """Two pieces, one behind the other.

    Attributes:
        piece: both; tempo and meter of the second hold from where it begins.
        start, stop: the steps between which there is nothing of either but notes that ring on.
        bars: the numbers of the bars between them, from 0.
    """

    piece: Piece
    start: int
    stop: int
    bars: range


def join(first: Piece, second: Piece, num_bars: int) -> Joined:
    """Puts a piece behind another, so many bars after the one in which the last notes of that begin.

    An upbeat of the second is the end of the last of these bars. Tracks of the same instrument become one, the first
    with the first, the second with the second.

    Args:
        first: that has bars, and notes.
        second: likewise.
        num_bars: at least 1.
    """
    bars, _, _ = first.bars_at(first.notes["onset"][-1:])
    begin = int(bars[0]) + 1
    start = first.start_of_bar(begin)
    ended = replace(
        first,
        tempos=tuple(one for one in first.tempos if one.onset < start),
        meters=tuple(one for one in first.meters if one.onset < start),
        chords=tuple(one for one in first.chords if one.onset < start),
    )
    has_upbeat = first_bar_number(second) == 0
    moved = ended.start_of_bar(begin + num_bars - has_upbeat)
    tracks, numbers = _common(first.tracks, second.tracks)
    notes = second.notes.copy()
    notes["onset"] += moved
    notes["track"] = numbers[notes["track"]]
    piece = replace(
        ended,
        notes=sort_notes(np.concatenate([first.notes, notes])),
        tracks=tracks,
        tempos=ended.tempos + tuple(replace(one, onset=one.onset + moved) for one in second.tempos),
        meters=ended.meters + tuple(replace(one, onset=one.onset + moved) for one in second.meters),
        chords=ended.chords + tuple(replace(one, onset=one.onset + moved) for one in second.chords),
        style=first.style or second.style,
        text="",
    )
    stop = int(notes["onset"][0]) if has_upbeat else moved
    return Joined(piece, start, stop, range(begin, begin + num_bars))


def _common(tracks: tuple[Track, ...], others: tuple[Track, ...]) -> tuple[tuple[Track, ...], np.ndarray]:
    """The tracks of two pieces together, and the number of each of the second's among them."""
    together, numbers, taken = [*tracks], list[int](), set[int]()
    for other in others:
        alike = (number for number, one in enumerate(tracks) if _kind(one) == _kind(other) and number not in taken)
        number = next(alike, len(together))
        if number == len(together):
            together.append(other)
        taken.add(number)
        numbers.append(number)
    return tuple(together), np.array(numbers)


def _kind(track: Track) -> tuple[int, bool, int]:
    """What two tracks have in common that can be one."""
    return track.program, track.is_drum, track.volume
