"""How fast Melody Forge reads, trains and composes, each beside the usual way on the same machine in the same run.

    python -m benchmarks.speed [--midi-dir DIR]

Only ratios are worth quoting; the targets hold for them. Memory is measured in processes of their own.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.measure import Figure, median_seconds, report, run_alone, run_command
from benchmarks.samples import midi_files
from melodyforge.cli import Parser, run
from melodyforge.places import PROJECT_DIR
from melodyforge.recipe import Recipe
from melodyforge.settings import NetworkSettings, RepresentationSettings, SamplingSettings

if TYPE_CHECKING:
    import keras

    from melodyforge.decoding.network import DecodingNetwork
    from melodyforge.tokens.representation import Representation

NUM_FILES = 20  # music21 reads about 15 a second
UNITS, NUM_LAYERS = 256, 3  # the network of the `classic` and `forge` recipes
TRAINING_SHAPES = ((64, 50), (32, 128))  # windows at once, length of each: the tutorial's, and ours
MATRIX_SIZE = 2048
PREDICT_WINDOW = 50  # events that `model.predict` is shown for each note
PREDICTED_NOTES = 50  # enough for a mean; the time per note is steady
COMPOSED_NOTES = 500
LONG_NOTES = 10_000
PIECES_AT_ONCE = 64
SEED = "2"  # whose first take is kept: takes that are drawn again are no matter of speed


def main() -> None:
    """Measures everything and reports it."""
    parser = Parser(prog="-m benchmarks.speed", description=__doc__)
    parser.add_argument("--midi-dir", type=Path, metavar="DIR", help="files to read (default: fiddle tunes of music21)")
    arguments = parser.parse_args()
    figures = starting()  # first, while this process is small
    files = midi_files(arguments.midi_dir, NUM_FILES)
    figures += run_alone(reading, files)[0]
    for shape in TRAINING_SHAPES:
        figures += run_alone(training, *shape)[0]
    figures += run_alone(composing, files)[0]
    figures += run_alone(composing_at_length, files)[0]
    report("speed", "Speed", figures, num_files=len(files), units=UNITS, num_layers=NUM_LAYERS)


def starting() -> list[Figure]:
    """Whole processes from a cold start."""
    figures = []
    for script in sorted(PROJECT_DIR.glob("*.py")):
        if script.name != "app.py":
            seconds = median_seconds(partial(run_command, str(script), "--help"))
            figures.append(Figure(f"{script.name} --help", seconds, "s"))
    with tempfile.TemporaryDirectory() as folder:
        options = (
            str(PROJECT_DIR / "generate_music.py"),
            "--num-notes",
            str(COMPOSED_NOTES),
            "--seed",
            SEED,
            "--output",
            f"{folder}/piece.mid",
        )
        run_command(*options)  # fills the cache of compiled Python
        whole = run_command(*options)
        imports = run_command("-X", "importtime", *options).output
    return [
        *figures,
        Figure(f"generate_music.py, {COMPOSED_NOTES} notes", whole.seconds, "s", "<= 1.5"),
        Figure("its memory", whole.peak_mb, "MB", "<= 250"),
        Figure("its imports of TensorFlow", "tensorflow" in imports, "", "0"),
    ]


def reading(files: list[Path]) -> list[Figure]:
    """Reading and encoding against reading alone with music21, one core each."""
    from music21 import converter

    from melodyforge.music.midi import read_midi
    from melodyforge.tokens.notes import NotesRepresentation

    contents = [(path.read_bytes(), path.name) for path in files]
    pieces = [read_midi(data, name)[0] for data, name in contents]
    representation = NotesRepresentation.fit(RepresentationSettings(), pieces)
    num_notes = sum(map(len, pieces))
    ours = median_seconds(lambda: [representation.encode(read_midi(data, name)[0]) for data, name in contents])
    start = time.perf_counter()
    for path in files:
        converter.parse(path, forceSource=True)  # not from music21's cache of parsed files
    usual = time.perf_counter() - start
    return [
        Figure("reading and encoding", num_notes / ours, "notes/s"),
        Figure("reading alone, music21", num_notes / usual, "notes/s"),
        Figure("reading: times as fast", usual / ours, "x", ">= 100"),
    ]


def training(batch_size: int, window: int) -> list[Figure]:
    """Arithmetic per second of a training step of the 3 x 256 LSTM against plain matrix products.

    Two libraries multiply matrices in the same process: NumPy's OpenBLAS, and TensorFlow's oneDNN, which knows more of
    the newest processors' instructions than the compiler of the training step (XLA) does.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from melodyforge.networks.fast_lstm import FastLSTM

    flop = _lstm_flop(batch_size, window)
    lstm = flop / _training_step_seconds(batch_size, window, FastLSTM)
    keras_lstm = flop / _training_step_seconds(batch_size, window, _keras_lstm)
    blas, onednn = (2 * MATRIX_SIZE**3 / seconds for seconds in _matrix_product_seconds())
    label = f"training, {batch_size} windows of {window}"
    return [
        Figure(label, lstm / 1e9, "GFLOP/s"),
        Figure(f"{label}: times as fast as Keras' LSTM", lstm / keras_lstm, "x"),
        Figure("plain fp32 matrix product, NumPy", blas / 1e9, "GFLOP/s"),
        Figure(f"{label}: share of NumPy's product", lstm / blas, "", ">= 0.85"),
        Figure("plain fp32 matrix product, TensorFlow", onednn / 1e9, "GFLOP/s"),
        Figure(f"{label}: share of TensorFlow's product", lstm / onednn, "", ">= 0.85"),
    ]


