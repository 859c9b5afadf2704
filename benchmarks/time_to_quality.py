"""How soon Melody Forge predicts held-out music as well as the usual tutorial pipeline ever does.

    python -m benchmarks.time_to_quality [--midi-dir DIR] [--num-files N] [--minutes M]

Same files, same split by piece, same tokens, same training time, one after the other on the same machine. Tokens are
those of the recipe `classic` with fixed rhythm: each onset one token, without a duration. Both are measured on the
same held-out tokens, those that have a tutorial's window of 50 before them, in nats per token; for both the best
measurement counts. Measuring is left out of the tutorial's training time, but not out of ours.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import tutorial_pipeline
from benchmarks.measure import Figure, report, run_alone
from benchmarks.samples import midi_files
from melodyforge.cli import Parser, run
from melodyforge.recipe import Recipe, load_recipe
from melodyforge.settings import ComposeSettings

NUM_FILES = 140
MINUTES = 10.0  # of training, for each side
COMPOSED_NOTES = 500

Curve = list[tuple[float, float]]  # seconds of training, held-out nats per token


@dataclass(frozen=True)
class Music:
    """The ids of every piece, as both sides see them, and where they come from."""

    train: list[np.ndarray]
    held_out: list[np.ndarray]
    vocabulary_size: int
    seconds_to_read: float


@dataclass(frozen=True)
class Side:
    """What was measured of one pipeline."""

    curve: Curve
    seconds_to_read: float
    seconds_to_compose: float = 0.0

    @property
    def best_nats(self) -> float:
        """The lowest of the curve."""
        return min(nats for _, nats in self.curve)

    def seconds_to(self, nats: float) -> float:
        """When the curve first comes down to `nats`; infinite if it never does."""
        return next((seconds for seconds, value in self.curve if value <= nats), float("inf"))


def main() -> None:
    """Runs both sides and reports."""
    parser = Parser(prog="-m benchmarks.time_to_quality", description=__doc__)
    parser.add_argument("--midi-dir", type=Path, metavar="DIR", help="music (default: fiddle tunes of music21)")
    parser.add_argument("--num-files", type=int, default=NUM_FILES, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--minutes", type=float, default=MINUTES, metavar="M", help="for each side (default: %(default)s)"
    )
    arguments = parser.parse_args()
    files = midi_files(arguments.midi_dir, arguments.num_files)
    recipe = load_recipe("classic")
    recipe = recipe.changed(
        representation=recipe.representation.changed(rhythm="fixed").model_dump(),
        training=recipe.training.changed(minutes=arguments.minutes).model_dump(),
    )
    with tempfile.TemporaryDirectory() as folder:
        music, _ = run_alone(read, files, recipe, Path(folder))
        ours, our_peak = run_alone(forge, music, recipe, Path(folder))
        seconds_to_compose, _ = run_alone(compose_with_forge, Path(folder) / "model")  # without Keras, as users do
    theirs, their_peak = run_alone(tutorial, files, music, 60 * arguments.minutes)
    figures = compare(replace(ours, seconds_to_compose=seconds_to_compose), theirs)
    figures += [Figure("peak memory, ours", our_peak, "MB"), Figure("peak memory, tutorial", their_peak, "MB")]
    report(
        "time_to_quality",
        f"Time to quality, {arguments.minutes:g} minutes of training each",
        figures,
        num_files=len(files),
        num_train_tokens=sum(map(len, music.train)),
        num_held_out_tokens=sum(map(len, music.held_out)),
        vocabulary_size=music.vocabulary_size,
        recipe=recipe.model_dump(),
        curves={"ours": ours.curve, "tutorial": theirs.curve},
    )


def compare(ours: Side, theirs: Side) -> list[Figure]:
    """The figures of both, side by side."""
    return [
        Figure("reading all files, ours", ours.seconds_to_read, "s"),
        Figure("reading all files, tutorial", theirs.seconds_to_read, "s"),
        Figure("best held-out nats, ours", ours.best_nats, "nats/token"),
        Figure("best held-out nats, tutorial", theirs.best_nats, "nats/token"),
        Figure("training until the tutorial's best, ours", ours.seconds_to(theirs.best_nats), "s"),
        Figure("training until the tutorial's best, tutorial", theirs.seconds_to(theirs.best_nats), "s"),
        Figure(f"composing {COMPOSED_NOTES} notes, ours", ours.seconds_to_compose, "s"),
        Figure(f"composing {COMPOSED_NOTES} notes, tutorial", theirs.seconds_to_compose, "s"),
    ]


def read(files: list[Path], recipe: Recipe, folder: Path) -> Music:
    """Makes a dataset of the files, as `preprocess.py` does, and splits and encodes it."""
    from melodyforge.corpus.prepare import prepare_corpus
    from melodyforge.training.data import prepare_data

    midi_dir = folder / "midi"
    midi_dir.mkdir()
    for path in files:
        shutil.copy(path, midi_dir)
    start = time.perf_counter()
    store = prepare_corpus(midi_dir, folder / "dataset")
    seconds = time.perf_counter() - start
    data = prepare_data(store, recipe)
    train, held_out = (
        [data.rows[piece].astype(int) for piece in part["piece"]] for part in (data.train, data.held_out)
    )
    return Music(train, held_out, data.representation.heads[0].size, seconds)


def tutorial(files: list[Path], music: Music, seconds: float) -> Side:
    """The tutorial pipeline; reads every file as its users do, then trains on the shared ids."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    start = time.perf_counter()
    tutorial_pipeline.read_tokens(files)
    seconds_to_read = time.perf_counter() - start
    keras.utils.set_random_seed(0)
    model = tutorial_pipeline.build_model(music.vocabulary_size)
    train, held_out = tutorial_pipeline.make_windows(music.train), tutorial_pipeline.make_windows(music.held_out)
    curve = list(tutorial_pipeline.train(model, train, held_out, seconds))
    start = time.perf_counter()
    tutorial_pipeline.compose(model, train[0][0], COMPOSED_NOTES)
    return Side(curve, seconds_to_read, time.perf_counter() - start)


