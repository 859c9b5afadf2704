"""Judges a trained model: what held-out music costs it, and how its compositions stand beside real music.

Knows models, data and compositions; writes nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from melodyforge.bundle import Model
from melodyforge.compose import compose
from melodyforge.composing.wishes import default_settings
from melodyforge.composition import Composition
from melodyforge.corpus.store import PieceStore
from melodyforge.errors import CorpusError
from melodyforge.evaluation.baseline import ngram_nats
from melodyforge.evaluation.heard import Heard, hear_styles
from melodyforge.evaluation.likelihood import held_out_nats
from melodyforge.evaluation.obedience import Obedience, measure_obedience
from melodyforge.evaluation.overlap import overlap_areas
from melodyforge.evaluation.real_music import as_said
from melodyforge.evaluation.style_classifier import StyleClassifier
from melodyforge.figures.originality import Known, Originality, measure_originality
from melodyforge.figures.statistics import describe_pieces
from melodyforge.music.piece import STEPS_PER_QUARTER, Piece
from melodyforge.training.data import TrainingData, prepare_data
from melodyforge.words import in_any_case

MAX_ROWS = 60_000  # held-out notes measured
MAX_REFERENCES = 200  # real pieces of each kind that statistics are taken of
FEW_REFERENCES = 10  # held-out pieces; fewer say little about a style, so training pieces stand beside them
MAX_KNOWN = 5_000  # training pieces that copies are looked for in
SHORTEST_NOTES, LONGEST_NOTES = 60, 300  # of a composition
NUM_SAMPLES = 6  # compositions that are kept: the first ones, not the best ones

OnProgress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What was found out about a model.

    Attributes:
        model: its name.
        nats: of held-out music a note, by field.
        nats_when_told: the same when the model is told style, key and so on of each piece; empty without controls.
        nats_per_quarter: of held-out music.
        ngram_nats: a note, of n-gram models by their order.
        statistics: means of real training pieces, real held-out pieces and compositions.
        overlap: overlap areas of real training pieces with held-out ones (the ceiling) and of compositions.
        originality: what of real held-out pieces, and of compositions, stands in training pieces.
        style_accuracy: share of held-out pieces whose style the n-gram classifier recognises, and the mean of the
            styles' shares; None with one style.
        obedience: by control.
        num_compositions: that statistics were taken of.
        seconds: that it took.
        samples: some of the compositions.
        heard: what is heard in compositions of each style, beside real music.
    """

    model: str
    nats: dict[str, float]
    nats_when_told: dict[str, float]
    nats_per_quarter: float
    ngram_nats: dict[int, float]
    statistics: dict[str, dict[str, float]]
    overlap: dict[str, dict[str, float]]
    originality: dict[str, Originality]
    style_accuracy: tuple[float, float] | None
    obedience: dict[str, Obedience]
    num_compositions: int
    seconds: float
    samples: list[Composition] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)

    @property
    def best_ngram_nats(self) -> float:
        """Of the order that is best."""
        return min(self.ngram_nats.values())

    def to_dict(self) -> dict[str, Any]:
        """For files; without the samples."""
        return {name: value for name, value in asdict(self).items() if name != "samples"}


def evaluate_model(
    model: Model,
    store: PieceStore,
    num_compositions: int = 60,
    num_wishes: int = 200,
    on_progress: OnProgress | None = None,
    is_new: bool = False,
    style: str | None = None,
    num_heard: int = 0,
) -> Evaluation:
    """Evaluates a model on the music that it was trained on, with the split of its training; or on other music.

    Args:
        model: a loaded model.
        store: the music.
        num_compositions: to take statistics of.
        num_wishes: compositions for each control; 0 leaves obedience out.
        on_progress: told what is being done.
        is_new: whether the model has not been trained on the music; then the split only parts real from real.
        style: look at the pieces and compositions of this style only; likelihoods are those of all styles.
        num_heard: compositions for each style, to be told from real music; 0 leaves that out.

    Raises:
        CorpusError: the music is not what the model was trained on, or there is too little of it.
    """
    tell = on_progress or (lambda text: None)
    began = time.perf_counter()
    if not is_new:
        _require_its_music(model, store)
    data = prepare_data(store, model.recipe, model.representation)
    style = _style_in(store, style)
    train, held_out = _references(store, data, style)
    likelihoods = _likelihoods(model, data, held_out, tell)
    tell("compositions")
    compositions = _compositions(model, num_compositions, held_out)
    music = {"training": train, "held out": held_out, "composed": [one.piece for one in compositions]}
    tell("statistics")
    classifier = StyleClassifier(store[index] for index in data.train["piece"].tolist())
    return Evaluation(
        model=model.name,
        **likelihoods,
        statistics={name: describe_pieces(pieces) for name, pieces in music.items()},
        overlap=_overlap(music),
        originality=_originality(music, store, data),
        style_accuracy=_style_accuracy(classifier, held_out),
        obedience=measure_obedience(model, num_wishes, SHORTEST_NOTES * 2, classifier, tell) if num_wishes else {},
        num_compositions=len(compositions),
        seconds=time.perf_counter() - began,
        samples=compositions[:NUM_SAMPLES],
        heard=hear_styles(model, store, data, num_heard, style, tell) if num_heard else [],
    )


