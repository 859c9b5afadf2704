"""Cards to start from: what each asks for, and a short example of what comes of it. Knows no web page.

The examples of the starter's cards come with the project (`setup/make_cards.py` composes them); those of other models
are composed when somebody looks at them first, and kept.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from melodyforge.bundle import STARTER_NAME, Model
from melodyforge.errors import MelodyForgeError
from melodyforge.music.midi import read_midi
from melodyforge.music.piece import Piece
from melodyforge.places import OUTPUT_DIR

EXAMPLES_DIR = Path(__file__).parent / "cards"  # of the starter
KEPT_DIR = OUTPUT_DIR / "cards"  # of other models
MAX_CARDS = 8
LENGTH = {"num_notes": 120}  # short enough to be heard after three seconds


@dataclass(frozen=True)
class Card:
    """Something to start from.

    Attributes:
        title: what comes of it, for people.
        name: of the file with its example.
        asked: settings beside its length.
    """

    title: str
    name: str
    asked: dict[str, Any]

    @property
    def wishes(self) -> dict[str, Any]:
        """Settings, by name."""
        return LENGTH | self.asked


OF_THE_STARTER = (
    Card("Chorale", "chorale", {"style": "bach-chorales"}),
    Card("Fiddle tune", "fiddle-tune", {"style": "fiddle-tunes"}),
    Card("Nocturne", "nocturne", {"style": "chopin", "tempo": 66.0}),
    Card("Song for voice and piano", "song", {"style": "songs", "tempo": 84.0}),
    Card("String quartet", "string-quartet", {"style": "string-quartets", "tempo": 104.0}),
    Card("Pop", "pop", {"style": "pop", "tempo": 92.0}),
    Card("Beat", "beat", {"style": "drums", "tempo": 100.0}),
)


def cards_of(model: Model) -> list[Card]:
    """The cards that a model can do: one for each of its styles, the first few; none where it tells no styles apart."""
    controls = model.representation.controls
    styles = controls.styles if controls else []
    if model.name == STARTER_NAME:
        return [card for card in OF_THE_STARTER if card.wishes["style"] in styles]
    return [Card(_title(style), _file_name(style), {"style": style}) for style in styles][:MAX_CARDS]


def _title(style: str) -> str:
    words = style.replace("-", " ").replace("_", " ").strip() or style
    return words[:1].upper() + words[1:]


def _file_name(style: str) -> str:
    """A name that every disk takes, whatever the style is called."""
    return hashlib.sha256(style.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def example_file(model: Model, card: Card) -> Path:
    """Where the example of a card lies, or will."""
    return (EXAMPLES_DIR if model.name == STARTER_NAME else KEPT_DIR / model.hash) / f"{card.name}.mid"


def example(model: Model, card: Card) -> Piece | None:
    """The example of a card; None where there is none yet, or it cannot be read."""
    try:
        data = example_file(model, card).read_bytes()
        return read_midi(data, card.title)[0]
    except (OSError, MelodyForgeError):
        return None
