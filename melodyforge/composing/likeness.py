"""What to ask for so that music is more like a piece, or less."""

from __future__ import annotations

from typing import Any

from melodyforge.bundle import Model
from melodyforge.music.mood import MOODS
from melodyforge.music.piece import Piece
from melodyforge.music.traits import Traits, read_traits
from melodyforge.settings import ComposeSettings
from melodyforge.tokens.wishes import MODES, Wish

ALIKE = ("style", "key", "tempo", "meter", "mood")  # what is heard first; more wishes at once are seldom met


def more_like(model: Model, settings: ComposeSettings, piece: Piece) -> ComposeSettings:
    """The settings of a piece, which ask for what it is, too, wherever they left that open; with a new seed."""
    traits, wishes = read_traits(piece), _wishes(model)
    return _asking(settings, {name: wishes[name].asked_by(traits) for name in ALIKE if name in wishes})


def less_like(model: Model, settings: ComposeSettings, piece: Piece) -> ComposeSettings:
    """The settings of a piece, which ask for the opposite in the first of mood, mode and density that they leave open.

    The seed is new.
    """
    opposites = _opposites(read_traits(piece), _wishes(model))
    left_open = [name for name in opposites if getattr(settings, name) is None]
    return _asking(settings, {name: opposites[name] for name in left_open[:1]})


def _opposites(traits: Traits, wishes: dict[str, Wish]) -> dict[str, Any]:
    """What a piece is least like, by the wishes that the model can be asked for."""
    opposites: dict[str, Any] = {}
    if "mood" in wishes and traits.mood:
        opposites["mood"] = MOODS[(MOODS.index(traits.mood) + len(MOODS) // 2) % len(MOODS)]
    if "key" in wishes and traits.key:
        opposites["key"] = MODES[not traits.key.is_minor]
    if "density" in wishes:
        least, *_, most = wishes["density"].options
        opposites["density"] = most if wishes["density"].asked_by(traits) == least else least
    return opposites


def _wishes(model: Model) -> dict[str, Wish]:
    """What the model can be asked for."""
    controls = model.representation.controls
    return controls.wishes if controls else {}


def _asking(settings: ComposeSettings, wishes: dict[str, Any]) -> ComposeSettings:
    values = settings.model_dump(exclude={"seed"})
    return ComposeSettings.check(values | {name: wish for name, wish in wishes.items() if values[name] is None})
