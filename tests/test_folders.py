"""Folders that several processes share: one changes them at a time, readers find all of the old or all of the new."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from melodyforge import folders
from melodyforge.errors import BusyError, OutputError

PROJECT_DIR = Path(__file__).parents[1]
NUM_SEEN, PATIENCE_SECONDS = 20, 60.0
WRITE_AND_DIE = """
import os, sys
from pathlib import Path
from melodyforge import folders
folder, die_at = Path(sys.argv[1]), int(sys.argv[2])
renames = 0
rename = Path.rename
def counted(self, target):
    global renames
    renames += 1
    if renames == die_at: os.kill(os.getpid(), 9)
    return rename(self, target)
Path.rename = counted
with folders.replacing(folder) as new:
    (new / "text").write_text("new")
"""


def run(code: str, *arguments: object) -> subprocess.Popen:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, cwd=PROJECT_DIR, stdout=subprocess.PIPE, text=True)


def write(folder: Path, text: str) -> None:
    with folders.replacing(folder) as new:
        for name in "abc":
            (new / name).write_text(text)


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".locks")


def test_one_process_holds_a_folder_and_its_threads_do_not_share_it(tmp_path: Path) -> None:
    folder = tmp_path / "it"
    with folders.hold(folder, "busy"):
        assert folders.is_held(folder)
        with folders.hold(folder, "busy"):  # the same thread may
            pass
        refused = []

        def try_to() -> None:
            try:
                with folders.hold(folder, "busy"):
                    pass
            except BusyError as error:
                refused.append(str(error))

        thread = threading.Thread(target=try_to)
        thread.start()
        thread.join()
        assert refused == ["busy"]
    assert not folders.is_held(folder)


def test_a_lock_is_free_when_its_process_is_killed(tmp_path: Path) -> None:
    code = """
import sys, time
from pathlib import Path
from melodyforge import folders
with folders.hold(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""
    process = run(code, tmp_path / "it")
    assert process.stdout.readline() == "held\n"
    assert folders.is_held(tmp_path / "it")
    process.kill()
    process.communicate()
    assert not folders.is_held(tmp_path / "it")
    with folders.hold(tmp_path / "it", "busy"):
        pass


def test_many_who_ask_do_not_take_each_other_for_the_holder(tmp_path: Path) -> None:
    with folders.hold(tmp_path / "it"):
        pass
    found: list[bool] = []

    def ask() -> None:
        found.extend(folders.is_held(tmp_path / "it") for _ in range(2000))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not any(found)


@pytest.mark.parametrize(("die_at", "found"), [(1, "old"), (2, "old"), (3, "new")])
def test_killed_at_either_rename_the_folder_stands_and_nothing_else(tmp_path: Path, die_at: int, found: str) -> None:
    folder = tmp_path / "it"
    folder.mkdir()
    (folder / "text").write_text("old")
    process = run(WRITE_AND_DIE, folder, die_at)
    process.communicate()
    assert process.returncode == (0 if die_at == 3 else -signal.SIGKILL)
    assert folders.version(folder) is not None
    assert (folder / "text").read_text() == found
    with folders.hold(folder):
        assert visible(tmp_path) == ["it"]


def test_a_reader_never_misses_a_folder_that_is_being_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "it"
    write(folder, "0")
    code = """
import sys, time
from pathlib import Path
from melodyforge import folders
folder, number = Path(sys.argv[1]), 0
print("ready", flush=True)
with folders.hold(folder):
    while True:
        number += 1
        with folders.replacing(folder) as new:
            for name in "abc":
                (new / name).write_text(str(number))
"""
    process = run(code, folder)
    process.stdout.readline()
    try:
        seen, until = set(), time.monotonic() + PATIENCE_SECONDS
        while len(seen) <= NUM_SEEN and time.monotonic() < until:
            texts = folders.read_steadily(folder, lambda: read_consistently(folder))
            seen.add(texts)
    finally:
        process.kill()
        process.communicate()
    assert len(seen) > NUM_SEEN  # it was replaced meanwhile, and often
    assert folders.read_steadily(folder, lambda: read_consistently(folder))


def read_consistently(folder: Path) -> str:
    texts = {(folder / name).read_text() for name in "abc"}
    if len(texts) > 1:
        raise FileNotFoundError("of two versions")
    return texts.pop()


def test_what_a_killed_process_left_is_swept_and_a_longer_names_work_is_not(tmp_path: Path) -> None:
    for name in (".it.new.abcdefgh", ".it.new.x.new.abcdefgh", ".its.new.abcdefgh"):
        (tmp_path / name).mkdir()
    with folders.hold(tmp_path / "it"):
        assert visible(tmp_path) == [".it.new.x.new.abcdefgh", ".its.new.abcdefgh"]


def test_a_place_that_cannot_be_written_is_found_out_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Expected to write"), folders.hold(tmp_path / "file" / "it"):
        pass
