"""What is heard: figures of hand-made music, real music told from real music and from noise, a small model."""

import dataclasses
import json

import numpy as np
import pytest

from melodyforge.bundle import load_model
from melodyforge.compose import compose, first_takes
from melodyforge.composing.task import MAX_DRAWS
from melodyforge.composing.wishes import default_settings
from melodyforge.evaluation.ear import Ear
from melodyforge.evaluation.heard import Beside, _compared, hear_quickly, hear_style
from melodyforge.evaluation.real_music import beginning_of, real_music
from melodyforge.evaluation.told_apart import tell_apart
from melodyforge.figures.bars import (
    longest_loop,
    neighbouring_bars_alike,
    on_sixteenths,
    on_triplets,
    returns_with_contrast,
)
from melodyforge.figures.closes import bass_ends_on_tonic, describe_close, ends_long
from melodyforge.figures.describe import GROUPS, VELOCITY, describe, tables
from melodyforge.figures.sonorities import (
    bass_present,
    clashes,
    drums_in_kit,
    parallels,
    triads_and_sevenths,
    voices_crossed,
)
from melodyforge.music.piece import Piece, Track, make_notes
from melodyforge.training.data import prepare_data
from tests.conftest import small, write_store
from tests.music_samples import gridded_piece, performed_piece, tune

QUARTER, BAR = 24, 96
VOICES = tuple(Track(52, False, name) for name in ("bass", "tenor", "soprano"))
EMPTY = Piece(make_notes([]))
ONE_NOTE = Piece(make_notes([(0, QUARTER, 0, 60, 80)]))


def melody(pitches, steps=QUARTER):
    return Piece(make_notes([(index * steps, steps, 0, int(pitch), 80) for index, pitch in enumerate(pitches)]))


def chorale(*chords):
    """A chord a quarter note; the pitches of each from the bass up, each in a voice of its own."""
    rows = [
        (index * QUARTER, QUARTER, track, pitch, 80)
        for index, chord in enumerate(chords)
        for track, pitch in enumerate(chord)
    ]
    return Piece(make_notes(rows), VOICES)


def drums(pitches, steps=QUARTER):
    return dataclasses.replace(melody(pitches, steps), tracks=(Track(0, True, "drums"),))


def wandering(seed, num_notes=240, step=(-2, -1, 1, 2)):
    """A melody by steps that never leaves two octaves."""
    rng = np.random.default_rng(seed)
    pitches = 60 + np.cumsum(rng.choice(step, num_notes)) % 24
    gaps = rng.choice([12, 24, 24, 48], num_notes)
    rows = [
        (int(onset), int(gap), 0, int(pitch), 80)
        for onset, gap, pitch in zip(np.cumsum(gaps) - gaps[0], gaps, pitches, strict=True)
    ]
    return Piece(make_notes(rows))


def noise(seed, num_notes=240):
    rng = np.random.default_rng(seed)
    rows = [
        (int(onset), int(rng.integers(1, 200)), 0, int(rng.integers(20, 110)), 80)
        for onset in np.cumsum(rng.integers(1, 60, num_notes))
    ]
    return Piece(make_notes(rows))


def test_a_loop_is_measured_at_any_period_and_free_music_has_none():
    bars = np.random.default_rng(0).permutation(40) + 40
    assert longest_loop(melody(np.tile(bars, 3))) == 79  # the first note has no time before it
    assert longest_loop(melody(np.tile(bars, 3)), longest_period=32) < 5
    assert longest_loop(melody([60] * 50)) == 48
    assert longest_loop(performed_piece()) < 5
    assert longest_loop(EMPTY) == 0


def test_a_grid_is_found_wherever_it_begins():
    assert on_sixteenths(melody([60] * 16, 6)) == 1.0
    late = Piece(make_notes([(2 + index * 6, 6, 0, 60, 80) for index in range(16)]))
    assert on_sixteenths(late) == 1.0
    assert on_triplets(late) == pytest.approx(4 / 16)  # of each quarter note one onset
    assert on_triplets(melody([60] * 12, 8)) == 1.0
    assert on_sixteenths(melody([60] * 12, 8)) == pytest.approx(4 / 12)
    assert on_sixteenths(melody([60] * 70, 7)) < 0.2


def test_bars_are_alike_where_the_beat_stays():
    assert neighbouring_bars_alike(drums([36, 42, 38, 42] * 4)) == 1.0
    assert neighbouring_bars_alike(drums([36, 42, 38, 42, 36, 42, 40, 42] * 2)) == pytest.approx(3 / 5)
    assert neighbouring_bars_alike(drums(range(36, 60))) == 0.0
    assert np.isnan(neighbouring_bars_alike(ONE_NOTE))


