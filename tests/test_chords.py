"""Chords: read from pieces, and told to networks."""

from dataclasses import replace

import numpy as np
import pytest

from melodyforge.music.chords import NO_CHORD, NO_CHORDS, QUALITIES, SEMITONES, chord_class, read_chords
from melodyforge.music.form import NO_FORM
from melodyforge.music.piece import Meter, Piece, Track, make_notes
from melodyforge.tokens.features import NOT_ASKED
from melodyforge.tokens.harmony import ToldChords, chords_of_rows
from melodyforge.tokens.headings import heading_of
from melodyforge.tokens.representation import Change
from tests.music_samples import gridded_piece, performed_piece, tune
from tests.test_tokens_notes import fit


def chord(root, quality="major"):
    return chord_class(root, QUALITIES.index(quality))


def block_chords(chords, steps=96, meter=(4, 4)):
    """A piece of chords in root position, one a bar or shorter."""
    rows = [
        (index * steps, steps, 0, 48 + root + interval, 80)
        for index, (root, quality) in enumerate(chords)
        for interval in SEMITONES[quality]
    ]
    return Piece(make_notes(rows), meters=(Meter(0, *meter),))


def test_every_chord_is_read_as_what_it_is():
    ambiguous = ("augmented", "diminished-seventh", "suspended-fourth")  # also chords of other roots
    chords = [(root, quality) for quality in QUALITIES if quality not in ambiguous for root in (0, 7, 2, 9)]
    found = read_chords(block_chords(chords))
    assert found.steps == tuple(range(0, 96 * len(chords), 96))
    assert found.chords == tuple(chord(*one) for one in chords)


def test_a_passing_note_changes_no_chord():
    piece = block_chords([(0, "major")])
    passing = make_notes([(12, 6, 0, 74, 80), (40, 4, 0, 77, 80)])
    found = read_chords(piece.with_notes(np.concatenate([piece.notes, passing])))
    assert found.chords == (chord(0),)


def test_chords_of_compound_meters_change_on_their_beats():
    found = read_chords(block_chords([(0, "major"), (5, "major"), (7, "major")], steps=36, meter=(6, 8)))
    assert found.steps == (0, 36, 72)


@pytest.mark.parametrize(
    "piece", [performed_piece(), Piece(make_notes([])), Piece(make_notes([(0, 5, 0, 38, 80)]), (Track(0, True),))]
)
def test_without_beat_or_pitches_there_are_no_chords(piece):
    assert read_chords(piece) == NO_CHORDS


@pytest.mark.parametrize("piece", [gridded_piece(num_notes=200), tune(), performed_piece()])
def test_window_and_context_tell_the_same_chords(piece):
    representation = fit(piece)
    rows = representation.encode(piece)
    change = Change(semitones=2, tells_chords=True)
    window = representation.window(rows, 0, len(rows), change)
    heading = replace(heading_of(piece), form=NO_FORM, chords=chords_of_rows(rows, 2))
    context = representation.begin([heading])
    for index in range(len(rows)):
        told = context.inputs()
        for head in representation.heads:
            told |= context.told(head)
            target = window[f"target_{head.name}"][index]
            assert target != NOT_ASKED
            context.choose(head, np.array([target]))
        for name in [name for name in told if "chord" in name]:
            assert np.array_equal(told[name][0], window[name][index]), (index, name)
        context.commit()
    assert window["new_chord_root"].any() == (not piece.is_performed)


def test_chords_move_with_the_music():
    piece = block_chords([(0, "major"), (9, "minor"), (11, "diminished"), (7, "dominant")])
    representation = fit(piece)
    moved = chords_of_rows(representation.encode(piece), 3)
    assert moved.chords == read_chords(piece.transposed(3)).chords
    assert chords_of_rows(representation.encode(piece), 0) == read_chords(piece)


def test_nothing_is_told_before_the_first_chord_and_behind_the_last():
    harmony = ToldChords([replace(NO_CHORDS, steps=(96, 192), chords=(chord(7), NO_CHORD))] * 2)
    place = harmony.place(np.array([0, 100]))
    assert harmony.root(place).tolist() == [0, 8]
    assert harmony.kind(place + 1).tolist() == [1, 0]
    assert harmony.left(place, np.array([0, 100])).all()
    assert not harmony.left(harmony.place(np.array([200, 10**6])), np.array([200, 10**6])).any()
