"""Mutants of recipes: knows TOML and, from the settings' own declarations, which values each one takes."""

from __future__ import annotations

import json
import math
from random import Random
from typing import Any

from melodyforge.recipe import Recipe
from melodyforge.settings import Section, bounds
from torture.mutate.raw import spoiled
from torture.mutate.values import anything, word

SECTIONS: dict[str, type[Section]] = {
    name: field.annotation
    for name, field in Recipe.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}
BROKEN_LINES = (
    "=",
    "[",
    "[[training]]",
    "a = ",
    "a.b.c = 1",
    "a = 1979-05-27",
    'a = "',
    "a = '''",
    "[training.a]",
    "\x00",
)


def mutant(seed: bytes, rng: Random) -> bytes:
    """A recipe with a few things wrong."""
    if rng.random() < 0.15:
        return spoiled(seed, rng)
    lines = seed.decode("utf-8").splitlines()
    for _ in range(rng.choice([1, 1, 2, 4])):
        what = rng.randrange(6)
        if what <= 3:
            lines = _with_value(lines, rng)
        elif what == 4:
            lines.insert(
                rng.randrange(len(lines) + 1), rng.choice([*BROKEN_LINES, f"{word(rng)[:90]} = 1", "a = " + "[" * 3000])
            )
        else:
            index = rng.randrange(len(lines))
            lines[index : index + 1] = [lines[index]] * rng.choice([0, 2])
    return "\n".join(lines).encode("utf-8", "replace")


def _with_value(lines: list[str], rng: Random) -> list[str]:
    """With another value for some setting, at the edge of what it takes or beyond."""
    section = rng.choice(list(SECTIONS))
    name = rng.choice(list(SECTIONS[section].model_fields))
    known = bounds(SECTIONS[section], name)
    edges = [edge + step for edge in (known.low, known.high) if edge is not None for step in (-1, 0, 1)]
    value = rng.choice(edges) if edges and rng.random() < 0.6 else anything(rng)
    kept = [line for line in lines if not line.startswith(f"{name} =")]
    heading = f"[{section}]"
    if heading not in kept:
        kept.append(heading)
    kept.insert(kept.index(heading) + 1, f"{name} = {_toml(value)}")
    return kept


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items()) + "}"
    return '""' if value is None else json.dumps(value)
