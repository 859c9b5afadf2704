"""Notes: one row a note, predicted field by field: shift, track, pitch, duration, velocity.

What follows from the past for free is told, not predicted: the place in the bar, what still sounds and for how
long, each track's last pitch, and what earlier music suggests. Knows pieces; knows no network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import FailFast, Field, model_validator
from typing_extensions import override

from melodyforge.errors import CorpusError
from melodyforge.music.piece import NOTE_DTYPE, NUM_PITCHES, Meter, Piece, Track
from melodyforge.music.traits import Traits, read_traits
from melodyforge.settings import MAX_TRACKS, RepresentationSettings
from melodyforge.tokens import hints
from melodyforge.tokens.bins import LONGEST_STEPS, Bins, fit_time_bins, fit_velocity_bins
from melodyforge.tokens.controls import Controls, ControlsState, transposed
from melodyforge.tokens.hints import HintFeatures, Hints
from melodyforge.tokens.past import NO_PITCH, NUM_REMAINING, Past
from melodyforge.tokens.ranges import PitchCounts, PitchRanges, Reach
from melodyforge.tokens.recall import HORIZON_ROWS, GrowingRecall, Recall, WindowRecall
from melodyforge.tokens.representation import (
    NOT_ASKED,
    Change,
    Context,
    Feature,
    Head,
    Heading,
    Representation,
    heading_of,
    pack_headings,
    padded,
    piece_under,
    some_headings,
    unpack_headings,
)
from melodyforge.tokens.states import (
    Ascending,
    Duration,
    Passages,
    Pitch,
    PitchRange,
    Program,
    Shift,
    Steps,
    Velocity,
    VocabularyState,
)
from melodyforge.tokens.tracks import TrackClasses, TrackKey, track_keys

ROW_DTYPE = np.dtype(
    [
        ("onset", np.int32),  # steps
        ("duration", np.int32),  # steps
        ("track", np.uint8),  # class of the vocabulary
        ("pitch", np.uint8),
        ("velocity", np.uint8),
        ("position", np.int16),  # steps since the bar line; -1 in performed music
        ("bar_steps", np.int16),  # length of the bar; 0 in performed music
        ("bar", np.int32),  # number of the bar; 0 in performed music
    ]
)
EXACT_SHIFT_STEPS = 96
EXACT_DURATION_STEPS = 48
LOOKBACK_ROWS = HORIZON_ROWS  # how far before a window notes are looked for that still sound in it, or return
NUM_POSITIONS = 192  # steps in the longest bar told apart, 8/4
NUM_PHRASE_BARS = 8  # tunes come in groups of four and eight bars

BarSteps = Annotated[int, Field(ge=0, le=np.iinfo(np.int16).max)]
TrackIndex = Annotated[int, Field(ge=0, le=MAX_TRACKS)]
Position = Annotated[int, Field(ge=-1, le=np.iinfo(np.int16).max)]
NoteRow = tuple[Steps, Duration, TrackIndex, Pitch, Velocity, Position, BarSteps, Steps]  # as `ROW_DTYPE`


class NotesState(VocabularyState):
    """See `NotesRepresentation.state`."""

    kind: Literal["notes"] = "notes"
    shifts: Ascending[Shift]
    durations: Ascending[Duration]
    velocities: Ascending[Velocity]
    bar_lengths: Ascending[BarSteps]
    tracks: Annotated[list[tuple[Program, bool, TrackIndex]], FailFast(), Field(min_length=1, max_length=MAX_TRACKS)]
    ranges: Annotated[list[PitchRange], FailFast(), Field(max_length=MAX_TRACKS)]
    controls: ControlsState
    passages: Passages[NoteRow] = ()

    @model_validator(mode="after")
    def _check_tracks(self) -> Self:
        if len(self.ranges) != len(self.tracks):
            raise ValueError("`ranges` must be as many as `tracks`")
        if any(row[2] >= len(self.tracks) for _, rows in self.passages for row in rows):
            raise ValueError("`passages` must be of known `tracks`")
        return self


class NotesRepresentation(Representation):
    """See the module."""

    kind = "notes"
    row_dtype = ROW_DTYPE
    controls: Controls

    def __init__(
        self,
        shifts: Bins,
        durations: Bins,
        velocities: Bins,
        bar_lengths: Bins,
        tracks: TrackClasses,
        ranges: PitchRanges,
        headings: list[Heading],
        controls: Controls,
    ) -> None:
        self.shifts, self.durations, self.velocities, self.tracks = shifts, durations, velocities, tracks
        self.bar_lengths, self.ranges, self.headings, self.controls = bar_lengths, ranges, headings, controls
        self.end_class = len(shifts)
        self.chord_class = int(shifts.classes(np.array([0]))[0])  # a shift of 0: one more note at the same onset
        num_tracks = len(tracks)
        hinted = HintFeatures(shifts, durations, num_tracks)
        self.inputs = (
            Feature("shift", len(shifts) + 1),  # in all of these the last class means: nothing yet
            Feature("track", num_tracks + 1),
            Feature("pitch", NUM_PITCHES + 1),
            Feature("duration", len(durations) + 1),
            Feature("velocity", len(velocities) + 1),
            Feature("position", NUM_POSITIONS + 1),
            Feature("bar_steps", len(self.bar_lengths)),
            Feature("phrase_bar", NUM_PHRASE_BARS),
            Feature("next_end", NUM_REMAINING),
            Feature("sounding", NUM_PITCHES, kind="levels"),
            Feature("last_pitch", NUM_PITCHES + 1, slots=num_tracks),
            Feature("last_remaining", NUM_REMAINING, slots=num_tracks),
            *hinted.inputs,
            *controls.features,
        )
        known_with_shift = (
            Feature("new_shift", len(shifts) + 1),
            Feature("new_position", NUM_POSITIONS + 1),
            Feature("new_phrase_bar", NUM_PHRASE_BARS),
            Feature("new_next_end", NUM_REMAINING),
            Feature("new_sounding", NUM_PITCHES, kind="levels"),
            Feature("new_last_pitch", NUM_PITCHES + 1, slots=num_tracks),
            Feature("new_last_remaining", NUM_REMAINING, slots=num_tracks),
            *hinted.with_shift,
        )
        known_with_track = (
            Feature("new_track", num_tracks),
            Feature("own_pitch", (NUM_PITCHES + 1) * num_tracks),
            *hinted.with_track,
        )
        known_with_pitch = (Feature("new_pitch", NUM_PITCHES), *hinted.with_pitch)
        self.heads = (
            Head("shift", len(shifts) + 1, controls.features, hints.SHIFT_POINTERS),
            Head("track", num_tracks, known_with_shift, hints.TRACK_POINTERS),
            Head("pitch", NUM_PITCHES, known_with_track, hints.PITCH_POINTERS, "own_last", hints.TONICS),
            Head("duration", len(durations), known_with_pitch, hints.DURATION_POINTERS),
            Head("velocity", len(velocities), (Feature("new_duration", len(durations)),)),
        )

    @classmethod
    def fit(cls, settings: RepresentationSettings, pieces: Iterable[Piece]) -> Self:
        """Learns which times, velocities and instruments the pieces use."""
        shift_counts = np.zeros(LONGEST_STEPS + 1, np.int64)
        duration_counts = np.zeros(LONGEST_STEPS + 1, np.int64)
        velocity_counts = np.zeros(128, np.int64)
        headings: list[Heading] = []
        traits: list[Traits] = []
        key_counts: Counter[TrackKey] = Counter()
        pitch_counts = PitchCounts()
        for piece in pieces:
            notes = piece.notes
            if not len(notes):
                continue
            shifts = np.diff(notes["onset"], prepend=0)
            shift_counts += np.bincount(np.minimum(shifts, LONGEST_STEPS), minlength=LONGEST_STEPS + 1)
            duration_counts += np.bincount(np.minimum(notes["duration"], LONGEST_STEPS), minlength=LONGEST_STEPS + 1)
            velocity_counts += np.bincount(notes["velocity"], minlength=128)
            headings.append(heading_of(piece))
            traits.append(read_traits(piece))
            key_counts.update(track_keys(piece.tracks))
            pitch_counts.add(piece)
        if not headings:
            raise CorpusError("Expected at least one piece with notes to learn from. Received none.")
        shift_counts[0] += 1  # a chord is always possible
        tracks = TrackClasses.fit(key_counts, settings.max_tracks)
        return cls(
            fit_time_bins(shift_counts, EXACT_SHIFT_STEPS),
            fit_time_bins(duration_counts, EXACT_DURATION_STEPS),
            fit_velocity_bins(velocity_counts),
            Bins(sorted({0} | {Meter(0, h.numerator, h.denominator).bar_steps for h in headings})),
            tracks,
            pitch_counts.ranges(tracks),
            some_headings(headings),
            Controls.fit(traits, tracks),
        )

    def encode(self, piece: Piece) -> np.ndarray:
        """One row a note; times and velocities snapped to the vocabulary, onsets without drift."""
        notes, classes = piece.notes, self.tracks.of(piece.tracks)
        playable = classes[notes["track"]] >= 0
        notes = notes[playable]
        rows = np.zeros(len(notes), ROW_DTYPE)
        rows["onset"] = self.shifts.snap_onsets(notes["onset"])
        rows["duration"] = self.durations.values[self.durations.classes(notes["duration"])]
        rows["track"] = classes[notes["track"]]
        rows["pitch"] = notes["pitch"]
        rows["velocity"] = self.velocities.values[self.velocities.classes(notes["velocity"])]
        rows = _without_doubles(rows)
        if piece.is_performed:
            rows["position"] = -1
        elif len(rows):
            rows["bar"], rows["position"], rows["bar_steps"] = piece.bars_at(rows["onset"])
        return rows

    def decode(self, rows: np.ndarray, heading: Heading = Heading()) -> Piece:
        """Notes with the tracks that play; tempo and meter from the heading."""
        used = np.unique(rows["track"])
        notes = np.zeros(len(rows), NOTE_DTYPE)
        for name in ("onset", "duration", "pitch", "velocity"):
            notes[name] = rows[name]
        notes["track"] = np.searchsorted(used, rows["track"])
        tracks = tuple(Track(program, is_drum) for program, is_drum, _ in (self.tracks.keys[index] for index in used))
        return piece_under(heading, notes, tracks or (Track(),))

    def without_beginning(self, rows: np.ndarray, number: int) -> np.ndarray:
        """See the base class. What follows begins in the first bar, at its own place in it."""
        rows = rows[number:].copy()
        if len(rows):
            rows["onset"] -= rows["onset"][0] - max(0, int(rows["position"][0]))
            rows["bar"] -= rows["bar"][0]
        return rows

    def window(
        self,
        rows: np.ndarray,
        start: int,
        length: int,
        change: Change = Change(),
        controls: np.ndarray | None = None,
    ) -> dict[str, np.ndarray]:
        """See the base class. Looks back at most `LOOKBACK_ROWS` rows before `start`."""
        first, stop = max(0, start - LOOKBACK_ROWS), min(start + length, len(rows) + 1)
        here = slice(start - first, stop - first)  # the rows to predict, counted from `first`
        seen = self._changed(rows[first:stop], change)
        told = np.zeros(self.controls.num_columns, np.int16) if controls is None else controls
        told = np.broadcast_to(transposed(told, _semitones(rows[first:stop], seen)), (stop - start, len(told)))
        classes = self._classes(seen)
        before = np.concatenate([_row_of_nothing(seen), seen])[here]
        after = np.concatenate([seen, seen[-1:] if len(seen) else _row_of_nothing(seen)])[here]
        past = self._past_of_each(seen).select(here)

        features = {name: np.append(self._nothing[name], ids)[here] for name, ids in classes.items()}
        features |= self._place(before) | past.last_pitches("") | past.at(before["onset"], "")
        targets = {name: np.append(ids, NOT_ASKED)[here] for name, ids in classes.items()}
        if stop > len(rows):
            targets["shift"][-1] = self.end_class
        chosen = {name: np.maximum(ids, 0) for name, ids in targets.items()}
        place = self._place(after)
        features |= {"new_position": place["position"], "new_phrase_bar": place["phrase_bar"]}
        features |= past.last_pitches("new_") | past.at(after["onset"], "new_")
        features |= {f"new_{name}": chosen[name] for name in ("shift", "track", "pitch", "duration")}
        features["own_pitch"] = past.own_pitch(chosen["track"])
        recall = WindowRecall(seen, self.tracks.is_drum, here)
        asked = self._hints(recall, past, before, self.controls.tonic(told))
        features |= asked.inputs() | asked.with_shift(chosen["shift"])
        features |= self.controls.as_features(told)
        features |= asked.with_track(chosen["track"], after["onset"]) | asked.with_pitch(chosen["pitch"])
        return {name: padded(values, length, 0) for name, values in features.items()} | {
            f"target_{name}": padded(ids, length, NOT_ASKED) for name, ids in targets.items()
        }

    @override
    def begin(self, headings: list[Heading], controls: np.ndarray | None = None) -> NotesContext:
        if controls is None:
            controls = np.zeros((len(headings), self.controls.num_columns), np.int16)
        return NotesContext(self, headings, controls)

    def state(self) -> dict[str, Any]:
        """Plain lists."""
        return {
            "shifts": self.shifts.values.tolist(),
            "durations": self.durations.values.tolist(),
            "velocities": self.velocities.values.tolist(),
            "bar_lengths": self.bar_lengths.values.tolist(),
            "tracks": [list(key) for key in self.tracks.keys],
            "ranges": self.ranges.state(),
            "headings": pack_headings(self.headings),
            "controls": self.controls.state(),
        }

    @classmethod
    def from_state(cls, settings: RepresentationSettings, state: dict[str, Any]) -> Self:
        """The inverse of `state`."""
        known = NotesState.check(state)
        tracks = TrackClasses(known.tracks)
        return cls(
            Bins(known.shifts),
            Bins(known.durations),
            Bins(known.velocities),
            Bins(known.bar_lengths),
            tracks,
            PitchRanges(known.ranges),
            unpack_headings(known.headings),
            Controls(**known.controls.model_dump(), tracks=tracks),
        )

    def _changed(self, rows: np.ndarray, change: Change) -> np.ndarray:
        pitched = ~self.tracks.is_drum[rows["track"]]
        pitches = rows["pitch"][pitched].astype(np.int16)
        if change.semitones and len(pitches):
            lowest, highest = int(pitches.min()), int(pitches.max())
            semitones = int(np.clip(change.semitones, -lowest, NUM_PITCHES - 1 - highest))
            rows = rows.copy()
            rows["pitch"][pitched] = pitches + semitones
        if change.stretch != 1.0 and len(rows) and rows["position"][0] < 0:
            rows = rows.copy()
            ends = np.round((rows["onset"] + rows["duration"]) * change.stretch)
            rows["onset"] = np.round(rows["onset"] * change.stretch)
            rows["duration"] = np.maximum(1, ends - rows["onset"])
        return rows

    @property
    def _nothing(self) -> dict[str, int]:
        """The class of each field before the first note."""
        return {feature.name: feature.size - 1 for feature in self.inputs[:5]}

    def _classes(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """The classes of each field."""
        return {
            "shift": self.shifts.classes(np.diff(rows["onset"], prepend=0)),
            "track": rows["track"].astype(np.int64),
            "pitch": rows["pitch"].astype(np.int64),
            "duration": self.durations.classes(rows["duration"]),
            "velocity": self.velocities.classes(rows["velocity"]),
        }

    def _place(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Where rows lie in bar and phrase, as classes."""
        position = np.minimum(rows["position"], NUM_POSITIONS - 1).astype(np.int64)
        return {
            "position": np.where(position < 0, NUM_POSITIONS, position),
            "bar_steps": self.bar_lengths.classes(rows["bar_steps"]),
            "phrase_bar": rows["bar"] % NUM_PHRASE_BARS,
        }

    def _hints(self, recall: Recall, past: Past, newest: np.ndarray, asked_tonic: np.ndarray) -> Hints:
        """What is suggested after each of the `newest` rows."""
        return Hints(recall, past, self.shifts, self.durations, newest["onset"], newest["bar_steps"], asked_tonic)

    def _past_of_each(self, rows: np.ndarray) -> Past:
        """The past that each row has, and that of the row after the last; leading dimension len(rows) + 1."""
        number, num_tracks = len(rows), len(self.tracks)
        ends = rows["onset"] + rows["duration"]
        end_by_pitch = np.zeros((number + 1, NUM_PITCHES), np.int32)
        pitched = np.flatnonzero(~self.tracks.is_drum[rows["track"]])
        end_by_pitch[pitched + 1, rows["pitch"][pitched]] = ends[pitched]
        last_row = np.full((number + 1, num_tracks), -1)
        last_row[np.arange(1, number + 1), rows["track"]] = np.arange(number)
        last_row = np.maximum.accumulate(last_row, axis=0)
        return Past(
            np.maximum.accumulate(end_by_pitch, axis=0),
            np.append(ends, 0)[last_row],  # index -1: the track has not played yet
            np.append(rows["pitch"], NO_PITCH).astype(np.int64)[last_row],
        )


