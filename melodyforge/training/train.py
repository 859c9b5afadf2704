"""Trains the network of a recipe: one epoch after another, measured, saved, and able to go on after anything.

Knows data, networks and model folders. Does not know terminals or web pages: a `Watcher` is told what happens.
"""

from __future__ import annotations

import csv
import glob
import io
import math
import shutil
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from melodyforge.bundle import WEIGHTS_FILE, Model, ModelParts, load_model, read_model, save_model
from melodyforge.corpus.split import split_pieces
from melodyforge.corpus.store import PieceStore
from melodyforge.decoding.shapes import layer_shapes
from melodyforge.errors import ClusterError, CorpusError, ModelFolderError, SettingsError
from melodyforge.model_state import (
    UNFINISHED,
    checkpoint_path,
    hold_model,
    keep_former,
    latest_path,
    require_free,
)
from melodyforge.networks import build_learner, build_network
from melodyforge.originality.index import MusicIndex
from melodyforge.recipe import Recipe
from melodyforge.settings import TrainingSettings
from melodyforge.tokens import representation_class
from melodyforge.tokens.adapt import adapt_vocabulary
from melodyforge.tokens.representation import Representation
from melodyforge.training.backend import Machine, find_machine, keras, set_precision, sync_variables
from melodyforge.training.checkpoint import read_facts, restore_checkpoint, save_checkpoint
from melodyforge.training.data import TrainingData, num_rows, prepare_data
from melodyforge.training.feeding import BatchMaker, Feeder, num_processes
from melodyforge.training.former import settle_former
from melodyforge.training.music_index import can_be_indexed, index_music
from melodyforge.training.plan import ROWS_TO_LEARN, ROWS_TO_TUNE, Plan, describe_fit, describe_plan, make_plan
from melodyforge.training.sharing import Team
from melodyforge.weights_file import read_weights
from melodyforge.words import counted

if TYPE_CHECKING:
    from melodyforge.training.shared_steps import SharedSteps

SECONDS_BETWEEN_CHECKPOINTS = 45.0
LOWEST_RATE_SHARE = 0.02  # of the highest learning rate, at the end of the cosine
NO_INDEX = "There is too much music for an index of it: what the model copies will not be found."
MAX_ROWS_MEASURED = 40_000  # held-out rows measured after each epoch; all of them at the end
HISTORY_COLUMNS = ("epoch", "steps", "seconds", "learning_rate", "train_nats", "held_out_nats", "rows_per_second")

Baseline = Callable[[TrainingData], dict[str, float]]


class Watcher:
    """Is told how a training goes. This one says nothing; scripts and the web app say more."""

    def planned(self, lines: list[str]) -> None:
        """Before the first step: what was found and chosen."""

    def stepped(self, progress: Progress, plan: Plan, nats: float, rows_per_second: float) -> None:
        """After a step; `nats` is the mean of this epoch so far."""

    def noticed(self, line: str) -> None:
        """Something that the user should be told meanwhile."""

    def epoch_ended(self, row: dict[str, float], is_best: bool, latest_model: Path) -> None:
        """After an epoch was measured and saved; `latest_model` is a model folder with the weights of now."""


