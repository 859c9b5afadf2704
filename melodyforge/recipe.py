"""Recipes: sets of settings that belong together, and reading them from TOML. Knows no flags and no networks."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Self

from pydantic import model_validator

from melodyforge.errors import SettingsError
from melodyforge.places import RECIPES_DIR
from melodyforge.settings import (
    NetworkSettings,
    RepresentationSettings,
    SamplingSettings,
    Section,
    TrainingSettings,
)
from melodyforge.words import in_any_case

DEFAULT_RECIPE = "forge"
MAX_RECIPE_BYTES = 16_000  # those that ship have 1,000; reading takes the square of it


class Recipe(Section):
    """One way of doing it: representation, network, training and sampling defaults."""

    name: str = ""
    title: str = ""
    representation: RepresentationSettings = RepresentationSettings()
    network: NetworkSettings = NetworkSettings()
    training: TrainingSettings = TrainingSettings()
    sampling: SamplingSettings = SamplingSettings()

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if not self.network.reads_windows:
            return self
        if self.representation.kind != "fields":
            raise ValueError('the network `kind = "attention"` needs the representation `kind = "fields"`')
        if self.training.window is None:
            raise ValueError('the network `kind = "attention"` needs `window` under [training]')
        return self

    @property
    def shape(self) -> dict[str, Any]:
        """All that decides which weights there are and what they mean; models of one shape can go on from another."""
        network = self.network.model_dump(exclude={"dropout", "note_dropout"})
        return {"representation": self.representation.model_dump(), "network": network}


def list_recipes() -> list[str]:
    """Names of the recipes that come with the project."""
    return sorted(path.stem for path in RECIPES_DIR.glob("*.toml"))


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Reads a recipe by its name, or from a TOML file.

    Raises:
        SettingsError: no such recipe, not TOML, or a value that cannot be used.
    """
    name = in_any_case(str(name_or_path), list_recipes())
    path = RECIPES_DIR / f"{name}.toml" if name in list_recipes() else Path(name_or_path)
    if path.suffix != ".toml" or not os.path.isfile(path):  # noqa: PTH113 - no error for a name that is too long
        known = ", ".join(list_recipes())
        raise SettingsError(f"--recipe must be one of {known}, or a .toml file. Received {str(name_or_path)!r}.")
    try:
        with path.open("rb") as file:
            text = file.read(MAX_RECIPE_BYTES + 1)
        if len(text) > MAX_RECIPE_BYTES:
            raise ValueError(f"more than {MAX_RECIPE_BYTES:,} bytes")
        values = tomllib.loads(text.decode())
    except (ValueError, RecursionError, OSError) as error:  # damaged TOML or text, or numbers without end
        raise SettingsError(f"The recipe {path} must be a readable TOML file. Received: {error}.") from None
    try:
        return Recipe.check({"name": path.stem} | values)
    except SettingsError as error:
        raise SettingsError(f"In the recipe {path}: {error}") from None
