"""How long pieces may become, and where they are to end: planned ahead, so that an end can be prepared.

Nobody knows how many bars a number of notes takes: the plan follows the music as it grows, until the end is near.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from melodyforge.decoding.sampling import IMPOSSIBLE
from melodyforge.music.piece import Meter
from melodyforge.tokens.headings import Heading
from melodyforge.tokens.plan import NOT_KNOWN, Plan
from melodyforge.tokens.representation import Context

ENDING_SHARE = 0.1  # in this last part of the length an ending becomes ever more welcome
ENDING_LOGIT = 4.0  # how much, at the very end, or once the planned one has come
ROWS_PER_NOTE = 4  # at most, on average: most representations have one, others have rests in rows of their own
AIM, LEAST_AIM = 0.94, 0.9  # of the length: music that is denser at the end than before still has room for it
PHRASES = (2, 4)  # bars; the end closes the longest of these that real music of the heading closes
DECIDED_BARS = 3  # before the end, from where on it stays where it is
ROWS_BETWEEN_PLANS = 16
CLOSE_BARS = 2  # that must be left to a close, from the bar on in which there is room for no more
FEWEST_FOR_CLOSE = 12  # notes that must be left to it
LEFT_AT_CLOSE = 0.15  # of the length: where more would be left, there is no close yet
CLOSE_PACE_NOTES = 16.0
LATE, FIRST_BARS = 1.25, 4  # a close is rather planned too late, and at first so many bars away: it can come sooner
PACE_NOTES = 64.0  # so many notes of the music's own tell as much of its pace as that under the heading


@dataclass(frozen=True)
class Length:
    """How long a piece may become, what a primer gave not counted.

    Attributes:
        num_notes: at most; the row that reaches this number is the last.
        is_full: whether the network may not end the piece before the last `ENDING_SHARE`.
        num_steps: after which each piece is over, shape (num_pieces,); None: notes alone count.
    """

    num_notes: int
    is_full: bool = False
    num_steps: np.ndarray | None = None

    @property
    def max_rows(self) -> int:
        """After which even music that hardly holds notes is over."""
        return ROWS_PER_NOTE * self.num_notes

    def share(self, context: Context) -> np.ndarray:
        """How far each piece has come towards its last note or step: 0 to 1, or a little more."""
        share = context.num_composed / self.num_notes
        return share if self.num_steps is None else np.maximum(share, context.steps_composed / self.num_steps)

    def is_over(self, context: Context) -> np.ndarray:
        """Which pieces have come to their last note or step."""
        is_over = context.num_composed >= self.num_notes
        return is_over if self.num_steps is None else is_over | (context.steps_composed >= self.num_steps)


class Ending:
    """Where pieces end that are composed side by side."""

    def __init__(
        self,
        length: Length,
        headings: Sequence[Heading],
        context: Context,
        *,
        is_given: bool = False,
        ends_as_planned: bool = False,
    ) -> None:
        """Begins where the context has come to, past its primers.

        Args:
            length: of every piece.
            headings: of each.
            context: of the pieces.
            is_given: whether the headings tell where pieces end.
            ends_as_planned: whether pieces end at the planned step, which is the beginning of a bar, and nowhere else.
        """
        self._ends_as_planned = ends_as_planned
        self._length, self._context, self._begins = length, context, context.num_rows.copy()
        self._is_given = is_given
        meters = [Meter(0, one.numerator, one.denominator).bar_steps for one in headings]
        self._bar_steps = np.array(
            [0 if one.is_performed else steps for one, steps in zip(headings, meters, strict=True)]
        )
        self._real = np.array([NOT_KNOWN if one.form.last_step is None else one.form.last_step for one in headings])
        notes = np.array([one.form.num_notes or 0 for one in headings], float)
        has_form = (notes > 0) & (self._real > 0)
        self._place = np.where(self._real > 0, self._real % np.maximum(1, self._bar_steps), 0)
        if ends_as_planned:
            self._place = np.zeros_like(self._place)
        # Steps a note: as under the heading, else as in the primer.
        given = np.where(context.num_given > 0, context.begins / np.maximum(1, context.num_given), 12.0)
        self._pace = np.where(has_form, self._real / np.maximum(1, notes), given)

    def plan(self) -> None:
        """Says anew where each piece is to end, as long as that is far away."""
        context = self._context
        is_due = (context.num_rows - self._begins) % ROWS_BETWEEN_PLANS == 0
        if self._ends_as_planned and context.plan is not None:
            self._plan_close(context, context.plan, is_due)
            return
        if context.plan is None or self._is_given or not np.count_nonzero(is_due):
            return
        known, clock = context.plan.last_step, context.clock
        is_decided = (known != NOT_KNOWN) & (known - clock < DECIDED_BARS * np.maximum(self._bar_steps, 96))
        if self._length.is_full:  # what has become sparser than was foreseen goes on
            is_decided &= (clock < known) | (self._lateness() >= 0)
        context.plan.last_step = np.where(is_due & ~is_decided, self._last_step(context), known)

    def _plan_close(self, context: Context, plan: Plan, is_due: np.ndarray) -> None:
        """As `plan`, for pieces that end there: sooner where notes run out, later where many would be left."""
        length, clock, bar_steps = self._length, context.clock, np.maximum(1, self._bar_steps)
        a_bar = bar_steps / np.maximum(1, self._steps_a_note(context, CLOSE_PACE_NOTES))  # notes in it
        left = length.num_notes - context.num_composed
        far_away = (plan.last_step == NOT_KNOWN) | (plan.last_step - clock >= DECIDED_BARS * np.maximum(bar_steps, 96))
        if length.is_full and length.num_steps is None:
            at_the_end = left - (plan.last_step - clock) / bar_steps * a_bar  # notes that would be left there
            is_early = at_the_end > LEFT_AT_CLOSE * length.num_notes + a_bar
            far_away, is_due = far_away | is_early, is_due | is_early
        is_open = (plan.last_step == NOT_KNOWN) | (clock < plan.last_step - bar_steps) | (context.num_composed == 0)
        is_open &= ~context.has_ended  # the bar before the end prepares it, and what has ended keeps its last step
        is_due = is_due & far_away & is_open
        if np.count_nonzero(is_due):
            plan.last_step = np.where(is_due, self._last_step(context), plan.last_step)
        soon = (clock // bar_steps + CLOSE_BARS) * bar_steps
        is_short = (left <= np.maximum(FEWEST_FOR_CLOSE, 0.75 * CLOSE_BARS * a_bar)) & (plan.last_step > soon)
        plan.last_step = np.where(is_short & is_open, soon, plan.last_step)

    def _steps_a_note(self, context: Context, notes_of_heading: float = PACE_NOTES) -> np.ndarray:
        """The pace of each piece, at first that of its heading, which counts as so many notes; shape (num_pieces,)."""
        return (context.steps_composed + notes_of_heading * self._pace) / (context.num_composed + notes_of_heading)

    def _last_step(self, context: Context) -> np.ndarray:
        """The step at which the last notes of each piece should begin, as things stand; shape (num_pieces,)."""
        left = self._length.num_notes - context.num_composed
        pace = self._steps_a_note(context, CLOSE_PACE_NOTES if self._ends_as_planned else PACE_NOTES)
        latest = context.clock + (LATE if self._ends_as_planned else 1.0) * AIM * left * pace
        if not self._length.is_full:
            latest = np.where(self._real > 0, np.minimum(latest, context.begins + self._real), latest)
        last_step = np.where(self._bar_steps > 0, self._closing(latest, context.begins), latest)
        if self._ends_as_planned:
            bars = np.where(context.num_composed > 0, CLOSE_BARS, FIRST_BARS)  # the bar before the end has not begun
            earliest = (context.clock // np.maximum(1, self._bar_steps) + bars) * self._bar_steps
            last_step = np.maximum(last_step, earliest)
        if self._length.num_steps is not None:  # who asks for bars gets as many
            last_step = np.minimum(last_step, self._at_place(context.begins + self._length.num_steps - 1))
        return last_step.astype(np.int64)

    def _at_place(self, latest: np.ndarray) -> np.ndarray:
        """The last step up to each that is where in the bar real music of the heading ends; shapes (num_pieces,)."""
        return np.where(self._bar_steps > 0, latest - (latest - self._place) % np.maximum(1, self._bar_steps), latest)

    def _closing(self, latest: np.ndarray, begins: np.ndarray) -> np.ndarray:
        """A step that closes a phrase, a little before the latest; shapes (num_pieces,)."""
        bar_steps = np.maximum(1, self._bar_steps)
        real_bars = self._real // bar_steps + 1
        closing = self._at_place(latest)
        num_bars = closing // bar_steps + 1  # that there is room for
        fewest = begins + LEAST_AIM / AIM * (latest - begins)
        for phrase in PHRASES:
            last = closing - num_bars % phrase * bar_steps
            closing = np.where((last >= fewest) & ((real_bars % phrase == 0) | (self._real < 0)), last, closing)
        return closing

    def bias(self) -> np.ndarray | np.float32:
        """What is added to the logit of the end of each piece; none ends before its first note."""
        context, is_full, lateness = self._context, self._length.is_full, self._lateness()
        if is_full and lateness.max() < 0 and not self._ends_as_planned:  # mostly
            return IMPOSSIBLE
        if self._ends_as_planned and context.plan is not None:
            has_come = (context.num_composed > 0) & (context.clock >= context.plan.last_step)
            return np.where(has_come, np.float32(ENDING_LOGIT), IMPOSSIBLE)
        is_too_early = ((context.num_composed == 0) & (not self._is_given)) | (is_full & (lateness < 0))
        if context.plan is not None:
            has_come = (context.plan.last_step != NOT_KNOWN) & (context.clock >= context.plan.last_step)
            lateness = np.maximum(lateness, has_come)
        return np.where(is_too_early, IMPOSSIBLE, ENDING_LOGIT * np.maximum(lateness, 0)).astype(np.float32)

    def _lateness(self) -> np.ndarray:
        """How far each piece has come in the last `ENDING_SHARE` of its length: 0 to 1, negative before."""
        return (self._length.share(self._context) - 1 + ENDING_SHARE) / ENDING_SHARE
