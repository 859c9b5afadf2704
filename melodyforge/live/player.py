"""Plays what is composed just ahead of it: one thread composes, the other sends notes to a sink in time.

Knows neither where sound goes nor where wishes come from.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from threadpoolctl import threadpool_limits

from melodyforge.errors import MelodyForgeError
from melodyforge.live.endless import Endless, seconds_at, step_at
from melodyforge.live.sinks import DRUM_CHANNEL, Sink
from melodyforge.music.piece import MICRO_PER_STEP, Piece
from melodyforge.settings import ComposeSettings

AHEAD_S = 2.0  # of music that is composed before it sounds
MARGIN_S = 0.6  # that other music has at least to begin in
NAP_S = 0.004  # between looks at the clock
LATE_S = 0.03  # what is later than that is counted
OFF, ON = 0, 1  # at one time notes end before others begin
CHANNELS = tuple(channel for channel in range(16) if channel != DRUM_CHANNEL)
Event = tuple[float, int, int, int, int, int]  # seconds, OFF or ON, track, pitch, velocity, step of its onset


@dataclass
class Played:
    """What became of notes.

    Attributes:
        num_notes: that were begun.
        num_late: of these, those that were more than `LATE_S` late.
    """

    num_notes: int = 0
    num_late: int = 0


@dataclass
class _Sounding:
    """Which notes sound: of each channel and pitch the onset of the note that holds it."""

    holders: dict[tuple[int, int], int] = field(default_factory=dict)


class Player:
    """Plays endless music into a sink.

    Attributes:
        played: what became of notes so far.
    """

    def __init__(self, endless: Endless, sink: Sink, on_change: Callable[[str], None] = print) -> None:
        """Composes the first notes, so that they sound at once.

        Args:
            endless: what is played.
            sink: where it goes.
            on_change: is told what the music cannot be changed to.
        """
        self._endless, self._sink, self._tell = endless, sink, on_change
        self.played, self._sounding = Played(), _Sounding()
        self._events: list[Event] = []
        self._lock = threading.Lock()
        self._wanted: ComposeSettings | None = None
        self._problem: BaseException | None = None
        self._is_over = threading.Event()
        self._programs: dict[int, int] = {}
        self._composed_s = self._played_s = 0.0
        first = next(endless)
        self._lead_s = seconds_at(endless.tempos, float(first["onset"][0]))  # rests at the beginning are left out
        self._began = time.monotonic()
        self._queue(first)

    @property
    def settings(self) -> ComposeSettings:
        """What is asked for at present."""
        return self._wanted or self._endless.settings

    @property
    def tempo_qpm(self) -> float:
        """The tempo of what is composed at present."""
        return self._endless.tempos[-1].qpm

    def change(self, settings: ComposeSettings) -> None:
        """Has the music become something else, from the next bar line on for which there is time."""
        with self._lock:
            self._wanted = settings

    def stop(self) -> None:
        """Ends the playing soon."""
        self._is_over.set()

    def run(self, max_seconds: float | None = None) -> None:
        """Plays until it is stopped, or for so many seconds. Whatever ends it, nothing goes on sounding.

        Raises:
            MelodyForgeError: composing or the sink has failed.
        """
        composer = threading.Thread(target=self._compose, daemon=True)
        with threadpool_limits(1):
            self._began = time.monotonic()
            composer.start()
            try:
                while not self._is_over.is_set() and (max_seconds is None or self._now() < max_seconds):
                    self._play_due()
                    time.sleep(NAP_S)
            finally:
                self._is_over.set()
                self._played_s = self._now()  # what is composed until the other thread has ended never sounds
                composer.join()
                self._silence()
        if self._problem:
            raise self._problem

    def piece(self) -> Piece:
        """What has sounded, once it is over."""
        step = int(np.ceil(self._step_at(self._played_s)))
        self._endless.cut(step)
        piece = self._endless.piece()
        notes = piece.notes.copy()
        notes["duration"] = np.maximum(1, np.minimum(notes["duration"], step - notes["onset"]))
        return piece.with_notes(notes)

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _step_at(self, seconds: float) -> float:
        """The step that sounds so many seconds after the beginning."""
        return step_at(self._endless.tempos, seconds + self._lead_s)

    def _compose(self) -> None:
        """Composes a little ahead of the clock."""
        try:
            while not self._is_over.is_set():
                if self._wanted:
                    self._turn(self._wanted)
                elif self._composed_s > self._now() + AHEAD_S:
                    time.sleep(NAP_S)
                else:
                    self._queue(next(self._endless))
        except BaseException as error:
            self._problem = error
            self._is_over.set()

    def _turn(self, wanted: ComposeSettings) -> None:
        """Has other music follow."""
        step = self._endless.next_bar(int(self._step_at(self._now() + MARGIN_S)) + 1)
        try:
            self._endless.change(wanted, step)
        except MelodyForgeError as error:
            self._tell(str(error))
        else:
            with self._lock:
                self._events = [one for one in self._events if one[-1] < step]
                heapq.heapify(self._events)
            self._composed_s = seconds_at(self._endless.tempos, step) - self._lead_s
        with self._lock:
            if self._wanted is wanted:  # nobody has changed it meanwhile
                self._wanted = None

    def _queue(self, notes: np.ndarray) -> None:
        """Puts notes where they are to sound."""
        tempos = self._endless.tempos
        with self._lock:
            for onset, duration, track, pitch, velocity, micro in notes.tolist():
                begin = max(0.0, seconds_at(tempos, onset + micro / MICRO_PER_STEP) - self._lead_s)
                end = max(begin, seconds_at(tempos, onset + duration) - self._lead_s)
                heapq.heappush(self._events, (begin, ON, track, pitch, velocity, onset))
                heapq.heappush(self._events, (end, OFF, track, pitch, 0, onset))
                self._composed_s = max(self._composed_s, begin)

    def _play_due(self) -> None:
        """Sends what is to sound by now."""
        now = self._now()
        while event := self._next_due(now):
            seconds, kind, track, pitch, velocity, onset = event
            self._sink.until(seconds)
            if kind == ON:
                self.played.num_notes += 1
                self.played.num_late += now - seconds > LATE_S
                self._begin(self._channel(track), pitch, velocity, onset)
            else:
                self._end(self._channel(track), pitch, onset)
        self._sink.until(now)

    def _next_due(self, now: float) -> Event | None:
        with self._lock:
            return heapq.heappop(self._events) if self._events and self._events[0][0] <= now else None

    def _channel(self, track: int) -> int:
        """The channel of a track, with its instrument."""
        known = self._endless.tracks
        pitched = [index for index, one in enumerate(known) if not one.is_drum]
        channel = DRUM_CHANNEL if known[track].is_drum else CHANNELS[pitched.index(track) % len(CHANNELS)]
        if self._programs.get(channel) != known[track].program:
            self._programs[channel] = known[track].program
            self._sink.program(channel, known[track].program)
        return channel

    def _begin(self, channel: int, pitch: int, velocity: int, onset: int) -> None:
        if (channel, pitch) in self._sounding.holders:  # a key that is struck again
            self._sink.note_off(channel, pitch)
        self._sink.note_on(channel, pitch, velocity)
        self._sounding.holders[channel, pitch] = onset

    def _end(self, channel: int, pitch: int, onset: int) -> None:
        if self._sounding.holders.get((channel, pitch)) == onset:
            del self._sounding.holders[channel, pitch]
            self._sink.note_off(channel, pitch)

    def _silence(self) -> None:
        """Ends every note."""
        for channel, pitch in [*self._sounding.holders]:
            self._sink.note_off(channel, pitch)
        self._sounding.holders.clear()
