"""Which bars of a piece are varied, and what of them is kept: rhythm, contour, harmony. Does not compose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from melodyforge.decoding.constraints import PITCH_CLASS, Harmony, Melody
from melodyforge.decoding.lines import Pair
from melodyforge.music.chords import harmony_by_beat
from melodyforge.music.piece import Piece

BARS_AT_ONCE = 4  # at most, that are composed anew in a row
ROUNDS = 3  # through the piece: where a theme returns often, a stretch is shorter than there was room for
FEWEST_ECHOED = 2  # bars; fewer that return are a figure, not a theme
FOR_BARS = 3  # what random numbers are drawn for, beside what those of `task` are


@dataclass(frozen=True)
class Varied:
    """A stretch of bars that is composed anew, wherever it stands.

    Attributes:
        bars: where it is composed, by their numbers from 0.
        echoes: first bars of stretches that are the same to the note, and are varied alike.
    """

    bars: range
    echoes: tuple[int, ...] = ()

    @property
    def num_bars(self) -> int:
        """How many bars it changes."""
        return len(self.bars) * (1 + len(self.echoes))


def choose_bars(piece: Piece, is_open: np.ndarray, share: float, seed: int, keeps_one: bool) -> list[Varied]:
    """Stretches of bars all over a piece, in order, about this share of those in which something can be varied.

    Args:
        piece: that has bars.
        is_open: which of its notes may be varied, bool, shape (num_notes,).
        share: above 0 to 1.
        seed: decides which.
        keeps_one: whether a bar at least is left as it is.
    """
    rng, names = np.random.default_rng([seed, 0, 0, FOR_BARS]), _names_of_bars(piece, is_open)
    can_vary = np.array([bool(name) for name in names], bool)
    wanted = max(1, round(share * can_vary.sum()))
    wanted = min(wanted, int(can_vary.sum()) - 1) if keeps_one else wanted
    num_zones = max(-(-wanted // BARS_AT_ONCE), min(2, wanted))
    zones = np.array_split(np.flatnonzero(can_vary), max(1, num_zones))
    chosen, is_left = list[Varied](), can_vary.copy()
    for zone in np.concatenate([rng.permutation(len(zones)) for _ in range(ROUNDS)]).tolist():
        left = wanted - sum(one.num_bars for one in chosen)
        if left <= 0:
            break
        varied = _in_zone(zones[zone], names, is_left, min(left, -(-wanted // num_zones)), left, rng)
        if varied:
            chosen.append(varied)
            for first in (varied.bars[0], *varied.echoes):
                is_left[first : first + len(varied.bars)] = False
    return sorted(chosen, key=lambda one: one.bars[0])


def _in_zone(
    zone: np.ndarray, names: list[bytes], is_left: np.ndarray, length: int, most: int, rng: np.random.Generator
) -> Varied | None:
    """A stretch of so many bars of a zone, fewer where there is no room or where its echoes would change too many."""
    for number in range(length, 0, -1):
        places = [bar for bar in zone.tolist() if bar + number <= zone[-1] + 1 and is_left[bar : bar + number].all()]
        for first in rng.permutation(places).astype(int).tolist():
            varied = _with_echoes(names, first, number, is_left)
            if varied.num_bars <= most:
                return varied
    return None


def _with_echoes(names: list[bytes], first: int, number: int, is_left: np.ndarray) -> Varied:
    """A stretch and those that are the same; it is composed where it stands first, before anything recalls it."""
    places, free = [first], is_left.copy()
    free[first : first + number] = False
    for bar in range(len(names) - number + 1) if number >= FEWEST_ECHOED else ():
        if names[bar : bar + number] == names[first : first + number] and free[bar : bar + number].all():
            places.append(bar)
            free[bar : bar + number] = False
    place, *echoes = sorted(places)
    return Varied(range(place, place + number), tuple(echoes))


def _names_of_bars(piece: Piece, is_open: np.ndarray) -> list[bytes]:
    """What tells apart the bars by the notes that may be varied, loudness left out; nothing for bars without any."""
    notes = piece.notes[is_open]
    bars, position, length = piece.bars_at(notes["onset"])
    columns = [position, length, notes["duration"], notes["track"], notes["pitch"]]
    rows = np.stack([column.astype(np.int32) for column in columns], axis=1)
    starts = np.searchsorted(bars, np.arange(int(bars.max(initial=-1)) + 2))
    return [rows[start:stop].tobytes() for start, stop in pairwise(starts.tolist())]


def kept_harmony(piece: Piece, is_drum: np.ndarray) -> Harmony:
    """A mask that keeps notes to the harmony of a piece, beat by beat; drums may play all.

    Args:
        piece: that has bars.
        is_drum: of each class of tracks.
    """
    beats, belongs = harmony_by_beat(piece)
    kinds, kind = np.unique(belongs, axis=0, return_inverse=True)
    allowed = is_drum[:, None] | kinds[:, None, PITCH_CLASS]  # (num_kinds, num_tracks, NUM_PITCHES)
    line = np.repeat(kind.ravel(), np.diff(beats, append=max(piece.end, int(beats[-1])) + 1))
    nothing = np.zeros(1, np.int64)
    return Harmony(allowed, line[None], np.array([len(line)]), nothing, nothing)


def kept_melody(
    piece: Piece, rows: np.ndarray, of_note: np.ndarray, is_open: np.ndarray, same: list[Pair], with_contour: bool
) -> Melody:
    """What notes of which the pitch alone is composed keep to.

    Args:
        piece: whose notes they are.
        rows: the notes, those that stand among them.
        of_note: for each note of the piece the number of its row, -1 for none; shape (num_notes,).
        is_open: which rows are composed, bool, shape (len(rows),).
        same: pairs of rows that are to stay equal.
        with_contour: whether each line goes up, goes down and repeats itself where it did.
    """
    is_chord = (np.diff(rows["onset"]) == 0) & (np.diff(rows["track"].astype(int)) == 0)
    rising = [(low, low + 1) for low in np.flatnonzero(is_chord).tolist()]
    equal, pitch = list(same), rows["pitch"].tolist()
    for one, other in _moves(piece, of_note) if with_contour else ():
        if pitch[one] == pitch[other]:
            equal.append((one, other))
        else:
            rising.append((one, other) if pitch[one] < pitch[other] else (other, one))
    return Melody(
        rows=rows,
        is_open=is_open,
        rising=[pair for pair in rising if is_open[list(pair)].any()],
        equal=[pair for pair in equal if is_open[list(pair)].any()],
    )


def _moves(piece: Piece, of_note: np.ndarray) -> Iterator[Pair]:
    """The rows of two notes that follow one another in a line of a track; lines are counted from the top."""
    for track in range(len(piece.tracks)):
        notes = np.flatnonzero((piece.notes["track"] == track) & (of_note >= 0))
        onsets = piece.notes["onset"][notes]
        before: np.ndarray | None = None
        for chord in np.split(notes, np.flatnonzero(np.diff(onsets)) + 1) if len(notes) else ():
            here = chord[::-1]  # notes of one onset are ordered by pitch
            if before is not None:
                for place, note in enumerate(here.tolist()):
                    yield int(of_note[before[min(place, len(before) - 1)]]), int(of_note[note])
            before = here
