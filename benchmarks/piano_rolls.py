"""Nats a time step on piano rolls (JSB chorales, Nottingham), chained keys, beside published figures.

    python -m benchmarks.piano_rolls [--seeds 1] [--minutes M] [--dropout X] ...

All keys are one track; each key's runs of steps are notes. What is counted is the probability of the notes field by
field, which is that of the keys one after the other, as RNN-NADE counts. The first step is left out: of its notes only
the durations are counted, which tell of the steps behind it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.io import loadmat

from benchmarks.cells import piece_of_roll, roll_of_piece
from benchmarks.measure import write_results
from benchmarks.split_training import Trained, grid_vocabulary, spread, train_on_split
from melodyforge.cli import Parser, run
from melodyforge.errors import CorpusError
from melodyforge.flags import add_recipe_flags, with_flags
from melodyforge.recipe import Recipe, load_recipe

FOLDER = Path("../shared/data/poly_music_mat")
PARTS = {"train": "traindata", "validation": "validdata", "test": "testdata"}  # here, and in the files
STEPS_PER_FRAME = 6
LONGEST_FRAMES = 512  # of a note; none is longer
PUBLISHED = {  # nats a step on the test part, and how the keys are counted
    "JSB_Chorales": {"LSTM, independent keys": 8.45, "TCN, independent keys": 8.10, "RNN-NADE, chained keys": 5.56},
    "Nottingham": {"LSTM, independent keys": 3.29, "TCN, independent keys": 3.07, "RNN-NADE, chained keys": 2.31},
}


def main(argv: list[str] | None = None) -> None:
    """Runs the benchmark."""
    arguments = parse_arguments(argv)
    recipe = with_flags(load_recipe("forge"), vars(arguments))
    results = {}
    for name in arguments.tables:
        rolls = read_rolls(arguments.folder / f"{name}.mat")
        figures: dict[str, list[float]] = {"validation": [], "test": []}
        for seed in range(arguments.seeds):
            seeded = recipe.model_copy(update={"training": recipe.training.changed(seed=seed)})
            trained = train(rolls, seeded, f"{name.lower()}-{seed}")
            for part, values in figures.items():
                values.append(nats_per_step(trained, part, rolls[part]))
        results[name] = {part: spread(values) | {"values": values} for part, values in figures.items()}
        show(name, figures)
    settings = {"network": recipe.network.model_dump(), "training": recipe.training.model_dump()}
    write_results("piano_rolls", results | {"settings": settings})


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = Parser(prog="benchmarks.piano_rolls", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FOLDER, metavar="DIR", help="(default: %(default)s)")
    parser.add_argument("--tables", nargs="+", choices=list(PUBLISHED), default=list(PUBLISHED), help="(default: all)")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="trainings of each (default: %(default)s)")
    add_recipe_flags(parser)
    return parser.parse_args(argv)


def read_rolls(path: Path) -> dict[str, list[np.ndarray]]:
    """The rolls of all pieces by part, bool, shape (num_steps, 88)."""
    if not path.is_file():
        raise CorpusError(f"--folder must hold {path.name}. Received {path.parent}, where it is not.")
    table = loadmat(path)
    return {part: [np.asarray(roll, bool) for roll in table[name][0]] for part, name in PARTS.items()}


def train(rolls: dict[str, list[np.ndarray]], recipe: Recipe, name: str) -> Trained:
    """Trains once; asserts that the notes say every key of every step."""
    pieces = {part: [piece_of_roll(roll, STEPS_PER_FRAME) for roll in group] for part, group in rolls.items()}
    longest = max(len(roll) for group in rolls.values() for roll in group)
    vocabulary = grid_vocabulary(recipe, pieces["train"], STEPS_PER_FRAME, min(longest, LONGEST_FRAMES))
    for part, group in rolls.items():
        for roll, piece in zip(group, pieces[part], strict=True):
            decoded = vocabulary.decode(vocabulary.encode(piece))
            if not np.array_equal(roll_of_piece(decoded, len(roll), STEPS_PER_FRAME), roll):
                raise CorpusError("The notes must say every key of the roll. Received a roll that they cannot say.")
    return train_on_split(pieces, recipe, vocabulary, name)


def nats_per_step(trained: Trained, part: str, rolls: list[np.ndarray]) -> float:
    """All nats but those of the first step's keys, divided by all other steps."""
    duration = [head.name for head in trained.data.representation.heads].index("duration")
    total = 0.0
    for number, nats in zip(trained.parts[part], trained.row_nats(part), strict=True):
        is_first = np.append(trained.data.rows[number]["onset"] == 0, False)
        total += float(nats[~is_first].sum() + nats[is_first, duration].sum())
    return total / sum(len(roll) - 1 for roll in rolls)


def show(name: str, figures: dict[str, list[float]]) -> None:
    """Prints the table of one set of rolls."""
    table = Table("model", "test", title=f"{name}, nats a step")
    for model, value in PUBLISHED[name].items():
        table.add_row(model, f"{value:.2f}")
    ours = spread(figures["test"])
    table.add_row("Melody Forge, forge, chained keys", f"{ours['mean']:.2f} ± {ours['sd']:.2f}")
    Console().print(table)


if __name__ == "__main__":
    sys.exit(run(main))
