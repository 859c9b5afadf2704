"""What may wait lets other work go first, that of other sessions too."""

from __future__ import annotations

import subprocess
import sys

import pytest

from melodyforge.priority import NICENESS, SESSION_FILE, SESSION_NICENESS

IMPORT = "import os, pathlib; import melodyforge.priority as p; "


def said(code: str) -> str:
    command = [sys.executable, "-c", IMPORT + code]
    result = subprocess.run(command, capture_output=True, text=True, start_new_session=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_a_process_lets_others_of_its_session_go_first():
    assert said("p.give_way(); print(os.nice(0))").strip() == str(NICENESS)


@pytest.mark.skipif(not SESSION_FILE.exists(), reason="this system does not share processors out by session")
def test_a_session_lets_other_sessions_go_first_for_a_while_and_leaves_ours_alone():
    ours, read = SESSION_FILE.read_text(), "print(p.SESSION_FILE.read_text()); "
    pause = "import time; time.sleep(0.2); "  # Linux takes ten changes a second
    seen = said(f"p.give_way_as_session(True); {read}{pause}p.give_way_as_session(False); {read}").split()
    assert [int(word) for word in seen if word.isdigit()] == [SESSION_NICENESS, 0]
    assert SESSION_FILE.read_text() == ours


def test_it_works_where_processors_are_not_shared_out_by_session():
    said("p.SESSION_FILE = pathlib.Path('/nowhere'); p.give_way_as_session(True)")
