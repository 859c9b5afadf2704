"""Fields: one row a note, its pitch, shift, duration and, if wished, velocity, each predicted by itself.

All pitched tracks, or those of one instrument, are heard as one; nothing is told but the notes themselves. Shift,
duration and velocity are classes, or numbers that a network predicts by regression: then a head has an order among
its classes, and a chord, which is a shift of exactly 0, has a probability of its own. Knows pieces; knows no network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import FailFast, Field
from typing_extensions import override

from melodyforge.errors import CorpusError
from melodyforge.music.instruments import instruments_named
from melodyforge.music.piece import NOTE_DTYPE, NUM_PITCHES, Piece, Track
from melodyforge.music.traits import Program
from melodyforge.settings import RepresentationSettings, Section
from melodyforge.tokens.bins import LONGEST_STEPS, Bins, fit_time_bins, fit_velocity_bins
from melodyforge.tokens.features import AT_ONCE, NOT_ASKED, Feature, Head, Signal
from melodyforge.tokens.headings import Heading, heading_of, pack_headings, piece_under, some_headings, unpack_headings
from melodyforge.tokens.held import Hold
from melodyforge.tokens.numbers import NUM_ATOMS
from melodyforge.tokens.ranges import PitchRanges, Reach
from melodyforge.tokens.representation import Change, Context, Representation, padded, replaced
from melodyforge.tokens.states import (
    Ascending,
    Duration,
    Passages,
    Pitch,
    PitchRange,
    Shift,
    Steps,
    Velocity,
    VocabularyState,
)
from melodyforge.tokens.voices import as_one_track, explain_silence, tracks_heard

ROW_DTYPE = np.dtype([("shift", np.int32), ("pitch", np.uint8), ("duration", np.int32), ("velocity", np.uint8)])
EXACT_SHIFT_STEPS = 96
EXACT_DURATION_STEPS = 48
VELOCITY = 80  # where none is learnt

# Mean, deviation, whether it is a time, the commonest values.
ScaleRow = tuple[
    Annotated[float, Field(ge=-1000, le=1000)],
    Annotated[float, Field(gt=0, le=1000)],
    bool,
    Annotated[list[Shift], FailFast(), Field(max_length=NUM_ATOMS)],
]
FieldsRow = tuple[Steps, Pitch, Duration, Annotated[int, Field(ge=0, le=127)]]  # as `ROW_DTYPE`


@dataclass
class Counts:
    """How often the notes of some pieces have each value."""

    shifts: np.ndarray = field(default_factory=lambda: np.zeros(LONGEST_STEPS + 1, np.int64))
    durations: np.ndarray = field(default_factory=lambda: np.zeros(LONGEST_STEPS + 1, np.int64))
    velocities: np.ndarray = field(default_factory=lambda: np.zeros(128, np.int64))
    pitches: np.ndarray = field(default_factory=lambda: np.zeros(NUM_PITCHES, np.int64))
    headings: list[Heading] = field(default_factory=list)

    def add(self, piece: Piece) -> None:
        """Counts the notes of a piece of one track."""
        notes = piece.notes
        self.shifts += _times_counted(np.diff(notes["onset"], prepend=0))
        self.durations += _times_counted(notes["duration"])
        self.velocities += np.bincount(notes["velocity"], minlength=128)
        self.pitches += np.bincount(notes["pitch"], minlength=NUM_PITCHES)
        self.headings.append(heading_of(piece))


@dataclass(frozen=True)
class Scale:
    """Brings values to mean 0 and deviation 1; times by their logarithm, as listeners compare them.

    Attributes:
        mean, deviation: of the training values, after the logarithm.
        is_time: whether values are steps.
        common: the commonest values, ascending.
    """

    mean: float
    deviation: float
    is_time: bool
    common: tuple[int, ...] = ()

    @classmethod
    def fit(cls, bins: Bins, counts: np.ndarray, is_time: bool) -> Self:
        """Of values, each as often as counted; shape (n,) for the values 0 to n - 1."""
        values = np.flatnonzero(counts)
        numbers, weights = cls(0.0, 1.0, is_time)(values), counts[values]
        mean = float(np.average(numbers, weights=weights))
        deviation = float(np.sqrt(np.average((numbers - mean) ** 2, weights=weights)))
        often = np.bincount(bins.classes(values), weights, len(bins))
        common = sorted(bins.values[np.argsort(-often, kind="stable")[:NUM_ATOMS]].tolist())
        return cls(round(mean, 6), round(max(deviation, 0.01), 6), is_time, tuple(common))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Float32, of the same shape."""
        raw = np.log1p(values) if self.is_time else np.asarray(values)
        return ((raw - self.mean) / self.deviation).astype(np.float32)

    def state(self) -> list[Any]:
        """For a vocabulary file."""
        return [self.mean, self.deviation, self.is_time, list(self.common)]

    @classmethod
    def from_state(cls, mean: float, deviation: float, is_time: bool, common: list[int]) -> Self:
        """The inverse of `state`."""
        return cls(mean, deviation, is_time, tuple(common))

    def borders(self, bins: Bins) -> tuple[float, ...]:
        """Half-way between neighbouring values."""
        numbers = self(bins.values).astype(np.float64)
        return tuple(np.round((numbers[1:] + numbers[:-1]) / 2, 6).tolist())


