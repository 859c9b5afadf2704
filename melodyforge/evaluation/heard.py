"""Listens to what a model composes, style by style, beside real music: told from it or not, and in what it differs.

Knows models, compositions and real pieces; writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np

from melodyforge.bundle import Model
from melodyforge.compose import compose, first_takes
from melodyforge.composing.wishes import default_settings
from melodyforge.corpus.store import PieceStore
from melodyforge.decoding.ending import ENDING_SHARE
from melodyforge.evaluation.real_music import RealMusic, as_said, beginning_of, real_music, with_ending
from melodyforge.evaluation.told_apart import LEAST_PIECES, ToldApart, auc, auc_of_all, tell_apart
from melodyforge.figures.bars import (
    longest_loop,
    neighbouring_bars_alike,
    on_sixteenths,
    on_triplets,
    returns_with_contrast,
)
from melodyforge.figures.closes import bass_ends_on_tonic, describe_close, ends_long
from melodyforge.figures.describe import beginning
from melodyforge.figures.numbers import known, mean_of_known
from melodyforge.figures.sonorities import (
    bass_present,
    clashes,
    drums_in_kit,
    parallels,
    triads_and_sevenths,
    voices_crossed,
)
from melodyforge.music.piece import Piece
from melodyforge.training.data import TrainingData

COMPOSED_NOTES = 300
LONG_LOOP = 100  # onsets
USUAL = (5, 95)  # percentiles of real pieces
MAX_NATURAL_NOTES = 2000  # where the ending is natural
NATURAL_SHARE = 4  # one take for so many compositions has a natural ending: they are long
QUICK_PIECES = 24
COUNTS = ("longest loop in first takes, onsets",)  # figures that are no shares


def loops_long(piece: Piece) -> float:
    """1 where it loops for more than 100 onsets, 0 where not."""
    return float(longest_loop(piece) > LONG_LOOP)


Figure = Callable[[Piece], float]

OF_FIRST_TAKES: dict[str, Figure] = {
    "longest loop in first takes, onsets": longest_loop,
    "loops over 100 onsets in first takes": loops_long,
}
OF_BEGINNINGS: dict[str, Figure] = {
    "loops over 100 onsets": loops_long,
    "onsets on the grid of sixteenths": on_sixteenths,
    "onsets on the grid of triplets": on_triplets,
    "neighbouring bars alike": neighbouring_bars_alike,
    "time with voices crossed": voices_crossed,
    "parallel fifths and octaves": parallels,
    "triads and sevenths": triads_and_sevenths,
    "time with clashes of a semitone": clashes,
    "time with a bass": bass_present,
    "drums inside the General MIDI kit": drums_in_kit,
}
OF_WHOLE_PIECES: dict[str, Figure] = {"returns with contrast": returns_with_contrast}
OF_CLOSES: dict[str, Figure] = {
    "last bass on the tonic": bass_ends_on_tonic,
    "last note long": ends_long,
}
ENDS = "ends by itself at a usual length"


@dataclass(frozen=True)
class Takes:
    """Compositions to listen to.

    Attributes:
        composed: as a user gets them, `COMPOSED_NOTES` notes each.
        first: the same before any is drawn again.
        natural: as a user gets them who lets them end when they like, of `natural_limit` notes at most.
    """

    composed: list[Piece]
    first: list[Piece]
    natural: list[Piece]


@dataclass(frozen=True)
class Beside:
    """A figure of compositions beside that of real music.

    Attributes:
        composed: the mean of compositions.
        real: the mean of real pieces.
        low, high: 5th and 95th percentile of real pieces. Of what a piece has or has not: the share of those that have
            it, in so many pieces as were composed, less and plus two standard deviations.
    """

    composed: float
    real: float
    low: float
    high: float

    @property
    def is_usual(self) -> bool:
        """Whether compositions are on average where real pieces are."""
        return self.low <= self.composed <= self.high


@dataclass(frozen=True)
class Heard:
    """What is heard in compositions of a style.

    Attributes:
        style: its label; "" where the music has none.
        num_composed: compositions.
        num_real: real pieces, of which `num_held_out` have not been learnt from.
        num_held_out: these.
        told: how well compositions are told from real music by how they begin; None where they are too few.
        told_by_endings: AUC by how they end; None where they are too few.
        figures: by name; those that the style has.
    """

    style: str
    num_composed: int
    num_real: int
    num_held_out: int
    told: ToldApart | None
    told_by_endings: float | None
    figures: dict[str, Beside]


def hear_styles(
    model: Model,
    store: PieceStore,
    data: TrainingData,
    number: int,
    style: str | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> list[Heard]:
    """Listens to every style that the model can be asked for and of which there are enough pieces.

    Args:
        model: a loaded model.
        store: the music.
        data: its split, in the model's vocabulary.
        number: of compositions for each style.
        style: listen to this one only.
        on_progress: told what is being listened to.
    """
    heard = []
    for name in [style] if style is not None else sorted(store.style_names):
        music = real_music(store, data, name, number) if _can_be_asked(model, name, store) else None
        if music is None:
            continue
        if on_progress:
            on_progress(f"heard in {name or 'compositions'}")
        heard.append(hear_style(model, music, number))
    return heard


def hear_style(model: Model, music: RealMusic, number: int) -> Heard:
    """Composes so many pieces as a user gets them, some with a natural ending, and listens."""
    return listen(music, compose_takes(model, music, number))


def compose_takes(model: Model, music: RealMusic, number: int) -> Takes:
    """What a model composes to be listened to: so many pieces as a user gets them, some with a natural ending."""
    settings = _settings(model, music.style, num_notes=COMPOSED_NOTES, num_pieces=number)
    may_end = _settings(
        model,
        music.style,
        num_notes=natural_limit(music),
        num_pieces=-(-number // NATURAL_SHARE),
        ending="natural",
    )
    composed, natural = ([one.piece for one in compose(model, asked)] for asked in (settings, may_end))
    return Takes(composed, first_takes(model, settings), natural)


def listen(music: RealMusic, takes: Takes) -> Heard:
    """Holds takes beside real music, whoever composed them."""
    told, told_by_endings = None, None
    long_enough = [piece for piece in takes.composed if len(piece) >= music.num_notes]
    if min(len(long_enough), len(music.pieces)) >= LEAST_PIECES:
        told = tell_apart(music.pieces, long_enough, music.num_notes)
        told_by_endings = auc(_closes(music.pieces), _closes(takes.composed))
    begun = [beginning(piece, COMPOSED_NOTES) for piece in music.pieces]
    figures = {
        **_beside(OF_FIRST_TAKES, _as_long_as(begun, takes.first), begun),
        **_beside(OF_BEGINNINGS, _as_long_as(begun, takes.composed), begun),
        **_natural(music, takes.natural),
    }
    return Heard(
        music.style, len(takes.composed), len(music.pieces), music.num_held_out, told, told_by_endings, figures
    )


def _as_long_as(real: list[Piece], takes: list[Piece]) -> list[Piece]:
    """Takes, cut to the lengths of real pieces: a longer one has more room to loop."""
    return [beginning(take, len(piece)) for take, piece in zip(takes, cycle(real), strict=False)]


def natural_limit(music: RealMusic) -> int:
    """How many notes takes with a natural ending may have: somewhat more than real pieces, 2,000 at most."""
    _, high = np.percentile(music.lengths, USUAL)
    return int(min(MAX_NATURAL_NOTES, high / (1 - ENDING_SHARE) + 1))


def hear_quickly(model: Model, real: Sequence[Piece], number: int = QUICK_PIECES, seed: int = 0) -> dict[str, float]:
    """A short form for while a model is in training: first takes, figures by name, a few seconds in all.

    Args:
        model: a loaded model.
        real: pieces of one style, best those held out; at least `LEAST_PIECES`, better 60.
        number: of compositions, at least `LEAST_PIECES`.
        seed: of the compositions.

    Returns:
        "told from real", an AUC, and the means of a few other figures; those that the music has.
    """
    num_notes = beginning_of(np.array([len(piece) for piece in real]))
    enough = with_ending(num_notes)
    said = [as_said(beginning(piece, enough), model.representation) for piece in real if len(piece) >= enough]
    style = real[0].style
    takes = first_takes(model, _settings(model, style, num_notes=enough, num_pieces=number, seed=seed))
    judged = [take for take in takes if len(take) >= num_notes]
    found = {name: mean_of_known(map(figure, takes)) for name, figure in (OF_FIRST_TAKES | OF_BEGINNINGS).items()}
    is_enough = min(len(said), len(judged)) >= LEAST_PIECES
    told = {"told from real": auc_of_all(said, judged, num_notes)} if is_enough else {}
    return told | {name: value for name, value in found.items() if not np.isnan(value)}


def _can_be_asked(model: Model, style: str, store: PieceStore) -> bool:
    """Whether the model composes this style when it is asked to; or any, and the music has no other."""
    controls = model.representation.controls
    return style in controls.styles if controls and style else len(store.style_names) == 1


def _settings(model: Model, style: str, **values: Any) -> Any:
    """As a user gets them who asks for the style alone."""
    controls = model.representation.controls
    known_style = style if controls and style in controls.styles else None
    return default_settings(model, style=known_style, **{"seed": 0} | values)


def _natural(music: RealMusic, takes: list[Piece]) -> dict[str, Beside]:
    """Figures of whole takes, which may end when they like, up to where real pieces have ended."""
    (low, high), limit = np.percentile(music.lengths, USUAL), natural_limit(music)
    real = [beginning(piece, limit) for piece in music.pieces]

    def is_usual(num_notes: int) -> float:
        """Whether it is a usual length, and no ending was urged on it."""
        return float(low <= num_notes <= min(high, (1 - ENDING_SHARE) * limit))

    of_lengths = _compared([is_usual(len(one)) for one in takes], [is_usual(one) for one in music.lengths.tolist()])
    found = {**_beside(OF_WHOLE_PIECES, takes, real), **_beside(OF_CLOSES, takes, music.pieces)}
    return found | ({ENDS: of_lengths} if of_lengths else {})


def _beside(figures: dict[str, Figure], composed: list[Piece], real: list[Piece]) -> dict[str, Beside]:
    """Those figures that both compositions and real pieces have."""
    compared = {name: _compared(map(figure, composed), map(figure, real)) for name, figure in figures.items()}
    return {name: one for name, one in compared.items() if one is not None}


def _compared(composed: Iterable[float], real: Iterable[float]) -> Beside | None:
    """A figure on both sides; None where a side has none."""
    first, second = known(composed), known(real)
    if not len(first) or not len(second):
        return None
    composed_mean, real_mean = float(first.mean()), float(second.mean())
    if np.isin(second, (0, 1)).all():
        margin = 2 * np.sqrt(real_mean * (1 - real_mean) / len(first))
        return Beside(composed_mean, real_mean, max(0.0, real_mean - margin), min(1.0, real_mean + margin))
    return Beside(composed_mean, real_mean, *np.percentile(second, USUAL).tolist())


def _closes(pieces: list[Piece]) -> np.ndarray:
    """Figures of how pieces end, shape (num_pieces, num_figures)."""
    return np.array([list(describe_close(piece).values()) for piece in pieces], float)
