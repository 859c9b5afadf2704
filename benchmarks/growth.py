"""How time and memory grow with the work: with the files learnt from, the notes of a piece, the pieces side by side.

    python -m benchmarks.growth --midi-dir DIR [--parts files notes pieces]

The files are made from those in DIR, each of a tune in another key with other notes, so that none is another's copy.
Each size is worked at in a process of its own. Not counted are loading libraries and models, compiling the network, and
a first small piece. Time is that of processors, which other programs on the machine lengthen least.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.measure import RESULTS_DIR, machine, run_alone, write_results
from melodyforge.cli import Parser, run

if TYPE_CHECKING:
    from melodyforge.music.piece import Piece
    from melodyforge.recipe import Recipe
    from melodyforge.training.plan import Plan
    from melodyforge.training.train import Progress

NUM_FILES = (100, 1_000, 10_000)
NUM_NOTES = (500, 5_000, 50_000)
NUM_PIECES = (1, 64, 1_024)
NOTES_EACH = 100
NUM_STEPS = 50
UNITS = 32  # a small network: its own time would hide that of everything else
WINDOW, BATCH_SIZE = 64, 32
SHARE_CHANGED = 0.15  # of the notes of a copy; of runs of eight notes little stays the same
LEAST_SECONDS = 0.01  # that processor time is counted in
NAME = "growth"
WARM_UP_NOTES = 20
SEED = 1


class Cost(NamedTuple):
    """What some work took: processor seconds of all processes, for an amount that they should be in proportion to."""

    amount: int
    seconds: float


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        work: what was done.
        sizes: how much of it, from little to much.
        seconds: of processors, for each size.
        growth: seconds for each further unit between the last two sizes, in times of that between the first two, which
            leaves out what even next to no work takes. Where all sizes are the same work, the last in times of the
            first.
        megabytes: the most that the process held, for each size; once for all work of a process.
    """

    work: str
    sizes: tuple[int, ...]
    seconds: list[float]
    growth: float
    megabytes: list[float]


Measured = tuple[dict[str, Cost], float]  # by kind of work, and the most memory that the process held, in MB


class Clock:
    """Times parts of some work."""

    def __init__(self) -> None:
        self.costs: dict[str, Cost] = {}

    @contextmanager
    def times(self, part: str, amount: int) -> Iterator[None]:
        """Times what happens within."""
        began = processor_seconds()
        yield
        self.costs[part] = Cost(amount, processor_seconds() - began)


def processor_seconds() -> float:
    """Of this process and those that it has waited for."""
    return sum(os.times()[:4])


def main() -> None:
    """Measures everything and reports it."""
    parser = Parser(prog="-m benchmarks.growth", description="How time and memory grow with the work.")
    parser.add_argument("--midi-dir", type=Path, required=True, metavar="DIR", help="tunes to make files from")
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS, help="default: all")
    arguments = parser.parse_args()
    rows = earlier(arguments.midi_dir.name)
    for part in arguments.parts:
        rows |= {row.work: asdict(row) for row in PARTS[part](arguments.midi_dir)}
    print_rows(list(rows.values()))
    conditions = {"midi_dir": arguments.midi_dir.name, "num_steps": NUM_STEPS, "units": UNITS}
    write_results(NAME, {"conditions": conditions, "rows": list(rows.values())})


def earlier(corpus: str) -> dict[str, dict[str, Any]]:
    """The rows of an earlier run with the same files, so that one part can be measured again by itself."""
    path = RESULTS_DIR / f"{NAME}.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"conditions": {"midi_dir": None}}
    return {row["work"]: row for row in kept["rows"]} if kept["conditions"]["midi_dir"] == corpus else {}


def of_files(midi_dir: Path) -> list[Row]:
    """Reading and training, by the number of files."""
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / str(size) for size in NUM_FILES]
        run_alone(make_files, midi_dir, Path(name), NUM_FILES)
        reading = [run_alone(read, folder) for folder in folders]
        training = [run_alone(train, folder) for folder in folders]
    return rows_of(NUM_FILES, reading) + rows_of(NUM_FILES, training)


def of_notes(_: Path) -> list[Row]:
    """Composing one piece, by its number of notes."""
    return rows_of(NUM_NOTES, [run_alone(compose, "composing one piece: notes", size, 1) for size in NUM_NOTES])


def of_pieces(_: Path) -> list[Row]:
    """Composing several pieces side by side, by their number."""
    work = f"composing {NOTES_EACH} notes each: pieces"
    return rows_of(NUM_PIECES, [run_alone(compose, work, NOTES_EACH, size) for size in NUM_PIECES])


PARTS = {"files": of_files, "notes": of_notes, "pieces": of_pieces}


def rows_of(sizes: tuple[int, ...], runs: list[Measured]) -> list[Row]:
    """A line for each kind of work that was done at all sizes."""
    memory = [megabytes for _, megabytes in runs]
    kinds = {work: [costs[work] for costs, _ in runs] for work in runs[0][0]}
    return [
        Row(work, sizes, [cost.seconds for cost in costs], growth_of(costs), memory) for work, costs in kinds.items()
    ]


def growth_of(costs: list[Cost]) -> float:
    """See `Row`."""
    *_, small, middle, large = costs
    if large.amount == small.amount:
        return large.seconds / max(LEAST_SECONDS, small.seconds)
    early, late = (
        (after.seconds - before.seconds) / (after.amount - before.amount)
        for before, after in ((small, middle), (middle, large))
    )
    return late / max(LEAST_SECONDS / large.amount, early)


