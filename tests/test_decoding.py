"""Networks in NumPy against Keras, sampling, and the loop that composes."""

import numpy as np
import pytest

from melodyforge.bundle import load_model, read_network
from melodyforge.decoding.ending import Length
from melodyforge.decoding.generate import Generation
from melodyforge.decoding.network import DecodingNetwork
from melodyforge.decoding.sampling import sample
from melodyforge.recipe import Recipe, load_recipe
from melodyforge.settings import NetworkSettings, RepresentationSettings, SamplingSettings
from melodyforge.tokens import EventsRepresentation, FieldsRepresentation, NotesRepresentation
from melodyforge.tokens.features import NOT_ASKED
from melodyforge.tokens.headings import Heading, heading_of
from melodyforge.tokens.representation import Change
from tests.music_samples import gridded_piece, performed_piece, tune

PLAIN = SamplingSettings()
SHORT = Length(60, is_full=True)
HEADING = Heading()


def representations():
    pieces = [gridded_piece(), performed_piece(), tune()]
    notes = NotesRepresentation.fit(RepresentationSettings(kind="notes"), pieces)
    events = EventsRepresentation.fit(RepresentationSettings(kind="events", min_count=1), pieces)
    one_track = NotesRepresentation.fit(RepresentationSettings(kind="notes"), [performed_piece()])
    ids, numbers = (
        FieldsRepresentation.fit(RepresentationSettings(kind="fields", numbers=is_number, velocity=is_number), pieces)
        for is_number in (False, True)
    )
    return {
        "notes": (notes, {"head_units": 24}),
        "notes of one track": (one_track, {"head_units": 24}),
        "events": (events, {}),
        "ids": (ids, {}),
        "numbers": (numbers, {"layer_norm": True}),
    }


@pytest.mark.parametrize("kind", ["notes", "notes of one track", "events", "ids", "numbers"])
def test_numpy_equals_keras_over_200_steps(kind, tmp_path):
    from melodyforge.networks import build_network, keras

    representation, shape = representations()[kind]
    keras.utils.set_random_seed(1)
    recipe = Recipe(network=NetworkSettings(units=32, num_layers=3, **shape))
    network = build_network(representation, recipe.network)
    network.save_weights(tmp_path / "a.weights.h5")
    decoding = read_network((tmp_path / "a.weights.h5").read_bytes(), representation, recipe)

    piece = performed_piece() if kind == "notes of one track" else gridded_piece(num_notes=800)
    rows = representation.encode(piece)
    window = representation.window(rows, 0, 200, Change(tells_returns=True, tells_end=True))
    expected = network.predict_on_batch({f.name: window[f.name][None] for f in representation.features})
    context = representation.begin([heading_of(piece)])
    state = decoding.start(1)
    for index in range(200):
        state = decoding.advance(state, context.inputs())
        for head in representation.heads:
            logits = decoding.logits(state, head, context.told(head))
            # the chances of numbers are differences, whose logarithms are less exact
            assert np.abs(logits[0] - expected[head.name][0, index]).max() < (1e-3 if head.borders else 1e-4)
            context.choose(head, window[f"target_{head.name}"][None, index])
        context.commit()


def test_numpy_attention_equals_keras_and_hears_nothing_of_what_it_predicts(tmp_path):
    from melodyforge.networks import build_network, keras

    representation = representations()["ids"][0]
    keras.utils.set_random_seed(1)
    recipe = load_recipe("attention")
    recipe = recipe.changed(network=recipe.network.changed(units=16).model_dump())
    network = build_network(representation, recipe.network)
    network.save_weights(tmp_path / "a.weights.h5")
    decoding = read_network((tmp_path / "a.weights.h5").read_bytes(), representation, recipe)

    rows, length = representation.encode(tune()), recipe.training.window
    context, state = representation.begin([HEADING]), decoding.start(1)
    for index in range(50):
        other = rows.copy()
        other[index:] = other[index:][::-1]  # what is to be predicted, and all that follows
        window = representation.window(other, index - length + 1, length)
        expected = network.predict_on_batch({f.name: window[f.name][None] for f in representation.features})
        state = decoding.advance(state, context.inputs())
        for head in representation.heads:
            logits = decoding.logits(state, head, {})
            assert expected[head.name].shape == (1, 1, head.size)
            assert np.abs(logits[0] - expected[head.name][0, 0]).max() < 1e-4
            context.choose(head, representation.window(rows, index, 1)[f"target_{head.name}"])
        context.commit()


