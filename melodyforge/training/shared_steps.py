"""Both ends of a shared step: who computes the gradient of a share, and who adds them up and changes the weights.

Knows TensorFlow, in which alone Keras gives gradients so. Does not know who carries what is sent.
"""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np
import tensorflow as tf

from melodyforge.errors import SettingsError
from melodyforge.networks import build_learner, build_network
from melodyforge.networks._keras import keras
from melodyforge.recipe import Recipe
from melodyforge.training.backend import Machine, set_precision
from melodyforge.training.feeding import Batch, BatchMaker
from melodyforge.training.sharing import Lesson, Part, Share, Team, cut, learn
from melodyforge.words import counted

PROCESSOR = Machine(0)  # what each computes on


class Pupil:
    """Computes gradients of shares; its weights come with each."""

    def __init__(self, make: BatchMaker, recipe: Recipe, is_compiled: bool) -> None:
        set_precision(recipe.training.precision, PROCESSOR)
        representation = make.data.representation
        self._learner = build_learner(build_network(representation, recipe.network), representation)
        self._make = make
        self._target = f"target_{representation.heads[0].name}"
        self._gradient = tf.function(self._gradient_of, jit_compile=is_compiled)

    def learn(self, share: Share, weights: np.ndarray) -> Part:
        """See `sharing.learn`."""
        put(self._learner.trainable_variables, weights)
        self._seed_dropout(share)
        batch = self._make(share.step, slice(share.first, share.stop))
        gradient, nats = self._gradient(batch)
        digests = frozenset({digest(together(self._learner.trainable_variables))} if share.is_checked else ())
        return Part(gradient.numpy(), float(nats), int((batch[self._target] >= 0).sum()), digests)

    def _seed_dropout(self, share: Share) -> None:
        """Gives each source of random numbers a state that depends on nothing but the share."""
        rng = np.random.default_rng([self._make.change.seed, share.step, share.first])
        for state in self._learner.non_trainable_variables:  # networks have no others
            state.assign(rng.integers(2**32, size=state.shape, dtype=np.uint32))

    def _gradient_of(self, batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
        """Shapes (windows, window, ...) -> (number of weights,) and (), the nats of all rows that are asked."""
        variables = self._learner.trainable_variables
        with tf.GradientTape() as tape:
            nats = keras.ops.sum(self._learner(batch, training=True))
        gradients = tape.gradient(nats, variables, unconnected_gradients="zero")
        return tf.concat([tf.reshape(one, (-1,)) for one in gradients], axis=0), nats


class SharedSteps:
    """Takes the steps of a training, whose gradients a team computes."""

    def __init__(self, team: Team, make: BatchMaker, recipe: Recipe, learner: keras.Model) -> None:
        if recipe.training.precision == "float16":
            raise SettingsError("--cluster does not go with --precision float16. Leave one of them out.")
        self._team, self._learner = team, learner
        self._batch_size = make.plan.batch_size
        self._lesson = team.send(Lesson.of(make, recipe, bool(learner.jit_compile), keras.__version__))
        self._change = tf.function(self._change_weights, jit_compile=learner.jit_compile)

    def describe(self) -> str:
        """For people."""
        shares, processors = len(cut(0, self._batch_size)), self._team.num_processors
        idle = "; a larger --batch-size would give all of them work" if shares < processors else ""
        return f"each step in {counted(shares, 'share')}, over {counted(processors, 'processor')} of the cluster{idle}"

    def fit(self, first_step: int, num_steps: int, callback: keras.callbacks.Callback) -> float:
        """Takes steps as Keras' own `fit` does.

        Returns:
            Mean nats a row.
        """
        callback.set_model(self._learner)
        self._learner.stop_training = False
        nats: list[float] = []
        while len(nats) < num_steps and not self._learner.stop_training:
            callback.on_train_batch_begin(len(nats))
            nats.append(self._step(first_step + len(nats), is_checked=not nats))
            callback.on_train_batch_end(len(nats) - 1, {"loss": math.fsum(nats) / len(nats)})
        return math.fsum(nats) / len(nats)

    def _step(self, step: int, is_checked: bool) -> float:
        """Takes a step; mean nats a row."""
        weights = together(self._learner.trainable_variables)
        shares = cut(step, self._batch_size, is_checked)
        whole = self._team.total(learn, shares, self._lesson, self._team.send(weights))
        if is_checked and whole.digests != {digest(weights)}:
            raise RuntimeError(f"all must learn with the same weights, received {len(whole.digests)} different ones")
        num_asked = max(1, whole.num_asked)
        self._change(whole.gradient / np.float32(num_asked))
        return whole.nats / num_asked

    def _change_weights(self, gradient: tf.Tensor) -> None:
        """Has the optimizer clip and apply a gradient, shape (number of weights,)."""
        variables = self._learner.trainable_variables
        parts = tf.split(gradient, [math.prod(one.shape) for one in variables])
        gradients = [tf.reshape(part, one.shape) for part, one in zip(parts, variables, strict=True)]
        self._learner.optimizer.apply_gradients(zip(gradients, variables, strict=True))


def together(variables: list[Any]) -> np.ndarray:
    """The values of variables one behind the other, float32, shape (numbers in all,)."""
    return np.concatenate([keras.ops.convert_to_numpy(one).ravel() for one in variables])


def put(variables: list[Any], values: np.ndarray) -> None:
    """The reverse of `together`."""
    first = 0
    for variable in variables:
        size = math.prod(variable.shape)
        variable.assign(values[first : first + size].reshape(variable.shape))
        first += size


def digest(values: np.ndarray) -> int:
    """A checksum: equal for equal values."""
    return zlib.crc32(values.data)
