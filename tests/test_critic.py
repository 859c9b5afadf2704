"""The critic: what it hears, how it is kept, and how candidates are chosen by it."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

import melodyforge
from melodyforge.bundle import add_critic, load_model
from melodyforge.compose import compose, first_takes, reproduce
from melodyforge.composing.takes import draw_takes
from melodyforge.composing.task import CANDIDATES, make_task
from melodyforge.composing.wishes import default_settings
from melodyforge.composition import read_origin
from melodyforge.errors import SettingsError
from melodyforge.evaluation.school import teach
from melodyforge.figures.closes import last_sonority
from melodyforge.figures.critic import (
    PARTS,
    SIZES,
    Critic,
    figure_names,
    figures_of,
    last_notes,
    pack_critic,
    scaled,
    unpack_critic,
)
from melodyforge.music.piece import Meter, Piece, make_notes
from melodyforge.music.traits import read_traits
from tests.conftest import write_store
from tests.music_samples import tune


def liking(figure, style="", much=100.0):
    """A critic that likes much of a figure."""
    of_music, of_closes = figure_names()
    judge, close = (np.zeros((len(PARTS), len(names)), np.float32) for names in (of_music, of_closes))
    for one in (judge, close):
        one[PARTS.index("deviation")] = 100
    for one, names in ((judge, of_music), (close, of_closes)):
        if figure in names:
            one[PARTS.index("weight"), names.index(figure)] = much
    return Critic({style: np.repeat(judge[None], len(SIZES), axis=0)}, {style: close})


@pytest.fixture(scope="module")
def critical():
    """The starter with a critic of fiddle tunes that likes them high."""
    return replace(melodyforge.load("starter"), critic=liking("pitch/mean", "fiddle-tunes"))


def settings_of(model, **others):
    return default_settings(model, **{"style": "fiddle-tunes", "num_notes": 100, "seed": 1} | others)


def test_the_last_notes_begin_in_the_first_bar_at_their_place():
    piece = replace(tune(), meters=(Meter(0, 4, 4), Meter(96 * 4, 3, 4)))
    part = last_notes(piece, 100, 20)
    onsets = piece.notes["onset"][80:100]
    assert np.array_equal(np.diff(part.notes["onset"]), np.diff(onsets))
    assert part.bars_at(part.notes["onset"][:1])[1] == piece.bars_at(onsets[:1])[1]
    assert part.main_meter.numerator == 3
    assert part.notes["onset"][0] < 72


def test_figures_far_away_or_missing_count_within_bounds():
    usual, mean, deviation = np.array([1.0, 1.0]), np.zeros(2), np.ones(2)
    assert scaled(np.array([np.nan, 100.0]), usual, mean, deviation).tolist() == [1.0, 4.0, 0.0, 15.0]


def test_a_critic_comes_back_the_same():
    critic = liking("pitch/mean", "a")
    again = unpack_critic(pack_critic(critic))
    assert list(again.judges) == ["a"]
    assert np.array_equal(again.judges["a"], critic.judges["a"])
    assert np.array_equal(again.closes["a"], critic.closes["a"])
    assert unpack_critic(pack_critic(critic) | {"figures": 1}) is None  # it was taught other figures


@pytest.mark.parametrize(
    "change",
    [{"judges": "00"}, {"closes": "x"}, {"styles": ["a", "b"]}, {"styles": 3}, {"closes": None}, {"more": 1}],
)
def test_a_critic_that_is_none_is_refused(change):
    with pytest.raises(SettingsError):
        unpack_critic(pack_critic(liking("pitch/mean")) | change)
    broken = liking("pitch/mean")
    broken.judges[""][0, 0, 0] = np.inf
    with pytest.raises(SettingsError, match="finite"):
        unpack_critic(pack_critic(broken))


def test_what_the_critic_likes_is_composed_more_with_more_effort(critical):
    def mean_pitch(effort):
        takes = first_takes(critical, settings_of(critical, num_pieces=6, effort=effort))
        return np.mean([take.notes["pitch"].mean() for take in takes])

    quick, good, best = map(mean_pitch, CANDIDATES)
    assert quick < good < best


def test_how_a_piece_ends_is_chosen_too():
    model = replace(melodyforge.load("starter"), critic=liking("notes that ring", "bach-chorales"))
    settings = default_settings(model, style="bach-chorales", num_notes=60, num_pieces=6, seed=2)
    quick, good = (first_takes(model, settings.changed(effort=effort)) for effort in ("quick", "good"))
    assert sum(len(last_sonority(take)) for take in good) > sum(len(last_sonority(take)) for take in quick)


def test_of_candidates_one_that_is_what_was_asked_for_is_chosen():
    model = melodyforge.load("starter")
    settings = default_settings(model, style="mozart", mood="sad", num_notes=80, num_pieces=6, seed=1)

    def num_sad(effort):
        takes = first_takes(model, settings.changed(effort=effort))
        return sum(read_traits(take).mood == "sad" for take in takes)

    assert num_sad("good") > num_sad("quick")


def test_quick_is_what_is_composed_without_a_critic(critical):
    alone = replace(critical, critic=None)
    (first,), (second,) = (compose(one, settings_of(one, effort="quick")) for one in (critical, alone))
    assert np.array_equal(first.piece.notes, second.piece.notes)
    (third,) = compose(alone, settings_of(alone, effort="best"))
    assert np.array_equal(first.piece.notes, third.piece.notes)


def test_chosen_pieces_are_the_same_alone_beside_others_and_again(critical):
    task = make_task(critical, settings_of(critical, num_pieces=3), None)
    beside = draw_takes(task, [0, 1, 2], 0)
    (alone,) = draw_takes(task, [1], 0)
    assert np.array_equal(alone.piece.notes, beside[1].piece.notes)
    composition = compose(critical, settings_of(critical))[0]
    assert reproduce(critical, read_origin(composition.to_midi())).to_midi() == composition.to_midi()


def test_whoever_listens_is_shown_what_has_been_chosen(critical):
    shown = []
    (composition,) = compose(
        critical, settings_of(critical), listener=lambda growing: shown.append(growing.piece(0).notes)
    )
    sizes = [len(notes) for notes in shown]
    assert sizes == sorted(sizes) or composition.notices
    assert 30 <= sizes[33] < 40
    assert np.array_equal(shown[40]["pitch"], composition.piece.notes["pitch"][: len(shown[40])]) or composition.notices


def test_whoever_ends_it_gets_what_is_there_and_can_have_it_again(critical):
    settings = settings_of(critical)
    (ended,) = compose(critical, settings, listener=lambda growing: growing.num_rows == 20)
    assert len(ended.piece) == 20
    assert reproduce(critical, read_origin(ended.to_midi())).to_midi() == ended.to_midi()


def test_a_primer_stays_beside_candidates(critical):
    primer = tune()
    (composition,) = compose(critical, settings_of(critical, num_notes=40), primer)
    rows = critical.representation.decode(critical.representation.encode(primer)).notes
    assert np.array_equal(composition.piece.notes["pitch"][: len(primer)], rows["pitch"])


def test_a_critic_is_taught_and_kept_with_the_model(tiny_model_dir, tmp_path):
    shutil.copytree(tiny_model_dir / "tiny", tmp_path / "tiny")
    model, store = load_model(tmp_path / "tiny"), write_store(tmp_path / "dataset", [tune(up) for up in range(12)])
    critic, corrections = teach(model, store, np.arange(len(store)))
    (style,) = critic.judges
    real = store[0]
    noise = Piece(make_notes([(7 * i, 5, 0, 30 + 17 * i % 60, 80) for i in range(len(real))]), style=style)
    assert critic.score(real) > critic.score(noise)
    assert not np.isnan(figures_of(real)).all()
    add_critic(tmp_path / "tiny", critic, corrections)
    kept = load_model(tmp_path / "tiny")
    assert kept.critic.score(real) == pytest.approx(critic.score(real), abs=0.2)  # as float16
    assert kept.network is not None
    assert kept.metrics == model.metrics
