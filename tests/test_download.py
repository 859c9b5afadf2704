"""Downloads against a server on this machine: cut connections, other files, archives that mean harm."""

from __future__ import annotations

import hashlib
import io
import re
import stat
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from melodyforge.corpus import download
from melodyforge.corpus.download import Download, fetch_archive
from melodyforge.errors import CorpusError

MIDI = b"MThd" + bytes(range(200)) * 40  # as far as a download knows


class Server(ThreadingHTTPServer):
    """Sends one file, in the way that a test asks for; remembers what it was asked."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.knows_ranges = True
        self.cuts: list[int] = []  # bytes after which the next connections break
        self.status = 0  # to answer with instead
        self.location = ""
        self.ranges: list[str | None] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/music.zip"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        server.ranges.append(self.headers["Range"])
        if server.status:
            self.send_response(server.status)
            if server.location:
                self.send_header("Location", server.location)
            self.end_headers()
            return
        found = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "") if server.knows_ranges else None
        start = int(found[1]) if found else 0
        if found and start >= len(server.content):
            self.send_response(416)
            self.end_headers()
            return
        self.send_response(206 if found else 200)
        if found:
            self.send_header("Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}")
        self.send_header("Content-Length", str(len(server.content) - start))
        self.end_headers()
        stop = start + server.cuts.pop(0) if server.cuts else len(server.content)
        self.wfile.write(server.content[start:stop])

    def log_message(self, *_: Any) -> None:
        """Keeps the terminal clean."""


def pack(entries: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return packed.getvalue()


GOOD = pack(
    {
        "set-1/2004/a.midi": MIDI + b"a",
        "set-1/b.MID": MIDI + b"b",
        "set-1/README": b"read me",
        "set-1/run.sh": b"#!/bin/sh",
    }
)


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server(GOOD)
    thread = threading.Thread(target=running.serve_forever, args=[0.01])
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


def expect(server: Server, content: bytes = GOOD) -> Download:
    """A download that is told to expect `content`."""
    return Download("set", server.url, len(content), hashlib.sha256(content).hexdigest(), 2)


def files_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_only_music_is_unpacked_and_nothing_else_stays(server: Server, tmp_path: Path) -> None:
    files = fetch_archive(expect(server), tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in files] == ["set/2004/a.midi", "set/b.MID"]
    assert files_below(tmp_path) == ["set/2004/a.midi", "set/b.MID"]
    assert files[0].read_bytes() == MIDI + b"a"


def test_second_call_asks_the_server_nothing(server: Server, tmp_path: Path) -> None:
    first = fetch_archive(expect(server), tmp_path)
    assert fetch_archive(expect(server), tmp_path) == first
    assert server.ranges == [None]


def test_progress_ends_at_the_number_of_pieces(server: Server, tmp_path: Path) -> None:
    reports: list[tuple[int, int]] = []
    fetch_archive(expect(server), tmp_path, lambda done, total: reports.append((done, total)))
    assert reports[-1] == (2, 2)
    assert reports == sorted(reports)


def test_cut_connection_is_resumed_where_it_broke(server: Server, tmp_path: Path) -> None:
    server.cuts = [1000, 500]
    assert len(fetch_archive(expect(server), tmp_path)) == 2
    assert server.ranges == [None, "bytes=1000-", "bytes=1500-"]


def test_earlier_run_that_was_stopped_is_resumed(server: Server, tmp_path: Path) -> None:
    (tmp_path / "music.zip.part").write_bytes(GOOD[:3000])
    assert len(fetch_archive(expect(server), tmp_path)) == 2
    assert server.ranges == ["bytes=3000-"]


def test_server_that_ignores_range_sends_all_again(server: Server, tmp_path: Path) -> None:
    server.knows_ranges = False
    server.cuts = [1000]
    assert len(fetch_archive(expect(server), tmp_path)) == 2
    assert server.ranges == [None, "bytes=1000-"]


def test_connection_that_always_breaks_is_given_up(server: Server, tmp_path: Path) -> None:
    server.cuts = [0] * 20
    with pytest.raises(CorpusError, match="Could not reach"):
        fetch_archive(expect(server), tmp_path)
    assert len(server.ranges) == download.MAX_CUTS


def test_wrong_checksum_is_refused_and_nothing_unpacked(server: Server, tmp_path: Path) -> None:
    server.content = GOOD[:-100] + bytes(100)
    with pytest.raises(CorpusError, match="Nothing was unpacked"):
        fetch_archive(expect(server), tmp_path)
    assert files_below(tmp_path) == []


def test_start_of_another_file_is_not_resumed_for_ever(server: Server, tmp_path: Path) -> None:
    (tmp_path / "music.zip.part").write_bytes(b"x" * 3000)
    with pytest.raises(CorpusError, match="Nothing was unpacked"):
        fetch_archive(expect(server), tmp_path)
    assert len(fetch_archive(expect(server), tmp_path)) == 2


@pytest.mark.parametrize("start", [0, 100])
def test_longer_file_than_expected_is_refused(server: Server, tmp_path: Path, start: int) -> None:
    (tmp_path / "music.zip.part").write_bytes(GOOD[:start])
    server.content = GOOD + bytes(10 * download.BLOCK_BYTES)
    with pytest.raises(CorpusError, match="it has been changed"):
        fetch_archive(expect(server), tmp_path)
    assert sum((tmp_path / name).stat().st_size for name in files_below(tmp_path)) == 0


def test_file_that_has_become_shorter_is_refused(server: Server, tmp_path: Path) -> None:
    (tmp_path / "music.zip.part").write_bytes(GOOD[:3000])
    server.content = GOOD[:2000]
    with pytest.raises(CorpusError, match="it has been changed"):
        fetch_archive(expect(server), tmp_path)
    assert files_below(tmp_path) == []


def test_missing_file_on_the_server_names_the_way_out(server: Server, tmp_path: Path) -> None:
    server.status = 404
    with pytest.raises(CorpusError) as caught:
        fetch_archive(expect(server), tmp_path)
    assert "status 404" in str(caught.value)
    assert f"put the zip at {tmp_path / 'music.zip'} yourself" in str(caught.value)


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/music.zip"])
def test_redirection_away_from_http_is_not_followed(server: Server, tmp_path: Path, location: str) -> None:
    server.status, server.location = 302, location
    with pytest.raises(CorpusError, match="Could not reach"):
        fetch_archive(expect(server), tmp_path)
    assert files_below(tmp_path) == []


def test_without_a_network_the_message_says_what_to_do(tmp_path: Path) -> None:
    gone = Download("set", "http://127.0.0.1:1/music.zip", 10, "", 1)
    with pytest.raises(CorpusError, match=r"Could not reach http.*refused.*Try again"):
        fetch_archive(gone, tmp_path)


def test_zip_that_the_user_brought_is_used_and_kept(server: Server, tmp_path: Path) -> None:
    (tmp_path / "music.zip").write_bytes(GOOD)
    assert len(fetch_archive(expect(server), tmp_path)) == 2
    assert server.ranges == []
    assert (tmp_path / "music.zip").exists()


def test_wrong_zip_that_the_user_brought_is_refused_and_kept(server: Server, tmp_path: Path) -> None:
    (tmp_path / "music.zip").write_bytes(b"not the one")
    with pytest.raises(CorpusError, match="Nothing was unpacked"):
        fetch_archive(expect(server), tmp_path)
    assert files_below(tmp_path) == ["music.zip"]


@pytest.mark.parametrize("name", ["../evil.mid", "/evil.mid", "set/../../evil.mid", "set\\..\\evil.mid", "C:/evil.mid"])
def test_path_that_leads_out_of_the_folder_is_refused(server: Server, tmp_path: Path, name: str) -> None:
    server.content = pack({"set/good.mid": MIDI, name: MIDI})
    midi_dir = tmp_path / "inner" / "midi"
    with pytest.raises(CorpusError, match="unsafe path"):
        fetch_archive(expect(server, server.content), midi_dir)
    assert files_below(tmp_path) == ["inner/midi/music.zip"]


def test_symbolic_link_is_refused(server: Server, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        link = zipfile.ZipInfo("set/link.mid")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    server.content = packed.getvalue()
    with pytest.raises(CorpusError, match="unsafe path"):
        fetch_archive(expect(server, server.content), tmp_path)
    assert files_below(tmp_path) == ["music.zip"]


def test_archive_that_unpacks_to_too_much_is_refused(server: Server, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("set/big.mid", bytes(10**6))
    server.content = packed.getvalue()
    with pytest.raises(CorpusError, match="too large to be music"):
        fetch_archive(expect(server, server.content), tmp_path)
    assert files_below(tmp_path) == ["music.zip"]


def test_archive_without_music_is_said_to_be_so(server: Server, tmp_path: Path) -> None:
    server.content = pack({"set/readme.txt": b"nothing"})
    with pytest.raises(CorpusError, match="Received none"):
        fetch_archive(expect(server, server.content), tmp_path)
