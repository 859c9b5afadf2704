"""How well a model knows a style after a few files: trained from scratch, and from the starter.

    python -m benchmarks.fine_tuning --midi-dir DIR [--from MODEL] [--sizes 5 15 50] [--minutes M]

For every number of files both sides learn from the same pieces, with their own defaults, until the same time is over
or patience runs out, and are measured on the same other pieces, none of which is a variant of one that was learnt
from. Which epoch is best they judge by themselves, on a part of their few files, as for any user. Nats depend on the
vocabulary; so both use that of the model that is started from, which can say rhythms that the few files lack. Its
music must not be in the folder: the starter has not seen Nottingham, but tunes of the same kind.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.measure import Figure, report, run_alone
from melodyforge.cli import Parser, run
from melodyforge.errors import CorpusError
from melodyforge.files import write_bytes
from melodyforge.places import MODELS_DIR, PROJECT_DIR
from melodyforge.recipe import load_recipe

if TYPE_CHECKING:
    from melodyforge.corpus.store import PieceStore

SIDES = ("scratch", "starter")
SIZES = [5, 15, 50]
NUM_TEST_PIECES = 60
MINUTES = 3.0  # of training, for each side and size
CURVE_PATH = PROJECT_DIR / "docs" / "images" / "fine_tuning.svg"


@dataclass(frozen=True)
class Outcome:
    """What one training came to.

    Attributes:
        nats: a note of the test pieces.
        start_nats: the same before training; of a network that knows nothing, or of the model as it was.
        seconds: of training.
        reason: why it ended.
    """

    nats: float
    start_nats: float
    seconds: float
    reason: str


def main() -> None:
    """Measures both sides at all sizes and reports."""
    parser = Parser(prog="-m benchmarks.fine_tuning", description="From scratch against from a trained model.")
    parser.add_argument("--midi-dir", type=Path, required=True, metavar="DIR", help="music the model has not seen")
    parser.add_argument("--from", dest="start_from", default="starter", metavar="MODEL", help="default: %(default)s")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N", help="numbers of files")
    parser.add_argument("--minutes", type=float, default=MINUTES, metavar="M", help="for each (default: %(default)s)")
    arguments = parser.parse_args()
    from melodyforge.bundle import find_model

    source = find_model(arguments.start_from, MODELS_DIR)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        num_test_pieces, _ = run_alone(split, arguments.midi_dir, folder, arguments.sizes)
        outcomes = {
            size: {side: run_alone(learn, folder, size, source, side, arguments.minutes)[0] for side in SIDES}
            for size in arguments.sizes
        }
    write_bytes(CURVE_PATH, draw(outcomes).encode())
    report(
        "fine_tuning",
        f"Held-out nats a note after at most {arguments.minutes:g} minutes",
        [figure for size, sides in outcomes.items() for figure in figures(size, sides)],
        midi_dir=arguments.midi_dir.name,
        start_from=arguments.start_from,
        num_test_pieces=num_test_pieces,
        outcomes={size: {side: vars(outcome) for side, outcome in sides.items()} for size, sides in outcomes.items()},
    )
    print(f"Wrote {CURVE_PATH}")


def figures(size: int, sides: dict[str, Outcome]) -> list[Figure]:
    """What the table says of one number of files."""
    scratch, starter = sides["scratch"], sides["starter"]
    return [
        Figure(f"{size} files, from scratch", scratch.nats, "nats/note"),
        Figure(f"{size} files, from the model", starter.nats, "nats/note", "less"),
        Figure(f"{size} files, the model as it was", starter.start_nats, "nats/note"),
        Figure(f"{size} files, ratio", starter.nats / scratch.nats, "of scratch", "< 1"),
        Figure(f"{size} files, seconds from scratch", scratch.seconds, "s"),
        Figure(f"{size} files, seconds from the model", starter.seconds, "s"),
    ]


def split(midi_dir: Path, folder: Path, sizes: list[int]) -> int:
    """Writes datasets: `test`, and one named after every size, which holds the smaller ones.

    Returns:
        The number of test pieces.

    Raises:
        CorpusError: the folder holds too little.
    """
    from melodyforge.corpus.prepare import prepare_corpus

    store = prepare_corpus(midi_dir, folder / "all")
    rng = np.random.default_rng(0)
    families = rng.permutation(np.unique(store.families))
    is_test = np.isin(store.families, families[: len(families) // 2])  # variants of a piece stay on one side
    test, train = (rng.permutation(np.flatnonzero(side)) for side in (is_test, ~is_test))
    if len(train) < max(sizes) or len(test) < NUM_TEST_PIECES:
        raise CorpusError(
            f"--midi-dir must hold at least {2 * max(*sizes, NUM_TEST_PIECES)} different pieces. "
            f"Received {len(store)} in {midi_dir}."
        )
    write_part(store, test[:NUM_TEST_PIECES], folder / "test")
    for size in sizes:
        write_part(store, train[:size], folder / str(size))
    return NUM_TEST_PIECES


def write_part(store: PieceStore, numbers: np.ndarray, folder: Path) -> None:
    """Writes some pieces of a dataset as a dataset of their own."""
    from melodyforge.corpus.store import PieceStoreWriter

    writer = PieceStoreWriter(folder)
    for number in numbers.tolist():
        writer.append(store.packed(number))
    writer.finish(store.families[numbers])


def learn(folder: Path, size: int, source: Path, side: str, minutes: float) -> Outcome:
    """Trains on a few pieces as `train_model.py` does, and measures on the test pieces."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from melodyforge.bundle import load_model
    from melodyforge.corpus.store import PieceStore
    from melodyforge.tokens.adapt import adapt_vocabulary
    from melodyforge.training.backend import find_machine
    from melodyforge.training.data import assemble_data, prepare_data
    from melodyforge.training.plan import ROWS_TO_LEARN, ROWS_TO_TUNE, for_tuning, make_plan
    from melodyforge.training.train import Training, Watcher, held_out_nats

    few, test, model = PieceStore(folder / str(size)), PieceStore(folder / "test"), load_model(source)
    recipe = load_recipe("forge").model_copy(
        update={"representation": model.recipe.representation, "network": model.recipe.network}
    )
    recipe = for_tuning(recipe) if side == "starter" else recipe
    recipe = recipe.model_copy(update={"training": recipe.training.changed(minutes=minutes)})
    vocabulary = adapt_vocabulary(model.representation, recipe.representation, [few[i] for i in range(len(few))])
    data = prepare_data(few, recipe, vocabulary)
    asked = assemble_data(test, recipe, np.arange(1), np.arange(len(test)), representation=vocabulary)
    plan = make_plan(data, recipe, rows_to_learn=ROWS_TO_TUNE if side == "starter" else ROWS_TO_LEARN)
    training = Training(
        data, recipe, plan, machine=find_machine(), model_dir=folder / f"{side}-{size}", watcher=Watcher()
    )
    if side == "starter":
        training.start_from(source)
    before = sum(held_out_nats(training.learner, asked, plan.batch_size).values())
    result = training.run()
    after = sum(held_out_nats(training.learner, asked, plan.batch_size).values())
    return Outcome(after, before, training.progress.seconds, result.reason)