class BinsState(Section):
    """The values of each field."""

    shift: Ascending[Shift]
    duration: Ascending[Duration]
    velocity: Ascending[Velocity]


class ScalesState(Section):
    """See `Scale.state`, for each field."""

    shift: ScaleRow
    duration: ScaleRow
    velocity: ScaleRow


class FieldsState(VocabularyState):
    """See `FieldsRepresentation.state`."""

    kind: Literal["fields"] = "fields"
    bins: BinsState
    scales: ScalesState
    program: Program
    ranges: tuple[PitchRange]
    passages: Passages[FieldsRow] = ()


class FieldsRepresentation(Representation):
    """See the module."""

    kind = "fields"
    row_dtype = ROW_DTYPE

    def __init__(
        self,
        settings: RepresentationSettings,
        bins: dict[str, Bins],
        scales: dict[str, Scale],
        program: int,
        ranges: PitchRanges,
        headings: list[Heading],
    ) -> None:
        self.bins, self.scales, self.program, self.headings = bins, scales, program, headings
        self.ranges = ranges  # of the one track
        self._settings = settings
        # Pitch comes first: which shifts are possible depends on it. The other way round a shift of 0, drawn without
        # knowing of a low pitch, would force the pitch above the note before.
        self.fields = ("pitch", "shift", "duration", *(["velocity"] if settings.velocity else []))
        self.end_class = NUM_PITCHES
        self.signals = tuple(self._signal(name) for name in self.fields)
        self.heads = tuple(self._head(name) for name in self.fields)

    def _signal(self, name: str) -> Signal:
        """A field of the newest row; the last class means: nothing yet."""
        if name == "pitch":
            feature = Feature("pitch", NUM_PITCHES + 1)
        elif self._settings.numbers:
            feature = Feature(name, 1, kind="number")
        else:
            feature = Feature(name, len(self.bins[name]) + 1)
        return Signal(feature, AT_ONCE, lambda told: told[name])

    def _head(self, name: str) -> Head:
        if name == "pitch":
            return Head("pitch", NUM_PITCHES + 1)  # or the end
        if not self._settings.numbers:
            return Head(name, len(self.bins[name]))
        bins, scale = self.bins[name], self.scales[name]
        atoms = tuple(bins.classes(np.array(scale.common)).tolist())
        return Head(name, len(bins), borders=scale.borders(bins), atoms=atoms)

    @classmethod
    def fit(cls, settings: RepresentationSettings, pieces: Iterable[Piece]) -> Self:
        """Learns which times and velocities the pieces use, and which instrument plays most."""
        is_alone = settings.voices == "instrument"
        named = instruments_named(settings.instrument, "--instrument") if settings.instrument else None
        wanted = [program for program, _ in named] if named else None
        counts: dict[int | None, Counts] = {}
        num_notes: Counter[int] = Counter()
        for piece in pieces:
            heard = tracks_heard(piece, settings)
            notes_of = Counter([heard.tracks[track].program for track in heard.notes["track"].tolist()])
            notes_of = Counter({one: number for one, number in notes_of.items() if wanted is None or one in wanted})
            num_notes.update(notes_of)
            for program in notes_of if is_alone else [None] * bool(notes_of):
                counts.setdefault(program, Counts()).add(as_one_track(heard, program or 0, is_alone))
        if not counts:
            raise CorpusError(explain_silence(settings))
        program = num_notes.most_common(1)[0][0]
        found = counts[program if is_alone else None]
        found.shifts[0] += 1  # a chord is always possible
        bins = {
            "shift": fit_time_bins(found.shifts, EXACT_SHIFT_STEPS),
            "duration": fit_time_bins(found.durations, EXACT_DURATION_STEPS),
            "velocity": fit_velocity_bins(found.velocities),
        }
        numbers = {"shift": found.shifts, "duration": found.durations, "velocity": found.velocities}
        scales = {name: Scale.fit(bins[name], numbers[name], name != "velocity") for name in bins}
        ranges = PitchRanges.fit(found.pitches[None])
        return cls(settings, bins, scales, program, ranges, some_headings(found.headings))

    def encode(self, piece: Piece) -> np.ndarray:
        """One row a note; times and velocities snapped to the vocabulary, onsets without drift."""
        is_alone = self._settings.voices == "instrument"
        notes = as_one_track(tracks_heard(piece, self._settings), self.program, is_alone).notes
        rows = np.zeros(len(notes), ROW_DTYPE)
        rows["shift"] = np.diff(self.bins["shift"].snap_onsets(notes["onset"]), prepend=0)
        rows["pitch"] = notes["pitch"]
        for name in self.fields[2:]:
            rows[name] = self.bins[name].snap(notes[name])
        return rows

    def decode(self, rows: np.ndarray, heading: Heading = Heading()) -> Piece:
        """One track of notes."""
        notes = np.zeros(len(rows), NOTE_DTYPE)
        notes["onset"] = np.cumsum(rows["shift"])
        for name in ("duration", "pitch", "velocity"):
            notes[name] = rows[name]
        if not self._settings.velocity:
            notes["velocity"] = VELOCITY
        return piece_under(heading, notes, (Track(self.program),))

    def window(
        self,
        rows: np.ndarray,
        start: int,
        length: int,
        change: Change = Change(),
        controls: np.ndarray | None = None,
    ) -> dict[str, np.ndarray]:
        """See the base class. `start` may be negative: before the first row nothing is told and nothing asked."""
        begin, stop = max(0, start), min(start + length, len(rows) + 1)
        seen = self._moved(rows[max(0, begin - 1) : stop], change)
        has_before = int(begin > 0)
        arrays = {}
        for name, values in self.told_as(seen).items():
            told = np.concatenate([self.nothing_told(name, begin - start + 1 - has_before), values])
            arrays[name] = padded(told[: stop - start], length, 0)
        for name, ids in self.classes(seen).items():
            asked = np.append(ids[has_before:], self.end_class if name == "pitch" else NOT_ASKED)[: stop - begin]
            target = np.concatenate([np.full(begin - start, NOT_ASKED), asked])
            arrays[f"target_{name}"] = padded(target, length, NOT_ASKED)
        return arrays

    def begin(
        self, headings: list[Heading], controls: np.ndarray | None = None, holds: Sequence[Hold] = ()
    ) -> FieldsContext:
        """See the base class; nothing can be asked."""
        return FieldsContext(self, len(headings))

    def state(self) -> dict[str, Any]:
        """Plain lists."""
        return {
            "bins": {name: bins.values.tolist() for name, bins in self.bins.items()},
            "scales": {name: one.state() for name, one in self.scales.items()},
            "program": self.program,
            "ranges": self.ranges.state(),
            "headings": pack_headings(self.headings),
        }

    @classmethod
    def from_state(cls, settings: RepresentationSettings, state: dict[str, Any]) -> Self:
        """The inverse of `state`."""
        known = FieldsState.check(state)
        return cls(
            settings,
            {name: Bins(values) for name, values in known.bins},
            {name: Scale.from_state(*row) for name, row in known.scales},
            known.program,
            PitchRanges(known.ranges),
            unpack_headings(known.headings),
        )

    def classes(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """The classes of each field, int64."""
        ids = {name: bins.classes(rows[name]) for name, bins in self.bins.items()} | {"pitch": rows["pitch"]}
        return {name: ids[name].astype(np.int64) for name in self.fields}

    def told_as(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Each field as the network is told it: classes or numbers."""
        told = self.classes(rows)
        if self._settings.numbers:
            told |= {name: self.scales[name](rows[name]) for name in self.fields if name != "pitch"}
        return told

    def nothing_told(self, name: str, number: int) -> np.ndarray:
        """What a network is told of a field before the first note, `number` times."""
        feature = next(one for one in self.inputs if one.name == name)
        return np.zeros(number, np.float32) if feature.kind == "number" else np.full(number, feature.size - 1)

    def _moved(self, rows: np.ndarray, change: Change) -> np.ndarray:
        if not change.semitones or not len(rows):
            return rows
        pitches = rows["pitch"].astype(np.int16)
        semitones = np.clip(change.semitones, -pitches.min(), NUM_PITCHES - 1 - pitches.max())
        rows = rows.copy()
        rows["pitch"] = pitches + semitones
        return rows


class FieldsContext(Context):
    """The past of several pieces: nothing but the last note counts, the network remembers the rest."""

    def __init__(self, representation: FieldsRepresentation, num_pieces: int) -> None:
        super().__init__(representation, num_pieces)
        self._bins, self._told_as, self._end_class = (
            representation.bins,
            representation.told_as,
            representation.end_class,
        )
        self._told = {name: representation.nothing_told(name, num_pieces) for name in representation.fields}
        self._reach = Reach(representation.ranges, num_pieces)
        self._track = np.zeros(num_pieces, np.int64)  # the same one for all
        self._next = np.zeros(num_pieces, ROW_DTYPE)
        self._newest_pitch = self._next["pitch"].copy()
        self._clock = np.zeros(num_pieces, np.int64)

    @property
    @override
    def moment(self) -> dict[str, np.ndarray]:
        return self._told

    @override
    def illegal(self, head: Head) -> np.ndarray | None:
        """Notes lie within reach, those of one onset come from low to high; no piece ends before its first note."""
        if head.name == "pitch":
            may_end = self.has_begun
            return np.insert(self._reach.is_outside(self._track), self._end_class, not may_end, axis=1)
        if head.name != "shift" or not self.has_begun or head.size == 1:
            return None
        is_later = self._next["pitch"] <= self._newest_pitch
        return is_later[:, None] & (self._bins["shift"].values == 0)

    @override
    def choose(self, head: Head, classes: np.ndarray) -> None:
        if head.name == "pitch":
            self.end(classes == self._end_class)
            self._next["pitch"] = np.minimum(classes, NUM_PITCHES - 1)
        else:
            self._next[head.name] = self._bins[head.name].values[classes]

    @override
    def commit(self) -> None:
        self._keep(self._next)
        self._newest_pitch = self._next["pitch"].copy()
        self._reach.add(self._track, self._next["pitch"])
        self._clock = self._clock + self._next["shift"]
        self._told = self._told_as(self._next)

    @override
    def go_back(self, piece_index: int, alone: Self) -> None:
        super().go_back(piece_index, alone)
        self._reach.go_back(piece_index, alone._reach)
        self._newest_pitch = replaced(self._newest_pitch, piece_index, alone._newest_pitch)
        self._clock = replaced(self._clock, piece_index, alone._clock)
        self._told = {name: replaced(told, piece_index, alone._told[name]) for name, told in self._told.items()}

    @override
    def follow(self, sources: np.ndarray) -> None:
        super().follow(sources)
        self._reach.follow(sources)
        self._newest_pitch, self._clock = self._newest_pitch[sources], self._clock[sources]
        self._told = {name: told[sources] for name, told in self._told.items()}

    @property
    @override
    def clock(self) -> np.ndarray:
        return self._clock


def _times_counted(steps: np.ndarray) -> np.ndarray:
    return np.bincount(np.minimum(steps, LONGEST_STEPS), minlength=LONGEST_STEPS + 1)
