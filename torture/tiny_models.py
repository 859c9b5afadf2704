"""Models small enough to be loaded thousands of times: real vocabularies, random weights, no training."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from melodyforge.bundle import ModelParts, save_model
from melodyforge.music.keys import NUM_PITCH_CLASSES
from melodyforge.recipe import Recipe, load_recipe
from melodyforge.settings import NetworkSettings
from melodyforge.tokens import representation_class
from melodyforge.tokens.features import Head
from melodyforge.tokens.numbers import num_values
from melodyforge.tokens.representation import Representation
from torture.seeds import piece

UNITS = 8
RECIPES = ("classic", "melody", "composer", "forge")


@cache
def tiny_models() -> list[dict[str, bytes]]:
    """The files of a model of each of several recipes, by name."""
    return [files_of(name) for name in RECIPES]


def files_of(recipe_name: str) -> dict[str, bytes]:
    """The files of a tiny model of a recipe."""
    with tempfile.TemporaryDirectory() as folder:
        write_tiny_model(Path(folder, "tiny"), recipe_name)
        return {path.name: path.read_bytes() for path in Path(folder, "tiny").iterdir()}


def write_tiny_model(folder: Path, recipe_name: str = "forge") -> None:
    """Writes a model folder."""
    recipe = load_recipe(recipe_name)
    network = NetworkSettings(units=UNITS, num_layers=1, head_units=UNITS if recipe.network.head_units else 0)
    recipe = recipe.model_copy(update={"network": network.changed(layer_norm=recipe.network.layer_norm)})
    representation = representation_class(recipe.representation).fit(recipe.representation, [piece()] * 2)
    metrics = {"held_out_nats": 3.0, "best_ngram_nats": 4.0}

    def write(path: Path) -> None:
        write_weights(path, recipe, representation)

    parts = ModelParts(
        recipe=recipe,
        representation=representation,
        write_weights=write,
        config={},
        metrics=metrics,
        history="epoch,nats\n1,3.0\n",
    )
    save_model(folder, parts)


def write_weights(path: Path, recipe: Recipe, representation: Representation) -> None:
    """Random weights of the shapes that the network has, laid out as Keras does."""
    import h5py

    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        for number, (name, shapes) in enumerate(layers_of(recipe, representation)):
            owner = file.create_group(f"layers/layer_{number}/vars")
            owner.attrs["name"] = name
            holder = file.create_group(f"layers/layer_{number}/cell/vars") if name.startswith("lstm") else owner
            holder.attrs.setdefault("name", "lstm_cell")
            for index, shape in enumerate(shapes):
                holder.create_dataset(str(index), data=rng.normal(size=shape).astype(np.float32))


def layers_of(recipe: Recipe, representation: Representation) -> Iterator[tuple[str, list[tuple[int, ...]]]]:
    """Names and shapes of all layers with weights, as `decoding/lstm.py` reads them."""
    inside = recipe.network.head_units or UNITS
    for feature in representation.inputs:
        yield f"heard_{feature.name}", [(feature.num_rows, UNITS)]
    yield "lstm_0", [(UNITS, 4 * UNITS), (UNITS, 4 * UNITS), (4 * UNITS,)]
    if recipe.network.layer_norm:
        yield "norm", [(UNITS,), (UNITS,)]
    for head in representation.heads:
        for feature in head.told:
            yield f"told_{feature.name}", [(feature.num_rows, inside)]
        if recipe.network.head_units:
            yield f"hidden_{head.name}", [(UNITS, inside), (inside,)]
        for name, size in outputs_of(head):
            yield name, [(inside, size), (size,)]


def outputs_of(head: Head) -> Iterator[tuple[str, int]]:
    """Names and sizes of the layers that make up an output, as `decoding/heads.py` reads them."""
    yield f"output_{head.name}", num_values(head) if head.borders else head.size
    if head.relative_to:
        yield f"relative_{head.name}", 2 * head.size - 1
    for tonic in head.degrees_of:
        yield f"degrees_{head.name}_{tonic}", NUM_PITCH_CLASSES
    if head.pointers:
        yield f"pointers_{head.name}", len(head.pointers)
