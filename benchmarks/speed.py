"""How fast Melody Forge reads, trains and composes, each beside the usual way on the same machine in the same run.

    python -m benchmarks.speed [--midi-dir DIR]

Only ratios are worth quoting; the targets hold for them. Memory is measured in processes of their own.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from benchmarks.measure import Figure, median_seconds, report, run_alone
from benchmarks.samples import midi_files
from melodyforge.cli import Parser, run

NUM_READ_FILES = 20  # music21 takes a second for about 15
UNITS, NUM_LAYERS = 256, 3  # the network of the `classic` and `forge` recipes
MATRIX_SIZE = 2048


def reading(files: list[Path]) -> list[Figure]:
    """Reading and encoding against reading alone with music21, one core each."""
    from music21 import converter

    from melodyforge.music.midi import read_midi
    from melodyforge.settings import RepresentationSettings
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
    """Arithmetic per second of a training step of the 3 x 256 LSTM against a plain matrix product."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    lstm = _lstm_flop(batch_size, window) / _training_step_seconds(batch_size, window)
    matrix = 2 * MATRIX_SIZE**3 / _matrix_product_seconds()
    label = f"training, {batch_size} windows of {window}"
    return [
        Figure(label, lstm / 1e9, "GFLOP/s"),
        Figure("plain fp32 matrix product", matrix / 1e9, "GFLOP/s"),
        Figure(f"{label}: share of the product", lstm / matrix, "", ">= 0.85"),
    ]


def _lstm_flop(batch_size: int, window: int) -> float:
    """Multiplications and additions of one step: forward, and twice as much backward."""
    forward_per_row = NUM_LAYERS * 2 * (UNITS + UNITS) * 4 * UNITS
    return 3 * forward_per_row * batch_size * window


def _training_step_seconds(batch_size: int, window: int) -> float:
    import keras
    import numpy as np

    inputs = keras.Input((window, UNITS))
    hidden = inputs
    for _ in range(NUM_LAYERS):
        hidden = keras.layers.Dropout(0.3)(keras.layers.LSTM(UNITS, return_sequences=True)(hidden))
    model = keras.Model(inputs, hidden)
    model.compile(optimizer="adam", loss="mse", jit_compile=True)
    rng = np.random.default_rng(0)
    batch = rng.standard_normal((batch_size, window, UNITS)).astype(np.float32)
    return median_seconds(lambda: model.train_on_batch(batch, batch))


def _matrix_product_seconds() -> float:
    import tensorflow as tf

    matrix = tf.random.normal((MATRIX_SIZE, MATRIX_SIZE))
    product = tf.function(tf.matmul)
    return median_seconds(lambda: product(matrix, matrix).numpy())
