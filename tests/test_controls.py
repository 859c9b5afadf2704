"""Wishes: learnt classes, refused ones, and compositions that obey."""

from dataclasses import replace

import numpy as np
import pytest

from melodyforge.asking.ask import understand
from melodyforge.bundle import load_model
from melodyforge.compose import compose, generate_music, reproduce, stream
from melodyforge.composing.likeness import less_like, more_like
from melodyforge.composing.wishes import default_settings
from melodyforge.decoding.guidance import GuidedNetwork
from melodyforge.errors import SettingsError
from melodyforge.music.keys import Key
from melodyforge.music.piece import Piece, Tempo, Track, make_notes
from melodyforge.music.traits import read_traits
from melodyforge.settings import ComposeSettings, RepresentationSettings, Wishes
from melodyforge.tokens import NotesRepresentation
from melodyforge.tokens.controls import Controls
from melodyforge.tokens.representation import Change
from melodyforge.tokens.wishes import ABSENT, ANY, PRESENT
from tests.conftest import small
from tests.music_samples import gridded_piece, tune

pytestmark = pytest.mark.slow

FIRST_INSTRUMENT = 8  # column; before it stand style, tonic, mode, tempo, meter, mood, density and polyphony


@pytest.fixture(scope="module")
def tiny_model(tiny_model_dir):
    return load_model(tiny_model_dir / "tiny")


@pytest.fixture(scope="module")
def tiny_classic_model(tmp_path_factory, tune_store):
    from melodyforge.training.train import train_model

    folder = tmp_path_factory.mktemp("classic") / "tiny-classic"
    train_model(tune_store, small("classic", epochs=1), folder)
    return load_model(folder)


@pytest.fixture(scope="module")
def representation():
    pieces = [gridded_piece(), tune(), Piece(tune().notes, tune().tracks, name="jig", style="jigs")]
    return NotesRepresentation.fit(RepresentationSettings(), pieces)


def test_a_piece_is_described_by_its_classes(representation):
    row = representation.controls_of(tune())
    traits = read_traits(tune())
    assert row[1:3].tolist() == [1 + traits.key.tonic, 1 + traits.key.is_minor]
    assert row[0] == ANY  # it has no style
    names = representation.controls.wishes["instruments"].options
    assert {"flute", "acoustic grand piano", "drums"} <= set(names)
    playing = [
        key
        for key, value in zip(representation.vocabulary.tracks.keys, row[FIRST_INSTRUMENT:], strict=True)
        if value == 2
    ]
    assert {key[0] for key in playing} == {0, 73}


def test_wishes_become_classes_and_silence_becomes_any(representation):
    controls = representation.controls
    assert not controls.asked(Wishes()).any()
    row = controls.asked(Wishes(style="jigs", key="D minor", tempo=100, meter="3/4", instruments=["flute"]))
    assert row[0] == 1 + controls.styles.index("jigs")
    assert row[1:3].tolist() == [3, 2]
    assert (row[FIRST_INSTRUMENT:] == PRESENT).sum() == 1
    assert (row[FIRST_INSTRUMENT:] == ABSENT).sum() == len(representation.vocabulary.tracks) - 1
    assert controls.asked(Wishes(key="minor"))[1:3].tolist() == [ANY, 2]


@pytest.mark.parametrize(
    ("wishes", "available"),
    [
        (Wishes(style="opera"), "jigs"),
        (Wishes(meter="7/8"), "3/4, 4/4"),
        (Wishes(mood="hungry"), "happy, tense, sad, calm"),
        (Wishes(density="crowded"), "sparse, medium, dense"),
        (Wishes(polyphony="thick"), "thin, medium, full"),
        (Wishes(instruments=["violin"]), "flute"),
        (Wishes(key="H major"), "D minor"),
    ],
)
def test_what_was_not_learnt_is_refused_and_what_was_is_named(representation, wishes, available):
    with pytest.raises(SettingsError, match=available) as caught:
        representation.controls.asked(wishes)
    assert "\n" not in str(caught.value)


