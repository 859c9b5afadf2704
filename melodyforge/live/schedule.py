"""Notes that are to sound, and those that do: begins and ends each in time, in a sink. Threads may share it.

Knows neither clocks nor where notes come from.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from melodyforge.live.sinks import DRUM_CHANNEL, Sink
from melodyforge.music.piece import Track

LATE_S = 0.03  # what is later than that is counted
NO_NOTE = -1  # stands for the onset of a click
OFF, ON = 0, 1  # at one time notes end before others begin
CHANNELS = tuple(channel for channel in range(16) if channel != DRUM_CHANNEL)
# Seconds, OFF or ON, channel, pitch, velocity, step of its onset, program.
Event = tuple[float, int, int, int, int, int, int]


@dataclass
class Played:
    """What became of notes.

    Attributes:
        num_notes: that were begun.
        num_late: of these, those that were more than `LATE_S` late.
    """

    num_notes: int = 0
    num_late: int = 0


class Schedule:
    """What is to be sent to a sink.

    Attributes:
        played: what became of notes so far.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink, self.played = sink, Played()
        self._events: list[Event] = []
        self._lock = threading.Lock()
        self._holders: dict[tuple[int, int], int] = {}  # of channel and pitch the onset of the note that holds it
        self._programs: dict[int, int] = {}

    def put(self, begin: float, end: float, channel: int, program: int, pitch: int, velocity: int, onset: int) -> None:
        """Has a note sound from one second to another; `onset` is its step, by which `drop` knows it."""
        with self._lock:
            heapq.heappush(self._events, (begin, ON, channel, pitch, velocity, onset, program))
            heapq.heappush(self._events, (end, OFF, channel, pitch, 0, onset, program))

    def click(self, begin: float, end: float, channel: int, pitch: int, velocity: int) -> None:
        """Has something sound that is no note of the music."""
        self.put(begin, end, channel, 0, pitch, velocity, NO_NOTE)

    def drop(self, step: int) -> None:
        """Has nothing sound that begins at a step or later."""
        with self._lock:
            self._events = [one for one in self._events if one[5] < step]
            heapq.heapify(self._events)

    def play_until(self, now: float) -> None:
        """Sends what is to sound by now."""
        while event := self._next_due(now):
            seconds, kind, channel, pitch, velocity, onset, program = event
            self._sink.until(seconds)
            if kind == ON:
                self.played.num_notes += onset != NO_NOTE
                self.played.num_late += onset != NO_NOTE and now - seconds > LATE_S
                self.begin(channel, program, pitch, velocity, onset)
            else:
                self.end(channel, pitch, onset)
        self._sink.until(now)

    def begin(self, channel: int, program: int, pitch: int, velocity: int, onset: int) -> None:
        """Begins a note at once."""
        if self._programs.get(channel) != program:
            self._programs[channel] = program
            self._sink.program(channel, program)
        if (channel, pitch) in self._holders:  # a key that is struck again
            self._sink.note_off(channel, pitch)
        self._sink.note_on(channel, pitch, velocity)
        self._holders[channel, pitch] = onset

    def end(self, channel: int, pitch: int, onset: int) -> None:
        """Ends a note, unless its key was struck again."""
        if self._holders.get((channel, pitch)) == onset:
            del self._holders[channel, pitch]
            self._sink.note_off(channel, pitch)

    def silence(self) -> None:
        """Ends every note."""
        for channel, pitch in [*self._holders]:
            self._sink.note_off(channel, pitch)
        self._holders.clear()

    def _next_due(self, now: float) -> Event | None:
        with self._lock:
            return heapq.heappop(self._events) if self._events and self._events[0][0] <= now else None


def channel_of(tracks: Sequence[Track], index: int) -> int:
    """The channel of one of several tracks, which stays the same when there are more."""
    if tracks[index].is_drum:
        return DRUM_CHANNEL
    return CHANNELS[sum(not one.is_drum for one in tracks[:index]) % len(CHANNELS)]
