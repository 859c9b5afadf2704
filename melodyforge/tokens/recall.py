"""What the music so far suggests for the next note: how it went on the last time, what stood there some bars ago.

Tunes return and phrases answer each other; a network that is told so need not keep every note in mind. Two forms
give the same answers, which a test holds: `WindowRecall` looks at all rows of a window at once, `GrowingRecall`
follows pieces while they are composed. Knows rows; knows no vocabulary and no network.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from copy import copy
from itertools import cycle, zip_longest
from typing import Any, NamedTuple

import numpy as np
from typing_extensions import override

from melodyforge.hashing import MODULUS, MULTIPLIER
from melodyforge.music.keys import SCALE_PROFILES
from melodyforge.tokens.features import Rows

MATCH_LENGTHS = (1, 2, 3, 4, 6, 8, 12, 16)  # stretches of so many notes are looked for in the past
HORIZON_ROWS = 512  # how far back
LONGEST_RUN, FARTHEST_COPY = 128, 256  # notes; what is repeated for longer, or from farther, is not counted
SCALE_ROWS = 64  # notes that tell the present scale
LONGEST_WEIGHT_STEPS = 48  # a longer note says no more about the scale
NOTHING = -1

# In the first column, for no scale at all, any weight leaves less than in the others.
_PROFILES = np.insert(SCALE_PROFILES, 0, SCALE_PROFILES.min() - 1, axis=1)
_SCALES = np.array([12, *range(12), *range(12)])  # of each column the tonic of its major scale
_MASK = MODULUS - 1  # a hash, however large or negative, modulo 2**64
_POWERS = [pow(MULTIPLIER, length, MODULUS) for length in MATCH_LENGTHS]


class Continuation(NamedTuple):
    """How the longest earlier stretch equal to the newest notes went on; `NOTHING` in all where there is none.

    Attributes:
        length: of the stretch, as an index into (0, *MATCH_LENGTHS).
        distance: how many notes before the newest one it ended; 0 where there is none or it is farther than
            `FARTHEST_COPY`.
        run: how many notes on end equal those at this distance, at most `LONGEST_RUN`; 0 without distance.
        shift, track, pitch, duration: of the note that came next; shapes (...).
    """

    length: np.ndarray
    distance: np.ndarray
    run: np.ndarray
    shift: np.ndarray
    track: np.ndarray
    pitch: np.ndarray
    duration: np.ndarray


class LineContinuation(NamedTuple):
    """How the line of one track went on after the same intervals and durations, moved to its present pitch.

    Attributes:
        length: as in `Continuation`.
        pitch, duration: of the note that came next, or `NOTHING`.
        last_duration: of the track's last note, or `NOTHING`.
    """

    length: np.ndarray
    pitch: np.ndarray
    duration: np.ndarray
    last_duration: np.ndarray


class NoteAfter(NamedTuple):
    """A note of the past, `NOTHING` in all where there is none; shapes (...)."""

    onset: np.ndarray
    track: np.ndarray
    pitch: np.ndarray
    duration: np.ndarray


class Recall(ABC):
    """The past of some moments, each before a row; shapes (num_moments,)."""

    @abstractmethod
    def continuation(self) -> Continuation:
        """How all tracks together went on."""

    @abstractmethod
    def line(self, track: np.ndarray) -> LineContinuation:
        """How the line of a track went on."""

    @abstractmethod
    def note_at(self, onset: np.ndarray, track: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pitch and duration of the lowest note that a track began at a step, or `NOTHING`; shapes as `onset`.

        Args:
            onset: shape (..., num_moments).
            track: shape (num_moments,).
        """

    @abstractmethod
    def note_after(self, onset: np.ndarray, track: np.ndarray, pitch: np.ndarray) -> NoteAfter:
        """The first note behind a place in the order of notes: by onset, then track, then pitch; however far back.

        Args:
            onset: shape (..., num_moments).
            track: shape (num_moments,).
            pitch: shape (num_moments,); -1 is before all.
        """

    @abstractmethod
    def shift_after(self, step: np.ndarray) -> np.ndarray:
        """Steps from a step to the next onset behind it, or `NOTHING`; shape as `step`, (..., num_moments)."""

    @abstractmethod
    def scale(self) -> np.ndarray:
        """Tonic of the major scale that fits the newest notes best, 0 = C; 12 without notes."""


