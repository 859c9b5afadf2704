"""What `python -m torture` found: each case made small, built from bytes, and named by its trap."""

from __future__ import annotations

from pathlib import Path

from melodyforge.music.scores import read_score


def read_text(tmp_path: Path, name: str, text: str):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return read_score(tmp_path / name)


def test_bar_of_a_thousand_beats_is_not_divided_by_music21(tmp_path: Path) -> None:
    ((piece, _),) = read_text(tmp_path, "long.abc", "X:1\nM:4/4\nL:1/8\nK:C\nC9999 D|EFGA Bcde|\n")
    assert piece.notes["pitch"][[0, -1]].tolist() == [60, 76]


def test_tune_without_bar_lines_is_not_divided_by_music21(tmp_path: Path) -> None:
    ((piece, _),) = read_text(tmp_path, "endless.abc", "X:1\nM:4/4\nL:1/8\nK:C\n" + "C/D3/2" * 800 + "|\n")
    assert len(piece) == 1600
