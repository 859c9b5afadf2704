"""A bidirectional LSTM over the window of past notes, self-attention, and one head for each field.

Both directions read nothing but the past: the window ends with the note before the one that is predicted. So each
prediction needs a window of its own, and of the attention only the newest note's row is needed. The NumPy form is
`decoding/attention.py`; layer names are the contract between the two.
"""

from __future__ import annotations

from functools import partial

import keras
from keras import layers

from melodyforge.networks.fast_lstm import FastLSTM
from melodyforge.networks.heads import logits, total
from melodyforge.networks.layers import Attend, Dropout, Flip, Newest, feature_input, hear
from melodyforge.settings import NetworkSettings
from melodyforge.tokens.representation import Representation


def build_attention(representation: Representation, settings: NetworkSettings, use_cudnn: bool = False) -> keras.Model:
    """Builds the network.

    Args:
        representation: names what is told and what is predicted.
        settings: the shape.
        use_cudnn: whether to train with Keras' own LSTM, which is the fastest on a GPU; the weights are the same.

    Returns:
        A model from a dict of features, shapes (batch, window), to a dict of logits of what follows the window, by head
        name, shapes (batch, 1, head.size), float32.
    """
    inputs = {feature.name: feature_input(feature) for feature in representation.features}
    heard = representation.inputs
    hidden = total(hear(heard, inputs, settings.units, len(heard), "heard"))  # (batch, window, units)
    lstm = partial(layers.LSTM, return_sequences=True) if use_cudnn else FastLSTM
    for index in range(settings.num_layers):
        forward = lstm(settings.units, name=f"forward_{index}")(hidden)
        backward = Flip()(lstm(settings.units, name=f"backward_{index}")(Flip()(hidden)))
        hidden = Dropout(settings.dropout)(layers.Concatenate()([forward, backward]))  # (batch, window, 2 units)
    newest = Newest()(hidden)  # (batch, 1, 2 units)
    parts = {"query": newest, "key": hidden, "value": hidden}
    asked = [layers.Dense(2 * settings.units, name=f"attention_{name}")(part) for name, part in parts.items()]
    attended = layers.Dense(2 * settings.units, name="attention_output")(Attend(settings.num_attention_heads)(*asked))
    hidden = layers.LayerNormalization(name="norm")(layers.Add()([newest, Dropout(settings.dropout)(attended)]))
    return keras.Model(inputs, {head.name: logits(head, hidden, inputs) for head in representation.heads})
