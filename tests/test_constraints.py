"""What every note keeps to: read from text, laid over the heads, never broken, and shown."""

import io
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from benchmarks.constraints import violations
from melodyforge.commands.compose import main
from melodyforge.compose import generate_music, load, reproduce
from melodyforge.composing.limits import read_limits
from melodyforge.composing.wishes import wished_settings
from melodyforge.composition import read_origin
from melodyforge.decoding.constraints import (
    BASS_BELOW,
    UNREACHABLE,
    Constraints,
    Everywhere,
    Grid,
    Harmony,
    chord_masks,
    fewest_shifts,
    range_mask,
    scale_mask,
    timeline,
)
from melodyforge.decoding.ending import Length
from melodyforge.decoding.generate import ROWS_BETWEEN_STATES, Generation
from melodyforge.errors import SettingsError
from melodyforge.music.cadences import cadence
from melodyforge.music.chord_symbols import ChordSymbol, PlacedChord
from melodyforge.music.chord_text import chord_named, chord_of_marker, marker_of
from melodyforge.music.keys import Key
from melodyforge.music.midi import read_midi
from melodyforge.music.piece import Meter
from melodyforge.music.progression import merged, read_progression
from melodyforge.music.scales import pitch_named, range_named, scale_named
from melodyforge.settings import ComposeSettings, Limits, RepresentationSettings, SamplingSettings
from melodyforge.tokens.events import EventsRepresentation
from melodyforge.tokens.headings import Heading, heading_of
from tests.music_samples import gridded_piece
from tests.test_held import Noise, random_hold
from tests.test_tokens_notes import fit

C_MAJOR, A_MINOR = Key(0), Key(9, is_minor=True)
CHORDS = "C G/B Am7 F:2 G7:2"
ALL = {
    "scale": "C major",
    "range": "C3-C6, violin:G3-E6",
    "most_at_once": 3,
    "grid": "1/8",
    "chords": CHORDS,
    "cadence": "authentic",
}


@pytest.fixture(scope="module")
def starter():
    return load("starter")


def broken(made, settings, **given):
    return sum(sum(violations(one.piece, settings, **given).values()) for one in made)


def composed(model, primer=None, **wishes):
    """Compositions, and the settings that they keep to."""
    length = {} if "num_bars" in wishes else {"num_notes": 60}
    wishes = length | {"effort": "quick", "seed": 1, "num_pieces": 3} | wishes
    return generate_music(model, primer, **wishes), wished_settings(model, primer is not None, **wishes)


# Reading


@pytest.mark.parametrize(
    ("text", "root", "tones", "bass"),
    [
        ("C", 0, {0, 4, 7}, 0),
        ("Bb", 10, {10, 2, 5}, 10),
        ("B♭m7", 10, {10, 1, 5, 8}, 10),
        ("F#m7b5", 6, {6, 9, 0, 4}, 6),
        ("G7/B", 7, {7, 11, 2, 5}, 11),
        ("C/D", 0, {0, 2, 4, 7}, 2),
        ("Cmaj9", 0, {0, 2, 4, 7, 11}, 0),
        ("Gsus", 7, {7, 0, 2}, 7),
        ("C°", 0, {0, 3, 6}, 0),
        ("A-7", 9, {9, 0, 4, 7}, 9),
        ("Db13", 1, {1, 3, 5, 6, 8, 10, 11}, 1),
    ],
)
def test_chord_symbols_are_read(text, root, tones, bass):
    assert chord_named(text) == ChordSymbol(root, frozenset(tones), bass, text)


