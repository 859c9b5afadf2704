"""Who composes lets others go first, those of other sessions too."""

from __future__ import annotations

import subprocess
import sys

import pytest

from melodyforge.priority import NICENESS, SESSION_FILE, SESSION_NICENESS

SAY = "import os; from melodyforge.priority import SESSION_FILE, give_way; give_way(as_session={}); print(os.nice(0))"
SAY_SESSION = "; print(SESSION_FILE.read_text())"


def said(code: str) -> str:
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, start_new_session=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_a_process_lets_others_of_its_session_go_first():
    assert said(SAY.format(False)).split() == [str(NICENESS)]


@pytest.mark.skipif(not SESSION_FILE.exists(), reason="this system does not share processors out by session")
def test_a_session_lets_other_sessions_go_first_and_leaves_ours_alone():
    before = SESSION_FILE.read_text()
    assert said(SAY.format(True) + SAY_SESSION).strip().endswith(f"nice {SESSION_NICENESS}")
    assert SESSION_FILE.read_text() == before


def test_it_works_where_processors_are_not_shared_out_by_session():
    code = "import pathlib, melodyforge.priority as p; p.SESSION_FILE = pathlib.Path('/nowhere'); "
    said(code + "p.give_way(as_session=True)")
