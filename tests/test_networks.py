"""Keras networks: shapes, a loss that falls, and a fast LSTM that is the LSTM of Keras."""

import numpy as np
import pytest

from melodyforge.errors import SettingsError
from melodyforge.networks import build_learner, build_network, keras
from melodyforge.networks.fast_lstm import FastLSTM
from melodyforge.networks.layers import Dropout, sum_of_rows
from melodyforge.settings import NetworkSettings, RepresentationSettings
from melodyforge.tokens import NotesRepresentation
from melodyforge.training.optimizer import FlatAdamW
from melodyforge.training.train import mean_nats
from tests.music_samples import gridded_piece

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def representation():
    return NotesRepresentation.fit(RepresentationSettings(kind="notes"), [gridded_piece()])


def batch_of(representation, size=3, length=20):
    rows = representation.encode(gridded_piece())
    windows = [representation.window(rows, 7 * index, length) for index in range(size)]
    return {name: np.stack([window[name] for window in windows]) for name in windows[0]}


def with_the_same_weights(units, features):
    """Keras' LSTM and ours."""
    plain, fast = keras.layers.LSTM(units, return_sequences=True), FastLSTM(units)
    for layer in (plain, fast):
        layer.build((None, None, features))
    fast.set_weights(plain.get_weights())
    return plain, fast


def test_fast_lstm_gives_what_keras_gives():
    plain, fast = with_the_same_weights(8, 5)
    inputs = np.random.default_rng(0).normal(size=(3, 17, 5)).astype(np.float32)
    assert np.abs(np.array(plain(inputs)) - np.array(fast(inputs))).max() < 1e-6
    assert [weight.path.split("/")[-1] for weight in plain.weights] == [w.path.split("/")[-1] for w in fast.weights]


def test_fast_lstm_learns_what_keras_learns():
    rng = np.random.default_rng(0)
    inputs, targets = rng.normal(size=(4, 11, 5)).astype(np.float32), rng.normal(size=(4, 11, 8)).astype(np.float32)
    trained = []
    for layer in with_the_same_weights(8, 5):
        model = keras.Sequential([keras.Input((None, 5)), layer])
        model.compile(keras.optimizers.SGD(1.0), "mse", jit_compile=True)
        for _ in range(3):
            model.train_on_batch(inputs, targets)
        trained.append(layer.get_weights())
    for plain, fast in zip(*trained, strict=True):
        assert np.abs(plain - fast).max() < 1e-5


def test_rows_are_summed_and_learn_as_if_looked_up_one_by_one():
    import tensorflow as tf

    rng = np.random.default_rng(0)
    table, places = rng.normal(size=(9, 4)).astype(np.float32), rng.integers(0, 9, (7, 5)).astype(np.int32)
    of_sums = rng.normal(size=(7, 4)).astype(np.float32)
    variable = tf.Variable(table)
    with tf.GradientTape() as tape:
        sums = sum_of_rows(variable * 1.0, tf.constant(places))
        loss = tf.reduce_sum(sums * of_sums)
    of_table = np.zeros_like(table)
    for column in places.T:
        np.add.at(of_table, column, of_sums)
    assert np.allclose(sums.numpy(), table[places].sum(axis=1), atol=1e-6)
    assert np.allclose(tape.gradient(loss, variable).numpy(), of_table, atol=1e-6)


def test_dropout_drops_its_share_and_keeps_the_mean():
    keras.utils.set_random_seed(0)
    layer, inputs = Dropout(0.25), np.ones((40, 50, 30), np.float32)
    dropped = np.array(layer(inputs, training=True))
    assert set(np.unique(dropped).round(5)) == {0, np.float32(4 / 3).round(5)}
    assert (dropped == 0).mean() == pytest.approx(0.25, abs=0.01)
    assert dropped.mean() == pytest.approx(1, abs=0.02)
    assert np.abs(np.corrcoef(dropped.reshape(-1, 30).T) - np.eye(30)).max() < 0.1  # each number by itself
    assert (np.array(layer(inputs, training=True)) != dropped).any()
    assert (np.array(layer(inputs)) == inputs).all()


def test_all_weights_at_once_take_the_steps_of_keras_adamw():
    rng = np.random.default_rng(0)
    inputs, targets = rng.normal(size=(8, 5)).astype(np.float32), rng.normal(size=(8, 3)).astype(np.float32)
    trained = []
    for kind in (keras.optimizers.AdamW, FlatAdamW):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4), keras.layers.Dense(3)])
        optimizer = kind(0.05, weight_decay=0.3, clipnorm=0.5)
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        model.compile(optimizer, "mse")
        for rate in (0.05, 0.02, 0.03):
            optimizer.learning_rate = rate
            model.train_on_batch(inputs, targets)
        trained.append(model.get_weights())
    for plain, flat in zip(*trained, strict=True):
        assert np.abs(plain - flat).max() < 1e-6


def test_logits_have_the_shape_of_their_heads(representation):
    network = build_network(representation, NetworkSettings(units=16, num_layers=2, head_units=8))
    batch = batch_of(representation)
    logits = network.predict_on_batch({f.name: batch[f.name] for f in representation.features})
    assert {name: values.shape for name, values in logits.items()} == {
        head.name: (3, 20, head.size) for head in representation.heads
    }


def test_the_loss_on_one_batch_falls_and_starts_at_guessing(representation):
    keras.utils.set_random_seed(0)
    network = build_network(representation, NetworkSettings(units=32, num_layers=1, dropout=0.0, head_units=32))
    learner = build_learner(network, representation)
    learner.compile(FlatAdamW(0.01, weight_decay=0.0, clipnorm=1.0), mean_nats)
    batch = batch_of(representation)
    asked = (batch["target_shift"] >= 0).astype(np.float32)
    losses = [learner.train_on_batch(batch, asked) for _ in range(60)]
    guessing = sum(np.log(head.size) for head in representation.heads)
    assert losses[0] == pytest.approx(guessing, rel=0.1)
    assert losses[-1] < 0.3 * losses[0]


def test_what_is_not_asked_costs_nothing(representation):
    network = build_network(representation, NetworkSettings(units=16, num_layers=1, head_units=8))
    batch = batch_of(representation)
    for head in representation.heads:
        batch[f"target_{head.name}"][:, 5:] = -1
    nats = build_learner(network, representation).predict_on_batch(batch)
    assert nats.shape == (3, 20, 5)
    assert (nats[:, 5:] == 0).all()
    assert (nats[:, :5] > 0).all()


def test_a_later_note_does_not_change_what_is_expected_before(representation):
    """No future leaks: a network told of heads of the same row must not tell the rows before."""
    network = build_network(representation, NetworkSettings(units=16, num_layers=2, head_units=8))
    batch = {f.name: batch_of(representation)[f.name] for f in representation.features}
    before = network.predict_on_batch(batch)
    for values in batch.values():
        values[:, 12:] = 0
    after = network.predict_on_batch(batch)
    for name in before:
        assert np.allclose(before[name][:, :12], after[name][:, :12], atol=1e-6)


def test_notes_need_a_hidden_layer_before_each_head(representation):
    with pytest.raises(SettingsError, match="head_units"):
        build_network(representation, NetworkSettings(head_units=0))