def _require_its_music(model: Model, store: PieceStore) -> None:
    """Refuses other music than the model was trained on."""
    if model.config.get("data_fingerprint") != store.fingerprint:
        raise CorpusError(
            f"Expected the music that the model {model.name!r} was trained on. Received other music. "
            "Name its folder with --midi-dir, or hold it against other music with --against."
        )


def _likelihoods(model: Model, data: TrainingData, held_out: list[Piece], tell: OnProgress) -> dict[str, Any]:
    """What held-out music costs the model, the model that is told wishes, and n-gram models."""
    tell("held-out music")
    nats = held_out_nats(model, data, MAX_ROWS)
    told = held_out_nats(model, data, MAX_ROWS, is_told=True) if model.representation.controls else {}
    tell("n-gram models")
    return {
        "nats": nats,
        "nats_when_told": told,
        "nats_per_quarter": _nats_per_quarter(nats, held_out),
        "ngram_nats": ngram_nats(data),
    }


def _style_in(store: PieceStore, style: str | None) -> str | None:
    """The style as the music calls it; None for all."""
    if style is None:
        return None
    known = in_any_case(style, store.style_names)
    if known not in store.style_names:
        raise CorpusError(f"--style must be one of {', '.join(store.style_names)}. Received {style!r}.")
    return known


def _references(store: PieceStore, data: TrainingData, style: str | None) -> tuple[list[Piece], list[Piece]]:
    """Real pieces as the model's vocabulary says them, trained on and held out; both from all styles, or from one."""
    train, held_out = (np.unique(spans["piece"]) for spans in (data.train, data.held_out))
    if style is not None:
        number = store.style_names.index(style)
        train, held_out = (group[store.styles[group] == number] for group in (train, held_out))
    rng = np.random.default_rng(0)
    chosen = [rng.permutation(indices)[:MAX_REFERENCES] for indices in (train, held_out)]
    train_pieces, held_out_pieces = (
        [as_said(store[index], data.representation) for index in group.tolist()] for group in chosen
    )
    return train_pieces, held_out_pieces


def _compositions(model: Model, number: int, held_out: list[Piece]) -> list[Composition]:
    """As long as held-out pieces usually are, in the styles of held-out pieces; nothing else is asked for."""
    usual = int(np.median([len(piece) for piece in held_out]))
    num_notes = min(LONGEST_NOTES, max(SHORTEST_NOTES, usual))
    styles = Counter(_known_style(model, held_out[index % len(held_out)].style) for index in range(number))
    wishes = [{"style": style, "num_pieces": count} for style, count in styles.items()]
    common = {"num_notes": num_notes, "seed": 0, "guidance": 1.0}  # as learnt, not exaggerated
    return [one for wish in wishes for one in compose(model, default_settings(model, **common, **wish))]


def _known_style(model: Model, style: str) -> str | None:
    controls = model.representation.controls
    return style if controls and style in controls.styles else None


def _nats_per_quarter(nats: dict[str, float], held_out: list[Piece]) -> float:
    """What a quarter note of held-out music costs, from what a note does."""
    num_notes, num_steps = sum(map(len, held_out)), sum(piece.end for piece in held_out)
    return sum(nats.values()) * num_notes * STEPS_PER_QUARTER / num_steps


def _overlap(music: dict[str, list[Piece]]) -> dict[str, dict[str, float]]:
    """How far training pieces and compositions are like real music, the held-out pieces where there are enough."""
    held_out = music["held out"]
    reference = held_out if len(held_out) >= FEW_REFERENCES else music["training"] + held_out
    return {name: overlap_areas(reference, music[name]) for name in ("training", "composed")}


def _originality(music: dict[str, list[Piece]], store: PieceStore, data: TrainingData) -> dict[str, Originality]:
    """What of held-out pieces and compositions stands in training pieces."""
    known = Known(as_said(store[index], data.representation) for index in data.train["piece"][:MAX_KNOWN].tolist())
    return {name: measure_originality(music[name], known) for name in ("held out", "composed")}


def _style_accuracy(classifier: StyleClassifier, held_out: list[Piece]) -> tuple[float, float] | None:
    if len(classifier.styles) < 2:
        return None
    return classifier.accuracy(held_out), classifier.mean_accuracy(held_out)
