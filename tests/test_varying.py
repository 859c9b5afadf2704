"""The same piece in another way, two takes joined, and music gone on from any bar."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.varying import broken, share_changed
from melodyforge.commands.compose import main
from melodyforge.compose import compose, generate_music, reproduce
from melodyforge.composing.varying import BARS_AT_ONCE, choose_bars
from melodyforge.composing.wishes import default_settings
from melodyforge.composition import read_origin
from melodyforge.decoding.constraints import NotBefore
from melodyforge.errors import SettingsError
from melodyforge.music.chords import harmony_by_beat
from melodyforge.music.joining import join
from melodyforge.music.midi import write_midi
from melodyforge.music.piece import Meter, Piece, Tempo, Track, make_notes
from melodyforge.settings import ComposeSettings
from tests.music_samples import gridded_piece, performed_piece, played_piece, tune
from tests.test_holding import choir, model_that_wants_anything, new_notes, odd_piece

NAMES = ["onset", "duration", "pitch", "velocity", "micro"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return model_that_wants_anything(tmp_path_factory.mktemp("any"))


def varied(model, primer, amount, **wishes):
    (made,) = generate_music(model, primer, vary=amount, **({"seed": 1} | wishes))
    return made


def scattered(num_bars=40):
    """Bars that are all different."""
    rng = np.random.default_rng(0)
    return Piece(make_notes([(12 * step, 12, 0, int(rng.integers(50, 80)), 80) for step in range(8 * num_bars)]))


# Which bars


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 1.0])
def test_bars_are_chosen_all_over_the_piece(share):
    piece = scattered()
    chosen = choose_bars(piece, np.ones(len(piece), bool), share, 0, keeps_one=False)
    bars = [bar for one in chosen for bar in one.bars]
    assert len(set(bars)) == len(bars) == round(share * 40)
    assert max(len(one.bars) for one in chosen) <= BARS_AT_ONCE
    assert {bar // 20 for bar in bars} == {0, 1}  # both halves
    assert choose_bars(piece, np.ones(len(piece), bool), share, 0, keeps_one=False) == chosen
    assert share == 1 or choose_bars(piece, np.ones(len(piece), bool), share, 1, keeps_one=False) != chosen


def test_themes_that_return_are_chosen_together():
    notes = scattered(8).notes
    again = notes.copy()
    again["onset"] += 8 * 96
    piece = Piece(np.concatenate([notes, again]))
    chosen = choose_bars(piece, np.ones(len(piece), bool), 0.5, 0, keeps_one=True)
    assert sum(one.num_bars for one in chosen) == 8
    assert {echo - one.bars[0] for one in chosen for echo in one.echoes} == {8}


# What is kept


@pytest.mark.parametrize("keeps", ["", "rhythm", "contour", "harmony", "rhythm,harmony", "contour,harmony"])
@pytest.mark.parametrize(
    "primer", [choir(), odd_piece(), gridded_piece(num_notes=60), played_piece(num_notes=80), tune(num_bars=8)]
)
def test_whatever_a_model_wants_what_is_kept_is_kept(model, primer, keeps):
    made = varied(model, primer, 0.5, vary_keeps=keeps or None).piece
    assert not sum(broken(primer, made, keeps).values())
    assert 0 < share_changed(primer, made) < 1
    assert made.tracks == primer.tracks
    assert (made.tempos, made.meters) == (primer.tempos, primer.meters)


@pytest.mark.parametrize("keeps", ["", "rhythm"])
def test_a_theme_that_returns_is_varied_alike(model, keeps):
    half = replace(scattered(8), tracks=(Track(0),))
    again = half.notes.copy()
    again["onset"] += 8 * 96
    primer = replace(half, notes=np.concatenate([half.notes, again]))
    made = varied(model, primer, 0.5, vary_keeps=keeps or None).piece
    first, second = (made.notes[(made.notes["onset"] >= 768) == is_second].copy() for is_second in (False, True))
    second["onset"] -= 768
    assert len(new_notes(primer, made, np.zeros(len(primer), bool))) == len(made)
    assert np.array_equal(first[["onset", "pitch"]], second[["onset", "pitch"]])
    assert share_changed(primer, made) > 0.2


def test_everything_can_be_varied_where_the_rhythm_is_kept(model):
    primer = gridded_piece(num_notes=60)
    made = varied(model, primer, 1.0, vary_keeps=["rhythm"]).piece
    is_drum = primer.notes["track"] == 2
    assert np.array_equal(made.notes[made.notes["track"] == 2], primer.notes[is_drum])
    assert not broken(primer, made, "rhythm")["rhythm"]
    assert share_changed(primer, made) > 0.3


def test_the_harmony_of_a_beat_is_its_chord_and_what_begins_in_it():
    rows = [(0, 24, 0, 48, 80), (0, 24, 0, 52, 80), (0, 24, 0, 55, 80), (12, 12, 0, 62, 80), (24, 24, 0, 48, 80)]
    beats, belongs = harmony_by_beat(Piece(make_notes(rows)))
    assert beats.tolist() == [0, 24]
    assert [np.flatnonzero(row).tolist() for row in belongs] == [[0, 2, 4, 7], [0, 4, 7]]


def test_takes_differ_and_can_be_made_again(model):
    primer = tune(num_bars=8)
    for keeps in (None, "contour,harmony"):
        settings = default_settings(model, vary=0.5, vary_keeps=keeps, num_pieces=2, seed=3, best_of=2)
        one, other = compose(model, settings, primer)
        assert one.piece.notes.tobytes() != other.piece.notes.tobytes()
        assert reproduce(model, read_origin(other.to_midi()), primer).to_midi() == other.to_midi()
        assert one.notices[0].endswith("of the notes stand as they were")


def test_scales_hold_beside_what_is_kept(model):
    primer = gridded_piece(num_notes=60)
    made = varied(model, primer, 0.5, vary_keeps="rhythm", scale="C major").piece
    new = new_notes(primer, made, np.zeros(len(primer), bool))
    before = Counter(primer.notes[["onset", "pitch"]].tolist())
    changed = [pitch for onset, _, pitch, *_, track in new if not track.is_drum and not before[onset, pitch]]
    assert changed
    assert {pitch % 12 for pitch in changed} <= {0, 2, 4, 5, 7, 9, 11}
    with pytest.raises(SettingsError, match="leave every note that is varied a pitch"):
        varied(model, choir(), 0.5, vary_keeps="contour,harmony", scale="C# F#")


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"vary": 0}, "greater than 0"),
        ({"vary": 1.1}, "less than or equal to 1"),
        ({"vary": 0.3, "vary_keeps": "tempo"}, "rhythm, contour or harmony"),
        ({"vary_keeps": "rhythm"}, "unless the primer is varied"),
        ({"vary": 0.3, "redo_bars": "2"}, "must stand alone"),
        ({"vary": 0.3, "keep_tracks": ["flute"]}, "must stand alone"),
        ({"vary": 0.3, "vary_keeps": "rhythm", "grid": "1/8"}, "where the rhythm is kept"),
        ({"vary": 0.3, "num_bars": 4}, "`num_bars` has no effect"),
        ({"bridge_bars": 4}, "unless another take is joined"),
        ({"primer_bars": "15-17"}, "1 to 16. Received 15-17"),
        ({"primer_bars": "8-5"}, "`primer_bars` must be a bar"),
        ({"primer_bars": "1-2", "primer_notes": 3}, "must stand alone"),
        ({"primer_bars": "1-2", "redo_bars": "3"}, "has no effect"),
        ({"join": tune(), "bridge_bars": 0}, "greater than or equal to 1"),
        ({"join": tune(), "bridge_bars": 65}, "less than or equal to 64"),
        ({"join": tune(), "vary": 0.3}, "`join` must stand alone"),
        ({"join": tune(), "num_notes": 3}, "`num_notes` has no effect"),
        ({"join": performed_piece(num_notes=60)}, "take to join that has notes and bars"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(model, wishes, words):
    with pytest.raises(SettingsError) as refusal:
        generate_music(model, tune(), **wishes)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_not_every_primer_can_be_varied(model):
    drums = Piece(make_notes([(12 * step, 6, 0, 36, 80) for step in range(64)]), (Track(0, True),))
    for primer, keeps, words in [
        (None, None, "without a primer"),
        (performed_piece(num_notes=60), None, "without a beat"),
        (drums, "harmony", "drums alone"),
        (tune(num_bars=1), None, "two bars at least"),
    ]:
        with pytest.raises(SettingsError, match=words):
            varied(model, primer, 0.3, vary_keeps=keeps)
    with pytest.raises(SettingsError, match="`join` needs a primer"):
        generate_music(model, None, tune())


# Joining


def test_takes_are_put_one_behind_the_other():
    first = replace(odd_piece(), tempos=(*odd_piece().tempos, Tempo(9999, 33.0)))
    joined = join(first, tune(num_bars=2), 3)
    # The last note of the first begins at 431, in a bar of 72 steps that ends at 480.
    assert (joined.start, joined.stop, joined.bars) == (480, 480 + 3 * 72, range(6, 9))
    assert joined.piece.meters[-1] == Meter(696, 4, 4)
    assert [one.onset for one in joined.piece.tempos] == [0, 192, 696]
    assert [track.program for track in joined.piece.tracks] == [40, 42, 73, 0]
    assert len(joined.piece) == len(first) + len(tune(num_bars=2))


def test_an_upbeat_is_the_end_of_the_bridge_and_instruments_are_shared():
    joined = join(choir(2), choir(2), 2)
    assert len(joined.piece.tracks) == 4
    assert (joined.start, joined.stop) == (288, 288 + 96 + 72)


@pytest.mark.parametrize("second", [choir(2), odd_piece(), played_piece(num_notes=60), gridded_piece(num_notes=40)])
def test_both_takes_stand_and_the_bridge_is_new(model, second):
    first = tune(num_bars=3)
    (made,) = generate_music(model, first, second, bridge_bars=2, seed=1)
    joined = join(first, second, 2)
    new = new_notes(joined.piece, made.piece, np.ones(len(joined.piece), bool))
    assert new
    assert all(joined.start <= onset < joined.stop for onset, *_ in new)
    origin = read_origin(made.to_midi())
    assert reproduce(model, origin, first, second).to_midi() == made.to_midi()
    for files in ((first,), (second, first)):
        with pytest.raises(SettingsError, match="--primer and --join"):
            reproduce(model, origin, *files)


def test_a_take_is_joined_from_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, piece in (("a", tune(num_bars=3)), ("b", tune(2, 3))):
        (tmp_path / f"{name}.mid").write_bytes(write_midi(piece))
    flags = ["--model", "starter", "--primer", "a.mid", "--join", "b.mid"]
    main([*flags, "--seed", "1", "--output", "out.mid"])
    main([*flags, "--reproduce", "out.mid", "--output", "again.mid"])
    assert (tmp_path / "again.mid").read_bytes() == (tmp_path / "out.mid").read_bytes()
    with pytest.raises(SettingsError, match="leave the primer as it is"):
        main([*flags, "--output", "b.mid"])


# Going on from a bar


@pytest.mark.parametrize("wishes", [{}, {"grid": "1/8"}])
def test_music_goes_on_behind_a_bar(model, wishes):
    primer = tune(num_bars=8)
    (made,) = generate_music(model, primer, primer_bars="3-4", num_bars=2, seed=1, **wishes)
    given, onsets = primer.excerpt(2, 4), made.piece.notes["onset"]
    assert Counter(made.piece.notes[: len(given)][NAMES].tolist()) == Counter(given.notes[NAMES].tolist())
    assert onsets[len(given) :].min() >= 192
    assert onsets.max() < 4 * 96
    assert reproduce(model, read_origin(made.to_midi()), primer).to_midi() == made.to_midi()


def test_steps_before_a_step_are_masked():
    assert NotBefore(96).may_begin(np.array([[0, 95, 96, 200]])).tolist() == [[False, False, True, True]]


def test_names_of_what_is_kept_are_put_in_order():
    for names in ("harmony rhythm", "Harmony,rhythm", ["harmony", "rhythm"]):
        assert ComposeSettings.check({"vary_keeps": names}).vary_keeps == "rhythm,harmony"