def _keras_lstm(units: int) -> Any:
    import keras

    return keras.layers.LSTM(units, return_sequences=True)


def _lstm_flop(batch_size: int, window: int) -> float:
    """Multiplications and additions of one step: forward, and twice as much backward."""
    forward_per_row = NUM_LAYERS * 2 * (UNITS + UNITS) * 4 * UNITS
    return 3 * forward_per_row * batch_size * window


def _training_step_seconds(batch_size: int, window: int, layer: Callable[[int], Any]) -> float:
    import keras

    inputs = keras.Input((window, UNITS))
    hidden = inputs
    for _ in range(NUM_LAYERS):
        hidden = keras.layers.Dropout(0.3)(layer(UNITS)(hidden))
    model = keras.Model(inputs, hidden)
    model.compile(optimizer="adam", loss="mse", jit_compile=True)
    rng = np.random.default_rng(0)
    batch = rng.standard_normal((batch_size, window, UNITS)).astype(np.float32)
    return median_seconds(lambda: model.train_on_batch(batch, batch))


def _matrix_product_seconds() -> tuple[float, float]:
    """Of NumPy and of TensorFlow."""
    import tensorflow as tf

    array = np.random.default_rng(0).standard_normal((MATRIX_SIZE, MATRIX_SIZE)).astype(np.float32)
    matrix, product = tf.constant(array), tf.function(tf.matmul)
    return median_seconds(lambda: array @ array), median_seconds(lambda: product(matrix, matrix).numpy())


def composing(files: list[Path]) -> list[Figure]:
    """The NumPy form of the `classic` network against `model.predict` for every note, on the same weights."""
    representation, model, network = _network(files, RepresentationSettings(kind="events"))
    usual = _predict_seconds_per_note(model)
    alone = _seconds_per_note(network, representation, 1, COMPOSED_NOTES)
    together = _seconds_per_note(network, representation, PIECES_AT_ONCE, COMPOSED_NOTES)
    return [
        Figure("composing with model.predict", 1 / usual, "notes/s"),
        Figure("composing one piece", 1 / alone, "notes/s"),
        Figure("composing one piece: times as fast", usual / alone, "x", ">= 200"),
        Figure(f"composing {PIECES_AT_ONCE} pieces at once", 1 / together, "notes/s"),
        Figure(f"composing {PIECES_AT_ONCE} pieces: times as fast", usual / together, "x", ">= 1,000"),
    ]


def composing_at_length(files: list[Path]) -> list[Figure]:
    """The time per note of the `forge` network in long pieces against short ones."""
    representation, _, network = _network(files, RepresentationSettings(), head_units=UNITS)
    short = _seconds_per_note(network, representation, 1, COMPOSED_NOTES)
    long = _seconds_per_note(network, representation, 1, LONG_NOTES, repeats=1)
    return [
        Figure("composing with the forge network", 1 / short, "notes/s"),
        Figure(f"time per note at {LONG_NOTES:,} notes, of that at {COMPOSED_NOTES}", long / short, "x", "<= 1.1"),
    ]


def _network(
    files: list[Path], representation_settings: RepresentationSettings, head_units: int = 0
) -> tuple[Representation, keras.Model, DecodingNetwork]:
    """An untrained network, which is as fast as a trained one, in Keras and in NumPy."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from melodyforge.bundle import WEIGHTS_FILE, read_network
    from melodyforge.music.midi import read_midi
    from melodyforge.networks import build_network
    from melodyforge.tokens import representation_class

    pieces = [read_midi(path.read_bytes(), path.name)[0] for path in files]
    representation = representation_class(representation_settings).fit(representation_settings, pieces)
    settings = NetworkSettings(units=UNITS, num_layers=NUM_LAYERS, head_units=head_units)
    recipe = Recipe(representation=representation_settings, network=settings)
    model = build_network(representation, settings)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / WEIGHTS_FILE
        model.save_weights(path)
        network = read_network(path.read_bytes(), representation, recipe)
    return representation, model, network


def _predict_seconds_per_note(model: keras.Model) -> float:
    """As tutorials compose: the last events go through the whole network for each new one."""
    rng = np.random.default_rng(0)
    events = [0] * PREDICT_WINDOW

    def compose() -> None:
        for _ in range(PREDICTED_NOTES):
            window = np.array(events[-PREDICT_WINDOW:])[None]
            logits = model.predict({"event": window}, verbose=0)["event"][0, -1].astype(np.float64)
            shares = np.exp(logits - logits.max())
            events.append(int(rng.choice(len(shares), p=shares / shares.sum())))

    return median_seconds(compose, repeats=3) / PREDICTED_NOTES


def _seconds_per_note(
    network: DecodingNetwork, representation: Representation, num_pieces: int, num_notes: int, repeats: int = 5
) -> float:
    from melodyforge.decoding.ending import Length
    from melodyforge.decoding.generate import Generation

    def compose() -> None:
        rngs = [np.random.default_rng(seed) for seed in range(num_pieces)]
        headings = [representation.headings[0]] * num_pieces
        with threadpool_limits(1):  # as `compose` does
            for _ in Generation(network, representation, headings, SamplingSettings(), Length(num_notes, True), rngs):
                pass

    return median_seconds(compose, repeats) / (num_notes * num_pieces)


if __name__ == "__main__":
    raise SystemExit(run(main))
