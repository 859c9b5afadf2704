"""What degenerates while it is composed is taken back to before it did, and goes on from there."""

import re
from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import melodyforge
from melodyforge.compose import compose, reproduce, stream
from melodyforge.composing import watch
from melodyforge.composing.takes import draw_takes
from melodyforge.composing.task import MAX_DRAWS, make_task
from melodyforge.composing.watch import ROWS_LOST
from melodyforge.composing.wishes import default_settings
from melodyforge.composition import KEPT, read_origin
from melodyforge.figures.closes import bass_ends_on_tonic
from melodyforge.music.habits import Habits, find_fault
from melodyforge.music.piece import Piece, make_notes

MENDED = re.compile(r"drawn again from note ([\d,]+) on because it loops for \d+ notes")
HEARD = ["onset", "duration", "pitch"]


@pytest.fixture(scope="module")
def starter():
    return melodyforge.load("starter")


def settings_of(starter, **others):
    """A style in which much loops where nobody chooses."""
    return default_settings(
        starter, **{"style": "fiddle-tunes", "num_notes": 130, "temperature": 0.8, "effort": "quick"} | others
    )


def normal_of(starter, style="fiddle-tunes"):
    return Habits.from_dict(starter.config["habits"][style])


@pytest.fixture(scope="module")
def mended(starter):
    """A composition that was mended once, its settings, and how it would have gone on."""
    for seed in range(2, 40):
        settings = settings_of(starter, seed=seed)
        (composition,) = compose(starter, settings)
        if len(composition.notices) == 1 and MENDED.fullmatch(composition.notices[0]):
            with threadpool_limits(1):
                *_, first = stream(starter, settings)
            return composition, settings, first
    raise AssertionError("nothing loops, or nothing is mended")


def test_what_comes_before_a_loop_stays_and_the_loop_is_gone(starter, mended):
    composition, _, first = mended
    fault, num_kept = find_fault(first, normal_of(starter)), int(MENDED.match(composition.notices[0])[1]) - 1
    assert "loops" in fault.words
    assert find_fault(composition.piece, normal_of(starter)) is None
    assert 1 <= num_kept <= fault.note
    same, other = composition.piece.notes[HEARD], first.notes[HEARD]
    assert np.array_equal(same[:num_kept], other[:num_kept])
    assert not np.array_equal(same[num_kept : num_kept + 20], other[num_kept : num_kept + 20])


def test_the_same_seed_is_mended_in_the_same_way(starter, mended):
    composition, settings, _ = mended
    data = composition.to_midi()
    assert compose(starter, settings)[0].to_midi() == data
    assert reproduce(starter, read_origin(data)).to_midi() == data


def test_pieces_are_mended_beside_others_as_they_are_alone(starter):
    for seed in range(1, 20):
        task = make_task(starter, settings_of(starter, num_pieces=4, num_notes=160, seed=seed, temperature=0.8), None)
        beside = draw_takes(task, [0, 1, 2, 3], 0)
        if sum(bool(take.mended) for take in beside) >= 2:
            break
    assert sum(bool(take.mended) for take in beside) >= 2
    for index, take in enumerate(beside):
        (alone,) = draw_takes(task, [index], 0)
        assert np.array_equal(alone.piece.notes, take.piece.notes)
        assert (alone.mended, alone.is_whole) == (take.mended, take.is_whole)


def test_whoever_listens_hears_what_takes_the_place_of_a_loop(starter, mended):
    composition, settings, _ = mended
    heard = []
    compose(starter, settings, listener=lambda growing: heard.append(growing.piece(0).notes[["onset", "pitch"]]))
    (fall,) = [index for index in range(1, len(heard)) if len(heard[index]) < len(heard[index - 1])]
    assert np.array_equal(heard[fall], heard[fall - 1][: len(heard[fall])])  # no note that has gone, none that is new
    assert np.array_equal(heard[-1], composition.piece.notes[["onset", "pitch"]])


def test_what_cannot_be_mended_costs_no_whole_take_and_one_is_kept_in_the_end(starter):
    num_notes, rows = 150, [0] * MAX_DRAWS

    def count(growing):
        rows[growing.draw] += 1

    habits = Habits(loop_onsets=0.5).to_dict()  # a single onset that comes again is too much
    strict = replace(starter, config=starter.config | {"habits": {"": habits}})
    (composition,) = compose(strict, settings_of(strict, num_notes=num_notes, seed=0), listener=count)
    assert max(rows[: MAX_DRAWS // 2]) < num_notes + ROWS_LOST
    assert min(rows[MAX_DRAWS // 2 :]) >= 0.9 * num_notes
    assert len(composition.piece) >= 0.9 * num_notes
    assert sum(notice.startswith("drawn again because") for notice in composition.notices) == MAX_DRAWS - 1
    assert composition.notices[-1].startswith(KEPT)


def test_of_many_takes_that_cannot_be_mended_a_whole_one_is_kept_too(starter, monkeypatch):
    monkeypatch.setattr(watch, "ROWS_LOST", 20)
    habits = Habits(loop_onsets=0.5).to_dict()
    strict = replace(starter, config=starter.config | {"habits": {"": habits}})
    settings = settings_of(strict, num_notes=40, seed=0, effort="quick", best_of=3)
    (composition,) = compose(strict, settings)
    assert len(composition.piece) >= 36
    rejected = [re.match("rejected ([0-9]) takes? because it loops", notice) for notice in composition.notices]
    assert sum(int(found[1]) for found in rejected if found) == 5
    assert composition.notices[-1].startswith(KEPT)


def test_a_primer_is_never_taken_back(starter):
    pitches = [74, 76, 78, 79] * 25
    primer = Piece(make_notes([(12 * index, 12, 0, pitch, 80) for index, pitch in enumerate(pitches)]))
    settings = settings_of(starter, num_notes=60, num_pieces=2, temperature=0.7, seed=0)
    for composition in compose(starter, settings, primer):
        assert np.array_equal(composition.piece.notes[HEARD][: len(primer)], primer.notes[HEARD])
        for notice in composition.notices:
            assert not (found := MENDED.match(notice)) or int(found[1]) > len(primer)


def test_an_end_that_stays_open_is_composed_again_where_real_music_closes(monkeypatch):
    starter = melodyforge.load("starter")
    settings = default_settings(starter, style="fiddle-tunes", num_notes=100, num_pieces=6, seed=0)
    closed = compose(starter, settings)
    monkeypatch.setattr(watch, "MOST_CLOSES", 0)
    as_drawn = compose(starter, settings)
    is_open = [not bass_ends_on_tonic(one.piece) for one in as_drawn]
    assert any(is_open)
    told = [any("its end stayed open" in notice for notice in one.notices) for one in closed]
    assert told == is_open
    assert sum(bass_ends_on_tonic(one.piece) for one in closed) > 6 - sum(is_open)
    quick = compose(starter, settings.changed(effort="quick"))
    assert not any("stayed open" in notice for one in quick for notice in one.notices)
