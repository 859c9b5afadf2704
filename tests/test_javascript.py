"""What pages do in the browser, by the tests of Node.js; and that each component gets one whole script."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from melodyforge.studio.scripts import joined

TESTS_DIR = Path(__file__).parent / "javascript"
STUDIO_DIR = Path(__file__).parents[1] / "melodyforge" / "studio"
TIMEOUT_S = 120


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js (`node`)")
def test_the_javascript_does_what_its_own_tests_say():
    files = sorted(TESTS_DIR.glob("*.test.mjs"))
    done = subprocess.run(["node", "--test", *files], capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(files) >= 3


@pytest.mark.parametrize("name", ["player", "keyboard"])
def test_a_component_gets_each_of_its_modules_once_in_the_place_of_its_import(name, tmp_path):
    folder = STUDIO_DIR / name
    script = joined(folder / f"{name}.js")
    assert not re.search(r"^import\b", script, re.MULTILINE)
    for module in folder.glob("*.mjs"):
        own = re.sub(r"^import\b.*\n", "", module.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert script.count(own.splitlines()[0]) == 1
    assert script.count("export default") == 1
    if shutil.which("node"):  # no name is declared twice
        whole = tmp_path / "whole.mjs"
        whole.write_text(script, encoding="utf-8")
        checked = subprocess.run(["node", "--check", whole], capture_output=True, text=True, timeout=TIMEOUT_S)
        assert checked.returncode == 0, checked.stderr
