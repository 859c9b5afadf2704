"""The outputs of a head, whatever comes before it."""

from __future__ import annotations

import keras
from keras import layers

from melodyforge.music.keys import NUM_PITCH_CLASSES
from melodyforge.networks.layers import Degrees, Distances, NumberLogits, Suggestions
from melodyforge.tokens.features import Head
from melodyforge.tokens.numbers import num_values


def logits(head: Head, vector: keras.KerasTensor, told: dict[str, keras.KerasTensor]) -> keras.KerasTensor:
    """Logits for each class by itself, by its distance from a known one, by degree, and for what is suggested."""
    if head.borders:
        values = layers.Dense(num_values(head), dtype="float32", name=f"output_{head.name}")(vector)
        return NumberLogits(head.borders, head.atoms, head.size)(values)
    parts = [layers.Dense(head.size, dtype="float32", name=f"output_{head.name}")(vector)]
    if head.relative_to:
        by_distance = _silent(2 * head.size - 1, f"relative_{head.name}")(vector)
        parts.append(Distances(dtype="float32")(by_distance, told[head.relative_to]))
    for tonic in head.degrees_of:
        by_degree = _silent(NUM_PITCH_CLASSES, f"degrees_{head.name}_{tonic}")(vector)
        parts.append(Degrees(head.size, dtype="float32")(by_degree, told[tonic]))
    whole = total(parts)
    if head.pointers:
        trust = _silent(len(head.pointers), f"pointers_{head.name}")(vector)
        whole = Suggestions(dtype="float32")(whole, trust, *(told[name] for name in head.pointers))
    return whole


def _silent(size: int, name: str) -> layers.Dense:
    """A layer that says nothing before it has learnt to."""
    return layers.Dense(size, kernel_initializer="zeros", dtype="float32", name=name)


def total(vectors: list[keras.KerasTensor]) -> keras.KerasTensor:
    """The sum of one or more."""
    return layers.Add()(vectors) if len(vectors) > 1 else vectors[0]
