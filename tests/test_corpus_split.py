"""Held-out music shares no family with what is trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from melodyforge.corpus.split import split_pieces
from melodyforge.corpus.store import PieceStore, PieceStoreWriter, pack_piece
from melodyforge.music.piece import Piece, make_notes


def store_of(folder: Path, lengths: list[int], families: list[int], styles: list[str] | None = None) -> PieceStore:
    writer = PieceStoreWriter(folder)
    for index, length in enumerate(lengths):
        notes = make_notes([(step, 1, 0, 60, 64) for step in range(length)])
        writer.append(pack_piece(Piece(notes, style=styles[index] if styles else "")))
    writer.finish(np.array(families))
    return PieceStore(folder)


def test_every_piece_is_on_one_side_and_families_are_whole(tmp_path: Path) -> None:
    families = [index // 3 for index in range(60)]
    store = store_of(tmp_path, [10] * 60, families)
    train, held_out = split_pieces(store, 0.2, seed=1)
    assert sorted([*train, *held_out]) == list(range(60))
    assert not {families[index] for index in train} & {families[index] for index in held_out}
    assert len(held_out) == 12


def test_share_is_of_notes_not_of_pieces(tmp_path: Path) -> None:
    lengths = np.random.default_rng(0).integers(1, 200, 300).tolist()
    store = store_of(tmp_path, lengths, list(range(300)))
    for seed in range(10):
        _, held_out = split_pieces(store, 0.1, seed)
        assert sum(lengths[index] for index in held_out) == pytest.approx(0.1 * sum(lengths), rel=0.05)


def test_every_style_is_on_both_sides(tmp_path: Path) -> None:
    styles = ["rare" if index % 20 == 0 else "common" for index in range(200)]
    train, held_out = split_pieces(store_of(tmp_path, [10] * 200, list(range(200)), styles), 0.1, seed=0)
    assert {styles[index] for index in train} == {styles[index] for index in held_out} == {"rare", "common"}


def test_one_giant_piece_is_not_held_out(tmp_path: Path) -> None:
    for seed in range(10):
        train, held_out = split_pieces(store_of(tmp_path / str(seed), [5000, *[10] * 9], list(range(10))), 0.1, seed)
        assert 0 in train
        assert len(held_out)


def test_a_style_of_one_piece_is_trained_on(tmp_path: Path) -> None:
    styles = ["solo", *["band"] * 9]
    train, _ = split_pieces(store_of(tmp_path, [10] * 10, list(range(10)), styles), 0.3, seed=0)
    assert 0 in train


def test_same_seed_same_split(tmp_path: Path) -> None:
    store = store_of(tmp_path, [10] * 50, list(range(50)))
    splits = [split_pieces(store, 0.2, seed)[1].tolist() for seed in (3, 3, 4)]
    assert splits[0] == splits[1] != splits[2]


@pytest.mark.parametrize("families", [[0], [0, 0, 0, 0, 0, 0], [0, 1, 2]])
def test_too_few_families_hold_out_nothing(tmp_path: Path, families: list[int]) -> None:
    train, held_out = split_pieces(store_of(tmp_path, [10] * len(families), families), 0.2, seed=0)
    assert train.tolist() == list(range(len(families)))
    assert held_out.tolist() == []


def test_four_pieces_hold_out_one(tmp_path: Path) -> None:
    assert len(split_pieces(store_of(tmp_path, [10] * 4, [0, 1, 2, 3]), 0.1, seed=0)[1]) == 1
