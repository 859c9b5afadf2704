"""What the recipe `forge` is told beside the last note: one table, a line for each signal.

What follows from the past for free is told, not predicted: the place in the bar, what still sounds, each track's
last pitch, and what earlier music suggests. Knows rows and their past; knows no pieces and no network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import numpy as np

from melodyforge.music.keys import NUM_PITCH_CLASSES
from melodyforge.music.piece import NUM_PITCHES
from melodyforge.tokens.bins import Bins
from melodyforge.tokens.controls import Controls
from melodyforge.tokens.features import AT_ONCE, Feature, Kind, Rows, Signal
from melodyforge.tokens.harmony import NUM_KINDS, NUM_ROOTS, ToldChords
from melodyforge.tokens.held import NOT_TOLD, NUM_PLACES, NUM_TRACK_STATES, UNKNOWN_TRACK, Held
from melodyforge.tokens.neighbours import NUM_DISTANCES, NUM_MOVES, Neighbours, find_neighbours
from melodyforge.tokens.past import NUM_REMAINING, Past, next_end, remaining_class
from melodyforge.tokens.plan import NUM_LEFT, NUM_RELATIONS, Plan, left_class
from melodyforge.tokens.recall import (
    FARTHEST_COPY,
    LONGEST_RUN,
    MATCH_LENGTHS,
    NOTHING,
    Continuation,
    LineContinuation,
    Recall,
)
from melodyforge.tokens.tracks import TrackClasses
from melodyforge.tokens.wishes import PREFIX

NUM_POSITIONS = 192  # steps in the longest bar told apart, 8/4
NUM_PHRASE_BARS = 8  # tunes come in groups of four and eight bars
BARS_AGO = (1, 2, 4, 8)
NO_DEGREE = 12  # class of the scale degree where there is no scale or no note
NO_TONIC = 0  # 1 to 12: C to B
BEFORE_ALL = 2**40  # steps
# Of what is told. 2: voices beside the track's own, and how often the newest passage was repeated. 3: intervals above
# the lowest and below the highest note that sounds, how many bars there have been, and a plan. 4: notes that are held,
# and chords.
LATEST_VERSION = 4
NUM_INTERVALS = 2 * NUM_PITCHES  # -127 to 127 semitones, and none
PITCHES, DEGREES, TONICS = NUM_PITCHES + 1, NO_DEGREE + 1, NUM_PITCH_CLASSES + 1  # classes, with that for none

OUTER = ("low", "high")
CHORD_TONIC = "new_chord_root"
_BARS = np.array([0, 1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 18, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 128, 160, 192, 256])
MOST_TIMES = 8  # that a passage is counted to be repeated
_RUNS = np.array([0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256])
_RUN_CLASS = np.searchsorted(_RUNS, np.arange(max(LONGEST_RUN, FARTHEST_COPY) + 1), side="right") - 1

_Value = TypeVar("_Value")


def _degrees() -> np.ndarray:
    """Semitones from each tonic up to each pitch, `NO_DEGREE` where one is none; shape (DEGREES, PITCHES)."""
    degrees = (np.arange(PITCHES) - np.arange(DEGREES)[:, None]) % NUM_PITCH_CLASSES
    degrees[NO_DEGREE] = degrees[:, NUM_PITCHES] = NO_DEGREE
    return degrees


def _interval_classes() -> np.ndarray:
    """Classes of the distances from each last pitch to each pitch, the last from none; shape (PITCHES, NUM_PITCHES)."""
    intervals = np.arange(NUM_PITCHES) - np.arange(PITCHES)[:, None] + NUM_PITCHES - 1
    intervals[NUM_PITCHES] = NUM_INTERVALS - 1
    return intervals


def _octaves() -> np.ndarray:
    """The pitches of each degree above each tonic, for none above C, some twice; shape (DEGREES, 12, 11)."""
    tonics, degrees = np.arange(DEGREES)[:, None, None], np.arange(NUM_PITCH_CLASSES)[:, None]
    pitches = (tonics + degrees) % NUM_PITCH_CLASSES + NUM_PITCH_CLASSES * np.arange(11)
    return np.where(pitches < NUM_PITCHES, pitches, pitches - NUM_PITCH_CLASSES)


# What one number says of another is looked up: one piece alone costs as many NumPy calls as many do.
_DEGREES, _INTERVALS, _OCTAVES = _degrees(), _interval_classes(), _octaves()
_TONIC_OF = np.append(np.arange(NUM_PITCHES) % NUM_PITCH_CLASSES, NO_DEGREE)  # of a pitch, as of a scale
_ASKED_DEGREES = np.roll((_DEGREES + 1) % DEGREES, 1, axis=0)  # the same one-based, 0 for none: tonics and degrees
_ASKED_SCALES = _ASKED_DEGREES[:, [*range(NUM_PITCH_CLASSES), NUM_PITCHES]]  # of each scale instead of a pitch


class Once(Generic[_Value]):
    """A property that is found when first asked for; unlike `cached_property` of Python 3.11 it needs no lock."""

    def __init__(self, find: Callable[[Any], _Value]) -> None:
        self._find, self._name, self.__doc__ = find, find.__name__, find.__doc__

    def __get__(self, owner: Any, _: type) -> _Value:
        """Finds the value; from then on the owner's own one hides this."""
        value = owner.__dict__[self._name] = self._find(owner)
        return value


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """The values that notes have in the training music."""

    shifts: Bins
    durations: Bins
    velocities: Bins
    bar_lengths: Bins
    tracks: TrackClasses
    micros: Bins = field(default_factory=lambda: Bins([0]))
    version: int = LATEST_VERSION  # of what is told; models are told what they were trained with

    @property
    def has_micro(self) -> bool:
        """Whether there is micro-timing to predict."""
        return len(self.micros) > 1

    @property
    def bins(self) -> dict[str, Bins]:
        """The values of those fields that are numbers, by name."""
        bins = {"shift": self.shifts, "duration": self.durations, "velocity": self.velocities}
        return bins | ({"micro": self.micros} if self.has_micro else {})

    def classes(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """The classes of each field of rows that follow one another, int64."""
        micro = {"micro": self.micros.classes(rows["micro"])} if self.has_micro else {}
        return {
            "shift": self.shifts.classes(np.diff(rows["onset"], prepend=0)),
            "track": rows["track"].astype(np.int64),
            "pitch": rows["pitch"].astype(np.int64),
            "duration": self.durations.classes(rows["duration"]),
            "velocity": self.velocities.classes(rows["velocity"]),
        } | micro

    @property
    def nothing(self) -> dict[str, int]:
        """The class of each field before the first note; of shifts the last but one is the end."""
        sizes = {name: len(bins) for name, bins in self.bins.items()}
        return {"shift": sizes.pop("shift"), "track": len(self.tracks), "pitch": NUM_PITCHES} | sizes


class Moment:
    """What is known before some rows: all of a window, or the next ones of several pieces; shapes (num_moments, ...).

    Signals ask it only for what is decided by then. What several of them ask for is found once.

    Attributes:
        newest: the row before each.
        last: its classes, by the names of the fields.
        next: the row itself, as far as it is decided.
        chosen: its classes, as far as they are decided.
        past, recall: of the rows before.
        controls: what is asked for, by the names of the controls' features.
        bars_ago: see `steps_of_bars`.
        plan: which bars return, and how far it is to the end, as far as this is told beforehand.
        held: notes that stand, and where others are composed beside them.
        harmony: chords, as far as they are told beforehand.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        newest: Rows,
        last: dict[str, np.ndarray],
        past: Past,
        recall: Recall,
        controls: dict[str, np.ndarray],
        bars_ago: np.ndarray,
        plan: Plan,
        held: Held,
        harmony: ToldChords,
    ) -> None:
        self.vocabulary, self.newest, self.last, self.held, self.harmony = vocabulary, newest, last, held, harmony
        self.past, self.recall, self.controls, self.plan = past, recall, controls, plan
        self.next, self.chosen = newest, dict[str, np.ndarray]()
        self.bars_ago = bars_ago

    # Before anything of the note is decided.

    @Once
    def sounding(self) -> np.ndarray:
        """Steps that each pitch sounds beyond the newest onset, (num_moments, NUM_PITCHES)."""
        return self.past.sounding(self.newest["onset"])

    @Once
    def scale(self) -> np.ndarray:
        """Tonic of the present major scale, `NO_DEGREE` for none."""
        return self.recall.scale()

    @Once
    def again(self) -> Continuation:
        """How the longest earlier match went on."""
        return self.recall.continuation()

    @Once
    def again_shift(self) -> np.ndarray:
        """The class of its shift."""
        return self.vocabulary.shifts.classes_or_none(self.again.shift)

    @Once
    def again_duration(self) -> np.ndarray:
        """The class of its duration."""
        return self.vocabulary.durations.classes_or_none(self.again.duration)

    @Once
    def ago_shifts(self) -> np.ndarray:
        """Classes of the shifts that followed this place some bars ago, (len(BARS_AGO), num_moments)."""
        then = self.newest["onset"] - self.bars_ago
        if self.vocabulary.version < 3:
            shifts = self.recall.shift_after(then)
        else:  # 0 where there are more notes of the chord
            after = self.recall.note_after(then, self.newest["track"], self.newest["pitch"])
            shifts = np.where(after.onset >= 0, after.onset - then, NOTHING)
        return self.vocabulary.shifts.classes_or_none(shifts)

    @Once
    def planned_shift(self) -> np.ndarray:
        """The class of the shift that followed this place in the bar that is to return, or that leads into the next."""
        newest, bar_steps = self.newest, self.newest["bar_steps"]
        then = newest["onset"] - self._planned_steps(newest["bar"])
        after = self.recall.note_after(then, newest["track"], newest["pitch"])
        to_next_bar = bar_steps - newest["position"]
        bar_then = newest["onset"] + to_next_bar - self._planned_steps(newest["bar"] + 1)
        first, before_all = np.zeros_like(newest["track"]), np.full_like(newest["onset"], -1)
        begins = self.recall.note_after(bar_then, first, before_all)
        stays = (after.onset >= 0) & (after.onset - then < to_next_bar)
        leads_on = (begins.onset >= 0) & (begins.onset - bar_then < bar_steps)
        shift = np.where(leads_on, begins.onset - bar_then + to_next_bar, NOTHING)
        return self.vocabulary.shifts.classes_or_none(np.where(stays, after.onset - then, shift))

    @Once
    def next_held(self) -> np.ndarray:
        """The index of the next held row."""
        return self.held.next_row(self.newest)

    @Once
    def held_shift(self) -> np.ndarray:
        """The class of the shift that leads to it."""
        distance = self.held.of(self.next_held, "onset") - self.newest["onset"]
        shifts = self.vocabulary.shifts
        return np.where(distance > shifts.values[-1], len(shifts), shifts.classes(distance))

    @Once
    def chord_place(self) -> np.ndarray:
        """The index of the chord at the newest onset."""
        return self.harmony.place(self.newest["onset"])

    @property
    def asked_tonic(self) -> np.ndarray:
        """1 to 12 for the tonic that is asked for, or `NO_TONIC`."""
        return self.controls[f"{PREFIX}tonic"]

    # Once the shift is decided.

    @Once
    def agrees_in_shift(self) -> np.ndarray:
        """Whether the note goes on as the match did, so far."""
        return (self.again.shift >= 0) & (self.again_shift == self.chosen["shift"])

    @Once
    def in_chord(self) -> np.ndarray:
        """Whether the note begins together with the one before it."""
        return self.next["onset"] == self.newest["onset"]

    @Once
    def then(self) -> np.ndarray:
        """This place some bars ago, and in the bar that is to return, in steps; negative for none.

        Shape (len(BARS_AGO) + 1, num_moments); (len(BARS_AGO), ...) where no plan is known of.
        """
        if self.vocabulary.version < 3:
            return self.next["onset"] - self.bars_ago
        return self.next["onset"] - np.concatenate([self.bars_ago, self._planned_steps(self.next["bar"])[None]])

    @Once
    def ago_tracks(self) -> np.ndarray:
        """The tracks that played then, behind those that do already, shape as `then`."""
        then = self.then
        track, pitch = (
            np.where(self.in_chord, self.newest[name].astype(np.int64), first)
            for name, first in (("track", 0), ("pitch", -1))
        )
        after = self.recall.note_after(then, track, pitch)
        return _or_none(np.where(after.onset == then, after.track, NOTHING), len(self.vocabulary.tracks))

    @Once
    def sounding_then(self) -> np.ndarray:
        """Steps that each pitch sounds beyond the new onset, held notes that begin there included, as `sounding`."""
        sounding = self.past.sounding(self.next["onset"])
        return np.maximum(sounding, self.held_now) if self.held.is_any else sounding

    @Once
    def held_now(self) -> np.ndarray:
        """How long held notes last that begin at the new onset and are still to come, (num_moments, NUM_PITCHES)."""
        return self.held.now(self.next_held, self.next["onset"])

    @Once
    def held_track(self) -> np.ndarray:
        """The track of the next held row, if that begins at the new onset."""
        is_now = self.held.of(self.next_held, "onset") == self.next["onset"]
        return np.where(is_now, self.held.of(self.next_held, "track"), len(self.vocabulary.tracks))

    @Once
    def new_chord_place(self) -> np.ndarray:
        """The index of the chord at the new onset."""
        return self.harmony.place(self.next["onset"])

    @Once
    def chord_root(self) -> np.ndarray:
        """Its root, 1 to 12, or 0."""
        return self.harmony.root(self.new_chord_place)

    # Once the track is decided.

    @Once
    def agrees_in_track(self) -> np.ndarray:
        """As `agrees_in_shift`."""
        return self.agrees_in_shift & (self.again.track == self.chosen["track"])

    @Once
    def own_pitch(self) -> np.ndarray:
        """The track's last pitch."""
        return self.past.pitch_of(self.chosen["track"])

    @Once
    def line(self) -> LineContinuation:
        """How the track's own line went on."""
        return self.recall.line(self.chosen["track"])

    @Once
    def neighbours(self) -> Neighbours:
        """The voices beside the track's own line at the new onset."""
        is_drum = self.vocabulary.tracks.is_drum
        return find_neighbours(self.past, self.chosen["track"], self.own_pitch, self.next["onset"], is_drum)

    @Once
    def ago_notes(self) -> tuple[np.ndarray, np.ndarray]:
        """Classes of pitch and duration of the note that the track played then, shapes as `then`."""
        then, track = self.then, self.chosen["track"]
        if self.vocabulary.version < 3:
            pitch, duration = self.recall.note_at(then, track)
        else:  # of a chord the note above the one that is there already
            is_above = self.in_chord & (self.newest["track"] == track)
            after = self.recall.note_after(then, track, np.where(is_above, self.newest["pitch"].astype(np.int64), -1))
            is_there = (after.onset == then) & (after.track == track)
            pitch, duration = (np.where(is_there, values, NOTHING) for values in (after.pitch, after.duration))
        return _or_none(pitch, NUM_PITCHES), self.vocabulary.durations.classes_or_none(duration)

    @Once
    def sounding_degrees(self) -> np.ndarray:
        """Which degrees of the scale, or of C without one, sound at the new onset, bool, (num_moments, 12)."""
        sounding = self.sounding_then
        starts = np.arange(0, sounding.size, NUM_PITCHES)[:, None, None]
        steps = sounding.take(_OCTAVES.take(self.scale, axis=0) + starts)  # (num_moments, 12, octaves)
        return np.maximum.reduce(steps, axis=2) > 0

    @Once
    def outer_pitches(self) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and the highest pitch that sounds at the new onset, `NUM_PITCHES` for none."""
        sounds = self.sounding_then > 0
        is_any = np.logical_or.reduce(sounds, axis=1)
        lowest, highest = sounds.argmax(axis=1), NUM_PITCHES - 1 - sounds[:, ::-1].argmax(axis=1)
        return np.where(is_any, lowest, NUM_PITCHES), np.where(is_any, highest, NUM_PITCHES)

    def sounding_above(self, pitch: np.ndarray) -> np.ndarray:
        """Which intervals above a pitch class sound at the new onset, bool, (num_moments, 12); as above C for none."""
        starts = np.arange(0, self.sounding_then.size, NUM_PITCHES)[:, None, None]
        steps = self.sounding_then.take(_OCTAVES.take(_TONIC_OF.take(pitch), axis=0) + starts)
        return np.maximum.reduce(steps, axis=2) > 0

    # Once the pitch is decided.

    @Once
    def interval(self) -> np.ndarray:
        """Class of the distance from the track's last pitch."""
        return _looked_up(_INTERVALS, self.own_pitch, self.chosen["pitch"])

    # What signals have in common.

    def position(self, rows: Rows) -> np.ndarray:
        """Classes of the place in the bar; the last where there are no bars."""
        return _or_none(np.minimum(rows["position"], NUM_POSITIONS - 1), NUM_POSITIONS)

    def _planned_steps(self, bar: np.ndarray) -> np.ndarray:
        """How many steps ago a bar stood that is to return, `BEFORE_ALL` for none; shape (num_moments,)."""
        steps = np.abs(self.plan.returns(bar)) * self.newest["bar_steps"].astype(np.int64)
        return np.where(steps > 0, steps, BEFORE_ALL)

    def degree(self, pitch: np.ndarray) -> np.ndarray:
        """Semitones above the scale's tonic, shape as `pitch`."""
        return _looked_up(_DEGREES, self.scale if pitch.ndim == 1 else self.scale[:, None], pitch)


def steps_of_bars(bar_steps: np.ndarray) -> np.ndarray:
    """How many steps ago the same place in earlier bars was; where there are no bars, before all music.

    Shapes (num_moments,) -> (len(BARS_AGO), num_moments).
    """
    return np.where(bar_steps > 0, np.array(BARS_AGO)[:, None] * bar_steps.astype(np.int64), BEFORE_ALL)


def _looked_up(table: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """The same as `table[row, column]`, but faster."""
    return table.take(row * table.shape[1] + column)


Told = Callable[[Moment], np.ndarray]


def note_signals(vocabulary: Vocabulary, controls: Controls) -> tuple[Signal, ...]:
    """All that is told, in the order of the networks' inputs; the last class of all but lengths and degrees: none."""
    stages = {
        AT_ONCE: [*_at_once(vocabulary), *(_asked(feature) for feature in controls.features)],
        "shift": _with_shift(vocabulary),
        "track": _with_track(vocabulary),
        "pitch": _with_pitch(vocabulary),
        "duration": [_signal("new_duration", len(vocabulary.durations), lambda m: m.chosen["duration"])],
        "velocity": [_signal("new_velocity", len(vocabulary.velocities), lambda m: m.chosen["velocity"])],
    }
    if not vocabulary.has_micro:
        del stages["velocity"]  # nothing is predicted behind it
    return tuple(replace(signal, known=head) for head, signals in stages.items() for signal in signals)


def _at_once(words: Vocabulary) -> list[Signal]:
    """What is known before anything of the note is decided."""
    nothing, num_tracks, lengths = words.nothing, len(words.tracks), len(MATCH_LENGTHS) + 1
    shifts, durations = nothing["shift"] + 1, nothing["duration"] + 1
    return [
        *(_last(field, none + 1) for field, none in nothing.items()),
        _signal("position", NUM_POSITIONS + 1, lambda m: m.position(m.newest)),
        _signal("bar_steps", len(words.bar_lengths), lambda m: words.bar_lengths.classes(m.newest["bar_steps"])),
        _signal("phrase_bar", NUM_PHRASE_BARS, lambda m: m.newest["bar"] % NUM_PHRASE_BARS),
        _signal("next_end", NUM_REMAINING, lambda m: remaining_class(next_end(m.sounding))),
        _signal("sounding", NUM_PITCHES, lambda m: m.sounding, kind="levels"),
        _signal("last_pitch", PITCHES, lambda m: m.past.track_pitch, slots=num_tracks),
        _signal("last_remaining", NUM_REMAINING, lambda m: m.past.remaining(m.newest["onset"]), slots=num_tracks),
        _signal("again_length", lengths, lambda m: m.again.length),
        _signal("again_shift", shifts, lambda m: m.again_shift, suggests="shift"),
        _signal("again_track", num_tracks + 1, lambda m: _or_none(m.again.track, num_tracks)),
        _signal("again_pitch", PITCHES, lambda m: _or_none(m.again.pitch, NUM_PITCHES)),
        _signal("again_duration", durations, lambda m: m.again_duration),
        *_by_bars("shift", shifts, lambda m: m.ago_shifts),
        _signal("scale", DEGREES, lambda m: m.scale),
        _signal("last_degree", DEGREES, lambda m: m.degree(m.past.track_pitch), slots=num_tracks),
        *(_repeats() if words.version >= 2 else []),
        *(_form(shifts) if words.version >= 3 else []),
        *([*_held(num_tracks, shifts), *_chords()] if words.version >= 4 else []),
    ]


def _form(num_shifts: int) -> list[Signal]:
    """How many bars there have been, how far it is to the end, which bars return, and what that suggests."""
    return [
        _signal("bars_so_far", len(_BARS), lambda m: _BARS.searchsorted(m.newest["bar"], side="right") - 1),
        _signal("left", NUM_LEFT, lambda m: m.plan.left(m.newest["onset"])),
        _signal("plan", NUM_RELATIONS, lambda m: m.plan.relation(m.newest["bar"])),
        _signal("plan_ahead", NUM_RELATIONS, lambda m: m.plan.relation(m.newest["bar"] + 1)),
        _signal("plan_shift", num_shifts, lambda m: m.planned_shift, suggests="shift"),
    ]


def _held(num_tracks: int, num_shifts: int) -> list[Signal]:
    """Whether something is held, where and for how long the music is free, which tracks are, and what is to come."""
    return [
        _signal("held", NUM_PLACES, _of_held(lambda m: m.held.place(m.newest["onset"]), NOT_TOLD)),
        _signal("held_left", NUM_LEFT, _of_held(lambda m: left_class(m.held.left(m.newest["onset"])), 0)),
        _signal("held_shift", num_shifts, _of_held(lambda m: m.held_shift, num_shifts - 1), suggests="shift"),
        _signal(
            "held_tracks",
            NUM_TRACK_STATES,
            _of_held(lambda m: m.held.track_states(len(m.newest["onset"])), UNKNOWN_TRACK, num_tracks),
            slots=num_tracks,
        ),
        _signal(
            "held_soon",
            NUM_PITCHES,
            _of_held(lambda m: m.held.soon(m.next_held, m.newest["onset"]), 0, NUM_PITCHES, dtype=np.uint8),
            kind="levels",
        ),
    ]


def _chords() -> list[Signal]:
    """The chord at the newest onset, the next one, and how far away that is."""
    return [
        _signal("chord_root", NUM_ROOTS, _of_chords(lambda m: m.harmony.root(m.chord_place))),
        _signal("chord_kind", NUM_KINDS, _of_chords(lambda m: m.harmony.kind(m.chord_place))),
        _signal("next_chord_root", NUM_ROOTS, _of_chords(lambda m: m.harmony.root(m.chord_place + 1))),
        _signal("next_chord_kind", NUM_KINDS, _of_chords(lambda m: m.harmony.kind(m.chord_place + 1))),
        _signal("chord_left", NUM_LEFT, _of_chords(lambda m: m.harmony.left(m.chord_place, m.newest["onset"]))),
    ]


def _chord_then() -> list[Signal]:
    """The chord at the new onset."""
    return [
        _signal(CHORD_TONIC, NUM_ROOTS, _of_chords(lambda m: m.chord_root)),
        _signal("new_chord_kind", NUM_KINDS, _of_chords(lambda m: m.harmony.kind(m.new_chord_place))),
    ]


def _chord_degree(name: str, of: Told) -> Signal:
    """Semitones above the chord's root, from 1 on; 0 for none."""
    return _signal(name, TONICS, _of_chords(lambda m: _looked_up(_ASKED_DEGREES, m.chord_root, of(m))))


def _of_chords(of: Told) -> Told:
    """What is told where chords are, 0 where none are."""
    return lambda m: of(m) if m.harmony.is_any else np.zeros(len(m.newest["onset"]), np.int64)


def _of_held(of: Told, none: int, *shape: int, dtype: type = np.int64) -> Told:
    """What is told where something is held, and what where nothing is."""
    return lambda m: of(m) if m.held.is_any else np.full((len(m.newest["onset"]), *shape), none, dtype)


def _repeats() -> list[Signal]:
    """How long, from how far and how often the newest passage has been repeated."""
    return [
        _signal("copied", len(_RUNS), lambda m: _RUN_CLASS.take(m.again.run)),
        _signal("copy_distance", len(_RUNS), lambda m: _RUN_CLASS.take(m.again.distance)),
        _signal("copy_times", MOST_TIMES + 1, lambda m: _times(m.again.run, m.again.distance)),
    ]


def _with_shift(words: Vocabulary) -> list[Signal]:
    """What is known once the shift is decided, and with it the onset."""
    num_tracks = len(words.tracks)
    return [
        _signal("new_shift", len(words.shifts) + 1, lambda m: m.chosen["shift"]),
        _signal("new_position", NUM_POSITIONS + 1, lambda m: m.position(m.next)),
        _signal("new_phrase_bar", NUM_PHRASE_BARS, lambda m: m.next["bar"] % NUM_PHRASE_BARS),
        _signal("new_next_end", NUM_REMAINING, lambda m: remaining_class(next_end(m.sounding_then))),
        _signal("new_sounding", NUM_PITCHES, lambda m: m.sounding_then, kind="levels"),
        _signal("new_last_pitch", PITCHES, lambda m: m.past.track_pitch, slots=num_tracks),
        _signal("new_last_remaining", NUM_REMAINING, lambda m: m.past.remaining(m.next["onset"]), slots=num_tracks),
        _signal("agreed_track", num_tracks + 1, _agreed_track, suggests="track"),
        *(_form_then(num_tracks) if words.version >= 3 else []),
        *([*_held_then(num_tracks), *_chord_then()] if words.version >= 4 else []),
    ]


def _form_then(num_tracks: int) -> list[Signal]:
    """The same once the onset is decided, and which tracks the bars before suggest."""
    return [
        _signal("new_left", NUM_LEFT, lambda m: m.plan.left(m.next["onset"])),
        _signal("new_plan", NUM_RELATIONS, lambda m: m.plan.relation(m.next["bar"])),
        *_by_bars("track", num_tracks + 1, lambda m: m.ago_tracks, is_planned=True),
    ]


def _held_then(num_tracks: int) -> list[Signal]:
    """Which held notes begin at the new onset, and which track plays the first of them."""
    return [
        _signal(
            "held_now",
            NUM_PITCHES,
            _of_held(lambda m: m.held_now, 0, NUM_PITCHES, dtype=np.uint8),
            kind="levels",
        ),
        _signal("held_track", num_tracks + 1, _of_held(lambda m: m.held_track, num_tracks), suggests="track"),
    ]


def _with_track(words: Vocabulary) -> list[Signal]:
    """What is known once the track is decided."""
    num_tracks, durations = len(words.tracks), len(words.durations) + 1
    return [
        _signal("new_track", num_tracks, lambda m: m.chosen["track"]),
        _signal("own_pitch", PITCHES * num_tracks, lambda m: m.chosen["track"] * PITCHES + m.own_pitch),
        _signal("own_last", PITCHES, lambda m: m.own_pitch),
        _signal("own_degree", DEGREES, lambda m: m.degree(m.own_pitch)),
        _signal("scale_tonic", TONICS, lambda m: (m.scale + 1) % TONICS),
        _signal(f"{PREFIX}scale_degree", TONICS, lambda m: _looked_up(_ASKED_SCALES, m.asked_tonic, m.scale)),
        _signal(f"{PREFIX}own_degree", TONICS, lambda m: _looked_up(_ASKED_DEGREES, m.asked_tonic, m.own_pitch)),
        _signal("sounding_degree", 2, lambda m: m.sounding_degrees, slots=NUM_PITCH_CLASSES),
        _signal("agreed_pitch", PITCHES, _agreed_pitch, suggests="pitch"),
        _signal("line_length", len(MATCH_LENGTHS) + 1, lambda m: m.line.length),
        _signal("line_pitch", PITCHES, lambda m: _or_none(m.line.pitch, NUM_PITCHES), suggests="pitch"),
        _signal("line_last_duration", durations, lambda m: words.durations.classes_or_none(m.line.last_duration)),
        *_by_bars("pitch", PITCHES, lambda m: m.ago_notes[0], is_planned=words.version >= 3),
        *(_voices() if words.version >= 2 else []),
        *(_intervals() if words.version >= 3 else []),
        *([_chord_degree("own_chord_degree", lambda m: m.own_pitch)] if words.version >= 4 else []),
    ]


def _intervals() -> list[Signal]:
    """What sounds, counted from its lowest and from its highest note: a fifth is one in every key."""
    return [
        signal
        for index, name in enumerate(OUTER)
        for signal in (
            _signal(f"{name}_tonic", TONICS, _class_above_none(index)),
            _signal(f"{name}_interval", 2, _sounding_above(index), slots=NUM_PITCH_CLASSES),
        )
    ]


def _class_above_none(index: int) -> Told:
    return lambda m: (_TONIC_OF.take(m.outer_pitches[index]) + 1) % TONICS


def _sounding_above(index: int) -> Told:
    return lambda m: m.sounding_above(m.outer_pitches[index])


def _voices() -> list[Signal]:
    """Where the voices beside the track's own are, how they just moved, and what would be parallel."""
    return [
        signal
        for index, name in enumerate(("above", "below", "outer"))
        for signal in (
            _signal(f"{name}_distance", NUM_DISTANCES, _row(lambda m: m.neighbours.distance, index)),
            _signal(f"{name}_move", NUM_MOVES, _row(lambda m: m.neighbours.move, index)),
            _signal(f"{name}_parallel", PITCHES, _row(lambda m: m.neighbours.parallel, index), suggests="pitch"),
        )
    ]


def _with_pitch(words: Vocabulary) -> list[Signal]:
    """What is known once the pitch is decided."""
    durations = len(words.durations) + 1
    return [
        _signal("new_pitch", NUM_PITCHES, lambda m: m.chosen["pitch"]),
        _signal("new_degree", DEGREES, lambda m: m.degree(m.chosen["pitch"])),
        _signal("new_interval", NUM_INTERVALS, lambda m: m.interval),
        _signal("agreed_duration", durations, _agreed_duration, suggests="duration"),
        _signal("line_duration", durations, _line_duration, suggests="duration"),
        *_by_bars("duration", durations, lambda m: m.ago_notes[1], is_planned=words.version >= 3),
        *([_chord_degree("chord_degree", lambda m: m.chosen["pitch"])] if words.version >= 4 else []),
    ]


def _signal(name: str, size: int, of: Told, *, slots: int = 0, kind: Kind = "class", suggests: str = "") -> Signal:
    return Signal(Feature(name, size, slots, kind), AT_ONCE, of, suggests)


def _last(field: str, size: int) -> Signal:
    """A field of the newest row."""
    return _signal(field, size, lambda m: m.last[field])


def _asked(feature: Feature) -> Signal:
    """One of the controls."""
    return Signal(feature, AT_ONCE, lambda m: m.controls[feature.name])


def _by_bars(field: str, size: int, of: Told, *, is_planned: bool = False) -> list[Signal]:
    """What stood some bars ago suggests for a field, and if it is planned what is to return; `of` gives all in rows."""
    names = [*(f"ago{bars}" for bars in BARS_AGO), *(["plan"] if is_planned else [])]
    return [_signal(f"{name}_{field}", size, _row(of, row), suggests=field) for row, name in enumerate(names)]


def _row(of: Told, row: int) -> Told:
    return lambda m: of(m)[row]


def _times(run: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """How many times what lies as far back was repeated as a whole."""
    return np.minimum(run // np.maximum(distance, 1), MOST_TIMES)


def _agreed_track(moment: Moment) -> np.ndarray:
    return np.where(moment.agrees_in_shift, moment.again.track, len(moment.vocabulary.tracks))


def _agreed_pitch(moment: Moment) -> np.ndarray:
    return np.where(moment.agrees_in_track, moment.again.pitch, NUM_PITCHES)


def _agreed_duration(moment: Moment) -> np.ndarray:
    agrees = moment.agrees_in_track & (moment.again.pitch == moment.chosen["pitch"])
    return np.where(agrees, moment.again_duration, len(moment.vocabulary.durations))


def _line_duration(moment: Moment) -> np.ndarray:
    durations = moment.vocabulary.durations
    follows_line = moment.line.pitch == moment.chosen["pitch"]
    return np.where(follows_line, durations.classes_or_none(moment.line.duration), len(durations))


def _or_none(classes: np.ndarray, none: int) -> np.ndarray:
    """Classes from 0 to one below that for none, which stands for -1."""
    return classes % (none + 1)
