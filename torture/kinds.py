"""Every kind of input: its seeds, its mutator, the door that it comes in by, and how many are tried."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from melodyforge.music.load import READ_SECONDS
from torture import doors, seeds
from torture.mutate import address, archive, midi, model, recipe, score, text, xml
from torture.tiny_models import tiny_models

LONG_MINUTES = 60  # of the long form, in which 200,000 MIDI files and 20,000 of each other kind are tried at least


@dataclass(frozen=True)
class Kind:
    """A kind of input.

    Attributes:
        name: for people and the command line.
        suffix: of its files.
        seeds: valid inputs.
        mutate: a seed, with something wrong.
        door: where such files come in.
        num_in_long: how many are tried in the long form.
        num_at_once: mutants that a process is told to try at once.
        seconds: that the door gives to a file that somebody waits for.
        num_processes: that try them.
    """

    name: str
    suffix: str
    seeds: Callable[[], list[Any]]
    mutate: Callable[[Any, Random], bytes]
    door: Callable[[Path, Random], None]
    num_in_long: int = 20_000
    num_at_once: int = 8
    seconds: float = READ_SECONDS
    num_processes: int = os.cpu_count() or 1

    def mutant(self, seed: int, index: int, files: Path | None = None) -> bytes:
        """Mutant number `index` of those that belong to `seed`; a fifth of them are made from real files."""
        rng = self.generator(seed, index)
        found = _real(files, self.suffix) if rng.random() < 0.2 else []
        return self.mutate(rng.choice(found or self.seeds()), rng)

    def generator(self, seed: int, index: int, purpose: str = "") -> Random:
        """Decides all that is left to chance about a mutant."""
        return Random(f"{seed} {self.name} {index} {purpose}")


@cache
def _real(files: Path | None, suffix: str) -> list[bytes]:
    return seeds.real(files, suffix)


def _upload(seed: bytes, rng: Random) -> bytes:
    members = [("a.mid", midi.mutant(seed, rng)), ("b/c.mid", seed), ("d.abc", seeds.abc()[0])]
    return archive.mutant(members, rng, share_whole=0.1)


KINDS = {
    kind.name: kind
    for kind in (
        Kind("midi", ".mid", seeds.midi, midi.mutant, doors.music, 200_000, 64),
        Kind("musicxml", ".musicxml", seeds.musicxml, xml.mutant, doors.music),
        Kind("mxl", ".mxl", seeds.musicxml, score.mutant, doors.music),
        Kind("abc", ".abc", seeds.abc, text.abc_mutant, doors.music),
        Kind("kern", ".krn", seeds.kern, text.kern_mutant, doors.music),
        Kind("upload", ".zip", seeds.midi, _upload, doors.upload),
        Kind("model", ".zip", tiny_models, model.mutant, doors.model),
        Kind("recipe", ".toml", seeds.recipe, recipe.mutant, doors.recipe),
        Kind("address", ".txt", lambda: [b""], address.mutant, doors.address),
    )
}
