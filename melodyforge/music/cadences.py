"""How music closes: the last two chords of the usual cadences in a key."""

from __future__ import annotations

from melodyforge.music.chord_symbols import ChordSymbol
from melodyforge.music.chord_text import chord_of
from melodyforge.music.keys import NUM_PITCH_CLASSES, Key

MAJOR, MINOR, SEVENTH = (0, 4, 7), (0, 3, 7), (0, 4, 7, 10)
FOURTH, FIFTH = 5, 7  # semitones above the tonic


def cadence(name: str, key: Key) -> tuple[ChordSymbol, ChordSymbol]:
    """The last chord but one and the last: V7-I of "authentic", IV-I of "plagal", IV-V of "half"; V is always major."""
    third = MINOR if key.is_minor else MAJOR
    tonic = chord_of(key.tonic, third, key)
    fourth = chord_of((key.tonic + FOURTH) % NUM_PITCH_CLASSES, third, key)
    fifth = (key.tonic + FIFTH) % NUM_PITCH_CLASSES
    return {
        "authentic": (chord_of(fifth, SEVENTH, key), tonic),
        "plagal": (fourth, tonic),
        "half": (fourth, chord_of(fifth, MAJOR, key)),
    }[name]
