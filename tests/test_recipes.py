"""Recipes end to end: each trains, is measured as it composes, and starts from a passage of the music it has learnt."""

from dataclasses import replace

import numpy as np
import pytest

from melodyforge.bundle import load_model
from melodyforge.commands import compose as generate_music
from melodyforge.compose import compose, reproduce
from melodyforge.composing.wishes import default_settings
from melodyforge.composition import read_origin
from melodyforge.corpus.split import split_pieces
from melodyforge.errors import CorpusError, SettingsError
from melodyforge.evaluation.likelihood import held_out_nats
from melodyforge.music.midi import read_midi
from melodyforge.recipe import Recipe, list_recipes, load_recipe
from melodyforge.training.data import prepare_data
from melodyforge.training.train import train_model
from tests.conftest import write_store
from tests.music_samples import performed_piece, tune

pytestmark = pytest.mark.slow


def tiny(name: str) -> Recipe:
    recipe = load_recipe(name)
    shape = {"units": 16, "num_layers": 1, "dropout": 0.0}
    learning = {"epochs": 2, "window": 16, "batch_size": 8, "learning_rate": 0.01, "transpose": 0}
    return recipe.changed(
        network=recipe.network.changed(**shape).model_dump(),
        training=recipe.training.changed(**learning).model_dump(),
        sampling=recipe.sampling.changed(passage_notes=12).model_dump(),
    )


@pytest.fixture(scope="module", params=["attention", "composer"])
def trained(request, tune_store, tmp_path_factory):
    """A model of the recipe, and its data."""
    recipe, folder = tiny(request.param), tmp_path_factory.mktemp("models") / request.param
    train_model(tune_store, recipe, folder)
    return load_model(folder), prepare_data(tune_store, recipe)


def test_the_five_recipes_are_there():
    assert {"attention", "classic", "composer", "forge", "melody"} <= set(list_recipes())


def test_the_figure_in_the_metrics_is_that_of_the_network_that_composes(trained):
    model, data = trained
    found = held_out_nats(model, data, None)
    for name, nats in model.metrics["held_out_nats_by_head"].items():
        assert found[name] == pytest.approx(nats, abs=2e-3)


def test_compositions_start_from_a_passage_which_is_kept_beside_them(trained):
    model, _ = trained
    settings = default_settings(model, num_notes=30, num_pieces=3, seed=4)
    compositions = compose(model, settings)
    assert len({one.primer.notes.tobytes() for one in compositions}) > 1
    for one in compositions:
        assert len(one.primer) == 12
        assert 0 < len(one.piece) <= 30
        assert reproduce(model, read_origin(one.to_midi())).to_midi() == one.to_midi()
    (from_nothing,) = compose(model, settings.changed(start="nothing", num_pieces=1))
    assert from_nothing.primer is None


def test_several_pieces_are_written_with_sound_and_the_passages_they_start_from(trained, tmp_path, capsys):
    model, _ = trained
    arguments = ["--model", str(model.folder), "--num-pieces", "3", "--num-notes", "20", "--wav"]
    generate_music.main([*arguments, "--output", str(tmp_path / "song.mid")])
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {f"song_{number}{rest}" for number in (1, 2, 3) for rest in (".mid", ".wav", "_primer.mid")}
    assert len(read_midi((tmp_path / "song_2_primer.mid").read_bytes())[0]) == 12
    assert "passage" in capsys.readouterr().out


def test_length_is_counted_from_the_end_of_the_passage(trained):
    model, _ = trained
    (one,) = compose(model, default_settings(model, num_bars=3, seed=1))
    assert one.piece.notes["onset"].max() < 3 * 96


def test_numbers_are_drawn_from_a_distribution_that_knows_chords(tune_store, tmp_path):
    """Plain L1 would give every note the median shift."""
    recipe = tiny("composer").changed(
        representation=load_recipe("attention").representation.changed(numbers=True).model_dump()
    )
    recipe = recipe.changed(training=recipe.training.changed(epochs=12).model_dump())
    train_model(tune_store, recipe, tmp_path / "model")
    model = load_model(tmp_path / "model")
    composed = [
        one.piece for one in compose(model, default_settings(model, num_notes=150, num_pieces=4, top_p=1.0, seed=0))
    ]
    shifts = np.concatenate([np.diff(piece.notes["onset"]) for piece in composed])
    assert 0.02 < (shifts == 0).mean() < 0.3  # in the tunes: 1 of 9
    assert 0.5 < (shifts == 12).mean() < 0.98  # 8 of 9


def test_recipes_with_the_same_vocabulary_keep_rows_of_their_own(tmp_path):
    """Music for one instrument gives both the same values, but only one of them learns velocities."""
    store = write_store(tmp_path / "dataset", [performed_piece(seed) for seed in range(6)])
    attention, composer = (prepare_data(store, tiny(name)) for name in ("attention", "composer"))
    assert attention.representation.state() == composer.representation.state()
    assert not attention.rows[0]["velocity"].any()
    assert composer.rows[0]["velocity"].all()


def test_one_style_is_learnt_alone(tmp_path):
    pieces = [tune(index, 8) for index in range(12)]
    pieces = [replace(piece, style="abc"[index % 3]) for index, piece in enumerate(pieces)]
    store = write_store(tmp_path / "dataset", pieces)
    train, held_out = split_pieces(store, 0.2, 0, "B")
    assert {store[int(index)].style for index in np.concatenate([train, held_out])} == {"b"}
    with pytest.raises(CorpusError, match=r"a, b, c\. Received 'jazz'"):
        split_pieces(store, 0.2, 0, "jazz")


@pytest.mark.parametrize(
    ("section", "values", "complaint"),
    [
        ("representation", {"kind": "events", "numbers": True}, 'need `kind = "fields"`'),
        ("representation", {"kind": "notes", "voices": "melody"}, 'needs `kind = "events"`'),
        ("representation", {"kind": "fields", "instrument": "violin"}, "`instrument` needs"),
        ("representation", {"kind": "fields", "numbers": "perhaps"}, "boolean"),
        ("network", {"kind": "attention"}, 'needs the representation `kind = "fields"`'),
        ("network", {"kind": "transformer"}, "'lstm' or 'attention'"),
        ("network", {"kind": "attention", "units": 10, "num_attention_heads": 3}, "must divide 20"),
        ("training", {"windows": 3}, "not a setting"),
    ],
)
def test_impossible_recipes_are_refused_in_one_line(section, values, complaint):
    with pytest.raises(SettingsError) as error:
        Recipe.check({section: values})
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)
    assert "Value error" not in str(error.value)


def test_attention_needs_a_window():
    recipe = load_recipe("attention").model_dump()
    recipe["training"]["window"] = None
    with pytest.raises(SettingsError, match="needs `window`"):
        Recipe.check(recipe)
