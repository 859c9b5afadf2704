"""What to ask for so that music is more like a piece, or less."""

from __future__ import annotations

from typing import Any

from melodyforge.bundle import Model
from melodyforge.music.mood import MOODS
from melodyforge.music.piece import Piece
from melodyforge.music.traits import read_traits
from melodyforge.settings import ComposeSettings
from melodyforge.tokens.wishes import MODES, Wish

ALIKE = ("style", "key", "tempo", "meter", "mood")  # what is heard first; more wishes at once are seldom met


def more_like(model: Model, settings: ComposeSettings, piece: Piece) -> ComposeSettings:
    """The settings of a piece, which ask for what it is, too, wherever they left that open; with a new seed."""
    traits, wishes = read_traits(piece), _wishes(model)
    return _asking(settings, {name: wishes[name].asked_by(traits) for name in ALIKE if name in wishes})


def less_like(model: Model, settings: ComposeSettings, piece: Piece) -> ComposeSettings:
    """The settings of a piece, which ask for the opposite mood, or the other mode if they name a mood; a new seed."""
    traits, wishes = read_traits(piece), _wishes(model)
    other: dict[str, Any] = {}
    if traits.mood and settings.mood is None:
        other["mood"] = MOODS[(MOODS.index(traits.mood) + len(MOODS) // 2) % len(MOODS)]
    elif traits.key:
        other["key"] = MODES[not traits.key.is_minor]
    return _asking(settings, {name: wish for name, wish in other.items() if name in wishes})


def _wishes(model: Model) -> dict[str, Wish]:
    """What the model can be asked for."""
    controls = model.representation.controls
    return controls.wishes if controls else {}


def _asking(settings: ComposeSettings, wishes: dict[str, Any]) -> ComposeSettings:
    values = settings.model_dump(exclude={"seed"})
    return ComposeSettings.check(values | {name: wish for name, wish in wishes.items() if values[name] is None})