@pytest.mark.parametrize(
    ("text", "key", "root", "tones", "bass"),
    [
        ("V7", C_MAJOR, 7, {7, 11, 2, 5}, 7),
        ("bVII", C_MAJOR, 10, {10, 2, 5}, 10),
        ("bVII", A_MINOR, 7, {7, 11, 2}, 7),
        ("V7/V", C_MAJOR, 2, {2, 6, 9, 0}, 2),
        ("ii65", C_MAJOR, 2, {2, 5, 9, 0}, 5),
        ("viio7", A_MINOR, 8, {8, 11, 2, 5}, 8),
    ],
)
def test_roman_numerals_are_read_in_a_key(text, key, root, tones, bass):
    chord = chord_named(text, key)
    assert (chord.root, chord.pitch_classes, chord.bass) == (root, tones, bass)


@pytest.mark.parametrize("text", ["H", "Xyz", "Cfoo", "C/foo", "cm", "C^", "Ifoo", "", "C:", "C:0", "C:99", "C" * 40])
def test_what_is_no_chord_is_said_in_one_line(text):
    with pytest.raises(SettingsError, match="`chords`") as error:
        read_progression(text, C_MAJOR)
    assert "\n" not in str(error.value)


def test_numerals_need_a_key():
    with pytest.raises(SettingsError, match="need a key"):
        read_progression("I V", None)


def test_chords_last_a_bar_or_beats_and_begin_anew():
    progression = read_progression("C:2, G7 | Am:1", None)
    placed = list(progression.placed(0, 200, 96, 24))
    assert [(one.onset, one.chord.text) for one in placed] == [(0, "C"), (48, "G7"), (144, "Am"), (168, "C")]
    assert [one.chord.text for one in merged(iter([placed[0], placed[0], placed[1]]))] == ["C", "G7"]


@pytest.mark.parametrize(("chords", "key"), [("C G Am F", C_MAJOR), ("Am F C E7", A_MINOR), ("Dm Gm A7", Key(2, True))])
def test_chords_tell_their_key(chords, key):
    assert read_progression(chords, None).key == key


@pytest.mark.parametrize(("meter", "steps"), [((4, 4), 24), ((6, 8), 36), ((3, 8), 12), ((2, 2), 48), ((5, 8), 12)])
def test_beats(meter, steps):
    assert Meter(0, *meter).beat_steps == steps


def test_scales_and_ranges_are_read():
    assert scale_named("D dorian") == (2, {0, 2, 4, 5, 7, 9, 11})
    assert scale_named("Bb") == (10, {10, 0, 2, 3, 5, 7, 9})
    assert scale_named("C, D E G A") == (None, {0, 2, 4, 7, 9})
    assert (pitch_named("C4"), pitch_named("Bb3"), pitch_named("c#-1"), pitch_named("C10")) == (60, 58, 1, None)
    assert (range_named("C3-C6"), range_named("C-1-G9"), range_named("C6-C3")) == ((48, 84), (0, 127), None)


@pytest.mark.parametrize("name", ["authentic", "plagal", "half"])
def test_cadences_end_where_they_should(name):
    before, last = cadence(name, A_MINOR)
    expected = {"authentic": ("E7", "Am"), "plagal": ("Dm", "Am"), "half": ("Dm", "E")}
    assert (before.text, last.text) == expected[name]


@pytest.mark.parametrize("text", ["C", "G7/B", "F#m7b5", "Bb6/9", "C/D"])
def test_markers_give_chords_back(text):
    assert chord_of_marker(marker_of(chord_named(text))) == chord_named(text)
    assert chord_of_marker("Verse 2") is None


# Masks


def test_masks_of_pitches():
    is_drum = np.array([False, True])
    in_scale = scale_mask(frozenset([0, 4, 7]), is_drum)
    assert np.flatnonzero(in_scale[0])[:4].tolist() == [0, 4, 7, 12]
    assert in_scale[1].all()
    in_range = range_mask(np.array([[60, 62], [0, 127]]))
    assert np.flatnonzero(in_range[0]).tolist() == [60, 61, 62]


