"""From a sentence to settings: "a sad waltz in D minor for violin, slow, like Chopin". No network; a table of words.

What a model has not learnt, and what is not understood, is said and left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from melodyforge.asking.asked import Asked, quoted
from melodyforge.asking.reading import Correction, Denied, Reading, is_filler, read
from melodyforge.asking.text import Text
from melodyforge.asking.vocabulary import Meaning, table, vocabulary_of
from melodyforge.bundle import Model
from melodyforge.composing.limits import read_limits
from melodyforge.composing.wishes import LENGTHS, asked_controls, default_settings
from melodyforge.errors import SettingsError
from melodyforge.music.instruments import NO, instruments_named
from melodyforge.settings import ComposeSettings, bounds

MAX_LETTERS = 1_000
USUAL_TEMPO_QPM = 100.0  # of a model that does not tell
EXAMPLE = '"a sad waltz in D minor for violin, slow, like Chopin"'


@dataclass(frozen=True)
class _Candidate:
    """A value for a setting, the words it comes from, and whether those only imply it."""

    name: str
    value: Any
    words: str
    is_implied: bool


def understand(model: Model, text: str, before: ComposeSettings | None = None) -> Asked:
    """Reads what music is to be like from words.

    Args:
        model: of what it has learnt.
        text: at most `MAX_LETTERS` long.
        before: what was asked for before, which words such as "slower" go by.

    Raises:
        SettingsError: the text is empty or too long, or nothing of it is understood.
    """
    if len(text) > MAX_LETTERS:
        raise SettingsError(f"`ask` must have at most {MAX_LETTERS:,} letters. Received {len(text):,}.")
    words = Text(text)
    readings, corrections = read(words, vocabulary_of(model))
    asked = _Understanding(model, words, before).of(readings, corrections)
    if not asked.settings:
        raise SettingsError(
            f"`ask` must say in words what music to compose, such as {EXAMPLE}. {_received(asked, text)}"
        )
    return asked


def _received(asked: Asked, text: str) -> str:
    """Why nothing can be made of a text."""
    why = "; ".join(asked.notices) or "nothing of it was understood"
    return f"Received {quoted(' '.join(text.split()))}: {why}." if text.strip() else "Received nothing."


class _Understanding:
    """Puts together what was read, for one model."""

    def __init__(self, model: Model, text: Text, before: ComposeSettings | None) -> None:
        self._model, self._text, self._before = model, text, before
        self._candidates: list[_Candidate] = []
        self._refused: list[str] = []  # instruments
        self._notices: list[str] = []
        self._left: set[int] = set()  # words that were read, but say nothing

    def of(self, readings: list[Reading], corrections: list[Correction]) -> Asked:
        """What the readings come to."""
        style = next((one.value for one in map(self._style, readings) if one), None)
        for reading in readings:
            self._take(reading, style)
        notices = [f"read {quoted(one.written)} as {one.read!r}" for one in corrections]
        settings, words = self._settled()
        for index, word in enumerate(self._text.words):
            self._text.is_read[index] |= is_filler(word.plain)
        for index in self._left:
            self._text.is_read[index] = False
        unknown = tuple(part for part in self._text.unread() if any(map(str.isalnum, part)) or not part.isascii())
        return Asked(settings, tuple(dict.fromkeys([*notices, *self._notices])), unknown, words)

    def _style(self, reading: Reading) -> _Candidate | None:
        """A style that is asked for, which says what is slow."""
        of_style = [one for one in reading.meanings if one.name == "style" and reading.denied == Denied.NO]
        return next((found for one in of_style for found in self._possible(one, reading, None)), None)

    def _take(self, reading: Reading, style: str | None) -> None:
        """Takes over what a reading asks for; what cannot be is said, or left as not understood."""
        if reading.denied == Denied.NO:
            found = [one for meaning in reading.meanings for one in self._possible(meaning, reading, style)]
            if not found:
                self._notices.append(self._why_not(reading))
            self._candidates += found
        elif not self._take_denied(reading, style):
            self._left.update(reading.whole)
            return
        self._text.read(reading.whole)

    def _take_denied(self, reading: Reading, style: str | None) -> bool:
        """Takes over the opposite of what is denied; whether there is one."""
        said = [one for one in reading.meanings if not one.is_implied]
        names = [one.values[0] for one in said if one.name == "instruments"]
        others = [_opposite(one, reading.denied) for one in said if one.name != "instruments"]
        if None in others:
            return False
        plain = replace(reading, denied=Denied.NO, degree=1.0)
        found = [one for meaning in others if meaning for one in self._possible(meaning, plain, style)]
        self._candidates += found
        self._refused += names
        return bool(names or found)

    def _possible(self, meaning: Meaning, reading: Reading, style: str | None) -> list[_Candidate]:
        """What of a meaning the model can be asked for: of instruments all, of others the first."""
        words = self._text.written(reading.whole)
        values: Iterable[Any] = meaning.values
        name = meaning.name
        if name in ("pace", "faster"):
            factors = [float(value) ** reading.degree for value in meaning.values]
            values, name = [self._tempo(name, factor, style) for factor in factors], "tempo"
        found = [_Candidate(name, value, words, meaning.is_implied) for value in values if self._can_ask(name, value)]
        return found if name == "instruments" else found[:1]

    def _why_not(self, reading: Reading) -> str:
        """Why the model cannot be asked for something, and what it could be asked for instead."""
        words, name = quoted(self._text.written(reading.whole)), reading.meanings[0].name
        controls, allowed = self._model.representation.controls, ""
        if name in ComposeSettings.model_fields:
            allowed = str(bounds(ComposeSettings, name))
        if allowed:
            return f"{words} is out of bounds ({allowed})"
        known = ", ".join(controls.wishes[name].options) if controls and name in controls.wishes else ""
        return f"this model has not learnt {words}{f' (it knows {known})' if known else ''}"

    def _can_ask(self, name: str, value: Any) -> bool:
        """Whether the model can be asked for it."""
        if name in ("tonic", "mode"):
            name = "key"
        if name == "scale" and value[:1].islower():  # its tonic is yet to be told
            value = f"C {value}"
        needed = {"key": "C"} if name in ("chords", "cadence") else {}  # what else these may need is told later
        try:
            one = default_settings(self._model, **needed | {name: [value] if name == "instruments" else value})
            asked_controls(self._model, one)
            read_limits(self._model, one)
        except SettingsError:
            return False
        return True

    def _tempo(self, name: str, factor: float, style: str | None) -> float:
        """A tempo in whole numbers, within what can be asked for."""
        usual = self._usual_tempo(style)
        if name == "faster" and self._before and self._before.tempo:
            usual = self._before.tempo
        known = bounds(ComposeSettings, "tempo")
        return float(round(np.clip(usual * factor, known.low, known.high)))

    def _usual_tempo(self, style: str | None) -> float:
        """The middle of the tempos that the model has learnt: of the style, if it has any."""
        headings = self._model.representation.headings
        of_style = [one.traits.tempo_qpm for one in headings if one.traits.style == style]
        tempos = of_style or [one.traits.tempo_qpm for one in headings]
        return float(np.median(tempos)) if tempos else USUAL_TEMPO_QPM

    def _settled(self) -> tuple[dict[str, Any], dict[str, str]]:
        """One value for each setting, and the words that it comes from."""
        slots: dict[str, list[_Candidate]] = {}
        for one in self._candidates:
            slots.setdefault("length" if one.name in LENGTHS else one.name, []).append(one)
        instruments = slots.pop("instruments", [])
        chosen = {one.name: one for one in map(self._chosen, slots.values())}
        values = {name: one.value for name, one in chosen.items()}
        words = {name: one.words for name, one in chosen.items()}
        _join_key(values, words)
        self._join_scale(values, words)
        if named := self._instruments(instruments):
            values["instruments"] = named
            words["instruments"] = ", ".join(dict.fromkeys([one.words for one in instruments])) or named[0]
        order = [*ComposeSettings.model_fields]
        checked = ComposeSettings.check(values).model_dump(include=set(values))
        return {name: checked[name] for name in sorted(values, key=order.index)}, words

    def _chosen(self, candidates: list[_Candidate]) -> _Candidate:
        """The last that is said outright, else the last that is implied; that others are said, too, is told."""
        said = [one for one in candidates if not one.is_implied] or candidates
        *others, last = said
        for other in others:
            if (other.name, other.value) != (last.name, last.value) and not last.is_implied:
                both = f"{quoted(other.words)} and {quoted(last.words)}"
                self._notices.append(f"{both} do not go together: the latter is taken")
        return last

    def _join_scale(self, values: dict[str, Any], words: dict[str, str]) -> None:
        """A scale that was named without its tonic gets that of the key."""
        scale = values.get("scale", "")
        if not scale[:1].islower():
            return
        tonic = values.get("key", "minor").split()[0]
        if tonic[0].isupper():
            values["scale"] = f"{tonic} {scale}"
            values.pop("key")
            return
        self._notices.append(f"{quoted(words['scale'])} needs the note that it begins on, such as D {scale}")
        values.pop("scale")

    def _instruments(self, candidates: list[_Candidate]) -> list[str]:
        """Those that are to play and are not refused, else those that are not to play."""
        forbidden = {one for name in self._refused for one in instruments_named(name)}
        kept: dict[str, set[tuple[int, bool]]] = {}
        for one in candidates:
            plays = set(instruments_named(one.value))
            if not any(plays <= other for other in kept.values()):
                kept[one.value] = plays
        left = [name for name, plays in kept.items() if plays - forbidden]
        if candidates and not left:
            self._notices.append(f"{' and '.join(kept)} cannot both play and not play")
            return []
        playing: set[tuple[int, bool]] = set().union(*(kept[name] for name in left))
        needed = [name for name in dict.fromkeys(self._refused) if not left or playing & {*instruments_named(name)}]
        return [*left, *(f"{NO} {name}" for name in needed)]


def _opposite(meaning: Meaning, denied: Denied) -> Meaning | None:
    """What "not" makes of a meaning; None where that says nothing."""
    value = meaning.values[0]
    if meaning.name in ("pace", "faster"):
        return replace(meaning, values=("1.0" if denied == Denied.EXCESS else f"{1 / float(value):.3g}",))
    if denied == Denied.EXCESS and meaning.name in ("density", "polyphony"):
        return replace(meaning, values=("medium",))
    opposite = table()["opposites"].get(value)
    return replace(meaning, values=(opposite,)) if opposite else None


def _join_key(values: dict[str, Any], words: dict[str, str]) -> None:
    """Tonic and mode become a key."""
    parts = [name for name in ("tonic", "mode") if name in values]
    if parts:
        values["key"] = " ".join(values.pop(name) for name in parts)
        words["key"] = " ".join(dict.fromkeys(words.pop(name) for name in parts))
