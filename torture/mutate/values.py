"""Values that programs trip over, wherever a number, a word or a name is expected."""

from __future__ import annotations

from random import Random

NUMBERS = (
    *("0", "-0", "1", "-1", "2", "0.5", "-0.5", "1e-9", "1/3", "1/0", "0/0", "4/0", "1e9", "1e308", "1e999"),
    *("127", "128", "255", "256", "4096", "32767", "32768", "65535", "65536", "1000000", "16777216"),
    *("2147483647", "2147483648", "-2147483648", "4294967296", "9223372036854775807", "18446744073709551616"),
    *("9" * 40, "9" * 5000, "NaN", "nan", "inf", "-Infinity", "0x10", "1_000", "1,5", "١٢", "²", "+1", " 7 ", "1.0.0"),
)
WORDS = (
    *(
        "",
        " ",
        "\t",
        "\x00",
        "\x7f",
        "é",
        "𝄞",
        "\ud7ff",
        "\ufeff",
        "\u202e",
        "null",
        "None",
        "true",
        "[]",
        "{}",
        "%s%n",
    ),
    *("../../../../tmp/out", "/etc/passwd", "~", "C:\\x", "file:///etc/passwd", "http://127.0.0.1:1/", "<b>", "'\";--"),
    *("A" * 300, "A" * 70_000, "$(touch out)", "=1+1", "con.mid", ".", "..", "-h", "*", "\\", "a\nb"),
)
INTEGERS = (0, 1, -1, 2, 7, 127, 128, 255, 256, 4096, 65_535, 65_536, 2**24, 2**31 - 1, 2**31, 2**32, 2**63, 10**40)


def number(rng: Random) -> str:
    """A number as text, most often one that is out of place."""
    return rng.choice(NUMBERS) if rng.random() < 0.8 else str(rng.randint(-20, 300))


def word(rng: Random) -> str:
    """A text that is out of place."""
    return rng.choice(WORDS)


def anything(rng: Random, depth: int = 0) -> object:
    """A value of any type that JSON and TOML know."""
    kind = rng.randrange(8)
    if kind == 0:
        return rng.choice(INTEGERS)
    if kind == 1:
        return rng.choice([0.0, -0.5, 1e-300, 1e300, float("nan"), float("inf")])
    if kind == 2:
        return rng.random() < 0.5
    if kind == 3:
        return number(rng)
    if kind == 4 and depth < 3:
        return [anything(rng, depth + 1) for _ in range(rng.choice([0, 1, 3, 20]))]
    if kind == 5 and depth < 3:
        return {word(rng)[:50]: anything(rng, depth + 1) for _ in range(rng.choice([0, 1, 3]))}
    if kind == 6:
        return None
    return word(rng)


def replaced(tree: object, rng: Random) -> object:
    """A tree of dicts and lists in which one place was changed, dropped, doubled or filled with something else."""
    if not isinstance(tree, dict | list) or not tree or rng.random() < 0.05:
        return anything(rng)
    place = rng.choice(list(tree) if isinstance(tree, dict) else range(len(tree)))
    copy = tree.copy()
    inner = copy[place]  # type: ignore[index]
    what = rng.random()
    if what < 0.7:
        copy[place] = replaced(inner, rng)  # type: ignore[index]
    elif what < 0.8:
        copy.pop(place)  # type: ignore[arg-type]
    elif isinstance(copy, dict):
        copy[word(rng)[:80]] = inner
    else:
        copy.extend([inner] * rng.choice([1, 2, 100]))
    return copy
