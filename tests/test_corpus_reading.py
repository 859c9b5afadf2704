"""Reading in worker processes: one bad file costs one file."""

from __future__ import annotations

import os
import time
from pathlib import Path

from melodyforge.corpus.files import MusicFile, find_music_files
from melodyforge.corpus.reading import CHUNK_FILES, FileResult, read_files
from melodyforge.corpus.store import unpack_piece
from tests.midi_bytes import tune


def behave_as_named(file: MusicFile) -> FileResult:
    """Stands for the reader: does to its process what the file's name says."""
    if "crash" in file.name:
        os._exit(11)
    if "hang" in file.name:
        time.sleep(60)
    if "memory" in file.name:
        raise MemoryError
    return FileResult(error=f"read {file.name}")


def make_files(folder: Path, *names: str) -> list[MusicFile]:
    for name in names:
        (folder / name).write_bytes(b"")
    return find_music_files(folder)


def test_crashing_and_hanging_files_cost_only_themselves(tmp_path: Path) -> None:
    files = make_files(tmp_path, "a.mid", "b crash.mid", "c.mid", "d hang.mid", "e memory.mid", "f.mid")
    results = list(read_files(files, 1, read_file=behave_as_named, midi_seconds=4.0))
    assert [file.name for file, _ in results] == [file.name for file in files]
    errors = [result.error for _, result in results]
    assert errors[0::2][:2] == ["read a.mid", "read c.mid"]
    assert errors[5] == "read f.mid"
    assert "crash" in errors[1]
    assert "too long" in errors[3]
    assert "memory" in errors[4]


def test_many_files_come_back_in_order(tmp_path: Path) -> None:
    files = make_files(tmp_path, *(f"{number:03}.mid" for number in range(2 * CHUNK_FILES + 1)))
    results = list(read_files(files, 2, read_file=behave_as_named))
    assert [result.error for _, result in results] == [f"read {file.name}" for file in files]


def test_pieces_carry_style_name_and_repairs(tmp_path: Path) -> None:
    (tmp_path / "folk").mkdir()
    (tmp_path / "folk" / "My Tune.v2.mid").write_bytes(b"\xef\xbb\xbf" + tune([60, 62]))
    (tmp_path / "folk" / "page.mid").write_bytes(b"<html>")
    (good, bad) = (result for _, result in read_files(find_music_files(tmp_path), 1))
    (read_piece,) = good.pieces
    piece = unpack_piece(read_piece.piece)
    assert (piece.style, piece.name, len(piece)) == ("folk", "My Tune.v2", 2)
    assert read_piece.repairs == ["bytes before the MIDI header were dropped"]
    assert "a web page" in bad.error


def test_a_file_too_large_is_not_even_opened(tmp_path: Path) -> None:
    with (tmp_path / "huge.mid").open("wb") as file:
        file.truncate(2**34)  # 16 GB that take no room
    ((_, result),) = read_files(find_music_files(tmp_path), 1)
    assert "Received 17,179,869,184" in result.error
