"""The network of design: features summed -> stacked residual LSTM with dropout -> one head after the other.

Its NumPy form is `decoding/lstm.py`; layer names are the contract between the two.
"""

from __future__ import annotations

from functools import partial

import keras
from keras import layers

from melodyforge.music.keys import NUM_PITCH_CLASSES
from melodyforge.networks.fast_lstm import FastLSTM
from melodyforge.networks.layers import Degrees, Distances, Suggestions, feature_input, hear
from melodyforge.settings import NetworkSettings
from melodyforge.tokens.representation import Head, Representation


def build_lstm(representation: Representation, settings: NetworkSettings, use_cudnn: bool = False) -> keras.Model:
    """Builds the network.

    Args:
        representation: names what is told and what is predicted.
        settings: the shape.
        use_cudnn: whether to train with Keras' own LSTM, which is the fastest on a GPU; the weights are the same.

    Returns:
        A model from a dict of features, shapes (batch, window, ...), to a dict of logits by head name,
        shapes (batch, window, head.size), float32.
    """
    inputs = {feature.name: feature_input(feature) for feature in representation.features}
    heard = representation.inputs
    hidden = _total(hear(heard, inputs, settings.units, len(heard), "heard"))
    if settings.note_dropout:  # whole rows, so that pieces are hard to learn by heart
        hidden = layers.Dropout(settings.note_dropout, noise_shape=(None, None, 1))(hidden)
    hidden = layers.Dropout(settings.dropout)(hidden)
    lstm = partial(layers.LSTM, return_sequences=True) if use_cudnn else FastLSTM
    for index in range(settings.num_layers):
        stepped = layers.Dropout(settings.dropout)(lstm(settings.units, name=f"lstm_{index}")(hidden))
        hidden = layers.Add()([hidden, stepped])  # residual, so that deep stacks learn from the start (He et al., 2016)
    outputs, told = {}, []
    num_told = sum(len(head.told) for head in representation.heads)
    for head in representation.heads:
        told += hear(head.told, inputs, settings.head_units, num_told, "told")
        vector = hidden
        if settings.head_units:
            vector = layers.Dense(settings.head_units, name=f"hidden_{head.name}")(hidden)
            vector = layers.Activation("relu")(_total([vector, *told]))
            vector = layers.Dropout(settings.dropout)(vector)
        outputs[head.name] = _logits(head, vector, inputs)
    return keras.Model(inputs, outputs)


def _logits(head: Head, vector: keras.KerasTensor, told: dict[str, keras.KerasTensor]) -> keras.KerasTensor:
    """Logits for each class by itself, by its distance from a known one, by degree, and for what is suggested."""
    parts = [layers.Dense(head.size, dtype="float32", name=f"output_{head.name}")(vector)]
    if head.relative_to:
        by_distance = _silent(2 * head.size - 1, f"relative_{head.name}")(vector)
        parts.append(Distances(dtype="float32")(by_distance, told[head.relative_to]))
    for tonic in head.degrees_of:
        by_degree = _silent(NUM_PITCH_CLASSES, f"degrees_{head.name}_{tonic}")(vector)
        parts.append(Degrees(head.size, dtype="float32")(by_degree, told[tonic]))
    logits = _total(parts)
    if head.pointers:
        trust = _silent(len(head.pointers), f"pointers_{head.name}")(vector)
        logits = Suggestions(dtype="float32")(logits, trust, *(told[name] for name in head.pointers))
    return logits


def _silent(size: int, name: str) -> layers.Dense:
    """A layer that says nothing before it has learnt to."""
    return layers.Dense(size, kernel_initializer="zeros", dtype="float32", name=name)


def _total(vectors: list[keras.KerasTensor]) -> keras.KerasTensor:
    return layers.Add()(vectors) if len(vectors) > 1 else vectors[0]
