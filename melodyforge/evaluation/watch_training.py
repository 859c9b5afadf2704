"""Shows a training on the terminal, and lets it be heard: a short piece after every epoch.

Knows trainings and compositions. Does not know how a network is trained.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from melodyforge.bundle import load_model
from melodyforge.compose import compose
from melodyforge.composing.wishes import default_settings
from melodyforge.evaluation.ear import Ear
from melodyforge.files import write_bytes
from melodyforge.places import OUTPUT_DIR
from melodyforge.training.plan import Plan
from melodyforge.training.train import Progress, Watcher

SAMPLE_NOTES = 150
SECONDS_BETWEEN_WRITES = 1.0  # of where the training stands
SECONDS_BETWEEN_LINES = 20.0  # where there is no terminal to draw a bar on
STEPS_TO_TIME = 5  # after which the speed is known well enough to estimate the minutes


class ConsoleWatcher(Watcher):
    """A progress bar with nats, rate and time left; a line and a sample after every epoch.

    Args:
        name: of the model; samples are named after it.
        samples_dir: where samples go.
        progress_file: where it is written down, as JSON, how far the training has come; nowhere when None.
        on_step: called after each step; from the first on there is something to save.
        ear: listens to compositions after epochs; nobody does when None.
    """

    def __init__(
        self,
        name: str,
        samples_dir: Path = OUTPUT_DIR / "samples",
        progress_file: Path | None = None,
        on_step: Callable[[], None] | None = None,
        ear: Ear | None = None,
    ) -> None:
        from rich.console import Console

        self._name, self._samples_dir, self._progress_file = name, samples_dir, progress_file
        self._on_step, self._ear = on_step, ear
        self._facts: dict[str, Any] = {}
        self._written = 0.0
        self._console = Console(highlight=False, soft_wrap=True)
        self._bar: Any = None
        self._task: Any = None
        self._last_line = time.monotonic()
        self._held_out = ""
        self._first_step: int | None = None

    def __enter__(self) -> Self:
        if self._progress_file:
            self._progress_file.unlink(missing_ok=True)  # an earlier training's progress is not this one's
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def planned(self, lines: list[str]) -> None:
        """Prints the plan."""
        self._write(plan=lines)
        for line in lines:
            self._console.print(line)
        self._console.print("Compiling the network, up to half a minute ...")

    def noticed(self, line: str) -> None:
        """Prints it."""
        self._console.print(line)

    def stepped(self, progress: Progress, plan: Plan, nats: float, rows_per_second: float) -> None:
        """Moves the bar, or prints a line now and then."""
        if self._first_step is None:
            self._first_step = progress.step
        if self._on_step:
            self._on_step()
        minutes_left = progress.seconds_left(plan) / 60
        if progress.step - self._first_step == STEPS_TO_TIME:
            self._console.print(
                f"About {minutes_left:.1f} minutes at {rows_per_second:,.0f} notes/s, less if it learns fast."
            )
        epoch = -(-progress.step // plan.steps_per_epoch)
        speed = ""  # of the first steps, that of compiling
        if progress.step - self._first_step >= STEPS_TO_TIME:
            self._facts |= {"share": progress.share(plan), "minutes_left": minutes_left}
            speed = f"  {rows_per_second:,.0f} notes/s  {minutes_left:.1f} min left"
        if time.monotonic() - self._written > SECONDS_BETWEEN_WRITES:
            self._write(
                epoch=epoch,
                epochs=plan.epochs,
                rows_per_second=rows_per_second,
                history=progress.history,
                baseline=progress.baseline,
            )
        text = f"epoch {epoch}/{plan.epochs}  training loss {nats:.3f}{self._held_out}{speed}"
        if self._console.is_terminal:
            self._move_bar(progress, plan, text)
        elif time.monotonic() - self._last_line > SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            self._console.print(f"step {progress.step}/{plan.num_steps}  {text}")

    def epoch_ended(self, row: dict[str, float], is_best: bool, latest_model: Path) -> None:
        """Prints what was measured and composes a sample with the weights of now."""
        self._held_out = f"  validation loss {row['held_out_nats']:.3f}"
        path = self._samples_dir / f"{self._name}-epoch-{row['epoch']:03d}.mid"
        model = load_model(latest_model)
        compose(model, default_settings(model, num_notes=SAMPLE_NOTES, seed=0))[0].save(path)
        told = self._ear.listen(model) if self._ear else None
        heard = f"; told from real music: {told:.2f} (0.5: not at all, 1: always)" if told is not None else ""
        self._write(sample=str(path), history=[*self._facts.get("history", [])[: row["epoch"] - 1], row])
        self._console.print(
            f"epoch {row['epoch']}: training loss {row['train_nats']:.3f}, validation loss {row['held_out_nats']:.3f} "
            "nats per note"
            f"{' (best so far)' if is_best else ''}{heard}; sample {path}"
        )

    def _write(self, **facts: Any) -> None:
        self._facts |= facts
        self._written = time.monotonic()
        if self._progress_file:
            write_bytes(self._progress_file, json.dumps(self._facts).encode())

    def _move_bar(self, progress: Progress, plan: Plan, text: str) -> None:
        if self._bar is None:
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(BarColumn(), TextColumn("{task.description}"), console=self._console, transient=True)
            self._task = self._bar.add_task("", total=plan.num_steps)
            self._bar.start()
        self._bar.update(self._task, completed=progress.share(plan) * plan.num_steps, description=text)
