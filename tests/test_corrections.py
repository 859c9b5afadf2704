"""Corrections: what is compared, what it does to what is composed, and how it is kept."""

from dataclasses import replace

import numpy as np
import pytest

import melodyforge
from melodyforge.compose import first_takes
from melodyforge.composing.wishes import default_settings
from melodyforge.decoding.corrections import (
    CHORDS,
    DEGREES,
    LARGEST,
    MOVES,
    NUM_KINDS,
    ORDER,
    SHARPNESS,
    SIZE,
    SONORITIES,
    Corrections,
    compared,
    count,
    crosses,
    pack_corrections,
    unpack_corrections,
)
from melodyforge.errors import SettingsError
from melodyforge.music.keys import Key
from melodyforge.music.piece import Piece, Track, make_notes
from melodyforge.tokens.past import Past
from tests.music_samples import gridded_piece

UP_A_STEP = NUM_KINDS // 2 + 1


@pytest.fixture(scope="module")
def starter():
    return melodyforge.load("starter")


def rows_of(starter, notes, *tracks):
    piece = Piece(make_notes(notes), tracks or (Track(73),))
    return starter.representation.encode(piece)


def is_drum(starter):
    return starter.representation.vocabulary.tracks.is_drum


def test_moves_chords_what_sounds_together_and_degrees_are_counted(starter):
    line = rows_of(starter, [(24 * index, 24, 0, 60 + 2 * index, 80) for index in range(4)])
    counts = count([(line, None)], is_drum(starter))
    moves = counts[MOVES].reshape(NUM_KINDS, NUM_KINDS)
    assert moves[UP_A_STEP, UP_A_STEP] == moves.sum() == 2  # the first two notes have no move before theirs
    assert counts[SONORITIES][0] == 4  # nothing else sounds
    chord = rows_of(starter, [(0, 96, 0, pitch, 80) for pitch in (60, 64, 67)], Track(0))
    counts = count([(chord, Key(9, is_minor=True))], is_drum(starter))
    assert counts[CHORDS][[3, 4]].tolist() == [1, 1]
    assert counts[DEGREES].nonzero()[0].tolist() == [12 + 3, 12 + 7, 12 + 10]  # C, E and G in A minor
    assert counts[SONORITIES][[2 ** (12 - 4 - 1), 2 ** (12 - 7 - 1) + 2 ** (12 - 3 - 1)]].tolist() == [1, 1]


def test_voices_that_cross_are_counted(starter):
    voices = (Track(52, name="Soprano"), Track(52, name="Alto"))
    rows = rows_of(starter, [(0, 48, 0, 67, 80), (0, 96, 1, 62, 80), (48, 48, 0, 60, 80), (96, 48, 1, 69, 80)], *voices)
    crossing = crosses(Past.of_rows(rows, is_drum(starter)).select(slice(0, 4)), rows, is_drum(starter))
    assert crossing[1, 66:69].tolist() == [False, False, True]  # the soprano's 67 begins at the same step
    assert crossing[2, 61:64].tolist() == [True, False, False]  # the alto's 62 still sounds
    assert not crossing[3].any()  # nothing else sounds
    assert count([(rows, None)], is_drum(starter))[ORDER].tolist() == [3, 1]


def test_drums_are_not_counted(starter):
    drums = rows_of(starter, [(24 * index, 24, 0, 36 + index, 80) for index in range(6)], Track(0, True))
    assert count([(drums, Key(0))], is_drum(starter)).sum() == 0


def test_what_music_does_seldom_is_made_rarer_and_what_it_does_as_often_is_left():
    real, composed = np.ones(SIZE), np.ones(SIZE)
    real[MOVES.start], composed[MOVES.start + 1] = 1000, 1000
    table = compared(real, composed)
    assert table[MOVES.start] == LARGEST
    assert table[MOVES.start + 1] == -LARGEST
    assert not table[CHORDS].any()
    assert not compared(np.zeros(SIZE), np.zeros(SIZE)).any()


def test_sharper_choices_are_those_of_a_lower_temperature(starter):
    table = np.zeros(SIZE, np.float32)
    table[SHARPNESS] = np.log(2)
    settings = default_settings(starter, style="chopin", num_notes=40, num_pieces=2, seed=1, form="free", temperature=1)
    settings = settings.changed(effort="quick")
    sharp = first_takes(replace(starter, corrections=Corrections({"chopin": table})), settings)
    cold = first_takes(replace(starter, corrections=Corrections({})), settings.changed(temperature=0.5))
    for one, other in zip(sharp, cold, strict=True):
        assert np.array_equal(one.notes[:30], other.notes[:30])  # what is added for an end is not multiplied


def test_composed_lines_move_as_the_corrections_say(starter):
    table = np.zeros(SIZE, np.float32)
    moves = table[MOVES].reshape(NUM_KINDS, NUM_KINDS)
    moves[:, : NUM_KINDS // 2], moves[:, NUM_KINDS // 2 + 1 :] = LARGEST, -LARGEST
    settings = default_settings(starter, style="fiddle-tunes", num_notes=80, num_pieces=4, seed=1)
    sinking = first_takes(replace(starter, corrections=Corrections({"fiddle-tunes": table})), settings)
    others = first_takes(replace(starter, corrections=Corrections({"chopin": table})), settings)
    plain = first_takes(replace(starter, corrections=Corrections({})), settings)
    assert [one.notes.tolist() for one in others] == [one.notes.tolist() for one in plain]
    falls = [
        np.mean(np.concatenate([np.diff(one.notes["pitch"].astype(int)) < 0 for one in pieces]))
        for pieces in (sinking, plain)
    ]
    assert falls[0] > falls[1] + 0.1


def test_corrections_are_kept_and_damaged_ones_refused(starter):
    rows = starter.representation.encode(gridded_piece())
    counts = count([(rows, Key(0))], is_drum(starter))
    corrections = Corrections({"": compared(counts, np.ones(SIZE)), "waltz": compared(np.ones(SIZE), counts)})
    packed = pack_corrections(corrections)
    kept = unpack_corrections(packed)
    assert list(kept.tables) == ["", "waltz"]
    np.testing.assert_allclose(kept.tables["waltz"], corrections.tables["waltz"], atol=1e-3)
    for change, words in (
        ({"tables": packed["tables"][4:]}, f"{SIZE:,} numbers for each style"),
        ({"tables": "zz" + packed["tables"][2:]}, "numbers for each style"),
        ({"tables": "007c" + packed["tables"][4:]}, "numbers from -2.0 to 2.0"),
        ({"styles": "waltz"}, "`styles` must be"),
    ):
        with pytest.raises(SettingsError, match=words):
            unpack_corrections(packed | change)
