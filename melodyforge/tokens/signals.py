"""What the recipe `forge` is told beside the last note: one table, a line for each signal.

What follows from the past for free is told, not predicted: the place in the bar, what still sounds, each track's
last pitch, and what earlier music suggests. Knows rows and their past; knows no pieces and no network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from melodyforge.music.keys import NUM_PITCH_CLASSES
from melodyforge.music.piece import NUM_PITCHES
from melodyforge.tokens.bins import Bins
from melodyforge.tokens.controls import Controls
from melodyforge.tokens.features import AT_ONCE, Feature, Kind, Signal
from melodyforge.tokens.past import NUM_REMAINING, Past, next_end, remaining_class
from melodyforge.tokens.recall import MATCH_LENGTHS, Continuation, LineContinuation, Recall
from melodyforge.tokens.tracks import TrackClasses
from melodyforge.tokens.wishes import PREFIX

NUM_POSITIONS = 192  # steps in the longest bar told apart, 8/4
NUM_PHRASE_BARS = 8  # tunes come in groups of four and eight bars
BARS_AGO = (1, 2, 4, 8)
NO_DEGREE = 12  # class of the scale degree where there is no scale or no note
NO_TONIC = 0  # 1 to 12: C to B
NUM_INTERVALS = 2 * NUM_PITCHES  # -127 to 127 semitones, and none
PITCHES, DEGREES, TONICS = NUM_PITCHES + 1, NO_DEGREE + 1, NUM_PITCH_CLASSES + 1  # classes, with that for none


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """The values that notes have in the training music."""

    shifts: Bins
    durations: Bins
    velocities: Bins
    bar_lengths: Bins
    tracks: TrackClasses

    def classes(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """The classes of each field of rows that follow one another, int64."""
        return {
            "shift": self.shifts.classes(np.diff(rows["onset"], prepend=0)),
            "track": rows["track"].astype(np.int64),
            "pitch": rows["pitch"].astype(np.int64),
            "duration": self.durations.classes(rows["duration"]),
            "velocity": self.velocities.classes(rows["velocity"]),
        }

    @property
    def nothing(self) -> dict[str, int]:
        """The class of each field before the first note; of shifts the last but one is the end."""
        return {
            "shift": len(self.shifts),
            "track": len(self.tracks),
            "pitch": NUM_PITCHES,
            "duration": len(self.durations),
            "velocity": len(self.velocities),
        }


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
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        newest: np.ndarray,
        last: dict[str, np.ndarray],
        past: Past,
        recall: Recall,
        controls: dict[str, np.ndarray],
    ) -> None:
        self.vocabulary, self.newest, self.last = vocabulary, newest, last
        self.past, self.recall, self.controls = past, recall, controls
        self.next, self.chosen = newest, dict[str, np.ndarray]()

    # Before anything of the note is decided.

    @cached_property
    def sounding(self) -> np.ndarray:
        """Steps that each pitch sounds beyond the newest onset, (num_moments, NUM_PITCHES)."""
        return self.past.sounding(self.newest["onset"])

    @cached_property
    def scale(self) -> np.ndarray:
        """Tonic of the present major scale, `NO_DEGREE` for none."""
        return self.recall.scale()

    @cached_property
    def again(self) -> Continuation:
        """How the longest earlier match went on."""
        return self.recall.continuation()

    @cached_property
    def again_shift(self) -> np.ndarray:
        """The class of its shift."""
        return _classes(self.vocabulary.shifts, self.again.shift)

    @cached_property
    def again_duration(self) -> np.ndarray:
        """The class of its duration."""
        return _classes(self.vocabulary.durations, self.again.duration)

    @cached_property
    def ago_shifts(self) -> np.ndarray:
        """Classes of the shifts that followed this place some bars ago, (len(BARS_AGO), num_moments)."""
        onset = self.newest["onset"].astype(np.int64)
        return _classes(self.vocabulary.shifts, self.recall.shift_after(self._bars_before(onset)))

    @property
    def asked_tonic(self) -> np.ndarray:
        """1 to 12 for the tonic that is asked for, or `NO_TONIC`."""
        return self.controls[f"{PREFIX}tonic"]

    # Once the shift is decided.

    @cached_property
    def agrees_in_shift(self) -> np.ndarray:
        """Whether the note goes on as the match did, so far."""
        return (self.again.shift >= 0) & (self.again_shift == self.chosen["shift"])

    @cached_property
    def sounding_then(self) -> np.ndarray:
        """Steps that each pitch sounds beyond the new onset, (num_moments, NUM_PITCHES)."""
        return self.past.sounding(self.next["onset"])

    # Once the track is decided.

    @cached_property
    def agrees_in_track(self) -> np.ndarray:
        """As `agrees_in_shift`."""
        return self.agrees_in_shift & (self.again.track == self.chosen["track"])

    @cached_property
    def own_pitch(self) -> np.ndarray:
        """The track's last pitch."""
        return self.past.pitch_of(self.chosen["track"])

    @cached_property
    def line(self) -> LineContinuation:
        """How the track's own line went on."""
        return self.recall.line(self.chosen["track"])

    @cached_property
    def ago_notes(self) -> tuple[np.ndarray, np.ndarray]:
        """Pitch and duration of the track's note some bars before the new onset, (len(BARS_AGO), num_moments) each."""
        onset = self.next["onset"].astype(np.int64)
        return self.recall.note_at(self._bars_before(onset), self.chosen["track"])

    @cached_property
    def sounding_degrees(self) -> np.ndarray:
        """Which degrees of the scale, or of C without one, sound at the new onset: 0 or 1, (num_moments, 12)."""
        sounds = self.sounding_then > 0
        octaves = np.zeros((len(sounds), 11 * NUM_PITCH_CLASSES), bool)
        octaves[:, :NUM_PITCHES] = sounds
        by_class = octaves.reshape(-1, 11, NUM_PITCH_CLASSES).any(axis=1)
        tonic = np.where(self.scale < NO_DEGREE, self.scale, 0)
        degrees = (np.arange(NUM_PITCH_CLASSES) + tonic[:, None]) % NUM_PITCH_CLASSES
        return np.take_along_axis(by_class, degrees, axis=1).astype(np.int32)

    # Once the pitch is decided.

    @cached_property
    def interval(self) -> np.ndarray:
        """Class of the distance from the track's last pitch."""
        interval = self.chosen["pitch"].astype(np.int64) - self.own_pitch + NUM_PITCHES - 1
        return np.where(self.own_pitch < NUM_PITCHES, interval, NUM_INTERVALS - 1)

    # What signals have in common.

    def position(self, rows: np.ndarray) -> np.ndarray:
        """Classes of the place in the bar; the last where there are no bars."""
        position = np.minimum(rows["position"], NUM_POSITIONS - 1).astype(np.int64)
        return np.where(position < 0, NUM_POSITIONS, position)

    def degree(self, pitch: np.ndarray) -> np.ndarray:
        """Semitones above the scale's tonic, shape as `pitch`."""
        scale = self.scale if pitch.ndim == 1 else self.scale[:, None]
        return np.where((pitch < NUM_PITCHES) & (scale < NO_DEGREE), (pitch - scale) % 12, NO_DEGREE)

    def asked_degree(self, pitch: np.ndarray, no_pitch: int) -> np.ndarray:
        """Semitones above the tonic that is asked for, one-based; 0 where none is, or no pitch is known."""
        is_known = (self.asked_tonic != NO_TONIC) & (pitch < no_pitch)
        return np.where(is_known, (pitch - self.asked_tonic + 1) % NUM_PITCH_CLASSES + 1, 0)

    def _bars_before(self, onset: np.ndarray) -> np.ndarray:
        """The same place some bars before, (len(BARS_AGO), num_moments); negative where there is none."""
        bar_steps = self.newest["bar_steps"].astype(np.int64)
        return np.where(bar_steps > 0, onset - np.array(BARS_AGO)[:, None] * bar_steps, -1)


