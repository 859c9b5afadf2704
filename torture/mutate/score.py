"""Mutants of compressed MusicXML: of the score, of the container that names it, and of the archive around both."""

from __future__ import annotations

from random import Random

from torture.mutate import archive, xml
from torture.mutate.values import word

CONTAINER = "META-INF/container.xml"
ROOTFILE = '<container><rootfiles><rootfile full-path="{}"/></rootfiles></container>'


def mutant(seed: bytes, rng: Random) -> bytes:
    """An .mxl around a score."""
    score = xml.mutant(seed, rng) if rng.random() < 0.7 else seed
    name = word(rng)[:100] if rng.random() < 0.1 else "score.xml"
    container = ROOTFILE.format(name).encode("utf-8", "replace")
    if rng.random() < 0.1:
        container = xml.mutant(ROOTFILE.format("score.xml").encode(), rng)
    return archive.mutant([(CONTAINER, container), ("score.xml", score)], rng, share_whole=0.6)
