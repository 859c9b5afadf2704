"""Chords: which pitch classes one has, how it is called, and from when on it holds. Knows no text beyond a name."""

from __future__ import annotations

import re
from dataclasses import dataclass

OCTAVE = 12  # semitones
NAME = re.compile(  # of a chord: root, kind, bass
    r"(?P<root>[A-G])(?P<sign>[#b]?)(?P<kind>(?:6/9|[^/])*)(?:/(?P<bass>[A-G])(?P<bass_sign>[#b]?))?"
)
PLAIN = str.maketrans({"♯": "#", "♭": "b", "°": "o", "º": "o"})

# What MusicXML calls chords, and how they are written, by semitones above the root.
KINDS: dict[tuple[int, ...], tuple[str, str]] = {
    (0, 4, 7): ("major", ""),
    (0, 3, 7): ("minor", "m"),
    (0, 4, 8): ("augmented", "+"),
    (0, 3, 6): ("diminished", "dim"),
    (0, 4, 7, 10): ("dominant", "7"),
    (0, 4, 7, 11): ("major-seventh", "maj7"),
    (0, 3, 7, 10): ("minor-seventh", "m7"),
    (0, 3, 6, 9): ("diminished-seventh", "dim7"),
    (0, 4, 8, 10): ("augmented-seventh", "7#5"),
    (0, 3, 6, 10): ("half-diminished", "m7b5"),
    (0, 3, 7, 11): ("major-minor", "mM7"),
    (0, 4, 7, 9): ("major-sixth", "6"),
    (0, 3, 7, 9): ("minor-sixth", "m6"),
    (0, 2, 4, 7, 10): ("dominant-ninth", "9"),
    (0, 2, 4, 7, 11): ("major-ninth", "maj9"),
    (0, 2, 3, 7, 10): ("minor-ninth", "m9"),
    (0, 2, 7): ("suspended-second", "sus2"),
    (0, 5, 7): ("suspended-fourth", "sus4"),
    (0, 7): ("power", "5"),
}
OTHER_KIND = "other"


@dataclass(frozen=True, slots=True)
class ChordSymbol:
    """A chord.

    Attributes:
        root: pitch class, 0 = C.
        pitch_classes: all of them, root and bass among them.
        bass: pitch class of the lowest note.
        text: as it was written.
    """

    root: int
    pitch_classes: frozenset[int]
    bass: int
    text: str

    @property
    def kind(self) -> tuple[str, str]:
        """What MusicXML calls it, and what stands behind the root: ("minor-seventh", "m7"); `OTHER_KIND` for some."""
        for tones in (self.pitch_classes, self.pitch_classes - {self.bass}):  # a bass may be no part of the chord
            semitones = tuple(sorted((tone - self.root) % OCTAVE for tone in tones))
            if semitones in KINDS:
                return KINDS[semitones]
        found = NAME.fullmatch(self.text.translate(PLAIN))
        return OTHER_KIND, found["kind"] if found else self.text


@dataclass(frozen=True, slots=True)
class PlacedChord:
    """A chord that holds from step `onset` on."""

    onset: int
    chord: ChordSymbol
