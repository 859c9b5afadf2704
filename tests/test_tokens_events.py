"""Note, chord and rest events <-> ids."""

import numpy as np
import pytest

from melodyforge.errors import CorpusError
from melodyforge.music.piece import Piece, Track, make_notes
from melodyforge.settings import RepresentationSettings
from melodyforge.tokens.events import EventsRepresentation, event_text, parse_event, piece_events
from melodyforge.tokens.features import NOT_ASKED
from melodyforge.tokens.representation import Change
from tests.music_samples import gridded_piece, performed_piece, tune

LEARNED = RepresentationSettings(kind="events", min_count=1)
FIXED = RepresentationSettings(kind="events", rhythm="fixed", min_count=1)

MELODY = Piece(
    make_notes([(0, 12, 0, 61, 80), (12, 24, 0, 60, 80), (12, 24, 0, 64, 80), (12, 24, 0, 67, 80), (48, 24, 0, 72, 80)])
)


def texts(piece, is_fixed=False):
    return [event_text(*event) for event in piece_events(piece, is_fixed)]


def test_notes_chords_and_rests_have_the_expected_names():
    assert texts(MELODY) == ["C#4:12", "60.64.67:24", "rest:12", "C5:24"]
    assert texts(MELODY, is_fixed=True) == ["C#4", "60.64.67", "C5"]


@pytest.mark.parametrize("pitches", [(), (0,), (61,), (127,), (60, 64, 67)])
@pytest.mark.parametrize("steps", [12, 48])
def test_event_text_and_parse_event_are_inverse(pitches, steps):
    assert parse_event(event_text(pitches, steps)) == (pitches, steps)


def test_melody_round_trip_is_exact():
    representation = EventsRepresentation.fit(LEARNED, [MELODY])
    assert np.array_equal(representation.decode(representation.encode(MELODY)).notes, MELODY.notes)


def test_fixed_rhythm_plays_every_event_half_a_quarter_apart():
    representation = EventsRepresentation.fit(FIXED, [MELODY])
    notes = representation.decode(representation.encode(MELODY)).notes
    assert notes["onset"].tolist() == [0, 12, 12, 12, 24]
    assert set(notes["duration"]) == {12}


def test_drums_are_left_out():
    drums = Piece(make_notes([(0, 12, 0, 36, 80)]), (Track(0, True),))
    with pytest.raises(CorpusError, match="pitched notes"):
        EventsRepresentation.fit(LEARNED, [drums])


def test_rounding_to_written_durations_does_not_drift():
    piece = performed_piece()
    representation = EventsRepresentation.fit(LEARNED, [piece])
    decoded = representation.decode(representation.encode(piece)).notes
    onsets, again = np.unique(piece.notes["onset"]), np.unique(decoded["onset"])
    nearest = np.abs(onsets[:, None] - again[None]).min(axis=1)
    assert np.median(nearest) <= 4
    assert nearest.max() <= 24


def test_a_rare_chord_keeps_its_top_note_and_bass():
    common = [Piece(make_notes([(0, 24, 0, 60, 80), (0, 24, 0, 72, 80)]))] * 3
    rare = Piece(make_notes([(0, 24, 0, 60, 80), (0, 24, 0, 65, 80), (0, 24, 0, 72, 80)]))
    representation = EventsRepresentation.fit(RepresentationSettings(kind="events", min_count=2), [*common, rare])
    assert [representation.tokens[index] for index in representation.encode(rare)] == ["60.72:24"]


def test_only_the_commonest_chords_are_told_apart():
    often, seldom = (Piece(make_notes([(0, 24, 0, 60, 80), (0, 24, 0, high, 80)])) for high in (64, 67))
    settings = RepresentationSettings(kind="events", min_count=1, max_events=1)
    tokens = EventsRepresentation.fit(settings, [often, often, seldom, MELODY]).tokens
    assert "60.64:24" in tokens
    assert "60.67:24" not in tokens
    assert "C5:24" in tokens  # every single note is kept


def test_a_single_note_with_an_unseen_duration_keeps_its_pitch():
    representation = EventsRepresentation.fit(LEARNED, [MELODY])
    longer = Piece(make_notes([(0, 96, 0, 72, 80)]))
    assert [representation.tokens[index] for index in representation.encode(longer)] == ["C5:24"]


def test_window_tells_the_event_before_and_asks_for_the_end_once():
    representation = EventsRepresentation.fit(LEARNED, [MELODY])
    rows = representation.encode(MELODY)
    window = representation.window(rows, 0, 7)
    assert window["event"].tolist()[:5] == [representation.nothing, *rows]
    assert window["target_event"].tolist() == [*rows, 0, NOT_ASKED, NOT_ASKED]
    assert representation.window(rows, 2, 2)["event"].tolist() == rows[1:3].tolist()
    assert representation.window(rows, 2, 2)["target_event"].tolist() == rows[2:4].tolist()
    assert representation.window(rows, 4, 2)["target_event"].tolist() == [0, NOT_ASKED]


def test_transposition_stays_in_the_vocabulary():
    representation = EventsRepresentation.fit(LEARNED, [tune(), tune(5)])
    rows = representation.encode(tune())
    moved = representation.window(rows, 0, 20, Change(semitones=5))["target_event"]
    assert np.array_equal(moved, representation.encode(tune(5))[:20])
    assert np.array_equal(representation.window(rows, 0, 20, Change(semitones=-4))["target_event"], rows[:20])


def test_state_comes_back_the_same():
    representation = EventsRepresentation.fit(LEARNED, [gridded_piece()])
    again = EventsRepresentation.from_state(LEARNED, representation.state())
    assert np.array_equal(again.encode(gridded_piece()), representation.encode(gridded_piece()))
    assert again.heads == representation.heads
