"""Changes of a piece by hand: other notes, fewer bars, bars once more. Knows no page and keeps nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from melodyforge.errors import SettingsError
from melodyforge.music.chord_symbols import PlacedChord
from melodyforge.music.limits import MAX_NOTES, MAX_QUARTERS
from melodyforge.music.piece import NOTE_DTYPE, STEPS_PER_QUARTER, Meter, Piece, Tempo, sort_notes, without_doubles
from melodyforge.words import counted

GRIDS = (24, 12, 6, 8, 3, 4, 2)  # steps, from quarters to what is finer than 32nds
ON_GRID = 0.9  # of the notes, where a grid is a take's own
FREE_GRID = 3  # steps, in music without a beat
LOWEST, HIGHEST = (0, 1, 0, 0, 1, -128), (MAX_QUARTERS * STEPS_PER_QUARTER, 2**20, 255, 127, 127, 127)  # of a note
MAX_ROWS = 10_000  # that one change may name

_Change = TypeVar("_Change", Tempo, Meter, PlacedChord)
_Stretch = tuple[int, int]  # of steps, from the first to the one behind the last


def grid_of(piece: Piece) -> int:
    """The steps of the coarsest grid, counted from the bar lines, on which nearly all notes begin."""
    if piece.is_performed or not len(piece):
        return FREE_GRID
    _, places, _ = piece.bars_at(piece.notes["onset"])
    return next((grid for grid in GRIDS if (places % grid == 0).mean() >= ON_GRID), 1)


def edited(piece: Piece, change: Mapping[str, Any]) -> tuple[Piece, str]:
    """A piece as a page has it changed, and what was done in a few words.

    Args:
        piece: as it was.
        change: of notes, by `removed` and `added`, lists of onset, duration, track, pitch, velocity and micro-timing;
            or of bars, by `bars`, the numbers of the first and the last from 0, and `act`, "delete" or "copy".

    Raises:
        SettingsError: it says something else, or names notes or bars that are not there, or leaves no note.
    """
    if "bars" in change:
        after, words = _with_bars(piece, change)
    else:
        removed, added = _rows(change.get("removed"), piece), _rows(change.get("added"), piece)
        if not len(removed) + len(added):
            raise SettingsError("An edit must be of some notes. Received none; reload the page.")
        after, words = with_other_notes(piece, removed, added), _told(len(removed), len(added))
    if not len(after):
        raise SettingsError("A take must have a note. This edit leaves none; add another note first.")
    if len(after) > MAX_NOTES or after.end > MAX_QUARTERS * STEPS_PER_QUARTER:
        raise SettingsError(f"A take must have at most {MAX_NOTES:,} notes. Copy fewer bars.")
    return after, words


def with_other_notes(piece: Piece, removed: np.ndarray, added: np.ndarray) -> Piece:
    """The piece without some notes and with others; where a note is added, another that began there gives way.

    Raises:
        SettingsError: a note to be removed is not there.
    """
    gone, there = set(map(_key, removed.tolist())), set(map(_key, piece.notes.tolist()))
    if not gone <= there:
        raise SettingsError("An edit must be of notes that are there. One of these is not; reload the page.")
    taken = set(map(_place, added.tolist()))
    is_left = [_key(row) not in gone and _place(row) not in taken for row in piece.notes.tolist()]
    return piece.with_notes(np.concatenate([piece.notes[is_left], without_doubles(added)]))


def without_bars(piece: Piece, first: int, last: int) -> Piece:
    """The piece without some bars, counted from 0; what comes behind begins so much earlier."""
    start, stop = piece.start_of_bar(first), piece.start_of_bar(last + 1)
    return _spliced(piece, [(0, start), (stop, max(stop, piece.end))])


def with_bars_again(piece: Piece, first: int, last: int) -> Piece:
    """The piece with some bars, counted from 0, once more behind them."""
    start, stop = piece.start_of_bar(first), piece.start_of_bar(last + 1)
    return _spliced(piece, [(0, stop), (start, stop), (stop, max(stop, piece.end))])


BARS: dict[str, tuple[Callable[[Piece, int, int], Piece], str]] = {
    "delete": (without_bars, "deleted"),
    "copy": (with_bars_again, "copied"),
}


def _with_bars(piece: Piece, change: Mapping[str, Any]) -> tuple[Piece, str]:
    bars, act = change["bars"], change.get("act")
    is_two = isinstance(bars, list) and len(bars) == 2 and all(type(bar) is int for bar in bars)
    num_bars = int(piece.bars_at(piece.notes["onset"])[0].max(initial=0)) + 1
    if piece.is_performed or act not in BARS or not is_two or not 0 <= bars[0] <= bars[1] < num_bars:
        raise SettingsError("An edit must be of bars that are there. These are not; reload the page.")
    change_bars, words = BARS[act]
    return change_bars(piece, *bars), f"{counted(bars[1] - bars[0] + 1, 'bar')} {words}"


def _spliced(piece: Piece, stretches: Sequence[_Stretch]) -> Piece:
    """Stretches of a piece one behind the other; notes ring on only into what followed them in the piece."""
    notes, begin = list[np.ndarray](), 0
    for index, (start, stop) in enumerate(stretches):
        part = piece.notes[(piece.notes["onset"] >= start) & (piece.notes["onset"] < stop)].copy()
        if index + 1 < len(stretches) and stretches[index + 1][0] != stop:
            part["duration"] = np.minimum(part["duration"], stop - part["onset"])
        part["onset"] += begin - start
        notes.append(part)
        begin += stop - start
    return replace(
        piece,
        notes=sort_notes(np.concatenate(notes)),
        tempos=_changes(piece.tempos, stretches),
        meters=_changes(piece.meters, stretches),
        chords=_changes(piece.chords, stretches),
    )


def _changes(changes: Sequence[_Change], stretches: Sequence[_Stretch]) -> tuple[_Change, ...]:
    """Changes of tempo, meter or chord as they hold in the stretches, one behind the other."""
    placed, begin = list[_Change](), 0
    for start, stop in stretches:
        if start < stop:
            held = [replace(one, onset=start) for one in changes if one.onset <= start][-1:]
            held += [one for one in changes if start < one.onset < stop]
            placed += [replace(one, onset=one.onset + begin - start) for one in held]
        begin += stop - start
    return tuple(_without_repeats(placed))


def _without_repeats(changes: list[_Change]) -> Iterator[_Change]:
    """Changes without those that change nothing."""
    former: _Change | None = None
    for one in changes:
        if former is None or replace(former, onset=one.onset) != one:
            yield one
        former = one


def _rows(rows: Any, piece: Piece) -> np.ndarray:
    """Notes of a change, of `NOTE_DTYPE`."""
    rows = [] if rows is None else rows
    is_list = isinstance(rows, list) and len(rows) <= MAX_ROWS
    if not is_list or not all(_is_note(row, len(piece.tracks)) for row in rows):
        raise SettingsError(f"An edit must be of notes that MIDI knows. Received {str(rows)[:60]}. Reload the page.")
    return np.array([tuple(row) for row in rows], NOTE_DTYPE)


def _key(row: tuple[int, ...]) -> tuple[int, ...]:
    """By which a note is found: onset, duration, track and pitch."""
    return row[:4]


def _place(row: tuple[int, ...]) -> tuple[int, ...]:
    """Where a note is struck: onset, track and pitch."""
    return row[0], row[2], row[3]


def _is_note(row: Any, num_tracks: int) -> bool:
    is_row = isinstance(row, list) and len(row) == len(LOWEST) and all(type(value) is int for value in row)
    return is_row and all(map(_is_between, LOWEST, row, HIGHEST)) and row[2] < num_tracks


def _is_between(low: int, value: int, high: int) -> bool:
    return low <= value <= high


def _told(num_removed: int, num_added: int) -> str:
    done = "added" if not num_removed else "changed" if num_added else "deleted"
    return f"{counted(max(num_removed, num_added), 'note')} {done}"
