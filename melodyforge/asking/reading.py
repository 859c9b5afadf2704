"""Finds in a text what it asks for, and with which "not" or "very"; what that means for a model, others say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from melodyforge.asking.text import BREAKS, Text
from melodyforge.asking.vocabulary import Meaning, Vocabulary, numbers, words_of
from melodyforge.music.scales import OTHER_NAMES, SCALES

MOST_MODIFIERS = 5  # words that may stand between "not" and what it denies
VERY, SLIGHTLY = 1.5, 0.5  # how much more, or less, such a word says; an exponent of factors on the tempo
LINKS = ("or", "nor", "oder", "ou")  # carry a "not" over to what is named next; so does a bare "and"


class Denied(Enum):
    """Whether a word is denied: "not slow", or only in excess: "not too slow"."""

    NO = 0
    YES = 1
    EXCESS = 2


@dataclass(frozen=True)
class Reading:
    """A part of a text that was understood.

    Attributes:
        span: its words, without "not" and the like.
        whole: its words with them.
        meanings: what they ask for.
        denied: whether that is denied.
        degree: how much of it: 1 where nothing is said.
    """

    span: range
    whole: range
    meanings: list[Meaning]
    denied: Denied = Denied.NO
    degree: float = 1.0


class Correction(NamedTuple):
    """A word as it was written, and as it was read."""

    written: str
    read: str


def read(text: Text, vocabulary: Vocabulary) -> tuple[list[Reading], list[Correction]]:
    """All that is understood, in the order of the text, and what was taken for a slip of the pen."""
    found: dict[int, tuple[range, list[Meaning]]] = {}
    for span, meanings in _patterns(text):
        text.read(span)
        found[span.start] = span, meanings
    corrections: list[Correction] = []
    for span, meanings in [*_phrases(text, vocabulary), *_corrected(text, vocabulary, corrections)]:
        found[span.start] = span, meanings
    readings: list[Reading] = []
    for _, (span, meanings) in sorted(found.items()):
        readings.append(_with_modifiers(text, span, meanings, readings))
    return readings, corrections


def _phrases(text: Text, vocabulary: Vocabulary) -> Iterator[tuple[range, list[Meaning]]]:
    """The longest known phrases."""
    for first in range(len(text.words)):
        for length in range(min(vocabulary.longest, len(text.words) - first), 0, -1):
            span = range(first, first + length)
            phrase = tuple(text.words[index].plain for index in span)
            if not any(text.is_read[index] for index in span) and (meanings := vocabulary.meanings(phrase)):
                text.read(span)
                yield span, meanings
                break


def _corrected(
    text: Text, vocabulary: Vocabulary, corrections: list[Correction]
) -> Iterator[tuple[range, list[Meaning]]]:
    """Words that are nearly known ones."""
    for index, word in enumerate(text.words):
        if text.is_read[index] or is_filler(word.plain) or is_modifier(word.plain):
            continue
        if meant := vocabulary.corrected(word.plain):
            corrections.append(Correction(word.text, meant))
            text.read(range(index, index + 1))
            yield range(index, index + 1), vocabulary.meanings((meant,))


def is_filler(word: str) -> bool:
    """Whether a word says nothing by itself."""
    return (word,) in words_of("filler", "words")


def is_modifier(word: str) -> bool:
    """Whether it only changes what another word says."""
    return any((word,) in words_of("modifiers", kind) for kind in ("not", "little", "less", "very", "slightly"))


def _with_modifiers(text: Text, span: range, meanings: list[Meaning], before: list[Reading]) -> Reading:
    """Looks at the words before a part."""
    first, denied, degree, is_linked, is_little = span.start, Denied.NO, 1.0, False, False
    for index in range(span.start - 1, max(-1, span.start - 1 - MOST_MODIFIERS), -1):
        word = (text.words[index].plain,)
        other = next((one for one in before if index in one.span), None)
        if other or word[0] in (*BREAKS, "but"):
            denied = other.denied if other and is_linked else denied
            break
        is_linked |= word[0] in LINKS or (word[0] == "and" and index == span.start - 1)
        if word in words_of("modifiers", "not") and not _denies_another(index, before):
            first, denied = index, Denied.EXCESS if is_little else Denied.YES
            break
        if word in words_of("modifiers", "less"):
            first, denied = index, Denied.EXCESS
        elif word in words_of("modifiers", "very"):
            first, degree = index, VERY
        elif word in words_of("modifiers", "slightly"):
            first, degree = index, SLIGHTLY
        elif not is_filler(word[0]):
            break
        is_little |= word in words_of("modifiers", "little")
    return Reading(span, range(first, span.stop), meanings, denied, degree)


def _denies_another(index: int, before: list[Reading]) -> bool:
    return any(index in one.whole for one in before)


# Patterns: what a table of words cannot say. Each gives meanings of a match, or none where it is not meant.
_Meant = Callable[[Text, range, re.Match[str]], list[Meaning]]
_NUMBER = r"(?P<number>[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?|WORDS)"
_LETTER = r"(?P<tonic>[a-g][#♯♭b]?)(?: (?P<sign>sharp|flat))?"
_TONIC = _LETTER.replace("b]?)", "b]?|h|do|re|mi|fa|sol|la|si)")
_MODES = {
    "major": "major maj dur majeur maggiore mayor",
    "minor": "minor min moll mineur minore menor",
}
_SIGNS = {"sharp": "#", "flat": "b"}
_LATIN = {"do": "C", "re": "D", "mi": "E", "fa": "F", "sol": "G", "la": "A", "si": "B", "h": "B"}
_IN = r"(?:in|in the key of|in key of|key of|key|key :)"
_CHORD = r"(?:[a-g][#♯♭b]?(?:m|maj|min|dim|aug|sus|add|[0-9])*(?:/[a-g][#♯♭b]?)?|[iv]+[0-9]*)"
_PITCH = r"[a-g][#♯♭b]?[0-9]"


def _patterns(text: Text) -> Iterator[tuple[range, list[Meaning]]]:
    for pattern, meant in _PATTERNS:
        words = "|".join(sorted(map(re.escape, numbers()), key=len, reverse=True))
        for span, found in [*text.matches(pattern.replace("WORDS", words))]:
            if meanings := meant(text, span, found):
                yield span, meanings


def _number(found: re.Match[str]) -> float:
    word = found["number"] or "1"
    return float("".join(numbers().get(word, word).split(",")))


def _counts(name: str, factor: float = 1.0) -> _Meant:
    """A number of something."""

    def meant(text: Text, span: range, found: re.Match[str]) -> list[Meaning]:
        number = _number(found) + 0.5 * bool(found.groupdict().get("half"))
        return [Meaning(name, (f"{number * factor:.10g}",))]

    return meant


def _clock(text: Text, span: range, found: re.Match[str]) -> list[Meaning]:
    return [Meaning("num_seconds", (str(60 * int(found[1]) + int(found[2])),))]


def _says(name: str) -> _Meant:
    """The first group as it stands."""
    return lambda text, span, found: [Meaning(name, (found[1],))]


def _time(text: Text, span: range, found: re.Match[str]) -> list[Meaning]:
    return [Meaning("meter", (f"{found[1]}/{found[2]}",))]


def _tonic(found: re.Match[str]) -> str:
    name = _LATIN.get(found["tonic"]) or found["tonic"].capitalize()
    return name.replace("♯", "#").replace("♭", "b") + _SIGNS.get(found.groupdict().get("sign") or "", "")


def _key(text: Text, span: range, found: re.Match[str]) -> list[Meaning]:
    """A tonic with a mode; "a minor key" is none."""
    mode = next(mode for mode, words in _MODES.items() if found["mode"] in words.split())
    is_article = found["tonic"] == "a" and not found["sign"]
    if is_article and not _names_a(text, span):
        return [Meaning("mode", (mode,))]
    return [Meaning("tonic", (_tonic(found),)), Meaning("mode", (mode,))]


def _names_a(text: Text, span: range) -> bool:
    """Whether an "a" is the note, not the article."""
    before = text.words[span.start - 1].plain if span.start else ""
    behind = text.words[span.stop].plain if span.stop < len(text.words) else ""
    if behind in ("key", "mode", "tonality", "mood", "scale", "feel", "tune", "piece", "melody"):
        return False
    return before in ("in", "key", "of", "en", "auf") or (span.start > 0 and text.is_capital(span.start))


def _short_key(text: Text, span: range, found: re.Match[str]) -> list[Meaning]:
    """Such as Dm; "am" is one only behind "in"."""
    is_meant = found["before"] or (text.is_capital(span[-1]) and span.start > 0)
    return [Meaning("tonic", (_tonic(found),)), Meaning("mode", ("minor",))] if is_meant else []


def _bare_tonic(text: Text, span: range, found: re.Match[str]) -> list[Meaning]:
    """Such as "in D": an "a" must be a capital there."""
    note = span[-2 if found["sign"] else -1]
    named = found["tonic"] != "a" or found["sign"] or "key" in found[0].split() or text.is_capital(note)
    return [Meaning("tonic", (_tonic(found),))] if named else []


def _scale(text: Text, span: range, found: re.Match[str]) -> list[Meaning]:
    is_named = found["tonic"] and (found["tonic"] != "a" or found["sign"] or _names_a(text, span))
    tonic = _tonic(found) + " " if is_named else ""
    return [Meaning("scale", (f"{tonic}{found['scale'].removesuffix(' scale')}",))]


def _range(text: Text, span: range, found: re.Match[str]) -> list[Meaning]:
    return [Meaning("range", (f"{found[1]}-{found[2]}".upper().replace("B", "b"),))]


def _chords(text: Text, span: range, found: re.Match[str]) -> list[Meaning]:
    written = [text.words[index].text for index in span if re.fullmatch(_CHORD, text.words[index].plain)]
    return [Meaning("chords", (" ".join(one[0].upper() + one[1:] if one[0] in "abcdefg" else one for one in written),))]


def _form(text: Text, span: range, found: re.Match[str]) -> list[Meaning]:
    """Letters that return, such as AABA."""
    letters = found["letters"]
    is_form = set(letters) == set("abcdefgh"[: len(set(letters))]) and len(set(letters)) < len(letters)
    return [Meaning("form", (letters.upper(),))] if is_form else []


def _modes_of_scales() -> str:
    bare = ("major", "minor", "", "m")  # these are keys
    names = sorted([name for name in [*SCALES, *OTHER_NAMES] if name not in bare], key=len, reverse=True)
    return "|".join(f"{name}(?: scale)?" for name in names)


_PATTERNS: tuple[tuple[str, _Meant], ...] = (
    (rf"chords?(?: of| are| :)? {_CHORD}(?:(?: ,)? {_CHORD})+", _chords),
    (r"([0-9]+/[0-9]+)", _says("meter")),
    (r"([0-9]{1,2}) ([0-9]{1,2}) (?:time|meter|takt)", _time),
    (rf"({_PITCH})(?: to)? ({_PITCH})", _range),
    (r"([0-9]{1,2}) : ([0-9]{2})(?: min| minutes| long)?", _clock),
    (r"half a minute", lambda text, span, found: [Meaning("num_seconds", ("30",))]),
    (r"([0-9]{1,2}) (?:minutes?|mins?|min)(?: ,)?(?: and)? ([0-9]{1,2}) (?:seconds?|secs?|s)", _clock),
    (rf"(?:{_NUMBER}|an?) (?:minutes?|mins?|minuten?|minuti)(?P<half> and a half)?", _counts("num_seconds", 60)),
    (rf"{_NUMBER}(?P<half> and a half) (?:minutes?|mins?)", _counts("num_seconds", 60)),
    (rf"{_NUMBER} (?:seconds?|secs?|s|sekunden?|secondes?|secondi|segundos?)", _counts("num_seconds")),
    (rf"{_NUMBER} (?:bars?|measures?|takte?|mesures?|battute|compases)", _counts("num_bars")),
    (rf"{_NUMBER} (?:notes?|noten|note)", _counts("num_notes")),
    (rf"{_NUMBER} (?:pieces|takes|songs|tunes|versions|variants|stucke)", _counts("num_pieces")),
    (rf"(?:tempo |at )?{_NUMBER} (?:bpm|qpm|beats? (?:per|a) minute)", _counts("tempo")),
    (rf"(?:tempo|bpm|at|♩|quarter)(?: of| =| :| at)? {_NUMBER}", _counts("tempo")),
    *((rf"{name}(?: of| =| :)? {_NUMBER}", _counts(name)) for name in ("temperature", "guidance", "seed")),
    (rf"(?:{_TONIC} )?(?P<scale>{_modes_of_scales()})", _scale),
    (rf"{_TONIC} (?P<mode>{'|'.join(_MODES['major'].split() + _MODES['minor'].split())})", _key),
    (rf"(?P<before>{_IN} )?(?P<tonic>[a-g][#♯♭b]?)m", _short_key),
    (rf"{_IN} {_LETTER}", _bare_tonic),
    (r"form (?P<letters>[a-h]{2,26})", _form),
    (r"(?P<letters>a[a-e]{2,7})", _form),
)
