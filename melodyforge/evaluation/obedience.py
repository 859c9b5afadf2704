"""Whether compositions are what was asked for: asks for each thing many times and listens to what comes.

Tempo and instruments must be met exactly, the key must be the one that fits best, mood the quadrant; density and
polyphony must lie on the asked side of the middle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from melodyforge.bundle import Model
from melodyforge.compose import compose
from melodyforge.composing.wishes import default_settings
from melodyforge.evaluation.style_classifier import StyleClassifier
from melodyforge.music.instruments import instrument_name
from melodyforge.music.keys import Key
from melodyforge.music.piece import Piece
from melodyforge.music.traits import MOODS, read_traits
from melodyforge.tokens.controls import Controls
from melodyforge.tokens.representation import Heading

TEMPOS_QPM = (60.0, 84.0, 104.0, 132.0, 168.0)
EACH_ALIKE = "style, each alike"
MAX_INSTRUMENTS = 6  # of the vocabulary's, the first


@dataclass(frozen=True)
class Obedience:
    """How often a wish came true.

    Attributes:
        share: of the compositions that are as asked.
        number: of compositions.
        by_value: the share for each value that was asked for.
    """

    share: float
    number: int
    by_value: dict[str, float]


def measure_obedience(
    model: Model,
    number: int,
    num_notes: int,
    classifier: StyleClassifier | None = None,
    on_progress: Callable[[str], None] | None = None,
    **settings: Any,
) -> dict[str, Obedience]:
    """Composes `number` pieces for each control and judges them; empty for a model that has learnt no controls.

    Args:
        model: a loaded model.
        number: of compositions for each control.
        num_notes: of each composition.
        classifier: recognises styles; without one, style is not judged.
        on_progress: told the name of each control as it begins.
        settings: sampling, such as guidance.
    """
    controls = model.representation.controls
    if controls is None:
        return {}
    results = {}
    for name, judge in _judges(controls, classifier).items():
        if on_progress:
            on_progress(name)
        values = _values(name, controls, classifier)
        share = -(-number // max(1, len(values)))
        by_value = {}
        for seed, value in enumerate(values):
            wishes = {name: value, "num_pieces": share, "num_notes": num_notes, "seed": seed, **settings}
            pieces = [one.piece for one in compose(model, default_settings(model, **wishes))]
            by_value[str(value)] = float(np.mean([judge(piece, value) for piece in pieces]))
        if values:
            results[name] = Obedience(float(np.mean(list(by_value.values()))), share * len(values), by_value)
    if "style" in results:
        results[EACH_ALIKE] = results["style"]
        results["style"] = _in_proportion(results["style"], model.representation.headings)
    return results


def _in_proportion(obedience: Obedience, headings: list[Heading]) -> Obedience:
    """The same when each style is asked for as often as it occurs among the training pieces."""
    counts = Counter(heading.style for heading in headings)
    weights = [counts[style] for style in obedience.by_value]
    if not sum(weights):
        return obedience
    return replace(obedience, share=float(np.average(list(obedience.by_value.values()), weights=weights)))


def _values(name: str, controls: Controls, classifier: StyleClassifier | None) -> list[Any]:
    """What is asked for."""
    if name == "key":
        return [Key(tonic, is_minor).name for is_minor in (False, True) for tonic in range(12)]
    if name == "tempo":
        return list(TEMPOS_QPM)
    if name == "mood":
        return list(MOODS)
    if name in ("density", "polyphony"):
        names = controls.available()[name]
        return [names[0], names[-1]]
    if name == "instruments":
        return [[instrument] for instrument in controls.available()["instruments"][:MAX_INSTRUMENTS]]
    return [style for style in controls.styles if classifier is not None and style in classifier.styles]


def _judges(controls: Controls, classifier: StyleClassifier | None) -> dict[str, Callable[[Piece, Any], bool]]:
    """For each control what tells whether a piece is as asked."""

    def on_the_right_side(amount: float, borders: list[float], is_high: bool) -> bool:
        return (amount >= sum(borders) / 2) == is_high

    def has_key(piece: Piece, name: str) -> bool:
        key = read_traits(piece).key
        return key is not None and key.name == name

    judges: dict[str, Callable[[Piece, Any], bool]] = {
        "key": has_key,
        "tempo": lambda piece, tempo: abs(piece.tempo_qpm - tempo) < 0.01,
        "mood": lambda piece, mood: read_traits(piece).mood == mood,
        "density": lambda piece, name: on_the_right_side(
            read_traits(piece).density, controls.density_borders, name == "dense"
        ),
        "polyphony": lambda piece, name: on_the_right_side(
            read_traits(piece).polyphony, controls.polyphony_borders, name == "full"
        ),
        "instruments": lambda piece, names: (
            sorted({instrument_name(*one) for one in read_traits(piece).instruments}) == sorted(names)
        ),
    }
    if classifier is not None and len(classifier.styles) > 1:
        judges["style"] = lambda piece, style: classifier.classify(piece) == style
    return judges
