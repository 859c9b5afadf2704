"""Whether an adversary helps a trained `forge`: it learns on with a discriminator, and for comparison without.

    python -m benchmarks.adversarial --model FOLDER --midi-dir DIR [--rounds N] [--strength S]

The network composes; a discriminator, itself an LSTM, says after each note how real the music seems so far; notes
after which it seemed more real than its other compositions at that place become likelier, the others less likely
(policy gradient, as SeqGAN, Yu et al., 2017). Beside that it goes on learning from real music as before, so that it
does not forget. The comparison takes the very same steps with real music, and nothing else. DIR must be what the
model was trained on.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.measure import run_alone, write_results
from benchmarks.recipes import figures_of, print_columns
from melodyforge.cli import Parser, run
from melodyforge.decoding.ending import Length
from melodyforge.decoding.generate import Generation
from melodyforge.settings import SamplingSettings

if TYPE_CHECKING:
    from melodyforge.bundle import Model
    from melodyforge.training.data import RandomChange, TrainingData

ROUNDS = 150
ROUNDS_ALONE = 20  # in which the discriminator learns and the network waits
STRENGTH = 0.1  # of the adversary's voice, against that of real music
BATCH_SIZE = 32
NUM_NOTES = 96
HORIZON = 16  # notes after a note whose realness counts as its own
LARGEST_ADVANTAGE = 2.0
LEARNING_RATE, DISCRIMINATOR_RATE = 1e-4, 1e-3
DISCRIMINATOR_UNITS, DISCRIMINATOR_DROPOUT = 64, 0.3
NUM_COMPOSITIONS = 100
SEED = 0


def main() -> None:
    """Trains on both ways, judges all three networks, and reports."""
    parser = Parser(prog="-m benchmarks.adversarial", description="A trained `forge` with an adversary.")
    parser.add_argument("--model", type=Path, required=True, metavar="FOLDER", help="a trained forge")
    parser.add_argument("--midi-dir", type=Path, required=True, metavar="DIR", help="the music that it was trained on")
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help="default: %(default)s")
    parser.add_argument("--strength", type=float, default=STRENGTH, metavar="S", help="default: %(default)s")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run_alone(prepare, arguments.midi_dir, folder)
        models = {"as it was": arguments.model.absolute()}
        for title, strength in (("real music alone", 0.0), ("with the adversary", arguments.strength)):
            models[title] = folder / title
            run_alone(learn_on, arguments.model.absolute(), folder, models[title], arguments.rounds, strength)
        columns: dict[str, dict[str, float]] = {}
        for title, model_dir in models.items():
            (columns[title], real), _ = run_alone(judge, model_dir, folder)
            columns["real music"] = real
    columns = {"real music": columns.pop("real music"), **columns}
    print_columns(columns, f"{arguments.midi_dir.name}, {arguments.rounds} rounds, strength {arguments.strength:g}")
    write_results(
        "adversarial",
        {
            "conditions": {
                "midi_dir": arguments.midi_dir.name,
                "rounds": arguments.rounds,
                "strength": arguments.strength,
                "num_compositions": NUM_COMPOSITIONS,
            },
            "networks": columns,
        },
    )


def prepare(midi_dir: Path, folder: Path) -> None:
    """Makes the dataset."""
    from melodyforge.corpus.prepare import prepare_corpus

    prepare_corpus(midi_dir, folder / "dataset")


def judge(model_dir: Path, folder: Path) -> tuple[dict[str, float], dict[str, float]]:
    """The figures of one network, and those of real held-out music."""
    from melodyforge.bundle import load_model
    from melodyforge.corpus.store import PieceStore
    from melodyforge.evaluation.evaluate import evaluate_model

    found = evaluate_model(load_model(model_dir), PieceStore(folder / "dataset"), NUM_COMPOSITIONS, num_wishes=0)
    composed, real = figures_of(found)
    return {"held-out nats a note": sum(found.nats.values()), **composed}, real


def learn_on(model_dir: Path, folder: Path, new_dir: Path, rounds: int, strength: float) -> None:
    """Trains a model further and saves it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from melodyforge.bundle import ModelParts, load_model, save_model
    from melodyforge.corpus.store import PieceStore
    from melodyforge.training.data import RandomChange, prepare_data
    from melodyforge.training.plan import make_plan

    model, store = load_model(model_dir), PieceStore(folder / "dataset")
    data = prepare_data(store, model.recipe, model.representation)
    duel = Duel(model, data, RandomChange(SEED, make_plan(data, model.recipe).transpose, 0.0), strength)
    for number in range(rounds):
        told = duel.play(number)
        if number % 20 == 0:
            print(f"strength {strength:g}, round {number}: {told}", flush=True)
    kept = {name: model.config[name] for name in ("habits", "data_fingerprint")}
    save_model(
        new_dir,
        ModelParts(
            recipe=model.recipe,
            representation=model.representation,
            write_weights=duel.network.save_weights,
            config=kept,
            metrics=model.metrics,
            history="",
        ),
    )