@dataclass
class Progress:
    """How far a training has come; kept in every checkpoint.

    Attributes:
        step: steps taken.
        seconds: wall time spent, over all runs; loading and compiling before the first step of each are not counted.
        best_nats: lowest held-out nats a row so far.
        stale_epochs: epochs since then.
        history: one row an epoch, of `HISTORY_COLUMNS`.
        baseline: what a simple model reaches on the held-out music.
        seconds_to_finish: what measuring on all held-out music will take at the end.
        kept: name of the model that stood here before; "" when none did.
    """

    step: int = 0
    seconds: float = 0.0
    best_nats: float = math.inf
    stale_epochs: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    baseline: dict[str, float] = field(default_factory=dict)
    seconds_to_finish: float = 0.0
    kept: str = ""

    def learning_share(self, plan: Plan) -> float:
        """How much of the learning is over, 0 to 1, by steps or by time, whichever is farther."""
        by_time = self.seconds / (60 * plan.minutes) if plan.minutes else 0.0
        return min(1.0, max(self.step / plan.num_steps, min(by_time, self.step / plan.least_steps)))

    def is_time_over(self, plan: Plan) -> bool:
        """Whether the user's minutes are spent."""
        return plan.minutes is not None and self.seconds >= 60 * plan.minutes

    def seconds_left(self, plan: Plan) -> float:
        """Until all epochs are done, or the time limit is reached, and all is measured; less if patience runs out."""
        seconds_per_step = self.seconds / max(1, self.step)
        left = (plan.num_steps - self.step) * seconds_per_step
        if plan.minutes is not None:
            least = (plan.least_steps - self.step) * seconds_per_step
            left = min(left, max(60 * plan.minutes - self.seconds, least))
        return max(0.0, left) + self.seconds_to_finish

    def share(self, plan: Plan) -> float:
        """How much of the time that it takes is over, 0 to 1."""
        return self.seconds / max(1e-9, self.seconds + self.seconds_left(plan))


@dataclass(frozen=True)
class Result:
    """How a training ended.

    Attributes:
        model_dir: the model folder with the best weights, if there is one yet.
        reason: why it ended, in words.
        is_interrupted: whether there is more to do for `--resume`.
        metrics: as in metrics.json.
        former: what became of the model that was replaced, in a sentence; "" when there was none.
    """

    model_dir: Path
    reason: str
    is_interrupted: bool
    metrics: dict[str, Any]
    former: str = ""


def train_model(
    store: PieceStore,
    recipe: Recipe,
    model_dir: str | Path,
    watcher: Watcher | None = None,
    start_from: str | Path | None = None,
    baseline: Baseline | None = None,
    replace: bool = False,
    team: Team | None = None,
) -> Result:
    """Trains a model from the beginning, or from the weights of another.

    Args:
        store: the pieces.
        recipe: how; of a model that is trained further only `training` counts, for all else is as it was.
        model_dir: where the model folder is to be.
        watcher: is told how it goes.
        start_from: a model folder whose network and vocabulary are trained further.
        baseline: what the network has to beat on the held-out music; its findings go into metrics.json.
        replace: what to do where a model of this name, or an unfinished training, stands: False refuses. True keeps
            the model as NAME-before until the new one is finished, and better on the same held-out music.
        team: computes the gradients, such as a cluster; None: this machine alone.

    Raises:
        BusyError: a model of this name is being trained or changed.
        ClusterError: the team was lost, or cannot compute them.
        CorpusError: there is too little to learn from.
        ModelFolderError: `start_from` cannot be used, or `model_dir` is taken.
        OutputError: the model cannot be saved.
    """
    model_dir = Path(model_dir)
    with hold_model(model_dir):
        require_free(model_dir, replace)
        _require_free_epochs(model_dir, recipe.training.keep_every)
        source = load_model(Path(start_from)) if start_from else None
        watcher = watcher or Watcher()
        return _new_training(store, recipe, model_dir, watcher, source=source, baseline=baseline, team=team).run()


def _new_training(
    store: PieceStore,
    recipe: Recipe,
    model_dir: Path,
    watcher: Watcher,
    *,
    source: Model | None,
    baseline: Baseline | None,
    team: Team | None,
) -> Training:
    if source:
        learning = recipe.training
        if source.recipe.network.reads_windows:
            learning = learning.changed(window=source.recipe.training.window)
        recipe = source.recipe.model_copy(update={"training": learning})
    vocabulary, notices = _vocabulary_for(store, recipe, source) if source else (None, [])
    data = prepare_data(store, recipe, vocabulary)
    machine = find_machine(is_one_of_many=team is not None)
    plan = make_plan(data, recipe, machine.num_devices, ROWS_TO_TUNE if source else ROWS_TO_LEARN)
    training = Training(data, recipe, plan, machine=machine, model_dir=model_dir, watcher=watcher, team=team)
    training.store = store
    training.notices = notices if can_be_indexed(store) else [*notices, NO_INDEX]
    training.index = source.index if source else None
    if baseline:
        training.progress.baseline = baseline(data)
    training.keep_former()
    if source:
        training.start_from(source.folder)
    return training


