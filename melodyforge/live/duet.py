"""Call and response: somebody plays some bars on a MIDI port, and as many are composed that answer them, and so on.

One thread keeps time, hears and sounds; another composes an answer while the last moments of its call are played.
Knows neither where sound goes nor what the port is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from melodyforge.errors import MelodyForgeError, SettingsError
from melodyforge.live.endless import Endless, seconds_at, step_at
from melodyforge.live.schedule import CHANNELS, Played, Schedule, channel_of
from melodyforge.live.sinks import DRUM_CHANNEL
from melodyforge.music.grid import EARLIEST_QUARTERS, place
from melodyforge.music.instruments import instrument_name
from melodyforge.music.piece import MICRO_PER_STEP, NOTE_DTYPE, STEPS_PER_QUARTER, Piece, Track, sort_notes
from melodyforge.settings import ComposeSettings
from melodyforge.words import counted

TURN_BARS = 4
HEAD_START_S = 0.4  # before the bar line, at which a call is listened to no more: an answer takes so long to begin
NAP_S = 0.002  # between looks at the clock
CLICK_PITCH, CLICK_VELOCITY, CLICK_S = 37, 90, 0.1  # a side stick
CALL_CHANNEL = CHANNELS[-1]
CALL = Track(0, False, "You")


@dataclass
class _Key:
    """A note that somebody plays: when its key went down and up, in steps; `end` is None while it is down."""

    pitch: int
    velocity: int
    begin: float
    end: float | None = None


class Duet:
    """Plays turn by turn with somebody, from a bar that is counted in until it is stopped."""

    def __init__(
        self,
        endless: Endless,
        sink: Any,
        port: Any,
        num_bars: int = TURN_BARS,
        *,
        sounds_calls: bool = True,
        tell: Callable[[str], None] = print,
    ) -> None:
        """Begins nothing yet.

        Args:
            endless: answers; of what it would begin with only tempo and meter are taken.
            sink: where sound goes.
            port: one of mido's, from which notes come.
            num_bars: of each call and of each answer.
            sounds_calls: whether what is played sounds in the sink, too.
            tell: is told whose turn it is.

        Raises:
            SettingsError: the music has no bars.
        """
        if endless.is_performed:
            raise SettingsError("--midi-in needs music with bars. Received a style without. Wish a meter, such as 4/4.")
        self._endless, self._port, self._schedule = endless, port, Schedule(sink)
        self._sounds_calls, self._tell, self._num_bars = sounds_calls, tell, num_bars
        self._keys: list[_Key] = []
        self._num_answered = 0  # keys that an answer has heard
        self._answers = np.zeros(0, NOTE_DTYPE)
        self._composer: threading.Thread | None = None
        self._problem: BaseException | None = None
        self._is_over = threading.Event()
        self._began = self._ended_s = 0.0
        bar_steps = endless.meters[0].bar_steps
        self._turn_steps = num_bars * bar_steps
        self._call = bar_steps  # the step at which the present call begins
        self._answer, self._next_call = self._call + self._turn_steps, self._call + 2 * self._turn_steps
        self._has_told = False

    @property
    def played(self) -> Played:
        """What became of notes so far, clicks not counted."""
        return self._schedule.played

    @property
    def settings(self) -> ComposeSettings:
        """What is asked for at present."""
        return self._endless.settings

    @property
    def tempo_qpm(self) -> float:
        """The tempo of now."""
        return self._endless.tempos[-1].qpm

    def change(self, settings: ComposeSettings) -> None:
        """Has the next answer be something else."""
        self._endless.settings = settings

    def stop(self) -> None:
        """Ends it soon."""
        self._is_over.set()

    def run(self, max_seconds: float | None = None) -> None:
        """Plays until it is stopped, or for so many seconds. Whatever ends it, nothing goes on sounding.

        Raises:
            MelodyForgeError: composing or the sink has failed.
        """
        with threadpool_limits(1):
            self._began = time.monotonic()
            self._count_in()
            try:
                while not self._is_over.is_set() and (max_seconds is None or self._now() < max_seconds):
                    self._hear()
                    self._take_turns()
                    self._schedule.play_until(self._now())
                    time.sleep(NAP_S)
            finally:
                self._is_over.set()
                self._ended_s = self._now()
                if self._composer:
                    self._composer.join()
                self._schedule.silence()
                self._port.close()
        if self._problem:
            raise self._problem

    def piece(self) -> Piece:
        """What both have played, once it is over: who called on the first track."""
        end = max(1, int(np.ceil(self._step(self._ended_s))))
        answers = self._answers[self._answers["onset"] < end].copy()
        answers["track"] += 1
        notes = np.concatenate([self._called(self._keys, end), answers])
        notes["duration"] = np.maximum(1, np.minimum(notes["duration"], end - notes["onset"]))
        named = [
            replace(one, name=f"Answer, {instrument_name(one.program, one.is_drum)}") for one in self._endless.tracks
        ]
        piece = Piece(sort_notes(notes), (CALL, *named), self._endless.tempos, self._endless.meters)
        return piece.with_notes(piece.notes)

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _step(self, seconds: float) -> float:
        return step_at(self._endless.tempos, seconds)

    def _second(self, step: float) -> float:
        return seconds_at(self._endless.tempos, step)

    def _count_in(self) -> None:
        """One bar of clicks, and a line that says what follows."""
        for step in range(0, self._call, self._endless.meters[0].beat_steps):
            begin = self._second(step)
            self._schedule.click(begin, begin + CLICK_S, DRUM_CHANNEL, CLICK_PITCH, CLICK_VELOCITY)
        meter = self._endless.meters[0]
        self._tell(
            f"{self.tempo_qpm:.0f} quarter notes a minute, {meter.numerator}/{meter.denominator}. After the clicks, "
            f"play {counted(self._num_bars, 'bar')}; as many answer."
        )

    def _hear(self) -> None:
        """Takes what has come from the port."""
        for message in self._port.iter_pending():
            if message.type not in ("note_on", "note_off"):
                continue
            down = next((one for one in reversed(self._keys) if one.pitch == message.note and one.end is None), None)
            now = self._step(self._now())
            if down:
                down.end = now
                self._schedule.end(CALL_CHANNEL, message.note, 0)
            if message.type == "note_on" and message.velocity > 0:
                self._keys.append(_Key(message.note, message.velocity, now))
                if self._sounds_calls:
                    self._schedule.begin(CALL_CHANNEL, CALL.program, message.note, message.velocity, 0)

    def _take_turns(self) -> None:
        """Has an answer composed a little before its bar line, and says whose turn it is."""
        now = self._now()
        if self._composer is None and now >= self._second(self._answer) - HEAD_START_S:
            self._begin_answer()
        elif self._composer and not self._has_told and now >= self._second(self._answer):
            self._has_told = True
            self._tell("It answers.")
        elif self._composer and now >= self._second(self._next_call):
            self._composer.join()
            self._await_call(self._next_call)
            self._tell(f"Play {counted(self._num_bars, 'bar')}.")

    def _await_call(self, step: int) -> None:
        """The next call begins at a step."""
        self._call, self._answer, self._next_call = step, step + self._turn_steps, step + 2 * self._turn_steps
        self._composer, self._has_told = None, False

    def _begin_answer(self) -> None:
        """Composes an answer to what was played since the last; where that is nothing, another call begins."""
        keys, self._num_answered = self._keys[self._num_answered :], len(self._keys)
        if not keys:
            self._tell(f"Nothing was played. Play {counted(self._num_bars, 'bar')} from the next bar line on.")
            self._await_call(self._answer)
            return
        call = self._called(keys, self._answer)
        self._composer = threading.Thread(target=self._compose, args=(call, self._answer, self._next_call), daemon=True)
        self._composer.start()

    def _compose(self, call: np.ndarray, step: int, stop: int) -> None:
        """Composes an answer, and has it sound note by note."""
        try:
            self._endless.answer(call, replace(CALL, name=""), step)
            while not self._is_over.is_set():
                notes = next(self._endless)
                self._queue(notes[(notes["onset"] >= step) & (notes["onset"] < stop)])
                if (notes["onset"] >= stop).any():
                    break
            self._endless.cut(stop)
        except MelodyForgeError as error:
            self._tell(f"No answer: {error}")
        except BaseException as error:
            self._problem = error
            self._is_over.set()

    def _queue(self, notes: np.ndarray) -> None:
        self._answers = np.concatenate([self._answers, notes])
        tracks = self._endless.tracks
        for onset, duration, track, pitch, velocity, micro in notes.tolist():
            begin, end = self._second(onset + micro / MICRO_PER_STEP), self._second(onset + duration)
            channel, program = channel_of(tracks, track), tracks[track].program
            self._schedule.put(begin, max(begin, end), channel, program, pitch, velocity, onset)

    def _called(self, keys: list[_Key], until: int) -> np.ndarray:
        """Notes of what was played, on the grid and with micro-timing; what is still down ends at a step."""
        notes = np.zeros(len(keys), NOTE_DTYPE)
        if keys:
            begins = np.array([one.begin for one in keys])
            ends = np.array([until if one.end is None else min(one.end, until) for one in keys])
            notes["pitch"], notes["velocity"] = [one.pitch for one in keys], [one.velocity for one in keys]
            quarters = np.maximum(begins / STEPS_PER_QUARTER, -EARLIEST_QUARTERS)
            notes["onset"], notes["micro"] = place(quarters, notes["pitch"].astype(np.int64))
            notes["duration"] = np.maximum(1, np.rint(ends - begins))
        return notes[notes["onset"] < until]
