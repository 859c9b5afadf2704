"""How far two sets of pieces agree in their statistics: overlap areas as in Yang and Lerch (2020).

Knows pieces only.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.integrate import trapezoid
from scipy.spatial.distance import cdist, pdist
from scipy.stats import gaussian_kde

from melodyforge.figures.statistics import FEATURES
from melodyforge.music.piece import Piece

GRID_POINTS = 500  # at which densities are compared
MAX_DISTANCES = 4000  # a density is as smooth with these as with more


def overlap_areas(reference: Iterable[Piece], others: Iterable[Piece]) -> dict[str, float]:
    """How alike pieces are to reference pieces in each of `FEATURES`, 0 to 1.

    Compares how far reference pieces lie from each other with how far they lie from the others: the area under both
    densities of Euclidean distances; 0 when there are fewer than two reference pieces.
    """
    first, second = list(reference), list(others)
    return {
        name: _overlap(*(np.array([feature(piece) for piece in group]) for group in (first, second)))
        for name, feature in FEATURES.items()
    }


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Overlap area of the distances within `first` and between both; rows are pieces."""
    within, between = (_thinned(distances) for distances in (pdist(first), cdist(first, second).ravel()))
    if not len(within) or not len(between):
        return 0.0
    if np.ptp(within) == 0 or np.ptp(between) == 0:  # no density; how often they agree
        return float(min(np.isin(within, between).mean(), np.isin(between, within).mean()))
    margin = max(within.std(), between.std())
    grid = np.linspace(
        min(within.min(), between.min()) - margin, max(within.max(), between.max()) + margin, GRID_POINTS
    )
    densities = [gaussian_kde(distances)(grid) for distances in (within, between)]
    return float(trapezoid(np.minimum(*densities), grid))


def _thinned(distances: np.ndarray) -> np.ndarray:
    return distances[:: max(1, -(-len(distances) // MAX_DISTANCES))]
