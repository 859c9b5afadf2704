"""What words ask for: the table in `vocabulary.toml`, and what one model has learnt. Knows nothing of sentences."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

from melodyforge.asking.text import Text
from melodyforge.bundle import Model
from melodyforge.music.instruments import INSTRUMENTS

VOCABULARY_FILE = Path(__file__).with_name("vocabulary.toml")
FAMILIES_BY_NAME = ("piano", "organ", "guitar", "bass", "strings", "brass")  # names of others mean something else
FEWEST_LETTERS = 5  # of a word that may be misspelt
FEWEST_OF_STYLE = 4  # letters of a word that stands for the one style in whose name it is
Phrase = tuple[str, ...]


@dataclass(frozen=True)
class Meaning:
    """What a phrase asks for.

    Attributes:
        name: of a setting; or tonic, mode, faster (a factor on the tempo) or pace (a factor on the usual tempo).
        values: of which the first that a model can be asked for is meant; of instruments all.
        is_implied: whether a word that says it outright takes its place.
    """

    name: str
    values: tuple[str, ...]
    is_implied: bool = False


class Vocabulary:
    """What a model can be asked for in words."""

    def __init__(self, meanings: Mapping[Phrase, list[Meaning]]) -> None:
        self._meanings = meanings
        self.longest = max(map(len, meanings))
        self._single = [phrase[0] for phrase in meanings if len(phrase) == 1 and len(phrase[0]) >= FEWEST_LETTERS]

    def meanings(self, phrase: Phrase) -> list[Meaning]:
        """What a phrase asks for; nothing where it is not known."""
        return self._meanings.get(phrase, [])

    def corrected(self, word: str) -> str | None:
        """The known word that a word was probably meant to be, as `plain` gives it; None if it is like none."""
        if len(word) < FEWEST_LETTERS or (word,) in words_of("ordinary", "words"):
            return None
        return next((one for one in self._single if _is_slip(word, one)), None)


def _is_slip(written: str, meant: str) -> bool:
    """Whether one letter is another, missing or too many, or two are swapped; first letters are hardly ever wrong."""
    num_alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(written, meant, strict=False)))
    left, right = written[num_alike:], meant[num_alike:]
    is_one_off = left[1:] == right[1:] or left == right[1:] or left[1:] == right
    return num_alike > 0 and (is_one_off or left == right[1::-1] + right[2:])


def vocabulary_of(model: Model) -> Vocabulary:
    """The table, with the names of the model's own styles and instruments."""
    meanings: dict[Phrase, list[Meaning]] = defaultdict(list)
    for phrase, meaning in [*_of_table(), *_of_instruments(), *_of_styles(_styles(model))]:
        if meaning not in meanings[phrase]:
            meanings[phrase].append(meaning)
    return Vocabulary(dict(meanings))


@cache
def table() -> dict[str, dict[str, Any]]:
    """`vocabulary.toml` as it is."""
    return tomllib.loads(VOCABULARY_FILE.read_text(encoding="utf-8"))


def phrases(text: str) -> list[Phrase]:
    """Phrases with commas between them, as they are compared."""
    return [tuple(word.plain for word in Text(one).words) for one in text.split(",")]


@cache
def words_of(section: str, name: str) -> frozenset[Phrase]:
    """The phrases of a line of the table."""
    return frozenset(phrases(table()[section][name]))


@cache
def numbers() -> dict[str, str]:
    """Numbers by their words, such as "2" by "two"."""
    return {" ".join(phrase): number for number, words in table()["numbers"].items() for phrase in phrases(words)}


def _of_table() -> Iterable[tuple[Phrase, Meaning]]:
    no_settings = ("kinds", "opposites", "modifiers", "numbers", "filler", "ordinary")
    for name, lines in table().items():
        for value, words in lines.items() if name not in no_settings else ():
            meaning = Meaning("pace" if name == "tempo" else name, (value,))
            yield from ((phrase, meaning) for phrase in phrases(words))
    instruments = {phrase for phrase, _ in _of_instruments()}
    for style in table()["style"]:
        yield from ((phrase, Meaning("style", (style,))) for phrase in phrases(style) if phrase not in instruments)
    for words, settings in table()["kinds"].items():
        for name, values in settings.items():
            meaning = Meaning("pace" if name == "tempo" else name, tuple(values.split(", ")), is_implied=True)
            yield from ((phrase, meaning) for phrase in phrases(words))


def _of_instruments() -> Iterable[tuple[Phrase, Meaning]]:
    names = [*(one.name for one in INSTRUMENTS), *FAMILIES_BY_NAME, *table()["instruments"]]
    for name in dict.fromkeys(names):
        yield from ((phrase, Meaning("instruments", (name,))) for phrase in phrases(name))


def _of_styles(styles: list[str]) -> Iterable[tuple[Phrase, Meaning]]:
    """Names of styles, and words that are in one of them only; what is an instrument as well is meant as one."""
    known = {phrase for phrase, _ in [*_of_table(), *_of_instruments()]}
    instruments = {phrase for phrase, _ in _of_instruments()}
    holders: dict[str, list[str]] = defaultdict(list)
    for style in styles:
        phrase = tuple(word.plain for word in Text(style.replace("_", " ")).words)
        if phrase and phrase not in instruments:
            yield phrase, Meaning("style", (style,))
        for word in set(phrase):
            holders[word].append(style)
    filler = words_of("filler", "words")
    for word, of_word in holders.items():
        if len(of_word) == 1 and len(word) >= FEWEST_OF_STYLE and (word,) not in filler | known:
            yield (word,), Meaning("style", tuple(of_word))


def _styles(model: Model) -> list[str]:
    controls = model.representation.controls
    return controls.styles if controls and "style" in controls.wishes else []
