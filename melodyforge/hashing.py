"""Hashes of whole numbers, modulo 2**64: products and sums of uint64 that run over are meant to. Knows numbers only.

Fingerprints of datasets are kept in files: what a hash gives must stay as it is.
"""

from __future__ import annotations

import numpy as np

# 2**64 divided by the golden ratio. It is odd, so that multiplying by it loses nothing, and its bits are irregular.
MULTIPLIER = 0x9E3779B97F4A7C15
MODULUS = 2**64

# The odd constants of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
_MIX_1, _MIX_2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def spread(values: np.ndarray) -> np.ndarray:
    """Spreads every bit over all bits, as SplitMix64 does in the end; uint64, any shape."""
    values = (values ^ (values >> np.uint64(30))) * _MIX_1
    values = (values ^ (values >> np.uint64(27))) * _MIX_2
    return values ^ (values >> np.uint64(31))


def take_in(hashes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Takes one more value into each hash; order matters. uint64, shapes alike."""
    return spread(((hashes + MULTIPLIER) * _MIX_1) ^ (values * _MIX_2))


def hash_stretches(values: np.ndarray, length: int, start: int = 0) -> np.ndarray:
    """A hash for every stretch of `length` values that stand side by side.

    Args:
        values: uint64, shape (num_values,).
        length: >= 1.
        start: tells apart stretches of different kinds.

    Returns:
        uint64, shape (num_values - length + 1,); empty where there are fewer values.
    """
    num_stretches = max(0, len(values) - length + 1)
    hashes = np.full(num_stretches, start, np.uint64)
    for offset in range(length):
        hashes = hashes * MULTIPLIER + values[offset : offset + num_stretches]
    return hashes
