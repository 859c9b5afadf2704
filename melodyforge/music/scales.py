"""Scales and pitch names as people write them: "D dorian", "C D E G A", "C3-C6"."""

from __future__ import annotations

import re

from melodyforge.errors import SettingsError
from melodyforge.music.keys import LETTERS, NUM_PITCH_CLASSES, Key
from melodyforge.music.piece import NUM_PITCHES

SCALES: dict[str, tuple[int, ...]] = {  # semitones above the tonic
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "melodic minor": (0, 2, 3, 5, 7, 9, 11),
    "ionian": (0, 2, 4, 5, 7, 9, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "aeolian": (0, 2, 3, 5, 7, 8, 10),
    "locrian": (0, 1, 3, 5, 6, 8, 10),
    "major pentatonic": (0, 2, 4, 7, 9),
    "minor pentatonic": (0, 3, 5, 7, 10),
    "blues": (0, 3, 5, 6, 7, 10),
    "whole tone": (0, 2, 4, 6, 8, 10),
    "chromatic": tuple(range(NUM_PITCH_CLASSES)),
}
OTHER_NAMES = {"natural minor": "minor", "pentatonic": "major pentatonic", "": "major", "m": "minor"}
_NOTE = re.compile(r"(?P<letter>[A-Ga-g])(?P<sign>[#b]?)(?P<octave>-?[0-9])?")
_PLAIN = str.maketrans({"♯": "#", "♭": "b"})


def scale_named(text: str) -> tuple[int | None, frozenset[int]]:
    """Reads a tonic with a scale, or a list of pitch classes.

    Returns:
        The tonic's pitch class, None for a list; and the pitch classes of the scale.

    Raises:
        SettingsError: it is neither.
    """
    words = text.translate(_PLAIN).replace(",", " ").split()
    classes = [_pitch_class(word) for word in words]
    if len(words) > 1 and None not in classes:
        return None, frozenset(one for one in classes if one is not None)
    name = " ".join(words[1:]).lower()
    semitones = SCALES.get(OTHER_NAMES.get(name, name))
    tonic = classes[0] if classes else None
    if tonic is None or semitones is None:
        raise SettingsError(
            f'`scale` must be a tonic with one of {", ".join(SCALES)}, such as "D dorian", or pitch classes such as '
            f'"C D E G A". Received {text!r}.'
        )
    return tonic, frozenset((tonic + one) % NUM_PITCH_CLASSES for one in semitones)


def scale_of(key: Key) -> frozenset[int]:
    """The pitch classes of a key, minor ones as their signature says."""
    semitones = SCALES["minor" if key.is_minor else "major"]
    return frozenset((key.tonic + one) % NUM_PITCH_CLASSES for one in semitones)


def pitch_named(text: str) -> int | None:
    """The pitch that a name such as C4 (60), F#3 or Bb5 stands for; None if it is no name of one."""
    found = _NOTE.fullmatch(text.strip().translate(_PLAIN))
    if not found or found["octave"] is None:
        return None
    position = LETTERS.index(found["letter"].upper()) - 1
    natural = position * 7 % NUM_PITCH_CLASSES
    pitch = 12 * (int(found["octave"]) + 1) + natural + {"#": 1, "b": -1}.get(found["sign"], 0)
    return pitch if 0 <= pitch < NUM_PITCHES else None


def range_named(text: str) -> tuple[int, int] | None:
    """The lowest and the highest pitch of a range such as C3-C6; None if it is none."""
    found = re.fullmatch(r"\s*(\w[#♯♭]?-?\w+)\s*[-–]\s*(\w[#♯♭]?-?\w+)\s*", text)
    low, high = (pitch_named(found[1]), pitch_named(found[2])) if found else (None, None)
    return (low, high) if low is not None and high is not None and low <= high else None


def _pitch_class(word: str) -> int | None:
    found = _NOTE.fullmatch(word)
    if not found or found["octave"] is not None:
        return None
    sign = {"#": 1, "b": -1}.get(found["sign"], 0)
    return ((LETTERS.index(found["letter"].upper()) - 1) * 7 + sign) % NUM_PITCH_CLASSES
