"""What is heard in a piece: hand-made cases, and real pieces whose mood everybody knows."""

from pathlib import Path

import numpy as np
import pytest

from melodyforge.errors import SettingsError
from melodyforge.music.instruments import INSTRUMENTS, instrument_name, instruments_named
from melodyforge.music.keys import Key, key_named
from melodyforge.music.load import load_piece
from melodyforge.music.mood import WEIGHTS, Affect, read_affect, read_figures
from melodyforge.music.piece import Meter, Piece, Tempo, Track, make_notes
from melodyforge.music.traits import read_traits
from tests.music_samples import gridded_piece, performed_piece

PIANO_MUSIC = Path(__file__).parents[1].parent / "shared" / "data" / "piano_midi"
MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11, 12), (0, 2, 3, 5, 7, 8, 11, 12)


def scale_piece(steps=MAJOR, duration=24, velocity=72, tempo_qpm=110.0, low=60):
    notes = [(index * duration, duration, 0, low + steps[index % 8], velocity) for index in range(32)]
    return Piece(make_notes(notes), tempos=(Tempo(0, tempo_qpm),), meters=(Meter(0, 3, 4),), style="scales")


def test_a_plain_piece_is_read():
    traits = read_traits(scale_piece())
    assert traits.key == Key(0)
    assert (traits.style, traits.meter, traits.tempo_qpm) == ("scales", "3/4", 110.0)
    assert traits.density == pytest.approx(1.0)
    assert traits.polyphony == pytest.approx(1.0)
    assert traits.instruments == ((0, False),)


def test_polyphony_counts_what_sounds_together():
    chords = make_notes([(onset, 12, 0, pitch, 80) for onset in (0, 48) for pitch in (60, 64, 67)])
    assert read_traits(Piece(chords)).polyphony == pytest.approx(3.0)  # silence between them does not count


def test_only_instruments_that_play_are_heard():
    piece = Piece(make_notes([(0, 24, 1, 60, 80)]), (Track(40), Track(73), Track(0, True)))
    assert read_traits(piece).instruments == ((73, False),)
    assert (0, True) in read_traits(gridded_piece()).instruments


def test_performed_music_has_no_meter():
    assert read_traits(performed_piece()).meter == ""


@pytest.mark.parametrize(
    ("piece", "mood"),
    [
        (scale_piece(MAJOR, duration=6, velocity=100), "happy"),
        (scale_piece(MINOR, duration=6, velocity=100), "tense"),
        (scale_piece(MINOR, duration=48, velocity=50), "sad"),
        (scale_piece(MAJOR, duration=48, velocity=50), "calm"),
    ],
)
def test_mode_speed_and_loudness_make_the_mood(piece, mood):
    assert read_traits(piece).mood == mood


def test_mood_does_not_hang_on_the_key():
    assert read_traits(scale_piece(MINOR, low=60)).mood == read_traits(scale_piece(MINOR, low=61)).mood


def test_silence_and_drums_alone_are_neutral():
    silence = read_traits(Piece(make_notes([])))
    assert (silence.key, silence.polyphony) == (None, 0.0)
    assert read_affect(Piece(make_notes([]))) == Affect(0.0, 0.0)
    drums = Piece(make_notes([(0, 6, 0, 38, 90), (24, 6, 0, 42, 90)]), (Track(0, True),))
    assert read_traits(drums).key is None


def drum_piece(steps):
    return Piece(make_notes([(index * steps, 1, 0, 38, 90) for index in range(64)]), (Track(0, True),))


def test_drums_alone_are_more_or_less_excited():
    assert read_affect(drum_piece(6)).arousal > 0 > read_affect(drum_piece(48)).arousal


def test_every_figure_that_is_heard_has_a_weight():
    assert read_figures(scale_piece()).keys() == WEIGHTS.keys()
    assert read_figures(drum_piece(6)).keys() < WEIGHTS.keys()


@pytest.mark.parametrize("velocity", [1, 127])
def test_how_loud_all_notes_of_a_file_are_does_not_make_its_mood(velocity):
    assert read_affect(scale_piece(velocity=velocity)) == read_affect(scale_piece(velocity=64))


def test_who_plays_loud_is_more_excited():
    soft, loud = scale_piece(), scale_piece()
    soft.notes["velocity"], loud.notes["velocity"] = np.resize([30, 60], 32), np.resize([90, 120], 32)
    assert read_affect(soft).arousal < read_affect(loud).arousal


@pytest.mark.parametrize("steps", [MAJOR, MINOR])
def test_a_pedal_that_holds_everything_hardly_moves_the_mood(steps):
    piece, held = scale_piece(steps, duration=6), scale_piece(steps, duration=6)
    held.notes["duration"] = 2000
    before, after = read_affect(piece), read_affect(held)
    assert abs(after.valence - before.valence) < 0.1 > abs(after.arousal - before.arousal)


def test_one_note_and_music_without_mode_have_a_place_between_all_moods():
    alone = read_affect(Piece(make_notes([(0, 24, 0, 60, 80)])))
    chromatic = read_affect(scale_piece(range(8)))
    assert max(abs(alone.valence), abs(chromatic.valence)) < 0.25


def test_the_time_between_notes_takes_no_memory():
    notes = make_notes([(0, 24, 0, 60, 80), (2**31 - 100, 24, 0, 64, 80)])
    assert read_traits(Piece(notes, tempos=(Tempo(0, 0.5),))).mood  # 11,000 years


@pytest.mark.skipif(not PIANO_MUSIC.is_dir(), reason="the shared development data is not here")
@pytest.mark.parametrize(
    ("file", "mood"),
    [
        ("beeth/mond_1.mid", "sad"),
        ("beeth/mond_3.mid", "tense"),
        ("beeth/appass_3.mid", "tense"),
        ("beeth/waldstein_3.mid", "happy"),
        ("chopin/chpn-p4.mid", "sad"),
        ("chopin/chpn_op35_3.mid", "sad"),
        ("debussy/DEB_CLAI.MID", "calm"),
        ("mozart/mz_331_3.mid", "happy"),
        ("schumann/scn15_7.mid", "calm"),
    ],
)
def test_known_pieces_have_the_mood_everybody_knows(file, mood):
    assert read_traits(load_piece(PIANO_MUSIC / file)).mood == mood


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("D minor", (2, True)),
        ("dm", (2, True)),
        ("Bb", (10, False)),
        ("F# major", (6, False)),
        ("E♭ minor", (3, True)),
        ("minor", (None, True)),
        ("MAJOR", (None, False)),
    ],
)
def test_keys_are_read_as_people_write_them(text, key):
    assert key_named(text) == key


@pytest.mark.parametrize(("tonic", "name", "title"), [(10, "Bb major", "B♭ major"), (6, "F# major", "F♯ major")])
def test_keys_are_named_as_typed_and_as_printed(tonic, name, title):
    assert (Key(tonic).name, Key(tonic).title) == (name, title)


@pytest.mark.parametrize("text", ["", "H", "D minorish", "12", "Cbb"])
def test_other_keys_are_refused(text):
    with pytest.raises(SettingsError, match="--key must be"):
        key_named(text)


def test_instruments_are_found_by_name_family_and_part():
    assert len(INSTRUMENTS) == 128
    assert instruments_named("Violin") == [(40, False)]
    assert instruments_named("drums") == [(0, True)]
    assert instruments_named("brass") == [(program, False) for program in range(56, 64)]
    assert instruments_named("sax") == [(program, False) for program in range(64, 68)]
    assert instrument_name(73) == "flute"
    with pytest.raises(SettingsError, match="General MIDI names"):
        instruments_named("kazoo")
