"""What composed notes must keep to, whatever the network expects: scale, ranges, chords, grid, fullness, close.

Each rule is a mask of its own: pitches that a track may begin (`PitchMask`), steps at which notes may begin
(`StepMask`), or how many may sound. `Constraints` lays them over the heads of the notes representation, and leaves a
shift only where some track can begin a note, a track only where it has a pitch; so something is always possible, if
need be the end.
Notes of a primer and notes that stand are heard, not masked. Knows no text of settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from melodyforge.decoding.lines import LineMask, Lines, Pair
from melodyforge.errors import SettingsError
from melodyforge.music.chord_symbols import ChordSymbol, PlacedChord
from melodyforge.music.keys import NUM_PITCH_CLASSES
from melodyforge.music.piece import NUM_PITCHES
from melodyforge.tokens.features import Head
from melodyforge.tokens.notes import NotesContext, NotesRepresentation
from melodyforge.tokens.plan import Plan

PITCH_CLASS = np.arange(NUM_PITCHES) % NUM_PITCH_CLASSES
BASS_BELOW = 48  # C3; what begins lower where a chord begins is its bass
BASS_PROGRAMS = {*range(32, 40), 43, 58}  # basses, contrabass, tuba: theirs is the bass wherever they play
FAR_STEPS = 4 * 96  # from the close, from where on every step must still lead to it
NOTES_FOR_CLOSE = 4  # that are kept for the last step where there are few
UNREACHABLE = 2**30  # shifts
FARTHEST = 7  # semitones from what it was, where the pitch alone of a note is composed: it stays in its register


class PitchMask(Protocol):
    """Which pitches may begin, by kinds of steps."""

    @property
    def allowed(self) -> np.ndarray:
        """By kind, bool, shape (num_kinds, num_tracks, NUM_PITCHES)."""
        ...

    def kind(self, onset: np.ndarray) -> np.ndarray:
        """The kind of steps of each piece, shapes (num_pieces, n) -> (num_pieces, n)."""
        ...


class StepMask(Protocol):
    """At which steps notes may begin."""

    def may_begin(self, onset: np.ndarray) -> np.ndarray:
        """Bool, for steps of each piece; shapes (num_pieces, n) -> (num_pieces, n)."""
        ...


class Everywhere:
    """A mask of pitches that is the same at every step, such as a scale or ranges."""

    def __init__(self, allowed: np.ndarray) -> None:
        """Of tracks and pitches, bool, shape (num_tracks, NUM_PITCHES)."""
        self.allowed = allowed[None]

    def kind(self, onset: np.ndarray) -> np.ndarray:
        """See `PitchMask`."""
        return np.zeros_like(onset)


def scale_mask(pitch_classes: frozenset[int], is_drum: np.ndarray) -> np.ndarray:
    """The pitches of a scale; drums may play all. Shapes (num_tracks,) -> (num_tracks, NUM_PITCHES)."""
    return is_drum[:, None] | np.isin(PITCH_CLASS, list(pitch_classes))


def range_mask(bounds: np.ndarray) -> np.ndarray:
    """The pitches from the lowest to the highest of each track, shapes (num_tracks, 2) -> (num_tracks, NUM_PITCHES)."""
    pitches = np.arange(NUM_PITCHES)
    return (pitches >= bounds[:, :1]) & (pitches <= bounds[:, 1:])


@dataclass(frozen=True)
class Grid:
    """Notes begin at multiples of some steps after a bar line.

    Attributes:
        steps: of the grid.
        bar_steps: length of the bars of each piece, shape (num_pieces,).
    """

    steps: int
    bar_steps: np.ndarray

    def may_begin(self, onset: np.ndarray) -> np.ndarray:
        """See `StepMask`."""
        return onset % np.maximum(1, self.bar_steps)[:, None] % self.steps == 0


@dataclass(frozen=True)
class NotBefore:
    """Notes begin at a step or behind it."""

    step: int

    def may_begin(self, onset: np.ndarray) -> np.ndarray:
        """See `StepMask`."""
        return onset >= self.step


@dataclass(frozen=True)
class Harmony:
    """Where a chord begins and on beats its notes begin, elsewhere those of the scale, too; its bass begins below.

    Attributes:
        allowed: see `PitchMask`; the first kind allows everything.
        timelines: kinds of the steps of each different progression, one after the other, which begins anew behind its
            end; shape (num_timelines, longest).
        lengths: of the timelines in steps, shape (num_timelines,).
        of_piece: the timeline of each piece, shape (num_pieces,).
        start: the step at which it begins, shape (num_pieces,).
    """

    allowed: np.ndarray
    timelines: np.ndarray
    lengths: np.ndarray
    of_piece: np.ndarray
    start: np.ndarray

    def kind(self, onset: np.ndarray) -> np.ndarray:
        """See `PitchMask`."""
        since = onset - self.start[:, None]
        place = since % self.lengths[self.of_piece][:, None]
        return np.where(since < 0, 0, self.timelines[self.of_piece[:, None], place])


FREE, BEGIN, STRONG, WEAK = range(4)  # of a step, with regard to a chord


def chord_masks(chord: ChordSymbol, scale: frozenset[int], keys: Sequence[tuple[int, bool]]) -> list[np.ndarray]:
    """The pitches that may begin where a chord begins, on its other beats, and between them.

    Args:
        chord: the chord.
        scale: pitch classes that may stand between beats besides its own.
        keys: program of each track, and whether it is drums.

    Returns:
        Three masks, bool, shape (num_tracks, NUM_PITCHES).
    """
    is_drum = np.array([drum for _, drum in keys])
    is_bass = np.array([program in BASS_PROGRAMS for program, _ in keys])[:, None]
    is_low = is_bass | (np.arange(NUM_PITCHES) < BASS_BELOW)
    tones = scale_mask(chord.pitch_classes, is_drum)
    begin = np.where(is_low, scale_mask(frozenset([chord.bass]), is_drum), tones)
    return [begin, tones, scale_mask(chord.pitch_classes | scale, is_drum)]


def timeline(
    chords: Sequence[PlacedChord], stop: int, beat_steps: int, first_kind: dict[ChordSymbol, int]
) -> np.ndarray:
    """The kinds of steps from 0 to `stop` under chords, int16, shape (stop,).

    Args:
        chords: the first at step 0.
        stop: where they are over.
        beat_steps: steps in a beat.
        first_kind: of each chord: that where it begins; the next two are its beats and what lies between.
    """
    kinds = np.zeros(stop, np.int16)
    ends = [*(one.onset for one in chords[1:]), stop]
    for one, end in zip(chords, ends, strict=True):
        first = first_kind[one.chord]
        kinds[one.onset : end] = first + WEAK - BEGIN
        on_beats = np.arange(-(-one.onset // beat_steps) * beat_steps, end, beat_steps)
        kinds[on_beats] = first + STRONG - BEGIN
        kinds[one.onset] = first
    return kinds


@dataclass(frozen=True)
class Close:
    """Pieces end with the notes that begin at their last step, and no note of before sounds into them.

    Attributes:
        plan: says which step that is.
        context: of the pieces.
        num_notes: that a piece may have.
        fewest_shifts: that lead to it from so many steps before, see `fewest_shifts`.
    """

    plan: Plan
    context: NotesContext
    num_notes: int
    fewest_shifts: np.ndarray

    @property
    def last_step(self) -> np.ndarray:
        """The planned last step of each piece, shape (num_pieces,)."""
        return self.plan.last_step

    def may_begin(self, onset: np.ndarray) -> np.ndarray:
        """See `StepMask`. So many notes are left for the close, if that can be, and one at least."""
        left, far = self.last_step[:, None] - onset, len(self.fewest_shifts) - 1
        needed = np.where(
            (left < 0) | (left > far), UNREACHABLE * (left < 0), self.fewest_shifts[np.clip(left, 0, far)]
        )
        room = (self.num_notes - self.context.num_composed)[:, None]  # for notes, that at each step counted
        may = needed <= room - NOTES_FOR_CLOSE
        return np.where(may.any(axis=1, keepdims=True), may, needed <= np.maximum(0, room - 1))

    def is_too_long(self, onset: np.ndarray, durations: np.ndarray) -> np.ndarray:
        """Which durations sound into the close; the shortest never counts as such. Shape (num_pieces, n)."""
        left = (self.last_step - onset)[:, None]
        is_too_long = (left > 0) & (durations > left)
        is_too_long[:, 0] = False
        return is_too_long


def fewest_shifts(shifts: np.ndarray, longest: int = FAR_STEPS) -> np.ndarray:
    """How many shifts lead over 0 to `longest` steps at least, `UNREACHABLE` where none do; shape (longest + 1,)."""
    fewest = np.full(longest + 1, UNREACHABLE)
    fewest[0] = 0
    for steps in range(1, longest + 1):
        usable = shifts[(shifts > 0) & (shifts <= steps)]
        fewest[steps] = min(UNREACHABLE, fewest[steps - usable].min(initial=UNREACHABLE) + 1)
    return fewest


class Closing:
    """Harmony whose end is a cadence: the last step's chord, and in the bar before it another."""

    def __init__(
        self, harmony: Harmony, close: Close, bars: np.ndarray, last_kind: np.ndarray, of_piece: np.ndarray
    ) -> None:
        """Lays a cadence over the end of a harmony.

        Args:
            harmony: of all before.
            close: where the pieces end.
            bars: kinds of the steps of the bar before, for each kind of cadence, shape (num_cadences, longest).
            last_kind: of the last step, shape (num_cadences,).
            of_piece: the cadence of each piece, shape (num_pieces,).
        """
        self.allowed, self._harmony, self._close = harmony.allowed, harmony, close
        self._bars, self._last_kind, self._of_piece = bars, last_kind, of_piece
        self._bar_steps = np.array([(row >= 0).sum() for row in bars])

    def kind(self, onset: np.ndarray) -> np.ndarray:
        """See `PitchMask`."""
        cadence = self._of_piece[:, None]
        place = onset - self._close.last_step[:, None] + self._bar_steps[cadence]
        kinds = np.where(
            place >= 0, self._bars[cadence, np.clip(place, 0, self._bars.shape[1] - 1)], self._harmony.kind(onset)
        )
        return np.where(place >= self._bar_steps[cadence], self._last_kind[cadence], kinds)


