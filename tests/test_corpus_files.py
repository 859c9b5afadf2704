"""Finding music files under any name and in any folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from melodyforge.corpus.files import find_music_files, identify_files


def put(path: Path, content: bytes = b"x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_all_suffixes_in_any_case_and_nothing_else(tmp_path: Path) -> None:
    for name in ("a.mid", "b.MIDI", "c.Kar", "d.rmi", "e.XML", "f.musicxml", "g.mxl", "h.abc", "i.krn"):
        put(tmp_path / name)
    for name in ("j.txt", "mid", "k.mid.bak", ".hidden.mid", ".git/l.mid", "__MACOSX/m.mid"):
        put(tmp_path / name)
    names = [file.name for file in find_music_files(tmp_path)]
    assert "".join(name[0] for name in names) == "abcdefghi"
    assert sum(file.is_midi for file in find_music_files(tmp_path)) == 4


def test_first_folder_is_the_style(tmp_path: Path) -> None:
    put(tmp_path / "a.mid")
    put(tmp_path / "bach" / "b.mid")
    put(tmp_path / "bach" / "organ" / "late" / "c.mid")
    assert [file.style for file in find_music_files(tmp_path)] == ["", "bach", "bach"]


@pytest.mark.parametrize(
    "name", [" leading space.mid", "-dash.mid", 'quote\'s "name".mid', "two.dots.v1.0.midi", "é♯.mid"]
)
def test_strange_names(tmp_path: Path, name: str) -> None:
    put(tmp_path / name)
    assert [file.name for file in find_music_files(tmp_path)] == [name]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_name_that_is_not_utf8_can_be_printed(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mid")).write_bytes(b"x")
    (file,) = find_music_files(tmp_path)
    assert file.name == "caf\\udce9.mid"
    assert Path(file.path).read_bytes() == b"x"


def test_circle_of_links_ends_and_dead_links_are_left_out(tmp_path: Path) -> None:
    put(tmp_path / "album" / "a.mid")
    try:
        (tmp_path / "album" / "again").symlink_to(tmp_path, target_is_directory=True)
        (tmp_path / "dead.mid").symlink_to(tmp_path / "nowhere.mid")
    except OSError:
        pytest.skip("this system makes no links")
    assert [file.name for file in find_music_files(tmp_path)] == ["album/a.mid"]


def test_identity_changes_with_name_size_and_time(tmp_path: Path) -> None:
    put(tmp_path / "a.mid")
    identities = {identify_files(find_music_files(tmp_path))}
    put(tmp_path / "a.mid", b"xy")
    os.utime(tmp_path / "a.mid", ns=(0, 0))
    identities.add(identify_files(find_music_files(tmp_path)))
    os.utime(tmp_path / "a.mid", ns=(0, 1000))
    identities.add(identify_files(find_music_files(tmp_path)))
    (tmp_path / "a.mid").rename(tmp_path / "b.mid")
    identities.add(identify_files(find_music_files(tmp_path)))
    assert len(identities) == 4
