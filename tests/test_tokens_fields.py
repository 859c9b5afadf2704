"""Notes <-> rows of fields that are predicted side by side, as classes or as numbers."""

import numpy as np
import pytest

from melodyforge.errors import CorpusError, SettingsError
from melodyforge.music.piece import Piece, Track, make_notes
from melodyforge.settings import RepresentationSettings
from melodyforge.tokens.features import NOT_ASKED
from melodyforge.tokens.fields import FieldsRepresentation
from melodyforge.tokens.headings import Heading
from melodyforge.tokens.numbers import NUM_ATOMS
from melodyforge.tokens.representation import Change
from tests.music_samples import gridded_piece, performed_piece, tune

CLASSES = RepresentationSettings(kind="fields")
NUMBERS = RepresentationSettings(kind="fields", numbers=True, velocity=True)


def fitted(settings=CLASSES, *pieces):
    return FieldsRepresentation.fit(settings, pieces or [tune(), gridded_piece()])


def test_a_piece_of_one_track_comes_back_as_it_was():
    representation = fitted(NUMBERS, performed_piece())
    notes = representation.decode(representation.encode(performed_piece())).notes
    again = representation.decode(
        representation.encode(representation.decode(representation.encode(performed_piece())))
    )
    assert np.array_equal(notes, again.notes)
    assert np.array_equal(notes["pitch"], performed_piece().notes["pitch"])
    assert np.abs(notes["onset"] - performed_piece().notes["onset"]).max() == 0


def test_all_pitched_tracks_are_heard_as_one():
    rows = fitted().encode(tune(0, 2))
    assert len(rows) == 18
    assert rows["pitch"][:3].tolist() == [48, 60, 64]
    assert rows["shift"][:3].tolist() == [0, 0, 12]
    heard = fitted().encode(gridded_piece())
    assert set(heard["pitch"].tolist()) <= set(range(40, 72))  # drums lie lower, too


def test_the_instrument_with_the_most_notes_is_taken_or_the_one_that_is_named():
    alone = RepresentationSettings(kind="fields", voices="instrument")
    assert fitted(alone, tune()).program == 73
    piano = fitted(alone.changed(instrument="acoustic grand piano"), tune())
    assert set(piano.encode(tune())["pitch"].tolist()) == {48, 53, 55}
    with pytest.raises(CorpusError, match="'violin'"):
        fitted(alone.changed(instrument="violin"), tune())
    with pytest.raises(SettingsError, match="'gong drums'"):
        fitted(alone.changed(instrument="gong drums"), tune())


def test_music_without_pitched_notes_is_refused():
    drums = Piece(make_notes([(0, 6, 0, 36, 80)]), (Track(0, True),))
    with pytest.raises(CorpusError, match="pitched notes"):
        fitted(CLASSES, drums)


@pytest.mark.parametrize("settings", [CLASSES, NUMBERS])
def test_windows_and_contexts_tell_the_same(settings):
    representation = fitted(settings)
    rows = representation.encode(tune())
    window, context = representation.window(rows, 0, len(rows) + 1), representation.begin([Heading()])
    for index in range(len(rows)):
        for name, value in context.inputs().items():
            assert value[0] == window[name][index]
        for head in representation.heads:
            context.choose(head, window[f"target_{head.name}"][None, index])
        context.commit()
    assert np.array_equal(context.rows(0), rows)
    context.choose(representation.heads[0], window["target_pitch"][None, -1])
    assert context.has_ended.all()


@pytest.mark.parametrize("settings", [CLASSES, NUMBERS])
def test_a_window_tells_nothing_of_the_note_that_is_to_be_predicted(settings):
    representation = fitted(settings)
    rows = representation.encode(tune())
    other = rows.copy()
    other[40:] = other[40:][::-1]
    seen, changed = (representation.window(one, 9, 32) for one in (rows, other))  # row 40 is predicted last
    assert any(seen[f"target_{head.name}"][-1] != changed[f"target_{head.name}"][-1] for head in representation.heads)
    for feature in representation.inputs:
        assert np.array_equal(seen[feature.name], changed[feature.name])


def test_notes_of_one_onset_come_from_low_to_high():
    representation = fitted()
    context = representation.begin([Heading()] * 2)
    pitch, shift, duration = representation.heads
    for pitches in ((60, 60), (64, 57)):
        context.choose(pitch, np.array(pitches))
        forbidden = context.illegal(shift)
        context.choose(shift, np.array([0, 0]))
        context.choose(duration, np.array([0, 0]))
        context.commit()
    assert forbidden[:, 0].tolist() == [False, True]  # a third above it may sound at once, a third below comes later
    assert not forbidden[:, 1:].any()


def test_before_a_piece_there_is_nothing():
    representation = fitted()
    rows = representation.encode(tune())
    window, whole = representation.window(rows, -5, 8), representation.window(rows, 0, 8)
    assert (window["pitch"][:6] == 128).all()
    assert (window["target_pitch"][:5] == NOT_ASKED).all()
    assert np.array_equal(window["pitch"][5:], whole["pitch"][:3])
    assert np.array_equal(window["target_pitch"][5:], whole["target_pitch"][:3])


def test_windows_are_moved_as_far_as_pitches_go():
    representation = fitted()
    rows = representation.encode(tune())
    still, moved = (representation.window(rows, 3, 8, Change(semitones)) for semitones in (0, 4))
    assert np.array_equal(moved["target_pitch"], still["target_pitch"] + 4)
    assert np.array_equal(moved["pitch"], still["pitch"] + 4)


def test_numbers_have_mean_0_and_deviation_1_and_their_classes_lie_between_borders():
    representation = fitted(NUMBERS, performed_piece())
    rows = representation.encode(performed_piece())
    told, classes = representation.told_as(rows), representation.classes(rows)
    for head in representation.heads:
        if head.name == "pitch":
            continue
        assert abs(told[head.name].mean()) < 0.1
        assert abs(told[head.name].std() - 1) < 0.1
        assert np.array_equal(np.searchsorted(head.borders, told[head.name]), classes[head.name])


def test_a_chord_and_the_commonest_values_have_a_chance_of_their_own():
    piece = performed_piece()
    for head in fitted(NUMBERS, piece).heads[1:]:
        often = np.bincount(fitted(NUMBERS, piece).classes(fitted(NUMBERS, piece).encode(piece))[head.name])
        assert often.argmax() in head.atoms
        assert len(head.atoms) == min(NUM_ATOMS, head.size)
    assert 0 in fitted(NUMBERS, piece).heads[1].atoms


def test_a_vocabulary_comes_back_from_its_state():
    representation = fitted(NUMBERS)
    again = FieldsRepresentation.from_state(NUMBERS, representation.state())
    assert again.heads == representation.heads
    assert np.array_equal(again.encode(tune()), representation.encode(tune()))