def test_masks_of_a_chord():
    begin, beat, between = chord_masks(chord_named("C/E"), frozenset([2]), [(0, False), (33, False), (0, True)])
    low, high = np.arange(BASS_BELOW), np.arange(BASS_BELOW, 128)
    assert {*(np.flatnonzero(begin[0, low]) % 12)} == {4}
    assert {*(np.flatnonzero(begin[0, high]) % 12)} == {0, 4, 7}
    assert {*(np.flatnonzero(begin[1]) % 12)} == {4}  # a bass plays it everywhere
    assert {*(np.flatnonzero(beat[0]) % 12)} == {0, 4, 7}
    assert {*(np.flatnonzero(between[0]) % 12)} == {0, 2, 4, 7}
    assert begin[2].all()


def test_timeline_and_where_it_begins():
    chord = chord_named("C")
    kinds = timeline([PlacedChord(0, chord), PlacedChord(36, chord)], 60, 24, {chord: 1})
    assert [kinds[step] for step in (0, 1, 24, 36, 48, 59)] == [1, 3, 2, 1, 2, 3]
    harmony = Harmony(np.ones((4, 1, 128), bool), kinds[None], np.array([60]), np.array([0]), np.array([96]))
    assert harmony.kind(np.array([[0, 95, 96, 97, 156]])).tolist() == [[0, 0, 1, 3, 1]]


def test_grid_counts_from_bar_lines():
    grid = Grid(24, np.array([84]))  # quarters in 7/8
    assert grid.may_begin(np.array([[0, 24, 72, 84, 96]])).tolist() == [[True, True, True, True, False]]


def test_steps_that_shifts_lead_over():
    fewest = fewest_shifts(np.array([0, 4, 6]), 13)
    assert {steps: number for steps, number in enumerate(fewest) if number < UNREACHABLE} == {
        0: 0, 4: 1, 6: 1, 8: 2, 10: 2, 12: 2
    }  # fmt: skip


# Composing


@pytest.mark.parametrize(
    "wishes",
    [
        {"scale": "D dorian"},
        {"scale": "C D E G A"},
        {"range": "C4-C5"},
        {"range": "A2-E5, violin:G4-E5"},
        {"most_at_once": 1},
        {"most_at_once": 3},
        {"grid": "1/8"},
        {"grid": "1/12", "meter": "6/8"},
        {"chords": CHORDS},
        {"chords": "i bVII bVI V7", "key": "A minor"},
        {"cadence": "authentic"},
        {"cadence": "plagal", "key": "G major"},
        {"cadence": "half", "chords": "Dm Gm A7", "num_bars": 6},
        ALL,
        ALL | {"ending": "natural", "temperature": 2.0},
    ],
)
def test_no_note_breaks_what_it_keeps_to(starter, wishes):
    made, settings = composed(starter, **wishes)
    assert broken(made, settings) == 0
    assert all(len(one.piece) > 5 for one in made)


def test_candidates_that_are_chosen_among_keep_to_it_too(starter):
    made, settings = composed(starter, **ALL, effort="good", num_notes=100)
    assert broken(made, settings) == 0


def test_what_follows_a_primer_keeps_to_it(starter):
    primer = generate_music(starter, num_notes=40, effort="quick", seed=2, key="F# major")[0].piece
    made, settings = composed(starter, primer, **ALL)
    bar = primer.meters[0].bar_steps
    given = primer.notes["onset"].max() // bar * bar + bar
    assert broken(made, settings, num_given=len(primer), chords_from=int(given)) == 0
    for one in made:
        assert len(one.piece) > len(primer)
        assert one.piece.chords[0].onset == given


def test_bars_that_are_asked_for_end_with_the_cadence(starter):
    for one in composed(starter, cadence="authentic", num_bars=5)[0]:
        last = one.piece.notes["onset"][-1:]
        bar, position, bar_steps = one.piece.bars_at(last)
        assert (bar[0], position[0]) == (4, 0)
        assert [placed.onset for placed in one.piece.chords] == [last[0] - bar_steps[0], last[0]]


