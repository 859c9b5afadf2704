"""Text as words: how they are told apart and compared, and where in them a pattern stands. Knows no music."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

# Numbers and meters, chords and pitches with their signs, words, and any other sign by itself.
_WORD = re.compile(
    r"[0-9]+/[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+(?:\.[0-9]+)?"
    r"|[A-Ga-g][#♯♭][\w#♯♭]*(?:/[A-Ga-g][#♯♭]?)?|[A-G]\w{0,6}/[A-G][#♯♭b]?"
    r"|[^\W\d_]+[0-9]*(?:['’][^\W\d_]+)*|[^\w\s]"
)
_SILENT = frozenset("-–—_\"'`´‘’“”*~\ufe0f\u200d")  # stand between words without telling them apart
BREAKS = frozenset(",.;:!?()[]")


def plain(text: str) -> str:
    """Text as it is compared: without accents, in small letters."""
    spread = unicodedata.normalize("NFKD", text.replace("’", "'"))
    return "".join(one for one in spread if not unicodedata.combining(one)).casefold()


@dataclass(frozen=True)
class Word:
    """A word, or a sign.

    Attributes:
        text: as it was written.
        plain: as it is compared.
    """

    text: str
    plain: str


class Text:
    """The words of a text, of which some have been read.

    Attributes:
        words: in their order.
        is_read: for each word whether it has been.
    """

    def __init__(self, text: str) -> None:
        found = [one for one in _WORD.findall(text) if one not in _SILENT and unicodedata.category(one[0]) != "Mn"]
        self.words = [Word(one, plain(one)) for one in found]
        self.is_read = [False] * len(self.words)
        self.is_loud = text.isupper()  # then capitals tell nothing

    def matches(self, pattern: str) -> Iterator[tuple[range, re.Match[str]]]:
        """Where a pattern stands in words that have not been read, in small letters with one blank between them."""
        shown = ["\0" if is_read else word.plain for word, is_read in zip(self.words, self.is_read, strict=True)]
        starts, position = [], 0
        for one in shown:
            starts.append(position)
            position += len(one) + 1
        for found in re.finditer(rf"(?<!\S)(?:{pattern})(?!\S)", " ".join(shown)):
            first, last = (bisect_right(starts, place) - 1 for place in (found.start(), found.end() - 1))
            yield range(first, last + 1), found

    def read(self, span: range) -> None:
        """Takes note that words have been read."""
        for index in span:
            self.is_read[index] = True

    def written(self, span: range) -> str:
        """Some words as they were written."""
        return " ".join(self.words[index].text for index in span)

    def is_capital(self, index: int) -> bool:
        """Whether a word begins with a capital letter that means something."""
        return self.words[index].text[:1].isupper() and not self.is_loud

    def unread(self) -> list[str]:
        """What has not been read, as it was written: words that follow one another together; no bare punctuation."""
        parts: list[list[str]] = [[]]
        for word, is_read in zip(self.words, self.is_read, strict=True):
            if is_read or word.plain in BREAKS:
                parts.append([])
            else:
                parts[-1].append(word.text)
        return [" ".join(part) for part in parts if part]
