"""How often several wishes at once come true, how often takes are drawn again for it, and how long that takes.

    python -m benchmarks.wishes [--model NAME] [--pieces 20] [--seed 5]

Each piece is asked for in a style, and for some of a key, a mood, a density and a meter: drawn at random, so that not
all go together.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.measure import Figure, report
from melodyforge.bundle import Model
from melodyforge.cli import Parser, run
from melodyforge.compose import compose, load
from melodyforge.composing.wishes import default_settings
from melodyforge.composition import KEPT

OTHERS = {
    "key": ("D minor", "A", "F# minor", "Eb", "C minor", "G"),
    "mood": ("sad", "happy", "tense", "calm"),
    "density": ("sparse", "dense"),
    "meter": ("3/4", "4/4"),
}
CHANCE = 0.6  # that each of these is asked for
NUM_NOTES = 200


def drawn_wishes(model: Model, rng: np.random.Generator) -> dict[str, Any]:
    """Some wishes at once."""
    controls = model.representation.controls
    styles = [one for one in controls.styles if one != "drums"] if controls else []
    style = {"style": str(rng.choice(styles))} if styles else {}
    return style | {name: str(rng.choice(words)) for name, words in OTHERS.items() if rng.random() < CHANCE}


def main(argv: list[str] | None = None) -> None:
    """Runs the benchmark."""
    parser = Parser(prog="python -m benchmarks.wishes", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--model", default="starter", help="a model's name or folder (default: %(default)s)")
    parser.add_argument("--pieces", type=int, default=20, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=5, help="default: %(default)s")
    arguments = parser.parse_args(argv)
    model, rng = load(arguments.model), np.random.default_rng(arguments.seed)
    missed, again, seconds = list[bool](), list[int](), list[float]()
    for seed in range(arguments.pieces):
        settings = default_settings(model, num_notes=NUM_NOTES, seed=seed, **drawn_wishes(model, rng))
        begun = time.process_time()
        (made,) = compose(model, settings)
        seconds.append(time.process_time() - begun)
        missed.append(any(notice.startswith(KEPT) for notice in made.notices))
        again.append(sum("drawn again because" in notice for notice in made.notices))
    figures = [
        Figure("compositions that miss a wish", 100 * float(np.mean(missed)), "%"),
        Figure("takes drawn again for each", float(np.mean(again)), ""),
        Figure("processor time for each", float(np.mean(seconds)), "s"),
    ]
    report("wishes", f"{arguments.pieces} combinations of wishes", figures, seed=arguments.seed)


if __name__ == "__main__":
    run(main)
