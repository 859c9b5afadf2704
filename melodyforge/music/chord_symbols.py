"""Chords as people write them: Am7, Bb, G7/B, or V7 and bVII in a key.

music21 says which pitches a symbol stands for, and is imported when the first one is read. Knows no bars.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from melodyforge.errors import SettingsError
from melodyforge.music.keys import LETTERS, NUM_PITCH_CLASSES, Key, spell
from melodyforge.words import how_to_install

MAX_CHORD_TEXT = 24  # characters
NUMERAL = re.compile(
    r"[b#]{0,2}(?:VII|VI|IV|V|III|II|I|vii|vi|iv|v|iii|ii|i)[o+ø]?[0-9]{0,3}"
    r"(?:/[b#]?(?:VII|VI|IV|V|III|II|I|vii|vi|iv|v|iii|ii|i))?"
)
_LETTERS = re.compile(r"(?P<root>[A-G])(?P<sign>[#b]?)(?P<kind>(?:6/9|[^/])*)(?:/(?P<bass>[A-G])(?P<bass_sign>[#b]?))?")
_PLAIN = str.maketrans({"♯": "#", "♭": "b", "°": "o", "º": "o"})
_KINDS = {
    "6/9": "6add9",
    "69": "6add9",
    "m6/9": "m6add9",
    "maj": "",
    "M": "",
    "sus": "sus4",
    "7sus": "7sus4",
    "o": "dim",
}

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
            semitones = tuple(sorted((tone - self.root) % NUM_PITCH_CLASSES for tone in tones))
            if semitones in KINDS:
                return KINDS[semitones]
        found = _LETTERS.fullmatch(self.text.translate(_PLAIN))
        return OTHER_KIND, found["kind"] if found else self.text


@dataclass(frozen=True, slots=True)
class PlacedChord:
    """A chord that holds from step `onset` on."""

    onset: int
    chord: ChordSymbol


def chord_of(root: int, semitones: tuple[int, ...], key: Key) -> ChordSymbol:
    """The chord of those semitones above a root, one of `KINDS`, named as it is spelt in a key."""
    letter, alter = spell(root, key.fifths)
    tones = frozenset((root + one) % NUM_PITCH_CLASSES for one in semitones)
    return ChordSymbol(root, tones, root, f"{letter}{'#' * alter}{'b' * -alter}{KINDS[semitones][1]}")


@lru_cache(maxsize=1024)
def chord_named(text: str, key: Key | None = None) -> ChordSymbol:
    """Reads a chord symbol, or a Roman numeral in a key.

    Raises:
        SettingsError: it is neither, a numeral without a key, or music21 is missing.
    """
    plain = text.translate(_PLAIN)
    if len(text) <= MAX_CHORD_TEXT and NUMERAL.fullmatch(plain):
        if key is None:
            raise SettingsError(f'`chords` in Roman numerals need a key, such as --key "C major". Received {text!r}.')
        return _of_numeral(text, plain, key)
    found = _LETTERS.fullmatch(plain) if len(text) <= MAX_CHORD_TEXT else None
    chord = _of_letters(text, found) if found else None
    if chord is None:
        raise SettingsError(
            "`chords` must be chord symbols such as C, Am7, Bb or G7/B, or Roman numerals such as V7. "
            f"Received {text!r}."
        )
    return chord


def _of_letters(text: str, found: re.Match[str]) -> ChordSymbol | None:
    harmony, _, errors = _music21()
    kind = found["kind"]
    if kind.startswith("-"):  # as jazz writes minor
        kind = "m" + kind[1:]
    kind = re.sub("maj(?=9|11|13)", "M", re.sub("Δ7?", "maj7", _KINDS.get(kind, kind)))
    figure = found["root"] + found["sign"].replace("b", "-") + kind
    if found["bass"]:
        figure += f"/{found['bass']}{found['bass_sign'].replace('b', '-')}"
    try:
        pitches = harmony.ChordSymbol(figure).pitches
    except errors:
        return None
    root = _pitch_class(found["root"], found["sign"])
    bass = _pitch_class(found["bass"], found["bass_sign"]) if found["bass"] else root
    return _checked(root, [pitch.pitchClass for pitch in pitches], bass, text)


def _of_numeral(text: str, plain: str, key: Key) -> ChordSymbol:
    _, roman, errors = _music21()
    if key.is_minor:  # whose own third, sixth and seventh are low already
        plain = re.sub("^b(?=III|VI)", "", plain)
    tonic = key.name.split()[0].replace("b", "-")
    try:
        numeral = roman.RomanNumeral(plain, tonic.lower() if key.is_minor else tonic)
        root, bass = numeral.root().pitchClass, numeral.bass().pitchClass
        chord = _checked(root, [pitch.pitchClass for pitch in numeral.pitches], bass, text)
    except errors:
        chord = None
    if chord is None:
        raise SettingsError(f"`chords` must be Roman numerals such as I, vi or V7. Received {text!r}.")
    return chord


def _checked(root: int, tones: list[int], bass: int, text: str) -> ChordSymbol | None:
    """The chord, unless what was read has not the root that was written."""
    return ChordSymbol(root, frozenset([*tones, bass]), bass, text) if root in tones else None


def _pitch_class(letter: str, sign: str) -> int:
    return ((LETTERS.index(letter) - 1) * 7 + {"#": 1, "b": -1}.get(sign, 0)) % NUM_PITCH_CLASSES


def _music21() -> tuple[Any, Any, tuple[type[Exception], ...]]:
    """Its modules that read chords, and the errors that they raise for what they cannot read."""
    try:
        from music21 import harmony, roman
        from music21.exceptions21 import Music21Exception
    except ImportError:
        raise SettingsError(f"`chords` need music21. Received none. {how_to_install('music21')}") from None
    return harmony, roman, (Music21Exception, ValueError, KeyError, IndexError, AttributeError, TypeError)
