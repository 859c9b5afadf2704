"""Plays what is composed just ahead of it: one thread composes, the other sends notes to a sink in time.

Knows neither where sound goes nor where wishes come from.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from melodyforge.errors import MelodyForgeError
from melodyforge.live.endless import Endless, seconds_at, step_at
from melodyforge.live.schedule import Played, Schedule, channel_of
from melodyforge.live.sinks import Sink
from melodyforge.music.piece import MICRO_PER_STEP, Piece
from melodyforge.settings import ComposeSettings

AHEAD_S = 2.0  # of music that is composed before it sounds
MARGIN_S = 0.6  # that other music has at least to begin in
NAP_S = 0.004  # between looks at the clock


class Player:
    """Plays endless music into a sink."""

    def __init__(self, endless: Endless, sink: Sink, on_change: Callable[[str], None] = print) -> None:
        """Composes the first notes, so that they sound at once.

        Args:
            endless: what is played.
            sink: where it goes.
            on_change: is told what the music cannot be changed to.
        """
        self._endless, self._tell, self._schedule = endless, on_change, Schedule(sink)
        self._lock = threading.Lock()
        self._wanted: ComposeSettings | None = None
        self._problem: BaseException | None = None
        self._is_over = threading.Event()
        self._composed_s = self._played_s = 0.0
        first = next(endless)
        self._lead_s = seconds_at(endless.tempos, float(first["onset"][0]))  # rests at the beginning are left out
        self._began = time.monotonic()
        self._queue(first)

    @property
    def played(self) -> Played:
        """What became of notes so far."""
        return self._schedule.played

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
                    self._schedule.play_until(self._now())
                    time.sleep(NAP_S)
            finally:
                self._is_over.set()
                self._played_s = self._now()  # what is composed until the other thread has ended never sounds
                composer.join()
                self._schedule.silence()
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
            self._schedule.drop(step)
            self._composed_s = seconds_at(self._endless.tempos, step) - self._lead_s
        with self._lock:
            if self._wanted is wanted:  # nobody has changed it meanwhile
                self._wanted = None

    def _queue(self, notes: np.ndarray) -> None:
        """Puts notes where they are to sound."""
        tempos, tracks = self._endless.tempos, self._endless.tracks
        for onset, duration, track, pitch, velocity, micro in notes.tolist():
            begin = max(0.0, seconds_at(tempos, onset + micro / MICRO_PER_STEP) - self._lead_s)
            end = max(begin, seconds_at(tempos, onset + duration) - self._lead_s)
            self._schedule.put(begin, end, channel_of(tracks, track), tracks[track].program, pitch, velocity, onset)
            self._composed_s = max(self._composed_s, begin)
