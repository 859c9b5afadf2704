"""Teaches a model from real music and from what it composes by itself: corrections, and a critic; style by style.

Knows models and datasets; writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

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
LEAST_GAIN = 0.02  # of the distance from real music, that one must bring
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
            composed = _composed(model, style)
            if isinstance(model.representation, NotesRepresentation):
                table = _compared(model.representation, real, composed)
                composed = _correct(model, corrections, style, table, partial(distance_of_means, real), composed)
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


def _correct(
    model: Model,
    corrections: Corrections,
    style: str,
    table: np.ndarray,
    distance: Callable[[list[Piece]], float],
    composed: list[Piece],
) -> list[Piece]:
    """Gives a style those corrections that bring what is composed nearer to real music, and that of crossed voices.

    No figure tells of voices that cross, and to keep them apart changes little else.

    Args:
        model: that composes with these corrections.
        corrections: of the styles before.
        style: the one that is listened to.
        table: of all that could be corrected.
        distance: of compositions from real music.
        composed: without any.

    Returns:
        What is composed with those that are kept.
    """
    kept = np.zeros(SIZE, np.float32)
    kept[ORDER] = table[ORDER]
    if kept.any():
        corrections.tables[style] = kept
        composed = _composed(model, style)
    nearest = distance(composed)
    for parts in TRIED:
        tried = kept.copy()
        for part in parts:
            tried[part] = table[part]
        if np.array_equal(tried, kept):  # drums have no pitches
            continue
        corrections.tables[style] = tried
        then = _composed(model, style)
        if (now := distance(then)) < (1 - LEAST_GAIN) * nearest:
            kept, nearest, composed = tried, now, then
    corrections.tables[style] = kept
    return composed


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