@dataclass
class Duel:
    """The network that composes and the one that judges.

    Attributes:
        model: what is trained further.
        data: its music.
        change: how real music is varied.
        strength: of the adversary; 0 for none.
    """

    model: Model
    data: TrainingData
    change: RandomChange
    strength: float

    def play(self, number: int) -> str:
        """One round: real music for the network; compositions for both. Says how it went."""
        real = self.data.train_batch(number, NUM_NOTES, BATCH_SIZE, self.change)
        worth = _asked(real)
        share = 1 / worth.sum()
        if not self.strength:
            return f"{self.learner.train_on_batch(real, share * worth):.3f} nats" if number >= ROUNDS_ALONE else ""
        composed = self._compose(number)
        says = self._judge(self._openings(number), composed)
        if number < ROUNDS_ALONE:
            return says
        worth = np.concatenate([worth, self.strength * _asked(composed) * self._advantages(composed)])
        both = {name: np.concatenate([real[name], composed[name]]) for name in real}
        self.learner.train_on_batch(both, share * worth)
        return says

    @cached_property
    def network(self) -> Any:
        """The Keras network with the model's weights."""
        from melodyforge.networks import build_network
        from melodyforge.training.train import load_weights

        network = build_network(self.model.representation, self.model.recipe.network)
        load_weights(network, self.model.folder, self.model.representation, self.model.recipe)
        return network

    @cached_property
    def learner(self) -> Any:
        """The network with the loss: nats of every note times what it is worth."""
        from melodyforge.networks import build_learner
        from melodyforge.training.backend import keras

        def loss(weights: Any, nats: Any) -> Any:
            return keras.ops.sum(nats * weights)

        learner = build_learner(self.network, self.model.representation)
        learner.compile(keras.optimizers.Adam(LEARNING_RATE, clipnorm=1.0), loss, jit_compile=True)
        return learner

    @cached_property
    def discriminator(self) -> Any:
        """Hears what the network hears; after each note the logit that the music is real."""
        from melodyforge.networks.fast_lstm import FastLSTM
        from melodyforge.networks.heads import total
        from melodyforge.networks.layers import feature_input, hear
        from melodyforge.training.backend import keras

        features = self.model.representation.inputs
        inputs = {one.name: feature_input(one) for one in features}
        heard = total(hear(features, inputs, DISCRIMINATOR_UNITS, len(features), "judged"))
        heard = FastLSTM(DISCRIMINATOR_UNITS)(keras.layers.Dropout(DISCRIMINATOR_DROPOUT)(heard))
        discriminator = keras.Model(inputs, keras.layers.Dense(1)(heard))
        discriminator.compile(
            keras.optimizers.Adam(DISCRIMINATOR_RATE),
            keras.losses.BinaryCrossentropy(from_logits=True),
            jit_compile=True,
        )
        return discriminator

    def _openings(self, number: int) -> dict[str, np.ndarray]:
        """How real pieces begin, as compositions do, in any key."""
        rng = np.random.default_rng([SEED, number])
        pieces = self.data.train["piece"]
        long = pieces[self.data.rows.lengths[pieces] >= NUM_NOTES]
        representation = self.model.representation
        return _stacked(
            [
                representation.window(self.data.rows[piece], 0, NUM_NOTES, self.change.draw(rng))
                for piece in rng.choice(long, BATCH_SIZE).tolist()
            ]
        )

    def _compose(self, number: int) -> dict[str, np.ndarray]:
        """Compositions of the network as it is now, drawn as it learnt them."""
        from melodyforge.bundle import WEIGHTS_FILE, read_network

        representation = self.model.representation
        with tempfile.TemporaryDirectory() as folder:
            self.network.save_weights(Path(folder) / WEIGHTS_FILE)
            network = read_network((Path(folder) / WEIGHTS_FILE).read_bytes(), representation, self.model.recipe)
        rngs = [np.random.default_rng([SEED, number, index]) for index in range(BATCH_SIZE)]
        headings = [representation.headings[rng.integers(len(representation.headings))] for rng in rngs]
        *_, context = Generation(
            network, representation, headings, SamplingSettings(), Length(NUM_NOTES, is_full=True), rngs
        )
        return _stacked([representation.window(context.rows(index), 0, NUM_NOTES) for index in range(BATCH_SIZE)])

    def _judge(self, real: dict[str, np.ndarray], composed: dict[str, np.ndarray]) -> str:
        """One step of the discriminator; says how well it knows one from the other."""
        both = self._heard({name: np.concatenate([real[name], composed[name]]) for name in real})
        is_real = np.zeros((2 * BATCH_SIZE, NUM_NOTES, 1), np.float32)
        is_real[:BATCH_SIZE] = 1
        loss = self.discriminator.train_on_batch(both, is_real)
        last = self.discriminator.predict_on_batch(both)[:, -1, 0]
        right = np.mean((last > 0) == is_real[:, -1, 0])
        return f"discriminator's loss {loss:.3f}, right about {right:.0%} of the pieces"

    def _advantages(self, composed: dict[str, np.ndarray]) -> np.ndarray:
        """How much more real the music seemed after a note than usually at that place, in deviations."""
        logits = np.asarray(self.discriminator.predict_on_batch(self._heard(composed)))[..., 0]
        # What is heard at row t are the notes before it; so note t is judged from row t + 1 on.
        sums = np.concatenate([np.zeros((len(logits), 1)), np.cumsum(logits, axis=1)], axis=1)
        first = np.minimum(np.arange(NUM_NOTES) + 1, NUM_NOTES - 1)
        last = np.minimum(first + HORIZON, NUM_NOTES)
        later = (sums[:, last] - sums[:, first]) / (last - first)
        better = (later - later.mean(axis=0)) / (later.std(axis=0) + 1e-3)
        return np.clip(better, -LARGEST_ADVANTAGE, LARGEST_ADVANTAGE).astype(np.float32)[..., None]

    def _heard(self, window: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {one.name: window[one.name] for one in self.model.representation.inputs}


def _asked(window: dict[str, np.ndarray]) -> np.ndarray:
    """1 where a note is to be predicted, 0 behind the end, shape (batch, notes, 1)."""
    return (window["target_shift"] >= 0).astype(np.float32)[..., None]


def _stacked(windows: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.stack([window[name] for window in windows]) for name in windows[0]}


if __name__ == "__main__":
    raise SystemExit(run(main))
