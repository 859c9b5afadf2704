"""The report on a piece: its longest passage that stands in the training music, and how much of it is found there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from melodyforge.music.notation import bar_numbers
from melodyforge.music.piece import Piece
from melodyforge.originality.index import MusicIndex, signature_of
from melodyforge.originality.real import Real
from melodyforge.originality.search import Found, find_passages, is_known
from melodyforge.originality.windows import WINDOW, Strand, lines_of, strands_of
from melodyforge.words import counted

LONG_WINDOW = 2 * WINDOW
NOTES_COMPARED = 500  # of real pieces: as long as a composition that no length is asked for
LEAST_REAL = 5  # pieces of a style; fewer say nothing
MOST_REAL = 400  # pieces that are measured
MOST = 0.9
SHARED, FOUND = "longest passage shared with the training music", "found in it"  # begin the lines of a report
ALIKE_BY_CHANCE = 1 / 256  # of the bytes of two MinHashes


@dataclass(frozen=True)
class Passage:
    """A passage of a piece that stands in the training music, in any key, or twice or half as fast.

    Attributes:
        num_notes: of one line.
        bar: in which it begins, as bars are called.
        source: the training piece.
        source_bar: in which it begins there.
    """

    num_notes: int
    bar: int
    source: str
    source_bar: int

    def __str__(self) -> str:
        """Such as "9 notes from bar 3 on, as in chopin/etude, bar 12"."""
        return f"{counted(self.num_notes, 'note')} from bar {self.bar} on, as in {self.source}, bar {self.source_bar}"


@dataclass(frozen=True)
class Originality:
    """How much of a piece stands in the training music; drums are not compared.

    Attributes:
        longest: passage; None where none is found.
        share_8, share_16: of its stretches of 8 and of 16 notes that are found, 0 to 1.
        likest: the training piece that it is most like as a whole.
        likeness: how like, 0 to 1: the share of runs of seven intervals in top and bottom lines that both have; to
            within 0.04, about.
        real: the same of real pieces of its style that the model has not learnt from; None where there are none.
    """

    longest: Passage | None
    share_8: float
    share_16: float
    likest: str
    likeness: float
    real: Real | None = None

    def __str__(self) -> str:
        """In one line."""
        found = f"{SHARED}: {self.longest or f'none of {WINDOW} notes or more'}"
        beside = f"; real pieces share {self.real.longest:.0f}" if self.real else ""
        return found + beside

    @property
    def details(self) -> str:
        """How much is found, and what it is most like, in one line."""
        beside_8, beside_16 = (
            (f" (real pieces: {self.real.share_8:.0%})", f" (real pieces: {self.real.share_16:.0%})")
            if self.real
            else ("", "")
        )
        return (
            f"{FOUND}: {self.share_8:.0%} of its stretches of 8 notes{beside_8}, {self.share_16:.0%} of "
            f"16{beside_16}; as a whole most like {self.likest}, with which it has {self.likeness:.0%} of its turns in "
            "common"
        )


def report_on(piece: Piece, index: MusicIndex, notes: np.ndarray | None = None) -> Originality | None:
    """Looks for a piece in the training music.

    Args:
        piece: that is looked for.
        index: of the training music.
        notes: those of its notes that are looked for; None for all.

    Returns:
        None where there are no notes with pitches, or nothing to look in.
    """
    part = piece if notes is None else piece.with_notes(notes)
    if not len(part.pitched_notes) or not index.names:
        return None
    lines = [(line, find_passages(index, line)) for line in lines_of(part)]
    strands = [(strand, find_passages(index, strand)) for strand in strands_of(part)]
    likest, likeness = _likest(part, index)
    return Originality(
        longest=_longest(piece, index, [*lines, *strands]),
        share_8=_share([is_known(index, line.hashes) for line, _ in lines]),
        share_16=_share([_is_in_long(line, found) for line, found in lines]),
        likest=likest,
        likeness=likeness,
        real=index.real.get(piece.style, index.real.get("")),
    )


def longest_passage(piece: Piece, index: MusicIndex, notes: np.ndarray | None = None) -> Passage | None:
    """The longest passage that stands in the training music, of equally long ones the first; as `report_on`."""
    part = piece if notes is None else piece.with_notes(notes)
    return _longest(piece, index, [(one, find_passages(index, one)) for one in (*lines_of(part), *strands_of(part))])


def _longest(piece: Piece, index: MusicIndex, searched: list[tuple[Strand, Found]]) -> Passage | None:
    found = [(strand, one) for strand, one in searched if len(one.num_notes)]
    if not found:
        return None
    strand, one = max(found, key=lambda pair: pair[1].num_notes.max())
    best = int(np.argmax(one.num_notes))
    bars, _, _ = piece.bars_at(strand.onset[one.begins[best], None])
    bar = bar_numbers(piece)[0] + int(bars[0])
    return Passage(int(one.num_notes[best]), bar, *index.whereabouts(int(one.places[best])))


def with_real(index: MusicIndex, pieces: Iterable[Piece]) -> MusicIndex:
    """The index with what real pieces share with it, by style; of pieces that are not in it."""
    found: dict[str, list[Originality]] = {}
    for piece in pieces:
        one = report_on(piece.with_notes(piece.notes[:NOTES_COMPARED]), index)
        if one is not None:
            found.setdefault(piece.style, []).append(one)
    found[""] = [one for of_style in list(found.values()) for one in of_style]
    return replace(index, real={style: _real(ones) for style, ones in found.items() if len(ones) >= LEAST_REAL})


def _real(found: list[Originality]) -> Real:
    longest = [one.longest.num_notes if one.longest else 0 for one in found]
    return Real(
        num_pieces=len(found),
        longest=float(np.median(longest)),
        longest_of_most=float(np.quantile(longest, MOST)),
        share_8=float(np.mean([one.share_8 for one in found])),
        share_16=float(np.mean([one.share_16 for one in found])),
    )


def _is_in_long(line: Strand, found: Found) -> np.ndarray:
    """Which stretches of `LONG_WINDOW` notes of a line are found, bool."""
    long = found.of_at_least(LONG_WINDOW)
    changes = np.zeros(max(0, len(line) - LONG_WINDOW + WINDOW) + 1, np.int64)
    np.add.at(changes, long.begins, 1)
    np.add.at(changes, long.begins + long.num_notes - LONG_WINDOW + 1, -1)
    return np.cumsum(changes)[:-1] > 0


def _share(is_found: list[np.ndarray]) -> float:
    together = np.concatenate([np.zeros(0, bool), *is_found])
    return float(together.mean()) if len(together) else 0.0


def _likest(piece: Piece, index: MusicIndex) -> tuple[str, float]:
    """The training piece that a piece is most like as a whole, by MinHash, and how like it is."""
    is_same = (index.signatures == signature_of(piece)).mean(axis=1)
    likest = int(np.argmax(is_same))
    likeness = (float(is_same[likest]) - ALIKE_BY_CHANCE) / (1 - ALIKE_BY_CHANCE)
    return index.names[likest], max(0.0, likeness)