def _require_free_epochs(model_dir: Path, keep_every: int | None) -> None:
    """Refuses to overwrite models that another training kept along the way."""
    pattern = f"{glob.escape(model_dir.name)}-epoch-*"
    found = sorted(path.name for path in model_dir.parent.glob(pattern)) if keep_every else []
    if found:
        raise ModelFolderError(
            f"`keep_every` must find the names free that it uses. There is {found[0]!r} already. Choose another name, "
            "or rename or delete that model."
        )


def _vocabulary_for(store: PieceStore, recipe: Recipe, source: Model) -> tuple[Representation, list[str]]:
    """The vocabulary of a trained model, made to suit other music, and what it still cannot say."""
    numbers, _ = split_pieces(store, recipe.training.held_out, recipe.training.seed, recipe.training.style)
    pieces = [store[number] for number in numbers.tolist()]
    vocabulary = adapt_vocabulary(source.representation, recipe.representation, pieces)
    return vocabulary, describe_fit(vocabulary, pieces, source.name)


def resume_training(
    store: PieceStore,
    model_dir: str | Path,
    watcher: Watcher | None = None,
    changes: dict[str, Any] | None = None,
    team: Team | None = None,
) -> Result:
    """Goes on with a training that was interrupted.

    Args:
        store: the pieces, unchanged.
        model_dir: of the model.
        watcher: is told how it goes.
        changes: training settings to change: `epochs`, `minutes`, `patience`.
        team: as for `train_model`; it need not be the one that began.

    Raises:
        BusyError: a model of this name is being trained or changed.
        ClusterError: the team was lost, or cannot compute gradients.
        ModelFolderError: there is nothing to go on with.
        CorpusError: the music has changed since.
    """
    model_dir = Path(model_dir)
    with hold_model(model_dir):
        return _old_training(store, model_dir, watcher or Watcher(), changes, team).run()


def _old_training(
    store: PieceStore, model_dir: Path, watcher: Watcher, changes: dict[str, Any] | None, team: Team | None
) -> Training:
    path = checkpoint_path(model_dir)
    facts = read_facts(path)
    if facts["fingerprint"] != store.fingerprint:
        raise CorpusError(
            f"Expected the music that {model_dir.name!r} was being trained on. Received other music. "
            "Name its folder with --midi-dir, bring the files back, or start anew without --resume."
        )
    recipe = Recipe.check(facts["recipe"])
    changed = {name: value for name, value in (changes or {}).items() if value is not None}
    recipe = recipe.changed(training=recipe.training.changed(**changed).model_dump())
    kind = representation_class(recipe.representation)
    data = prepare_data(store, recipe, kind.from_state(recipe.representation, facts["vocabulary"]))
    progress = Progress(**facts["progress"])
    if "minutes" in changed:  # of this run; the plan counts those of all runs
        changed["minutes"] += progress.seconds / 60
    plan = Plan(**facts["plan"] | {name: changed[name] for name in ("epochs", "minutes") if name in changed})
    machine = find_machine(is_one_of_many=team is not None)
    training = Training(data, recipe, plan, machine=machine, model_dir=model_dir, watcher=watcher, team=team)
    restore_checkpoint(path, training.variables)
    training.store = store
    if model_dir.is_dir():  # it has that of the model it was trained further from
        training.index = read_model(model_dir).index
    training.progress = progress
    return training


