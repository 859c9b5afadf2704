"""Programs that are killed: each does one thing over and over, says when it is ready, and what is done for certain.

python -m torture.victims save|keep [TIMES], with the home in MELODY_FORGE_HOME
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import count
from pathlib import Path

from melodyforge.bundle import WEIGHTS_FILE, ModelParts, load_model, save_model
from melodyforge.compose import compose
from melodyforge.composing.wishes import default_settings
from melodyforge.places import MODELS_DIR
from melodyforge.workshop.takes import Takes

OWNER = "0" * 32
MODEL = "mine"


def save(times: Iterable[int]) -> None:
    """Saves a model under one name, again and again; its metrics count how often."""
    model = load_model(MODELS_DIR / MODEL)
    weights = (model.folder / WEIGHTS_FILE).read_bytes()

    def write(path: Path) -> None:
        path.write_bytes(weights)

    for number, _ in enumerate(times, int(model.metrics.get("number", 0)) + 1):
        metrics = model.metrics | {"number": number}
        parts = ModelParts(
            recipe=model.recipe,
            representation=model.representation,
            write_weights=write,
            config={},
            metrics=metrics,
            history="",
        )
        save_model(MODELS_DIR / MODEL, parts)
        print(number, flush=True)


def keep(times: Iterable[int]) -> None:
    """Composes once, and keeps the take again and again."""
    model = load_model(MODELS_DIR / MODEL)
    composition = compose(model, default_settings(model, num_notes=8, start="nothing", seed=1))[0]
    takes = Takes()
    for _ in times:
        print(takes.add(OWNER, composition), flush=True)


if __name__ == "__main__":
    victim, *limit = sys.argv[1:]
    {"save": save, "keep": keep}[victim](range(int(limit[0])) if limit else count())
