"""Teaches a model from real music and from what it composes by itself: corrections, and a critic; style by style.

Knows models and datasets; writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from melodyforge.bundle import Model
from melodyforge.compose import first_takes
from melodyforge.composing.wishes import default_settings
from melodyforge.corpus.store import PieceStore
from melodyforge.decoding.corrections import (
    CHORDS,
    DEGREES,
    MOVES,
    ORDER,
    SHARPNESS,
    SIZE,
    SONORITIES,
    Corrections,
    compared,
    count,
)
from melodyforge.evaluation.real_music import as_said
from melodyforge.evaluation.told_apart import distance_of_means
from melodyforge.figures.critic import PARTS, SIZES, Critic, figures_of, figures_of_close, last_notes, scaled
from melodyforge.music.piece import Piece
from melodyforge.music.traits import read_traits
from melodyforge.tokens.notes import NotesRepresentation

LEAST_PIECES = 10  # of a style; from fewer nothing can be learnt
MOST_PIECES = 150  # of a style
NUM_COMPOSED, COMPOSED_NOTES = 100, 200
NUM_STRETCHES = 400  # of each length, of real music, about; of each composition four
SHRINKAGE = 0.02  # inverse strength of the penalty: there are about as many figures as pieces
LEAST_DEVIATION = 1e-3
TRIED = ((MOVES,), (CHORDS, SONORITIES), (DEGREES,))  # corrections, one after the other
TEMPERATURES = (0.93, 0.87, 0.81, 0.75)  # tried one after the other
LEAST_GAIN, LEAST_GAIN_OF_SHARPNESS = 0.02, 0.04  # of the distance from real music; sharp choices loop more often
SEED = 2**31  # of the compositions: others than users begin with


def teach(
    model: Model, store: PieceStore, pieces: np.ndarray, on_progress: Callable[[str], None] | None = None
) -> tuple[Critic, Corrections]:
    """A critic of all styles of which there is enough music, and corrections; under "" where styles have no names.

    The critic hears what is composed with the corrections, so that it does not ask for the same once more.

    Args:
        model: a loaded model; what it composes is taken for composed.
        store: the music.
        pieces: indices of real pieces.
        on_progress: told which style is listened to.
    """
    judges, closes, corrections = {}, {}, Corrections({})
    model = replace(model, corrections=corrections)
    for style, chosen in _enough_of(model, store, pieces):
        if on_progress:
            on_progress(style)
        real = [as_said(store[index], model.representation) for index in chosen.tolist()]
        with threadpool_limits(1):
            if isinstance(model.representation, NotesRepresentation):
                pupil = _Pupil(model, corrections, style, real)
                pupil.learn(model.representation)
                composed = pupil.composed
            else:
                composed = _composed(model, style)
            judge = _judge(real, composed)
        if judge is not None:
            judges[style], closes[style] = judge, _regression(*(_closes(pieces) for pieces in (real, composed)))
    return Critic(judges, closes), corrections


def _enough_of(model: Model, store: PieceStore, pieces: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """The styles that the model can be asked for, and some pieces of each, those of which there are enough."""
    controls = model.representation.controls
    for number, style in enumerate(store.style_names):
        of_style = pieces[(store.styles[pieces] == number) & (store.lengths[pieces] >= SIZES[0])]
        is_asked = not style or (controls and style in controls.styles)
        if is_asked and len(of_style) >= LEAST_PIECES:
            yield style, np.random.default_rng(SEED).permutation(of_style)[:MOST_PIECES]


class _Pupil:
    """A model that corrects how it composes a style, as far as that brings it nearer to real music.

    Attributes:
        composed: with the corrections that are kept.
    """

    def __init__(self, model: Model, corrections: Corrections, style: str, real: list[Piece]) -> None:
        """Composes without any.

        Args:
            model: that composes with these corrections.
            corrections: of the styles before.
            style: that is composed.
            real: music of it.
        """
        self._model, self._corrections, self._style, self._real = model, corrections, style, real
        self._kept, self._distance = np.zeros(SIZE, np.float32), math.inf
        self.composed = list[Piece]()
        self._try(self._kept)

    def learn(self, representation: NotesRepresentation) -> None:
        """Tries sharper choices until they bring nothing more, then one kind of correction after the other."""
        for temperature in TEMPERATURES:
            sharper = self._with(np.full(SIZE, -math.log(temperature), np.float32), SHARPNESS)
            if not self._try(sharper, LEAST_GAIN_OF_SHARPNESS):
                break
        table = _compared(representation, self._real, self.composed)
        if table[ORDER].any():  # no figure tells of voices that cross, and to keep them apart changes little else
            self._try(self._with(table, ORDER), -math.inf)
        for parts in TRIED:
            tried = self._with(table, *parts)
            if not np.array_equal(tried, self._kept):  # drums have no pitches
                self._try(tried)

    def _with(self, table: np.ndarray, *parts: slice) -> np.ndarray:
        """What is kept, and some parts of a table."""
        tried = self._kept.copy()
        for part in parts:
            tried[part] = table[part]
        return tried

    def _try(self, tried: np.ndarray, least_gain: float = LEAST_GAIN) -> bool:
        """Keeps corrections that bring what is composed nearer to real music; whether they did."""
        self._corrections.tables[self._style] = tried
        composed = _composed(self._model, self._style)
        distance = distance_of_means(self._real, composed)
        is_kept = distance < (1 - least_gain) * self._distance
        if is_kept:
            self._kept, self._distance, self.composed = tried, distance, composed
        self._corrections.tables[self._style] = self._kept
        return is_kept


def _compared(representation: NotesRepresentation, real: Iterable[Piece], composed: Iterable[Piece]) -> np.ndarray:
    """The table of all corrections, see `decoding/corrections.py`."""
    both = ([(representation.encode(piece), read_traits(piece).key) for piece in pieces] for pieces in (real, composed))
    return compared(*(count(pieces, representation.vocabulary.tracks.is_drum) for pieces in both))


def _composed(model: Model, style: str) -> list[Piece]:
    """What the model composes when nobody chooses."""
    settings = default_settings(
        model, style=style or None, num_notes=COMPOSED_NOTES, num_pieces=NUM_COMPOSED, seed=SEED, effort="quick"
    )
    return first_takes(model, settings)


def _judge(real: list[Piece], composed: list[Piece]) -> np.ndarray | None:
    """What is learnt of a style, see `Critic`; None where there are too few stretches."""
    rng, judges = np.random.default_rng(SEED), list[np.ndarray]()
    for size in SIZES:
        of_real = _figures(real, size, -(-NUM_STRETCHES // len(real)), rng)
        of_composed = _figures(composed, size, 4, rng)
        if min(len(of_real), len(of_composed)) >= LEAST_PIECES:
            judges.append(_regression(of_real, of_composed))
        elif judges:
            judges.append(judges[-1])  # of shorter stretches
        else:
            return None
    return np.array(judges, np.float32)


def _figures(pieces: Iterable[Piece], size: int, number: int, rng: np.random.Generator) -> np.ndarray:
    """The figures of the first notes of each piece and of some stretches in it, shape (n, num_figures)."""
    figures = []
    for piece in pieces:
        if len(piece) >= size:
            stops = {size, *rng.integers(size, len(piece) + 1, number - 1).tolist()}
            figures += [figures_of(last_notes(piece, stop, size)) for stop in sorted(stops)]
    return np.array(figures)


def _closes(pieces: Iterable[Piece]) -> np.ndarray:
    """The figures of how pieces end, shape (num_pieces, num_figures)."""
    return np.array([figures_of_close(piece) for piece in pieces if len(piece)])


def _regression(real: np.ndarray, composed: np.ndarray) -> np.ndarray:
    """What is learnt from figures, one piece or stretch a row: the rows of `PARTS`, shape (len(PARTS), num_figures)."""
    all_of_them = np.concatenate([real, composed])
    has_any = ~np.isnan(all_of_them).all(axis=0)
    usual = np.zeros(all_of_them.shape[1])
    usual[has_any] = np.nanmedian(all_of_them[:, has_any], axis=0)
    filled = np.where(np.isnan(real), usual, real)
    mean, deviation = filled.mean(axis=0), np.maximum(LEAST_DEVIATION, filled.std(axis=0))
    regression = LogisticRegression(C=SHRINKAGE, class_weight="balanced", max_iter=500)
    regression.fit(scaled(all_of_them, usual, mean, deviation), np.repeat([1, 0], [len(real), len(composed)]))
    weight, weight_of_square = np.split(regression.coef_[0], 2)
    bias = np.full_like(weight, regression.intercept_[0])
    return np.stack([usual, mean, deviation, weight, weight_of_square, bias]).reshape(len(PARTS), -1)
