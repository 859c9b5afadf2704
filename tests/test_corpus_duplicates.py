"""The same music under other names is found; other music is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from melodyforge.corpus.duplicates import (
    DUPLICATE_SIMILARITY,
    FAMILY_SIMILARITY,
    Relations,
    _pair_equals,
    compute_fingerprint,
    compute_signature,
    find_relations,
    measure_similarity,
)
from melodyforge.music.piece import Piece, Tempo, Track, make_notes

Line = list[tuple[int, int]]  # (duration in steps, pitch)


def compose_line(seed: int, length: int = 120) -> Line:
    random = np.random.default_rng(seed)
    pitches = 60 + np.cumsum(random.integers(-4, 5, length)) % 24
    return list(zip(random.choice([6, 12, 24], length).tolist(), pitches.tolist(), strict=True))


def piece_of(*lines: Line, is_drum: bool = False) -> Piece:
    rows = []
    for track, line in enumerate(lines):
        onset = 0
        for duration, pitch in line:
            rows.append((onset, duration, track, pitch, 64))
            onset += duration
    return Piece(make_notes(rows), tuple(Track(is_drum=is_drum) for _ in lines))


def relate(*pieces: Piece) -> Relations:
    fingerprints = [compute_fingerprint(piece) for piece in pieces]
    signatures = np.stack([compute_signature(fingerprint) for fingerprint in fingerprints])
    return find_relations(signatures, fingerprints.__getitem__)


def similarity(one: Piece, other: Piece) -> float:
    return measure_similarity(compute_fingerprint(one), compute_fingerprint(other))


def test_transposed_and_retimed_copy_is_a_duplicate() -> None:
    line = compose_line(1)
    original = piece_of(line)
    copy = replace(piece_of([(2 * duration, pitch + 5) for duration, pitch in line]), tempos=(Tempo(0, 60.0),))
    assert relate(original, piece_of(compose_line(2)), copy).duplicate_of.tolist() == [-1, -1, 0]


def test_copy_with_a_few_wrong_notes_is_a_duplicate_of_the_first() -> None:
    line = compose_line(1, 400)
    wrong = [(duration, pitch + (index in (100, 300))) for index, (duration, pitch) in enumerate(line)]
    assert relate(piece_of(wrong), piece_of(line)).duplicate_of.tolist() == [-1, 0]


def test_other_tunes_are_strangers() -> None:
    pieces = [piece_of(compose_line(seed)) for seed in range(30)]
    relations = relate(*pieces)
    assert (relations.duplicate_of == -1).all()
    assert len(set(relations.families.tolist())) == 30


def test_same_melody_over_another_bass_is_family_but_kept() -> None:
    melody = [(12, pitch + 24) for _, pitch in compose_line(1, 200)]
    basses = ([(12, pitch - 24) for _, pitch in compose_line(seed, 200)] for seed in (2, 3))
    pieces = [piece_of(melody, bass) for bass in basses]
    assert FAMILY_SIMILARITY <= similarity(*pieces) < DUPLICATE_SIMILARITY
    relations = relate(*pieces)
    assert relations.duplicate_of.tolist() == [-1, -1]
    assert relations.families[0] == relations.families[1]


def test_repeats_written_out_do_not_matter() -> None:
    line = compose_line(1)
    assert similarity(piece_of(line), piece_of(line + line)) > DUPLICATE_SIMILARITY


def test_short_pieces_must_be_equal_note_for_note() -> None:
    short = [(12, 60), (12, 62), (12, 64)]
    transposed = [(duration, pitch + 1) for duration, pitch in short]
    assert relate(piece_of(short), piece_of(transposed), piece_of(short)).duplicate_of.tolist() == [-1, -1, 0]


def test_drum_pieces_must_be_equal_note_for_note() -> None:
    beat = compose_line(1)
    other = [(duration, pitch + 1) for duration, pitch in beat]
    beats = [piece_of(line, is_drum=True) for line in (beat, other, beat)]
    assert relate(*beats).duplicate_of.tolist() == [-1, -1, 0]


def test_duplicate_of_a_duplicate_names_the_first() -> None:
    line = compose_line(1)
    copies = [piece_of([(duration, pitch + key) for duration, pitch in line]) for key in range(4)]
    assert relate(*copies).duplicate_of.tolist() == [-1, 0, 0, 0]


def test_signature_estimates_similarity() -> None:
    random = np.random.default_rng(0)
    hashes = random.integers(0, 2**64, 3000, dtype=np.uint64)
    one, other = np.unique(hashes[:2000]), np.unique(hashes[1000:])
    estimate = (compute_signature(one) == compute_signature(other)).mean()
    assert abs(estimate - measure_similarity(one, other)) < 0.15


def test_many_equal_keys_give_pairs_in_proportion() -> None:
    assert len(_pair_equals(np.zeros(1000, np.uint64))) == 2 * 999
    assert len(_pair_equals(np.arange(1000).astype(np.uint64))) == 0


def test_fingerprints_that_lie_in_datasets_stay_as_they_are():
    notes = make_notes([(24 * index, 24, 0, 60 + index * index % 7, 80) for index in range(40)])
    melody, signal = (compute_fingerprint(Piece(part)) for part in (notes, notes[:5]))
    assert (len(melody), melody[:2].tolist()) == (14, [2052159155608582783, 3466847502950716257])
    assert signal.tolist() == [11870546258891945523]
    assert compute_signature(melody)[:2].tolist() == [710503, 404571]
