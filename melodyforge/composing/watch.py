"""Hears takes while they are composed, and takes what degenerates back to before it did, to go on in another way.

A loop of a hundred notes is no reason to compose three thousand again. Whether a take is what was asked for can be said
only when it is there: `judging`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from melodyforge.composing.finishing import finished
from melodyforge.composing.start import Given, Start, composed_part
from melodyforge.composing.task import Task
from melodyforge.decoding.generate import Generation
from melodyforge.figures.closes import bass_ends_on_tonic
from melodyforge.music.habits import Fault, find_fault
from melodyforge.music.piece import Piece
from melodyforge.tokens.representation import Context

ROWS_BETWEEN_LOOKS = 32  # of a piece; of a long one more, because all of it is heard
LOOKS_OF_LONG = 32  # it grows by such a part of its length from look to look
ROWS_LOST = 256  # a piece may lose so many rows, and as many as are sound, before it is abandoned
MOST_CLOSES = 4  # that are composed again where music ends on another bass than the tonic
USUALLY = 0.6  # of the real pieces of a style end on the tonic, where composed ones are to


@dataclass
class Watched:
    """A piece that is watched.

    Attributes:
        place: of its first candidate in the context.
        next_look: at so many rows.
        num_chosen: rows that all of its candidates have in common.
        is_done: whether it need not be heard any more: it has been to its end, or cannot be mended.
        is_abandoned: whether it ended where it could not be mended.
        num_lost: rows of it that were taken back.
        num_failed: how often it has been taken back from the same place before.
        num_notes: that it had when it was taken back last or before, at most: what goes wrong before is the same place.
        num_closes: that were composed again.
        mended: see `Take`.
    """

    place: int
    next_look: int
    num_chosen: int
    is_done: bool = False
    is_abandoned: bool = False
    num_lost: int = 0
    num_failed: int = 0
    num_notes: int = 0
    num_closes: int = 0
    mended: list[str] = field(default_factory=list)


class Watch:
    """Has takes composed, chooses among the candidates of each, and watches those that are chosen.

    Attributes:
        context: what is known of the candidates; those of one take stand side by side.
        pieces: the takes.
    """

    def __init__(self, task: Task, start: Start, generation: Generation, indices: list[int], draw: int) -> None:
        self._task, self._start, self._generation, self._indices, self._draw = task, start, generation, indices, draw
        self._num_candidates, self.context = task.num_candidates, generation.context
        places = range(0, self.context.num_pieces, self._num_candidates)
        num_rows = self.context.num_rows.tolist()
        self.pieces = [Watched(place, num_rows[place] + ROWS_BETWEEN_LOOKS, num_rows[place]) for place in places]

    def __iter__(self) -> Iterator[Context]:
        """Yields the context after every row."""
        while True:
            for context in self._generation:
                self._look()
                yield context
            if not self._look():
                return

    def piece(self, index: int) -> Piece:
        """What there is of a take; of candidates that are not yet chosen among, what they have in common."""
        return self._start.piece(self.context, self.pieces[index].place, self._num_common(index))

    def whole(self, index: int) -> tuple[Piece, Given]:
        """A take as it is handed over, and what of it was given."""
        return self._start.whole(self.context, self.pieces[index].place, self._num_common(index))

    def _num_common(self, index: int) -> int | None:
        """Rows that the candidates of a take have in common; None for all rows, where they have been chosen among."""
        watched = self.pieces[index]
        return watched.num_chosen if self._num_candidates > 1 and not watched.is_done else None

    def settle(self) -> None:
        """Chooses among candidates as they stand: composing ends here."""
        self._choose([watched for watched in self.pieces if not watched.is_done])

    def _look(self) -> bool:
        """Hears the takes that have grown; whether one was taken back."""
        due = self._due()
        self._choose(due)
        mended = [watched for watched in due if self._hear(watched)]
        if self._num_candidates > 1 and mended:
            self._generation.follow(self._led_by([watched.place for watched in mended], mended))
        for watched in due:
            watched.num_chosen = number = int(self.context.num_rows[watched.place])
            watched.next_look = number + max(ROWS_BETWEEN_LOOKS, number // LOOKS_OF_LONG)
        return bool(mended)

    def _choose(self, takes: list[Watched]) -> None:
        """Has all candidates of some takes go on from the best of each."""
        if self._num_candidates > 1 and takes:
            self._generation.follow(self._led_by([self._best(watched) for watched in takes], takes))
        for watched in takes:
            watched.num_chosen = int(self.context.num_rows[watched.place])

    def _due(self) -> list[Watched]:
        """The takes that are to be heard: whose candidates have grown, or have all ended."""
        by_take = (-1, self._num_candidates)
        numbers = self.context.num_rows.reshape(by_take).max(axis=1).tolist()
        have_ended = np.logical_and.reduce(self.context.has_ended.reshape(by_take), axis=1).tolist()
        return [
            watched
            for watched, number, has_ended in zip(self.pieces, numbers, have_ended, strict=True)
            if not watched.is_done and (has_ended or number >= watched.next_look)
        ]

    def _led_by(self, leaders: list[int], takes: list[Watched]) -> np.ndarray:
        """Where each candidate goes on from: from the leader of its take, else from where it stands."""
        sources = np.arange(self.context.num_pieces)
        for leader, watched in zip(leaders, takes, strict=True):
            sources[watched.place : watched.place + self._num_candidates] = leader
        return sources

    def _best(self, watched: Watched) -> int:
        """The place of the candidate that the critic likes best, of those without a fault if there are any.

        Of these it is one of those that miss the fewest wishes, as far as they have come; an open end is one.
        """
        places = range(watched.place, watched.place + self._num_candidates)
        heard = {place: self._start.heard(self.context, place) for place in places}
        scores = {
            place: self._task.score(piece, self._start.has_closed(self.context, place))
            for place, (piece, _) in heard.items()
        }
        best, fewest = -1, math.inf
        for place in sorted(places, key=lambda place: -scores[place]):
            if self._fault(*heard[place]):
                continue
            number = self._num_missed(*heard[place]) + self._stays_open(place, heard[place][0])
            if number < fewest:
                best, fewest = place, number
            if not fewest:
                break
        return max(scores, key=lambda place: scores[place]) if best < 0 else best

    def _num_missed(self, piece: Piece, given: Given) -> int:
        """How many wishes a piece would miss if it ended here."""
        if not self._task.asked.any():
            return 0
        return len(self._task.missed(composed_part(self._task, finished(self._task, piece, given), given)))

    def _fault(self, piece: Piece, given: Given) -> Fault | None:
        return find_fault(piece, self._task.normal(piece.style), given)

    def _hear(self, watched: Watched) -> bool:
        """Hears a take; whether it was taken back."""
        place = watched.place
        watched.is_done = bool(self.context.has_ended[place])
        piece, given = self._start.heard(self.context, place)
        fault = self._fault(piece, given) or self._open_close(watched, piece)
        if fault is None or fault.excess == math.inf:
            return False
        num_sound = self._start.num_rows(self.context, place, fault.note)
        if watched.num_lost > ROWS_LOST + num_sound or not self._generation.can_go_back(place, num_sound):
            watched.is_done = True
            if self._draw < self._task.num_abandoned:
                watched.is_abandoned = True
                candidates = np.arange(self.context.num_pieces) - place
                self.context.end((candidates >= 0) & (candidates < self._num_candidates))
            return False
        self._mend(watched, piece, fault)
        return True

    def _open_close(self, watched: Watched, piece: Piece) -> Fault | None:
        """That a piece ends on another bass than the tonic, unless that was composed again too often."""
        if self._num_candidates == 1 or watched.num_closes >= MOST_CLOSES or not self._stays_open(watched.place, piece):
            return None
        watched.num_closes += 1
        return Fault("its end stayed open", 0.0, len(piece) - 1)

    def _stays_open(self, place: int, piece: Piece) -> bool:
        """Whether a candidate has ended on another bass than the tonic, where music of its style hardly does."""
        if not self._start.has_closed(self.context, place) or self._task.share_on_tonic(piece.style) < USUALLY:
            return False
        return bass_ends_on_tonic(piece) == 0

    def _mend(self, watched: Watched, piece: Piece, fault: Fault) -> None:
        """Takes a piece back to a bar before its fault; where that failed, to two bars before, then four ..."""
        place = watched.place
        watched.num_failed = watched.num_failed + 1 if fault.note < watched.num_notes else 0
        watched.num_notes = max(watched.num_notes, len(piece))
        number = int(self.context.num_rows[place])
        keep = self._start.num_rows(self.context, place, _notes_before(piece, fault, 2**watched.num_failed))
        index = self._indices[place // self._num_candidates]
        rng = self._task.rng_after(index, self._draw, len(watched.mended) + 1)
        self._generation.go_back(place, keep, rng)
        num_kept = len(self._start.piece(self.context, place))
        watched.mended.append(f"from note {num_kept + 1:,} on because {fault.words}")
        watched.num_lost += number - int(self.context.num_rows[place])
        watched.is_done = False


def _notes_before(piece: Piece, fault: Fault, num_bars: int) -> int:
    """How many notes begin so many bars before a fault does."""
    step = piece.notes["onset"][fault.note]
    _, _, bar_steps = piece.bars_at(np.array([step]))
    return int(np.searchsorted(piece.notes["onset"], step - num_bars * int(bar_steps[0])))
