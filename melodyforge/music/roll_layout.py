"""Where everything of a piano roll goes on the page: time into rows, pitches into heights.

Plain numbers; knows no colours, fonts or image files. All lengths are pixels unless their name says steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from melodyforge.music.notation import first_bar_number
from melodyforge.music.piece import STEPS_PER_QUARTER, Piece

MARGIN = 28
HEADER_HEIGHT = 100  # title and one line of facts
LEGEND_ROW_HEIGHT, LEGEND_CELL_WIDTH = 30, 270
KEYBOARD_WIDTH, DRUM_NAMES_WIDTH = 64, 124
MARK_LABEL_HEIGHT, SYSTEM_GAP, DRUM_GAP = 26, 30, 8
CHORD_LABEL_HEIGHT = 26  # above the numbers of bars, where a piece has chords
DRUM_ROW_HEIGHT = 20
PITCH_AREA_HEIGHT = 520  # aimed at, before semitones get a whole number of pixels
SEMITONE_HEIGHTS = (7, 18)  # inclusive
MIN_SEMITONES = 24
PADDING_SEMITONES = 2  # above the highest and below the lowest note
QUARTER_WIDTH = 60  # at least, unless the page would be too high; what fits one system fills it
EMPTY_PIECE_STEPS = 16 * STEPS_PER_QUARTER
MIDDLE_C, PITCHES_PER_OCTAVE = 60, 12
BAR_STRIDES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
SECOND_STRIDES = (1, 5, 10, 30, 60, 120, 300, 600, 1800)
MIN_LABEL_DISTANCE = 64


@dataclass(frozen=True, slots=True)
class Mark:
    """A line in time: the start of a bar, or a full second of a piece played freely.

    Attributes:
        step: where it stands.
        number: of the bar, 1 after an upbeat, which is bar 0; or of the second, from 0.
        beat_steps: steps between the beats that follow; 0 when there are none.
    """

    step: int
    number: int
    beat_steps: int = 0


@dataclass(frozen=True, slots=True)
class System:
    """One row of the roll, from step `start` to step `end`; its pitches begin at `top`."""

    start: int
    end: int
    top: int
    marks: tuple[Mark, ...]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A page.

    Attributes:
        left: where time begins; the keyboard stands before it.
        step_width: pixels in one step, a fraction.
        pitches: from low to high, all drawn; empty when there are only drums.
        drum_pitches: the drums that are used, from low to high.
        label_stride: every so many marks get their number.
    """

    width: int
    height: int
    left: int
    step_width: float
    semitone_height: int
    pitches: range
    drum_pitches: tuple[int, ...]
    label_stride: int
    systems: tuple[System, ...]

    @property
    def pitch_area_height(self) -> int:
        """Height of all semitones of one system."""
        return len(self.pitches) * self.semitone_height

    @property
    def drum_top(self) -> int:
        """From a system's top to its first drum."""
        return self.pitch_area_height + (DRUM_GAP if self.pitches and self.drum_pitches else 0)

    @property
    def area_height(self) -> int:
        """From a system's top to the end of its last line."""
        return self.drum_top + len(self.drum_pitches) * DRUM_ROW_HEIGHT

    def x(self, steps: np.ndarray | int, system: System) -> np.ndarray:
        """Where steps lie in a system."""
        return np.rint(self.left + (np.asarray(steps) - system.start) * self.step_width).astype(int)

    def y(self, pitch: int, system: System) -> int:
        """The upper edge of a semitone."""
        return system.top + (self.pitches[-1] - pitch) * self.semitone_height

    def drum_y(self, pitch: int, system: System) -> int:
        """The upper edge of a drum's line."""
        from_top = len(self.drum_pitches) - 1 - self.drum_pitches.index(pitch)
        return system.top + self.drum_top + from_top * DRUM_ROW_HEIGHT


