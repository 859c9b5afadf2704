"""Mutants of the studio's address: knows the keys of the panel on which music is asked for."""

from __future__ import annotations

from random import Random
from urllib.parse import urlencode

from torture.mutate.values import number, word

# What the panel keeps in the address, and a value that it would itself write there.
KEYS = {
    **{"model": "tiny", "unit": "notes", "notes": "40", "bars": "8", "seconds": "30", "style": "folk", "tonic": "D"},
    **{"mode": "minor", "tempo": "90", "meter": "3/4", "mood": "sad", "density": "dense", "polyphony": "thin"},
    **{
        "instruments": "violin",
        "temperature": "0.9",
        "top_p": "0.95",
        "top_k": "5",
        "guidance": "2",
        "takes": "2",
        "seed": "7",
    },
}
OTHER_KEYS = (
    "compose",
    "primer_way",
    "primer_file",
    "shown",
    "visitor",
    "stage",
    "Notes",
    "",
    "a[]",
    "notes.x",
    "embed",
)


def mutant(seed: bytes, rng: Random) -> bytes:
    """A query string, behind the seed."""
    pairs = []
    for _ in range(rng.choice([1, 2, 3, 6, 12, 40])):
        key = rng.choice(list(KEYS)) if rng.random() < 0.9 else rng.choice(OTHER_KEYS)
        how = rng.random()
        good = KEYS.get(key, "x")
        value = good if how < 0.4 else number(rng) if how < 0.7 else word(rng)[:2000] if how < 0.9 else good + good[:1]
        pairs.append((key, value))
    return seed + urlencode(pairs, errors="replace").encode()
