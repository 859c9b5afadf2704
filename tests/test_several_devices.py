"""Training on several devices at once, with two virtual processors in the place of GPUs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_two_devices_learn_what_one_learns(tmp_path):
    command = [sys.executable, "-m", "tests.mirrored_training", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1], timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["one"]["devices"], found["two"]["devices"]) == (1, 2)
    for name in ("train_nats", "held_out_nats"):
        assert found["two"][name] == pytest.approx(found["one"][name], rel=0.1)