class Training:
    """One training, from making the network to the last save."""

    def __init__(
        self,
        data: TrainingData,
        recipe: Recipe,
        plan: Plan,
        *,
        machine: Machine,
        model_dir: Path,
        watcher: Watcher,
        team: Team | None = None,
    ) -> None:
        self.data, self.recipe, self.plan, self.machine = data, recipe, plan, machine
        self.model_dir, self.watcher = model_dir, watcher
        self.progress = Progress()
        self.notices: list[str] = []  # what the user should be told before the first step
        self.store: PieceStore | None = None  # whose index the finished model gets
        self.index: MusicIndex | None = None  # of the music that the model learnt before; in the end of all
        settings = recipe.training
        keras.utils.set_random_seed(settings.seed)
        set_precision(settings.precision, machine)
        with machine.scope():
            self.network = build_network(data.representation, recipe.network, use_cudnn=machine.num_gpus > 0)
            self.learner = build_learner(self.network, data.representation)
            optimizer = machine.optimizer_class()(
                settings.learning_rate, weight_decay=settings.weight_decay, clipnorm=settings.clip_norm
            )
            optimizer.exclude_from_weight_decay(var_names=["bias"])
            self.learner.compile(optimizer, mean_nats, jit_compile=machine.use_xla(self._count_operations()))
            optimizer.build(self.learner.trainable_variables)
        self._feeder = Feeder(data, plan, recipe, num_processes(machine.num_gpus))
        self._shared = self._share_with(team) if team else None
        self._clock = self._saved = time.monotonic()
        self._is_compiled = self._is_told_late = False

    def _share_with(self, team: Team) -> SharedSteps:
        from melodyforge.training.shared_steps import SharedSteps  # here, for it needs TensorFlow

        return SharedSteps(team, BatchMaker.of(self.data, self.plan, self.recipe), self.recipe, self.learner)

    def _count_operations(self) -> float:
        """Floating-point operations of the whole training, about: six for each weight and row."""
        return 6.0 * self.network.count_params() * self.plan.num_steps * self.plan.rows_per_step

    @property
    def variables(self) -> list[keras.Variable]:
        """All that changes while training, in a fixed order."""
        return [*self.learner.variables, *self.learner.optimizer.variables]

    def keep_former(self) -> None:
        """Keeps the model that this training will replace."""
        kept = keep_former(self.model_dir)
        if kept:
            self.progress.kept = kept.name
            self.notices.append(f"The model {self.model_dir.name!r} of before is kept as {kept.name!r}.")

    def start_from(self, folder: Path) -> None:
        """Takes over the weights of a trained model.

        They are measured first and are what training has to beat, so that training further makes no model worse.
        """
        self._load_weights(folder)
        nats = self._measure(MAX_ROWS_MEASURED)
        self.progress.best_nats = self.progress.baseline["start_nats"] = sum(nats.values())
        self._save_model(self.model_dir, self._metrics(nats, UNFINISHED))

    def run(self) -> Result:
        """Trains until the plan is fulfilled, time or patience has run out, or the user stops it."""
        lines = describe_plan(self.plan, self.data) + self.notices
        lines += [self._shared.describe()] if self._shared else []
        self.watcher.planned([*lines, f"{self.network.count_params():,} weights, on {self.machine.describe()}"])
        self._clock = time.monotonic()
        stopped = Result(self.model_dir, "stopped by you", True, {})
        try:
            with closing(self._feeder):
                while (reason := self._reason_to_end()) is None:
                    nats, rate = self._train_epoch()
                    self._measure_and_save(nats, rate)
        except KeyboardInterrupt:
            self.save_checkpoint()
            return stopped
        except ClusterError as error:
            if not self.progress.step:
                raise
            self.save_checkpoint()
            raise ClusterError(f"{error} With --resume it goes on after step {self.progress.step:,}.") from None
        try:
            metrics = self._finish(reason)
        except KeyboardInterrupt:
            return stopped
        former = self.progress.kept and settle_former(self.model_dir, self.model_dir.with_name(self.progress.kept))
        return Result(self.model_dir, reason, False, metrics, former)

    def save_checkpoint(self) -> None:
        """Writes down where the training stands."""
        self.tick()
        sync_variables(self.learner)
        facts = {
            "recipe": self.recipe.model_dump(),
            "plan": self.plan.to_dict(),
            "progress": asdict(self.progress),
            "vocabulary": self.data.representation.state(),
            "fingerprint": self.data.fingerprint,
        }
        save_checkpoint(checkpoint_path(self.model_dir), self.variables, facts)
        self._saved = time.monotonic()

    def save_checkpoint_when_due(self) -> None:
        """So that a machine that fails costs less than a minute."""
        if time.monotonic() - self._saved > SECONDS_BETWEEN_CHECKPOINTS:
            self.save_checkpoint()

    def tick(self) -> None:
        """Counts the time since the last tick."""
        now = time.monotonic()
        self.progress.seconds += now - self._clock
        self._clock = now

    def count_step(self) -> None:
        """Counts a step and its time; the first one's is spent on compiling the network."""
        self.progress.step += 1
        if not self._is_compiled:
            self._clock, self._is_compiled = time.monotonic(), True
        self.tick()

    @property
    def is_time_over(self) -> bool:
        """Whether the user's minutes are spent, and enough steps were taken to learn anything."""
        if not self.progress.is_time_over(self.plan):
            return False
        is_enough = self.progress.step >= self.plan.least_steps
        if not is_enough and not self._is_told_late:
            self._is_told_late = True
            self.watcher.noticed(
                f"{self.plan.minutes:g} minutes are over after {self.progress.step} steps, too few to learn anything: "
                f"training continues to step {self.plan.least_steps}."
            )
        return is_enough

    def _reason_to_end(self) -> str | None:
        if self.progress.step >= self.plan.num_steps:
            return f"all {self.plan.epochs} epochs are done"
        if self.is_time_over:
            return "time limit reached"
        if self.progress.stale_epochs >= self.recipe.training.patience:
            return f"no lower validation loss for {counted(self.progress.stale_epochs, 'epoch')}"
        return None

    def _train_epoch(self) -> tuple[float, float]:
        """Trains to the end of the epoch under way, or of the time.

        Returns:
            Mean nats a row, and rows a second.
        """
        first, began = self.progress.step, self.progress.seconds
        num_steps = self.plan.steps_per_epoch - first % self.plan.steps_per_epoch
        nats = self._fit(first, num_steps, EveryStep(self))
        self.tick()
        num_rows_seen = (self.progress.step - first) * self.plan.rows_per_step
        return nats, num_rows_seen / max(1e-9, self.progress.seconds - began)

    def _fit(self, first: int, num_steps: int, callback: EveryStep) -> float:
        """Takes steps, here or with others; mean nats a row."""
        if self._shared:
            return self._shared.fit(first, num_steps, callback)
        batches = Batches(self._feeder, self.data.representation, first, num_steps)
        fitted = self.learner.fit(batches, verbose=0, shuffle=False, callbacks=[callback])
        return float(fitted.history["loss"][-1])

    def _measure_and_save(self, train_nats: float, rows_per_second: float) -> None:
        """Ends an epoch: held-out nats, history, the model when it is the best so far, the checkpoint."""
        began = time.monotonic()
        nats = self._measure(MAX_ROWS_MEASURED)
        parts = max(1.0, num_rows(self.data.held_out) / MAX_ROWS_MEASURED)
        self.progress.seconds_to_finish = parts * (time.monotonic() - began)
        if not math.isfinite(sum(nats.values())):
            raise SettingsError(
                "The loss must stay a number. It is none any more; lower --learning-rate, now "
                f"{self.recipe.training.learning_rate:g}."
            )
        progress = self.progress
        self.tick()
        row = {
            "epoch": len(progress.history) + 1,
            "steps": progress.step,
            "seconds": round(progress.seconds, 1),
            "learning_rate": float(keras.ops.convert_to_numpy(self.learner.optimizer.learning_rate)),
            "train_nats": train_nats,
            "held_out_nats": sum(nats.values()),
            "rows_per_second": round(rows_per_second),
        }
        is_best = row["held_out_nats"] < progress.best_nats
        progress.history.append(row)
        progress.best_nats = min(progress.best_nats, row["held_out_nats"])
        progress.stale_epochs = 0 if is_best else progress.stale_epochs + 1
        latest = latest_path(self.model_dir)
        metrics = self._metrics(nats, UNFINISHED)
        every = self.recipe.training.keep_every
        kept = self.model_dir.with_name(f"{self.model_dir.name}-epoch-{row['epoch']}")
        wanted = {latest: True, self.model_dir: is_best, kept: every is not None and row["epoch"] % every == 0}
        for folder in [folder for folder, is_wanted in wanted.items() if is_wanted]:
            self._save_model(folder, metrics)
        self.save_checkpoint()
        self._log(row)
        self.watcher.epoch_ended(row, is_best, latest)

    def _finish(self, reason: str) -> dict[str, Any]:
        """Measures the best weights on all held-out music and writes down what came out."""
        self.save_checkpoint()
        self._load_weights(self.model_dir)
        metrics = self._metrics(self._measure(None), reason)
        if self.store:
            self.index = index_music(self.store, self.recipe.training, self.index)
        self._save_model(self.model_dir, metrics)
        shutil.rmtree(latest_path(self.model_dir), ignore_errors=True)
        return metrics

    def _load_weights(self, folder: Path) -> None:
        load_weights(self.network, folder, self.data.representation, self.recipe)

    def _measure(self, max_rows: int | None) -> dict[str, float]:
        return held_out_nats(self.learner, self.data, self.plan.batch_size, max_rows)

    def _metrics(self, nats_by_head: dict[str, float], reason: str) -> dict[str, Any]:
        return {
            "held_out_nats": sum(nats_by_head.values()),
            "held_out_nats_by_head": nats_by_head,
            "unit": "nats a note or event; ends of pieces are counted in the nats, not in the notes",
            "num_train_rows": self.data.num_train_rows,
            "num_held_out_rows": num_rows(self.data.held_out),
            "is_split_by_piece": self.data.is_split_by_piece,
            "epochs": len(self.progress.history),
            "seconds": round(self.progress.seconds, 1),
            "ended_because": reason,
            **self.progress.baseline,
        }

    def _save_model(self, folder: Path, metrics: dict[str, Any]) -> None:
        config = {
            "plan": self.plan.to_dict(),
            "data_fingerprint": self.data.fingerprint,
            "habits": {style: habits.to_dict() for style, habits in self.data.habits.items()},
            "keras": keras.__version__,
        }
        parts = ModelParts(
            recipe=self.recipe,
            representation=self.data.representation,
            write_weights=self.network.save_weights,
            config=config,
            metrics=metrics,
            history=self._history_csv(),
            passages=self.data.passages,
            index=self.index,
        )
        save_model(folder, parts)

    def _history_csv(self) -> str:
        text = io.StringIO()
        writer = csv.DictWriter(text, HISTORY_COLUMNS)
        writer.writeheader()
        writer.writerows(self.progress.history)
        return text.getvalue()

    def _log(self, row: dict[str, float]) -> None:
        """TensorBoard logs, where TensorFlow is there to write them."""
        if keras.backend.backend() != "tensorflow":
            return
        import tensorflow as tf

        folder = checkpoint_path(self.model_dir).parent / "tensorboard" / self.model_dir.name
        with tf.summary.create_file_writer(str(folder)).as_default(step=int(row["steps"])):
            for name in HISTORY_COLUMNS[3:]:
                tf.summary.scalar(name, row[name])