def test_music_is_made_again_with_its_constraints(starter):
    made = composed(starter, **ALL)[0][2]
    again = reproduce(starter, read_origin(made.to_midi()))
    assert np.array_equal(again.piece.notes, made.piece.notes)
    assert again.piece.chords == made.piece.chords


class Rules:
    """Masks for what noise wants, and whether rows keep to them."""

    def __init__(self, representation):
        self.representation = representation
        self.is_drum = representation.vocabulary.tracks.is_drum
        self.pitches = scale_mask(frozenset([0, 2, 4, 5, 7, 9, 11]), self.is_drum)

    def __call__(self, context):
        masks = [Everywhere(self.pitches)]
        grids = [Grid(12, context.bar_steps)]
        return Constraints(self.representation, context, masks, grids, most_at_once=3)

    def are_kept(self, rows):
        pitched = ~self.is_drum[rows["track"]]
        ends = rows["onset"].astype(int) + rows["duration"]
        sounding = (rows["onset"][:, None] <= rows["onset"]) & (rows["onset"] < ends[:, None]) & pitched[:, None]
        return (
            self.pitches[rows["track"], rows["pitch"]].all()
            and (rows["onset"] % 12 == 0).all()
            and (sounding.sum(axis=0)[pitched] <= 3).all()
        )


def noisy(representation, heading, **more):
    return Generation(
        Noise(),
        representation,
        [heading] * 2,
        settings=SamplingSettings(),
        length=Length(150, is_full=True),
        rngs=[np.random.default_rng([3, place]) for place in range(2)],
        **more,
    )


def test_whatever_a_network_wants_and_however_often_a_piece_goes_back_it_keeps_to_them():
    piece = gridded_piece(num_notes=300)
    representation = fit(piece)
    rules = Rules(representation)
    generation = noisy(representation, heading_of(piece), constrain=rules)
    context = generation.context
    for number, _ in enumerate(generation):
        if number in (60, 90):
            assert generation.can_go_back(0, 2 * ROWS_BETWEEN_STATES)
            generation.go_back(0, 2 * ROWS_BETWEEN_STATES, np.random.default_rng(number))
        if number == 100:
            generation.follow(np.array([1, 1]))
    for place in range(2):
        rows = context.rows(place)
        assert len(rows) > 100
        assert rules.are_kept(rows)
        order = np.lexsort((rows["pitch"], rows["track"], rows["onset"]))
        assert np.array_equal(order, np.arange(len(rows)))


@pytest.mark.parametrize("seed", range(4))
def test_notes_that_stand_are_left_as_they_are(seed):
    piece = gridded_piece(num_notes=200)
    representation = fit(piece)
    rows, rules = representation.encode(piece), Rules(representation)
    hold, _ = random_hold(representation, rows, seed)
    generation = noisy(representation, heading_of(piece), holds=[hold] * 2, constrain=rules)
    for _ in generation:
        pass
    made = generation.context.rows(0)
    identity = ["onset", "track", "pitch", "duration"]
    is_of_hold = np.isin(made[identity], hold.rows[identity])
    assert np.array_equal(made[is_of_hold][identity], hold.rows[: is_of_hold.sum()][identity])
    others = made[~is_of_hold]
    assert rules.pitches[others["track"], others["pitch"]].all()
    assert (others["onset"] % 12 == 0).all()


def test_a_piece_to_which_nothing_is_left_ends():
    piece = gridded_piece(num_notes=100)
    representation = fit(piece)

    def only_the_beginning(context):
        grid = Grid(10**6, np.full(2, 10**6))
        return Constraints(representation, context, (), [grid])

    generation = noisy(representation, Heading(), constrain=only_the_beginning)
    for _ in generation:
        pass
    assert generation.context.has_ended.all()
    assert (generation.context.rows(0)["onset"] == 0).all()


