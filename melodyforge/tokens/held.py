"""Notes that stand while others are composed beside them: kept tracks, or all but the bars that are composed anew.

A network is told which notes are to come and where it is free; what is held is never drawn otherwise (`allow`). Knows
rows; knows no vocabulary and no network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from melodyforge.music.piece import NUM_PITCHES
from melodyforge.tokens.bins import Bins
from melodyforge.tokens.features import Rows

FAR = 2**30  # steps; behind all music
LOOK_AHEAD_STEPS = 192  # held notes are heard coming from so far away: two bars of 4/4
NEAREST_LEVEL = 96  # of a note that comes at once, in the steps of a feature of levels
NOT_TOLD, BEFORE, INSIDE, BEHIND = range(4)  # whether anything is held, and where the free stretch lies
NUM_PLACES = 4
UNKNOWN_TRACK, FREE_TRACK, HELD_TRACK = range(3)
NUM_TRACK_STATES = 3
_TRACK_BITS, _PIECE_BITS = 8, 16 + 31  # of a key: piece, onset, track, pitch

IDENTITY = ("onset", "track", "pitch")  # by which a row is known

BarsAt = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]


class Parted:
    """Something that lies in one or more stretches of steps.

    Attributes:
        parts: in order, steps between which notes may begin.
    """

    parts: tuple[tuple[int, int], ...]

    @property
    def start(self) -> int:
        """The step at which the first stretch begins."""
        return self.parts[0][0]

    @property
    def stop(self) -> int:
        """The step behind the last stretch."""
        return self.parts[-1][1]


@dataclass(frozen=True)
class Hold(Parted):
    """What is held of one piece.

    Attributes:
        rows: that stand, ordered by onset, track and pitch.
        is_free: which tracks may play other notes, bool, shape (num_tracks,).
        parts: one or more free stretches, in order: steps between which those may begin.
        bars_at: gives bar, position and length of the bar of steps, as `Piece.bars_at`; None where all bars are alike.
        is_open: of which rows the pitch alone is free, bool, shape (len(rows),); nothing else is free then. None: of
            none.
    """

    rows: np.ndarray
    is_free: np.ndarray
    parts: tuple[tuple[int, int], ...] = ((0, FAR),)
    bars_at: BarsAt | None = None
    is_open: np.ndarray | None = None

    @property
    def standing(self) -> Hold:
        """What stands as a whole; rows whose pitch is free are left out."""
        return self if self.is_open is None else replace(self, rows=self.rows[~self.is_open], is_open=None)

    @property
    def forced(self) -> Hold:
        """All rows; where the pitch of some is free, no track may play other notes."""
        return self if self.is_open is None else replace(self, is_free=np.zeros_like(self.is_free))


class Held:
    """What is held of some pieces, or of one, of which all moments are; `num` stands for the number of moments."""

    def __init__(self, holds: Sequence[Hold], is_drum: np.ndarray) -> None:
        """Takes the rows together; `is_drum` is of each track."""
        self.is_any = any(len(hold.rows) for hold in holds)
        if not self.is_any:
            return
        rows = np.concatenate([hold.rows for hold in holds])
        number = np.array([len(hold.rows) for hold in holds])
        piece = np.repeat(np.arange(len(holds)), number)
        self._pieces, self._ends = np.arange(len(holds)), number.cumsum()
        self._keys = _keys(rows, piece)
        none = {"onset": FAR, "track": len(is_drum), "pitch": NUM_PITCHES}  # the row behind the last
        names = rows.dtype.names or ()
        self._rows = {name: np.append(rows[name].astype(np.int64), none.get(name, 0)) for name in names}
        self._sounds = np.append(~is_drum, False)[self._rows["track"]]
        self.is_free = np.array([hold.is_free for hold in holds])
        most = max(len(hold.parts) for hold in holds)
        parts = np.array([(*hold.parts, *[hold.parts[-1]] * (most - len(hold.parts))) for hold in holds])
        self.starts, self.stops = parts[..., 0], parts[..., 1]  # (num_holds, num_parts)

    def next_row(self, newest: Rows) -> np.ndarray:
        """The index of the held row that comes behind the newest one; that behind all for none, shape (num,)."""
        index = np.searchsorted(self._keys, _keys(newest, self._pieces), side="right")
        return np.where(index < self._ends, index, len(self._keys))

    def numbered(self, number: np.ndarray) -> np.ndarray:
        """As `next_row`, for pieces of which so many rows are there, all of them held; shape (num,)."""
        first = np.append(0, self._ends[:-1])
        return np.where(first + number < self._ends, first + number, len(self._keys))

    def of(self, index: np.ndarray, name: str) -> np.ndarray:
        """A field of held rows; onset `FAR`, the track and the pitch behind the last for none."""
        return self._rows[name].take(index)

    def place(self, onset: np.ndarray) -> np.ndarray:
        """Whether a step lies before, in or behind the free stretch that is nearest ahead, shape (num,)."""
        start, stop = self._part(onset)
        return np.where(onset < start, BEFORE, np.where(onset < stop, INSIDE, BEHIND))

    def left(self, onset: np.ndarray) -> np.ndarray:
        """Steps to the end of this stretch, shape (num,)."""
        return np.maximum(0, self._part(onset)[1] - onset)

    def is_inside(self, onset: np.ndarray) -> np.ndarray:
        """Whether steps lie in any free stretch, shapes (num_holds, n) -> (num_holds, n)."""
        onset = onset[..., None]
        return np.logical_or.reduce((onset >= self.starts[:, None]) & (onset < self.stops[:, None]), axis=-1)

    def _part(self, onset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Start and stop of the stretch that ends first behind each step, or of the last; shapes (num,)."""
        if self.stops.shape[1] == 1:
            return self.starts[:, 0], self.stops[:, 0]
        part = np.minimum((onset[:, None] >= self.stops).sum(axis=1), self.stops.shape[1] - 1)
        return self.starts[self._pieces, part], self.stops[self._pieces, part]

    def track_states(self, num: int) -> np.ndarray:
        """Which tracks are free, shape (num, num_tracks)."""
        states = np.where(self.is_free, FREE_TRACK, HELD_TRACK)
        return np.broadcast_to(states, (num, states.shape[1]))

    def soon(self, index: np.ndarray, onset: np.ndarray) -> np.ndarray:
        """How near the next held note of each pitch is, drums left out, uint8, shape (num, NUM_PITCHES).

        Args:
            index: of the next held rows, shape (num,).
            onset: from where on, shape (num,).
        """
        end = onset + LOOK_AHEAD_STEPS
        moments, rows = self._until(index, end)
        nearness = (end[moments] - self._rows["onset"][rows]) * NEAREST_LEVEL // LOOK_AHEAD_STEPS
        return self._levels(len(index), moments, rows, np.minimum(nearness, NEAREST_LEVEL))

    def now(self, index: np.ndarray, onset: np.ndarray) -> np.ndarray:
        """How long the held notes last that begin at a step and are still to come; as `soon`."""
        moments, rows = self._until(np.where(self.of(index, "onset") == onset, index, len(self._keys)), onset + 1)
        return self._levels(len(index), moments, rows, self._rows["duration"][rows])

    def _until(self, index: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All pairs of a moment and a held row from an index on that begins before a step."""
        key = (self._pieces << _PIECE_BITS) + (end << 16)
        stop = np.maximum(index, np.minimum(np.searchsorted(self._keys, key), self._ends))
        number = np.where(index < len(self._keys), stop - index, 0)
        moments = np.repeat(np.arange(len(index)), number)
        first = np.repeat(index - number.cumsum() + number, number)
        return moments, first + np.arange(len(moments))

    def _levels(self, num: int, moments: np.ndarray, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
        levels = np.zeros((num, NUM_PITCHES), np.uint8)
        sounds = self._sounds[rows]
        moments, rows, values = moments[sounds][::-1], rows[sounds][::-1], values[sounds][::-1]
        levels[moments, self._rows["pitch"][rows]] = np.clip(values, 1, 255)  # the earliest comes last, and stays
        return levels


class Keeper:
    """Sees to it, while pieces are composed, that what is held is drawn, and nothing else where they are not free.

    Attributes:
        held: what is held of each piece.
        may_play: which tracks may play notes that are composed, or whose pitch is; shape (num_pieces, num_tracks).
        last_free_track: that may play other notes, of each piece, -1 for none, shape (num_pieces,).
        bars_at: see `Hold`.
    """

    def __init__(
        self, holds: Sequence[Hold], is_drum: np.ndarray, may_play: np.ndarray, num_rows: Callable[[], np.ndarray]
    ) -> None:
        """Takes together what is held of pieces.

        Args:
            holds: of each piece, some rows at least.
            is_drum: of each track.
            may_play: what tracks may play at all, bool, shape (num_pieces, num_tracks).
            num_rows: tells how many rows of each piece there are, shape (num_pieces,).
        """
        self.held = Held([hold.forced for hold in holds], is_drum)
        self.held.is_free &= may_play
        self.may_play = np.array([hold.is_free for hold in holds]) & may_play
        self.bars_at, self._num_rows = holds[0].bars_at, num_rows
        self._has_open = any(hold.is_open is not None for hold in holds)
        none = [np.zeros(len(hold.rows), bool) if hold.is_open is None else hold.is_open for hold in holds]
        self._is_open = np.append(np.concatenate(none), False)
        tracks = np.arange(may_play.shape[1])
        self.last_free_track = np.where(self.held.is_free, tracks, -1).max(axis=1)

    def legal_shifts(self, newest: Rows, shifts: Bins, is_chord_full: np.ndarray) -> np.ndarray:
        """Which shifts lead to where notes may begin, and not past a held one; the last class is the end.

        Args:
            newest: the newest rows.
            shifts: what classes stand for.
            is_chord_full: whether no free track can add a note to the newest onset, shape (num_pieces,).

        Returns:
            Shape (num_pieces, len(shifts) + 1).
        """
        then = newest["onset"][:, None] + shifts.values
        distance, to_next = self._next(newest, shifts)
        legal = np.zeros((len(then), len(shifts) + 1), bool)
        legal[:, :-1] = self._is_free_at(then) & (shifts.values < distance[:, None])
        legal[:, :-1] &= (shifts.values > 0) | ~is_chord_full[:, None]
        legal[np.arange(len(then)), to_next] = True
        return legal

    def leads_to_held(self, newest: Rows, shifts: Bins) -> np.ndarray:
        """Which shifts lead to the held row that comes next, bool, shape (num_pieces, len(shifts) + 1)."""
        distance, to_next = self._next(newest, shifts)
        leads = self.steps_of(newest, shifts, np.minimum(to_next, len(shifts) - 1)) == distance
        return leads[:, None] & (to_next[:, None] == np.arange(len(shifts) + 1))

    def steps_of(self, newest: Rows, shifts: Bins, classes: np.ndarray) -> np.ndarray:
        """The steps that classes of shifts stand for, to the held row exactly as many as it is away."""
        steps = shifts.values.take(classes, mode="clip")
        distance, to_next = self._next(newest, shifts)
        is_free = self._is_free_at((newest["onset"] + steps)[:, None])[:, 0] & (steps < distance)
        return np.where((classes == to_next) & ~is_free, distance, steps)

    def _next(self, newest: Rows, shifts: Bins) -> tuple[np.ndarray, np.ndarray]:
        """How many steps away the next held row is, and the class of shifts that leads to it, or that of the end.

        No class may say exactly as many: then it is the next longer one. The longest leads there from anywhere where
        there is no free place so far on.
        """
        distance = self.held.of(self._next_row(newest), "onset") - newest["onset"]
        longer = np.minimum(shifts.values.searchsorted(distance), len(shifts) - 1)
        return distance, np.where(distance == FAR - newest["onset"], len(shifts), longer)

    def _next_row(self, newest: Rows) -> np.ndarray:
        """See `Held.next_row`; rows whose pitch is free are known by their number."""
        return self.held.numbered(self._num_rows()) if self._has_open else self.held.next_row(newest)

    def _is_free_at(self, then: np.ndarray) -> np.ndarray:
        """Whether any track is free at steps, shape (num_pieces, n)."""
        return self.held.is_inside(then) & (self.last_free_track >= 0)[:, None]

    def value(self, newest: Rows, row: Rows, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Whether a field of rows is that of the next held ones, by the fields before it, and its value there."""
        decided = IDENTITY[: IDENTITY.index(name)] if name in IDENTITY else IDENTITY
        index = self._next_row(newest)
        is_open = self._is_open[index]
        is_held = np.array([(self.held.of(index, one) == row[one]) | (is_open & (one == "pitch")) for one in decided])
        return np.logical_and.reduce(is_held, axis=0) & ~(is_open & (name == "pitch")), self.held.of(index, name)

    def legal_tracks(self, newest: Rows, onset: np.ndarray) -> np.ndarray:
        """Which tracks may play at a step, shape (num_pieces, num_tracks): free ones before that of the held row."""
        held = self.held
        index = self._next_row(newest)
        is_inside = held.place(onset) == INSIDE
        track = np.where(held.of(index, "onset") == onset, held.of(index, "track"), held.is_free.shape[1])
        tracks = np.arange(held.is_free.shape[1])
        return (held.is_free & is_inside[:, None] & (tracks < track[:, None])) | (tracks == track[:, None])

    def is_done(self, newest: Rows) -> np.ndarray:
        """Which pieces have come to where all is held again, shape (num_pieces,)."""
        return newest["onset"] >= self.held.stops[:, -1]


def hold_at_random(
    rows: np.ndarray, learnt: slice, num_tracks: int, rng: np.random.Generator
) -> tuple[Hold, np.ndarray]:
    """Holds some tracks of a piece, or all but a stretch of it, as people will ask for.

    Args:
        rows: of the piece.
        learnt: those that are learnt from, in which the free stretch lies.
        num_tracks: in all.
        rng: the choice.

    Returns:
        What is held, and which rows that is, bool, shape (len(rows),).
    """
    here = rows[learnt]
    tracks = np.unique(here["track"])
    is_free = np.zeros(num_tracks, bool)
    start, end = 0, FAR
    keeps_tracks = len(tracks) > 1 and rng.random() < 0.5
    if keeps_tracks or (len(tracks) > 1 and rng.random() < 0.3):  # other tracks are composed, or composed anew
        num_free = int(rng.integers(1, len(tracks)))
        is_free[rng.choice(tracks, num_free, replace=False)] = True
    else:
        is_free[:] = True
    if keeps_tracks:
        end = int(rows["onset"][-1]) + 1
    else:
        start, end = _stretch(here, rng)
    is_held = ~(is_free[rows["track"]] & (rows["onset"] >= start) & (rows["onset"] < end))
    return Hold(rows[is_held], is_free, ((start, end),)), is_held


def _stretch(rows: np.ndarray, rng: np.random.Generator) -> tuple[int, int]:
    """Steps between which some bars of the rows lie; without bars, some of the rows."""
    if rows["position"][0] < 0:
        begins, most = np.unique(rows["onset"]), 48
    else:
        begins, most = np.unique(rows["onset"].astype(np.int64) - rows["position"]), 8
    length = int(rng.integers(1, most + 1))
    first = int(rng.integers(0, max(1, len(begins) - length)))
    last = first + length
    return int(begins[first]), int(begins[last]) if last < len(begins) else int(rows["onset"][-1]) + 1


def _keys(rows: Rows, piece: np.ndarray) -> np.ndarray:
    """Numbers in the order of the rows, those of one piece behind those of another."""
    onset, track, pitch = (rows[name].astype(np.int64) for name in ("onset", "track", "pitch"))
    return (piece << _PIECE_BITS) + (onset << 16) + (track << _TRACK_BITS) + pitch
