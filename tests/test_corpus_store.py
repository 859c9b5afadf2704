"""Pieces on disk come back as they were, in flat memory."""

from __future__ import annotations

import json
import tracemalloc
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from melodyforge.corpus.ragged import NpyWriter, Ragged, RaggedWriter
from melodyforge.corpus.store import PieceStore, PieceStoreWriter, pack_piece
from melodyforge.errors import CorpusError
from melodyforge.music.piece import Meter, Piece, Tempo, Track, make_notes


def rich_piece(number: int = 0) -> Piece:
    return Piece(
        notes=make_notes([(0, 12, 0, 60, 64), (12, 24, 1, 40 + number, 100)]),
        tracks=(Track(0, name="Flöte"), Track(0, True, "drums")),
        tempos=(Tempo(0, 99.5), Tempo(48, 133.25)),
        meters=(Meter(0, 3, 4), Meter(72, 7, 8)),
        is_performed=bool(number % 2),
        name=f"piece {number} caf\udce9",
        style="folk" if number % 3 else "",
    )


def write_store(folder: Path, pieces: list[Piece]) -> PieceStore:
    writer = PieceStoreWriter(folder)
    for piece in pieces:
        writer.append(pack_piece(piece))
    writer.finish()
    return PieceStore(folder)


def assert_same(piece: Piece, other: Piece) -> None:
    assert piece.notes.tolist() == other.notes.tolist()
    for name in ("tracks", "tempos", "meters", "is_performed", "name", "style"):
        assert getattr(piece, name) == getattr(other, name)


def test_pieces_come_back_as_they_were(tmp_path: Path) -> None:
    pieces = [rich_piece(number) for number in range(5)]
    store = write_store(tmp_path, pieces)
    for index, piece in enumerate(pieces):
        assert_same(store[index], piece)
    assert (len(store), store.num_notes, store.lengths.tolist()) == (5, 10, [2] * 5)
    assert store.names == [piece.name for piece in pieces]
    assert [store.style_names[style] for style in store.styles] == ["", "folk", "folk", "", "folk"]


def test_fingerprint_follows_the_music(tmp_path: Path) -> None:
    same, again, other = (
        write_store(tmp_path / name, [rich_piece(number)]).fingerprint
        for name, number in (("same", 1), ("again", 1), ("other", 2))
    )
    assert same == again != other


def test_iteration_over_a_store_ends(tmp_path: Path) -> None:
    assert len(list(write_store(tmp_path, [rich_piece(), rich_piece()]))) == 2


def test_folder_without_its_index_is_no_dataset(tmp_path: Path) -> None:
    write_store(tmp_path, [rich_piece()])
    (tmp_path / "dataset.json").unlink()
    with pytest.raises(CorpusError, match="Expected a dataset"):
        PieceStore(tmp_path)


def test_dataset_of_another_version_is_refused(tmp_path: Path) -> None:
    write_store(tmp_path, [rich_piece()])
    index = json.loads((tmp_path / "dataset.json").read_text())
    (tmp_path / "dataset.json").write_text(json.dumps(index | {"version": 999}))
    with pytest.raises(CorpusError, match="Received 999"):
        PieceStore(tmp_path)


def test_ragged_rows_are_views_and_may_be_empty(tmp_path: Path) -> None:
    rows: list[list[int]] = [[1, 2, 3], [], [4], []]
    with closing(RaggedWriter(tmp_path, np.uint16)) as writer:
        for row in rows:
            writer.append(np.array(row))
    ragged = Ragged.open(tmp_path)
    assert [ragged[index].tolist() for index in range(len(ragged))] == rows
    assert ragged.lengths.tolist() == [3, 0, 1, 0]
    assert np.shares_memory(ragged[0], ragged.values)
    with pytest.raises(IndexError, match="Row must lie in 0 to 3"):
        ragged[4]


def test_ragged_without_any_row(tmp_path: Path) -> None:
    RaggedWriter(tmp_path, np.int64).close()
    assert len(Ragged.open(tmp_path)) == 0


def test_missing_and_cut_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"values\.npy"):
        Ragged.open(tmp_path)
    with closing(RaggedWriter(tmp_path, np.int64)) as writer:
        writer.append(np.arange(100))
    values = tmp_path / "values.npy"
    values.write_bytes(values.read_bytes()[:-8])
    with pytest.raises(CorpusError, match=r"values\.npy"):
        Ragged.open(tmp_path)


def test_npy_header_has_room_for_any_length(tmp_path: Path) -> None:
    writer = NpyWriter(tmp_path / "a.npy", np.dtype([("onset", np.int32), ("pitch", np.uint8)]))
    for _ in range(1234):
        writer.append(np.ones(1000, writer.dtype))
    writer.close()
    values = np.load(tmp_path / "a.npy")
    assert (values.shape, int(values["onset"].sum())) == ((1_234_000,), 1_234_000)


def peak_bytes_of_writing_and_reading(folder: Path, num_pieces: int) -> int:
    piece = rich_piece()
    tracemalloc.start()
    writer = PieceStoreWriter(folder)
    for _ in range(num_pieces):
        writer.append(pack_piece(piece))
    writer.finish(families=np.zeros(num_pieces, np.int32))
    store = PieceStore(folder)
    for index in range(0, num_pieces, 7):
        _ = store[index]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_stays_flat_however_many_pieces(tmp_path: Path) -> None:
    few = peak_bytes_of_writing_and_reading(tmp_path / "few", 200)
    many = peak_bytes_of_writing_and_reading(tmp_path / "many", 5000)
    assert many < few + 500_000  # 4,800 more pieces, of which only two numbers each may stay; other threads have some
