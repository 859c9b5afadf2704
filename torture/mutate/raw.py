"""What any file can suffer, whatever it holds: flipped bits, cuts, splices, repeats."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

MAX_BYTES = 200_000  # of a mutant, so that many can be tried; how large files are refused is tested elsewhere
EDGES = (0x00, 0x01, 0x7F, 0x80, 0xC0, 0xFE, 0xFF)  # where bytes change their meaning


def spoiled(data: bytes, rng: Random) -> bytes:
    """The bytes after one to four accidents."""
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        data = rng.choice(ACCIDENTS)(data, rng)[:MAX_BYTES]
    return data


def _flipped(data: bytes, rng: Random) -> bytes:
    spoilt = bytearray(data)
    for _ in range(min(len(data), rng.choice([1, 1, 2, 8, 64]))):
        spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
    return bytes(spoilt)


def _set(data: bytes, rng: Random) -> bytes:
    spoilt = bytearray(data)
    for _ in range(min(len(data), rng.choice([1, 2, 4]))):
        spoilt[rng.randrange(len(spoilt))] = rng.choice(EDGES)
    return bytes(spoilt)


def _cut(data: bytes, rng: Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _cut_out(data: bytes, rng: Random) -> bytes:
    first, last = _stretch(data, rng)
    return data[:first] + data[last:]


def _repeated(data: bytes, rng: Random) -> bytes:
    first, last = _stretch(data, rng)
    return data[:first] + data[first:last] * rng.choice([2, 2, 3, 50, 1000]) + data[last:]


def _moved(data: bytes, rng: Random) -> bytes:
    first, last = _stretch(data, rng)
    rest = data[:first] + data[last:]
    place = rng.randrange(len(rest) + 1)
    return rest[:place] + data[first:last] + rest[place:]


def _filled(data: bytes, rng: Random) -> bytes:
    first, last = _stretch(data, rng)
    return data[:first] + rng.randbytes(last - first) + data[last:]


def _stretch(data: bytes, rng: Random) -> tuple[int, int]:
    """The ends of a stretch, short most often."""
    first = rng.randrange(len(data) + 1)
    return first, min(len(data), first + rng.choice([1, 2, 4, 8, 16, 64, 256]))


ACCIDENTS: tuple[Callable[[bytes, Random], bytes], ...] = (
    *(_flipped, _set, _cut, _cut_out, _repeated, _moved, _filled),
)