Told = Callable[[Moment], np.ndarray]


def note_signals(vocabulary: Vocabulary, controls: Controls) -> tuple[Signal, ...]:
    """All that is told, in the order of the networks' inputs; the last class of all but lengths and degrees: none."""
    stages = {
        AT_ONCE: [*_at_once(vocabulary), *(_asked(feature) for feature in controls.features)],
        "shift": _with_shift(vocabulary),
        "track": _with_track(vocabulary),
        "pitch": _with_pitch(vocabulary),
        "duration": [_signal("new_duration", len(vocabulary.durations), lambda m: m.chosen["duration"])],
    }
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
        _signal("sounding", NUM_PITCHES, lambda m: m.sounding.astype(np.uint8), kind="levels"),
        _signal("last_pitch", PITCHES, lambda m: m.past.track_pitch, slots=num_tracks),
        _signal("last_remaining", NUM_REMAINING, lambda m: m.past.remaining(m.newest["onset"]), slots=num_tracks),
        _signal("again_length", lengths, lambda m: m.again.length),
        _signal("again_shift", shifts, lambda m: m.again_shift, suggests="shift"),
        _signal("again_track", num_tracks + 1, lambda m: _or_none(m.again.track, num_tracks)),
        _signal("again_pitch", PITCHES, lambda m: _or_none(m.again.pitch, NUM_PITCHES)),
        _signal("again_duration", durations, lambda m: m.again_duration),
        *_by_bars("shift", shifts, lambda m, row: m.ago_shifts[row]),
        _signal("scale", DEGREES, lambda m: m.scale),
        _signal("last_degree", DEGREES, lambda m: m.degree(m.past.track_pitch), slots=num_tracks),
    ]