def test_the_tonic_moves_with_the_music_and_nothing_else_does(representation):
    row = representation.controls_of(tune())
    moved = representation.controls.transposed(row, 3)
    assert moved[1] == 1 + (row[1] - 1 + 3) % 12
    assert np.array_equal(np.delete(moved, 1), np.delete(row, 1))
    rows = representation.encode(tune())
    window = representation.window(rows, 4, 10, Change(semitones=3), row)
    assert window["control_tonic"].tolist() == [moved[1]] * 10
    assert representation.controls_of(representation.decode(rows))[1] == row[1]


def test_window_and_context_tell_the_same_wishes(representation):
    row = representation.controls_of(tune())
    window = representation.window(representation.encode(tune()), 0, 3, controls=row)
    told = representation.begin([representation.headings[0]], row[None]).inputs()
    for feature in representation.controls.features:
        assert np.array_equal(told[feature.name][0], window[feature.name][0]), feature.name


def test_controls_are_dropped_at_random_and_often_all_of_them(representation):
    rng = np.random.default_rng(0)
    kept = np.array([representation.controls.kept(rng) for _ in range(2000)])
    assert 0.2 < (~kept.any(axis=1)).mean() < 0.3
    assert 0.2 < kept.all(axis=1).mean() < 0.3
    assert 0.45 < kept[:, 0].mean() < 0.55
    assert (kept[:, FIRST_INSTRUMENT:].all(axis=1) == kept[:, FIRST_INSTRUMENT:].any(axis=1)).all()


def test_the_vocabulary_keeps_its_controls_and_learns_more_styles(representation):
    again = NotesRepresentation.from_state(RepresentationSettings(), representation.state())
    assert again.controls.state() == representation.controls.state()
    grown = representation.controls.with_styles(["reels", "jigs", ""])
    assert grown.styles == ["jigs", "reels"]
    assert grown.features == representation.controls.features
    crowded = representation.controls.with_styles(str(number) for number in range(100))
    assert crowded.features == grown.features
    assert len(crowded.styles) == grown.features[0].size - 1


class Echo:
    """A network that expects the tonic it is told of."""

    def start(self, num_pieces):
        return np.zeros(num_pieces)

    def advance(self, state, inputs):
        return inputs["control_tonic"]

    def logits(self, state, head, told):
        return np.eye(13, dtype=np.float32)[state]


def test_guidance_moves_away_from_what_is_expected_unasked():
    network = GuidedNetwork(Echo(), 2.0)
    network.start(1)
    logits = network.logits(network.advance(None, {"control_tonic": np.array([3])}), None, {})
    assert logits.shape == (1, 13)
    assert logits[0, 3] == 2.0
    assert logits[0, ANY] == -1.0


def test_tempo_meter_and_instruments_are_obeyed(tiny_model):
    wishes = {"tempo": 77.0, "meter": "4/4", "instruments": ["piano"], "num_notes": 60, "num_pieces": 4, "seed": 3}
    for composition in generate_music(tiny_model, **wishes):
        traits = read_traits(composition.piece)
        assert traits.tempo_qpm == 77.0
        assert traits.meter == "4/4"
        assert {program for program, _ in traits.instruments} == {0}


def test_a_wish_is_kept_in_the_file_and_composed_again(tiny_model):
    settings = default_settings(tiny_model, key="minor", guidance=2.0, num_notes=50, seed=5)
    first = compose(tiny_model, settings)[0]
    again = reproduce(tiny_model, first.origin)
    assert again.to_midi() == first.to_midi()


def test_a_broken_wish_is_told(tiny_model):
    controls = tiny_model.representation.controls
    traits = read_traits(tune())
    other = Key((traits.key.tonic + 1) % 12).name
    asked = controls.asked(Wishes(key=other))
    assert controls.missed(traits, asked) == [f"its key is {traits.key.name}, not {other}"]
    assert "not minor" in controls.missed(replace(traits, key=Key(0)), controls.asked(Wishes(key="minor")))[0]
    assert controls.missed(traits, controls.asked(Wishes(key=traits.key.name))) == []
    wrong = next(mood for mood in ("sad", "happy") if mood != traits.mood)
    assert controls.missed(traits, controls.asked(Wishes(mood=wrong))) == [f"its mood is {traits.mood}, not {wrong}"]


