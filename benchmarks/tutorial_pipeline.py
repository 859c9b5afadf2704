"""The pipeline of the usual music LSTM tutorial, rebuilt as its users run it, to be measured against.

Music21 reads every file. Each onset is a token. Token ids, scaled to 0..1, are the network's one input number. All
overlapping windows of 50 tokens are training examples with one target each, the token that follows. The network is
3 x LSTM(256) with dropout 0.3 and a softmax, trained by Adam in batches of 64. Composing calls `model.predict` for
every note and takes the likeliest. A library for the benchmarks; knows nothing of Melody Forge.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

WINDOW = 50  # tokens
BATCH_SIZE = 64
UNITS = 256
NUM_LAYERS = 3
DROPOUT = 0.3
BATCHES_PER_FIT = 25  # so that the learning curve has points inside an epoch


def read_tokens(files: Iterable[Path]) -> list[list[str]]:
    """The tokens of every file: `C#4` for a note, `60.64.67` for notes that start together."""
    return [_tokens_of(path) for path in files]


def _tokens_of(path: Path) -> list[str]:
    from music21 import converter

    starting: defaultdict[float | Fraction, set[tuple[int, str]]] = defaultdict(set)
    score = converter.parse(path, forceSource=True)  # not from music21's cache of a run before
    for element in score.flatten().notes:
        starting[element.offset].update((pitch.midi, pitch.nameWithOctave) for pitch in element.pitches)
    return [_token(sorted(starting[onset])) for onset in sorted(starting)]


def _token(pitches: list[tuple[int, str]]) -> str:
    if len(pitches) == 1:
        return pitches[0][1]
    return ".".join(str(number) for number, _ in pitches)


def build_model(vocabulary_size: int) -> keras.Model:
    """The tutorial's network: (batch, WINDOW, 1) scaled ids -> (batch, vocabulary_size) probabilities."""
    import keras

    model = keras.Sequential([keras.Input((WINDOW, 1))])
    for layer in range(1, NUM_LAYERS + 1):
        model.add(keras.layers.LSTM(UNITS, return_sequences=layer < NUM_LAYERS))
        model.add(keras.layers.Dropout(DROPOUT))
    model.add(keras.layers.Dense(vocabulary_size, activation="softmax"))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    return model


def make_windows(sequences: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """All windows of all sequences of ids, none across two.

    Returns:
        Windows, shape (num_windows, WINDOW), and the id after each, shape (num_windows,).
    """
    views = [np.lib.stride_tricks.sliding_window_view(ids, WINDOW + 1) for ids in sequences if len(ids) > WINDOW]
    windows = np.concatenate(views) if views else np.zeros((0, WINDOW + 1), int)
    return windows[:, :WINDOW], windows[:, WINDOW]


def train(
    model: keras.Model,
    training: tuple[np.ndarray, np.ndarray],
    held_out: tuple[np.ndarray, np.ndarray],
    seconds: float,
    seed: int = 0,
) -> Iterator[tuple[float, float]]:
    """Trains until the time is used up; measuring does not count as training.

    Args:
        model: of `build_model`.
        training: windows and targets of `make_windows`.
        held_out: the same, of pieces that are not trained on.
        seconds: training time.
        seed: of the order of the windows.

    Yields:
        Seconds of training so far and nats per held-out token, about 20 times and at the end.
    """
    spent, due = 0.0, seconds / 20
    for windows, targets in _blocks(*training, np.random.default_rng(seed)):
        start = time.perf_counter()
        model.fit(_scaled(windows, model), targets, batch_size=BATCH_SIZE, verbose=0)
        spent += time.perf_counter() - start
        if spent >= due:
            due = min(spent + seconds / 20, seconds)
            yield spent, held_out_nats(model, held_out)
        if spent >= seconds:
            return


def held_out_nats(model: keras.Model, held_out: tuple[np.ndarray, np.ndarray]) -> float:
    """Mean nats per token."""
    windows, targets = held_out
    return float(model.evaluate(_scaled(windows, model), targets, batch_size=256, verbose=0))


def compose(model: keras.Model, primer: np.ndarray, num_notes: int) -> np.ndarray:
    """The primer's last WINDOW ids continued by `num_notes` ids, which alone are returned."""
    ids = list(primer[-WINDOW:])
    for _ in range(num_notes):
        window = np.array(ids[-WINDOW:])[None]
        ids.append(int(np.argmax(model.predict(_scaled(window, model), verbose=0))))
    return np.array(ids[-num_notes:])


def _blocks(
    windows: np.ndarray, targets: np.ndarray, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Epoch after epoch in a new order, cut into pieces of BATCHES_PER_FIT batches."""
    size = BATCH_SIZE * BATCHES_PER_FIT
    while True:
        order = rng.permutation(len(windows))
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            yield windows[chosen], targets[chosen]


def _scaled(windows: np.ndarray, model: keras.Model) -> np.ndarray:
    vocabulary_size = model.output_shape[-1]
    return (windows[..., None] / vocabulary_size).astype(np.float32)
