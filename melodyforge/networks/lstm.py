"""The network of design: features summed -> stacked residual LSTM with dropout -> one head after the other.

Its NumPy form is `decoding/lstm.py`; layer names are the contract between the two.
"""

from __future__ import annotations

from functools import partial

import keras
from keras import layers

from melodyforge.networks.fast_lstm import FastLSTM
from melodyforge.networks.heads import logits, total
from melodyforge.networks.layers import Dropout, feature_input, hear
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
    heard = representation.inputs
    hidden = total(hear(heard, inputs, settings.units, len(heard), "heard"))  # (batch, window, units), as below
    if settings.note_dropout:  # whole rows, so that pieces are hard to learn by heart
        hidden = layers.Dropout(settings.note_dropout, noise_shape=(None, None, 1))(hidden)
    hidden = Dropout(settings.dropout)(hidden)
    lstm = partial(layers.LSTM, return_sequences=True) if use_cudnn else FastLSTM
    for index in range(settings.num_layers):
        stepped = Dropout(settings.dropout)(lstm(settings.units, name=f"lstm_{index}")(hidden))
        hidden = layers.Add()([hidden, stepped])  # residual, so that deep stacks learn from the start (He et al., 2016)
    if settings.layer_norm:
        hidden = layers.LayerNormalization(name="norm")(hidden)
    outputs, told = {}, []
    num_told = sum(len(head.told) for head in representation.heads)
    for head in representation.heads:
        told += hear(head.told, inputs, settings.head_units, num_told, "told")
        vector = hidden
        if settings.head_units:
            vector = layers.Dense(settings.head_units, name=f"hidden_{head.name}")(hidden)
            vector = layers.Activation("relu")(total([vector, *told]))
            vector = Dropout(settings.dropout)(vector)
        outputs[head.name] = logits(head, vector, inputs)
    return keras.Model(inputs, outputs)
