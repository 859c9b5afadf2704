"""Which layers a network has, and the shapes of their weights: what recipe and vocabulary imply.

A test holds them equal to those of Keras.
"""

from __future__ import annotations

from collections.abc import Iterable

from melodyforge.errors import ModelFolderError
from melodyforge.music.keys import NUM_PITCH_CLASSES
from melodyforge.settings import NetworkSettings
from melodyforge.tokens.features import Feature, Head
from melodyforge.tokens.numbers import num_values
from melodyforge.tokens.representation import Representation
from melodyforge.weights_file import Shapes

_Shape = tuple[int, ...]


def layer_shapes(representation: Representation, network: NetworkSettings) -> Shapes:
    """Layer name -> shapes of its arrays, as Keras orders them.

    Raises:
        ModelFolderError: there is no such network.
    """
    if not network.head_units and any(head.told for head in representation.heads):
        raise ModelFolderError("`head_units` of a `notes` model must be at least 1. Received 0.")
    shapes = _heard(representation.inputs, "heard", network.units)
    shapes |= _attention(network) if network.kind == "attention" else _lstm(representation, network)
    width = 2 * network.units if network.kind == "attention" else network.head_units or network.units
    for head in representation.heads:
        shapes |= {name: _dense(width, size) for name, size in output_sizes(head).items()}
    return shapes


def _lstm(representation: Representation, network: NetworkSettings) -> dict[str, tuple[_Shape, ...]]:
    units, heads = network.units, representation.heads
    shapes = {f"lstm_{index}": _gates(units, units) for index in range(network.num_layers)}
    if network.layer_norm:
        shapes["norm"] = ((units,), (units,))
    if network.head_units:
        shapes |= {f"hidden_{head.name}": _dense(units, network.head_units) for head in heads}
    return shapes | _heard((feature for head in heads for feature in head.told), "told", network.head_units)


def _attention(network: NetworkSettings) -> dict[str, tuple[_Shape, ...]]:
    units, width = network.units, 2 * network.units
    shapes = {
        f"{direction}_{index}": _gates(width if index else units, units)
        for direction in ("forward", "backward")
        for index in range(network.num_layers)
    }
    shapes |= {f"attention_{part}": _dense(width, width) for part in ("query", "key", "value", "output")}
    return shapes | {"norm": ((width,), (width,))}


def output_sizes(head: Head) -> dict[str, int]:
    """How many numbers each output layer of a head says, by its name."""
    if head.borders:
        return {f"output_{head.name}": num_values(head)}
    sizes = {f"output_{head.name}": head.size}
    if head.relative_to:
        sizes[f"relative_{head.name}"] = 2 * head.size - 1
    sizes |= {f"degrees_{head.name}_{tonic}": NUM_PITCH_CLASSES for tonic in head.degrees_of}
    if head.pointers:
        sizes[f"pointers_{head.name}"] = len(head.pointers)
    return sizes


def _heard(features: Iterable[Feature], role: str, units: int) -> dict[str, tuple[_Shape, ...]]:
    return {f"{role}_{feature.name}": ((feature.num_rows, units),) for feature in features}


def _dense(inputs: int, units: int) -> tuple[_Shape, ...]:
    return (inputs, units), (units,)


def _gates(inputs: int, units: int) -> tuple[_Shape, ...]:
    """Of an LSTM: for what it hears, for what it said last, and what is added."""
    return (inputs, 4 * units), (units, 4 * units), (4 * units,)