def draw(outcomes: dict[int, dict[str, Outcome]]) -> str:
    """A picture of nats against files, as SVG."""
    sizes, nats = list(outcomes), [outcome.nats for sides in outcomes.values() for outcome in sides.values()]
    low, high = min(nats), max(nats)

    def place(index: int, value: float) -> tuple[float, float]:
        return 90 + 420 * index / max(1, len(sizes) - 1), 40 + 200 * (high - value) / max(1e-9, high - low)

    parts = ['<rect width="100%" height="100%" fill="white"/>']
    for side, label, color in (("scratch", "from scratch", "#888"), ("starter", "from the starter", "#c2410c")):
        points = [
            (*place(index, outcomes[size][side].nats), outcomes[size][side].nats) for index, size in enumerate(sizes)
        ]
        line = " ".join(f"{x:.0f},{y:.0f}" for x, y, _ in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2.5"/>')
        parts += [f'<text x="{x:.0f}" y="{y - 8:.0f}" fill="{color}">{value:.2f}</text>' for x, y, value in points]
        parts.append(f'<text x="{points[-1][0] + 14:.0f}" y="{points[-1][1] + 13:.0f}" fill="{color}">{label}</text>')
    parts += [f'<text x="{place(index, low)[0]:.0f}" y="275">{size} files</text>' for index, size in enumerate(sizes)]
    parts.append('<text x="10" y="20">validation loss, nats per note; lower is better</text>')
    frame = 'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 660 290" font-family="sans-serif" font-size="14"'
    return f"<svg {frame}>\n" + "\n".join(parts) + "\n</svg>\n"


if __name__ == "__main__":
    raise SystemExit(run(main))
