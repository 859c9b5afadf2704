"""Lines of music and hashes of the notes in them that stay the same in any key, and twice or half as fast.

A line is one note after the other: the highest notes of a track, or the lowest of the lowest track. A strand leaves
open which of the notes that begin together goes on, so that a melody is found inside chords. Drums have no lines. Knows
pieces only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from melodyforge.hashing import MULTIPLIER, spread
from melodyforge.music.piece import NUM_PITCHES, Piece

WINDOW = 8  # notes that one hash is of: fewer could be guessed from it
CHECK_BITS = 4  # of each hash, that are kept of every window
MOST_CHOICES = (6, 4, 3, 2, 1)  # of notes that begin together, from the outside inwards: as many as can be afforded
MAX_PATHS = 2**18  # ways through the windows of a strand; five hundred notes for piano have some 10,000
_CLASSES_AN_OCTAVE = 2  # of how much later a note follows than the one before: 1, 1.4, 2, 2.8 times ...
_MOST_CLASSES = 12
_NUM_CLASSES = 2 * _MOST_CLASSES + 1


@dataclass(frozen=True)
class Strand:
    """Onsets, and at each of them one note or several to choose among.

    A window is `WINDOW` onsets. The ways through it are numbered so that the last choice changes fastest, and the ways
    through all windows follow one another.

    Attributes:
        onset: steps, ascending; shape (num_onsets,).
        pitch: of all notes, onset after onset; int64, shape (num_notes,).
        counts: how many notes there are at each onset, int64, shape (num_onsets,).
    """

    onset: np.ndarray
    pitch: np.ndarray
    counts: np.ndarray

    def __len__(self) -> int:
        """Number of windows."""
        return max(0, len(self.onset) - WINDOW + 1)

    @cached_property
    def has_choices(self) -> bool:
        """Whether notes begin together anywhere."""
        return bool((self.counts > 1).any())

    @cached_property
    def sizes(self) -> np.ndarray:
        """How many ways there are through each window, shape (num_windows,)."""
        result = np.ones(len(self), np.int64)
        for place in range(WINDOW):
            result *= self.counts[place : place + len(self)]
        return result

    @cached_property
    def starts(self) -> np.ndarray:
        """The first way through each window, and how many there are in all, shape (num_windows + 1,)."""
        return np.concatenate([[0], np.cumsum(self.sizes)])

    @cached_property
    def hashes(self) -> np.ndarray:
        """A hash for each way through each window, uint64, shape (num_ways,)."""
        window, hashes, pitch = np.arange(len(self)), np.zeros(len(self), np.uint64), np.zeros(len(self), np.int64)
        for place in range(WINDOW):
            number = self.counts[window + place]
            choice = count_up(number)
            if self.has_choices:
                window, hashes, pitch = np.repeat(window, number), np.repeat(hashes, number), np.repeat(pitch, number)
            before, pitch = pitch, self.pitch[self._first_note[window + place] + choice]
            if place:
                rhythm = self._rhythm[window + place] if place > 1 else _NUM_CLASSES  # the speed does not matter
                step = (pitch - before + NUM_PITCHES) * (_NUM_CLASSES + 1) + rhythm
                hashes = spread(hashes * MULTIPLIER + step.astype(np.uint64))
        return hashes

    @cached_property
    def checks(self) -> np.ndarray:
        """The last bits of each hash, uint8, shape (num_ways,)."""
        return (self.hashes & np.uint64(2**CHECK_BITS - 1)).astype(np.uint8)

    def ways_on(self, ways: np.ndarray, window: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
        """How the same notes go on.

        Args:
            ways: through windows.
            window: that each is to lead to: the next with a step of 1, the one before with -1.
            step: see above.

        Returns:
            To how many ways each leads, and to which, one after the other.
        """
        if not self.has_choices:
            return np.ones_like(ways), ways + step
        before, last = window - step, WINDOW - 1
        way = ways - self.starts[before]
        if step > 0:
            number, spacing = self.counts[window + last], np.ones_like(window)
            first = self.starts[window] + way % (self.sizes[before] // self.counts[before]) * number
        else:
            number = self.counts[window]
            spacing = self.sizes[window] // number
            first = self.starts[window] + way // self.counts[before + last]
        return number, np.repeat(first, number) + count_up(number) * np.repeat(spacing, number)

    def turns(self, ways: np.ndarray, window: np.ndarray) -> np.ndarray:
        """The groups of three notes in ways through windows, alike in any key and at any speed, as numbers.

        Returns:
            int64, shape (num_ways, WINDOW - 2).
        """
        way, pitches = ways - self.starts[window], []
        for place in reversed(range(WINDOW)):
            way, choice = np.divmod(way, self.counts[window + place])
            pitches.append(self.pitch[self._first_note[window + place] + choice])
        intervals = np.diff(np.array(pitches[::-1]), axis=0).T + NUM_PITCHES
        rhythm = self._rhythm[window[:, None] + np.arange(2, WINDOW)]
        return (intervals[:, :-1] * 2 * NUM_PITCHES + intervals[:, 1:]) * _NUM_CLASSES + rhythm

    @cached_property
    def _first_note(self) -> np.ndarray:
        return np.cumsum(self.counts) - self.counts

    @cached_property
    def _rhythm(self) -> np.ndarray:
        """The class of how much later each note follows than the one before did, shape (num_onsets,)."""
        gaps, classes = np.diff(self.onset), np.zeros(len(self.onset), np.int64)
        classes[2:] = np.round(_CLASSES_AN_OCTAVE * np.log2(gaps[1:] / gaps[:-1]))
        return np.clip(classes, -_MOST_CLASSES, _MOST_CLASSES) + _MOST_CLASSES


def lines_of(piece: Piece) -> list[Strand]:
    """The highest notes of each track, and the lowest of the lowest track where they are others."""
    parts = _parts(piece)
    lines = [_line(part, is_top=True) for part in parts]
    lowest = min(parts, key=lambda part: part["pitch"].mean(), default=None)
    if lowest is not None and (np.diff(lowest["onset"]) == 0).any():
        lines.append(_line(lowest, is_top=False))
    return [line for line in lines if len(line)]


def strands_of(piece: Piece) -> list[Strand]:
    """What else may hide a line: tracks with chords, and the highest and the lowest notes of all tracks."""
    parts, together = _parts(piece), piece.pitched_notes
    strands = [strand for strand in map(_with_choices, parts) if strand.has_choices]
    if len(parts) > 1:
        together = together[np.lexsort((together["pitch"], together["onset"]))]
        strands += [_line(together, is_top=True), _line(together, is_top=False)]
    return [strand for strand in strands if len(strand)]


def count_up(number: np.ndarray) -> np.ndarray:
    """0, 1, 2 ... as far as each of the numbers, one after the other."""
    return np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)


def _parts(piece: Piece) -> list[np.ndarray]:
    """The notes of each track with pitches, by onset and pitch."""
    notes = piece.pitched_notes
    return [notes[notes["track"] == track] for track in np.unique(notes["track"])]


def _line(notes: np.ndarray, is_top: bool) -> Strand:
    """The highest or the lowest note of each onset."""
    is_new = np.ones(len(notes) + 1, bool)
    is_new[1:-1] = notes["onset"][1:] != notes["onset"][:-1]
    chosen = notes[is_new[1:] if is_top else is_new[:-1]]
    return Strand(chosen["onset"], chosen["pitch"].astype(np.int64), np.ones(len(chosen), np.int64))


def _with_choices(notes: np.ndarray) -> Strand:
    """Of notes that begin together as many as can be afforded: the outer ones first."""
    onset, first, counts = np.unique(notes["onset"], return_index=True, return_counts=True)
    from_below = np.arange(len(notes)) - np.repeat(first, counts)
    from_above = np.repeat(counts, counts) - 1 - from_below
    rank = np.where(from_above <= from_below, 2 * from_above, 2 * from_below + 1)
    for most in MOST_CHOICES:
        pitch = notes["pitch"][rank < most].astype(np.int64)
        strand = Strand(onset, pitch, np.minimum(counts, most))
        if strand.sizes.sum() <= MAX_PATHS:
            break
    return strand
