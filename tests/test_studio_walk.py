"""A random walk over the studio; `python -m tests.walk_studio` walks farther, and from any seed."""

from __future__ import annotations

import pytest

from tests.studio_server import CHROMIUM
from tests.walk_studio import walk_alone

pytest.importorskip("playwright.sync_api", reason="needs playwright")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs the browser chromium"),
]
SEED, NUM_STEPS, MAX_SECONDS = 20, 250, 45.0


def test_a_walk_in_any_order_shows_no_exception_and_loses_nothing(tmp_path):
    result = walk_alone(tmp_path, SEED, NUM_STEPS, MAX_SECONDS)
    assert not result.complaints, result
    assert result.num_composed > 0
