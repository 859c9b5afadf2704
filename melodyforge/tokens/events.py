"""Events: one token an onset: a note `C#4`, a chord `60.64.67` or a `rest`, with its duration or without.

All pitched tracks are heard as one. A note lasts until the next event at most, which is what this way of
writing music can say. Knows pieces; knows no network.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import AfterValidator, FailFast, Field, model_validator
from typing_extensions import override

from melodyforge.errors import CorpusError
from melodyforge.music.piece import NUM_PITCHES, Piece, Track, make_notes
from melodyforge.music.traits import Program
from melodyforge.settings import RepresentationSettings
from melodyforge.tokens.bins import LONGEST_STEPS
from melodyforge.tokens.features import AT_ONCE, NOT_ASKED, Feature, Head, Signal
from melodyforge.tokens.headings import Heading, heading_of, pack_headings, piece_under, some_headings, unpack_headings
from melodyforge.tokens.held import Hold
from melodyforge.tokens.representation import Change, Context, Representation, padded, replaced
from melodyforge.tokens.states import Passages, VocabularyState
from melodyforge.tokens.voices import explain_silence, tracks_heard

FIXED_STEPS = 12  # half a quarter, the rhythm of a model that learns none
VELOCITY = 80
END, REST = "end", "rest"
PITCH_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
# Lengths of notes as they are written: 32nds to two bars, with dots and triplets; in steps.
WRITTEN_STEPS = np.array([3, 4, 6, 8, 9, 12, 16, 18, 24, 30, 32, 36, 48, 60, 64, 72, 84, 96, 120, 144, 168, 192])
SHORTEST_REST_STEPS = 3
TOKEN = re.compile(r"(rest|[A-G]#?-?[0-9]{1,2}|[0-9]{1,3}(\.[0-9]{1,3})+)(:[0-9]{1,4})?")


def event_text(pitches: tuple[int, ...], steps: int | None) -> str:
    """The token of an event: `C#4:12`, `60.64.67:24`, `rest:6`; without the duration when `steps` is None."""
    if not pitches:
        name = REST
    elif len(pitches) == 1:
        name = f"{PITCH_NAMES[pitches[0] % 12]}{pitches[0] // 12 - 1}"
    else:
        name = ".".join(map(str, pitches))
    return name if steps is None else f"{name}:{steps}"


def parse_event(text: str) -> tuple[tuple[int, ...], int]:
    """The inverse of `event_text`; an event without a duration lasts `FIXED_STEPS`."""
    name, _, steps = text.partition(":")
    if name == REST:
        pitches: tuple[int, ...] = ()
    elif name[0].isdigit():
        pitches = tuple(map(int, name.split(".")))
    else:
        letter = name.rstrip("-0123456789")
        pitches = ((int(name[len(letter) :]) + 1) * 12 + PITCH_NAMES.index(letter),)
    return pitches, int(steps) if steps else FIXED_STEPS


def _checked_tokens(texts: list[str]) -> list[str]:
    """The end of a piece, then events that can be played."""
    if texts[0] != END or not all(map(TOKEN.fullmatch, texts[1:])):
        raise ValueError("must be `end`, then events such as `C#4:12`")
    for pitches, steps in map(parse_event, texts[1:]):
        if not all(0 <= pitch < NUM_PITCHES for pitch in pitches) or not 1 <= steps <= LONGEST_STEPS:
            raise ValueError("must be events that can be played")
    return texts


EventId = Annotated[int, Field(ge=1)]


class EventsState(VocabularyState):
    """See `EventsRepresentation.state`."""

    kind: Literal["events"] = "events"
    tokens: Annotated[list[str], FailFast(), Field(min_length=2), AfterValidator(_checked_tokens)]
    program: Program
    passages: Passages[EventId] = ()

    @model_validator(mode="after")
    def _check_events(self) -> Self:
        if any(event >= len(self.tokens) for _, rows in self.passages for event in rows):
            raise ValueError("`passages` must be of known `tokens`")
        return self


class EventsRepresentation(Representation):
    """See the module.

    Attributes:
        tokens: the text of every event; the index is its id, and id 0 is the end of a piece.
    """

    kind = "events"
    row_dtype = np.dtype(np.int32)

    def __init__(
        self, settings: RepresentationSettings, tokens: list[str], program: int, headings: list[Heading]
    ) -> None:
        self.tokens, self.program, self.headings = tokens, program, headings
        self.is_fixed, self._settings = settings.rhythm == "fixed", settings
        self._id_of = {token: index for index, token in enumerate(tokens)}
        played = [((), 0), *map(parse_event, tokens[1:])]  # the end has no notes and takes no time
        self._notes_of = np.array([len(pitches) for pitches, _ in played])
        self.steps_of = np.array([steps for _, steps in played])
        self._moved: dict[int, np.ndarray] = {}
        self.end_class = 0
        self.nothing = len(tokens)  # the class before the first event
        self.signals = (Signal(Feature("event", len(tokens) + 1), AT_ONCE, lambda newest: newest),)
        self.heads = (Head("event", len(tokens)),)

    @classmethod
    def fit(cls, settings: RepresentationSettings, pieces: Iterable[Piece]) -> Self:
        """Collects the `max_events` commonest that occur at least `min_count` times, and every single pitch."""
        counts: Counter[str] = Counter()
        programs: Counter[int] = Counter()
        headings = []
        for piece in pieces:
            heard = tracks_heard(piece, settings)
            events = piece_events(heard, settings.rhythm == "fixed")
            if events:
                headings.append(heading_of(piece))
                counts.update(event_text(*event) for event in events)
                programs.update(track.program for track in heard.tracks if not track.is_drum)
        if not headings:
            raise CorpusError(explain_silence(settings))
        common = [token for token, count in counts.items() if count >= settings.min_count or _is_single(token)]
        common.sort(key=lambda token: (-counts[token], token))
        rarer = [token for token in common[settings.max_events :] if _is_single(token)]
        common = common[: settings.max_events] + rarer
        return cls(settings, [END, *common], programs.most_common(1)[0][0], some_headings(headings))

    def encode(self, piece: Piece) -> np.ndarray:
        """Ids of the events, shape (num_events,); rare chords become simpler ones."""
        heard = tracks_heard(piece, self._settings)
        ids = (self._nearest(*event) for event in piece_events(heard, self.is_fixed))
        return np.array([index for index in ids if index is not None], np.int32)

    def decode(self, rows: np.ndarray, heading: Heading = Heading()) -> Piece:
        """One track of notes, each event as long as its token says."""
        notes, clock = [], 0
        for index in rows.tolist():
            pitches, steps = parse_event(self.tokens[index])
            notes += [(clock, steps, 0, pitch, VELOCITY) for pitch in pitches]
            clock += steps
        return piece_under(heading, make_notes(notes), (Track(self.program),))

    def notes_in(self, rows: np.ndarray) -> np.ndarray:
        """See the base class; a chord has several, a rest none."""
        return self._notes_of[rows]

    def window(
        self,
        rows: np.ndarray,
        start: int,
        length: int,
        change: Change = Change(),
        controls: np.ndarray | None = None,
    ) -> dict[str, np.ndarray]:
        """See the base class. Moved only as far as every event of the window stays in the vocabulary."""
        first = max(0, start - 1)
        seen = rows[first : start + length].astype(np.int64)
        moved = self._table(change.semitones)[seen] if change.semitones else seen
        seen = moved if (moved >= 0).all() else seen
        stop = min(start + length, len(rows) + 1)
        told = np.concatenate([[self.nothing], seen] if start == 0 else [seen])[: stop - start]
        target = np.append(seen[start - first :], self.end_class)[: stop - start]
        return {"event": padded(told, length, 0), "target_event": padded(target, length, NOT_ASKED)}

    def begin(
        self, headings: list[Heading], controls: np.ndarray | None = None, holds: Sequence[Hold] = ()
    ) -> EventsContext:
        """See the base class; nothing can be asked."""
        return EventsContext(self, len(headings))

    def state(self) -> dict[str, Any]:
        """Plain lists."""
        return {
            "tokens": self.tokens,
            "program": self.program,
            "headings": pack_headings(self.headings),
        }

    @classmethod
    def from_state(cls, settings: RepresentationSettings, state: dict[str, Any]) -> Self:
        """The inverse of `state`."""
        known = EventsState.check(state)
        return cls(settings, known.tokens, known.program, unpack_headings(known.headings))

    def _nearest(self, pitches: tuple[int, ...], steps: int | None) -> int | None:
        """The id of the event, else of a simpler one: first fewer inner notes, then another duration."""
        for simpler in _simpler_chords(pitches):
            index = self._id_of.get(event_text(simpler, steps))
            if index is not None:
                return index
        if steps is None:
            return None
        by_distance = sorted(WRITTEN_STEPS.tolist(), key=lambda other: abs(np.log(other / steps)))
        for other in by_distance:
            index = self._id_of.get(event_text(pitches[-1:], other))
            if index is not None:
                return index
        return None

    def _table(self, semitones: int) -> np.ndarray:
        """The id of every event moved by as many semitones, -1 where there is none."""
        if semitones not in self._moved:
            self._moved[semitones] = np.array([self._moved_id(token, semitones) for token in self.tokens])
        return self._moved[semitones]

    def _moved_id(self, token: str, semitones: int) -> int:
        if token == END or token.startswith(REST):
            return self._id_of[token]
        pitches, steps = parse_event(token)
        moved = tuple(pitch + semitones for pitch in pitches)
        if min(moved) < 0 or max(moved) > 127:
            return -1
        return self._id_of.get(event_text(moved, None if self.is_fixed else steps), -1)


class EventsContext(Context):
    """The past of several pieces: nothing but the last event counts, the network remembers the rest."""

    def __init__(self, representation: EventsRepresentation, num_pieces: int) -> None:
        super().__init__(representation, num_pieces)
        self._end_class = representation.end_class
        self._last = np.full(num_pieces, representation.nothing)
        self._steps_of, self._notes_in = representation.steps_of, representation.notes_in
        self._clock, self._num_notes = np.zeros(num_pieces, np.int64), np.zeros(num_pieces, np.int64)

    @property
    @override
    def moment(self) -> np.ndarray:
        return self._last

    @override
    def illegal(self, head: Head) -> np.ndarray | None:
        """A piece does not end before its first event."""
        if self.has_begun:
            return None
        return (np.arange(head.size) == self._end_class)[None].repeat(self.num_pieces, axis=0)

    @override
    def choose(self, head: Head, classes: np.ndarray) -> None:
        self.end(classes == self._end_class)
        self._last = classes

    @override
    def commit(self) -> None:
        self._keep(self._last)
        self._clock = self._clock + self._steps_of[self._last]
        self._num_notes = self._num_notes + np.where(self.has_ended, 0, self._notes_in(self._last))

    @override
    def go_back(self, piece_index: int, alone: Self) -> None:
        super().go_back(piece_index, alone)
        self._last = replaced(self._last, piece_index, alone._last)
        self._clock = replaced(self._clock, piece_index, alone._clock)
        self._num_notes = replaced(self._num_notes, piece_index, alone._num_notes)

    @override
    def follow(self, sources: np.ndarray) -> None:
        super().follow(sources)
        self._last, self._clock, self._num_notes = self._last[sources], self._clock[sources], self._num_notes[sources]

    @property
    @override
    def num_notes(self) -> np.ndarray:
        return self._num_notes

    @property
    @override
    def clock(self) -> np.ndarray:
        return self._clock


def piece_events(piece: Piece, is_fixed: bool) -> list[tuple[tuple[int, ...], int | None]]:
    """The events of all pitched tracks: (pitches from low to high, duration in steps or None).

    Durations are as notation writes them; what rounding adds to one event it takes from the next.
    """
    notes = piece.pitched_notes
    if not len(notes):
        return []
    onsets, starts = np.unique(notes["onset"], return_index=True)
    chords = [tuple(np.unique(group).tolist()) for group in np.split(notes["pitch"], starts[1:])]
    if is_fixed:
        return [(chord, None) for chord in chords]
    ends = np.maximum.reduceat(notes["onset"] + notes["duration"], starts)
    return _with_durations(chords, onsets.tolist(), ends.tolist())


def _with_durations(
    chords: list[tuple[int, ...]], onsets: list[int], ends: list[int]
) -> list[tuple[tuple[int, ...], int | None]]:
    events: list[tuple[tuple[int, ...], int | None]] = []
    clock = 0
    for chord, onset, end, following in zip(chords, onsets, ends, [*onsets[1:], ends[-1]], strict=True):
        clock = _rest_until(onset, clock, events)
        steps = _written(min(end, following) - clock)
        events.append((chord, steps))
        clock += steps
    return events


def _rest_until(onset: int, clock: int, events: list[tuple[tuple[int, ...], int | None]]) -> int:
    """Fills a gap with rests; one too short to be heard as a rest lengthens the note before it."""
    while onset - clock >= SHORTEST_REST_STEPS:
        steps = _written(onset - clock)
        events.append(((), steps))
        clock += steps
    return clock


def _written(steps: int) -> int:
    """The nearest duration that notation can write."""
    return int(WRITTEN_STEPS[np.abs(WRITTEN_STEPS - steps).argmin()])


def _simpler_chords(pitches: tuple[int, ...]) -> Iterable[tuple[int, ...]]:
    """The chord, then with ever fewer inner notes; the top note, which carries the melody, stays longest."""
    chord = list(pitches)
    while chord:
        yield tuple(chord)
        del chord[len(chord) // 2 if len(chord) > 2 else 0]
    if not pitches:
        yield ()


def _is_single(token: str) -> bool:
    return token.partition(":")[0].count(".") == 0
