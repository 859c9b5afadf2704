"""Instruments keep to the range that they have in the training music."""

import numpy as np
import pytest

from melodyforge.bundle import load_model
from melodyforge.compose import compose
from melodyforge.composing.wishes import default_settings
from melodyforge.music.piece import NUM_PITCHES, Piece, Track, make_notes
from melodyforge.tokens.adapt import adapt_vocabulary
from melodyforge.tokens.ranges import PitchCounts, PitchRanges, Reach
from melodyforge.tokens.tracks import TrackClasses
from melodyforge.training.train import train_model
from tests.conftest import small

pytestmark = pytest.mark.slow


def test_a_range_leaves_outliers_out_and_knows_nothing_of_the_silent():
    counts = np.zeros((3, NUM_PITCHES), np.int64)
    counts[0, 60:73] = 1_000
    counts[0, [3, 120]] = 1
    counts[1, 40] = 1
    assert PitchRanges.fit(counts).state() == [[60, 72], [40, 40], [0, 127]]


def test_an_instrument_without_a_class_counts_for_the_one_that_plays_it():
    counts = PitchCounts()
    counts.add(Piece(make_notes([(0, 24, 0, 60, 80), (0, 24, 1, 36, 80)]), (Track(0), Track(5))))
    piano_alone = TrackClasses([(0, False, 0)])
    assert counts.ranges(piano_alone).state() == [[36, 60]]


def test_what_a_piece_has_reached_itself_stays_within_reach():
    reach = Reach(PitchRanges([[60, 72], [36, 48]]), num_pieces=2)
    track = np.array([0, 1])
    assert np.flatnonzero(~reach.is_outside(track)[0]).tolist() == list(range(60, 73))
    assert reach.is_at_the_top(track, np.array([72, 47])).tolist() == [True, False]
    reach.add(track, np.array([76, 40]))
    assert np.flatnonzero(~reach.is_outside(track)[0]).tolist() == list(range(60, 77))
    assert np.flatnonzero(~reach.is_outside(track)[1]).tolist() == list(range(36, 49))


@pytest.fixture(scope="module")
def model(tiny_model_dir):
    return load_model(tiny_model_dir / "tiny")


def pitches_of(pieces: list[Piece]) -> dict[int, set[int]]:
    """By program."""
    found: dict[int, set[int]] = {}
    for piece in pieces:
        for index, track in enumerate(piece.tracks):
            found.setdefault(track.program, set()).update(piece.notes["pitch"][piece.notes["track"] == index].tolist())
    return found


def test_however_daring_a_composition_is_it_keeps_to_the_ranges(model, tunes):
    composed = compose(model, default_settings(model, num_notes=150, num_pieces=4, temperature=4.0, top_p=1.0, seed=0))
    heard, learnt = (pitches_of(pieces) for pieces in ([one.piece for one in composed], tunes))
    assert heard.keys() <= learnt.keys()
    for program, pitches in heard.items():
        assert min(learnt[program]) <= min(pitches) <= max(pitches) <= max(learnt[program])


def test_numbers_and_windows_keep_to_the_range_too(tune_store, tunes, tmp_path):
    train_model(tune_store, small("composer", epochs=1), tmp_path / "model")
    model = load_model(tmp_path / "model")
    (piece,) = (
        one.piece for one in compose(model, default_settings(model, num_notes=150, temperature=4.0, top_p=1.0, seed=0))
    )
    learnt = set.union(*pitches_of(tunes).values())
    assert min(learnt) <= piece.notes["pitch"].min() <= piece.notes["pitch"].max() <= max(learnt)


def test_other_music_brings_other_ranges(model, tunes):
    higher = [piece.with_notes(_moved(piece.notes, 12)) for piece in tunes]
    adapted = adapt_vocabulary(model.representation, model.recipe.representation, higher)
    known, moved = model.representation.ranges, adapted.ranges
    assert (moved.lowest == known.lowest + 12).all()
    assert (moved.highest == known.highest + 12).all()


def _moved(notes: np.ndarray, semitones: int) -> np.ndarray:
    notes = notes.copy()
    notes["pitch"] += semitones
    return notes