def test_what_comes_back_after_other_music_returns_and_a_loop_does_not():
    rng = np.random.default_rng(1)
    theme, others = rng.integers(60, 84, 16), rng.integers(30, 54, 64)
    there_and_back = melody([*theme, *others, *theme])
    assert returns_with_contrast(there_and_back) == pytest.approx(1 / 5)  # of the blocks that begin in bars 16 to 20
    assert returns_with_contrast(melody(np.tile(theme, 6))) == 0.0
    assert returns_with_contrast(melody(rng.integers(30, 90, 96))) == 0.0
    assert np.isnan(returns_with_contrast(melody(theme)))


def test_parallel_fifths_and_octaves_are_counted():
    fifths = chorale((48, 55, 64), (50, 57, 62), (52, 59, 60))
    assert parallels(fifths) == pytest.approx(2 / 6)  # three pairs of voices move twice
    octaves = chorale((48, 55, 60), (50, 53, 62))
    assert parallels(octaves) == pytest.approx(1 / 3)
    apart = chorale((48, 55, 64), (50, 53, 65), (48, 52, 67))
    assert parallels(apart) == 0.0
    held = chorale((48, 55, 64), (48, 55, 65))
    assert np.isnan(parallels(held))  # no two voices move
    assert np.isnan(parallels(melody(range(60, 70))))


def test_crossed_voices_are_counted_by_time():
    assert voices_crossed(chorale((48, 55, 64), (50, 57, 62))) == 0.0
    crossed = chorale((48, 55, 64), (48, 55, 64), (48, 66, 64), (48, 55, 64))
    assert voices_crossed(crossed) == pytest.approx(1 / 4)
    assert np.isnan(voices_crossed(tune()))  # two tracks are no choir


def test_chords_are_told_from_heaps_of_notes():
    assert triads_and_sevenths(chorale((48, 52, 55), (50, 53, 57))) == 1.0
    assert triads_and_sevenths(chorale((48, 52, 55), (48, 49, 50))) == pytest.approx(1 / 2)
    assert np.isnan(triads_and_sevenths(melody([60, 62])))
    assert clashes(chorale((48, 52, 55), (48, 49, 55), (48, 61, 70), (48, 59, 67))) == pytest.approx(2 / 4)


def test_a_bass_and_a_kit_are_found():
    assert bass_present(chorale((48, 52, 55), (60, 64, 67))) == pytest.approx(1 / 2)
    assert drums_in_kit(drums([36, 38, 20, 90])) == pytest.approx(1 / 2)
    assert np.isnan(drums_in_kit(ONE_NOTE))
    assert np.isnan(bass_present(drums([36])))


def cadence():
    """C major: F, G7 and a long C."""
    rows = [(0, 24, 0, 53, 80), (0, 24, 1, 60, 80), (0, 24, 2, 69, 80)]
    rows += [(24, 24, 0, 55, 80), (24, 24, 1, 59, 80), (24, 24, 2, 65, 80)]
    return Piece(make_notes([*rows, (48, 96, 0, 48, 80), (48, 96, 1, 60, 80), (48, 96, 2, 64, 80)]), VOICES)


def test_a_cadence_ends_on_its_tonic_with_a_long_note():
    assert bass_ends_on_tonic(cadence()) == 1.0
    assert ends_long(cadence()) == 1.0
    assert describe_close(cadence())["in the triad"] == 1.0
    cut_short = cadence().with_notes(cadence().notes[:6])
    assert bass_ends_on_tonic(cut_short) == 0.0
    assert ends_long(cut_short) == 0.0


@pytest.mark.parametrize(
    "piece",
    [EMPTY, ONE_NOTE, melody([60, 62]), drums([36, 38] * 40), performed_piece(), gridded_piece()],
    ids=["empty", "one note", "two notes", "drums", "performed", "three tracks"],
)
def test_every_piece_has_the_same_figures(piece):
    described, usual = describe(piece), describe(tune())
    assert list(described) == [*GROUPS, VELOCITY]
    assert {name: list(group) for name, group in described.items()} == {
        name: list(group) for name, group in usual.items()
    }
    assert all(
        isinstance(value, float) and not np.isinf(value) for group in described.values() for value in group.values()
    )
    assert list(describe_close(piece)) == list(describe_close(tune()))


def test_drums_alone_have_figures_of_pitch_and_beside_others_none():
    assert describe(drums([36, 38] * 40))["pitch"]["different"] == 2.0
    assert describe(gridded_piece())["pitch"]["lowest"] >= 40  # its drums lie from 35 on


def test_figures_are_those_of_the_beginning():
    long = wandering(0, 400)
    assert describe(long, 150) == describe(long.with_notes(long.notes[:150]), 150)
    assert tables([long, wandering(1)])["pitch"].shape == (2, len(describe(long)["pitch"]))


