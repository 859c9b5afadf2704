"""What is to be composed, with what: put together once, read by all that compose it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from melodyforge.bundle import Model
from melodyforge.composing.holding import Holding, hold_primer
from melodyforge.composing.limits import Limits, read_limits
from melodyforge.composing.wishes import asked_controls, require_index
from melodyforge.errors import SettingsError
from melodyforge.figures.closes import ON_TONIC
from melodyforge.music.habits import Habits
from melodyforge.music.piece import Piece
from melodyforge.settings import ComposeSettings

CANDIDATES = {"quick": 1, "good": 8, "best": 32}  # for each effort
FOR_HEADINGS, FOR_ROWS, FOR_PASSAGES = range(3)  # what random numbers are drawn for


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is to be composed, with what.

    Attributes:
        model: that composes.
        settings: how.
        primer: music to go on from, or None.
        primer_rows: those that are gone on from, or None.
        holding: what of the primer stands while other notes are composed around it; None if it is gone on from.
        asked: what the settings ask for, as the model's controls, shape (num_columns,).
        limits: what every note keeps to; None: nothing.
    """

    model: Model
    settings: ComposeSettings
    primer: Piece | None
    primer_rows: np.ndarray | None
    holding: Holding | None
    asked: np.ndarray
    limits: Limits | None = None

    @property
    def num_candidates(self) -> int:
        """Among how many ways to go on the best is chosen, phrase by phrase; 1 where nobody can judge them."""
        return CANDIDATES[self.settings.effort] if self.model.critic else 1

    def rngs(self, indices: list[int], draw: int, purpose: int) -> list[np.random.Generator]:
        """For each piece a source of random numbers of its own, and another for each draw and purpose."""
        return [np.random.default_rng([self.settings.seed, index, draw, purpose]) for index in indices]

    def rngs_of_candidates(self, indices: list[int], draw: int) -> list[np.random.Generator]:
        """The random numbers that each candidate of each piece draws its rows with; the first as without others."""
        seed, others = self.settings.seed, range(1, self.num_candidates)
        return [
            rng
            for index, first in zip(indices, self.rngs(indices, draw, FOR_ROWS), strict=True)
            for rng in (first, *(np.random.default_rng([seed, index, draw, FOR_ROWS, 0, other]) for other in others))
        ]

    def rng_after(self, index: int, draw: int, num_mended: int) -> np.random.Generator:
        """The random numbers that a piece goes on with once it has been taken back so many times."""
        return np.random.default_rng([self.settings.seed, index, draw, FOR_ROWS, num_mended])

    def score(self, piece: Piece, has_ended: bool) -> float:
        """How much a piece sounds like real music of its style, as far as it has come."""
        return self.model.critic.score(piece, has_ended) if self.model.critic else 0.0

    def share_on_tonic(self, style: str) -> float:
        """How much of the real music of a style ends on the tonic, 0 to 1; 0 where that is not known."""
        return self.model.critic.usual_close(style, ON_TONIC) if self.model.critic else 0.0

    def normal(self, style: str) -> Habits:
        """How far music of a style goes, as the model has heard it; or a primer whose rhythm is kept."""
        habits = self.model.config.get("habits", {})
        usual = Habits.from_dict(habits.get(style, habits.get("", {})))
        return usual.wider(self.holding.habits) if self.holding and self.holding.melody else usual


def make_task(model: Model, settings: ComposeSettings, primer: Piece | None) -> Task:
    """Puts together what is to be composed.

    What goes on from music of a style that the model knows keeps to it, if none is asked for.

    Raises:
        SettingsError: the primer holds nothing that the model can go on from, or has not what is to be kept or
            composed anew, or the model has not learnt what is asked for.
    """
    controls = model.representation.controls
    if primer is not None and controls and settings.style is None and primer.style in controls.styles:
        settings = settings.changed(style=primer.style)
    asked = asked_controls(model, settings)
    require_index(model, settings)
    holding = hold_primer(model, settings, primer) if settings.keeps_parts else None
    return Task(
        model=model,
        settings=settings,
        primer=primer,
        primer_rows=None if primer is None or holding else _primer_rows(model, settings, primer),
        holding=holding,
        asked=asked,
        limits=read_limits(model, settings),
    )


def _primer_rows(model: Model, settings: ComposeSettings, primer: Piece) -> np.ndarray:
    """The first rows of the primer, as many as are to be gone on from."""
    rows = model.representation.encode(primer)
    if settings.primer_notes:
        num_notes = model.representation.notes_in(rows).cumsum()
        rows = rows[: max(1, np.searchsorted(num_notes, settings.primer_notes, side="right"))]
    if not len(rows):
        raise SettingsError(
            "The primer must hold notes for instruments that the model has learnt. Received none. "
            "Choose another primer."
        )
    return rows
