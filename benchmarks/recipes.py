"""The recipes side by side: the same music, the same split, the same minutes of training, one after the other.

    python -m benchmarks.recipes --midi-dir DIR [--minutes M] [--recipes NAME ...] [--keep FOLDER]

Nats are those of each recipe's own rows, so only those of one kind can be held against each other: rows of `forge`
are notes with instrument and velocity, those of `composer` notes with velocity, those of `attention` notes without;
those of `classic` and `melody` are events, which may be chords. What share of an n-gram model's nats is left can be
compared.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.measure import RESULTS_DIR, run_alone, write_results
from melodyforge.cli import Parser, run

if TYPE_CHECKING:
    from melodyforge.evaluation.evaluate import Evaluation

RECIPES = ("classic", "melody", "attention", "composer", "forge")
MINUTES = 5.0
NUM_COMPOSITIONS = 40
TIMED_NOTES = 500
NUM_KEPT = 3
COPY_LENGTH = 16  # notes


def main() -> None:
    """Trains and judges each recipe, and reports."""
    parser = Parser(prog="-m benchmarks.recipes", description="The recipes side by side.")
    parser.add_argument("--midi-dir", type=Path, required=True, metavar="DIR", help="music to learn from")
    parser.add_argument("--minutes", type=float, default=MINUTES, metavar="M", help="for each (default: %(default)s)")
    parser.add_argument("--recipes", nargs="+", default=RECIPES, metavar="NAME", help="default: all five")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where models and three rolls of each are kept")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        keep = (arguments.keep or Path(name)).absolute()
        run_alone(read, arguments.midi_dir, Path(name))
        columns = earlier(arguments.midi_dir.name, arguments.minutes)
        for recipe in arguments.recipes:
            (columns[recipe], real), _ = run_alone(judge, recipe, Path(name), keep, arguments.minutes)
            if recipe == RECIPES[-1]:  # which hears everything
                columns["real music"] = real
    columns = {name: columns[name] for name in ("real music", *RECIPES) if name in columns}
    print_columns(columns, f"{arguments.midi_dir.name}, {arguments.minutes:g} minutes each")
    write_results(
        results_name(arguments.midi_dir.name),
        {"conditions": {"minutes": arguments.minutes, "num_compositions": NUM_COMPOSITIONS}, "recipes": columns},
    )


def results_name(corpus: str) -> str:
    """Under which the figures are kept."""
    return f"recipes_{corpus}"


def earlier(corpus: str, minutes: float) -> dict[str, dict[str, float]]:
    """The columns of earlier runs with as many minutes, so that one recipe can be measured again by itself."""
    path = RESULTS_DIR / f"{results_name(corpus)}.json"
    if not path.exists():
        return {}
    kept = json.loads(path.read_text(encoding="utf-8"))
    return kept["recipes"] if kept["conditions"]["minutes"] == minutes else {}


def read(midi_dir: Path, folder: Path) -> None:
    """Makes the dataset that all recipes learn from."""
    from melodyforge.corpus.prepare import prepare_corpus

    prepare_corpus(midi_dir, folder / "dataset")


def judge(recipe_name: str, folder: Path, keep: Path, minutes: float) -> tuple[dict[str, float], dict[str, float]]:
    """Trains one recipe; its figures, and those of real held-out music as its vocabulary says it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from melodyforge.bundle import WEIGHTS_FILE, load_model
    from melodyforge.compose import compose
    from melodyforge.composing.wishes import default_settings
    from melodyforge.corpus.store import PieceStore
    from melodyforge.evaluation.evaluate import evaluate_model
    from melodyforge.recipe import load_recipe
    from melodyforge.training.train import train_model

    store, recipe, model_dir = PieceStore(folder / "dataset"), load_recipe(recipe_name), keep / recipe_name
    recipe = recipe.model_copy(update={"training": recipe.training.changed(minutes=minutes)})
    result = train_model(store, recipe, model_dir, replace=True)
    model = load_model(model_dir)
    began = time.perf_counter()
    compose(model, default_settings(model, num_notes=TIMED_NOTES, seed=0))
    seconds = time.perf_counter() - began
    found = evaluate_model(model, store, NUM_COMPOSITIONS, num_wishes=0)
    for number, one in enumerate(found.samples[:NUM_KEPT], 1):
        one.save(keep / f"{recipe_name}_{number}.png")
        one.save(keep / f"{recipe_name}_{number}.mid")
    composed, real = figures_of(found)
    return {
        "epochs": result.metrics["epochs"],
        "held-out nats a row": result.metrics["held_out_nats"],
        "best n-gram, nats a row": found.best_ngram_nats,
        "share of the n-gram's nats": result.metrics["held_out_nats"] / found.best_ngram_nats,
        **composed,
        f"seconds for {TIMED_NOTES} notes": seconds,
        "MB of weights": (model_dir / WEIGHTS_FILE).stat().st_size / 1e6,
    }, real


def figures_of(found: Evaluation) -> tuple[dict[str, float], dict[str, float]]:
    """Overlap, copies and statistics of compositions, and those of real music."""
    composed, real = (
        {
            "overlap with real music": float(np.mean(list(found.overlap[overlap].values()))),
            f"copies of {COPY_LENGTH} notes": found.originality[pieces].shares[COPY_LENGTH],
            **found.statistics[pieces],
        }
        for overlap, pieces in (("composed", "composed"), ("training", "held out"))
    )
    return composed, real


def print_columns(columns: dict[str, dict[str, Any]], title: str) -> None:
    """Prints columns of figures, in Markdown."""
    print(f"\n{title}\n\n| | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for figure in max(columns.values(), key=len):
        cells = [f"{column[figure]:.3g}" if figure in column else "" for column in columns.values()]
        print(f"| {figure} | {' | '.join(cells)} |")


if __name__ == "__main__":
    raise SystemExit(run(main))
