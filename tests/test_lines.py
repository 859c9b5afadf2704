"""Pitches drawn one after the other, so that their order is kept to the end."""

from itertools import product

import numpy as np
import pytest

from melodyforge.decoding.lines import LineMask, Lines
from melodyforge.music.piece import NUM_PITCHES, make_notes

LOW, HIGH = 60, 65


def random_lines(seed, num_notes=5):
    """A few pitches, what they may be, and some of what holds between them."""
    rng = np.random.default_rng(seed)
    pitches = rng.integers(LOW, HIGH, num_notes)
    allowed = np.zeros((num_notes, NUM_PITCHES), bool)
    allowed[:, LOW:HIGH] = rng.random((num_notes, HIGH - LOW)) < 0.7
    allowed[np.arange(num_notes), pitches] = True  # one solution there is
    pairs = [(one, other) for other in range(num_notes) for one in range(other) if rng.random() < 0.5]
    rising = [pair if pitches[pair[0]] < pitches[pair[1]] else pair[::-1]
              for pair in pairs if pitches[pair[0]] != pitches[pair[1]]]  # fmt: skip
    equal = [pair for pair in pairs if pitches[pair[0]] == pitches[pair[1]]]
    return allowed, rising, equal


@pytest.mark.parametrize("seed", range(20))
def test_what_is_allowed_is_exactly_what_leaves_every_other_note_a_pitch(seed):
    allowed, rising, equal = random_lines(seed)
    lines = Lines(allowed, rising, equal)
    choices = [np.flatnonzero(row).tolist() for row in allowed]
    solutions = [
        some
        for some in product(*choices)
        if all(some[one] < some[other] for one, other in rising)
        and all(some[one] == some[other] for one, other in equal)
    ]
    assert lines.impossible() is None
    for number in range(len(allowed)):
        for begun in {some[:number] for some in solutions}:
            possible = {some[number] for some in solutions if some[:number] == begun}
            assert set(np.flatnonzero(lines.allowed(np.array(begun, np.uint8))).tolist()) == possible


def test_a_note_without_a_pitch_is_found_beforehand():
    allowed = np.zeros((3, NUM_PITCHES), bool)
    allowed[:, 60:62] = True
    assert Lines(allowed, [(0, 1)]).impossible() is None
    assert Lines(allowed, [(0, 1), (1, 2)]).impossible() is not None


def test_a_long_line_leaves_itself_room():
    allowed = np.ones((40, NUM_PITCHES), bool)
    lines = Lines(allowed, [(note, note + 1) for note in range(39)])
    assert np.flatnonzero(lines.allowed(np.zeros(0, np.uint8))).tolist() == list(range(NUM_PITCHES - 39))


def test_a_key_that_is_down_is_left_alone_while_there_is_another():
    rows = make_notes([(0, 48, 0, 60, 80), (24, 24, 0, 61, 80), (36, 12, 1, 60, 80), (40, 12, 0, 62, 80)])
    allowed = np.zeros((4, NUM_PITCHES), bool)
    allowed[:3, 60:63], allowed[3, 62] = True, True  # the last one stands
    mask = LineMask(Lines(allowed, []), rows)
    drawn = np.zeros(1, rows.dtype)
    drawn["pitch"] = 60
    assert np.flatnonzero(~mask.forbidden([drawn])[0]).tolist() == [61]
    allowed[1, 61] = False
    assert np.flatnonzero(~LineMask(Lines(allowed, []), rows).forbidden([drawn])[0]).tolist() == [60, 62]
