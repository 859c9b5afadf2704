"""Flags of the command line, made from the declarations of settings. Knows no command."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from melodyforge.cli import Parser
from melodyforge.places import MIDI_DIR
from melodyforge.recipe import DEFAULT_RECIPE, Recipe, load_recipe
from melodyforge.settings import (
    Section,
    Topic,
    TrainingSettings,
    bounds,
    default_of,
    in_words,
    kind_of,
    shown,
    topic_of,
)

RECIPE_FLAGS = {  # what of a recipe can be changed, by its part
    "representation": ("track", "instrument"),
    "training": tuple(TrainingSettings.model_fields),
    "network": ("units", "num_layers", "dropout", "note_dropout"),
}


def add_flags(parser: Parser, section: type[Section], *names: str, defaults: Mapping[str, Any] | None = None) -> None:
    """Adds a flag for each named setting, under its topic; left out on the command line it is None.

    Args:
        parser: that gets the flags.
        section: that declares the settings.
        names: of the settings; all of them when none is named.
        defaults: that are in force, where they are not those of the section.
    """
    order = list(Topic)
    topics = {name: topic_of(section, name) for name in names or section.model_fields}
    for name, topic in sorted(topics.items(), key=lambda item: order.index(item[1])):
        kind = kind_of(section, name)
        default = (defaults or {}).get(name, default_of(section, name))
        parser.topic(topic).add_argument(
            flag(name),
            type=str if get_origin(kind) in (Literal, list) else kind,
            nargs="+" if get_origin(kind) is list else None,
            metavar=_metavar(kind),
            help=_help(section, name, default).replace("%", "%%"),
        )


def add_model_flag(parser: argparse._ActionsContainer) -> None:
    """Adds the flag that names a model."""
    parser.add_argument("--model", metavar="NAME", help="a model's name, or its folder (default: the newest)")


def add_midi_dir_flag(parser: argparse._ActionsContainer, about: str = "music files") -> None:
    """Adds the flag that names a folder of music."""
    parser.add_argument(
        "--midi-dir", type=Path, default=MIDI_DIR, metavar="DIR", help=f"{about} (default: %(default)s)"
    )


def add_cluster_flag(parser: Parser) -> None:
    """Adds the flag that names a cluster."""
    parser.topic("on several machines").add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="share the work out over the Ray cluster at this host and port; auto: the one that this machine is in",
    )


def add_recipe_flags(parser: Parser) -> None:
    """Adds the flags for what of a recipe can be changed on the command line."""
    usual = load_recipe(DEFAULT_RECIPE)
    parser.epilog = f"The defaults are those of the recipe {DEFAULT_RECIPE}; others, and --from, have their own."
    for part, names in RECIPE_FLAGS.items():
        section = getattr(usual, part)
        add_flags(parser, type(section), *names, defaults=section.model_dump())


def with_flags(recipe: Recipe, given: Mapping[str, Any]) -> Recipe:
    """The recipe with what the flags of `add_recipe_flags` gave put in place."""
    changed = {
        part: getattr(recipe, part).changed(**{name: given[name] for name in names})
        for part, names in RECIPE_FLAGS.items()
    }
    return recipe.model_copy(update=changed)


def flag(name: str) -> str:
    """The flag of a setting, such as "--top-p" of "top_p"."""
    return f"--{name.replace('_', '-')}"


def _help(section: type[Section], name: str, default: Any) -> str:
    """What a setting does, then in brackets what it may be, in which unit, and what it is when it is left out."""
    about = shown(section, name)
    possible = " ".join(filter(None, [str(bounds(section, name)), about.unit]))
    usual = about.left_out if default in (None, "") else in_words(default)
    facts = "; ".join(filter(None, [possible, usual and f"default: {usual}"]))
    return str(section.model_fields[name].description) + (f" ({facts})" if facts else "")


def _metavar(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return "{" + ",".join(get_args(kind)) + "}"
    return {int: "N", float: "X"}.get(kind, "TEXT")
