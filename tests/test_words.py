"""Numbers with what they count."""

import pytest

from melodyforge.words import counted


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 notes"), (1, "1 note"), (2, "2 notes"), (1200, "1,200 notes")], ids=str
)
def test_one_thing_is_no_plural(number, words):
    assert counted(number, "note") == words
