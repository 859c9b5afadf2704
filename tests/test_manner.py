"""Composing like a few pieces, without training: what is learnt of them, kept in a file, and composed with."""

import base64
import json
from dataclasses import replace

import numpy as np
import pytest

import melodyforge
from melodyforge.bundle import load_model
from melodyforge.commands import compose as generate_music
from melodyforge.compose import compose, reproduce
from melodyforge.compose import generate_music as composed_by
from melodyforge.composing.manner import HEARD_ROWS, MOST_NOTES, TOLD, learn_manner, read_manner
from melodyforge.composing.task import make_task
from melodyforge.composing.wishes import default_settings
from melodyforge.composition import read_origin
from melodyforge.decoding.heads import Classes
from melodyforge.decoding.leaning import listen, nats_of_windows
from melodyforge.errors import MelodyForgeError, SettingsError
from melodyforge.live.endless import Endless
from melodyforge.music.midi import write_midi
from melodyforge.music.piece import Meter, Piece, Tempo, make_notes
from melodyforge.originality.report import longest_passage
from tests.music_samples import gridded_piece, tune

WALTZ = replace(tune(2, 12), meters=(Meter(0, 3, 4),), tempos=(Tempo(0, 171.0),))


@pytest.fixture(scope="module")
def model(tiny_model_dir):
    return load_model(tiny_model_dir / "tiny")


@pytest.fixture(scope="module")
def manner(model):
    return learn_manner(model, [WALTZ, tune(-1, 8)])


def heard_in(model, piece):
    rows = model.representation.encode(piece)[:HEARD_ROWS]
    window = model.representation.window(rows, 0, len(rows) + 1, TOLD, model.representation.controls_of(piece))
    return listen(model.network, model.representation, [window])


def test_gradients_are_those_of_the_outputs(model):
    rng = np.random.default_rng(0)
    for name, heard in heard_in(model, tune()).items():
        output = model.network.outputs[name]
        assert isinstance(output, Classes)
        weights = rng.normal(size=(len(heard.target), output(heard.vector, heard.known).shape[1])).astype(np.float32)
        moved = rng.normal(size=heard.vector.shape).astype(np.float32)
        change = output(heard.vector + moved, heard.known) - output(heard.vector, heard.known)  # outputs are linear
        assert (output.back(weights, heard.known) * moved).sum() == pytest.approx((weights * change).sum(), rel=1e-3)


def test_what_is_heard_costs_what_the_network_says_and_less_once_it_leans(model):
    heard, nothing = heard_in(model, WALTZ), np.zeros(model.network.lean_size, np.float32)
    lean = learn_manner(model, [WALTZ]).lean
    before, after = (float(nats_of_windows(model.network, heard, one)[0]) for one in (nothing, lean))
    assert after < 0.9 * before
    leaning = load_model(model.folder)
    vars(leaning)["network"] = model.network.leaning(lean)
    assert nats_of_windows(leaning.network, heard_in(leaning, WALTZ), nothing)[0] == pytest.approx(after, rel=1e-4)
    assert nats_of_windows(model.network, heard_in(model, WALTZ), nothing)[0] == pytest.approx(before)


def test_a_style_file_composes_what_its_pieces_do(model, manner, tmp_path):
    path = tmp_path / "mine.style"
    manner.save(path)
    kept = read_manner(path, model)
    assert len(path.read_bytes()) < 20_000
    assert kept.headings == manner.headings
    assert np.array_equal(kept.lean, manner.lean)
    assert all(
        np.array_equal(*pair) for pair in zip(*([one.rows for one in m.passages] for m in (kept, manner)), strict=True)
    )
    made = [composed_by(model, like=like, num_notes=60, seed=4)[0] for like in (kept, [WALTZ, tune(-1, 8)])]
    assert made[0].to_midi() == made[1].to_midi() != composed_by(model, num_notes=60, seed=4)[0].to_midi()


def test_it_is_said_what_of_the_given_pieces_stands_in_a_composition(model, manner, tmp_path):
    manner.save(tmp_path / "a.style")
    for known in (manner, read_manner(tmp_path / "a.style", model)):
        found = longest_passage(tune(-1, 8), known.index)
        assert found.num_notes >= 8
        assert found.source == f"{tune().name} (given)"
        task = make_task(model, default_settings(model, num_notes=8), None, manner=known)
        assert set(known.index.names) < set(task.index.names)
    state = json.loads((tmp_path / "a.style").read_text())
    (tmp_path / "a.style").write_text(json.dumps(state | {"index": ""}))  # as files of before
    assert read_manner(tmp_path / "a.style", model).index is None


def test_pieces_are_composed_under_the_headings_of_those_given_unless_wished_otherwise(model, manner):
    made = compose(model, default_settings(model, num_notes=24, num_pieces=6, seed=1), manner=manner)
    assert {round(one.piece.tempo_qpm) for one in made} == {171, round(tune().tempo_qpm)}
    (wished,) = compose(model, default_settings(model, num_notes=24, seed=1, tempo=60, meter="4/4"), manner=manner)
    assert (wished.piece.tempo_qpm, wished.piece.main_meter.numerator) == (60, 4)


