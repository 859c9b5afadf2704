"""What strangers send lands whole or not at all, and never takes more memory or disk than there is room for."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from melodyforge.errors import CorpusError, OutputError, TooMuchError
from melodyforge.workshop import music_folder, unpack
from melodyforge.workshop.music_folder import Added, add_files, relabel_file

MIDI = b"MThd" + bytes(range(200))


def packed(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return buffer.getvalue()


def add(midi_dir: Path, *files: tuple[str, bytes], style: str = "") -> Added:
    return add_files([(name, io.BytesIO(data)) for name, data in files], style, midi_dir)


def is_empty(folder: Path) -> bool:
    return not any(path.is_file() for path in folder.rglob("*"))


def damaged(name: str) -> bytes:
    """A zip of three files of which the middle one is broken in one way."""
    zeros = ("b.mid", bytes(3000))
    data = bytearray(packed(("a.mid", MIDI), zeros, ("c.mid", MIDI)))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        local = archive.getinfo("b.mid").header_offset
    listed = data.rindex(b"PK\x01\x02", 0, data.rindex(b"PK\x01\x02"))
    content = local + 30 + len("b.mid")
    if name == "its bytes are no deflate":
        data[content : content + 4] = b"\xff\xff\xff\xff"
    elif name == "its checksum is wrong":
        data[listed + 16] ^= 1
    elif name == "it is encrypted":
        data[listed + 8] |= 1
    elif name == "it is packed by lzma":
        struct.pack_into("<H", data, listed + 10, zipfile.ZIP_LZMA)
    elif name == "it claims to be short":
        struct.pack_into("<I", data, listed + 24, 10)
    elif name == "it lies beyond the end":
        struct.pack_into("<I", data, listed + 42, 2**31)
    return bytes(data)


DAMAGES = [
    "its bytes are no deflate",
    "its checksum is wrong",
    "it is encrypted",
    "it is packed by lzma",
    "it claims to be short",
    "it lies beyond the end",
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_in_a_zip_costs_only_itself(tmp_path, damage):
    added = add(tmp_path, ("all.zip", damaged(damage)))
    assert added.names == ["a.mid", "c.mid"]
    assert len(added.refused) == 1
    assert added.refused[0].startswith("b.mid in all.zip: ")
    assert "\n" not in added.refused[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mid", "c.mid"]


@pytest.mark.parametrize("spoil", ["cut", "no zip", "a name that is no UTF-8"])
def test_a_damaged_zip_gives_a_line_and_costs_no_other_file(tmp_path, spoil):
    data = packed(("a.mid", MIDI), ("é.mid", MIDI))
    spoilt = {
        "cut": data[:-30],
        "no zip": b"PK no zip",
        "a name that is no UTF-8": data.replace("é".encode(), b"\xff\xff"),
    }
    added = add(tmp_path, ("bad.zip", spoilt[spoil]), ("good.mid", MIDI))
    assert added.names == ["good.mid"]
    assert [line.partition(":")[0] for line in added.refused] == ["bad.zip"]
    with pytest.raises(CorpusError, match=r"bad\.zip"):
        add(tmp_path, ("bad.zip", spoilt[spoil]))


@pytest.mark.parametrize("limit", ["MAX_BYTES", "MAX_FOLDER_BYTES"])
def test_several_zips_that_grow_beyond_the_limit_add_nothing(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(music_folder, limit, 2_500_000)
    bombs = [(f"{number}.zip", packed(("a.mid", bytes(1_000_000)))) for number in range(3)]
    assert add(tmp_path / "two", *bombs[:2]).names == ["a.mid", "a-2.mid"]
    with pytest.raises(TooMuchError, match="at most 2 MB"):
        add(tmp_path / "three", *bombs)
    assert is_empty(tmp_path / "three")


def test_a_folder_that_is_full_takes_nothing_more(tmp_path, monkeypatch):
    monkeypatch.setattr(music_folder, "MAX_FOLDER_BYTES", 500)
    add(tmp_path, ("a.mid", MIDI))
    with pytest.raises(TooMuchError):
        add(tmp_path, ("b.mid", MIDI), ("c.mid", MIDI))
    monkeypatch.setattr(music_folder, "MAX_FOLDER_FILES", 1)
    with pytest.raises(TooMuchError, match="1 in the folder"):
        add(tmp_path, ("b.mid", MIDI))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mid"]


def test_more_files_than_the_limit_add_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(music_folder, "MAX_FILES", 3)
    with pytest.raises(TooMuchError, match="3 files"):
        add(tmp_path, ("a.mid", MIDI), ("all.zip", packed(*((f"{number}.mid", MIDI) for number in range(3)))))
    assert is_empty(tmp_path)


def test_a_full_disk_is_not_filled_to_the_brim(tmp_path, monkeypatch):
    monkeypatch.setattr(unpack, "MIN_FREE_BYTES", 2**62)
    with pytest.raises(TooMuchError, match="at most 0 MB"):
        add(tmp_path, ("a.mid", MIDI))
    assert is_empty(tmp_path)


def test_a_file_that_is_larger_than_any_score_costs_only_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(music_folder, "MAX_SCORE_BYTES", 1000)
    bomb = packed(("bomb.mid", bytes(100_000)), ("small.mid", MIDI))
    added = add(tmp_path, ("large.mid", bytes(1001)), ("all.zip", bomb))
    assert added.names == ["small.mid"]
    assert [line.partition(":")[0] for line in added.refused] == ["large.mid", "bomb.mid in all.zip"]


def test_a_zip_whose_list_of_files_is_endless_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(unpack, "MAX_LIST_BYTES", 10_000)
    many = packed(*((f"{number:0100}.mid", b"") for number in range(200)))
    assert add(tmp_path, ("many.zip", many), ("a.mid", MIDI)).refused[0].startswith("many.zip: its list of files")


def test_names_of_any_length_and_script_are_cut_to_what_a_disk_takes(tmp_path):
    names = [f"{letter * 250}.mid" for letter in ("a", "é", "音")]
    added = add(tmp_path, *((name, MIDI) for name in names), ("all.zip", packed(*((name, MIDI) for name in names))))
    assert len({*added.names}) == 6
    assert all(len(name.encode()) <= 255 for name in added.names)
    with pytest.raises(CorpusError, match="style"):
        add(tmp_path, ("a.mid", MIDI), style="s" * 250)


def test_thousands_of_equal_names_are_numbered_and_none_is_lost(tmp_path):
    add(tmp_path, ("a.mid", MIDI), ("a-3.mid", MIDI))
    added = add(tmp_path, ("all.zip", packed(*((f"{number}/a.mid", bytes([number % 256])) for number in range(2000)))))
    assert len({*added.names}) == 2000
    assert "a-3.mid" not in added.names
    assert (tmp_path / added.names[-1]).read_bytes() == bytes([1999 % 256])
    assert (tmp_path / "a.mid").read_bytes() == MIDI


def test_what_the_finder_adds_to_a_zip_is_no_music(tmp_path):
    added = add(tmp_path, ("all.zip", packed(("a.mid", MIDI), ("__MACOSX/._a.mid", b"x"), (".hidden.mid", b"x"))))
    assert added == Added(["a.mid"], [])


def test_what_a_killed_upload_left_is_swept(tmp_path, monkeypatch):
    (tmp_path / ".upload-old").mkdir()
    (tmp_path / ".upload-old" / "0").write_bytes(MIDI)
    add(tmp_path, ("a.mid", MIDI))
    assert (tmp_path / ".upload-old").exists()
    monkeypatch.setattr(music_folder, "MAX_WAITING_S", -1)
    add(tmp_path, ("b.mid", MIDI))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mid", "b.mid"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError):
        add(tmp_path / "file", ("a.mid", MIDI))


def test_relabelling_never_replaces_a_file_of_the_same_name(tmp_path):
    add(tmp_path, ("a.mid", b"first"), style="waltz")
    add(tmp_path, ("a.mid", b"second"))
    assert relabel_file("a.mid", "waltz", tmp_path) == "waltz/a-2.mid"
    assert (tmp_path / "waltz" / "a.mid").read_bytes() == b"first"