def lay_out(piece: Piece, width: int, max_height: int) -> Layout:
    """Fits a piece onto a page.

    Time is wrapped into as many systems as it takes; only when these would be higher than `max_height` is it
    squeezed.
    """
    is_drum = piece.is_drum_track[piece.notes["track"]]
    pitches = _pitch_range(piece.notes["pitch"][~is_drum], bool(is_drum.any()))
    drums = tuple(np.unique(piece.notes["pitch"][is_drum]).tolist())
    semitone_height = int(np.clip(PITCH_AREA_HEIGHT // max(1, len(pitches)), *SEMITONE_HEIGHTS))
    left = MARGIN + (DRUM_NAMES_WIDTH if drums else KEYBOARD_WIDTH)
    page = Layout(
        width=width,
        height=0,
        left=left,
        step_width=1.0,
        semitone_height=semitone_height,
        pitches=pitches,
        drum_pitches=drums,
        label_stride=1,
        systems=(),
    )
    label_height = MARK_LABEL_HEIGHT + (CHORD_LABEL_HEIGHT if piece.chords else 0)
    first_top = HEADER_HEIGHT + _legend_height(piece, width) + label_height
    pitch_of_systems = page.area_height + SYSTEM_GAP + label_height
    max_systems = max(1, (max_height - first_top - page.area_height - MARGIN) // pitch_of_systems + 1)
    marks = time_marks(piece)
    spans = _wrap(marks, width - left - MARGIN, max_systems)
    systems = tuple(
        System(start, end, first_top + row * pitch_of_systems, tuple(m for m in marks if start <= m.step < end))
        for row, (start, end) in enumerate(spans)
    )
    step_width = (width - left - MARGIN) / max(end - start for start, end in spans)
    return replace(
        page,
        height=systems[-1].top + page.area_height + MARGIN,
        step_width=step_width,
        label_stride=_label_stride(marks, step_width, SECOND_STRIDES if piece.is_performed else BAR_STRIDES),
        systems=systems,
    )


def legend_columns(width: int) -> int:
    """How many tracks one row of the legend can name."""
    return max(1, (width - 2 * MARGIN) // LEGEND_CELL_WIDTH)


def time_marks(piece: Piece) -> list[Mark]:
    """Bars, or seconds when the piece is played freely, up to and with the first one that nothing follows."""
    end = piece.end or EMPTY_PIECE_STEPS
    return _second_marks(piece, end) if piece.is_performed else _bar_marks(piece, end)


def _bar_marks(piece: Piece, end: int) -> list[Mark]:
    marks: list[Mark] = []
    first_number = first_bar_number(piece)
    next_changes = [*(meter.onset for meter in piece.meters[1:]), end]
    for meter, next_change in zip(piece.meters, next_changes, strict=True):
        beat_steps = 4 * STEPS_PER_QUARTER // meter.denominator
        for step in range(meter.onset, min(next_change, end), meter.bar_steps):
            marks.append(Mark(step, len(marks) + first_number, beat_steps))
            last_end = step + meter.bar_steps
    return [*marks, Mark(last_end, len(marks) + first_number)]


def _second_marks(piece: Piece, end: int) -> list[Mark]:
    knots = np.array(sorted({tempo.onset for tempo in piece.tempos} | {end}))  # time is linear between these
    last_second = int(np.ceil(piece.seconds_at(np.array([end]))[0]))
    steps = np.rint(np.interp(np.arange(last_second), piece.seconds_at(knots), knots)).astype(int).tolist()
    return [*(Mark(step, second) for second, step in enumerate(steps)), Mark(end, last_second)]


def _wrap(marks: list[Mark], width: int, max_systems: int) -> list[tuple[int, int]]:
    """Spans of steps, one for each system, that break at marks and fit the width, or are few enough."""
    max_steps = width / QUARTER_WIDTH * STEPS_PER_QUARTER
    while len(spans := _spans_up_to(marks, max_steps)) > max_systems:
        max_steps *= 1.1
    return spans


def _spans_up_to(marks: list[Mark], max_steps: float) -> list[tuple[int, int]]:
    """Spans from mark to mark, as long as can be up to `max_steps`; a single bar may be longer."""
    spans = []
    start = marks[0].step
    for here, following in pairwise(marks):
        if following.step - start > max_steps and here.step > start:
            spans.append((start, here.step))
            start = here.step
    return [*spans, (start, marks[-1].step)]


def _pitch_range(pitches: np.ndarray, has_drums: bool) -> range:
    """What the keyboard shows: all pitches with some room, two octaves at least; nothing beside drums alone."""
    if not len(pitches):
        return range(0) if has_drums else range(MIDDLE_C - PITCHES_PER_OCTAVE, MIDDLE_C + PITCHES_PER_OCTAVE + 1)
    low, high = int(pitches.min()) - PADDING_SEMITONES, int(pitches.max()) + PADDING_SEMITONES
    missing = max(0, MIN_SEMITONES - (high - low))
    return range(max(0, low - missing // 2), min(127, high + (missing + 1) // 2) + 1)


def _legend_height(piece: Piece, width: int) -> int:
    num_tracks = len(np.unique(piece.notes["track"]))
    return -(-num_tracks // legend_columns(width)) * LEGEND_ROW_HEIGHT if num_tracks > 1 else 0


def _label_stride(marks: list[Mark], step_width: float, strides: tuple[int, ...]) -> int:
    """The finest stride at which the numbers of marks do not run into each other."""
    mark_width = (marks[-1].step - marks[0].step) / (len(marks) - 1) * step_width
    return next((stride for stride in strides if stride * mark_width >= MIN_LABEL_DISTANCE), strides[-1])