@dataclass(frozen=True, kw_only=True)
class Melody:
    """Notes of which the pitch alone is composed, among others that stand.

    Attributes:
        rows: all of them, with the pitches that they had.
        is_open: which are composed, bool, shape (len(rows),).
        rising: pairs of rows by their numbers, of which the second is to be higher.
        equal: pairs that are to have one pitch.
    """

    rows: np.ndarray
    is_open: np.ndarray
    rising: Sequence[Pair]
    equal: Sequence[Pair]


class Constraints:
    """Masks over the heads of pieces that are composed side by side. Keeps no state: all follows from the notes.

    Attributes:
        close: where pieces must end; None where that is left open.
    """

    def __init__(
        self,
        representation: NotesRepresentation,
        context: NotesContext,
        pitch_masks: Sequence[PitchMask] = (),
        step_masks: Sequence[StepMask] = (),
        most_at_once: int | None = None,
        close: Close | None = None,
        is_straight: bool = False,
        melody: Melody | None = None,
    ) -> None:
        """Lays masks together.

        Args:
            representation: of the pieces.
            context: of the pieces.
            pitch_masks: which pitches may begin; all of them hold.
            step_masks: at which steps; all of them hold.
            most_at_once: notes that may sound together, drums left out.
            close: where pieces must end.
            is_straight: whether notes are played as written, without micro-timing.
            melody: of which notes the pitch alone is composed, and what it keeps to.

        Raises:
            SettingsError: the masks leave some of these notes no pitch.
        """
        self.close = close
        self._context, self._vocabulary = context, representation.vocabulary
        self._end_class, self._chord_class = representation.end_class, representation.chord_class
        self._pitch_masks, self._step_masks, self._most_at_once = pitch_masks, step_masks, most_at_once
        self._is_straight, self._is_drum = is_straight, representation.vocabulary.tracks.is_drum
        ranges = np.stack([representation.ranges.lowest, representation.ranges.highest], axis=1)
        self._ranges = range_mask(ranges)
        allowed = self._ranges[None]
        for mask in pitch_masks:  # the kinds of all masks together are numbered like digits
            allowed = (allowed[:, None] & mask.allowed).reshape(-1, *allowed.shape[1:])
        self._allowed = allowed
        self._plays = np.logical_or.reduce(allowed, axis=2)  # (num_kinds, num_tracks)
        self._highest = np.where(allowed, np.arange(NUM_PITCHES), -1).max(axis=2)
        self._tracks = np.arange(len(self._is_drum))
        self._lines = self._line_mask(melody) if melody else None

    @property
    def tracks_that_play(self) -> np.ndarray:
        """Which tracks of each piece have a pitch at some step, bool, shape (num_pieces, num_tracks)."""
        return self._context.may_play & self._plays.any(axis=0)

    def illegal(self, head: Head) -> np.ndarray | None:
        """What the rules forbid, shape (num_pieces, head.size); None for nothing. What stands is never forbidden."""
        forbidden = self._forbidden(head)
        standing = None if forbidden is None else self._context.standing(head)
        return forbidden if standing is None or forbidden is None else np.where(standing, False, forbidden)

    def stuck(self, illegal: np.ndarray) -> np.ndarray:
        """The pieces that can only end, bool, shape (num_pieces,); `illegal` is of the shift."""
        return np.logical_and.reduce(np.delete(illegal, self._end_class, axis=1), axis=1)

    def _forbidden(self, head: Head) -> np.ndarray | None:
        moment = self._context.moment
        if head.name == "shift":
            return self._forbidden_shifts(moment.newest["onset"][:, None] + self._vocabulary.shifts.values)
        onset = moment.next["onset"]
        if head.name == "track":
            return self._forbidden_tracks(onset)
        if head.name == "pitch" and self._lines:
            return self._lines.forbidden([self._context.rows(place) for place in range(self._context.num_pieces)])
        if head.name == "pitch":
            return ~self._allowed[self._kind(onset[:, None])[:, 0], moment.next["track"]]
        if head.name == "duration" and self.close:
            return self.close.is_too_long(onset, self._vocabulary.durations.values)
        if head.name == "micro" and self._is_straight:
            micros = self._vocabulary.micros.values
            return (np.arange(head.size) != np.abs(micros).argmin())[None].repeat(len(onset), axis=0)
        return None

    def _line_mask(self, melody: Melody) -> LineMask:
        """Keeps the lines of a melody within all other masks, near where they were.

        A pitch beyond the usual range may stay what it was.
        """
        rows, pitches = melody.rows, np.arange(NUM_PITCHES)
        onset = np.repeat(rows["onset"].astype(np.int64)[None], self._context.num_pieces, axis=0)
        masks = [mask.allowed[mask.kind(onset)[0], rows["track"]] for mask in self._pitch_masks]
        moved = np.abs(pitches - rows["pitch"][:, None].astype(int))
        was = moved == 0
        allowed = np.logical_and.reduce([self._ranges[rows["track"]] | was, moved <= FARTHEST, *masks])
        lines = Lines(np.where(melody.is_open[:, None], allowed, was), melody.rising, melody.equal)
        if (note := lines.impossible()) is not None:
            raise SettingsError(
                "`scale`, `range`, `chords` and `cadence` must leave every note that is varied a pitch. Received some "
                f"that leave none to note {note + 1}. Widen them, or keep less with `vary_keeps`."
            )
        return LineMask(lines, rows)

    def _forbidden_shifts(self, onset: np.ndarray) -> np.ndarray:
        """Shape (num_pieces, num_shifts + 1); the last is the end, which is not forbidden here."""
        plays = self._playing(onset)
        if self._context.has_begun:
            plays[:, self._chord_class] &= self._can_follow(onset[:, self._chord_class])
        possible = np.logical_or.reduce(plays, axis=2)
        for mask in self._step_masks:
            possible &= mask.may_begin(onset)
        if self.close:
            possible &= self.close.may_begin(onset)
        return np.append(~possible, np.zeros((len(onset), 1), bool), axis=1)

    def _forbidden_tracks(self, onset: np.ndarray) -> np.ndarray:
        """At the steps that were chosen, shapes (num_pieces,) -> (num_pieces, num_tracks)."""
        plays = self._playing(onset[:, None])[:, 0]
        if self._context.has_begun:
            plays &= self._can_follow(onset) | (onset != self._context.moment.newest["onset"])[:, None]
        for mask in self._step_masks:  # a note that stands may have led elsewhere
            plays &= mask.may_begin(onset[:, None])
        return ~plays

    def _playing(self, onset: np.ndarray) -> np.ndarray:
        """Which tracks can begin a note at steps, shapes (num_pieces, n) -> (num_pieces, n, num_tracks)."""
        plays = self._plays[self._kind(onset)] & self._context.may_play[:, None]
        if self._most_at_once:
            plays &= self._is_drum | (onset >= self._full_until(self._most_at_once)[:, None])[..., None]
        return plays

    def _can_follow(self, onset: np.ndarray) -> np.ndarray:
        """Which tracks can follow the newest note at its onset, where notes come by track, then by pitch.

        Shapes (num_pieces,) -> (num_pieces, num_tracks).
        """
        newest = self._context.moment.newest
        track = newest["track"][:, None]
        is_higher = newest["pitch"] < self._highest[self._kind(onset[:, None])[:, 0], newest["track"]]
        return (self._tracks > track) | (is_higher[:, None] & (self._tracks == track))

    def _full_until(self, most: int) -> np.ndarray:
        """The step up to which as many notes sound as may, drums left out; shape (num_pieces,)."""
        ends = self._context.ends_of_sounding()  # (n, num_pieces)
        if len(ends) < most:
            return np.zeros(self._context.num_pieces, np.int64)
        return np.partition(ends, -most, axis=0)[-most]

    def _kind(self, onset: np.ndarray) -> np.ndarray:
        kinds = np.zeros_like(onset)
        for mask in self._pitch_masks:
            kinds = kinds * len(mask.allowed) + mask.kind(onset)
        return kinds
