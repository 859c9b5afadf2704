"""Whether compositions are what was asked for: asks for each thing many times and listens to what comes.

Tempo and instruments must be met exactly, the key must be the one that fits best, mood the quadrant; density and
polyphony must lie on the asked side of the middle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from melodyforge.bundle import Model
from melodyforge.compose import compose
from melodyforge.composing.wishes import default_settings
from melodyforge.evaluation.style_classifier import StyleClassifier
from melodyforge.music.piece import Piece
from melodyforge.music.traits import read_traits
from melodyforge.tokens.controls import Controls
from melodyforge.tokens.headings import Heading
from melodyforge.tokens.wishes import Wish

EACH_ALIKE = "style, each alike"

Judge = Callable[[Piece, Any], bool]


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
    for name, (values, judge) in _trials(controls, classifier).items():
        if on_progress:
            on_progress(name)
        share = -(-number // len(values))
        by_value = {}
        for seed, value in enumerate(values):
            wishes = {name: value, "num_pieces": share, "num_notes": num_notes, "seed": seed, **settings}
            pieces = [one.piece for one in compose(model, default_settings(model, **wishes))]
            by_value[str(value)] = float(np.mean([judge(piece, value) for piece in pieces]))
        results[name] = Obedience(float(np.mean(list(by_value.values()))), share * len(values), by_value)
    if "style" in results:
        results[EACH_ALIKE] = results["style"]
        results["style"] = _in_proportion(results["style"], model.representation.headings)
    return results


def _in_proportion(obedience: Obedience, headings: list[Heading]) -> Obedience:
    """The same when each style is asked for as often as it occurs among the training pieces."""
    counts = Counter(heading.traits.style for heading in headings)
    weights = [counts[style] for style in obedience.by_value]
    if not sum(weights):
        return obedience
    return replace(obedience, share=float(np.average(list(obedience.by_value.values()), weights=weights)))


def _trials(controls: Controls, classifier: StyleClassifier | None) -> dict[str, tuple[Sequence[Any], Judge]]:
    """What to ask for, by the name of the wish, and what tells whether a piece is as asked."""
    trials: dict[str, tuple[Sequence[Any], Judge]] = {
        wish.name: (wish.tried(), partial(_is_met, wish)) for wish in controls.wishes.values()
    }
    if classifier is not None and len(classifier.styles) > 1:
        known = [style for style in controls.styles if style in classifier.styles]
        trials["style"] = (known, lambda piece, style: classifier.classify(piece) == style)
    return {name: (values, judge) for name, (values, judge) in trials.items() if values}


def _is_met(wish: Wish, piece: Piece, asked: Any) -> bool:
    return wish.is_met(read_traits(piece), asked)
