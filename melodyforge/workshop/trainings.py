"""Trainings as the web app shows them: started as processes, watched by what they write down. Loads no TensorFlow."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from melodyforge.bundle import STARTER_NAME
from melodyforge.errors import ModelFolderError
from melodyforge.model_state import progress_path
from melodyforge.settings import MIDI_DIR, MODELS_DIR, check_model_name
from melodyforge.training.plan import MIN_EPOCHS, ROWS_TO_LEARN, ROWS_TO_TUNE
from melodyforge.workshop.tasks import TASKS_DIR, Task, list_tasks, start_task

PREFIX = "train-"  # of the names of their tasks
ROWS_PER_SECOND_AND_CORE = 2_500  # notes learnt from by the network of the recipes, on ordinary processors
SECONDS_TO_START = 45  # loading TensorFlow, compiling the network
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
    """

    name: str
    task: Task
    facts: dict[str, Any]

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
    midi_dir: Path = MIDI_DIR,
    tasks_dir: Path = TASKS_DIR,
) -> Task:
    """Starts `train_model.py` as a process of its own.

    Args:
        name: of the model.
        recipe: its recipe; None for the usual one, or that of the model that it starts from.
        start_from: a model to train further.
        flags: training settings by name; None leaves one to the recipe.
        resume: go on with a training that was interrupted.
        midi_dir: the music.
        tasks_dir: where tasks lie.

    Raises:
        SettingsError: no model can have this name.
        ModelFolderError: it is the starter's.
        TaskError: this model is being trained.
    """
    if check_model_name(name) == STARTER_NAME:
        raise ModelFolderError(f"A model of your own must have a name of its own. Received {name!r}.")
    command = ["train_model.py", "--midi-dir", str(midi_dir), "--name", name]
    command += ["--recipe", recipe] if recipe else []
    command += ["--from", start_from] if start_from else []
    command += ["--resume"] if resume else []
    for flag, value in (flags or {}).items():
        command += [] if value is None else [f"--{flag.replace('_', '-')}", str(value)]
    return start_task(PREFIX + name, command, tasks_dir)


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
    return Training(name, task, facts)