@pytest.mark.parametrize(
    "wishes",
    [
        {"scale": "C major", "num_pieces": 2},
        {"best_of": 2, "mood": "happy"},
        {"primer_notes": 20, "num_bars": 4},
        {"redo_bars": "2-3"},
    ],
)
def test_it_goes_with_all_else_that_is_asked(model, manner, wishes):
    primer = tune() if {"primer_notes", "redo_bars"} & wishes.keys() else None
    made = composed_by(model, primer, like=manner, seed=2, **({"num_notes": 40} if primer is None else {}), **wishes)
    assert all(len(one.piece) for one in made)
    if "scale" in wishes:
        assert {*np.concatenate([one.piece.notes["pitch"] % 12 for one in made]).tolist()} <= {0, 2, 4, 5, 7, 9, 11}
    for one in made:
        assert reproduce(model, read_origin(one.to_midi()), primer, manner=manner).to_midi() == one.to_midi()


def test_endless_music_is_in_a_manner_too(model, manner):
    assert round(Endless(model, default_settings(model, seed=0), None, manner).tempos[0].qpm) in (171, 120)


def test_to_reproduce_it_takes_the_same_pieces(model, manner):
    origin = read_origin(composed_by(model, like=manner, num_notes=20, seed=0)[0].to_midi())
    with pytest.raises(SettingsError, match="--like"):
        reproduce(model, origin)
    with pytest.raises(SettingsError, match="--like"):
        reproduce(model, origin, manner=learn_manner(model, [WALTZ]))
    plain = read_origin(composed_by(model, num_notes=20, seed=0)[0].to_midi())
    with pytest.raises(SettingsError, match="Leave --like out"):
        reproduce(model, plain, manner=manner)


def test_pieces_that_nothing_can_be_learnt_from_are_refused(model):
    long = Piece(make_notes([(6 * index, 6, 0, 60, 80) for index in range(MOST_NOTES + 1)]))
    for pieces in ([], [tune()] * 6, [tune(0, 1)], [tune(), long], [Piece(make_notes([]))]):
        with pytest.raises(SettingsError, match=r"`like`.*Received"):
            learn_manner(model, pieces)


def spoiled(**changes):
    return lambda state: json.dumps(state | changes).encode()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: b"",
        lambda _: b"MThd",
        lambda _: b"[]",
        lambda _: b"[" * 100_000,
        lambda state: json.dumps(state).encode()[:-9],
        spoiled(format=2),
        spoiled(model="0" * 16),
        spoiled(passages=[]),
        spoiled(passages=[[[120, 0, 0, False], []]]),
        spoiled(passages=5),
        spoiled(lean="AAAA"),
        spoiled(lean="?"),
        spoiled(index="AAAA"),
        spoiled(index="?"),
        spoiled(extra=1),
        lambda state: spoiled(
            lean=base64.b64encode(b"\x00\x7e" * (len(base64.b64decode(state["lean"])) // 2)).decode()
        )(state),
        lambda _: b" " * 2**21,
    ],
)
def test_style_files_that_are_not_this_models_are_refused(model, manner, tmp_path, spoil):
    path = tmp_path / "mine.style"
    manner.save(path)
    path.write_bytes(spoil(json.loads(path.read_bytes())))
    with pytest.raises(SettingsError) as refused:
        read_manner(path, model)
    assert "\n" not in str(refused.value)


def test_models_that_cannot_learn_so_are_refused(model):
    classic = replace(model, representation=object())
    with pytest.raises(SettingsError, match="note by note"):
        learn_manner(classic, [tune()])


def test_the_command_line_keeps_a_style_file_and_takes_it_again(tiny_model_dir, tmp_path, capsys):
    piece, style, made = tmp_path / "a.mid", tmp_path / "kept" / "a.style", tmp_path / "made.mid"
    piece.write_bytes(write_midi(WALTZ))
    common = ["--model", str(tiny_model_dir / "tiny"), "--num-notes=30", "--seed=1", "--output", str(made)]
    generate_music.main([*common, "--like", str(piece), "--keep-like", str(style)])
    first = made.read_bytes()
    assert "a.style" in capsys.readouterr().out
    generate_music.main([*common, "--like", str(style)])
    assert made.read_bytes() == first
    generate_music.main([*common[:2], "--output", str(made), "--reproduce", str(made), "--like", str(style)])
    assert made.read_bytes() == first


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--like", "missing.mid"], "missing.mid"),
        (["--like", *["a.mid"] * 6], "1 to 5 pieces"),
        (["--like", "a.mid", "b.style"], "stand alone"),
        (["--like", "b.style", "--keep-like", "c.style"], "stand alone"),
        (["--like", "a.mid", "--keep-like", "c.mid"], "must end in .style"),
        (["--keep-like", "c.style"], "no effect without --like"),
        (["--like", "missing.style"], "missing.style"),
        (["--like", "empty.mid"], "empty.mid.*Expected notes"),
    ],
)
def test_what_is_wrong_is_said_before_composing(tiny_model_dir, tmp_path, monkeypatch, flags, expected):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.mid").write_bytes(write_midi(tune()))
    (tmp_path / "empty.mid").write_bytes(write_midi(Piece(make_notes([]))))
    with pytest.raises(MelodyForgeError, match=expected):
        generate_music.main(["--model", str(tiny_model_dir / "tiny"), "--output", "made.mid", *flags])
    assert not (tmp_path / "made.mid").exists()


@pytest.mark.slow
def test_the_starter_is_learnt_from_as_well():
    starter = melodyforge.load("starter")
    manner = learn_manner(starter, [gridded_piece()])
    assert manner.headings[0].traits.style in starter.representation.controls.styles
