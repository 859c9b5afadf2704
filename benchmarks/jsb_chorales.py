"""Nats a cell on the JSB chorales in sixteenths, beside published figures.

    python -m benchmarks.jsb_chorales [--seeds 3] [--minutes M] [--dropout X] ...

A cell is one voice in one sixteenth. Each voice's runs of equal cells are notes; the nats of all notes and of the ends
of pieces, divided by the cells of the split, compare with models that predict cell by cell, and never flatter.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.cells import cells_of_piece, piece_of_cells
from benchmarks.measure import write_results
from benchmarks.split_training import Trained, grid_vocabulary, spread, train_on_split
from melodyforge.cli import Parser, run
from melodyforge.errors import CorpusError
from melodyforge.flags import add_recipe_flags, with_flags
from melodyforge.recipe import Recipe, load_recipe

TABLE_FILE = Path("../shared/data/jsb_chorales/Jsb16thSeparated.json")
PARTS = {"train": "train", "validation": "valid", "test": "test"}  # here, and in the file
STEPS_PER_CELL = 6
LONGEST_CELLS = 256
PUBLISHED = {  # nats a cell, validation
    "per-voice bigram": 0.935,
    "Coconet, chronological": 0.436,
    "Transformer, 5 layers": 0.417,
    "TonicNet, 3 x 256 GRU": 0.396,
    "Music Transformer": 0.335,
}


def main(argv: list[str] | None = None) -> None:
    """Runs the benchmark."""
    arguments = parse_arguments(argv)
    recipe = chosen_recipe(arguments)
    tables = read_tables(arguments.table)
    figures: dict[str, list[float]] = {"validation": [], "test": []}
    facts: dict[str, Any] = {}
    for seed in range(arguments.seeds):
        seeded = recipe.model_copy(update={"training": recipe.training.changed(seed=seed)})
        trained = train(tables, seeded, f"jsb-chorales-{seed}")
        for part, values in figures.items():
            values.append(nats_per_cell(trained, part, tables[part]))
        print(f"seed {seed}: validation {figures['validation'][-1]:.4f}, test {figures['test'][-1]:.4f}", flush=True)
        facts = {
            "parameters": trained.training.network.count_params(),
            "minutes": round(trained.training.progress.seconds / 60, 1),
        }
    show(figures)
    settings = {"network": recipe.network.model_dump(), "training": recipe.training.model_dump()}
    digest = hashlib.sha256(arguments.table.read_bytes()).hexdigest()
    results = {part: spread(values) | {"values": values} for part, values in figures.items()}
    write_results(
        "jsb_chorales", results | facts | {"seeds": arguments.seeds, "settings": settings, "table_sha256": digest}
    )


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = Parser(prog="benchmarks.jsb_chorales", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--table", type=Path, default=TABLE_FILE, metavar="FILE", help="(default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="trainings (default: %(default)s)")
    add_recipe_flags(parser)
    return parser.parse_args(argv)


def chosen_recipe(arguments: argparse.Namespace) -> Recipe:
    """The recipe `forge` with what the command line changes in it; windows hold whole phrases."""
    given = vars(arguments)
    return with_flags(load_recipe("forge"), given | {"window": given["window"] or 160})


def read_tables(path: Path) -> dict[str, list[np.ndarray]]:
    """The cells of all pieces by part, shape (num_cells, 4)."""
    if not path.is_file():
        raise CorpusError(f"--table must be the file Jsb16thSeparated.json. Received {path}, which is not there.")
    table = json.loads(path.read_text())
    return {part: [np.array(piece) for piece in table[name]] for part, name in PARTS.items()}


def train(tables: dict[str, list[np.ndarray]], recipe: Recipe, name: str) -> Trained:
    """Trains once; asserts that the notes say every cell of every piece."""
    pieces = {part: [piece_of_cells(cells, STEPS_PER_CELL) for cells in group] for part, group in tables.items()}
    vocabulary = grid_vocabulary(recipe, pieces["train"], STEPS_PER_CELL, LONGEST_CELLS)
    for part, group in tables.items():
        for cells, piece in zip(group, pieces[part], strict=True):
            decoded = vocabulary.decode(vocabulary.encode(piece))
            if not np.array_equal(cells_of_piece(decoded, cells.shape, STEPS_PER_CELL), cells):
                raise CorpusError("The notes must say every cell of the table. Received a table that they cannot say.")
    return train_on_split(pieces, recipe, vocabulary, name)


def nats_per_cell(trained: Trained, part: str, cells: list[np.ndarray]) -> float:
    """All nats of a part, divided by its cells."""
    return sum(float(nats.sum()) for nats in trained.row_nats(part)) / sum(one.size for one in cells)


def show(figures: dict[str, list[float]]) -> None:
    """Prints the table."""
    table = Table("model", "validation", "test", title="JSB chorales, nats a cell")
    for name, value in PUBLISHED.items():
        table.add_row(name, f"{value:.3f}", "")
    ours = {part: spread(values) for part, values in figures.items()}
    table.add_row("Melody Forge, forge", *(f"{one['mean']:.4f} ± {one['sd']:.4f}" for one in ours.values()))
    Console().print(table)


if __name__ == "__main__":
    sys.exit(run(main))
