"""Chords as people write them: Am7, Bb, G7/B, or V7 and bVII in a key; and as MIDI markers carry them.

music21 says which pitches a symbol stands for, and is imported when the first one is read. Knows no bars.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from melodyforge.errors import SettingsError
from melodyforge.music.chord_symbols import KINDS, NAME, PLAIN, ChordSymbol
from melodyforge.music.keys import LETTERS, NUM_PITCH_CLASSES, Key, spell
from melodyforge.words import how_to_install

MAX_CHORD_TEXT = 24  # characters
NUMERAL = re.compile(
    r"[b#]{0,2}(?:VII|VI|IV|V|III|II|I|vii|vi|iv|v|iii|ii|i)[o+ø]?[0-9]{0,3}"
    r"(?:/[b#]?(?:VII|VI|IV|V|III|II|I|vii|vi|iv|v|iii|ii|i))?"
)
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
_PITCH = "[A-G](?:#{0,2}|b{0,2})"
_MARKER = re.compile(
    rf"(?P<text>\S{{1,{MAX_CHORD_TEXT}}}) \((?P<tones>{_PITCH}(?: {_PITCH}){{0,11}})(?: / (?P<bass>{_PITCH}))?\)"
)


def chord_of(root: int, semitones: tuple[int, ...], key: Key) -> ChordSymbol:
    """The chord of those semitones above a root, one of `KINDS`, named as it is spelt in a key."""
    tones = frozenset((root + one) % NUM_PITCH_CLASSES for one in semitones)
    return ChordSymbol(root, tones, root, _name(root, key.fifths) + KINDS[semitones][1])


@lru_cache(maxsize=1024)
def chord_named(text: str, key: Key | None = None) -> ChordSymbol:
    """Reads a chord symbol, or a Roman numeral in a key.

    Raises:
        SettingsError: it is neither, a numeral without a key, or music21 is missing.
    """
    plain = text.translate(PLAIN)
    if len(text) <= MAX_CHORD_TEXT and NUMERAL.fullmatch(plain):
        if key is None:
            raise SettingsError(f'`chords` in Roman numerals need a key, such as --key "C major". Received {text!r}.')
        return _of_numeral(text, plain, key)
    found = NAME.fullmatch(plain) if len(text) <= MAX_CHORD_TEXT else None
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
    return ((LETTERS.index(letter) - 1) * 7 + sign.count("#") - sign.count("b")) % NUM_PITCH_CLASSES


def _music21() -> tuple[Any, Any, tuple[type[Exception], ...]]:
    """Its modules that read chords, and the errors that they raise for what they cannot read."""
    try:
        from music21 import harmony, roman
        from music21.exceptions21 import Music21Exception
    except ImportError:
        raise SettingsError(f"`chords` need music21. Received none. {how_to_install('music21')}") from None
    return harmony, roman, (Music21Exception, ValueError, KeyError, IndexError, AttributeError, TypeError)


def marker_of(chord: ChordSymbol) -> str:
    """A chord as a MIDI marker: its name, its notes from the root up, and its bass, such as "G7/B (G B D F / B)"."""
    fifths = Key(chord.root, is_minor=(chord.root + 3) % NUM_PITCH_CLASSES in chord.pitch_classes).fifths
    tones = sorted(chord.pitch_classes, key=lambda tone: (tone - chord.root) % NUM_PITCH_CLASSES)
    names = [_name(tone, fifths) for tone in tones]
    bass = "" if chord.bass == chord.root else f" / {_name(chord.bass, fifths)}"
    return f"{chord.text} ({' '.join(names)}{bass})"


def chord_of_marker(marker: str) -> ChordSymbol | None:
    """The inverse of `marker_of`; None for other text."""
    found = _MARKER.fullmatch(marker)
    if not found:
        return None
    tones = [_pitch_class(name[0], name[1:]) for name in found["tones"].split()]
    bass = _pitch_class(found["bass"][0], found["bass"][1:]) if found["bass"] else tones[0]
    return ChordSymbol(tones[0], frozenset([*tones, bass]), bass, found["text"])


def _name(tone: int, fifths: int) -> str:
    letter, alter = spell(tone, fifths)
    return f"{letter}{'#' * alter}{'b' * -alter}"
