"""Trainings as the web app shows them: started as processes, watched by what they write down. Loads no TensorFlow."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from melodyforge import folders
from melodyforge.bundle import STARTER_NAME
from melodyforge.errors import ModelFolderError, TaskError
from melodyforge.model_state import check_model_name, checkpoint_path, is_taken, next_free, progress_path
from melodyforge.places import MIDI_DIR, MODELS_DIR
from melodyforge.training.plan import MIN_EPOCHS, ROWS_TO_LEARN, ROWS_TO_TUNE
from melodyforge.workshop.tasks import MAIN, TASKS_DIR, Task, find_task, list_tasks, start_task, tasks_before

PREFIX = "train-"  # of the names of their tasks
QUEUE = "training"  # one at a time: two take more than twice as long, and memory twice
ROWS_PER_SECOND_AND_CORE = 2_500  # notes learnt from by the network of the recipes, on ordinary processors
SECONDS_TO_START = 45  # loading TensorFlow, compiling the network
ENOUGH_BETTER = 0.02  # share by which the nats must lie below those of counting, to say that more was learnt
STILL_FALLING = 0.01  # share by which the nats fell in the last epoch, from which on more training is worth it


def estimated_minutes(num_notes: int, is_further: bool) -> float:
    """About how long a training takes on this machine when nothing ends it sooner.

    Args:
        num_notes: in the dataset.
        is_further: whether it goes on from a model that knows music already.
    """
    rows = max(MIN_EPOCHS * num_notes, ROWS_TO_TUNE if is_further else ROWS_TO_LEARN)
    return SECONDS_TO_START / 60 + rows / (ROWS_PER_SECOND_AND_CORE * (os.cpu_count() or 1)) / 60


@dataclass(frozen=True)
class Training:
    """A training and how far it has come.

    Attributes:
        name: of the model.
        task: the process.
        facts: what `ConsoleWatcher` wrote down; empty before the network is made.
        waits_for: the name of the model that is trained before it; "" when it is at work, or over.
        can_go_on: whether it was stopped and has saved something.
    """

    name: str
    task: Task
    facts: dict[str, Any]
    waits_for: str = ""
    can_go_on: bool = False

    @property
    def state(self) -> str:
        """What it is doing, in a few words."""
        if self.waits_for:
            return f"waits for {self.waits_for}"
        if self.task.is_stopping:
            return "stopping: saves its work first"
        if self.task.is_running:
            return "training"
        if self.task.is_killed:
            return "killed, or out of memory"
        if self.task.is_interrupted:
            return "stopped"
        return "failed" if self.task.error else "done"

    @property
    def history(self) -> list[dict[str, float]]:
        """A row for every epoch."""
        return list(self.facts.get("history", []))

    @property
    def sample(self) -> Path | None:
        """What the network composed after the last epoch."""
        path = Path(self.facts.get("sample", ""))
        return path if path.is_file() else None

    @property
    def verdict(self) -> str:
        """What to think of the model as it is, in a sentence; "" before the first epoch."""
        nats = [row["held_out_nats"] for row in self.history]
        if not nats:
            return ""
        ngram = self.facts.get("baseline", {}).get("best_ngram_nats")
        if ngram is not None and min(nats) >= ngram:
            return "Still undertrained: counting which notes follow each other predicts music it has not heard better."
        if len(nats) == 1:
            return "After one epoch it is too early to say anything."
        if ngram is not None and min(nats) > ngram * (1 - ENOUGH_BETTER):
            return "Still undertrained: it is hardly better than counting which notes follow each other."
        if len(nats) > 1 and nats[-1] == min(nats) and nats[-1] < nats[-2] * (1 - STILL_FALLING):
            return "Still undertrained: it is learning fast. More minutes will make it better."
        if len(nats) - nats.index(min(nats)) > 3:
            return "It has stopped getting better; the best weights are kept. More music would help more than minutes."
        return "It has learnt more than which notes follow each other. Listen to the sample."


def start_training(
    name: str,
    recipe: str | None = None,
    start_from: str | None = None,
    flags: dict[str, Any] | None = None,
    resume: bool = False,
    replace: bool = False,
    midi_dir: Path = MIDI_DIR,
    tasks_dir: Path = TASKS_DIR,
    models_dir: Path = MODELS_DIR,
) -> Task:
    """Starts `melody-forge train` as a process of its own; it waits until those that were started before it are over.

    Args:
        name: of the model.
        recipe: its recipe; None for the usual one, or that of the model that it starts from.
        start_from: a model to train further.
        flags: training settings by name; None leaves one to the recipe.
        resume: go on with a training that was interrupted.
        replace: put it in the place of a model of this name, which is kept until the new one is better.
        midi_dir: the music.
        tasks_dir: where tasks lie.
        models_dir: where the script will put the model.

    Raises:
        SettingsError: no model can have this name.
        ModelFolderError: it is the starter's, or there is a model of this name and `replace` is False.
        TaskError: this model is being trained.
    """
    if check_model_name(name) == STARTER_NAME:
        raise ModelFolderError(f"A model of your own must have a name of its own. Received {name!r}.")
    if folders.is_held(models_dir / name) or _is_known(PREFIX + name, tasks_dir):
        raise TaskError(
            f"{name!r} is being trained, or waits for it. Wait until that has ended, or choose another name."
        )
    if not resume and not replace and is_taken(models_dir / name):
        raise ModelFolderError(
            f"There is a model or a training {name!r} already, and nothing is replaced unasked. "
            "Choose another name, or tick that it is to be replaced."
        )
    command = [MAIN, "train", "--midi-dir", str(midi_dir), "--name", name]
    command += ["--recipe", recipe] if recipe else []
    command += ["--from", start_from] if start_from else []
    command += ["--resume"] if resume else []
    command += ["--replace"] if replace else []
    for flag, value in (flags or {}).items():
        command += [] if value is None else [f"--{flag.replace('_', '-')}", str(value)]
    return start_task(PREFIX + name, command, tasks_dir, QUEUE)


def free_training_name(wanted: str, models_dir: Path = MODELS_DIR, tasks_dir: Path = TASKS_DIR) -> str:
    """The name, or the next that belongs to no model and to no training, also to none that waits."""

    def is_used(place: Path) -> bool:
        return is_taken(place) or _is_known(PREFIX + place.name, tasks_dir)

    return next_free(models_dir / wanted, is_used).name


def _is_known(name: str, tasks_dir: Path) -> bool:
    task = find_task(name, tasks_dir)
    return task is not None and task.is_running


def list_trainings(models_dir: Path = MODELS_DIR, tasks_dir: Path = TASKS_DIR) -> list[Training]:
    """All trainings that are known, the latest first."""
    tasks = [task for task in list_tasks(tasks_dir) if task.name.startswith(PREFIX)]
    return [_described(task, task.name.removeprefix(PREFIX), models_dir) for task in tasks]


def _described(task: Task, name: str, models_dir: Path) -> Training:
    path = progress_path(models_dir / name)
    try:
        is_of_this_run = path.stat().st_mtime >= task.started_at
        facts = json.loads(path.read_text(encoding="utf-8")) if is_of_this_run else {}
    except (OSError, ValueError):
        facts = {}
    before = tasks_before(task) if task.is_running else []
    waits_for = before[0].name.removeprefix(PREFIX) if before else ""
    return Training(name, task, facts, waits_for, task.is_interrupted and checkpoint_path(models_dir / name).is_file())
