"""Builds the Keras network of a recipe."""

from __future__ import annotations

from collections.abc import Callable

from melodyforge.errors import SettingsError
from melodyforge.networks._keras import keras
from melodyforge.networks.attention import build_attention
from melodyforge.networks.layers import NegativeLogLikelihood
from melodyforge.networks.lstm import build_lstm
from melodyforge.settings import NetworkSettings
from melodyforge.tokens.representation import Representation

BUILDERS: dict[str, Callable[[Representation, NetworkSettings, bool], keras.Model]] = {
    "lstm": build_lstm,
    "attention": build_attention,
}


def build_network(representation: Representation, settings: NetworkSettings, use_cudnn: bool = False) -> keras.Model:
    """The network of a recipe: a dict of features -> a dict of logits by head.

    Raises:
        SettingsError: the network cannot do what the representation asks for.
    """
    if not settings.head_units and any(head.told for head in representation.heads):
        raise SettingsError(
            "`head_units` must be at least 1 for `notes`, whose heads are told of each other. Received 0."
        )
    return BUILDERS[settings.kind](representation, settings, use_cudnn)


def build_learner(network: keras.Model, representation: Representation) -> keras.Model:
    """Wraps a network for teacher forcing.

    Returns:
        A model from the arrays of `Representation.window` to nats, shape (batch, window, num_heads), 0 where
        nothing is asked; of networks that predict what follows the window alone, (batch, 1, num_heads).
    """
    targets = {
        f"target_{head.name}": keras.Input((None,), dtype="int32", name=f"target_{head.name}")
        for head in representation.heads
    }
    logits = network.output
    nats = []
    for head in representation.heads:
        asked, target = logits[head.name], targets[f"target_{head.name}"]
        if asked.shape[1] == 1:  # what follows the window, and nothing in it
            target = target[:, -1:]
        nats.append(NegativeLogLikelihood()(asked, target))
    return keras.Model(network.input | targets, keras.ops.stack(nats, axis=-1))
