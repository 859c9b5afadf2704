"""Trains the recipe `forge` on pieces whose split is given, and counts nats on each part, note by note.

What a benchmark changes in the recipe is said on its command line and kept beside its figures.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cells import store_pieces
from melodyforge.bundle import WEIGHTS_FILE
from melodyforge.evaluation.watch_training import ConsoleWatcher
from melodyforge.music.piece import Piece
from melodyforge.recipe import Recipe
from melodyforge.tokens.bins import Bins
from melodyforge.tokens.notes import NotesRepresentation
from melodyforge.training.backend import find_machine
from melodyforge.training.data import TrainingData, assemble_data
from melodyforge.training.plan import make_plan
from melodyforge.training.train import Training

PIECES_AT_ONCE = 8


@dataclass(frozen=True)
class Trained:
    """A trained network and what it was trained and is measured on.

    Attributes:
        training: with the best weights.
        parts: the numbers of the pieces of each part, by its name.
        seconds: of training.
    """

    training: Training
    parts: dict[str, list[int]]

    @property
    def data(self) -> TrainingData:
        """All pieces."""
        return self.training.data

    def row_nats(self, part: str) -> list[np.ndarray]:
        """Nats of every row of every piece and of its end, by head; shapes (num_rows + 1, num_heads).

        The whole piece is heard from its beginning, and nothing is told of it.
        """
        representation, numbers = self.data.representation, self.parts[part]
        longest = max(len(self.data.rows[number]) for number in numbers) + 1
        result = []
        for first in range(0, len(numbers), PIECES_AT_ONCE):
            group = numbers[first : first + PIECES_AT_ONCE]
            filled = group + group[:1] * (PIECES_AT_ONCE - len(group))  # always one shape, compiled once
            windows = [representation.window(self.data.rows[number], 0, longest) for number in filled]
            batch = {name: np.stack([window[name] for window in windows]) for name in windows[0]}
            nats = self.training.learner.predict_on_batch(batch)
            result += [one[: len(self.data.rows[number]) + 1] for one, number in zip(nats, group, strict=False)]
        return result


def grid_vocabulary(recipe: Recipe, train: Sequence[Piece], step: int, longest: int) -> NotesRepresentation:
    """A vocabulary that can say every table: shifts and durations of 1 to `longest` cells of `step` steps."""
    state = NotesRepresentation.fit(recipe.representation, train).state()
    times = np.arange(longest + 1) * step
    state |= {"shifts": Bins(times).values.tolist(), "durations": Bins(times[1:]).values.tolist()}
    return NotesRepresentation.from_state(recipe.representation, state)


def train_on_split(
    parts: Mapping[str, Sequence[Piece]], recipe: Recipe, vocabulary: NotesRepresentation, name: str
) -> Trained:
    """Trains on the part `train`, stops and chooses by `validation`; other parts are only measured.

    Args:
        parts: pieces by the name of their part.
        recipe: how to train.
        vocabulary: that can say all pieces.
        name: for the terminal.
    """
    folder = Path(tempfile.mkdtemp(prefix="melody-forge-"))
    store = store_pieces(folder / "dataset", [piece for pieces in parts.values() for piece in pieces])
    numbers: dict[str, list[int]] = {}
    for part, pieces in parts.items():
        first = sum(map(len, numbers.values()))
        numbers[part] = list(range(first, first + len(pieces)))
    train, validation = np.array(numbers["train"]), np.array(numbers["validation"])
    data = assemble_data(store, recipe, train, validation, representation=vocabulary)
    with ConsoleWatcher(name) as watcher:
        training = Training(
            data, recipe, make_plan(data, recipe), machine=find_machine(), model_dir=folder / name, watcher=watcher
        )
        training.run()
    training.network.load_weights(folder / name / WEIGHTS_FILE)
    return Trained(training, numbers)


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Mean and standard deviation over seeds."""
    return {"mean": float(np.mean(values)), "sd": float(np.std(values, ddof=1)) if len(values) > 1 else 0.0}
