"""Notes: one row a note, predicted field by field: shift, track, pitch, duration, velocity, and micro-timing if any.

What follows from the past for free is told, not predicted: the place in the bar, what still sounds and for how
long, each track's last pitch, and what earlier music suggests. Knows pieces; knows no network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import FailFast, Field, GetPydanticSchema, model_validator
from typing_extensions import override

from melodyforge.errors import CorpusError
from melodyforge.music.chords import NO_CHORDS, NUM_CHORDS, chords_at, read_chords
from melodyforge.music.form import MAX_BARS, NO_FORM, Form, read_form
from melodyforge.music.piece import NOTE_DTYPE, NUM_PITCHES, Meter, Piece, Track, without_doubles
from melodyforge.music.traits import Program
from melodyforge.settings import MAX_TRACKS, RepresentationSettings
from melodyforge.tokens.bins import LONGEST_STEPS, Bins, fit_micro_bins, fit_time_bins, fit_velocity_bins
from melodyforge.tokens.controls import Controls, ControlsState
from melodyforge.tokens.features import NOT_ASKED, Head, Rows
from melodyforge.tokens.harmony import ToldChords, chords_of_rows
from melodyforge.tokens.headings import Heading, heading_of, pack_headings, piece_under, some_headings, unpack_headings
from melodyforge.tokens.held import Held, Hold, Keeper, hold_at_random
from melodyforge.tokens.past import Past
from melodyforge.tokens.plan import Plan
from melodyforge.tokens.ranges import PitchCounts, PitchRanges, Reach
from melodyforge.tokens.recall import HORIZON_ROWS, LONGEST_RUN, GrowingRecall, WindowRecall
from melodyforge.tokens.representation import Change, Context, Representation, padded, replaced
from melodyforge.tokens.signals import (
    BEFORE_ALL,
    CHORD_TONIC,
    LATEST_VERSION,
    OUTER,
    Moment,
    Vocabulary,
    note_signals,
    steps_of_bars,
)
from melodyforge.tokens.states import (
    Ascending,
    Duration,
    Micro,
    Passages,
    Pitch,
    PitchRange,
    Shift,
    Steps,
    Velocity,
    VocabularyState,
)
from melodyforge.tokens.tracks import TrackClasses, TrackKey, track_keys
from melodyforge.tokens.wishes import PREFIX

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
        ("micro", np.int8),  # micro-timing, as in `NOTE_DTYPE`
        ("returns", np.int16),  # of its bar, as in `Form`
        ("chord", np.int16),  # that sounds, a class of `music.chords`
    ]
)
EXACT_SHIFT_STEPS = 96
EXACT_DURATION_STEPS = 48
# How far before a window notes are looked for that still sound in it, or return, or are repeated up to it.
LOOKBACK_ROWS = HORIZON_ROWS + LONGEST_RUN
ROWS_AHEAD = 256  # behind a window, in which held notes are heard coming

BarSteps = Annotated[int, Field(ge=0, le=np.iinfo(np.int16).max)]
TrackIndex = Annotated[int, Field(ge=0, le=MAX_TRACKS)]
Returns = Annotated[int, Field(ge=-MAX_BARS, le=MAX_BARS)]
Chord = Annotated[int, Field(ge=0, lt=NUM_CHORDS)]
Position = Annotated[int, Field(ge=-1, le=np.iinfo(np.int16).max)]
NoteRow = (  # as `ROW_DTYPE`; models that are older know less
    tuple[Steps, Duration, TrackIndex, Pitch, Velocity, Position, BarSteps, Steps, Micro, Returns, Chord]
    | tuple[Steps, Duration, TrackIndex, Pitch, Velocity, Position, BarSteps, Steps, Micro, Returns]
    | tuple[Steps, Duration, TrackIndex, Pitch, Velocity, Position, BarSteps, Steps, Micro]
    | tuple[Steps, Duration, TrackIndex, Pitch, Velocity, Position, BarSteps, Steps]
)


class NotesState(VocabularyState):
    """See `NotesRepresentation.state`."""

    kind: Literal["notes"] = "notes"
    shifts: Ascending[Shift]
    durations: Ascending[Duration]
    velocities: Ascending[Velocity]
    bar_lengths: Ascending[BarSteps]
    tracks: Annotated[list[tuple[Program, bool, TrackIndex]], FailFast(), Field(min_length=1, max_length=MAX_TRACKS)]
    ranges: Annotated[list[PitchRange], FailFast(), Field(max_length=MAX_TRACKS)]
    micros: Ascending[Micro] = [0]  # noqa: RUF012 - pydantic copies it
    version: Annotated[int, Field(ge=1, le=LATEST_VERSION)] = 1
    controls: Annotated[Any, GetPydanticSchema(lambda _, handler: handler(ControlsState))]
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
        self, vocabulary: Vocabulary, ranges: PitchRanges, headings: list[Heading], controls: Controls
    ) -> None:
        self.vocabulary, self.ranges, self.headings, self.controls = vocabulary, ranges, headings, controls
        shifts, tracks, durations = (len(one) for one in (vocabulary.shifts, vocabulary.tracks, vocabulary.durations))
        self.end_class = shifts
        self.chord_class = int(vocabulary.shifts.classes(np.array([0]))[0])  # one more note at the same onset
        self.signals = note_signals(vocabulary, controls)
        self.heads = (
            Head("shift", shifts + 1, controls.features, self.suggestions("shift")),
            Head("track", tracks, self.known_with("shift"), self.suggestions("track")),
            Head(
                "pitch",
                NUM_PITCHES,
                self.known_with("track"),
                self.suggestions("pitch"),
                relative_to="own_last",
                degrees_of=(
                    "scale_tonic",
                    f"{PREFIX}tonic",
                    *([f"{name}_tonic" for name in OUTER] if vocabulary.version >= 3 else []),
                    *([CHORD_TONIC] if vocabulary.version >= 4 else []),
                ),
            ),
            Head("duration", durations, self.known_with("pitch"), self.suggestions("duration")),
            Head("velocity", len(vocabulary.velocities), self.known_with("duration")),
            *([Head("micro", len(vocabulary.micros), self.known_with("velocity"))] if vocabulary.has_micro else []),
        )

    @classmethod
    def fit(cls, settings: RepresentationSettings, pieces: Iterable[Piece]) -> Self:
        """Learns which times, velocities and instruments the pieces use."""
        shift_counts = np.zeros(LONGEST_STEPS + 1, np.int64)
        duration_counts = np.zeros(LONGEST_STEPS + 1, np.int64)
        velocity_counts = np.zeros(128, np.int64)
        micro_counts = np.zeros(256, np.int64)
        headings: list[Heading] = []
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
            micro_counts += np.bincount(notes["micro"].astype(np.int64) + 128, minlength=256)
            headings.append(heading_of(piece))
            key_counts.update(track_keys(piece.tracks))
            pitch_counts.add(piece)
        if not headings:
            raise CorpusError("Expected at least one piece with notes to learn from. Received none.")
        shift_counts[0] += 1  # a chord is always possible
        tracks = TrackClasses.fit(key_counts, settings.max_tracks)
        meters = {Meter(0, one.numerator, one.denominator).bar_steps for one in headings}
        vocabulary = Vocabulary(
            shifts=fit_time_bins(shift_counts, EXACT_SHIFT_STEPS),
            durations=fit_time_bins(duration_counts, EXACT_DURATION_STEPS),
            velocities=fit_velocity_bins(velocity_counts),
            micros=fit_micro_bins(micro_counts, -128),
            bar_lengths=Bins(sorted({0} | meters)),
            tracks=tracks,
        )
        controls = Controls.fit([heading.traits for heading in headings], tracks)
        return cls(vocabulary, pitch_counts.ranges(tracks), some_headings(headings), controls)

    @property
    @override
    def knows_forms(self) -> bool:
        return self.vocabulary.version >= 3

    @property
    @override
    def knows_held(self) -> bool:
        return self.vocabulary.version >= 4

    @override
    def encode(self, piece: Piece, snaps_onsets: bool = True) -> np.ndarray:
        """One row a note; times and velocities snapped to the vocabulary, onsets without drift.

        Args:
            piece: to encode.
            snaps_onsets: whether onsets are, too. Those of notes that are held may be any.
        """
        words, classes = self.vocabulary, self.vocabulary.tracks.of(piece.tracks)
        notes = piece.notes[classes[piece.notes["track"]] >= 0]
        rows = np.zeros(len(notes), ROW_DTYPE)
        rows["onset"] = words.shifts.snap_onsets(notes["onset"]) if snaps_onsets else notes["onset"]
        rows["duration"] = words.durations.snap(notes["duration"])
        rows["track"] = classes[notes["track"]]
        rows["pitch"] = notes["pitch"]
        rows["velocity"] = words.velocities.snap(notes["velocity"])
        rows["micro"] = words.micros.snap(notes["micro"])
        rows = without_doubles(rows)
        if piece.is_performed:
            rows["position"] = -1
        elif len(rows):
            rows["bar"], rows["position"], rows["bar_steps"] = piece.bars_at(rows["onset"])
            returns = np.array([*read_form(piece).returns, 0], np.int16)  # bars behind those looked at count as new
            rows["returns"] = returns.take(rows["bar"], mode="clip")
            rows["chord"] = chords_at(read_chords(piece), rows["onset"])
        return rows

    def decode(self, rows: np.ndarray, heading: Heading = Heading()) -> Piece:
        """Notes with the tracks that play; tempo and meter from the heading."""
        used = np.unique(rows["track"])
        notes = np.zeros(len(rows), NOTE_DTYPE)
        for name in ("onset", "duration", "pitch", "velocity", "micro"):
            notes[name] = rows[name]
        notes["track"] = np.searchsorted(used, rows["track"])
        keys = [self.vocabulary.tracks.keys[index] for index in used]
        tracks = tuple(Track(program, is_drum) for program, is_drum, _ in keys)
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
        num_ahead = 0 if change.hold_seed is None else ROWS_AHEAD
        ahead = self._changed(rows[: stop + num_ahead], change)
        known, seen = ahead[:stop], ahead[first:stop]
        classes = self.vocabulary.classes(seen)
        targets = {name: np.append(ids, NOT_ASKED)[here] for name, ids in classes.items()}
        if stop > len(rows):
            targets["shift"][-1] = self.end_class
        chosen = {name: np.maximum(ids, 0) for name, ids in targets.items()}
        told = np.zeros(self.controls.num_columns, np.int16) if controls is None else controls
        semitones = _semitones(rows[first:stop], seen)
        told = self.controls.transposed(told, semitones)
        hold = None
        if change.hold_seed is not None and self.knows_held and 0 <= start < len(known):
            rng = np.random.default_rng(change.hold_seed)
            hold, is_held = hold_at_random(ahead[first:], here, len(self.vocabulary.tracks), rng)
            _leave_out_held(targets, hold, is_held[: len(seen)], seen, here)
        moment = self._moment(
            known,
            first,
            classes,
            here,
            told,
            plan=Plan([_form(rows, change)]),
            held=self._held(hold),
            harmony=ToldChords([chords_of_rows(rows, semitones) if change.tells_chords else NO_CHORDS]),
        )
        moment.chosen = chosen
        features = {name: padded(values, length, 0) for name, values in self.tell(self.features, moment).items()}
        return features | {f"target_{name}": padded(ids, length, NOT_ASKED) for name, ids in targets.items()}

    def _moment(
        self,
        known: np.ndarray,
        first: int,
        classes: dict[str, np.ndarray],
        here: slice,
        told: np.ndarray,
        *,
        plan: Plan,
        held: Held,
        harmony: ToldChords,
    ) -> Moment:
        """What is known before rows of a stretch, and the rows themselves; of the row after the last, its place."""
        seen = known[first:]
        nothing, is_drum = self.vocabulary.nothing, self.vocabulary.tracks.is_drum
        before = np.concatenate([_row_of_nothing(seen), seen])[here]
        moment = Moment(
            vocabulary=self.vocabulary,
            newest=before,
            last={name: np.append(nothing[name], ids)[here] for name, ids in classes.items()},
            past=Past.of_rows(seen, is_drum).select(here),
            recall=WindowRecall(known, is_drum, here, first),
            controls=self.controls.by_feature(np.broadcast_to(told, (len(before), len(told)))),
            bars_ago=steps_of_bars(before["bar_steps"]),
            plan=plan,
            held=held,
            harmony=harmony,
        )
        moment.next = np.concatenate([seen, seen[-1:] if len(seen) else _row_of_nothing(seen)])[here]
        return moment

    def _held(self, *holds: Hold | None) -> Held:
        return Held([hold for hold in holds if hold], self.vocabulary.tracks.is_drum)

    @override
    def begin(
        self, headings: list[Heading], controls: np.ndarray | None = None, holds: Sequence[Hold] = ()
    ) -> NotesContext:
        if controls is None:
            controls = np.zeros((len(headings), self.controls.num_columns), np.int16)
        return NotesContext(self, headings, controls, holds)

    def state(self) -> dict[str, Any]:
        """Plain lists."""
        return {
            "shifts": self.vocabulary.shifts.values.tolist(),
            "durations": self.vocabulary.durations.values.tolist(),
            "velocities": self.vocabulary.velocities.values.tolist(),
            "micros": self.vocabulary.micros.values.tolist(),
            "version": self.vocabulary.version,
            "bar_lengths": self.vocabulary.bar_lengths.values.tolist(),
            "tracks": [list(key) for key in self.vocabulary.tracks.keys],
            "ranges": self.ranges.state(),
            "headings": pack_headings(self.headings),
            "controls": self.controls.state(),
        }

    @classmethod
    def from_state(cls, settings: RepresentationSettings, state: dict[str, Any]) -> Self:
        """The inverse of `state`."""
        known = NotesState.check(state)
        vocabulary = Vocabulary(
            shifts=Bins(known.shifts),
            durations=Bins(known.durations),
            velocities=Bins(known.velocities),
            micros=Bins(known.micros),
            version=known.version,
            bar_lengths=Bins(known.bar_lengths),
            tracks=TrackClasses(known.tracks),
        )
        controls = Controls.from_state(known.controls.model_dump(), vocabulary.tracks)
        return cls(vocabulary, PitchRanges(known.ranges), unpack_headings(known.headings), controls)

    def _changed(self, rows: np.ndarray, change: Change) -> np.ndarray:
        pitched = ~self.vocabulary.tracks.is_drum[rows["track"]]
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


class NotesContext(Context):
    """The past of several pieces while they are composed."""

    def __init__(
        self,
        representation: NotesRepresentation,
        headings: list[Heading],
        controls: np.ndarray,
        holds: Sequence[Hold] = (),
    ) -> None:
        super().__init__(representation, len(headings))
        known, self._vocabulary = representation.controls, representation.vocabulary
        self._end_class, self._chord_class = representation.end_class, representation.chord_class
        self._controls, self._silent_tracks = known.by_feature(controls), known.forbidden_tracks(controls)
        tracks = np.arange(self._silent_tracks.shape[1])
        self._last_track = np.where(self._silent_tracks, -1, tracks).max(axis=1)  # that may play, of each piece
        self._reach = Reach(representation.ranges, self.num_pieces)
        self._past = Past.empty(self.num_pieces, len(self._vocabulary.tracks))
        self._recall = GrowingRecall(self.num_pieces, self._vocabulary.tracks.is_drum)
        self._bar_steps = np.array(
            [0 if one.is_performed else Meter(0, one.numerator, one.denominator).bar_steps for one in headings]
        )
        self._divisor = np.where(self._bar_steps > 0, self._bar_steps, BEFORE_ALL)  # without bars all is in bar 0
        self._bars_ago = steps_of_bars(self._bar_steps)
        self._plan = Plan([heading.form for heading in headings])
        self.plan = self._plan if representation.knows_forms else None
        self._harmony = ToldChords([heading.chords for heading in headings])
        is_drum = self._vocabulary.tracks.is_drum
        self._held = Held([hold.standing for hold in holds], is_drum)
        self._keeper = None
        if any(len(hold.rows) for hold in holds):
            self._keeper = Keeper(holds, is_drum, ~self._silent_tracks, lambda: self.num_rows)
            self._last_track = self._keeper.last_free_track
            if self._held.is_any:
                self._held.is_free &= ~self._silent_tracks
            self._reach_as_far_as(holds, representation.ranges)
        nothing = {name: np.full(self.num_pieces, none) for name, none in self._vocabulary.nothing.items()}
        self._moment = self._moment_after(self._row_at(np.zeros(self.num_pieces, np.int64)), nothing)

    def _reach_as_far_as(self, holds: Sequence[Hold], ranges: PitchRanges) -> None:
        """Notes whose pitch is free may go as far as they went before."""
        for place, hold in enumerate(holds):
            if hold.is_open is not None:
                alone = Reach(ranges, 1)
                for pair in np.unique(hold.rows[hold.is_open][["track", "pitch"]]):
                    alone.add(pair["track"][None], pair["pitch"][None])
                self._reach.go_back(place, alone)

    @property
    @override
    def moment(self) -> Moment:
        return self._moment

    def _moment_after(self, newest: Rows, classes: dict[str, np.ndarray]) -> Moment:
        return Moment(
            vocabulary=self._vocabulary,
            newest=newest,
            last=classes,
            past=self._past,
            recall=self._recall,
            controls=self._controls,
            bars_ago=self._bars_ago if self._keeper is None else steps_of_bars(newest["bar_steps"]),
            plan=self._plan,
            held=self._held,
            harmony=self._harmony,
        )

    @override
    def illegal(self, head: Head) -> np.ndarray | None:
        """Notes of one onset come by track, then by pitch, all within reach; no piece ends before its first note.

        Of what is held, nothing else is drawn.
        """
        if head.name == "shift":
            return self._illegal_shifts(np.arange(head.size))
        newest, following = self._moment.newest, self._moment.next
        same_onset = following["onset"] == newest["onset"]
        if head.name == "track":
            never, first = self._silent_tracks, self._first_track_of_chord()
            if self._keeper:
                never = ~self._keeper.legal_tracks(newest, following["onset"])
        elif head.name == "pitch":
            never, first = self._reach.is_outside(following["track"]), newest["pitch"] + 1
            same_onset &= following["track"] == newest["track"]
            if self._keeper:
                never = self._unless_held(self._keeper, head, never)
        elif self._keeper:
            return self._unless_held(self._keeper, head, np.zeros((self.num_pieces, head.size), bool))
        else:
            return None
        return _with_order(never, first, same_onset) if self.has_begun and np.count_nonzero(same_onset) else never

    def _unless_held(self, keeper: Keeper, head: Head, never: np.ndarray) -> np.ndarray:
        """What may not be drawn: all but the held value where a row is the held one so far, else `never`."""
        is_held, value = keeper.value(self._moment.newest, self._moment.next, head.name)
        bins = self._vocabulary.bins.get(head.name)
        others = (bins.classes(value) if bins else value)[:, None] != np.arange(head.size)
        return np.where(is_held[:, None], others, never)

    def _illegal_shifts(self, classes: np.ndarray) -> np.ndarray | None:
        """No end before the first note, no chord where nothing can be added; shape (num_pieces, len(classes))."""
        if self._keeper:
            is_chord_full = self._first_track_of_chord() > self._last_track
            return ~self._keeper.legal_shifts(self._moment.newest, self._vocabulary.shifts, is_chord_full)
        if not self.has_begun:
            return (classes == self._end_class)[None].repeat(self.num_pieces, axis=0)
        is_chord_full = self._first_track_of_chord() > self._last_track
        if not np.count_nonzero(is_chord_full):
            return None
        return is_chord_full[:, None] & (classes == self._chord_class)

    def _first_track_of_chord(self) -> np.ndarray:
        """The first track that can play another note at the newest onset, shape (num_pieces,)."""
        newest = self._moment.newest
        return newest["track"] + self._reach.is_at_the_top(newest["track"], newest["pitch"])

    @override
    def choose(self, head: Head, classes: np.ndarray) -> None:
        moment, vocabulary = self._moment, self._vocabulary
        moment.chosen[head.name] = classes
        if head.name == "shift":
            is_end = classes == self._end_class
            self.end(is_end)
            steps = vocabulary.shifts.values.take(classes, mode="clip")  # those at the end do not matter
            if self._keeper:
                steps = self._keeper.steps_of(moment.newest, vocabulary.shifts, classes)
            moment.next = self._row_at(moment.newest["onset"] + steps)
        elif head.name in ("track", "pitch"):
            moment.next[head.name] = classes
        else:
            moment.next[head.name] = vocabulary.bins[head.name].values.take(classes)

    @override
    def commit(self) -> None:
        newest, row, classes = self._moment.newest, self._moment.next, self._moment.chosen
        self._past.add(row, self._vocabulary.tracks.is_drum)
        self._keep(row)
        self._reach.add(row["track"], row["pitch"])
        self._recall.append(row["onset"] - newest["onset"], row)
        self._moment = self._moment_after(row, classes)
        if self._keeper:
            self.end(self._keeper.is_done(self._moment.newest))

    @override
    def hear(self, rows: np.ndarray) -> None:
        """At once, because a long piece may be taken back often."""
        is_drum = self._vocabulary.tracks.is_drum
        self._keep_all(rows)
        self._past = Past.of_rows(rows, is_drum).select(slice(len(rows), None))
        for pair in np.unique(rows[["track", "pitch"]]):
            self._reach.add(pair["track"][None], pair["pitch"][None])
        self._recall.extend(rows)
        newest = {name: rows[name][-1:].astype(np.int64) for name in ROW_DTYPE.names or ()}
        self._moment = self._moment_after(newest, {n: ids[-1:] for n, ids in self._vocabulary.classes(rows).items()})

    @override
    def go_back(self, piece_index: int, alone: Self) -> None:
        super().go_back(piece_index, alone)
        self._past.go_back(piece_index, alone._past)
        self._reach.go_back(piece_index, alone._reach)
        self._recall.go_back(piece_index, alone._recall)
        newest, of_one = self._moment.newest, alone._moment
        self._moment = self._moment_after(
            {name: replaced(newest[name], piece_index, of_one.newest[name]) for name in ROW_DTYPE.names or ()},
            {name: replaced(ids, piece_index, of_one.last[name]) for name, ids in self._moment.last.items()},
        )

    @override
    def follow(self, sources: np.ndarray) -> None:
        super().follow(sources)
        self._past.follow(sources)
        self._reach.follow(sources)
        self._recall.follow(sources)
        self._plan.follow(sources)
        self._moment = self._moment_after(
            {name: self._moment.newest[name][sources] for name in ROW_DTYPE.names or ()},
            {name: ids[sources] for name, ids in self._moment.last.items()},
        )

    @property
    @override
    def clock(self) -> np.ndarray:
        return self._moment.newest["onset"]

    @property
    def may_play(self) -> np.ndarray:
        """Which tracks may play notes that are composed, bool, shape (num_pieces, num_tracks)."""
        return self._keeper.may_play if self._keeper else ~self._silent_tracks

    @property
    def bar_steps(self) -> np.ndarray:
        """The length of the bars of each piece, 0 without bars; shape (num_pieces,)."""
        return self._bar_steps

    def standing(self, head: Head) -> np.ndarray | None:
        """Which classes lead to the next note that stands, bool, shape (num_pieces, head.size); None: none stand."""
        if not self._keeper:
            return None
        newest, following, keeper = self._moment.newest, self._moment.next, self._keeper
        if head.name == "shift":
            return keeper.leads_to_held(newest, self._vocabulary.shifts)
        is_held, value = keeper.value(newest, following, head.name)
        if head.name == "track":
            return is_held[:, None] & (value[:, None] == np.arange(head.size))
        return np.broadcast_to(is_held[:, None], (self.num_pieces, head.size))

    def ends_of_sounding(self) -> np.ndarray:
        """The ends of notes that may still sound, drums left out; 0 for others. Shape (n, num_pieces)."""
        first, last = 0, int(self.num_rows.max())
        if last > LOOKBACK_ROWS:
            earliest = self.clock - LONGEST_STEPS
            first = min(
                int(self._rows["onset"][: self.num_rows[piece], piece].searchsorted(earliest[piece]))
                for piece in range(self.num_pieces)
            )
        rows, numbers = self._rows[first:last], np.arange(first, last)[:, None]
        counts = (numbers < self.num_rows) & ~self._vocabulary.tracks.is_drum[rows["track"]]
        return np.where(counts, rows["onset"] + rows["duration"], 0)

    def _row_at(self, onset: np.ndarray) -> dict[str, np.ndarray]:
        """A row at a step, with its place in the bar and nothing else."""
        row = dict.fromkeys(ROW_DTYPE.names or (), np.zeros(self.num_pieces, np.int64))
        row["onset"], row["bar_steps"] = onset, self._bar_steps
        row["bar"], position = np.divmod(onset, self._divisor)
        if self._keeper and self._keeper.bars_at:
            row["bar"], position, row["bar_steps"] = map(_as_int64, self._keeper.bars_at(onset))
        row["position"] = np.where(self._bar_steps > 0, position, -1)
        row["returns"] = self._plan.returns(row["bar"])
        return row


def _with_order(never: np.ndarray, first: np.ndarray, same_onset: np.ndarray) -> np.ndarray:
    """What is never possible, and at the same onset what is lower than it should be; shape (num_pieces, num_classes).

    Args:
        never: shape (num_pieces, num_classes).
        first: the lowest class that may follow at the same onset, shape (num_pieces,).
        same_onset: which pieces go on at the same onset, shape (num_pieces,).
    """
    forbidden = never | (same_onset[:, None] & (np.arange(never.shape[1]) < first[:, None]))
    is_stuck = forbidden.all(axis=1)  # nothing would be left: rather a doubled note than none
    forbidden[is_stuck] = never[is_stuck]
    return forbidden


def _as_int64(values: np.ndarray) -> np.ndarray:
    return values.astype(np.int64)


def _semitones(before: np.ndarray, after: np.ndarray) -> int:
    """By how much rows have been moved; drums stay where they are."""
    moves = after["pitch"].astype(np.int64) - before["pitch"]
    return int(moves[np.abs(moves).argmax()]) if len(moves) else 0


def _form(rows: np.ndarray, change: Change) -> Form:
    """What is told of the form of a piece whose rows these are."""
    if not len(rows):
        return NO_FORM
    is_performed, last_step = rows["position"][0] < 0, int(rows["onset"][-1])
    returns = np.zeros(int(rows["bar"][-1]) + 1, np.int64)
    returns[rows["bar"]] = rows["returns"]
    return Form(
        tuple(returns.tolist()) if change.tells_returns and not is_performed else (),
        (round(last_step * change.stretch) if is_performed else last_step) if change.tells_end else None,
    )


def _leave_out_held(
    targets: dict[str, np.ndarray], hold: Hold, is_held: np.ndarray, rows: np.ndarray, here: slice
) -> None:
    """Does not ask for what of the rows `here` follows from what is held.

    Args:
        targets: of the rows `here`, by the names of the fields; changed.
        hold: what is held.
        is_held: which rows are.
        rows: a stretch of the piece.
        here: the part of it that is predicted.
    """
    onset = rows["onset"]
    is_certain = (onset < hold.start) | (np.append(-1, onset[:-1]) >= hold.stop)
    for name, ids in targets.items():
        is_known = (is_held & is_certain if name in ("shift", "track") else is_held)[here]
        ids[: len(is_known)][is_known] = NOT_ASKED


def _row_of_nothing(rows: np.ndarray) -> np.ndarray:
    """The row before the first: step 0 of the first bar."""
    row = np.zeros(1, ROW_DTYPE)
    if len(rows):
        row["bar_steps"] = rows["bar_steps"][0]
        row["position"] = min(0, rows["position"][0])
    return row
