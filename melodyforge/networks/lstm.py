"""The network of design: features summed -> stacked residual LSTM with dropout -> one head after the other.

Its NumPy form is `decoding/lstm.py`; layer names are the contract between the two.
"""

from __future__ import annotations

from functools import partial

import keras
from keras import layers

from melodyforge.networks.fast_lstm import FastLSTM
from melodyforge.networks.layers import feature_input, hear
from melodyforge.settings import NetworkSettings
from melodyforge.tokens.representation import Representation


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
    hidden = _total([hear(feature, inputs[feature.name], settings.units) for feature in representation.inputs])
    hidden = layers.Dropout(settings.dropout)(hidden)
    lstm = partial(layers.LSTM, return_sequences=True) if use_cudnn else FastLSTM
    for index in range(settings.num_layers):
        heard = layers.Dropout(settings.dropout)(lstm(settings.units, name=f"lstm_{index}")(hidden))
        hidden = layers.Add()([hidden, heard])  # residual, so that deep stacks learn from the start (He et al., 2016)
    outputs, told = {}, []
    for head in representation.heads:
        told += [hear(feature, inputs[feature.name], settings.head_units) for feature in head.told]
        vector = hidden
        if settings.head_units:
            vector = layers.Dense(settings.head_units, name=f"hidden_{head.name}")(hidden)
            vector = layers.Activation("relu")(_total([vector, *told]))
            vector = layers.Dropout(settings.dropout)(vector)
        outputs[head.name] = layers.Dense(head.size, dtype="float32", name=f"output_{head.name}")(vector)
    return keras.Model(inputs, outputs)


def _total(vectors: list[keras.KerasTensor]) -> keras.KerasTensor:
    return layers.Add()(vectors) if len(vectors) > 1 else vectors[0]
