"""Tells styles apart by n-grams of intervals, shifts and durations: the style whose model is least surprised.

Knows pieces only; transposition, tempo and instruments do not matter to it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from melodyforge.evaluation.ngram import fit_ngrams, nats_per_token
from melodyforge.music.piece import Piece

ORDER = 3
FIELD_SIZES = (25, 14, 14)  # interval up to an octave each way, shift and duration
_TIMES = np.array([0, 3, 6, 8, 12, 16, 18, 24, 36, 48, 72, 96, 144])  # steps from which a class of times begins


class StyleClassifier:
    """One n-gram model a style."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        """Learns from pieces that have a style."""
        by_style: dict[str, list[np.ndarray]] = {}
        for piece in pieces:
            if piece.style and len(piece) > 1:
                by_style.setdefault(piece.style, []).append(_tokens(piece))
        self._models = {style: fit_ngrams(rows, ORDER, FIELD_SIZES) for style, rows in sorted(by_style.items())}

    @property
    def styles(self) -> list[str]:
        """All that it knows."""
        return list(self._models)

    def classify(self, piece: Piece) -> str:
        """The likeliest style; "" when none was learnt."""
        rows = [_tokens(piece)]
        return min(self._models, key=lambda style: nats_per_token(self._models[style], rows)[ORDER], default="")

    def accuracy(self, pieces: Iterable[Piece]) -> float:
        """Share of pieces whose style is recognised; of known styles only."""
        hits = [hit for hits in self._hits(pieces).values() for hit in hits]
        return float(np.mean(hits)) if hits else float("nan")

    def mean_accuracy(self, pieces: Iterable[Piece]) -> float:
        """The same for each style by itself, and of these shares the mean; rare styles count as much as common ones."""
        shares = [np.mean(hits) for hits in self._hits(pieces).values()]
        return float(np.mean(shares)) if shares else float("nan")

    def _hits(self, pieces: Iterable[Piece]) -> dict[str, list[bool]]:
        """For each style whether each of its pieces is recognised."""
        hits: dict[str, list[bool]] = {}
        for piece in pieces:
            if piece.style in self._models and len(piece) > 1:
                hits.setdefault(piece.style, []).append(self.classify(piece) == piece.style)
        return hits


def _tokens(piece: Piece) -> np.ndarray:
    """A row for each note but the first, shape (num_notes - 1, 3)."""
    notes = piece.notes
    interval = np.clip(np.diff(notes["pitch"].astype(int)), -12, 12) + 12
    shift, duration = (
        np.searchsorted(_TIMES, steps, side="right") for steps in (np.diff(notes["onset"]), notes["duration"][1:])
    )
    return np.stack([interval, shift, duration], axis=1)
