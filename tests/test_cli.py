"""How every script begins and ends, whatever it is started from and whoever reads its output."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT_DIR = Path(__file__).parents[1]
HELLO = "import sys; from melodyforge.cli import run; sys.exit(run(lambda: print('Dvořák', 'x' * 100_000)))"


def python(*arguments, **options):
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": PROJECT_DIR} | options
    return subprocess.run([sys.executable, *map(str, arguments)], **options)


def shell(command, **options):
    return subprocess.run(["bash", "-c", command], cwd=PROJECT_DIR, capture_output=True, **options)


@pytest.mark.parametrize("redirection", [">&-", ">&- 2>&-", "<&- >&- 2>&-", "| true", "| head -c 1"])
def test_a_script_does_its_work_whoever_reads_its_output(tmp_path, redirection):
    code = f"{HELLO.replace('sys.exit(', 'status = ')[:-1]}; open(r'{tmp_path}/done', 'w'); sys.exit(status)"
    ended = shell(f'set -o pipefail; "{sys.executable}" -c "{code}" {redirection}')
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert (tmp_path / "done").exists()


def test_closed_output_does_not_end_in_the_users_file(tmp_path):
    code = f"from melodyforge.cli import run; run(lambda: open(r'{tmp_path}/mine', 'w').write('mine') and print('x'))"
    assert shell(f'"{sys.executable}" -c "{code}" >&-').returncode == 0
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize("encoding", ["ascii", "ascii:strict", "latin-1"])
def test_names_are_printed_in_any_encoding(encoding):
    ended = python("-c", HELLO, env=os.environ | {"PYTHONIOENCODING": encoding})
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.startswith(b"Dvo\\u0159")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_output_onto_a_full_disk_is_one_line():
    with Path("/dev/full").open("w") as full:
        ended = python("-c", HELLO, stdout=full)
    assert ended.returncode == 2
    assert ended.stderr.decode().splitlines() == [
        "error: Expected to write to standard output. Received: No space left on device."
    ]


@pytest.mark.parametrize("script", ["generate_music.py", "train_model.py", "preprocess.py", "evaluate_model.py"])
def test_outside_the_environment_a_script_says_what_to_activate(script):
    ended = python("-S", script)  # a Python that has no packages
    assert ended.returncode == 2
    (line,) = ended.stderr.decode().splitlines()
    assert "lacks the package " in line
    assert ". .venv/bin/activate" in line


def test_ctrl_c_while_a_script_still_imports_leaves_no_traceback(tmp_path):
    (tmp_path / "pydantic.py").write_text("raise KeyboardInterrupt")
    ended = python("generate_music.py", env=os.environ | {"PYTHONPATH": str(tmp_path)})
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, b"", b"")


def test_a_bug_keeps_its_traceback():
    for code in ("run(lambda: 1 / 0)", "1 / 0", "run(lambda: __import__('melodyforge.nonsense'))"):
        ended = python("-c", f"from melodyforge.cli import run; {code}")
        assert ended.returncode == 1
        assert b"Traceback" in ended.stderr