class NotesContext(Context):
    """The past of several pieces while they are composed."""

    def __init__(self, representation: NotesRepresentation, headings: list[Heading], controls: np.ndarray) -> None:
        super().__init__(len(headings), ROW_DTYPE)
        self._of = representation
        self._controls = representation.controls.as_features(controls)
        self._silent_tracks = representation.controls.forbidden_tracks(controls)
        self._reach = Reach(representation.ranges, self.num_pieces)
        shape, num_tracks = (self.num_pieces,), len(representation.tracks)
        self._past = Past(
            np.zeros((*shape, NUM_PITCHES), np.int32),
            np.zeros((*shape, num_tracks), np.int32),
            np.full((*shape, num_tracks), NO_PITCH),
        )
        self._bar_steps = np.array(
            [0 if h.is_performed else Meter(0, h.numerator, h.denominator).bar_steps for h in headings]
        )
        self._last = self._row_at(np.zeros(shape, np.int32))
        self._last_classes = {name: np.full(shape, nothing) for name, nothing in representation._nothing.items()}
        self._next = self._last.copy()
        self._recall = GrowingRecall(self.num_pieces, representation.tracks.is_drum)
        self._asked_tonic = representation.controls.tonic(controls)
        self._hints = representation._hints(self._recall, self._past, self._last, self._asked_tonic)
        self._chosen: dict[str, np.ndarray] = {}

    @override
    def inputs(self) -> dict[str, np.ndarray]:
        onset = self._last["onset"]
        known = self._last_classes | self._of._place(self._last)
        known |= self._past.last_pitches("") | self._past.at(onset, "")
        return known | self._hints.inputs() | self._controls

    @override
    def told(self, head: Head) -> dict[str, np.ndarray]:
        if head.name == "shift":
            return self._controls
        if head.name == "track":
            place = self._of._place(self._next)
            return {
                "new_shift": self._chosen["shift"],
                "new_position": place["position"],
                "new_phrase_bar": place["phrase_bar"],
                **self._past.last_pitches("new_"),
                **self._past.at(self._next["onset"], "new_"),
                **self._hints.with_shift(self._chosen["shift"]),
            }
        if head.name == "pitch":
            track = self._chosen["track"]
            hinted = self._hints.with_track(track, self._next["onset"])
            return {"new_track": track, "own_pitch": self._past.own_pitch(track), **hinted}
        if head.name == "duration":
            return {"new_pitch": self._chosen["pitch"], **self._hints.with_pitch(self._chosen["pitch"])}
        return {"new_duration": self._chosen["duration"]}

    def illegal(self, head: Head) -> np.ndarray | None:
        """Notes of one onset come by track, then by pitch, all within reach; no piece ends before its first note."""
        if head.name == "shift":
            if not self._committed:
                return (np.arange(head.size) == self._of.end_class)[None].repeat(self.num_pieces, axis=0)
            return self._is_chord_full()[:, None] & (np.arange(head.size) == self._of.chord_class)
        if head.name not in ("track", "pitch"):
            return None
        never = self._silent_tracks if head.name == "track" else self._reach.is_outside(self._chosen["track"])
        if not self._committed:
            return never
        same_onset = self._next["onset"] == self._last["onset"]
        if head.name == "track":
            too_early = self._first_track_of_chord()
        else:
            same_onset = same_onset & (self._chosen["track"] == self._last["track"])
            too_early = self._last["pitch"].astype(np.int64) + 1
        forbidden = never | (same_onset[:, None] & (np.arange(head.size) < too_early[:, None]))
        is_stuck = forbidden.all(axis=1)  # nothing would be left: rather a doubled note than none
        forbidden[is_stuck] = never[is_stuck]
        return forbidden

    def _first_track_of_chord(self) -> np.ndarray:
        """The first track that can play another note at the last onset, shape (num_pieces,)."""
        return self._last["track"] + self._reach.is_at_the_top(self._last["track"], self._last["pitch"])

    def _is_chord_full(self) -> np.ndarray:
        """Whether nothing can be added at the last onset, shape (num_pieces,)."""
        tracks = np.arange(self._silent_tracks.shape[1])
        is_silent_or_earlier = self._silent_tracks | (tracks < self._first_track_of_chord()[:, None])
        return np.all(is_silent_or_earlier, axis=1)

    @override
    def choose(self, head: Head, classes: np.ndarray) -> None:
        self._chosen[head.name] = classes
        if head.name == "shift":
            is_end = classes == self._of.end_class
            self.end(is_end)
            steps = self._of.shifts.values[np.where(is_end, 0, classes)]
            self._next = self._row_at(self._last["onset"] + steps)
        elif head.name in ("track", "pitch"):
            self._next[head.name] = classes
        else:
            bins = self._of.durations if head.name == "duration" else self._of.velocities
            self._next[head.name] = bins.values[classes]

    @override
    def commit(self) -> None:
        row, every = self._next, np.arange(self.num_pieces)
        end, pitch, track = row["onset"] + row["duration"], row["pitch"], row["track"]
        pitched = np.flatnonzero(~self._of.tracks.is_drum[track])
        at = (pitched, pitch[pitched])
        self._past.end_by_pitch[at] = np.maximum(self._past.end_by_pitch[at], end[pitched])
        self._past.track_end[every, track] = end
        self._past.track_pitch[every, track] = pitch
        self._committed.append(row)
        self._reach.add(track, pitch)
        self._recall.append(row["onset"] - self._last["onset"], row)
        self._last, self._last_classes = row, self._chosen
        self._hints = self._of._hints(self._recall, self._past, self._last, self._asked_tonic)
        self._chosen = {}

    @property
    @override
    def clock(self) -> np.ndarray:
        return self._last["onset"]

    def _row_at(self, onset: np.ndarray) -> np.ndarray:
        """A row at a step, with its place in the bar."""
        row = np.zeros(self.num_pieces, ROW_DTYPE)
        bar_steps = np.maximum(1, self._bar_steps)
        is_gridded = self._bar_steps > 0
        row["onset"], row["bar_steps"] = onset, self._bar_steps
        row["position"] = np.where(is_gridded, onset % bar_steps, -1)
        row["bar"] = np.where(is_gridded, onset // bar_steps, 0)
        return row


def _semitones(before: np.ndarray, after: np.ndarray) -> int:
    """By how much rows have been moved; drums stay where they are."""
    moves = after["pitch"].astype(np.int64) - before["pitch"]
    return int(moves[np.abs(moves).argmax()]) if len(moves) else 0


def _row_of_nothing(rows: np.ndarray) -> np.ndarray:
    """The row before the first: step 0 of the first bar."""
    row = np.zeros(1, ROW_DTYPE)
    if len(rows):
        row["bar_steps"] = rows["bar_steps"][0]
        row["position"] = min(0, rows["position"][0])
    return row


def _without_doubles(rows: np.ndarray) -> np.ndarray:
    """Rows in order; of several with the same onset, track and pitch the longest."""
    rows = rows[np.lexsort((-rows["duration"], rows["pitch"], rows["track"], rows["onset"]))]
    is_double = np.ones(len(rows), bool)
    is_double[:1] = False
    for name in ("onset", "track", "pitch"):
        is_double[1:] &= rows[name][1:] == rows[name][:-1]
    return rows[~is_double]
