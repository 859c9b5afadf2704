"""Parts of a primer that stand while others are composed around them."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

import melodyforge
from melodyforge.bundle import Model, load_model
from melodyforge.commands import compose as generate_music
from melodyforge.compose import compose, reproduce, stream
from melodyforge.compose import generate_music as composed_by
from melodyforge.composing.wishes import default_settings
from melodyforge.composition import read_origin
from melodyforge.errors import SettingsError
from melodyforge.music.habits import Habits
from melodyforge.music.load import load_piece
from melodyforge.music.midi import read_midi, write_midi
from melodyforge.music.piece import Meter, Piece, Tempo, Track, make_notes, sort_notes
from melodyforge.music.track_names import tracks_called
from melodyforge.recipe import load_recipe
from melodyforge.tokens import NotesRepresentation
from melodyforge.tokens.notes import LOOKBACK_ROWS
from tests.music_samples import gridded_piece, performed_piece, played_piece, tune
from tests.test_decoding import UniformNetwork


@pytest.fixture(scope="module")
def model(tiny_model_dir):
    return load_model(tiny_model_dir / "tiny")


def choir(num_bars=6):
    """Four voices of one instrument, after an upbeat of a quarter."""
    rows = [(72 + 24 * beat, 24, voice, 72 - 7 * voice + (3 * beat + voice) % 5, 70 + voice)
            for beat in range(4 * num_bars + 1) for voice in range(4)]  # fmt: skip
    return Piece(make_notes(rows), tuple(Track(52, False, name) for name in ("Soprano", "Alto", "Tenor", "Bass")))


def odd_piece():
    """Triplets, onsets off the grid, and a change of meter and tempo; of its tracks one has no name."""
    onsets = [0, 8, 16, 24, 37, 53, 71, 96, 101, 144, 160, 176, 192, 240, 264, 265, 290, 336, 350, 384, 400, 431]
    rows = [(onset, 7 + index % 5, index % 2, 60 + index, 31 + index) for index, onset in enumerate(onsets)]
    tracks = (Track(40), Track(42, False, "Low"))
    return Piece(make_notes(rows), tracks, (Tempo(0, 97.3), Tempo(192, 60.0)), (Meter(0, 4, 4), Meter(192, 3, 4)))


@pytest.fixture(scope="module")
def any_model(tmp_path_factory):
    return model_that_wants_anything(tmp_path_factory.mktemp("any"))


def model_that_wants_anything(folder):
    """A model that knows many instruments, and wants nothing more than anything else."""
    recipe = load_recipe("forge")
    pieces = [gridded_piece(), choir(), odd_piece(), played_piece(num_notes=300), replace(tune(), style="folk")]
    representation = NotesRepresentation.fit(recipe.representation, pieces)
    model = Model(folder=folder, recipe=recipe, representation=representation, config={}, metrics={}, hash="0")
    model.__dict__["network"] = UniformNetwork()
    return model


def heard_notes(piece, is_wanted=None):
    """All that is known of notes, the track that plays each named, not numbered."""
    notes = piece.notes if is_wanted is None else piece.notes[is_wanted]
    return Counter((*row[:2], *row[3:], piece.tracks[row[2]]) for row in notes.tolist())


def new_notes(primer, made, is_kept):
    """The notes that are not of the primer; fails if one that is kept is not there as it was."""
    kept, all_notes = heard_notes(primer, is_kept), heard_notes(made)
    assert kept <= all_notes
    assert (made.tempos, made.meters, made.is_performed) == (primer.tempos, primer.meters, primer.is_performed)
    return list((all_notes - kept).elements())


def in_steps(piece, start, stop):
    return (piece.notes["onset"] >= start) & (piece.notes["onset"] < stop)


def of_tracks(piece, *names):
    return np.isin(piece.notes["track"], [index for index, track in enumerate(piece.tracks) if track.name in names])


def make(model, primer, **wishes):
    (composition,) = composed_by(model, primer, **({"seed": 1} | wishes))
    return composition.piece


@pytest.mark.parametrize("effort", ["quick", "good"])
@pytest.mark.parametrize(("bars", "first", "behind"), [("5-8", 4, 8), ("1", 0, 1), ("1-2", 0, 2), ("16", 15, 16)])
def test_bars_are_composed_anew_and_all_else_stays(model, bars, first, behind, effort):
    critic = melodyforge.load("starter").critic if effort == "good" else None
    primer = replace(tune(), style="chopin")
    made = make(replace(model, critic=critic), primer, redo_bars=bars, temperature=1.5)
    new = new_notes(primer, made, ~in_steps(primer, 96 * first, 96 * behind))
    assert new
    assert all(96 * first <= onset < 96 * behind for onset, *_ in new)
    assert made.tracks == primer.tracks


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "primer", [choir(), odd_piece(), gridded_piece(), played_piece(num_notes=300), tune(num_bars=5)]
)
def test_whatever_a_model_wants_bars_of_any_music_are_replaced_and_nothing_else(any_model, primer, seed):
    rng = np.random.default_rng(seed)
    bars, _, _ = primer.bars_at(primer.notes["onset"])
    first = int(rng.integers(0, bars.max() + 1))
    last = int(rng.integers(first, min(first + 3, bars.max()) + 1))
    called = 0 if primer.name == "gridded-0" or primer.tracks[0].program == 52 else 1  # of the first bar: upbeats
    names = [track.name for track in primer.tracks if track.name][: seed % 3]
    made = make(any_model, primer, redo_bars=f"{first + called}-{last + called}", redo_tracks=names or None, seed=seed)
    is_open = of_tracks(primer, *names) if names else np.ones(len(primer), bool)
    is_kept = ~(is_open & (bars >= first) & (bars <= last))
    new = new_notes(primer, made, is_kept)
    found, _, _ = primer.bars_at(np.array([onset for onset, *_ in new], int))
    assert ((found >= first) & (found <= last)).all()
    assert made.tracks == primer.tracks
    assert not names or {track.name for *_, track in new} <= set(names)
    assert min(made.notes["onset"]) >= (min(primer.notes["onset"]) if called == 0 else 0)  # an upbeat stays one


def test_one_track_of_one_bar_is_composed_anew(model):
    primer = tune()
    made = make(model, primer, redo_bars="3", redo_tracks=["Piano"])
    new = new_notes(primer, made, ~(in_steps(primer, 192, 288) & of_tracks(primer, "piano")))
    assert {(onset, track.name) for onset, *_, track in new} <= {(step, "piano") for step in range(192, 288)}
    kept_beside = make(model, primer, redo_bars="3", keep_tracks=["melody"])
    assert np.array_equal(kept_beside.notes, made.notes)


def test_bars_can_be_redone_again_and_again(any_model):
    primer = tune(num_bars=6)
    once = make(any_model, primer, redo_bars="3-4")
    twice = make(any_model, once, redo_bars="4-5", seed=2)
    new_notes(once, twice, ~in_steps(once, 288, 480))
    assert twice.tracks == primer.tracks


def test_what_stood_there_before_is_not_composed_anew(model):
    (composition,) = composed_by(model, tune(), redo_bars="3", redo_tracks=["piano"], seed=1, temperature=0.0)
    new_notes(tune(), composition.piece, ~(in_steps(tune(), 192, 288) & of_tracks(tune(), "piano")))
    assert "it is what stood there before" in composition.notices[-1]


def test_the_seed_decides_and_a_file_can_be_made_again(model):
    primer = tune()
    for wishes in ({"redo_bars": "5-8", "temperature": 1.5}, {"keep_tracks": ["melody"], "num_pieces": 2}):
        settings = default_settings(model, seed=3, **wishes)
        for one, again in zip(compose(model, settings, primer), compose(model, settings, primer), strict=True):
            assert one.to_midi() == again.to_midi()
            assert reproduce(model, read_origin(one.to_midi()), primer).to_midi() == one.to_midi()
        assert compose(model, settings.changed(seed=4, temperature=2.0), primer)[0].to_midi() != one.to_midi()
        with pytest.raises(SettingsError, match="--primer"):
            reproduce(model, read_origin(one.to_midi()))


@pytest.mark.parametrize("effort", ["quick", "good"])
@pytest.mark.parametrize("alone", [True, False])
def test_an_accompaniment_is_composed_around_a_tune(model, effort, alone):
    critic = melodyforge.load("starter").critic if effort == "good" else None
    primer = tune(2)
    if alone:
        primer = Piece(primer.notes[primer.notes["track"] == 0], (Track(73, False, "My tune"),))
    made = make(replace(model, critic=critic), primer, keep_tracks=["melody"])
    new = new_notes(primer, made, primer.notes["track"] == 0)
    assert len(new) >= 8
    expected = Track(0, False, "Acoustic grand piano" if alone else "piano")
    assert {track for *_, track in new} == {expected}
    assert made.tracks == (primer.tracks[0], expected)


@pytest.mark.parametrize("instruments", [["electric bass"], ["cello", "drums"], ["violin"]])
@pytest.mark.parametrize("keep", [["Alto"], ["soprano", "4"], ["ensemble"]])
def test_instruments_are_composed_around_voices_of_a_choir(any_model, instruments, keep):
    primer = choir()
    made = make(any_model, primer, keep_tracks=keep, instruments=instruments)
    names = {"Alto": ["Alto"], "soprano": ["Soprano", "Bass"], "ensemble": ["Soprano", "Alto", "Tenor", "Bass"]}[
        keep[0]
    ]
    new = new_notes(primer, made, of_tracks(primer, *names))
    assert [track.name for track in made.tracks][: len(names)] == names
    kinds = {(track.program, track.is_drum) for *_, track in new}
    asked = {"electric bass": {(33, False)}, "cello": {(42, False), (0, True)}, "violin": {(40, False)}}[instruments[0]]
    assert kinds == asked
    assert not {track.name for *_, track in new} & {"Soprano", "Alto", "Tenor", "Bass"}
    assert all(72 <= onset <= primer.notes["onset"].max() for onset, *_ in new)  # the upbeat is one for all
    assert heard_notes(primer, of_tracks(primer, *names)) <= heard_notes(read_midi(write_midi(made))[0])


def test_voices_that_share_an_instrument_are_told_apart(any_model):
    primer = choir()
    made = make(any_model, primer, redo_tracks=["tenor", "bass"])
    new = new_notes(primer, made, of_tracks(primer, "Soprano", "Alto"))
    assert {track.name for *_, track in new} == {"Tenor", "Bass"}
    assert made.tracks == primer.tracks


def test_of_two_tracks_that_the_model_cannot_tell_apart_one_can_stand(any_model):
    primer = tune()
    notes = primer.notes.copy()
    both = np.concatenate([notes, notes[notes["track"] == 0]])
    both["track"][len(notes) :], both["pitch"][len(notes) :] = 2, notes["pitch"][notes["track"] == 0] - 24
    doubled = Piece(sort_notes(both), (*primer.tracks, Track(73, False, "alto")))
    made = make(any_model, doubled, redo_bars="2-3", redo_tracks=["flute"])
    new = new_notes(doubled, made, ~(in_steps(doubled, 96, 288) & of_tracks(doubled, "flute")))
    assert {track.name for *_, track in new} == {"flute"}


def test_wishes_hold_for_what_is_composed(any_model):
    primer = choir()
    made = make(any_model, primer, redo_bars="2-4", instruments=["electric bass"], key="C", style="folk")
    new = new_notes(primer, made, ~in_steps(primer, 192, 480))
    assert "Electric bass (finger)" in {track.name for *_, track in new}
    assert made.tracks[:4] == primer.tracks
    assert made.style == "folk"


def test_a_tune_alone_gets_companions_from_training_music_with_its_instrument(any_model):
    notes = tune(num_bars=3).notes
    alone = Piece(notes[notes["track"] == 0], (Track(73, False, "My tune"),))
    settings = default_settings(any_model, seed=0, keep_tracks=["1"], num_pieces=2)
    for made in compose(any_model, settings, alone):
        new = new_notes(alone, made.piece, np.ones(len(alone), bool))
        assert {track for *_, track in new} == {Track(0, False, "Acoustic grand piano")}


def test_bars_far_into_long_music_are_redone(any_model):
    primer = tune(num_bars=3 * LOOKBACK_ROWS // 9)
    made = make(any_model, primer, redo_bars="180-181")
    assert new_notes(primer, made, ~in_steps(primer, 96 * 179, 96 * 181))


@pytest.mark.parametrize("effort", ["quick", "good"])
def test_what_degenerates_around_notes_that_stand_is_mended(model, effort):
    primer = replace(tune(num_bars=8), style="chopin")
    critic = melodyforge.load("starter").critic if effort == "good" else None
    strict = replace(model, critic=critic, config=model.config | {"habits": {"": Habits(note_quarters=1.0).to_dict()}})
    settings = (default_settings(strict, keep_tracks=["flute"], temperature=5.0, seed=seed) for seed in range(10))
    composed = (compose(strict, one, primer)[0] for one in settings)
    made = next(one for one in composed if one.notices and one.notices[0].startswith("drawn again from note"))
    assert new_notes(primer, made.piece, primer.notes["track"] == 0)
    assert reproduce(strict, read_origin(made.to_midi()), primer).to_midi() == made.to_midi()


def test_music_without_bars_gets_an_accompaniment_but_has_no_bars_to_redo(any_model):
    primer = replace(performed_piece(num_notes=60), tracks=(Track(0, False, "solo"),))
    made = make(any_model, primer, keep_tracks=["solo"], instruments=["violin"])
    assert new_notes(primer, made, np.ones(len(primer), bool))
    with pytest.raises(SettingsError, match="without a beat"):
        make(any_model, primer, redo_bars="1")


def test_composing_can_be_heard_and_ended(any_model):
    primer = tune(num_bars=8)
    settings = default_settings(any_model, seed=0, redo_bars="3-6")
    heard = list(stream(any_model, settings, primer))
    assert len(heard[0]) < len(heard[-1])
    (made,) = compose(any_model, settings, primer, lambda growing: growing.num_rows == 3)
    assert len(new_notes(primer, made.piece, ~in_steps(primer, 192, 576))) <= 3
    assert reproduce(any_model, read_origin(made.to_midi()), primer).to_midi() == made.to_midi()


@pytest.mark.parametrize(
    ("name", "tracks"),
    [("2", [1]), ("MELODY", [0]), ("violin", [0, 1]), ("strings", [0, 1, 2]), ("drums", [4]), ("left", [3]),
     ("Violin 1", [0]), ("grand", [3]), ("viol", None), ("9", None), ("oboe", None), ("", None)],
)  # fmt: skip
def test_one_reading_of_names(name, tracks):
    band = (Track(40, False, "Violin 1"), Track(40, False, "Violin 2"), Track(42), Track(0, False, "Left hand"))
    rows = [(24 * step, 24, track, 80 - 9 * track, 80) for step in range(20) for track in range(5)]
    piece = Piece(make_notes(rows), (*band, Track(0, True, "kit")))
    if tracks is None:
        with pytest.raises(SettingsError, match=r"1 Violin 1 \(violin\), 2 Violin 2 \(violin\), 3 cello, 4 Left hand"):
            tracks_called(piece, [name], "keep_tracks")
    else:
        assert tracks_called(piece, [name], "keep_tracks") == tracks


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"redo_bars": "17"}, "1 to 16. Received 17"),
        ({"redo_bars": "0-2"}, "1 to 16"),
        ({"redo_bars": "8-5"}, "a bar, or two such as 5-8"),
        ({"redo_bars": "all"}, "a bar, or two such as 5-8"),
        ({"redo_bars": "1-16"}, "must stay"),
        ({"redo_tracks": ["flute", "piano"]}, "must stay"),
        ({"redo_tracks": ["oboe"]}, "1 flute, 2 piano"),
        ({"keep_tracks": ["flute"], "redo_tracks": ["piano"]}, "must stand alone"),
        ({"keep_tracks": ["flute", "piano"], "redo_bars": "2"}, "something to compose"),
        ({"keep_tracks": ["flute"], "instruments": ["oboe"]}, "instruments"),
        ({"redo_bars": "2", "num_notes": 5}, "`num_notes` has no effect where parts"),
        ({"keep_tracks": ["flute"], "meter": "4/4"}, "`meter` has no effect where parts"),
        ({"redo_bars": "2", "primer_notes": 5}, "`primer_notes` has no effect"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(model, wishes, words):
    with pytest.raises(SettingsError) as refusal:
        make(model, tune(), **wishes)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_who_has_not_learnt_it_cannot_and_without_a_primer_nothing_stands(model):
    with pytest.raises(SettingsError, match="no effect without a primer"):
        make(model, None, redo_bars="2")
    with pytest.raises(SettingsError, match="need a primer"):
        compose(model, default_settings(model, keep_tracks=["flute"]))
    with pytest.raises(SettingsError, match="1 to 100,000 notes"):
        make(model, Piece(make_notes([])), redo_bars="2")
    drums = Piece(make_notes([(0, 12, 0, 36, 80)]), (Track(0, True),))
    with pytest.raises(SettingsError, match="has learnt to play must stay"):
        make(model, drums, keep_tracks=["drums"])
    representation = model.representation
    older = replace(representation.vocabulary, version=3)
    before = NotesRepresentation(older, representation.ranges, representation.headings, representation.controls)
    with pytest.raises(SettingsError, match="Train a new one"):
        make(replace(model, representation=before), tune(), redo_bars="2")


ABC = """X:1
T:Song
M:3/4
L:1/4
K:G
D | G2 B | A2 c | B2 d | G2 D | G2 B | A2 c | B A F | G2 |]
"""


def test_an_abc_tune_gets_an_accompaniment_from_the_command_line(tiny_model_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "song.abc").write_text(ABC)
    flags = ["--model", str(tiny_model_dir / "tiny"), "--primer", "song.abc"]
    kept_beside = ["--keep-tracks", "melody", "--instruments", "piano"]
    generate_music.main([*flags, *kept_beside, "--seed", "1", "--output", "out.mid"])
    primer, made = load_piece("song.abc"), load_piece("out.mid")
    assert made.meters == primer.meters
    assert primer.main_meter.numerator == 3
    heard = ["onset", "duration", "pitch", "velocity"]
    assert Counter(primer.notes[heard].tolist()) <= Counter(made.notes[heard].tolist())
    assert len(made) > len(primer)
    generate_music.main([*flags, "--reproduce", "out.mid", "--output", "again.mid"])
    assert (tmp_path / "again.mid").read_bytes() == (tmp_path / "out.mid").read_bytes()