def _with_shift(words: Vocabulary) -> list[Signal]:
    """What is known once the shift is decided, and with it the onset."""
    num_tracks = len(words.tracks)
    return [
        _signal("new_shift", len(words.shifts) + 1, lambda m: m.chosen["shift"]),
        _signal("new_position", NUM_POSITIONS + 1, lambda m: m.position(m.next)),
        _signal("new_phrase_bar", NUM_PHRASE_BARS, lambda m: m.next["bar"] % NUM_PHRASE_BARS),
        _signal("new_next_end", NUM_REMAINING, lambda m: remaining_class(next_end(m.sounding_then))),
        _signal("new_sounding", NUM_PITCHES, lambda m: m.sounding_then.astype(np.uint8), kind="levels"),
        _signal("new_last_pitch", PITCHES, lambda m: m.past.track_pitch, slots=num_tracks),
        _signal("new_last_remaining", NUM_REMAINING, lambda m: m.past.remaining(m.next["onset"]), slots=num_tracks),
        _signal("agreed_track", num_tracks + 1, _agreed_track, suggests="track"),
    ]


def _with_track(words: Vocabulary) -> list[Signal]:
    """What is known once the track is decided."""
    num_tracks, durations = len(words.tracks), len(words.durations) + 1
    return [
        _signal("new_track", num_tracks, lambda m: m.chosen["track"]),
        _signal("own_pitch", PITCHES * num_tracks, lambda m: m.chosen["track"] * PITCHES + m.own_pitch),
        _signal("own_last", PITCHES, lambda m: m.own_pitch),
        _signal("own_degree", DEGREES, lambda m: m.degree(m.own_pitch)),
        _signal("scale_tonic", TONICS, lambda m: np.where(m.scale < NO_DEGREE, m.scale + 1, NO_TONIC)),
        _signal(f"{PREFIX}scale_degree", TONICS, lambda m: m.asked_degree(m.scale, NO_DEGREE)),
        _signal(f"{PREFIX}own_degree", TONICS, lambda m: m.asked_degree(m.own_pitch, NUM_PITCHES)),
        _signal("sounding_degree", 2, lambda m: m.sounding_degrees, slots=NUM_PITCH_CLASSES),
        _signal("agreed_pitch", PITCHES, _agreed_pitch, suggests="pitch"),
        _signal("line_length", len(MATCH_LENGTHS) + 1, lambda m: m.line.length),
        _signal("line_pitch", PITCHES, lambda m: _or_none(m.line.pitch, NUM_PITCHES), suggests="pitch"),
        _signal("line_last_duration", durations, lambda m: _classes(words.durations, m.line.last_duration)),
        *_by_bars("pitch", PITCHES, lambda m, row: _or_none(m.ago_notes[0][row], NUM_PITCHES)),
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
        *_by_bars("duration", durations, lambda m, row: _classes(words.durations, m.ago_notes[1][row])),
    ]


def _signal(name: str, size: int, of: Told, *, slots: int = 0, kind: Kind = "class", suggests: str = "") -> Signal:
    return Signal(Feature(name, size, slots, kind), AT_ONCE, of, suggests)


def _last(field: str, size: int) -> Signal:
    """A field of the newest row."""
    return _signal(field, size, lambda m: m.last[field])


def _asked(feature: Feature) -> Signal:
    """One of the controls."""
    return Signal(feature, AT_ONCE, lambda m: m.controls[feature.name])


def _by_bars(field: str, size: int, of: Callable[[Moment, int], np.ndarray]) -> list[Signal]:
    """What stood some bars ago suggests for a field; `of` takes an index into `BARS_AGO`."""
    return [
        _signal(f"ago{bars}_{field}", size, partial(_at_row, of, row), suggests=field)
        for row, bars in enumerate(BARS_AGO)
    ]


def _at_row(of: Callable[[Moment, int], np.ndarray], row: int, moment: Moment) -> np.ndarray:
    return of(moment, row)


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
    return np.where(follows_line, _classes(durations, moment.line.duration), len(durations))


def _classes(bins: Bins, numbers: np.ndarray) -> np.ndarray:
    """The class of each number, one more than there are for negative ones."""
    return np.where(numbers >= 0, bins.classes(numbers), len(bins))


def _or_none(classes: np.ndarray, none: int) -> np.ndarray:
    return np.where(classes >= 0, classes, none)