# Said before composing


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"scale": "D foo"}, "`scale` must be"),
        ({"range": "low"}, "`range` must be"),
        ({"range": "C6-C3"}, "`range` must be"),
        ({"range": "kazoo:C3-C4"}, "--range must be"),
        ({"range": "bagpipe:C3-C4"}, "has not"),
        ({"range": "C-1-D-1"}, "leaves none"),
        ({"range": "C#4-C#4", "scale": "C major"}, "leaves none"),
        ({"grid": "1/5"}, "`grid` must be"),
        ({"grid": "fast"}, "`grid` must be"),
        ({"grid": "99/1"}, "learnt no multiple"),
        ({"chords": "C Hm"}, "`chords` must be"),
        ({"chords": "C G", "style": "drums"}, "drums alone"),
        ({"chords": "I V"}, "need a key"),
        ({"chords": "C F#", "scale": "C D E G A"}, "F#"),
        ({"chords": "F", "range": "D4-E4"}, "`range`"),
        ({"scale": "C major", "key": "F# major"}, "tonic of `key`"),
        ({"scale": "C major", "key": "D major"}, "third of `key`"),
        ({"cadence": "authentic", "scale": "D E F# G#", "key": "E minor"}, "third of `key`"),
    ],
)
def test_what_is_impossible_is_said_in_one_line(starter, wishes, words):
    with pytest.raises(SettingsError, match="Received") as error:
        composed(starter, **wishes)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_models_of_events_are_refused(starter):
    events = EventsRepresentation.fit(RepresentationSettings(kind="events", min_count=1), [gridded_piece()])
    with pytest.raises(SettingsError, match="composes note by note"):
        read_limits(replace(starter, representation=events), ComposeSettings(grid="1/8"))


def test_the_command_refuses_with_status_2(capsys, monkeypatch):
    from melodyforge.cli import run

    monkeypatch.setattr("sys.argv", ["compose", "--model", "starter", "--chords", "C Hm"])
    assert run(main) == 2
    assert "'Hm'" in capsys.readouterr().err


def test_every_limit_is_a_setting():
    assert [*Limits.model_fields] == [*ALL]


# Shown


def test_chords_stand_in_midi_score_and_picture(starter):
    made = composed(starter, chords="C G/B Am7 F:2 G7b9:2", num_notes=100)[0][0]
    plain = composed(starter, num_notes=100)[0][0]
    assert not plain.piece.chords
    assert made.piece.chords[0].chord == chord_named("C")
    again, _ = read_midi(made.to_midi())
    assert again.chords == made.piece.chords
    assert again.text == made.piece.text
    score = ElementTree.fromstring(made.to_musicxml())
    roots = [one.findtext("root/root-step") for one in score.iter("harmony")]
    assert roots == [one.chord.text[0] for one in made.piece.chords]
    assert next(one.findtext("bass/bass-step") for one in score.iter("harmony") if one.find("bass") is not None) == "B"
    assert not [*ElementTree.fromstring(plain.to_musicxml()).iter("harmony")]
    with_chords, without = (Image.open(io.BytesIO(one)) for one in (made.to_png(), _without_chords(made).to_png()))
    assert with_chords.height > without.height


def test_score_programs_read_the_chords(starter, tmp_path):
    from music21 import converter

    made = composed(starter, chords="C Bb/D F#m7b5 G7", num_notes=60)[0][0]
    made.save(tmp_path / "made.musicxml")
    read = converter.parse(tmp_path / "made.musicxml").recurse().getElementsByClass("Harmony")
    found = [(one.root().pitchClass, one.bass().pitchClass) for one in read]
    assert found == [(one.chord.root, one.chord.bass) for one in made.piece.chords]


def test_what_is_moved_or_cut_loses_its_chords(starter):
    piece = composed(starter, chords="C G", num_notes=60, range="C3-C6")[0][0].piece
    assert piece.transposed(0).chords == piece.chords
    assert piece.transposed(1).chords == piece.excerpt(0, 1).chords == ()


def _without_chords(made):
    return replace(made, piece=replace(made.piece, chords=()))