def print_rows(rows: list[dict[str, Any]]) -> None:
    """Prints the table, in Markdown."""
    seen = machine()
    print(f"\nGrowth, on {seen['num_cores']} cores of {seen['processor']}, {seen['date']}\n")
    print("| work | how much | processor seconds | times linear | MB |\n|---|---|---|---|---|")
    for row in rows:
        how_much, seconds, memory = (
            " / ".join(f"{value:{form}}" for value in row[name])
            for name, form in (("sizes", ","), ("seconds", ".3g"), ("megabytes", ",.0f"))
        )
        print(f"| {row['work']} | {how_much} | {seconds} | {row['growth']:.2f} | {memory} |")


def make_files(midi_dir: Path, folder: Path, sizes: tuple[int, ...]) -> None:
    """Writes as many files as the largest size, and makes a folder of the first of them for each size."""
    from benchmarks.samples import midi_files
    from melodyforge.music.load import load_piece
    from melodyforge.music.midi import write_midi

    tunes = [load_piece(path) for path in midi_files(midi_dir, max(sizes))]
    rng = np.random.default_rng(0)
    for size in sizes:
        (folder / str(size) / "music").mkdir(parents=True)
    for number in range(max(sizes)):
        data = write_midi(changed(tunes[rng.integers(len(tunes))], rng))
        for size in sizes:
            if number < size:
                (folder / str(size) / "music" / f"{number}.mid").write_bytes(data)


def changed(piece: Piece, rng: np.random.Generator) -> Piece:
    """The piece in another key, with some of its notes a third up or down at most."""
    notes = piece.notes.copy()
    is_changed = rng.random(len(notes)) < SHARE_CHANGED
    moves = rng.integers(-5, 7) + is_changed * rng.integers(-4, 5, len(notes))
    notes["pitch"] = np.clip(notes["pitch"] + moves, 0, 127)
    return piece.with_notes(notes)


def read(folder: Path) -> dict[str, Cost]:
    """Makes the dataset."""
    from melodyforge.corpus.prepare import prepare_corpus

    clock, music = Clock(), folder / "music"
    with clock.times("reading files", sum(1 for _ in music.iterdir())):
        prepare_corpus(music, folder / "dataset")
    return clock.costs


def train(folder: Path) -> dict[str, Cost]:
    """Takes a few steps, with all that comes before and after."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from melodyforge.corpus.store import PieceStore
    from melodyforge.evaluation.baseline import best_ngram
    from melodyforge.training.backend import find_machine
    from melodyforge.training.data import num_rows, prepare_data
    from melodyforge.training.plan import make_plan
    from melodyforge.training.train import Training

    clock, store, recipe = Clock(), PieceStore(folder / "dataset"), small_recipe()
    with clock.times("vocabulary and encoding", store.num_notes):
        data = prepare_data(store, recipe)
    with clock.times("n-grams to compare with", store.num_notes):
        best_ngram(data)
    plan = replace(make_plan(data, recipe), epochs=1, steps_per_epoch=NUM_STEPS)
    steps = StepsClock(clock, num_rows(data.held_out))
    training = Training(data, recipe, plan, machine=find_machine(), model_dir=folder / "model", watcher=steps)
    training.run()
    steps.end()
    return clock.costs


class StepsClock:
    """A watcher of a training that times its steps after the first, and the measuring at its end."""

    def __init__(self, clock: Clock, num_held_out: int) -> None:
        self._clock, self._num_held_out = clock, num_held_out
        self._part = ExitStack()

    def planned(self, lines: list[str]) -> None:
        """See `Watcher`."""

    def noticed(self, line: str) -> None:
        """See `Watcher`."""

    def stepped(self, progress: Progress, plan: Plan, nats: float, rows_per_second: float) -> None:
        """Begins with the first step, which compiles the network, and ends with the last."""
        if progress.step == 1:
            self._part.enter_context(self._clock.times(f"{NUM_STEPS - 1} steps of training", 1))
        if progress.step == plan.num_steps:
            self._part.close()

    def epoch_ended(self, row: dict[str, float], is_best: bool, latest_model: Path) -> None:
        """All that is held out is measured next; what compiles was measured before."""
        self._part.enter_context(self._clock.times("validation loss", self._num_held_out))

    def end(self) -> None:
        """When all is done."""
        self._part.close()


def small_recipe() -> Recipe:
    """The default recipe with a small network, and steps of the same size whatever there is to learn from."""
    from melodyforge.recipe import load_recipe

    recipe = load_recipe("forge")
    network = recipe.network.changed(units=UNITS, num_layers=1, head_units=UNITS)
    training = recipe.training.changed(window=WINDOW, batch_size=BATCH_SIZE)
    return recipe.model_copy(update={"network": network, "training": training})


def compose(part: str, num_notes: int, num_pieces: int) -> dict[str, Cost]:
    """One take of each piece by the starter, judged and as MIDI."""
    from melodyforge.compose import load
    from melodyforge.composing.judging import judge
    from melodyforge.composing.takes import draw_takes
    from melodyforge.composing.task import make_task
    from melodyforge.composing.wishes import default_settings
    from melodyforge.music.midi import write_midi

    clock, model = Clock(), load("starter")

    def compose_all(num_notes: int, num_pieces: int) -> None:
        settings = default_settings(model, num_notes=num_notes, num_pieces=num_pieces, seed=SEED, effort="quick")
        task = make_task(model, settings, None)
        for take in draw_takes(task, list(range(num_pieces)), 0):
            judge(task, take)
            write_midi(take.piece)

    compose_all(WARM_UP_NOTES, 1)
    with clock.times(part, num_notes * num_pieces):
        compose_all(num_notes, num_pieces)
    return clock.costs


if __name__ == "__main__":
    raise SystemExit(run(main))
