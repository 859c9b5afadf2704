"""Notes that stand while others are composed beside them."""

from dataclasses import replace

import numpy as np
import pytest

from melodyforge.decoding.ending import Length
from melodyforge.decoding.generate import Generation
from melodyforge.music.form import NO_FORM
from melodyforge.settings import SamplingSettings
from melodyforge.tokens.features import NOT_ASKED
from melodyforge.tokens.headings import heading_of
from melodyforge.tokens.held import HELD_TRACK, INSIDE, hold_at_random
from melodyforge.tokens.representation import Change
from tests.music_samples import gridded_piece, performed_piece, played_piece, tune
from tests.test_tokens_notes import fit

PIECES = [gridded_piece(num_notes=300), performed_piece(), played_piece(), tune()]


def random_hold(representation, rows, seed):
    num_tracks = len(representation.vocabulary.tracks)
    return hold_at_random(rows, slice(0, len(rows) + 1), num_tracks, np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("piece", PIECES)
def test_window_and_context_tell_the_same_of_what_is_held(piece, seed):
    representation = fit(piece)
    rows = representation.encode(piece)
    window = representation.window(rows, 0, len(rows) + 1, Change(hold_seed=seed))
    plain = representation.window(rows, 0, len(rows) + 1)
    hold, is_held = random_hold(representation, rows, seed)
    context = representation.begin([replace(heading_of(piece), form=NO_FORM)], holds=[hold])
    for index in range(len(rows) + 1):
        told = context.inputs()
        for head in representation.heads:
            told |= context.told(head)
            target = plain[f"target_{head.name}"][index]
            if target == NOT_ASKED:
                break
            assert not context.illegal(head)[0, target], (index, head.name)
            context.choose(head, np.array([target]))
            if index < len(rows) and window[f"target_{head.name}"][index] == NOT_ASKED:
                assert is_held[index]
                assert context.illegal(head)[0].sum() == head.size - 1  # what is not asked is certain
        for name, values in told.items():
            if index < len(rows):
                assert np.array_equal(values[0], window[name][index]), (index, name)
        if index < len(rows):
            context.commit()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("piece", PIECES)
def test_whatever_a_network_wants_what_is_held_stands_and_the_rest_is_where_it_is_free(piece, seed):
    representation = fit(piece)
    rows = representation.encode(piece)
    hold, _ = random_hold(representation, rows, seed)
    generation = Generation(
        Noise(),
        representation,
        [replace(heading_of(piece), form=NO_FORM)] * 2,
        settings=SamplingSettings(),
        length=Length(4 * len(rows)),
        rngs=[np.random.default_rng([seed, place]) for place in range(2)],
        holds=[hold] * 2,
    )
    for _ in generation:
        pass
    for place in range(2):
        made = generation.context.rows(place)
        identity = ["onset", "track", "pitch", "duration", "velocity", "micro"]
        is_of_hold = np.isin(made[identity], hold.rows[identity])
        due = hold.rows[: is_of_hold.sum()]
        assert np.array_equal(made[is_of_hold][identity], due[identity])
        assert (hold.rows["onset"][len(due) :] >= hold.stop).all()  # where nothing is free any more, nothing is drawn
        others = made[~is_of_hold]
        assert hold.is_free[others["track"]].all()
        assert ((others["onset"] >= hold.start) & (others["onset"] < hold.stop)).all()
        order = np.lexsort((made["pitch"], made["track"], made["onset"]))
        assert np.array_equal(order, np.arange(len(made)))


def test_hand_made_hold_is_told():
    piece = tune()
    representation = fit(piece)
    rows = representation.encode(piece)
    window = representation.window(rows, 0, len(rows), Change(hold_seed=0))
    hold, is_held = random_hold(representation, rows, 0)
    inside = (rows["onset"] >= hold.start) & (rows["onset"] < hold.stop)
    assert is_held.any()
    assert (window["held"][1:][inside[:-1]] == INSIDE).all()
    assert ((window["held_tracks"] == HELD_TRACK) == ~hold.is_free).all()
    held = np.flatnonzero(is_held)
    assert (window["held_now"][held, rows["pitch"][held]] > 0).all()
    assert (window["target_duration"][held] == NOT_ASKED).all()


class Noise:
    """A network that wants anything."""

    def __init__(self):
        self._rng = np.random.default_rng(0)

    def start(self, num_pieces):
        return num_pieces

    def advance(self, state, inputs):
        return state

    def logits(self, state, head, told):
        return self._rng.normal(size=(state, head.size)).astype(np.float32)

    def pick(self, state, which):
        return 1

    def put(self, state, which, picked):
        return state

    def follow(self, state, sources):
        return state