class WindowRecall(Recall):
    """The past of every row of a stretch, and of what comes behind it."""

    def __init__(self, rows: np.ndarray, is_drum: np.ndarray, here: slice, first: int = 0) -> None:
        """Takes the rows of a stretch.

        Args:
            rows: with the fields onset, track, pitch and duration.
            is_drum: of each track.
            here: the moments asked for; moment i lies before row `first + i`.
            first: rows before this one are known to `note_after` alone.
        """
        self._whole, self._rows, self._is_drum, self._here = rows, rows[first:], is_drum, here
        self._moments = np.arange(len(rows) + 1)[here]
        self._oldest_row = self._moments - HORIZON_ROWS

    @override
    def continuation(self) -> Continuation:
        rows = self._rows
        shifts = np.diff(rows["onset"], prepend=0)
        tokens = _token(shifts, rows["duration"], rows["pitch"], rows["track"])
        found, before = _matches(tokens, np.arange(len(rows)), np.zeros(len(rows), np.int64))
        newest = self._moments - 1
        place, length = self._longest(found, before, newest, self._oldest_row)
        following = np.where(place >= 0, place + 1, NOTHING)
        values = (_at(values, following) for values in (shifts, rows["track"], rows["pitch"], rows["duration"]))
        return Continuation(length, *self._copied(found, before), *values)

    def _copied(self, found: np.ndarray, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distance and run for each moment, see `Continuation`; the arguments are as `_longest` takes them."""
        first = max(0, self._here.start - LONGEST_RUN)
        newest = np.arange(first, self._moments[-1] + 1) - 1
        place, length = self._longest(found, before, newest, newest + 1 - HORIZON_ROWS)
        distance = _copy_distance(newest, place)
        begins = np.diff(distance, prepend=-1) != 0
        start = np.maximum.accumulate(np.where(begins, np.arange(len(distance)), 0))
        run = np.arange(len(distance)) - start + np.array((0, *MATCH_LENGTHS))[length[start]]
        run = np.where(distance > 0, np.minimum(run, LONGEST_RUN), 0)
        return distance[self._moments[0] - first :], run[self._moments[0] - first :]

    @override
    def line(self, track: np.ndarray) -> LineContinuation:
        rows = self._rows
        order = np.argsort(rows["track"], kind="stable")  # line after line
        tracks, pitches = rows["track"][order].astype(np.int64), rows["pitch"][order].astype(np.int64)
        durations = rows["duration"][order]
        starts = np.searchsorted(tracks, tracks)  # where the line of each note begins
        tokens = _token(np.diff(pitches, prepend=0), durations, 0, tracks)
        found, before = _matches(tokens, order, starts + 1)  # a first note has no interval
        newest = self._newest_of_line(order, tracks, track)
        place, length = self._longest(found, before, newest, self._oldest_row)
        following = np.where(place >= 0, place + 1, NOTHING)
        step = _at(pitches, following) - _at(pitches, place)
        return LineContinuation(
            length,
            np.where(place >= 0, np.clip(_at(pitches, newest) + step, 0, 127), NOTHING),
            _at(durations, following),
            _at(durations, newest),
        )

    @override
    def note_at(self, onset: np.ndarray, track: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        keys = self._rows["onset"].astype(np.int64) * 256 + self._rows["track"]
        wanted = onset.astype(np.int64) * 256 + track
        index = np.searchsorted(keys, wanted)
        is_there = (onset >= 0) & (_at(keys, index) == wanted) & (index < self._moments) & (index >= self._oldest_row)
        index = np.where(is_there, index, NOTHING)
        return _at(self._rows["pitch"], index), _at(self._rows["duration"], index)

    @override
    def note_after(self, onset: np.ndarray, track: np.ndarray, pitch: np.ndarray) -> NoteAfter:
        rows, first = self._whole, len(self._whole) - len(self._rows)
        keys = _place(rows["onset"].astype(np.int64), rows["track"], rows["pitch"])
        index = np.searchsorted(keys, _place(onset.astype(np.int64), track, pitch), side="right")
        index = np.where((onset >= 0) & (index < first + self._moments), index, NOTHING)
        return NoteAfter(*(_at(rows[name], index) for name in NoteAfter._fields))

    @override
    def shift_after(self, step: np.ndarray) -> np.ndarray:
        index = np.searchsorted(self._rows["onset"], step, side="right")
        is_there = (step >= 0) & (index < self._moments) & (index >= self._oldest_row)
        return np.where(is_there, _at(self._rows["onset"], index) - step, NOTHING)

    @override
    def scale(self) -> np.ndarray:
        rows = self._rows
        weights = np.zeros((len(rows) + 1, 12), np.int64)
        weights[np.arange(1, len(rows) + 1), rows["pitch"] % 12] = _weight(
            rows["duration"], self._is_drum[rows["track"]]
        )
        sums = weights.cumsum(axis=0)
        sums[SCALE_ROWS:] -= sums[:-SCALE_ROWS].copy()
        return _best_scale(sums[self._here] @ _PROFILES)

    def _newest_of_line(self, order: np.ndarray, tracks: np.ndarray, track: np.ndarray) -> np.ndarray:
        """For each moment the place in `order` of the track's last note before it, or `NOTHING`."""
        size = len(self._rows) + 1
        index = np.searchsorted(tracks * size + order, track.astype(np.int64) * size + self._moments) - 1
        return np.where((index >= 0) & (_at(tracks, index) == track), index, NOTHING)

    def _longest(
        self, found: np.ndarray, before: np.ndarray, newest: np.ndarray, oldest_row: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The longest match for each moment that lies within the horizon.

        Args:
            found: for each length and place the latest earlier place with the same stretch, or `NOTHING`.
            before: for each length and place the row before the first of its stretch; -1 before the piece.
            newest: for each moment the place of its newest note.
            oldest_row: for each moment the first row within the horizon.

        Returns:
            The earlier place, or `NOTHING`, and the class of the length.
        """
        place, length = np.full(len(newest), NOTHING), np.zeros(len(newest), np.int64)
        for index in range(len(MATCH_LENGTHS)):
            earlier = _at(found[index], newest)
            is_near = (earlier >= 0) & (_at(before[index], earlier) >= oldest_row)
            place = np.where(is_near, earlier, place)
            length = np.where(is_near, index + 1, length)
        return place, length


class GrowingRecall(Recall):
    """The past of several pieces, row by row."""

    def __init__(self, num_pieces: int, is_drum: np.ndarray) -> None:
        self._pieces = [_GrowingPiece(len(is_drum)) for _ in range(num_pieces)]
        self._is_drum = is_drum
        self._fits = np.zeros((num_pieces, _PROFILES.shape[1]), np.int64)
        self._newest: deque[np.ndarray] = deque()  # what each of the last `SCALE_ROWS` rows gave to the fits

    def append(self, shift: np.ndarray, rows: Rows) -> None:
        """Takes one row of each piece into the past; shapes (num_pieces,)."""
        pitch_class = rows["pitch"] % 12
        weight = _weight(rows["duration"], self._is_drum[rows["track"]])
        newest = _PROFILES.take(pitch_class, axis=0) * weight[:, None]
        self._fits += newest
        self._newest.append(newest)
        if len(self._newest) > SCALE_ROWS:
            self._fits -= self._newest.popleft()
        columns = (rows[name].tolist() for name in ("onset", "track", "pitch", "duration"))
        for piece, *values in zip(self._pieces, shift.tolist(), *columns, strict=True):
            piece.append(*values)

    def extend(self, rows: np.ndarray) -> None:
        """Takes the first rows of the one piece that there is into its past."""
        shifts = np.diff(rows["onset"], prepend=0)
        columns = (rows[name].tolist() for name in ("onset", "track", "pitch", "duration"))
        for values in zip(shifts.tolist(), *columns, strict=True):
            self._pieces[0].append(*values)
        newest = rows[-SCALE_ROWS:]
        weights = _weight(newest["duration"], self._is_drum[newest["track"]])
        profiles = _PROFILES.take(newest["pitch"] % 12, axis=0) * weights[:, None]
        self._fits, self._newest = profiles.sum(axis=0, keepdims=True), deque(profiles[:, None])

    def go_back(self, piece_index: int, alone: GrowingRecall) -> None:
        """Gives one piece the past that it has alone, where it has no more rows."""
        self._pieces[piece_index], self._fits[piece_index] = alone._pieces[0], alone._fits[0]
        for newest, of_one in zip_longest(reversed(self._newest), reversed(alone._newest)):
            newest[piece_index] = 0 if of_one is None else of_one[0]

    def follow(self, sources: np.ndarray) -> None:
        """Gives every piece the past of another, shape (num_pieces,)."""
        chosen = enumerate(sources.tolist())
        self._pieces = [
            self._pieces[source] if source == place else self._pieces[source].copy() for place, source in chosen
        ]
        self._fits, self._newest = self._fits[sources], deque(newest[sources] for newest in self._newest)

    @override
    def continuation(self) -> Continuation:
        found = [piece.continuation() for piece in self._pieces]
        return Continuation(*np.array(found).T)

    @override
    def line(self, track: np.ndarray) -> LineContinuation:
        found = [piece.line(number) for piece, number in zip(self._pieces, track.tolist(), strict=True)]
        return LineContinuation(*np.array(found).T)

    @override
    def note_at(self, onset: np.ndarray, track: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pieces, tracks = cycle(self._pieces), cycle(track.tolist())
        steps = onset.reshape(-1).tolist()
        found = [piece.note_at(step, number) for step, piece, number in zip(steps, pieces, tracks, strict=False)]
        pitch, duration = np.array(found).T.reshape(2, *onset.shape)
        return pitch, duration

    @override
    def note_after(self, onset: np.ndarray, track: np.ndarray, pitch: np.ndarray) -> NoteAfter:
        pieces, places = cycle(self._pieces), _place(onset.astype(np.int64), track, pitch).reshape(-1).tolist()
        found = [piece.note_after(place) for place, piece in zip(places, pieces, strict=False)]
        return NoteAfter(*np.array(found).T.reshape(len(NoteAfter._fields), *onset.shape))

    @override
    def shift_after(self, step: np.ndarray) -> np.ndarray:
        steps = step.reshape(-1).tolist()
        found = [piece.shift_after(one) for one, piece in zip(steps, cycle(self._pieces), strict=False)]
        return np.array(found).reshape(step.shape)

    @override
    def scale(self) -> np.ndarray:
        return _best_scale(self._fits)


class _GrowingPiece:
    """The past of one piece; plain Python, because each step looks up a few numbers only."""

    def __init__(self, num_tracks: int) -> None:
        self._rows: list[tuple[int, int, int, int, int]] = []  # shift, onset, track, pitch, duration
        self._onsets: list[int] = []
        self._places: list[int] = []
        self._first_at = _Newest()  # by onset and track
        self._all = _Stretches()
        self._place, self._length, self._distance, self._run = NOTHING, 0, 0, 0
        self._lines = [_Stretches() for _ in range(num_tracks)]

    def copy(self) -> _GrowingPiece:
        """The same past, that goes on in another way."""
        other = copy(self)
        other._rows, other._onsets, other._places = [*self._rows], [*self._onsets], [*self._places]
        other._first_at, other._all = self._first_at.copy(), self._all.copy()
        other._lines = [line.copy() for line in self._lines]
        return other

    def append(self, shift: int, onset: int, track: int, pitch: int, duration: int) -> None:
        row, line = len(self._rows), self._lines[track]
        interval = pitch - self._rows[line.rows[-1]][3] if line.rows else 0
        self._rows.append((shift, onset, track, pitch, duration))
        self._onsets.append(onset)
        self._places.append(_place(onset, track, pitch))
        if row % HORIZON_ROWS == 0:
            self._first_at.forget()
        if self._first_at.get((onset, track)) == NOTHING:
            self._first_at.now[onset, track] = row
        self._all.append(_token_of_one(shift, duration, pitch, track), row)
        line.append(_token_of_one(interval, duration, 0, track), row, has_token=bool(line.rows))
        self._place, self._length = self._all.longest(row + 1 - HORIZON_ROWS)
        distance = row - self._place
        if self._place < 0 or distance > FARTHEST_COPY:
            self._distance = self._run = 0
        elif distance == self._distance:
            self._run = min(self._run + 1, LONGEST_RUN)
        else:
            self._distance, self._run = distance, MATCH_LENGTHS[self._length - 1]

    def continuation(self) -> tuple[int, ...]:
        if self._place < 0:
            return 0, 0, 0, NOTHING, NOTHING, NOTHING, NOTHING
        shift, _, track, pitch, duration = self._rows[self._place + 1]
        return self._length, self._distance, self._run, shift, track, pitch, duration

    def line(self, track: int) -> tuple[int, int, int, int]:
        rows = self._lines[track].rows
        if not rows:
            return 0, NOTHING, NOTHING, NOTHING
        last_pitch, last_duration = self._rows[rows[-1]][3:]
        place, length = self._lines[track].longest(len(self._rows) - HORIZON_ROWS)
        if place < 0:
            return 0, NOTHING, NOTHING, last_duration
        following, matched = self._rows[rows[place + 1]], self._rows[rows[place]]
        pitch = min(127, max(0, last_pitch + following[3] - matched[3]))
        return length, pitch, following[4], last_duration

    def note_at(self, onset: int, track: int) -> tuple[int, int]:
        row = self._first_at.get((onset, track))
        if row < max(0, len(self._rows) - HORIZON_ROWS):
            return NOTHING, NOTHING
        return self._rows[row][3:]

    def note_after(self, place: int) -> tuple[int, int, int, int]:
        row = bisect_right(self._places, place) if place >= -1 else len(self._rows)  # -1: before all of step 0
        return self._rows[row][1:] if row < len(self._rows) else (NOTHING,) * 4

    def shift_after(self, step: int) -> int:
        if step < 0:
            return NOTHING
        row = bisect_right(self._onsets, step)
        if row >= len(self._rows) or row < len(self._rows) - HORIZON_ROWS:
            return NOTHING
        return self._onsets[row] - step


class _Newest:
    """Where things were last, for as long as somebody may ask, so that memory stays the same in long pieces.

    Attributes:
        now: by thing, since the last time to forget.
    """

    __slots__ = ("_before", "now")

    def __init__(self) -> None:
        self.now: dict[Any, int] = {}
        self._before: dict[Any, int] = {}

    def copy(self) -> _Newest:
        """The same, that goes on in another way."""
        other = _Newest()
        other.now, other._before = self.now.copy(), self._before.copy()
        return other

    def get(self, thing: Any) -> int:
        """Where it was, or `NOTHING`."""
        now = self.now
        return now[thing] if thing in now else self._before.get(thing, NOTHING)

    def forget(self) -> None:
        """Is called once in `HORIZON_ROWS` places, or less often; forgets what was there before the last time."""
        self._before, self.now = self.now, {}


class _Stretches:
    """A growing sequence of tokens that finds its newest stretches again in its past.

    A stretch is known by its hash, h = t[1] m^(n-1) + ... + t[n-1] m + t[n] modulo 2**64 for n tokens t, which follows
    from those of the sequence up to its end and up to its beginning (Karp and Rabin, "Efficient randomized
    pattern-matching algorithms", 1987).

    Attributes:
        rows: the row of each place.
    """

    def __init__(self) -> None:
        self.rows: list[int] = []
        self._hashes = [0]  # of the first 0, 1, 2, ... tokens
        # By hash, where a stretch of each length ended last; and m to the power of the length.
        self._latest = [(_Newest(), length, power) for length, power in zip(MATCH_LENGTHS, _POWERS, strict=True)]
        self._found: list[int] = []  # where the newest stretch ended before, for each length that there are tokens for

    def copy(self) -> _Stretches:
        """The same sequence, that goes on in another way."""
        other = _Stretches()
        other.rows, other._hashes, other._found = [*self.rows], [*self._hashes], [*self._found]
        other._latest = [(latest.copy(), length, power) for latest, length, power in self._latest]
        return other

    def append(self, token: int, row: int, has_token: bool = True) -> None:
        """Adds a place; without a token of its own it only gives the next one something to start from."""
        place = len(self.rows)
        self.rows.append(row)
        if not has_token:
            return
        hashes, found = self._hashes, list[int]()
        of_all = (token + MULTIPLIER * hashes[-1]) & _MASK
        hashes.append(of_all)
        num_tokens = len(hashes) - 1
        is_time_to_forget = place % HORIZON_ROWS == 0
        for latest, length, power in self._latest:
            if length > num_tokens:
                break
            if is_time_to_forget:
                latest.forget()
            stretch = (of_all - power * hashes[num_tokens - length]) & _MASK
            found.append(latest.get(stretch))
            latest.now[stretch] = place
        self._found = found

    def longest(self, oldest_row: int) -> tuple[int, int]:
        """The latest place where the longest stretch equal to the newest one ended, and the class of its length.

        Places that begin at or before a row older than `oldest_row` do not count.
        """
        for index in range(len(self._found) - 1, -1, -1):
            place = self._found[index]
            before = place - MATCH_LENGTHS[index]
            if place >= 0 and (self.rows[before] if before >= 0 else NOTHING) >= oldest_row:
                return place, index + 1
        return NOTHING, 0


def _token_of_one(first: int, duration: int, pitch: int, track: int) -> int:
    """One number for a note: `first` is its shift, or its interval from the note before."""
    return ((((first + 4096) * 65536 + duration) * 256 + pitch) * 256 + track) & _MASK


def _token(first: np.ndarray, duration: np.ndarray, pitch: np.ndarray | int, track: np.ndarray) -> np.ndarray:
    """The same of many notes, uint64."""
    wide = [np.asarray(values).astype(np.int64) for values in (first, duration, pitch, track)]
    return ((((wide[0] + 4096) * 65536 + wide[1]) * 256 + wide[2]) * 256 + wide[3]).astype(np.uint64)


def _matches(tokens: np.ndarray, rows: np.ndarray, first_token: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Finds every stretch of every length again.

    Args:
        tokens: uint64, shape (n,).
        rows: the row of each place, shape (n,).
        first_token: for each place the first place with a token in its line, shape (n,).

    Returns:
        As `WindowRecall._longest` takes them; shapes (num_lengths, n).
    """
    num_tokens_of_line = np.arange(len(tokens)) - first_token + 1  # up to each place
    rows_after_nothing = np.concatenate([np.full(MATCH_LENGTHS[-1], NOTHING), rows])
    found, before = [], []
    for length, hashes in zip(MATCH_LENGTHS, _hashes_of_stretches(tokens), strict=True):
        found.append(_latest_equal(hashes, num_tokens_of_line >= length))
        first = MATCH_LENGTHS[-1] - length
        before.append(rows_after_nothing[first : first + len(rows)])
    return np.stack(found), np.stack(before)


def _hashes_of_stretches(tokens: np.ndarray) -> Iterator[np.ndarray]:
    """For each of `MATCH_LENGTHS` the hash of the stretch that ends at each place, as in `_Stretches`; uint64, (n,).

    Where a stretch would begin before the first token, it means nothing.
    """
    hashes = tokens
    for length in range(1, MATCH_LENGTHS[-1] + 1):
        if length in MATCH_LENGTHS:
            yield hashes
        one_token_more = tokens.copy()
        one_token_more[1:] += MULTIPLIER * hashes[:-1]
        hashes = one_token_more


def _latest_equal(hashes: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """For each place the latest earlier one with an equal hash, or `NOTHING`, among those that count; shapes (n,)."""
    places = np.flatnonzero(counts)
    order = places[np.argsort(hashes[places], kind="stable")]  # equal ones side by side, from early to late
    earlier, later = order[:-1], order[1:]
    is_equal = hashes[earlier] == hashes[later]
    latest = np.full(len(hashes), NOTHING)
    latest[later[is_equal]] = earlier[is_equal]
    return latest


def _place(onset: Any, track: Any, pitch: Any) -> Any:
    """A number that orders notes by onset, track and pitch; negative before the first step."""
    return (onset * 256 + track) * 128 + pitch


def _copy_distance(newest: np.ndarray, place: np.ndarray) -> np.ndarray:
    """How many notes before the newest ones the places lie, 0 for none or farther than is counted."""
    distance = newest - place
    return np.where((place >= 0) & (distance <= FARTHEST_COPY), distance, 0)


def _at(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Values at an index, `NOTHING` where there is no such index; int64."""
    if not len(values):
        return np.full(index.shape, NOTHING)
    is_there = (index >= 0) & (index < len(values))
    return np.where(is_there, values[np.where(is_there, index, 0)].astype(np.int64), NOTHING)


def _weight(duration: np.ndarray, is_drum: np.ndarray) -> np.ndarray:
    return np.minimum(duration, LONGEST_WEIGHT_STEPS) * ~is_drum


def _best_scale(fits: np.ndarray) -> np.ndarray:
    """For each row of sums of weighted `_PROFILES` the tonic of the major scale; 12 where all weights are 0."""
    return _SCALES.take(fits.argmax(axis=1))
