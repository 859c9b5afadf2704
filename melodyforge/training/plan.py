"""Chooses what a user has left open, from the notes found and from where the training starts. Knows numbers only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from melodyforge.music.piece import Piece
from melodyforge.recipe import Recipe
from melodyforge.tokens.adapt import share_changed
from melodyforge.tokens.representation import Representation
from melodyforge.training.data import TrainingData
from melodyforge.words import counted

ROWS_TO_LEARN = 6_000_000  # rows seen in all: about ten minutes on two cores; early stopping shortens it
ROWS_TO_TUNE = 1_200_000  # the same for a model that knows music already
TUNING = {"learning_rate": 1e-3, "warmup": 0.1}  # twice that ruins what is known when there are five files
MIN_EPOCHS, MAX_EPOCHS = 4, 200
LEAST_STEPS = 100  # taken whatever the minutes: after fewer a network has learnt nothing
MIN_STEPS_PER_EPOCH = 25  # a tiny folder's epoch is several passes, so that measuring stays cheap beside learning
FEW_ROWS = 20_000
MANY_ROWS = 1_000_000
TOO_FEW_ROWS = 2_000  # about ten minutes of melody
MAX_WINDOW = 128
LEAST_SHARE_TOLD = 0.001  # fewer changed notes are not worth a line
MUCH_CHANGED = 0.1


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a training runs.

    Attributes:
        window: rows in a window.
        batch_size: windows in a step.
        transpose: semitones up and down.
        steps_per_epoch: steps after which the network is measured and saved.
        epochs: at most.
        minutes: wall time at most, or None.
        rows_per_window: rows of a window that are predicted: all, or the one that follows it.
    """

    window: int
    batch_size: int
    transpose: int
    steps_per_epoch: int
    epochs: int
    minutes: float | None
    rows_per_window: int = 1

    @property
    def num_steps(self) -> int:
        """Steps in all, unless time or patience runs out."""
        return self.steps_per_epoch * self.epochs

    @property
    def least_steps(self) -> int:
        """Steps that are taken even when the minutes are over: an epoch, or the first part of a long one."""
        return min(self.steps_per_epoch, LEAST_STEPS)

    @property
    def rows_per_step(self) -> int:
        """Rows that are predicted in a step."""
        return self.batch_size * self.rows_per_window

    def to_dict(self) -> dict[str, int | float | None]:
        """For files."""
        return asdict(self)


def for_tuning(recipe: Recipe) -> Recipe:
    """The recipe as it suits a model that knows music already; `benchmarks/fine_tuning.py` measured it."""
    return recipe.model_copy(update={"training": recipe.training.changed(**TUNING)})


def make_plan(data: TrainingData, recipe: Recipe, num_devices: int = 1, rows_to_learn: int = ROWS_TO_LEARN) -> Plan:
    """The recipe's wishes, and choices that suit the number of notes where it has none."""
    wished, rows = recipe.training, data.num_train_rows
    window = wished.window or _window(data)
    usual_batch = 16 if rows < FEW_ROWS else 32 if rows < MANY_ROWS else 64
    batch_size = wished.batch_size or usual_batch * num_devices
    rows_per_window = 1 if data.read_window else window
    rows_per_step = rows_per_window * batch_size
    steps_per_epoch = max(MIN_STEPS_PER_EPOCH, -(-rows // rows_per_step))
    suitable = round(rows_to_learn / (steps_per_epoch * rows_per_step))
    return Plan(
        window=window,
        batch_size=batch_size,
        transpose=5 if wished.transpose is None else wished.transpose,
        steps_per_epoch=steps_per_epoch,
        epochs=wished.epochs or min(MAX_EPOCHS, max(MIN_EPOCHS, suitable)),
        minutes=wished.minutes,
        rows_per_window=rows_per_window,
    )


def describe_plan(plan: Plan, data: TrainingData) -> list[str]:
    """What was found and chosen, in plain lines."""
    held_out = "pieces" if data.is_split_by_piece else "ends of pieces"
    count = len(data.held_out)
    lines = [
        f"{data.num_train_rows:,} notes or events to learn from in {counted(len(data.train), 'piece')}; "
        f"{count} {held_out} held out for validation",
        f"window {plan.window}, batch {plan.batch_size}, moved by up to {plan.transpose} semitones, "
        f"{counted(plan.steps_per_epoch, 'step')} an epoch, {counted(plan.epochs, 'epoch')} at most"
        + (f", {plan.minutes:g} minutes at most" if plan.minutes else ""),
    ]
    if data.num_train_rows < TOO_FEW_ROWS:
        lines.append(
            f"This is too little to learn a style from (fewer than {TOO_FEW_ROWS:,}): expect near copies. "
            "Add more music."
        )
    return lines


def describe_fit(vocabulary: Representation, pieces: Sequence[Piece], model_name: str) -> list[str]:
    """What the vocabulary of a trained model cannot say of the pieces, in plain lines; none when it can say all."""
    changed = share_changed(vocabulary, pieces)
    if changed < LEAST_SHARE_TOLD:
        return []
    lines = [
        f"{changed:.1%} of the notes are not learnt as they are: {model_name!r} rounds their times, or cannot tell "
        "so many instruments apart."
    ]
    if changed > MUCH_CHANGED:
        lines.append("That is much: try training without --from, too.")
    return lines


def _window(data: TrainingData) -> int:
    """The largest power of two, 16 to `MAX_WINDOW`, that at least half of the pieces fill."""
    lengths = sorted((data.train["stop"] - data.train["start"]).tolist())
    median = lengths[len(lengths) // 2]
    window = MAX_WINDOW
    while window > 16 and window > median:
        window //= 2
    return window
