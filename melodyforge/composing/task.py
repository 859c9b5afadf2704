"""What is to be composed, with what: put together once, read by all that compose it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from melodyforge.bundle import Model
from melodyforge.composing.forms import asks_for_sections
from melodyforge.composing.holding import Holding, hold_primer
from melodyforge.composing.limits import Limits, read_limits
from melodyforge.composing.manner import Manner
from melodyforge.composing.stretches import bars_called, join_by_bridge
from melodyforge.composing.wishes import asked_controls, require_index
from melodyforge.decoding.lstm import LstmNetwork
from melodyforge.decoding.network import DecodingNetwork
from melodyforge.errors import SettingsError
from melodyforge.figures.closes import ON_TONIC
from melodyforge.music.habits import Habits
from melodyforge.music.piece import Piece
from melodyforge.music.traits import read_traits
from melodyforge.originality.index import MusicIndex, merged
from melodyforge.settings import ComposeSettings
from melodyforge.tokens import NotesRepresentation
from melodyforge.tokens.headings import Heading, Passage

CANDIDATES = {"quick": 1, "good": 8, "best": 32}  # for each effort
MAX_DRAWS = 6  # takes before one that is degenerate, or not as asked, is kept after all
FEWEST_DRAWS = 2  # of all takes of a piece, where many are drawn at once
FOR_HEADINGS, FOR_ROWS, FOR_PASSAGES = range(3)  # what random numbers are drawn for


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is to be composed, with what.

    Attributes:
        model: that composes.
        settings: how.
        given: the primer and the take that is joined to it, as they were given, or None.
        primer: music to go on from, or of which a part stands; None if there is none.
        primer_rows: those that are gone on from, or None.
        first_step: before which nothing is composed, of a primer that is gone on from.
        holding: what of the primer stands while other notes are composed around it; None if it is gone on from.
        asked: what the settings ask for, as the model's controls, shape (num_columns,).
        limits: what every note keeps to; None: nothing.
        manner: of pieces that it is to be like; None: of none.
    """

    model: Model
    settings: ComposeSettings
    given: tuple[Piece | None, Piece | None]
    primer: Piece | None
    primer_rows: np.ndarray | None
    first_step: int
    holding: Holding | None
    asked: np.ndarray
    limits: Limits | None = None
    manner: Manner | None = None

    @cached_property
    def network(self) -> DecodingNetwork:
        """The model's, as it leans towards the pieces that it is to be like."""
        network = self.model.network
        return network.leaning(self.manner.lean) if self.manner and isinstance(network, LstmNetwork) else network

    @cached_property
    def index(self) -> MusicIndex | None:
        """Of the music that nothing should be a copy of: the training music, and the pieces that it is to be like."""
        learnt, given = self.model.index, self.manner.index if self.manner else None
        return merged(learnt, given) if learnt and given else learnt or given

    @cached_property
    def passages(self) -> list[Passage]:
        """What music may start from without keeping it: of other pieces, of those alone that are as asked for."""
        if self.manner is None:
            return self.model.passages if self.settings.start == "passage" else []
        controls = self.model.representation.controls
        known = [] if controls is None or asks_for_sections(self.settings) else self.manner.passages
        return [one for one in known if controls and not controls.missed(one.heading.traits, self.asked)]

    @property
    def headings(self) -> list[Heading]:
        """Of music that it may be like."""
        return list(self.manner.headings) if self.manner else self.model.representation.headings

    @property
    def num_abandoned(self) -> int:
        """Draws whose takes end where they cannot be mended; in later ones there are whole takes to choose from."""
        return num_draws(self.settings) // 2

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

    def missed(self, composed: Piece) -> list[str]:
        """In which points what was composed is not what was asked for, in words."""
        controls = self.model.representation.controls
        return controls.missed(read_traits(composed), self.asked) if controls and self.asked.any() else []

    def share_on_tonic(self, style: str) -> float:
        """How much of the real music of a style ends on the tonic, 0 to 1; 0 where that is not known."""
        return self.model.critic.usual_close(style, ON_TONIC) if self.model.critic else 0.0

    def normal(self, style: str) -> Habits:
        """How far music of a style goes, as the model has heard it; or a primer whose rhythm is kept."""
        habits = self.model.config.get("habits", {})
        usual = Habits.from_dict(habits.get(style, habits.get("", {})))
        return usual.wider(self.holding.habits) if self.holding and self.holding.melody else usual