def held_out_nats(
    learner: keras.Model, data: TrainingData, batch_size: int, max_rows: int | None = None
) -> dict[str, float]:
    """Nats a held-out note (or event) by head, over all of them or a fixed random part of them.

    Ends of pieces cost nats, but are no notes.
    """
    heads, end_class = data.representation.heads, data.representation.end_class
    total, num_notes = np.zeros(len(heads)), 0
    for batch in data.held_out_batches(batch_size, max_rows):
        target = batch[f"target_{heads[0].name}"]
        nats = learner.predict_on_batch(batch)[: len(target)]  # each device computes all of it
        total += nats.sum(axis=(0, 1))
        num_notes += int(((target >= 0) & (target != end_class)).sum())
    return {head.name: float(nats) / max(1, num_notes) for head, nats in zip(heads, total, strict=True)}


def load_weights(network: keras.Model, folder: Path, representation: Representation, recipe: Recipe) -> None:
    """Gives a network the weights of a model folder, layer by layer as they are named.

    Raises:
        ModelFolderError: they are damaged, or of another network.
    """
    shapes = layer_shapes(representation, recipe.network)
    for name, arrays in read_weights((folder / WEIGHTS_FILE).read_bytes(), shapes).items():
        network.get_layer(name).set_weights(arrays)


