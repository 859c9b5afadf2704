"""Finds the same music under other names: re-encoded, in another tempo, transposed.

Knows melodic fingerprints, MinHash (Broder 1997) and locality-sensitive hashing (Leskovec
et al., Mining of Massive Datasets, ch. 3). Does not know files. The work grows in
proportion to the number of pieces, never with its square.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from melodyforge.hashing import hash_stretches, spread
from melodyforge.music.piece import Piece

# A fingerprint is the set of all runs of 7 intervals in the top line and in the bottom line. Two tunes that have
# nothing to do with each other share almost none: over all pairs the 99.9th percentile of the Jaccard similarity is
# 0.02 on Nottingham, 0.02 on the Bach chorales, 0.01 on piano-midi.de. From 0.2 on, the pairs in Nottingham and the
# chorales are versions of one tune; from 0.8 on, nothing but the key, repeats or a few notes differ.
NUM_INTERVALS = 7
MIN_FINGERPRINT = 12  # fewer distinct runs say too little; such pieces must be equal note for note
DUPLICATE_SIMILARITY = 0.8
FAMILY_SIMILARITY = 0.2

# 48 bands of 2 hashes propose a pair of similarity 0.2 with probability 0.86, of 0.3 with 0.99.
NUM_BANDS = 48
HASHES_PER_BAND = 2
NUM_HASHES = NUM_BANDS * HASHES_PER_BAND
PROPOSAL_SIMILARITY = 0.12  # estimates stray by 0.04 (standard deviation at 0.2): two below FAMILY_SIMILARITY

_TOP_LINE, _BOTTOM_LINE, _WHOLE_PIECE = 1, 2, 3  # tell apart hashes of different kinds
_BLOCK = 4096  # fingerprint entries hashed at once: bounds memory to 3 MB
_MULTIPLIERS = np.random.default_rng(0x5EED).integers(0, 2**63, (NUM_HASHES, 1), dtype=np.uint64) * 2 + np.uint64(1)


@dataclass(frozen=True)
class Relations:
    """How pieces relate.

    Attributes:
        duplicate_of: the piece that each is a duplicate of, -1 for none; int64, shape (num_pieces,).
        families: equal numbers for pieces that resemble each other; int64, shape (num_pieces,).
    """

    duplicate_of: np.ndarray
    families: np.ndarray


def compute_fingerprint(piece: Piece) -> np.ndarray:
    """What stays of a piece in any key, tempo and encoding.

    Returns:
        Distinct hashes in ascending order, uint64, shape (n,), n >= 1.
    """
    notes = piece.pitched_notes
    order = np.lexsort((notes["pitch"], notes["onset"]))
    onset, pitch = notes["onset"][order], notes["pitch"][order].astype(np.int64)
    is_new = np.ones(len(onset) + 1, bool)
    is_new[1:-1] = onset[1:] != onset[:-1]
    runs = np.concatenate([_hash_runs(pitch[is_new[1:]], _TOP_LINE), _hash_runs(pitch[is_new[:-1]], _BOTTOM_LINE)])
    fingerprint = np.unique(runs)
    return fingerprint if len(fingerprint) >= MIN_FINGERPRINT else _hash_all_notes(piece)


def _hash_runs(pitch: np.ndarray, kind: int) -> np.ndarray:
    """A hash for each run of intervals in a line of pitches, uint64."""
    intervals = (np.diff(pitch) + 128).astype(np.uint64)
    return spread(hash_stretches(intervals, NUM_INTERVALS, kind))


def _hash_all_notes(piece: Piece) -> np.ndarray:
    """One hash of every onset, duration and pitch, uint64, shape (1,)."""
    values = np.concatenate([piece.notes[field].astype(np.uint64) for field in ("onset", "duration", "pitch")])
    places = spread(np.arange(len(values), dtype=np.uint64) + np.uint64(_WHOLE_PIECE))
    return spread(np.array([np.bitwise_xor.reduce(spread(values + places))], np.uint64))


def compute_signature(fingerprint: np.ndarray) -> np.ndarray:
    """MinHash: two signatures agree in a share of places that estimates the Jaccard similarity.

    Args:
        fingerprint: uint64, shape (n,), n >= 1.

    Returns:
        uint32, shape (NUM_HASHES,).
    """
    signature = np.full(NUM_HASHES, np.iinfo(np.uint64).max, np.uint64)
    for start in range(0, len(fingerprint), _BLOCK):
        hashes = _MULTIPLIERS * fingerprint[start : start + _BLOCK]
        np.minimum(signature, hashes.min(axis=1), out=signature)
    return (signature >> np.uint64(32)).astype(np.uint32)


def measure_similarity(fingerprint: np.ndarray, other: np.ndarray) -> float:
    """Jaccard similarity of two fingerprints, 0 to 1."""
    num_shared = len(np.intersect1d(fingerprint, other, assume_unique=True))
    return num_shared / (len(fingerprint) + len(other) - num_shared)


def find_relations(signatures: np.ndarray, fingerprint_of: Callable[[int], np.ndarray]) -> Relations:
    """Finds duplicates and families.

    Args:
        signatures: uint32, shape (num_pieces, NUM_HASHES).
        fingerprint_of: gives the fingerprint of a piece by its number; asked only for likely pairs.

    Returns:
        Of equal pieces the first is the one that the others are duplicates of.
    """
    duplicate_of = np.full(len(signatures), -1)
    families = np.arange(len(signatures))
    for earlier, later in _propose_pairs(signatures).tolist():
        fingerprint = fingerprint_of(later)
        similarity = measure_similarity(fingerprint_of(earlier), fingerprint)
        if similarity >= FAMILY_SIMILARITY:
            _unite(families, earlier, later)
        if similarity >= DUPLICATE_SIMILARITY and duplicate_of[later] < 0:
            original = earlier if duplicate_of[earlier] < 0 else int(duplicate_of[earlier])
            is_alike = measure_similarity(fingerprint_of(original), fingerprint) >= DUPLICATE_SIMILARITY
            duplicate_of[later] = original if is_alike else -1
    return Relations(duplicate_of, np.array([_root(families, index) for index in range(len(families))], np.int64))


def _propose_pairs(signatures: np.ndarray) -> np.ndarray:
    """Pairs that are likely to be similar: int64, shape (num_pairs, 2), by the later piece, then the earlier."""
    num_pieces = len(signatures)
    codes = np.zeros(0, np.int64)
    for band in range(NUM_BANDS):
        columns = signatures[:, band * HASHES_PER_BAND : (band + 1) * HASHES_PER_BAND].astype(np.uint64)
        pairs = _pair_equals(columns[:, 0] << np.uint64(32) | columns[:, 1])
        codes = np.union1d(codes, pairs[:, 1] * num_pieces + pairs[:, 0])
    later, earlier = np.divmod(codes, max(1, num_pieces))
    starts = range(0, len(codes), _BLOCK)
    parts = [slice(start, start + _BLOCK) for start in starts]
    estimates = [(signatures[earlier[part]] == signatures[later[part]]).mean(axis=1) for part in parts]
    is_likely = np.concatenate([np.zeros(0), *estimates]) >= PROPOSAL_SIMILARITY
    return np.stack([earlier, later], axis=1)[is_likely]


def _pair_equals(keys: np.ndarray) -> np.ndarray:
    """Pairs each position with the first and with the previous one of an equal key.

    So a thousand equal keys give two thousand pairs, not half a million.

    Args:
        keys: uint64, shape (n,).

    Returns:
        int64, shape (num_pairs, 2), each pair in ascending order.
    """
    order = np.argsort(keys, kind="stable")
    is_first = np.ones(len(keys), bool)
    is_first[1:] = keys[order[1:]] != keys[order[:-1]]
    first = order[np.maximum.accumulate(np.where(is_first, np.arange(len(keys)), 0))]
    members = np.flatnonzero(~is_first)
    with_first = np.stack([first[members], order[members]], axis=1)
    with_previous = np.stack([order[members - 1], order[members]], axis=1)
    return np.concatenate([with_first, with_previous])


def _unite(families: np.ndarray, one: int, other: int) -> None:
    """Makes two families one, numbered by its first piece."""
    roots = sorted((_root(families, one), _root(families, other)))
    families[roots[1]] = roots[0]


def _root(families: np.ndarray, index: int) -> int:
    """The piece that numbers the family of `index`; shortens the way to it."""
    while families[index] != index:
        families[index] = families[families[index]]
        index = int(families[index])
    return index
