"""`Piece`, the only form that music takes in memory, and the grid it lives on.

Knows notes, tracks, tempo and meter in steps. Does not know files, tokens or models.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from melodyforge.music.chord_symbols import PlacedChord

STEPS_PER_QUARTER = 24  # divides 32nd notes (3 steps) and 16th-note triplets (4 steps)
MICRO_PER_STEP = 4  # micro-timing is this much finer: 5 ms at 120 quarters a minute
DEFAULT_TEMPO_QPM = 120.0  # what MIDI means when a file names no tempo
NUM_PITCHES = 128
FULL_VOLUME = 100  # of a track, as MIDI counts it (controller 7): what synthesisers play where nothing is said

# One row a note. Rows are ordered by onset, then track, then pitch.
NOTE_DTYPE = np.dtype(
    [
        ("onset", np.int32),  # steps from the start of the piece, >= 0
        ("duration", np.int32),  # steps, >= 1
        ("track", np.uint8),  # index into Piece.tracks
        ("pitch", np.uint8),  # 0-127, 60 = middle C
        ("velocity", np.uint8),  # 1-127
        ("micro", np.int8),  # micro-timing: how much later it was played than written, in parts of a step
    ]
)


@dataclass(frozen=True, slots=True)
class Track:
    """One line of notes with one instrument.

    Attributes:
        program: General MIDI program, 0-127; 0 for drums.
        is_drum: whether pitches name drum sounds.
        name: free text, may be empty.
        volume: 1 to `FULL_VOLUME`, which is how loud it is unless somebody turns it down.
    """

    program: int = 0
    is_drum: bool = False
    name: str = ""
    volume: int = FULL_VOLUME


@dataclass(frozen=True, slots=True)
class Tempo:
    """`qpm` quarter notes per minute from step `onset` on."""

    onset: int
    qpm: float


@dataclass(frozen=True, slots=True)
class Meter:
    """A time signature from step `onset` on."""

    onset: int
    numerator: int
    denominator: int

    @property
    def bar_steps(self) -> int:
        """Steps in one bar, at least 1."""
        return max(1, 4 * STEPS_PER_QUARTER * self.numerator // self.denominator)

    @property
    def beat_steps(self) -> int:
        """Steps in a beat: of 6/8, 9/8 and 12/8 three eighths, else what the lower number names."""
        unit = max(1, 4 * STEPS_PER_QUARTER // self.denominator)
        return 3 * unit if self.denominator >= 8 and self.numerator > 3 and self.numerator % 3 == 0 else unit


@dataclass(frozen=True)
class Piece:
    """A piece of music on a grid of `STEPS_PER_QUARTER` steps a quarter note.

    Attributes:
        notes: array of `NOTE_DTYPE`, shape (num_notes,), ordered by onset, track, pitch.
        tracks: the instruments that `notes["track"]` points into, at most 256.
        tempos: ordered by onset, the first at step 0.
        meters: ordered by onset, the first at step 0.
        is_performed: whether the notes were played without a beat that could be found;
            then bars and beats mean nothing. Notes that were played to a beat have micro-timing instead.
        name: for people: file name or title.
        style: label of the style, "" when unknown.
        chords: that it was composed to, ordered by onset; none where nobody named any.
    """

    notes: np.ndarray
    tracks: tuple[Track, ...] = (Track(),)
    tempos: tuple[Tempo, ...] = (Tempo(0, DEFAULT_TEMPO_QPM),)
    meters: tuple[Meter, ...] = (Meter(0, 4, 4),)
    is_performed: bool = False
    name: str = ""
    style: str = ""
    text: str = field(default="", compare=False)  # what a MIDI text event carries along
    chords: tuple[PlacedChord, ...] = field(default=(), compare=False)

    def __len__(self) -> int:
        """Number of notes."""
        return len(self.notes)

    @property
    def is_drum_track(self) -> np.ndarray:
        """Which tracks are drums, bool, shape (num_tracks,)."""
        return np.array([track.is_drum for track in self.tracks], bool)

    @property
    def pitched_notes(self) -> np.ndarray:
        """The notes of all tracks but drums, in order, shape (num_pitched,)."""
        is_drum = self.is_drum_track
        return self.notes[~is_drum[self.notes["track"]]] if is_drum.any() else self.notes

    @property
    def end(self) -> int:
        """Step at which the last note ends; 0 without notes."""
        if not len(self.notes):
            return 0
        return int((self.notes["onset"] + self.notes["duration"]).max())

    @property
    def tempo_qpm(self) -> float:
        """The middle tempo: half of the steps are played slower, half faster, or all at this one."""
        starts = np.array([tempo.onset for tempo in self.tempos])
        tempos = np.array([tempo.qpm for tempo in self.tempos])
        steps = np.diff(starts, append=max(self.end, starts[-1] + 1))
        order = np.argsort(tempos)
        passed = steps[order].cumsum()
        return float(tempos[order][np.searchsorted(passed, passed[-1] / 2)])

    @property
    def main_meter(self) -> Meter:
        """The time signature under which most of the piece stands."""
        starts = [meter.onset for meter in self.meters]
        spans = np.diff(starts, append=max(self.end, starts[-1] + 1))
        return self.meters[int(np.argmax(spans))]

    @property
    def has_micro_timing(self) -> bool:
        """Whether some notes are played earlier or later than written."""
        return bool(self.notes["micro"].any())

    @property
    def played_onsets(self) -> np.ndarray:
        """When notes are heard, in steps and parts of steps, float64, shape (num_notes,)."""
        return np.maximum(0.0, self.notes["onset"] + self.notes["micro"] / MICRO_PER_STEP)

    @property
    def seconds(self) -> float:
        """Playing time."""
        return float(self.seconds_at(np.array([self.end]))[0])

    def seconds_at(self, steps: np.ndarray) -> np.ndarray:
        """The clock time of each step under the tempo map.

        Args:
            steps: any shape, >= 0.

        Returns:
            Seconds from the start, float64, same shape.
        """
        onsets = np.array([tempo.onset for tempo in self.tempos])
        seconds_per_step = np.array([60.0 / tempo.qpm / STEPS_PER_QUARTER for tempo in self.tempos])
        passed = np.concatenate([[0.0], np.cumsum(np.diff(onsets) * seconds_per_step[:-1])])
        index = np.searchsorted(onsets, steps, side="right") - 1
        return passed[index] + (steps - onsets[index]) * seconds_per_step[index]

    def bars_at(self, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where steps lie in the bars.

        Args:
            steps: shape (n,), integers >= 0.

        Returns:
            Three int32 arrays of shape (n,): the number of the bar (from 0), the position
            in it in steps, and the length of that bar in steps.
        """
        onsets = np.array([meter.onset for meter in self.meters])
        lengths = np.array([meter.bar_steps for meter in self.meters])
        bars_passed = np.concatenate([[0], np.cumsum(-(-np.diff(onsets) // lengths[:-1]))])
        index = np.searchsorted(onsets, steps, side="right") - 1
        since = steps - onsets[index]
        bar = bars_passed[index] + since // lengths[index]
        return bar.astype(np.int32), (since % lengths[index]).astype(np.int32), lengths[index].astype(np.int32)

    def start_of_bar(self, bar: int) -> int:
        """The step at which a bar, counted from 0, begins."""
        onsets = np.array([meter.onset for meter in self.meters])
        bars, _, _ = self.bars_at(onsets)
        index = int(np.searchsorted(bars, bar, side="right")) - 1
        return self.meters[index].onset + (bar - int(bars[index])) * self.meters[index].bar_steps

    def excerpt(self, first_bar: int, last_bar: int) -> Piece:
        """The notes that begin in some bars, from step 0 on, under the tempo and the meter that hold there.

        Args:
            first_bar: the first of them, from 0.
            last_bar: the bar behind them.
        """
        bars, _, _ = self.bars_at(self.notes["onset"])
        notes = self.notes[(bars >= first_bar) & (bars < last_bar)].copy()
        start = self.start_of_bar(first_bar)
        notes["onset"] -= start
        tempo = [one for one in self.tempos if one.onset <= start][-1]
        meter = [one for one in self.meters if one.onset <= start][-1]
        return replace(
            self, notes=notes, tempos=(replace(tempo, onset=0),), meters=(replace(meter, onset=0),), text="", chords=()
        )

    def transposed(self, semitones: int) -> Piece:
        """The piece moved up, drums left where they are.

        Raises:
            ValueError: a note would leave the range of pitches.
        """
        notes = self.notes.copy()
        pitched = ~self.is_drum_track[notes["track"]]
        pitches = notes["pitch"][pitched].astype(np.int16) + semitones
        if len(pitches) and not 0 <= pitches.min() <= pitches.max() < NUM_PITCHES:
            raise ValueError(f"Pitches must lie in 0 to {NUM_PITCHES - 1}. Moved by {semitones} they do not.")
        notes["pitch"][pitched] = pitches
        return replace(self.with_notes(notes), chords=self.chords if semitones == 0 else ())

    def with_notes(self, notes: np.ndarray) -> Piece:
        """The same piece with other notes, put in order."""
        return replace(self, notes=sort_notes(notes))


def make_notes(rows: list[tuple[int, int, int, int, int]]) -> np.ndarray:
    """Notes from tuples (onset, duration, track, pitch, velocity), played as written, put in order."""
    return sort_notes(np.array([(*row, 0) for row in rows], dtype=NOTE_DTYPE))


def sort_notes(notes: np.ndarray) -> np.ndarray:
    """Notes ordered by onset, then track, then pitch; a stable sort."""
    return notes[np.lexsort((notes["pitch"], notes["track"], notes["onset"]))]


def without_doubles(
    notes: np.ndarray, same: tuple[str, ...] = ("onset", "track", "pitch"), most: str = "duration"
) -> np.ndarray:
    """Notes in order, each once: of several alike the longest, or the one that has most of another field.

    Args:
        notes: in any order, shape (num_notes,); also rows of other types that have these fields.
        same: the fields in which doubles are alike. Notes are ordered by them, then from most to least.
        most: of doubles, the one that has most of this field is kept.
    """
    from_last_to_first = (-notes[most].astype(np.int64), *(notes[name] for name in reversed(same)))
    notes = notes[np.lexsort(from_last_to_first)]
    is_double = np.ones(len(notes), bool)
    is_double[:1] = False
    for name in same:
        is_double[1:] &= notes[name][1:] == notes[name][:-1]
    return notes[~is_double]