class Batches(keras.utils.PyDataset):
    """The batches of some steps, made in threads beside the training."""

    def __init__(self, feeder: Feeder, representation: Representation, first_step: int, num_steps: int) -> None:
        super().__init__(workers=feeder.num_threads, max_queue_size=max(8, 2 * feeder.num_threads))
        self._feeder, self._first_step, self._num_steps = feeder, first_step, num_steps
        self._first_target = f"target_{representation.heads[0].name}"

    def __len__(self) -> int:
        """Number of batches."""
        return self._num_steps

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Arrays for the learner, and which rows are asked, shape (batch_size, window)."""
        batch = self._feeder.batch(self._first_step + index)
        return batch, (batch[self._first_target] >= 0).astype(np.float32)


class EveryStep(keras.callbacks.Callback):
    """Learning rate before each step; clock, checkpoint and watcher after it."""

    def __init__(self, training: Training) -> None:
        super().__init__()
        self._training = training
        self._began, self._first = training.progress.seconds, training.progress.step

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Sets the learning rate."""
        training = self._training
        share = training.progress.learning_share(training.plan)
        sync_variables(self.model)
        self.model.optimizer.learning_rate = learning_rate(training.recipe.training, share)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Counts the step."""
        training, progress, plan = self._training, self._training.progress, self._training.plan
        training.count_step()
        rows = (progress.step - self._first) * plan.rows_per_step
        rate = rows / max(1e-9, progress.seconds - self._began)
        training.watcher.stepped(progress, plan, float((logs or {})["loss"]), rate)
        training.save_checkpoint_when_due()
        if training.is_time_over:
            self.model.stop_training = True


def learning_rate(settings: TrainingSettings, share: float) -> float:
    """A linear rise, then half a cosine down to `LOWEST_RATE_SHARE` (Loshchilov & Hutter, 2017)."""
    if share < settings.warmup:
        return settings.learning_rate * max(LOWEST_RATE_SHARE, share / settings.warmup)
    falling = (share - settings.warmup) / (1 - settings.warmup)
    height = LOWEST_RATE_SHARE + (1 - LOWEST_RATE_SHARE) * (1 + math.cos(math.pi * falling)) / 2
    return settings.learning_rate * height


def mean_nats(asked: Any, nats: Any) -> Any:
    """The loss: nats a row. Shapes (batch, window) and (batch, window, num_heads) -> (1,).

    Not a scalar, because Keras shares out among several devices only losses that have a shape.
    """
    return keras.ops.reshape(keras.ops.sum(nats) / keras.ops.maximum(keras.ops.sum(asked), 1.0), (1,))
