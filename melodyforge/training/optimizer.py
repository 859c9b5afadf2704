"""AdamW over all weights at once."""

from __future__ import annotations

import math
from typing import Any

from melodyforge.networks._keras import keras

ops = keras.ops
MEAN_RATE, SQUARE_RATE = 0.9, 0.999
EPSILON = 1e-7


class FlatAdamW(keras.optimizers.Optimizer):
    """AdamW (Loshchilov & Hutter, 2019) that keeps what it knows of all weights in two vectors.

    It does what Keras' own does. That one adds thirty operations to the graph for each of a hundred arrays of weights:
    half of the time that passes before the first step. Gradients are clipped array by array.
    """

    def __init__(self, learning_rate: float, weight_decay: float, clipnorm: float) -> None:
        super().__init__(learning_rate=learning_rate, clipnorm=clipnorm, name="flat_adamw")
        self._decay = weight_decay  # `weight_decay` would have Keras do it

    def build(self, variables: list[Any]) -> None:
        """Makes both vectors, shape (number of weights,)."""
        if self.built:
            return
        super().build(variables)
        num_weights = sum(math.prod(variable.shape) for variable in variables)
        self._means = self.add_variable((num_weights,), name="means")
        self._squares = self.add_variable((num_weights,), name="squares")

    def _backend_update_step(self, grads: list[Any], trainable_variables: list[Any], learning_rate: Any) -> None:
        step = ops.cast(self.iterations + 1, "float32")
        gradients = _flat(grads)  # (number of weights,), as all that follow
        means = MEAN_RATE * self._means + (1 - MEAN_RATE) * gradients
        squares = SQUARE_RATE * self._squares + (1 - SQUARE_RATE) * ops.square(gradients)
        self._means.assign(means)
        self._squares.assign(squares)
        rate = learning_rate * ops.sqrt(1 - SQUARE_RATE**step) / (1 - MEAN_RATE**step)
        changes = rate * means / (ops.sqrt(squares) + EPSILON)
        first = 0
        for variable in trainable_variables:
            size = math.prod(variable.shape)
            change = ops.reshape(changes[first : first + size], variable.shape)
            decay = self._decay if self._use_weight_decay(variable) else 0.0
            variable.assign(variable * (1 - decay * learning_rate) - change)
            first += size


def _flat(arrays: list[Any]) -> Any:
    """One array after the other, shape (numbers in all,)."""
    return ops.concatenate([ops.reshape(array, (-1,)) for array in arrays])