def num_draws(settings: ComposeSettings) -> int:
    """How often takes of a piece are drawn at most."""
    return max(FEWEST_DRAWS, MAX_DRAWS // settings.best_of)


def make_task(
    model: Model,
    settings: ComposeSettings,
    primer: Piece | None,
    join: Piece | None = None,
    manner: Manner | None = None,
) -> Task:
    """Puts together what is to be composed.

    What goes on from music of a style that the model knows keeps to it, if none is asked for.

    Args:
        model: that composes.
        settings: how.
        primer: music to go on from, or of which a part stands.
        join: a take that is joined to it by a bridge.
        manner: of pieces that it is to be like.

    Raises:
        SettingsError: the primer holds nothing that the model can go on from, or has not what is to be kept or
            composed anew, or the model has not learnt what is asked for.
    """
    given, bridge, first_step = (primer, join), None, 0
    if join is not None:
        primer, bridge = join_by_bridge(primer, join, settings)
    elif settings.primer_bars and primer is not None:
        primer, first_step = _excerpt(model, settings, primer)
    controls = model.representation.controls
    if primer is not None and controls and settings.style is None and primer.style in controls.styles:
        settings = settings.changed(style=primer.style)
    asked = asked_controls(model, settings)
    require_index(model, settings)
    holding = hold_primer(model, settings, primer, bridge) if settings.keeps_parts or bridge else None
    return Task(
        model=model,
        settings=settings,
        given=given,
        primer=primer,
        primer_rows=None if primer is None or holding else _primer_rows(model, settings, primer, first_step),
        first_step=first_step,
        holding=holding,
        asked=asked,
        limits=read_limits(model, settings),
        manner=manner,
    )


def _excerpt(model: Model, settings: ComposeSettings, primer: Piece) -> tuple[Piece, int]:
    """The bars of the primer that are gone on from, and the step at which the last of them is over."""
    if settings.primer_notes or settings.keeps_parts:
        raise SettingsError(
            "`primer_bars` must stand alone. Received another setting that takes a part of the primer. Leave one out."
        )
    if not isinstance(model.representation, NotesRepresentation):
        raise SettingsError(
            "`primer_bars` needs a model that composes note by note, such as one of the recipe forge. Received the "
            f"model {model.name!r} of the recipe {model.recipe.name!r}. Take `primer_notes`, or another model."
        )
    bars = bars_called(primer, settings.primer_bars or "", "primer_bars")
    excerpt = primer.excerpt(bars[0], bars[-1] + 1)
    return excerpt, excerpt.start_of_bar(len(bars))


def _primer_rows(model: Model, settings: ComposeSettings, primer: Piece, first_step: int) -> np.ndarray:
    """The first rows of the primer, as many as are to be gone on from.

    Args:
        model: that goes on.
        settings: say how many.
        primer: whose rows they are.
        first_step: at which it goes on at the earliest.
    """
    representation = model.representation
    rows = representation.encode(primer)
    if settings.primer_notes:
        num_notes = representation.notes_in(rows).cumsum()
        rows = rows[: max(1, np.searchsorted(num_notes, settings.primer_notes, side="right"))]
    if not len(rows):
        raise SettingsError(
            "The primer must hold notes for instruments that the model has learnt. Received none. "
            "Choose another primer."
        )
    if first_step and isinstance(representation, NotesRepresentation):
        silence = first_step - int(rows["onset"][-1])
        if silence > representation.vocabulary.shifts.values[-1]:
            raise SettingsError(
                f"`primer_bars` must end near its notes. Received {settings.primer_bars}, whose last bars are silent."
            )
    return rows