def test_streams_obey_too(tiny_model):
    settings = default_settings(tiny_model, instruments=["flute"], num_notes=20, seed=1)
    last = list(stream(tiny_model, settings))[-1]
    assert [track.program for track in last.tracks] == [73]


def test_instruments_can_be_refused(tiny_model):
    piece = generate_music(tiny_model, instruments=["no piano"], num_notes=20, seed=1)[0].piece
    assert [track.program for track in piece.tracks] == [73]
    with pytest.raises(SettingsError, match="leave something to play"):
        generate_music(tiny_model, instruments=["no piano", "no flute"], num_notes=20)
    with pytest.raises(SettingsError, match="'flute', which is refused, too"):
        generate_music(tiny_model, instruments=["flute", "no pipe"], num_notes=20)


def test_models_without_controls_say_so(tiny_classic_model):
    assert understand(tiny_classic_model, "sad, slow").settings.keys() == {"tempo"}
    with pytest.raises(SettingsError, match="which can be asked for: tempo"):
        generate_music(tiny_classic_model, style="jigs")
    composition = generate_music(tiny_classic_model, tempo=90.0, num_notes=20, seed=0)[0]
    assert composition.piece.tempo_qpm == 90.0


def test_wishes_outside_all_bounds_are_refused():
    with pytest.raises(SettingsError, match="tempo"):
        ComposeSettings.check({"tempo": 5})


def test_one_style_only_can_be_learnt():
    pieces = [Piece(make_notes([(0, 24, 0, 60, 80)]), (Track(),), (Tempo(0, 90.0),), style="one")]
    controls: Controls = NotesRepresentation.fit(RepresentationSettings(), pieces).controls
    assert controls.styles == ["one"]


@pytest.mark.parametrize("key", ["C major", "F# major", "Bb", "A major"])
def test_music_comes_in_the_key_that_was_asked_for(tiny_model, key):
    (composition,) = generate_music(tiny_model, num_notes=120, key=key, seed=4)
    name = read_traits(composition.piece).key.name
    assert name == (key if " " in key else f"{key} major")
    assert not [notice for notice in composition.notices if "kept although its key" in notice]


def test_a_primer_is_not_moved_into_the_key(tiny_model):
    primer = tune(0, 4)
    (composition,) = generate_music(tiny_model, primer, num_notes=20, seed=0, key="F# major")
    expected = {(int(note["onset"]), int(note["pitch"])) for note in primer.notes}
    assert expected <= {(int(note["onset"]), int(note["pitch"])) for note in composition.piece.notes}


def test_more_like_a_piece_asks_for_what_it_is_and_less_for_the_opposite_but_never_against_what_was_asked(tiny_model):
    piece, asked = tune(0, 8), default_settings(tiny_model, mood="happy", num_bars=4, seed=1)
    traits = read_traits(piece)
    more, less = more_like(tiny_model, asked, piece), less_like(tiny_model, asked, piece)
    assert (more.mood, more.num_bars, more.key, more.meter) == ("happy", 4, traits.key.name, traits.meter)
    assert (less.mood, less.key) == ("happy", "major" if traits.key.is_minor else "minor")
    assert len({asked.seed, more.seed, less.seed}) == 3
    opposite = {"happy": "sad", "sad": "happy", "tense": "calm", "calm": "tense"}
    assert less_like(tiny_model, default_settings(tiny_model), piece).mood == opposite[traits.mood]
    less = less_like(tiny_model, more, piece)  # which has asked for a mood and a key
    assert (less.mood, less.key) == (more.mood, more.key)
    assert less.density not in (None, tiny_model.representation.controls.wishes["density"].asked_by(traits))
