"""How well a classifier tells compositions from real music by figures: the area under its ROC curve (AUC).

0.5 where it can only guess, 1 where it is never wrong. The floor is what it finds between halves of real music. Each
piece is judged by a regression that has learnt from others; of chorales it tells more than forests do, in a fraction
of the time. Knows pieces and figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import pdist
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from melodyforge.figures.describe import GROUPS, NUM_NOTES, tables
from melodyforge.music.piece import Piece

NUM_FOLDS = 5
SEEDS = (0, 1, 2)  # of folds
NUM_HALVINGS = 20  # of real music, for the floor
SHRINKAGE = 0.03  # inverse strength of the penalty: there are more figures than pieces
FARTHEST = 4.0  # standard deviations; figures farther from the mean of real music count as this far
LEAST_VARIANCE = 1e-6
LEAST_PIECES = 2 * NUM_FOLDS  # on each side; with fewer a fold says nothing


@dataclass(frozen=True)
class ToldApart:
    """How well compositions are told from real music.

    Attributes:
        auc: by all figures but those of velocity, 0 to 1.
        by_group: by the figures of each group alone; velocity is one of them.
        floor: between random halves of real music, by the same figures as `auc`; the mean of several halvings. None
            where there are too few pieces.
        variety: how different the compositions are from each other, as a share of how different real pieces are: the
            mean distance of two, by the same figures in standard deviations of real music.
        num_notes: of the beginning of each piece that were looked at.
    """

    auc: float
    by_group: dict[str, float]
    floor: float | None
    variety: float
    num_notes: int


def tell_apart(
    real: Sequence[Piece], others: Sequence[Piece], num_notes: int = NUM_NOTES, seeds: Sequence[int] = SEEDS
) -> ToldApart:
    """Tells other pieces from real ones by how they begin.

    Args:
        real: at least `LEAST_PIECES`, and twice as many for a floor.
        others: at least `LEAST_PIECES`.
        num_notes: of the beginning of each piece; one that has fewer notes would give itself away.
        seeds: one for each time that the folds are dealt anew.
    """
    of_real, of_others = tables(real, num_notes), tables(others, num_notes)
    by_group = {name: auc(of_real[name], of_others[name], seeds) for name in of_real}
    all_of_real, all_of_others = _joined(of_real), _joined(of_others)
    return ToldApart(
        auc=auc(all_of_real, all_of_others, seeds),
        by_group=by_group,
        floor=floor(all_of_real),
        variety=variety(all_of_real, all_of_others),
        num_notes=num_notes,
    )


def distance_of_means(real: Sequence[Piece], others: Sequence[Piece]) -> float:
    """How far the figures of other pieces are from those of real ones on average, in standard deviations.

    The root of the mean square over all figures of beginnings but those of velocity.
    """
    both = [_joined(tables(pieces)) for pieces in (real, others)]
    is_known = np.logical_and.reduce([~np.isnan(one).all(axis=0) for one in both])
    means, variances = (np.array([of(one[:, is_known], axis=0) for one in both]) for of in (np.nanmean, np.nanvar))
    away = np.abs(means[1] - means[0]) / np.sqrt(np.maximum(variances.mean(axis=0), LEAST_VARIANCE))
    return float(np.sqrt(np.mean(np.minimum(away, FARTHEST) ** 2)))


def auc_of_all(real: Iterable[Piece], others: Iterable[Piece], num_notes: int = NUM_NOTES) -> float:
    """The AUC by all figures together, with the folds dealt once: quick."""
    return auc(_joined(tables(real, num_notes)), _joined(tables(others, num_notes)), SEEDS[:1])


def floor(figures: np.ndarray) -> float | None:
    """How well random halves of the same music are told apart; None where there are too few pieces.

    Args:
        figures: of real pieces, shape (num_pieces, num_figures).
    """
    if len(figures) < 2 * LEAST_PIECES:
        return None
    rng, middle = np.random.default_rng(0), len(figures) // 2
    halvings = [rng.permutation(figures) for _ in range(NUM_HALVINGS)]
    return float(np.mean([auc(one[:middle], one[middle:], SEEDS[:1]) for one in halvings]))


def variety(real: np.ndarray, others: np.ndarray) -> float:
    """How different other pieces are from each other, as a share of how different real pieces are.

    Args:
        real: figures of real pieces, NaN where one has none; shape (num_real, num_figures).
        others: figures of other pieces, shape (num_others, num_figures).
    """
    scale = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()).fit(real)
    between = [pdist(np.clip(scale.transform(one), -FARTHEST, FARTHEST)).mean() for one in (others, real)]
    return float(between[0] / between[1])


def auc(real: np.ndarray, others: np.ndarray, seeds: Sequence[int] = SEEDS) -> float:
    """The area under the ROC curve, the mean over folds and seeds.

    Args:
        real: figures of real pieces, NaN where one has none; shape (num_real, num_figures).
        others: figures of other pieces, shape (num_others, num_figures).
        seeds: one for each time that the folds are dealt anew.
    """
    figures = np.concatenate([real, others])
    is_other = np.repeat([0, 1], [len(real), len(others)])
    folds = [StratifiedKFold(NUM_FOLDS, shuffle=True, random_state=seed) for seed in seeds]
    with threadpool_limits(1):  # so small a regression waits for other threads longer than it computes
        scores = [cross_val_score(_classifier(), figures, is_other, scoring="roc_auc", cv=parts) for parts in folds]
    return float(np.mean(scores))


def odds_of_real(real: Sequence[Piece], others: Sequence[Piece], judged: Sequence[Piece]) -> np.ndarray:
    """Logarithm of the odds that pieces are real, by what tells other pieces from real ones; shape (num_judged,)."""
    figures = [_joined(tables(pieces, NUM_NOTES)) for pieces in (real, others, judged)]
    with threadpool_limits(1):
        classifier = _classifier().fit(np.concatenate(figures[:2]), np.repeat([1, 0], [len(real), len(others)]))
    return np.asarray(classifier.decision_function(figures[2]))


def variety_of(real: Sequence[Piece], others: Sequence[Piece]) -> float:
    """As `variety`, of pieces by how they begin."""
    return variety(_joined(tables(real, NUM_NOTES)), _joined(tables(others, NUM_NOTES)))


def _classifier() -> Pipeline:
    """Puts the middle of a figure where there is none, then weighs all figures, each in its standard deviations."""
    regression = LogisticRegression(C=SHRINKAGE, class_weight="balanced", max_iter=1000)
    return make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler(), regression)


def _joined(groups: dict[str, np.ndarray]) -> np.ndarray:
    """The figures of all groups but velocity, shape (num_pieces, num_figures)."""
    return np.concatenate([groups[name] for name in GROUPS], axis=1)
