"""An index of training music by which copies are found: hashes of stretches of eight notes, and where they stand.

Of every fifth stretch of each line stands here where it is, so that of twelve notes in a row at least one is found; of
every stretch four bits of its hash, which tell how far a passage goes on; of all stretches that there are, once each,
a shorter hash. Notes cannot be read from it: a hash of 24 bits fits thousands of stretches that music may have.

Whole pieces are compared by MinHash, of which a byte is kept (Li and Koenig, "b-bit minwise hashing", 2010). Knows
pieces; knows neither files nor models.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from melodyforge.corpus.duplicates import NUM_HASHES, compute_fingerprint, compute_signature
from melodyforge.hashing import MULTIPLIER, spread
from melodyforge.music.notation import bar_numbers
from melodyforge.music.piece import Piece
from melodyforge.originality.real import Real
from melodyforge.originality.windows import CHECK_BITS, WINDOW, lines_of

STRIDE = 5  # windows from one whose place is kept to the next
SURELY_FOUND = WINDOW + STRIDE - 1  # notes: so many in a row hold a window whose place is kept
ANCHOR_BITS, WINDOW_BITS = 24, 28
MAX_NAME_LENGTH = 120


@dataclass(frozen=True, kw_only=True)
class MusicIndex:
    """What is known of the training music.

    Attributes:
        names: of the pieces.
        signatures: a byte of each of their MinHashes, uint8, shape (num_pieces, NUM_HASHES).
        lines: of which piece each line is, uint32, shape (num_lines,).
        lengths: windows of each line, uint32, shape (num_lines,).
        first_bars: the bar in which each line begins, as bars are called, int32, shape (num_lines,).
        bar_steps: how many bars later each window begins than the one before, uint8, shape (num_windows,).
        checks: of the hash of each window, uint8, shape (num_windows,).
        anchors: hashes of the windows whose places are kept, ascending, uint32, shape (num_anchors,).
        places: which window each of them is, uint32, shape (num_anchors,).
        windows: hashes of all windows, each once, ascending, uint32, shape (num_different,).
        real: how much of held-out pieces is found, by style; under "" that of all.
    """

    names: tuple[str, ...]
    signatures: np.ndarray
    lines: np.ndarray
    lengths: np.ndarray
    first_bars: np.ndarray
    bar_steps: np.ndarray
    checks: np.ndarray
    anchors: np.ndarray
    places: np.ndarray
    windows: np.ndarray
    real: dict[str, Real] = field(default_factory=dict)

    def __repr__(self) -> str:
        """In one line."""
        return f"<MusicIndex of {len(self.names):,} pieces>"

    @cached_property
    def stops(self) -> np.ndarray:
        """The window behind the last of each line, int64, shape (num_lines,)."""
        return np.cumsum(self.lengths, dtype=np.int64)

    def whereabouts(self, window: int) -> tuple[str, int]:
        """In which piece and bar a window begins."""
        line = int(np.searchsorted(self.stops, window, side="right"))
        first = int(self.stops[line]) - int(self.lengths[line])
        bar = int(self.first_bars[line]) + int(self.bar_steps[first : window + 1].sum(dtype=np.int64))
        return self.names[self.lines[line]], bar


@dataclass
class _Lines:
    """What is gathered of the lines of all pieces, an entry a line."""

    pieces: list[int] = field(default_factory=list)
    first_bars: list[int] = field(default_factory=list)
    bar_steps: list[np.ndarray] = field(default_factory=list)
    hashes: list[np.ndarray] = field(default_factory=list)
    checks: list[np.ndarray] = field(default_factory=list)

    def add(self, number: int, piece: Piece) -> None:
        """Adds all lines of a piece."""
        first = bar_numbers(piece)[0] if len(piece) else 1
        for line in lines_of(piece):
            bars, _, _ = piece.bars_at(line.onset[: len(line)])
            self.pieces.append(number)
            self.first_bars.append(first + int(bars[0]))
            self.bar_steps.append(np.minimum(np.diff(bars, prepend=bars[0]), 255).astype(np.uint8))
            self.hashes.append(line.hashes)
            self.checks.append(line.checks)


def build_index(pieces: Iterable[Piece]) -> MusicIndex:
    """An index of the pieces, which are not kept; a few seconds for a million notes."""
    names, signatures, lines = [], [], _Lines()
    for number, piece in enumerate(pieces):
        names.append(_name(piece))
        signatures.append(signature_of(piece))
        lines.add(number, piece)
    hashes = np.concatenate([np.zeros(0, np.uint64), *lines.hashes])
    lengths = np.array([len(one) for one in lines.hashes], np.uint32)
    anchors, places = _anchors(lines.hashes)
    return MusicIndex(
        names=tuple(names),
        signatures=np.array(signatures, np.uint8).reshape(-1, NUM_HASHES),
        lines=np.array(lines.pieces, np.uint32),
        lengths=lengths,
        first_bars=np.array(lines.first_bars, np.int32),
        bar_steps=np.concatenate([np.zeros(0, np.uint8), *lines.bar_steps]),
        checks=np.concatenate([np.zeros(0, np.uint8), *lines.checks]),
        anchors=anchors,
        places=places,
        windows=np.unique(window_of(hashes)),
    )


def merged(one: MusicIndex, other: MusicIndex) -> MusicIndex:
    """An index of what both know; how much of real pieces is found, is what the first says."""
    anchors = np.concatenate([one.anchors, other.anchors])
    places = np.concatenate([one.places, other.places + np.uint32(len(one.checks))])
    order = np.argsort(anchors, kind="stable")
    both = {
        name: np.concatenate([getattr(one, name), getattr(other, name)])
        for name in ("signatures", "lengths", "first_bars", "bar_steps", "checks")
    }
    return MusicIndex(
        names=one.names + other.names,
        lines=np.concatenate([one.lines, other.lines + np.uint32(len(one.names))]),
        anchors=anchors[order],
        places=places[order],
        windows=np.union1d(one.windows, other.windows),
        real=one.real,
        **both,
    )


def anchor_of(hashes: np.ndarray) -> np.ndarray:
    """The part of hashes by which places are found, uint32, same shape."""
    return (hashes >> np.uint64(64 - ANCHOR_BITS)).astype(np.uint32)


def window_of(hashes: np.ndarray) -> np.ndarray:
    """The part of hashes by which it is known whether a window is there at all, uint32, same shape."""
    return (hashes >> np.uint64(CHECK_BITS)).astype(np.uint32) & np.uint32(2**WINDOW_BITS - 1)


def signature_of(piece: Piece) -> np.ndarray:
    """A byte of each MinHash of a piece, uint8, shape (NUM_HASHES,)."""
    return compute_signature(compute_fingerprint(piece)).astype(np.uint8)


def _name(piece: Piece) -> str:
    """What a piece is called, with its style in front: its subfolder."""
    name = "/".join(filter(None, [piece.style, piece.name])) or "a piece without a name"
    return "".join(letter if letter.isprintable() else "?" for letter in name)[:MAX_NAME_LENGTH]


def _anchors(hashes: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Hashes and places of every fifth window, those that stand among the very same notes only once."""
    empty = np.zeros(0, np.uint64)
    chosen, around, first = [empty], [empty], 0
    places = [np.zeros(0, np.int64)]
    for one in hashes:
        chosen.append(one[::STRIDE])
        around.append(_around(one)[::STRIDE])
        places.append(first + np.arange(0, len(one), STRIDE))
        first += len(one)
    _, kept = np.unique(np.concatenate(around), return_index=True)
    anchors, where = anchor_of(np.concatenate(chosen)[kept]), np.concatenate(places)[kept].astype(np.uint32)
    order = np.lexsort((where, anchors))
    return anchors[order], where[order]


def _around(hashes: np.ndarray) -> np.ndarray:
    """A hash of each window with the notes before and behind that twelve notes with it among them can have."""
    reach = STRIDE - 1
    padded = np.concatenate([np.zeros(reach, np.uint64), hashes, np.zeros(reach, np.uint64)])
    before, behind = padded[: len(hashes)], padded[2 * reach :]
    return spread((hashes * MULTIPLIER + before) * MULTIPLIER + behind)
