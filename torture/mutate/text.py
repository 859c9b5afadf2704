"""Mutants of music written as text, ABC and kern: knows lines, fields and tokens."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from torture.mutate.raw import spoiled
from torture.mutate.values import number, word

MAX_LETTERS = 12_000  # of one tune: music21 needs as many seconds as there are thousands of bars, squared
ABC_STRANGE = (
    *("M:{}/{}", "M:{}", "L:{}/{}", "Q:{}", "Q:1/{}={}", "K:{}", "K:C clef={} transpose={}", "V:{}", "V:1 octave={}"),
    *("P:(A{}B)4", "I:MIDI program {}", "%%MIDI program {}", "m: ~n2 = {}", "U: T = {}", "w: {}", "X:{}", "T:{}"),
    *("[M:{}/{}]", "[Q:{}]", "[K:{}]", "({}", "({}:{}:{}", "|:", ":|", "|{}", "[{}", ":|2", "::::", "[1-{}", "C{}"),
    *(
        "C/{}",
        "z{}",
        "Z{}",
        "x{}",
        "[CEG]{}",
        "[",
        "]",
        "{{{}}}",
        '"{}"',
        "!{}!",
        "+{}+",
        "^^^C",
        "__c''''''''",
        "C,,,,,,,,",
    ),
    *(
        "C>>>>D",
        "C-",
        "-",
        "(",
        ")",
        "y{}",
        "$",
        "\\",
        "&",
        "&&&",
        "s:{}",
        "r:{}",
        "d:{}",
        "%abc-{}",
        "[I:{}]",
        "[r:{}]",
    ),
)
KERN_STRANGE = (
    *(
        "*M{}/{}",
        "*MM{}",
        "*k[f#c#{}]",
        "*k[]",
        "*{}:",
        "*clefG{}",
        "*staff{}",
        "*I{}",
        "*Trd{}c{}",
        "*ITrd{}c{}",
        "*^",
        "*v",
    ),
    *("*+", "*-", "*x", "**kern", "**dynam", "**{}", "*>[A,A,{}]", "*>A", "*>{}", "*tuplet", "*8va", "*grp:{}", "="),
    *("={}", "=:|!", "=|!:", "==", "!{}", "!!!OTL: {}", "!!{}", "{}c", "{}%{}c", "{}.c", "{}......c", "{}cc##", "{}r"),
    *(
        "4c 4e 4g {}B",
        "[4c",
        "4c]",
        "_4c",
        "{{4c",
        "4c}}",
        "qc",
        "{}qqc",
        "xc",
        "4",
        "c",
        ".",
        "",
        "\t",
        "4c\t4d",
        "0c",
    ),
)


def abc_mutant(seed: bytes, rng: Random) -> bytes:
    """An ABC tune with a few things wrong."""
    return _mutant(seed, rng, ABC_STRANGE, " ")


def kern_mutant(seed: bytes, rng: Random) -> bytes:
    """A kern score with a few things wrong."""
    return _mutant(seed, rng, KERN_STRANGE, "\t")


def _mutant(seed: bytes, rng: Random, strange: tuple[str, ...], gap: str) -> bytes:
    if rng.random() < 0.15:
        return spoiled(seed, rng)[:MAX_LETTERS]
    text = seed.decode("utf-8", "replace")
    for _ in range(rng.choice([1, 1, 2, 3, 6])):
        is_strange = rng.random() < 0.4
        text = _with_strange(text, rng, strange, gap) if is_strange else rng.choice(CHANGES)(text, rng)
    data = text[:MAX_LETTERS].encode("utf-16" if rng.random() < 0.02 else "utf-8", "surrogatepass")
    return spoiled(data, rng)[:MAX_LETTERS] if rng.random() < 0.1 else data


def _with_strange(text: str, rng: Random, strange: tuple[str, ...], gap: str) -> str:
    """With something that composers of strange scores write, as a line, in place of one, or inside one."""
    form = rng.choice(strange)
    value = word(rng) if rng.random() < 0.1 else number(rng)
    token = form.format(*[value if rng.random() < 0.5 else number(rng) for _ in range(9)])
    lines = text.split("\n")
    index = rng.randrange(len(lines))
    how = rng.randrange(4)
    if how == 0:
        lines.insert(index, token)
    elif how == 1:
        lines[index] = token
    else:
        parts = lines[index].split(gap)
        parts[rng.randrange(len(parts))] = token
        lines[index] = gap.join(parts)
    return "\n".join(lines)


def _change_number(text: str, rng: Random) -> str:
    found = list(re.finditer(r"\d+", text))
    if not found:
        return text + number(rng)
    match = rng.choice(found)
    return text[: match.start()] + number(rng) + text[match.end() :]


def _drop_line(text: str, rng: Random) -> str:
    lines = text.split("\n")
    del lines[rng.randrange(len(lines))]
    return "\n".join(lines)


def _repeat_line(text: str, rng: Random) -> str:
    lines = text.split("\n")
    index = rng.randrange(len(lines))
    lines[index:index] = lines[index : index + rng.choice([1, 1, 4])] * rng.choice([1, 2, 10, 60])
    return "\n".join(lines)


def _swap_lines(text: str, rng: Random) -> str:
    lines = text.split("\n")
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return "\n".join(lines)


def _change_letter(text: str, rng: Random) -> str:
    place = rng.randrange(len(text) + 1)
    return text[:place] + rng.choice("[](){}|:!\"'^_=/\\<>-~%&*+.,zZxXcC0\t \n") + text[place + rng.randrange(2) :]


def _repeat_letter(text: str, rng: Random) -> str:
    place = rng.randrange(len(text) + 1)
    return text[:place] + text[place : place + 1] * rng.choice([2, 10, 300, 3000]) + text[place:]


CHANGES: tuple[Callable[[str, Random], str], ...] = (
    *(_change_number, _change_number, _drop_line, _repeat_line, _swap_lines, _change_letter, _repeat_letter),
)
