"""A critic: says whether music sounds like real music of its style, by the figures of its last notes.

A regression on figures and their squares, for stretches of three lengths: what is too little is as suspicious as what
is too much. `evaluation/school.py` teaches it; candidates are chosen by it while music is composed, as by the residual
energy of Deng et al. (2020). Knows pieces only.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Annotated, Any

import numpy as np
from pydantic import FailFast, Field

from melodyforge.errors import SettingsError
from melodyforge.figures.closes import describe_close
from melodyforge.figures.describe import GROUPS, describe, with_pitches
from melodyforge.figures.sonorities import clashes, parallels, triads_and_sevenths, voices_crossed
from melodyforge.music.piece import Piece, make_notes
from melodyforge.settings import Section

SIZES = (32, 64, 128)  # notes; the most that there are of a piece are judged
FARTHEST = 4.0  # standard deviations; figures farther from the mean of real music count as this far
PARTS = ("usual", "mean", "deviation", "weight", "weight of square", "bias")
PARTS_KEPT = ("judges", "closes")  # of a critic, in a file
MAX_STYLES = 1_000
VOICES = {  # what is heard, though those who tell music apart do not ask for it
    "crossed": voices_crossed,
    "parallels": parallels,
    "clashes": clashes,
    "triads and sevenths": triads_and_sevenths,
}


class Critic:
    """What has been learnt of each style.

    Args:
        judges: by style, float32, shape (len(SIZES), len(PARTS), num_figures); the bias stands in the first column.
        closes: of how pieces end, by style, float32, shape (len(PARTS), num_figures_of_closes); of the same styles.
    """

    def __init__(self, judges: Mapping[str, np.ndarray], closes: Mapping[str, np.ndarray]) -> None:
        self.judges, self.closes = dict(judges), dict(closes)

    def score(self, piece: Piece, has_ended: bool = False) -> float:
        """Logarithm of the odds that the last notes of a piece are of real music of its style; 0 where it is not known.

        Real and composed music count as equally likely beforehand.

        Args:
            piece: as far as it has come.
            has_ended: whether it ends there; how it does is judged, too.
        """
        if piece.style not in self.judges or len(piece) < SIZES[0]:
            return 0.0
        index = int(np.searchsorted(SIZES, len(piece), side="right")) - 1
        odds = _odds(self.judges[piece.style][index], figures_of(last_notes(piece, len(piece), SIZES[index])))
        return odds + (_odds(self.closes[piece.style], figures_of_close(piece)) if has_ended else 0.0)

    def usual_close(self, style: str, name: str) -> float:
        """The mean of a figure of closes in real music of a style; 0 where that is not known."""
        if style not in self.closes:
            return 0.0
        return float(self.closes[style][PARTS.index("mean"), figure_names()[1].index(name)])


def _odds(judge: np.ndarray, figures: np.ndarray) -> float:
    *scales, weight, weight_of_square, bias = judge
    return float(scaled(figures, *scales) @ np.concatenate([weight, weight_of_square]) + bias[0])


def last_notes(piece: Piece, stop: int, number: int) -> Piece:
    """So many notes before note `stop`, as a piece of their own that begins in its first bar."""
    notes = piece.notes[max(0, stop - number) : stop].copy()
    if not len(notes):
        return piece.with_notes(notes)
    first = notes["onset"][0]
    _, position, _ = piece.bars_at(np.array([first]))
    meter = [one for one in piece.meters if one.onset <= first][-1]
    notes["onset"] -= first - position[0]
    return replace(piece.with_notes(notes), meters=(replace(meter, onset=0),))


def figures_of(piece: Piece) -> np.ndarray:
    """The figures of all groups but velocity, and of voices; NaN for what there is none of; shape (num_figures,)."""
    described, pitched = describe(piece, len(piece)), with_pitches(piece)
    of_groups = [value for name in GROUPS for value in described[name].values()]
    return np.array([*of_groups, *(figure(pitched) for figure in VOICES.values())], float)


def figures_of_close(piece: Piece) -> np.ndarray:
    """The figures of how a piece ends, float64, shape (num_figures_of_closes,)."""
    return np.array(list(describe_close(piece).values()), float)


def scaled(figures: np.ndarray, usual: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Figures in standard deviations of real music, then their squares less 1; shapes (..., n) -> (..., 2 * n)."""
    away = np.clip((np.where(np.isnan(figures), usual, figures) - mean) / deviation, -FARTHEST, FARTHEST)
    return np.concatenate([away, away**2 - 1], axis=-1)


@cache
def figure_names() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the figures that a critic weighs, in their order: those of all music, and those of closes."""
    piece = Piece(make_notes([(24 * index, 24, 0, 60 + index, 80) for index in range(8)]))
    described = describe(piece)
    of_groups = [f"{group}/{name}" for group in GROUPS for name in described[group]]
    return (*of_groups, *(f"voices/{name}" for name in VOICES)), tuple(describe_close(piece))


def names_digest() -> int:
    """A number that changes with the figures: what was learnt by others is worth nothing."""
    names = "\n".join(name for names in figure_names() for name in names)
    return zlib.crc32(names.encode()) % 2**31  # small enough for the plainest of pickles


class CriticState(Section):
    """A critic as a file holds it: its styles, a digest of the names of the figures, and all numbers.

    Attributes:
        judges, closes: see `Critic`; the hexadecimal digits of float16, style after style.
    """

    styles: Annotated[list[str], FailFast(), Field(max_length=MAX_STYLES)]
    figures: int
    judges: str
    closes: str


def pack_critic(critic: Critic) -> dict[str, Any]:
    """A critic as plain values, see `CriticState`."""
    numbers = {name: np.array(list(getattr(critic, name).values()), "<f2").tobytes().hex() for name in PARTS_KEPT}
    return {"styles": list(critic.judges), "figures": names_digest()} | numbers


def unpack_critic(packed: dict[str, Any]) -> Critic | None:
    """The inverse of `pack_critic`; None where it was taught other figures than there are now.

    Raises:
        SettingsError: it is none, has more or fewer numbers than its styles need, or infinite ones.
    """
    state = CriticState.check(packed)
    if state.figures != names_digest():
        return None
    num_figures, num_of_closes = map(len, figure_names())
    judges = _numbers(state.judges, (len(state.styles), len(SIZES), len(PARTS), num_figures))
    closes = _numbers(state.closes, (len(state.styles), len(PARTS), num_of_closes))
    return Critic(dict(zip(state.styles, judges, strict=True)), dict(zip(state.styles, closes, strict=True)))


def _numbers(digits: str, shape: tuple[int, ...]) -> np.ndarray:
    try:
        numbers = np.frombuffer(bytes.fromhex(digits), "<f2").reshape(shape).astype(np.float32)
    except ValueError:
        raise SettingsError(f"`critic` must hold numbers of shape {shape}.") from None
    if not np.isfinite(numbers).all() or not (numbers[..., PARTS.index("deviation"), :] > 0).all():
        raise SettingsError("`critic` must hold finite numbers, and deviations above 0.")
    return numbers