class UniformNetwork(DecodingNetwork):
    """Expects everything alike."""

    def start(self, num_pieces):
        return num_pieces

    def advance(self, state, inputs):
        return state

    def logits(self, state, head, told):
        return np.zeros((state, head.size), np.float32)

    def pick(self, state, which):
        return None

    def put(self, state, which, picked):
        return state


def compose_uniformly(seed, num_pieces=1, length=SHORT, settings=PLAIN, primers=None):
    representation = representations()["notes"][0]
    rngs = [np.random.default_rng([seed, index]) for index in range(num_pieces)]
    *_, context = Generation(UniformNetwork(), representation, [HEADING] * num_pieces, settings, length, rngs, primers)
    return representation, [context.rows(index) for index in range(num_pieces)]


def test_the_same_seed_gives_the_same_music_and_another_seed_other_music():
    first, again, other = (compose_uniformly(seed)[1][0] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_each_piece_of_a_batch_has_its_own_randomness():
    _, rows = compose_uniformly(1, num_pieces=3)
    assert np.array_equal(rows[0], compose_uniformly(1)[1][0])
    assert not np.array_equal(rows[0], rows[1])


def test_even_random_choices_give_ordered_notes_without_doubles():
    _, (rows,) = compose_uniformly(3, length=Length(400, is_full=True))
    keys = list(zip(rows["onset"].tolist(), rows["track"].tolist(), rows["pitch"].tolist(), strict=True))
    assert keys == sorted(set(keys))


def test_length_is_reached_when_full_and_an_end_is_possible_when_natural():
    assert len(compose_uniformly(1, length=Length(100, is_full=True))[1][0]) >= 90
    lengths = [len(compose_uniformly(seed, length=Length(3000))[1][0]) for seed in range(3)]
    assert min(lengths) < 2000
    assert min(lengths) >= 1


def test_a_primer_stands_at_the_beginning():
    representation = representations()["notes"][0]
    primer = representation.encode(tune())[:20]
    _, (rows,) = compose_uniformly(1, primers=[primer])
    assert np.array_equal(rows[:20][["onset", "pitch", "duration"]], primer[["onset", "pitch", "duration"]])
    assert len(rows) > 20


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """A network of each family and representation, with any weights."""
    from melodyforge.networks import build_network, keras

    known, made = representations(), {}
    attention = load_recipe("attention")
    recipes = {kind: Recipe(network=NetworkSettings(units=32, **shape)) for kind, (_, shape) in known.items()}
    recipes["attention"] = attention.changed(network=attention.network.changed(units=16).model_dump())
    for kind, recipe in recipes.items():
        representation = known["ids" if kind == "attention" else kind][0]
        keras.utils.set_random_seed(1)
        path = tmp_path_factory.mktemp("weights") / "a.weights.h5"
        build_network(representation, recipe.network).save_weights(path)
        made[kind] = representation, read_network(path.read_bytes(), representation, recipe)
    return made


@pytest.mark.parametrize("primer", [None, tune()])
@pytest.mark.parametrize("kind", ["notes", "notes of one track", "events", "ids", "numbers", "attention"])
def test_a_piece_taken_back_is_where_it_was(networks, kind, primer):
    """With the random numbers of before it composes the very same again; those beside it do not notice."""
    representation, network = networks[kind]
    primers = [representation.encode(primer)[:20]] * 3 if primer else None
    num_heads, num_given = len(representation.heads), 20 if primer else 0

    def composed(taken_back):
        rngs = [np.random.default_rng([7, index]) for index in range(3)]
        controls = np.ones((3, representation.controls.num_columns), np.int16) if representation.controls else None
        settings = SamplingSettings(guidance=2.0)
        made = Generation(network, representation, [HEADING] * 3, settings, Length(150, True), rngs, primers, controls)
        for context in made:
            for place, number in taken_back.items():
                if context.num_rows[place] == number:
                    taken_back = {}
                    again = np.random.default_rng([7, place])
                    again.random((80 - num_given, num_heads))
                    made.go_back(place, 90, again)
                    assert context.num_rows[place] == 80
        return [context.rows(index) for index in range(3)]

    expected = composed({})
    for taken_back in ({0: 100}, {2: 129}):
        for one, other in zip(composed(taken_back), expected, strict=True):
            assert np.array_equal(one, other)


def test_a_piece_that_has_ended_goes_on_when_it_is_taken_back():
    representation = representations()["notes"][0]
    rngs = [np.random.default_rng([1, index]) for index in range(2)]
    made = Generation(UniformNetwork(), representation, [HEADING] * 2, PLAIN, SHORT, rngs)
    *_, context = made
    before = [context.rows(index) for index in range(2)]
    assert made.can_go_back(1, 40)
    assert not made.can_go_back(1, 0)  # at least one row stays
    made.go_back(1, 40, np.random.default_rng(2))
    assert (context.num_rows[1], context.has_ended.tolist(), context.is_over) == (32, [True, False], False)
    *_, context = made
    assert np.array_equal(context.rows(0), before[0])
    assert np.array_equal(context.rows(1)[:32], before[1][:32])
    assert not np.array_equal(context.rows(1)[32:40], before[1][32:40])
    assert 54 <= len(context.rows(1)) <= 60


def draws(logits, number=4000, **settings):
    rng = np.random.default_rng(0)
    logits = np.tile(np.array(logits, np.float32), (number, 1))
    return np.bincount(sample(logits, SamplingSettings(**settings), rng.random(number)), minlength=logits.shape[1])


def test_sampling_follows_the_distribution():
    shares = draws(np.log([0.5, 0.3, 0.2])) / 4000
    assert np.abs(shares - [0.5, 0.3, 0.2]).max() < 0.03


def test_temperature_zero_takes_the_likeliest():
    assert draws([1.0, 3.0, 2.0], temperature=0).tolist() == [0, 4000, 0]


def test_temperature_flattens_and_sharpens():
    assert draws([0.0, 1.0], temperature=0.2)[0] < draws([0.0, 1.0])[0] < draws([0.0, 1.0], temperature=3)[0]


def test_top_k_top_p_and_min_p_leave_out_the_unlikely():
    logits = np.log([0.4, 0.3, 0.2, 0.1])
    assert draws(logits, top_k=2)[2:].tolist() == [0, 0]
    assert draws(logits, top_p=0.5)[2:].tolist() == [0, 0]
    assert draws(logits, top_p=0.5)[1] > 0
    assert draws(logits, top_p=0.05).tolist() == [4000, 0, 0, 0]
    assert draws(logits, min_p=0.6)[2:].tolist() == [0, 0]


def test_the_lowest_and_highest_uniform_give_a_possible_class():
    logits = np.array([[-1e9, 0.0, 0.0, -1e9]], np.float32)
    assert sample(logits.copy(), PLAIN, np.array([0.0])).tolist() == [1]
    assert sample(logits.copy(), PLAIN, np.array([1 - 1e-12])).tolist() == [2]


class EndingNetwork(UniformNetwork):
    """Would end every piece at once."""

    def logits(self, state, head, told):
        logits = super().logits(state, head, told)
        logits[:, head.size - 1 if head.name in ("shift", "pitch") else 0] = 50.0
        return logits


@pytest.mark.parametrize("kind", ["notes", "events", "ids"])
def test_a_piece_ends_after_its_first_composed_note_at_the_earliest(kind):
    representation = representations()[kind][0]
    primers = [representation.encode(tune())[:20]]
    network, rngs = EndingNetwork(), [np.random.default_rng(1)]
    *_, context = Generation(network, representation, [HEADING], PLAIN, Length(50), rngs, primers)
    assert context.num_given.tolist() == [representation.notes_in(primers[0]).sum()]
    assert 1 <= context.num_composed[0] <= 16


def test_a_model_in_a_folder_gives_the_network_that_was_trained(tiny_model_dir):
    model = load_model(tiny_model_dir / "tiny")
    window = model.representation.window(model.representation.encode(tune()), 0, 64)
    nats, context, state = [], model.representation.begin([Heading()]), model.network.start(1)
    for index in range(64):
        state = model.network.advance(state, context.inputs())
        for head in model.representation.heads:
            logits = model.network.logits(state, head, context.told(head))[0]
            target = window[f"target_{head.name}"][index]
            assert target != NOT_ASKED
            nats.append(np.log(np.exp(logits - logits.max()).sum()) - logits[target] + logits.max())
            context.choose(head, np.array([target]))
        context.commit()
    assert np.sum(nats) / 64 < 2.0  # it has learnt the tune: guessing would cost 9
