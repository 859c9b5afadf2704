"""The instruments of the training pieces <-> classes. Knows no notes."""

from __future__ import annotations

from collections import Counter
from typing import Self

import numpy as np

from melodyforge.music.instruments import INSTRUMENTS
from melodyforge.music.piece import Track

TrackKey = tuple[int, bool, int]  # program, is_drum, n-th of its kind


class TrackClasses:
    """The instruments of the training pieces: (program, is_drum, n-th of its kind) <-> class."""

    def __init__(self, keys: list[TrackKey]) -> None:
        self.keys = [(int(program), bool(is_drum), int(ordinal)) for program, is_drum, ordinal in keys]
        self.is_drum = np.array([is_drum for _, is_drum, _ in self.keys])
        self._class_of = {key: index for index, key in enumerate(self.keys)}

    @classmethod
    def fit(cls, counts: Counter[TrackKey], max_tracks: int) -> Self:
        """Keeps the keys that most pieces have, drums last, programs together."""
        kept = [key for key, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:max_tracks]]
        return cls(sorted(kept, key=lambda key: (key[1], key[0], key[2])))

    def __len__(self) -> int:
        return len(self.keys)

    def of(self, tracks: tuple[Track, ...]) -> np.ndarray:
        """The class of every track, -1 for drums when the vocabulary has none and the other way round."""
        return np.array([self.nearest(key) for key in track_keys(tracks)], dtype=np.int16)

    def nearest(self, key: TrackKey) -> int:
        """The same instrument, else one of its General MIDI family, else any pitched one; -1 if none will do.

        Drums stand for drums alone.
        """
        if key in self._class_of:
            return self._class_of[key]
        program, is_drum, ordinal = key
        alike = [other for other in self.keys if other[1] == is_drum]
        if not alike:
            return -1

        def unlikeness(other: TrackKey) -> tuple[bool, bool, int]:
            is_of_another_family = INSTRUMENTS[other[0]].family != INSTRUMENTS[program].family
            return other[0] != program, is_of_another_family, abs(other[2] - ordinal)

        return self._class_of[min(alike, key=unlikeness)]


def track_keys(tracks: tuple[Track, ...]) -> list[TrackKey]:
    """(program, is_drum, n-th of its kind) for each track; all drums are one."""
    seen: Counter[tuple[int, bool]] = Counter()
    keys = []
    for track in tracks:
        kind = (0, True) if track.is_drum else (track.program, False)
        keys.append((*kind, 0 if track.is_drum else seen[kind]))
        seen[kind] += 1
    return keys