def forge(music: Music, recipe: Recipe, folder: Path) -> Side:
    """Melody Forge on the dataset that `read` has made."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from melodyforge.bundle import WEIGHTS_FILE, load_model
    from melodyforge.corpus.store import PieceStore
    from melodyforge.training.train import Watcher, train_model

    class Snapshots(Watcher):
        """Keeps the weights of every epoch, to be measured once the clock has stopped."""

        def __init__(self) -> None:
            self.taken: list[tuple[float, Path]] = []

        def epoch_ended(self, row: dict[str, float], is_best: bool, latest_model: Path) -> None:
            path = folder / f"{len(self.taken)}.weights.h5"
            shutil.copy(latest_model / WEIGHTS_FILE, path)
            self.taken.append((row["seconds"], path))

    snapshots = Snapshots()
    train_model(PieceStore(folder / "dataset"), recipe, folder / "model", snapshots)
    representation = load_model(folder / "model").representation
    curve = _measure(snapshots.taken, representation, recipe, music.held_out)
    return Side(curve, music.seconds_to_read)


def compose_with_forge(model_dir: Path) -> float:
    """Seconds to load a model and compose."""
    from melodyforge.bundle import load_model
    from melodyforge.compose import compose

    start = time.perf_counter()
    compose(load_model(model_dir), ComposeSettings(num_notes=COMPOSED_NOTES, seed=0))
    return time.perf_counter() - start


def _measure(
    snapshots: list[tuple[float, Path]], representation: Any, recipe: Recipe, held_out: list[np.ndarray]
) -> Curve:
    """Held-out nats of every snapshot, on the tokens that the tutorial pipeline is measured on."""
    from melodyforge.networks import build_learner, build_network

    network = build_network(representation, recipe.network)
    learner = build_learner(network, representation)
    length = max(map(len, held_out))
    windows = [representation.window(rows.astype(np.int32), 0, length) for rows in held_out]
    batch = {name: np.stack([window[name] for window in windows]) for name in windows[0]}
    index = np.arange(length)
    asked = np.array([(index >= tutorial_pipeline.WINDOW) & (index < len(rows)) for rows in held_out])
    curve = []
    for seconds, path in snapshots:
        network.load_weights(path)
        nats = learner.predict(batch, batch_size=16, verbose=0)[..., 0]
        curve.append((seconds, float(nats[asked].mean())))
    return curve


if __name__ == "__main__":
    raise SystemExit(run(main))
