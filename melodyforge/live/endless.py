"""Music without an end: section after section, each going on from the last notes of what stands.

Of every section the network hears no more than `PRIMER_NOTES` notes, so that it never has to remember more.
Knows steps, not clocks and not sounds.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np

from melodyforge.bundle import Model
from melodyforge.composing.manner import Manner
from melodyforge.composing.start import Given, choose_start
from melodyforge.composing.takes import grow
from melodyforge.composing.task import make_task
from melodyforge.errors import MelodyForgeError
from melodyforge.music.habits import find_fault
from melodyforge.music.instruments import instrument_name
from melodyforge.music.piece import NOTE_DTYPE, STEPS_PER_QUARTER, Meter, Piece, Tempo, Track
from melodyforge.settings import MAX_SEED, ComposeSettings

PRIMER_NOTES = 96  # at most, that a section goes on from
SECTION_NOTES = 320  # composed before the next section begins
ROOM_NOTES = 512  # that a section is told it has: it never comes to where an end is prepared
_OF_SECTIONS = {
    **{"num_notes": ROOM_NOTES, "num_bars": None, "num_seconds": None, "num_pieces": 1, "best_of": 1},
    **{"effort": "quick", "ending": "full", "start": "nothing", "primer_notes": None},
}
TURNING = ("style", "key", "meter", "instruments")  # other wishes for these begin other music


class Endless:
    """Composes on and on, note after note; what stands behind a step can be dropped for other music.

    Attributes:
        settings: what is asked for at present.
        tracks: all that have played, in the order in which they came.
        tempos, meters: as in a `Piece`.
        is_performed: whether the music of now has no bars.
    """

    def __init__(
        self, model: Model, settings: ComposeSettings, primer: Piece | None = None, manner: Manner | None = None
    ) -> None:
        """Begins in a manner, if one is given; what stands in the primer is not played.

        Raises:
            SettingsError: the model cannot do what is asked for, or cannot go on from the primer.
        """
        self._model, self.settings, self._manner, self._num_sections = model, settings, manner, 0
        self.tracks: list[Track] = []
        self._earliest = 0  # step before which nothing new begins
        self._notes = np.zeros(0, NOTE_DTYPE)
        self.tempos: tuple[Tempo, ...] = ()
        self.meters: tuple[Meter, ...] = ()
        self.is_performed, self._style = False, ""
        if primer is None:
            self._begin_other(0)
        else:
            self._take_over(primer.with_notes(primer.notes[: settings.primer_notes]))
            self._go_on(primer.end if settings.tempo else None)

    def __next__(self) -> np.ndarray:
        """The next notes, onsets in steps from the beginning, tracks as in `tracks`; shape (num_notes,), at least 1."""
        while True:
            new = self._grown()
            if new is None or self._num_new >= SECTION_NOTES:
                self._next_section(is_over=new is None)
            elif len(new):
                self._notes = np.concatenate([self._notes, new])
                return new

    def change(self, settings: ComposeSettings, step: int) -> None:
        """Drops what begins at a step or later, and has other music follow.

        Raises:
            SettingsError: the model cannot do what is asked for; all stays as it was.
        """
        kept = dict(vars(self))
        turns = any(getattr(settings, name) != getattr(self.settings, name) for name in TURNING)
        self.settings = settings
        self._drop(step)
        try:
            if turns or not len(self._notes):
                self._begin_other(step)
            else:
                self._go_on(step)
        except MelodyForgeError:
            vars(self).update(kept)
            raise

    def answer(self, notes: np.ndarray, track: Track, step: int) -> None:
        """Takes in what somebody else has played, and has music follow that answers it.

        Args:
            notes: onsets in steps from the beginning, shape (num_notes,), at least 1; with those before, they stand.
            track: that they are played on.
            step: behind them, before which nothing that follows begins.

        Raises:
            SettingsError: the model has learnt nothing of the kind.
        """
        notes = notes.copy()
        notes["track"] = self._global((track,), 0)
        self._notes = np.concatenate([self._notes, notes])
        self._notes, self._earliest = self._notes[np.argsort(self._notes["onset"], kind="stable")], step
        self._go_on(step, waits=True)

    def next_bar(self, step: int) -> int:
        """The first bar line at a step or behind it; the step itself in music without bars."""
        meter = self._meter_at(step)
        return step if self.is_performed else step + (meter.onset - step) % meter.bar_steps

    def bar(self, step: int) -> int:
        """The number of the bar in which a step lies, from 0; without bars those of its meter."""
        return int(self.piece().bars_at(np.array([step]))[0][0])

    def piece(self) -> Piece:
        """All that stands."""
        order = np.lexsort((self._notes["pitch"], self._notes["track"], self._notes["onset"]))
        return Piece(
            self._notes[order], tuple(self.tracks), self.tempos, self.meters, self.is_performed, style=self._style
        )

    def cut(self, step: int) -> None:
        """Drops what begins at a step or later; nothing may be composed any more."""
        self._drop(step)

    def _take_over(self, primer: Piece) -> None:
        self._notes, self.tracks = primer.notes.copy(), list(primer.tracks)
        self.tempos, self.meters = primer.tempos, primer.meters
        self.is_performed, self._style = primer.is_performed, primer.style

    def _next_section(self, is_over: bool) -> None:
        """Goes on from what stands; from nothing where that has ended, or is degenerate."""
        normal = self._task.normal(self._style)
        end = int(self._notes["onset"][-1]) + 1 if len(self._notes) else 0
        if is_over or find_fault(self._start.piece(self._generation.context, 0), normal, 0):
            self._begin_other(self.next_bar(max(end, self._earliest)))
        else:
            self._go_on()

    def _begin_other(self, step: int) -> None:
        """Other music, from a step on."""
        self._open(self.settings, None)
        heading = self._start.headings[0]
        meter = Meter(step, heading.numerator, heading.denominator)
        self._offset = step - self._first() // meter.bar_steps * meter.bar_steps
        self.is_performed, self._style = heading.is_performed, heading.traits.style
        self._mark(Tempo(step, heading.traits.tempo_qpm), meter)

    def _go_on(self, step: int | None = None, waits: bool = False) -> None:
        """The same music, on from its last notes; at another tempo from a step on, if that is asked for.

        Args:
            step: from which on the tempo may be another; None: it stays.
            waits: whether nothing begins before that step.
        """
        primer, first_step = self._last_notes()
        names = [instrument_name(one.program, one.is_drum) for one in primer.tracks]
        playing = self.settings.instruments or list(dict.fromkeys(names))
        controls = self._model.representation.controls
        learnt = set(controls.wishes["instruments"].options) if controls else set()
        wanted = self.settings.changed(instruments=playing) if learnt >= set(playing) else self.settings
        self._open(wanted, primer, step - first_step if waits and step is not None else 0)
        given = self._start.piece(self._generation.context, 0).notes
        moved = int(primer.notes["onset"][-1]) - int(given["onset"][-1]) if len(given) else 0
        self._offset = first_step + moved
        if step is not None:
            tempo = self._start.headings[0].traits.tempo_qpm
            self._mark(Tempo(step, tempo), None)

    def _open(self, settings: ComposeSettings, primer: Piece | None, first_step: int = 0) -> None:
        """Begins to compose a section, in which nothing comes before a step."""
        task = make_task(self._model, self._for_section(settings), primer, manner=self._manner)
        self._task = replace(task, first_step=first_step)
        self._start = choose_start(self._task, [0], 0)
        self._generation = grow(self._task, self._start, [0], 0)
        self._contexts = iter(self._generation)
        self._num_new = self._offset = 0
        self._ahead: tuple[Piece, Given] | None = None
        self._num_sections += 1

    def _for_section(self, settings: ComposeSettings) -> ComposeSettings:
        """The settings of a section: each has other random numbers, which follow from the seed."""
        seed = (settings.seed + self._num_sections) % (MAX_SEED + 1)
        return ComposeSettings.check(settings.model_dump() | _OF_SECTIONS | {"seed": seed})

    def _grown(self) -> np.ndarray | None:
        """The notes that one more row gave; None where the section has come to its end."""
        if self._ahead is None and next(self._contexts, None) is None:
            return None
        piece, given = self._ahead or self._start.heard(self._generation.context, 0)
        self._ahead = None
        new = piece.notes[int(np.sum(given)) + self._num_new :].copy()
        self._num_new += len(new)
        new["onset"] += self._offset
        new["track"] = [self._global(piece.tracks, track) for track in new["track"].tolist()]
        return new

    def _first(self) -> int:
        """The first onset of the section, which `_grown` gives afterwards."""
        for context in self._contexts:
            self._ahead = piece, _ = self._start.heard(context, 0)
            if len(piece):
                return int(piece.notes["onset"][0])
        return 0

    def _global(self, tracks: tuple[Track, ...], index: int) -> int:
        """The number among all tracks of a track of the section: the same instrument, the same one of several."""
        track = tracks[index]
        nth = sum((one.program, one.is_drum) == (track.program, track.is_drum) for one in tracks[:index])
        alike = [
            number
            for number, one in enumerate(self.tracks)
            if (one.program, one.is_drum) == (track.program, track.is_drum)
        ]
        while len(alike) <= nth:
            alike.append(len(self.tracks))
            self.tracks.append(replace(track, name=""))
        return alike[nth]

    def _last_notes(self) -> tuple[Piece, int]:
        """The newest notes as a piece of their own from a bar line on, and the step at which that lies."""
        meter = self._meter_at(int(self._notes["onset"][-1]))
        notes = self._notes[-PRIMER_NOTES:]
        notes = notes[notes["onset"] >= meter.onset] if (notes["onset"] >= meter.onset).any() else notes
        first = int(notes["onset"][0])
        first_step = first if self.is_performed else first - (first - meter.onset) % meter.bar_steps
        notes = notes.copy()
        notes["onset"] -= first_step
        tempo, numbers = self.tempos[-1], sorted({*notes["track"].tolist()})
        notes["track"] = np.searchsorted(numbers, notes["track"])
        tracks = tuple(self.tracks[number] for number in numbers)
        bare = (replace(tempo, onset=0),), (replace(meter, onset=0),)
        piece = Piece(notes, tracks, *bare, self.is_performed, style=self._style)
        return piece.with_notes(piece.notes), first_step

    def _meter_at(self, step: int) -> Meter:
        return next((one for one in reversed(self.meters) if one.onset <= step), self.meters[0])

    def _drop(self, step: int) -> None:
        self._notes = self._notes[self._notes["onset"] < step]
        self.tempos = tuple(one for one in self.tempos if one.onset < step) or self.tempos[:1]
        self.meters = tuple(one for one in self.meters if one.onset < step) or self.meters[:1]

    def _mark(self, tempo: Tempo, meter: Meter | None) -> None:
        """Says what holds from a step on."""
        self.tempos = _last_of_each_step([*self.tempos, tempo])
        if meter:
            self.meters = _last_of_each_step([*self.meters, meter])


def _last_of_each_step(changes: list[Any]) -> tuple[Any, ...]:
    """Changes in order; of those at one step the last."""
    return tuple([*group][-1] for _, group in groupby(changes, key=lambda one: one.onset))


def seconds_at(tempos: tuple[Tempo, ...], step: float) -> float:
    """When a step comes, in seconds from the beginning."""
    seconds = 0.0
    for tempo, behind in zip(tempos, [*tempos[1:], None], strict=True):
        until = step if behind is None else min(step, behind.onset)
        seconds += max(0.0, until - tempo.onset) * 60 / tempo.qpm / STEPS_PER_QUARTER
    return seconds


def step_at(tempos: tuple[Tempo, ...], seconds: float) -> float:
    """The step that has come after so many seconds; the inverse of `seconds_at`."""
    for tempo, behind in zip(tempos, [*tempos[1:], None], strict=True):
        step = tempo.onset + (seconds - seconds_at(tempos, tempo.onset)) * tempo.qpm * STEPS_PER_QUARTER / 60
        if behind is None or step < behind.onset:
            return step
    return 0.0
