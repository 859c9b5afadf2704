"""The track that carries the melody."""

import numpy as np
import pytest

from melodyforge.corpus.melodies import choose_melodies, write_choices
from melodyforge.errors import CorpusError, SettingsError
from melodyforge.music.melody import describe_tracks, find_melody, only_track
from melodyforge.music.piece import Meter, Piece, Track, make_notes
from melodyforge.recipe import load_recipe
from melodyforge.tokens import EventsRepresentation
from melodyforge.tokens.voices import without_long_rests
from tests.conftest import write_store
from tests.music_samples import gridded_piece, tune

TRACKS = (
    Track(0, False, "left hand"),
    Track(73, False, ""),
    Track(0, True, "kit"),
    Track(14, False, "one bell"),
    Track(122, False, "seashore"),
)


def band() -> Piece:
    """A low accompaniment, a flute above it, drums and an effect with high numbers, and two notes of a bell."""
    rows = []
    for beat in range(40):
        rows += [(24 * beat, 12, 0, 48, 70), (24 * beat, 12, 1, 72, 80), (24 * beat, 6, 2, 81, 90)]
        rows.append((24 * beat, 6, 4, 100, 60))
    rows += [(0, 96, 3, 96, 80), (960, 96, 3, 98, 80)]
    return Piece(make_notes(rows), TRACKS)


def test_the_highest_track_that_sings_is_the_melody():
    melody = find_melody(band())
    assert (melody.number, melody.name, melody.num_notes, melody.mean_pitch) == (2, "flute", 40, 72.0)
    assert [facts.sings for facts in describe_tracks(band())] == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("wanted", "number"), [("1", 1), ("HAND", 1), ("flute", 2), ("bell", 4), ("6", None), ("oboe", None)]
)
def test_the_choice_can_be_overridden(wanted, number):
    melody = find_melody(band(), wanted)
    assert (melody and melody.number) == number


def test_music_without_pitches_has_no_melody():
    drums = Piece(make_notes([(0, 12, 0, 36, 80)] * 3), (Track(0, True),))
    assert find_melody(drums) is None
    assert find_melody(Piece(make_notes([]))) is None


def test_a_short_piece_still_has_one():
    assert find_melody(Piece(make_notes([(0, 12, 0, 60, 80), (12, 12, 0, 62, 80)]))).number == 1


def test_what_is_left_is_the_track_alone():
    piece = only_track(tune(), find_melody(tune()).number)
    assert piece.tracks == (tune().tracks[0],)
    assert np.array_equal(piece.notes["pitch"], tune().notes["pitch"][tune().notes["track"] == 0])
    assert set(only_track(gridded_piece(), 2).notes["track"].tolist()) == {0}


def test_the_choice_in_every_piece_is_written_down(tmp_path):
    store = write_store(
        tmp_path / "dataset", [band(), tune(), Piece(make_notes([(0, 12, 0, 36, 80)]), (Track(0, True),))]
    )
    choices = choose_melodies(store)
    write_choices(tmp_path / "melodies.csv", choices)
    rows = (tmp_path / "melodies.csv").read_text().splitlines()
    assert rows[1:] == [",2,5,flute,40,72.0", f"tune,1,2,flute,128,{choices[1].melody.mean_pitch:.1f}", ",,1,,,"]


def test_a_model_learns_the_melody_alone():
    recipe = load_recipe("melody")
    representation = EventsRepresentation.fit(recipe.representation, [tune()])
    assert representation.program == 73
    heard = representation.decode(representation.encode(tune()))
    melody = only_track(tune(), 1)
    assert heard.notes[["onset", "pitch"]].tolist() == melody.notes[["onset", "pitch"]].tolist()
    bass = EventsRepresentation.fit(recipe.representation.changed(track="piano"), [tune()])
    assert bass.decode(bass.encode(tune())).notes["pitch"].max() < 60


@pytest.mark.parametrize("track", ["", "oboe"])
def test_music_without_the_melody_is_refused(track):
    drums = Piece(make_notes([(0, 12, 0, 36, 80)]), (Track(0, True),))
    settings = load_recipe("melody").representation.changed(track=track)
    with pytest.raises(CorpusError, match=track or "carries a melody"):
        EventsRepresentation.fit(settings, [drums])


def test_a_track_is_only_chosen_where_one_is_taken():
    with pytest.raises(SettingsError, match="`track` needs a recipe"):
        load_recipe("classic").representation.changed(track="2")


@pytest.mark.parametrize(
    ("meter", "rest_steps", "kept_steps"),
    [
        (Meter(0, 4, 4), 96, 96),
        (Meter(0, 4, 4), 190, 190),  # less than two bars stays
        (Meter(0, 4, 4), 10 * 96 + 24, 96 + 24),
        (Meter(0, 3, 4), 10 * 72, 2 * 72),  # whole bars that make up at least four quarters
        (Meter(0, 1, 4), 40 * 24, 4 * 24),
    ],
)
def test_long_rests_of_the_melody_are_shortened_by_whole_bars(meter, rest_steps, kept_steps):
    second = 96 + 48 + rest_steps
    piece = Piece(make_notes([(96, 48, 0, 60, 80), (second, 24, 0, 64, 80), (second, 24, 0, 67, 80)]), meters=(meter,))
    onsets = without_long_rests(piece).notes["onset"].tolist()
    assert onsets == [96, 96 + 48 + kept_steps, 96 + 48 + kept_steps]


def test_a_melody_that_comes_late_begins_soon():
    piece = Piece(make_notes([(16 * 96 + 12, 24, 0, 60, 80)]))
    assert without_long_rests(piece).notes["onset"].tolist() == [96 + 12]
    assert len(without_long_rests(piece.with_notes(piece.notes[:0]))) == 0