def test_real_music_is_hardly_told_from_its_like_and_always_from_noise():
    real = [wandering(seed) for seed in range(40)]
    same = tell_apart(real, [wandering(seed) for seed in range(100, 140)], seeds=(0,))
    assert 0.3 < same.auc < 0.7
    assert same.floor is not None
    assert 0.3 < same.floor < 0.7
    assert set(same.by_group) == {*GROUPS, VELOCITY}
    other = tell_apart(real, [noise(seed) for seed in range(40)], seeds=(0,))
    assert other.auc > 0.98
    assert other.by_group["rhythm"] > 0.98
    assert other.by_group[VELOCITY] < 0.7  # all notes are struck alike on both sides


def test_the_beginning_is_shorter_where_few_pieces_are_long():
    assert beginning_of(np.array([400] * 30)) == 150
    assert beginning_of(np.array([400] * 19 + [110, 20])) == 100
    assert beginning_of(np.array([110, 400, 220])) == 100
    assert beginning_of(np.zeros(0, int)) == 0


def test_a_mean_within_the_range_of_real_music_is_usual():
    assert Beside(0.5, 0.4, 0.1, 0.6).is_usual
    assert not Beside(0.7, 0.4, 0.1, 0.6).is_usual


def test_the_range_of_what_a_piece_has_or_has_not_is_that_of_its_share():
    found = _compared([0.0] * 15 + [1.0] * 10, [1.0] * 9 + [0.0])
    assert found is not None
    assert dataclasses.astuple(found) == pytest.approx((0.4, 0.9, 0.78, 1.0))
    assert not found.is_usual
    assert _compared([0.5], np.linspace(0.2, 0.8, 7)).low == pytest.approx(0.23)
    assert _compared([0.5], [float("nan")]) is None


@pytest.fixture(scope="module")
def model(tiny_model_dir):
    return load_model(tiny_model_dir / "tiny")


def test_first_takes_are_those_that_composing_begins_with(model):
    settings = default_settings(model, num_notes=200, num_pieces=6, seed=1)
    takes, pieces = first_takes(model, settings), compose(model, settings)
    good = [index for index, one in enumerate(pieces) if not one.notices]
    assert good
    assert all(np.array_equal(takes[index].notes, pieces[index].piece.notes) for index in good)


def test_a_take_that_is_rejected_is_a_first_take_all_the_same(model, monkeypatch):
    draws = []
    from melodyforge.composing import takes as drawing

    def counted(task, start, indices, draw):
        draws.append(draw)
        return original(task, start, indices, draw)

    original = drawing.grow
    monkeypatch.setattr(drawing, "grow", counted)
    fussy = model.config | {
        "habits": {"": {"loop_onsets": 0, "gap_quarters": 0, "note_quarters": 0.01, "polyphony": 0}}
    }
    fussy_model = dataclasses.replace(model, config=fussy)
    settings = default_settings(model, num_notes=20, seed=1)
    assert len(first_takes(fussy_model, settings)) == 1
    assert draws == [0]
    compose(fussy_model, settings)
    assert draws == [0, *range(MAX_DRAWS)]


@pytest.mark.slow
def test_a_model_is_heard_beside_real_music(model, tmp_path):
    store = write_store(tmp_path / "tunes", [tune(index % 12 - 6, 10 + index % 9) for index in range(26)])
    data = prepare_data(store, small("forge"), model.representation)
    music = real_music(store, data, "", 20)
    assert music is not None
    assert 0 < music.num_held_out < len(music.pieces) <= 26
    assert all(len(piece) >= music.num_notes for piece in music.pieces)
    heard = hear_style(model, music, 12)
    assert heard.told is not None
    assert 0 <= heard.told.auc <= 1
    assert "time with a bass" in heard.figures
    assert "parallel fifths and octaves" not in heard.figures  # tunes have no voices
    assert json.dumps(dataclasses.asdict(heard), allow_nan=False)
    quick = hear_quickly(model, music.pieces, 12)
    assert 0 <= quick["told from real"] <= 1
    assert quick["onsets on the grid of sixteenths"] > 0.5


@pytest.mark.slow
def test_a_training_is_listened_to_when_an_epoch_took_a_while(model, tmp_path, monkeypatch):
    store = write_store(tmp_path / "tunes", [tune(index % 12 - 6, 10 + index % 9) for index in range(26)])
    ear = Ear(store, small("forge"))
    assert ear.listen(model) is None
    monkeypatch.setattr("melodyforge.evaluation.ear.LEAST_SECONDS", 0.0)
    told = ear.listen(model)
    assert told is not None
    assert 0 <= told <= 1
    few = Ear(write_store(tmp_path / "few", [tune()] * 3), small("forge"))
    assert few.listen(model) is None
