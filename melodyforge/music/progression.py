"""Chord progressions: chords one behind the other, laid over bars. Knows chords and meters; knows no notes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from melodyforge.errors import SettingsError
from melodyforge.music.chord_symbols import ChordSymbol, PlacedChord
from melodyforge.music.chord_text import chord_named
from melodyforge.music.keys import NUM_PITCH_CLASSES, Key, fits_of

MAX_CHORDS = 256
MAX_BEATS = 64  # of one chord
ROOT_WEIGHT = 2.0  # of a chord's root against its other notes, where a key is guessed


@dataclass(frozen=True, slots=True)
class Progression:
    """Chords that follow one another, and begin anew behind the last.

    Attributes:
        chords: each with its length in beats; None stands for a bar.
    """

    chords: tuple[tuple[ChordSymbol, int | None], ...]

    def steps(self, bar_steps: int, beat_steps: int) -> list[int]:
        """The length of each chord in steps."""
        return [bar_steps if beats is None else beats * beat_steps for _, beats in self.chords]

    def placed(self, start: int, stop: int, bar_steps: int, beat_steps: int) -> Iterator[PlacedChord]:
        """The chords from step `start` on, repeated as long as they begin before step `stop`."""
        lengths = self.steps(bar_steps, beat_steps)
        while start < stop:
            for (chord, _), length in zip(self.chords, lengths, strict=True):
                if start < stop:
                    yield PlacedChord(start, chord)
                start += length

    @property
    def key(self) -> Key:
        """The key that the chords fit best; of those that fit alike, that of the first chord."""
        weights = np.zeros(NUM_PITCH_CLASSES)
        for chord, beats in self.chords:
            for tone in chord.pitch_classes:
                weights[tone] += (beats or 4) * (ROOT_WEIGHT if tone == chord.root else 1.0)
        first = self.chords[0][0]
        weights[first.root] += 1.0
        best = int(fits_of(weights).argmax())
        return Key(best % NUM_PITCH_CLASSES, best >= NUM_PITCH_CLASSES)


def read_progression(text: str, key: Key | None) -> Progression:
    """Reads chords with spaces, commas or bar lines between them: "C G Am F", "C:2 G7:2 | Am", "I V vi IV".

    Args:
        text: a number of beats may stand behind each chord, after a colon; without one it lasts a bar.
        key: in which Roman numerals are read.

    Raises:
        SettingsError: one line that says what cannot be read.
    """
    words = [word for word in re.split(r"[\s,|]+", text) if word]
    if not words or len(words) > MAX_CHORDS:
        raise SettingsError(f'`chords` must be 1 to {MAX_CHORDS} chords, such as "C G Am F". Received {len(words)}.')
    return Progression(tuple(_with_length(word, key) for word in words))


def _with_length(word: str, key: Key | None) -> tuple[ChordSymbol, int | None]:
    name, colon, length = word.partition(":")
    if not colon:
        return chord_named(name, key), None
    if not re.fullmatch("[0-9]{1,2}", length) or not 1 <= int(length) <= MAX_BEATS:
        raise SettingsError(f"`chords` last 1 to {MAX_BEATS} whole beats, such as C:2. Received {word!r}.")
    return chord_named(name, key), int(length)


def merged(chords: Iterator[PlacedChord]) -> tuple[PlacedChord, ...]:
    """Chords without those that only repeat the one before."""
    kept: list[PlacedChord] = []
    for one in chords:
        if not kept or kept[-1].chord != one.chord:
            kept.append(one)
    return tuple(kept)
