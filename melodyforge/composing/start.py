"""What takes begin with: the heading of each, how long it may be, and what music it goes on from.

Chooses among the headings and passages of training music; does not compose.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from melodyforge.composing.forms import asks_for_sections, stretch, with_form
from melodyforge.composing.holding import Holding
from melodyforge.composing.task import FOR_HEADINGS, FOR_PASSAGES, Task
from melodyforge.decoding.ending import Length
from melodyforge.errors import SettingsError
from melodyforge.music.form import NO_FORM
from melodyforge.music.instruments import refused
from melodyforge.music.keys import Key, key_named
from melodyforge.music.piece import STEPS_PER_QUARTER, Meter, Piece
from melodyforge.settings import MAX_NOTES, ComposeSettings, Wishes
from melodyforge.tokens.controls import Controls
from melodyforge.tokens.headings import Heading, heading_of
from melodyforge.tokens.held import LOOK_AHEAD_STEPS, Hold
from melodyforge.tokens.representation import Context, Representation
from melodyforge.tokens.wishes import ANY

Given = int | np.ndarray  # how many of the first notes of a piece were given, or which, bool, shape (num_notes,)


def composed_part(task: Task, piece: Piece, given: Given) -> Piece:
    """The stretch that was composed, with what was given in it, as a piece of its own.

    Of bars that were varied here and there it is these bars, one behind the other.
    """
    if isinstance(given, int):
        return _from_zero(piece, piece.notes[given:])
    if task.holding and task.settings.vary:
        return task.holding.varied_part(piece)
    composed = piece.notes["onset"][~given]
    first, last = composed.min(initial=0 if not len(composed) else composed[0]), composed.max(initial=-1)
    return _from_zero(piece, piece.notes[(piece.notes["onset"] >= first) & (piece.notes["onset"] <= last)])


def _from_zero(piece: Piece, notes: np.ndarray) -> Piece:
    """Some notes of a piece, moved to where it begins."""
    notes = notes.copy()
    if len(notes):
        notes["onset"] -= notes["onset"][0]
    return piece.with_notes(notes)


@dataclass(frozen=True, kw_only=True)
class Start:
    """What takes that are composed side by side begin with.

    Attributes:
        representation: says what rows mean.
        headings: of each.
        length: that each may have.
        primers: rows that each goes on from, all of the same length, or None.
        are_kept: whether they are a part of the music; passages of training music are not.
        holding: a primer of which a part stands, or None.
        holds: what stands beside each, and what may be composed.
    """

    representation: Representation
    headings: list[Heading]
    length: Length
    primers: list[np.ndarray] | None = None
    are_kept: bool = True
    holding: Holding | None = None
    holds: tuple[Hold, ...] = ()

    def piece(self, context: Context, place: int, num_rows: int | None = None) -> Piece:
        """What there is so far of the take at a place, or what its first rows gave; no longer than it may be."""
        return self.heard(context, place, num_rows)[0]

    def heard(self, context: Context, place: int, num_rows: int | None = None) -> tuple[Piece, Given]:
        """As `piece`, and what of it was given; of music around which is composed, what comes with it and soon after.

        What stands behind is no part of it: all candidates of a take are judged by what they have come to.
        """
        rows = context.rows(place)[:num_rows]
        if self.holding:
            is_over = num_rows is None and context.has_ended[place]
            come = int(rows["onset"][-1]) + 1 if len(rows) else self.holding.stretch.start
            until = self.holding.stretch.stop + LOOK_AHEAD_STEPS if is_over else come
            return self.holding.merged(rows, until)
        if self.primers and not self.are_kept:
            rows = self.representation.without_beginning(rows, len(self.primers[place]))
        piece = self.representation.decode(rows, self.headings[place])
        if self.length.num_steps is not None:
            begins = int(context.begins[place]) if self.are_kept else 0
            piece = _until(piece, begins + self.length.num_steps[place])
        num_given = int(context.num_given[place]) if self.are_kept else 0
        return _with_at_most(piece, num_given + self.length.num_notes), num_given

    def whole(self, context: Context, place: int, num_rows: int | None = None) -> tuple[Piece, Given]:
        """As `heard`, with all of a primer that stands, whether or not composing has come so far."""
        if self.holding:
            return self.holding.merged(context.rows(place)[:num_rows])
        return self.heard(context, place, num_rows)

    def has_closed(self, context: Context, place: int) -> bool:
        """Whether a take has come to where the music ends, not just to where a primer goes on."""
        return bool(context.has_ended[place]) and (self.holding is None or self.holding.stretch.reaches_end)

    def share(self, context: Context) -> np.ndarray:
        """How far each take has come: 0 to 1, or a little more."""
        if self.holding is None:
            return self.length.share(context)
        stretch = self.holding.stretch
        return np.maximum(0.0, (context.clock - stretch.start) / (stretch.stop - stretch.start))

    def repeated(self, number: int) -> Start:
        """Each of the takes so many times, one behind the other: candidates to choose among."""
        if number == 1:
            return self
        steps = self.length.num_steps
        return replace(
            self,
            headings=[heading for heading in self.headings for _ in range(number)],
            primers=self.primers and [primer for primer in self.primers for _ in range(number)],
            holds=tuple(hold for hold in self.holds for _ in range(number)),
            length=replace(self.length, num_steps=None if steps is None else np.repeat(steps, number)),
        )

    def num_rows(self, context: Context, place: int, num_notes: int) -> int:
        """How many rows of the context the first notes of the piece at a place stand for."""
        if self.holding:
            reached = self.piece(context, place).notes["onset"][: num_notes + 1].max(initial=0)
            return int(np.searchsorted(context.rows(place)["onset"], reached))
        num_dropped = len(self.primers[place]) if self.primers and not self.are_kept else 0
        num_notes_of_rows = self.representation.notes_in(context.rows(place)[num_dropped:]).cumsum()
        return num_dropped + int(np.searchsorted(num_notes_of_rows, num_notes, side="right"))

    def steps_dropped(self, context: Context, place: int) -> int:
        """How many steps of the context come before the piece: those of a passage that is not kept."""
        if not self.primers or self.are_kept:
            return 0
        first = context.rows(place)[len(self.primers[place]) :][:1]
        return int(first["onset"][0]) - max(0, int(first["position"][0])) if len(first) else 0

    def passage(self, place: int) -> Piece | None:
        """The passage that a take starts from without keeping it."""
        if not self.primers or self.are_kept:
            return None
        return self.representation.decode(self.primers[place], self.headings[place])


def choose_start(task: Task, indices: list[int], draw: int) -> Start:
    """What each take begins with: the primer, a passage of training music, or nothing but a heading."""
    if task.holding:
        return _start_around(task, task.holding, task.rngs(indices, draw, FOR_HEADINGS))
    if task.primer is not None and task.primer_rows is not None:
        number = len(indices)
        return _start(task, [replace(heading_of(task.primer), form=NO_FORM)] * number, [task.primer_rows] * number)
    known = task.passages
    if known:
        passages = [known[rng.integers(len(known))] for rng in task.rngs(indices, draw, FOR_PASSAGES)]
        rows = [one.rows[: task.settings.passage_notes] for one in passages]
        headings = [replace(one.heading, form=NO_FORM) for one in passages]
        return _start(task, headings, rows, are_kept=False)
    suitable = _suitable_headings(task)
    return _start(task, [_drawn(suitable, rng) for rng in task.rngs(indices, draw, FOR_HEADINGS)])


def _start(
    task: Task, headings: list[Heading], primers: list[np.ndarray] | None = None, are_kept: bool = True
) -> Start:
    """The start with these headings, once the wishes are put in place."""
    headings = [_as_asked(heading, task) for heading in headings]
    if primers is None:
        headings = [with_form(heading, task.settings) for heading in headings]
    return Start(
        representation=task.model.representation,
        headings=[
            _told_chords(task, heading, primers[place] if primers else None) for place, heading in enumerate(headings)
        ],
        length=_length(task.settings, headings, _steps_waited(task)),
        primers=primers,
        are_kept=are_kept,
    )


def _start_around(task: Task, holding: Holding, rngs: list[np.random.Generator]) -> Start:
    """The start of takes in which a part of the primer stands, one for each source of random numbers."""
    before = holding.rows[: holding.num_before]
    heading = _told_chords(task, replace(heading_of(holding.primer), form=holding.form), before)
    free = [holding.is_free if holding.is_free.any() else _companions(task, holding, rng) for rng in rngs]
    return Start(
        representation=task.model.representation,
        headings=[heading] * len(rngs),
        length=Length(MAX_NOTES + len(holding.rows)),
        primers=[before] * len(rngs) if len(before) else None,
        holding=holding,
        holds=tuple(holding.hold(one) for one in free),
    )


def _told_chords(task: Task, heading: Heading, before: np.ndarray | None) -> Heading:
    """The heading with the chords that are asked for, behind the rows that come before; as it is without any."""
    if not task.limits:
        return heading
    return task.limits.told(heading, int(before["onset"][-1]) if before is not None and len(before) else None)


def _companions(task: Task, holding: Holding, rng: np.random.Generator) -> np.ndarray:
    """Track classes that play beside those that stand, as in training music that has most of these; all if none has."""
    controls, is_held = task.model.representation.controls, holding.is_held
    if controls is None:
        return ~is_held
    may_play = ~is_held & ~controls.forbidden_tracks(task.asked)
    silent = {one: controls.forbidden_tracks(controls.of(one.traits)) for one in _suitable_headings(task)}
    of_heading = {one: ~silent[one] & silent[one].any() for one in silent}  # none where instruments are not known
    fits = {one: (bool((plays & may_play).any()), int((plays & is_held).sum())) for one, plays in of_heading.items()}
    best = max(fits.values())
    plays = of_heading[_drawn([one for one, fit in fits.items() if fit == best], rng)]
    return plays & may_play if best[0] else may_play


def _suitable_headings(task: Task) -> list[Heading]:
    """The headings of those training pieces that suit the wishes best."""
    headings, controls = task.headings, task.model.representation.controls
    if not controls:
        return headings
    # Music for instruments that have no class of their own does not say which others are silent.
    headings = [one for one in headings if controls.forbidden_tracks(controls.of(one.traits)).any()] or headings
    if task.limits:
        headings = task.limits.suitable(headings)
    if asks_for_sections(task.settings):
        headings = [one for one in headings if not one.is_performed]
    if refused(task.settings.instruments or ())[1]:
        headings = _with_something_to_play(task, headings, controls)
    if not (task.settings.style or task.settings.instruments):  # drums alone are for those who ask for them
        headings = [one for one in headings if one.traits.key is not None] or headings
    fits = [controls.suits(heading.traits, task.settings) for heading in headings]
    best = max(fits)
    fitting = [heading for heading, fit in zip(headings, fits, strict=True) if fit == best]
    return _long_enough(task.limits.in_mode(fitting) if task.limits else fitting, task.settings)


def _long_enough(headings: list[Heading], settings: ComposeSettings) -> list[Heading]:
    """Those of music as long as is asked for, if they are half of all; else the half that comes nearest to it."""
    stretches = np.array([stretch(heading, settings) for heading in headings])
    return [headings[index] for index in np.flatnonzero(stretches <= np.median(stretches))]


def _with_something_to_play(task: Task, headings: list[Heading], controls: Controls) -> list[Heading]:
    """Those whose music is not all played by what is refused.

    Raises:
        SettingsError: there are none in the style that is asked for.
    """
    style = task.settings.style
    rows = {one: np.where(task.asked == ANY, controls.of(one.traits), task.asked) for one in headings}
    playing = [one for one, row in rows.items() if not controls.forbidden_tracks(row).all()]
    if not [one for one in playing if style in (None, one.traits.style)]:
        raise SettingsError(
            f"`instruments` must leave something to play. Received {', '.join(task.settings.instruments or ())}, of "
            "music that nothing else plays. Leave them out, or choose another style."
        )
    return playing


def _drawn(headings: list[Heading], rng: np.random.Generator) -> Heading:
    """One of the headings; each style is as likely as any other, however many pieces it has."""
    styles = sorted({heading.traits.style for heading in headings})
    style = styles[rng.integers(len(styles))]
    of_style = [heading for heading in headings if heading.traits.style == style]
    return of_style[rng.integers(len(of_style))]


def _as_asked(heading: Heading, task: Task) -> Heading:
    """The heading with the very style, tempo, meter and key that are wished for."""
    wishes: Wishes = task.settings
    wished: dict[str, Any] = {"style": wishes.style, "tempo_qpm": wishes.tempo, "meter": wishes.meter}
    wished["key"] = _key_asked(heading, task)
    return heading.changed(**{name: value for name, value in wished.items() if value is not None})


def _key_asked(heading: Heading, task: Task) -> Key | None:
    """The key that is wished for, or that scale or chords imply; of a mode alone that on the tonic of the heading."""
    if task.limits and task.limits.key:
        return task.limits.key
    if not task.settings.key:
        return None
    (tonic, is_minor), own = key_named(task.settings.key), heading.traits.key
    if tonic is None and own:
        tonic = own.tonic
    return None if tonic is None else Key(tonic, bool(is_minor))


def _steps_waited(task: Task) -> int:
    """Steps from the last onset of a primer to where it is gone on from at the earliest."""
    if not task.first_step or task.primer_rows is None:
        return 0
    return max(0, task.first_step - int(task.primer_rows["onset"][-1]))


def _length(settings: ComposeSettings, headings: list[Heading], waited: int) -> Length:
    """How long each piece may be: in notes, unless bars or seconds are given, which count behind so many steps."""
    limits: list[list[float]] = []
    if settings.num_bars:
        limits.append([settings.num_bars * Meter(0, one.numerator, one.denominator).bar_steps for one in headings])
    if settings.num_seconds:
        limits.append([settings.num_seconds * one.traits.tempo_qpm / 60 * STEPS_PER_QUARTER for one in headings])
    if asks_for_sections(settings):  # as many bars as the sections have
        limits = [[(one.form.last_step or 0) + 1 for one in headings]]
    is_full = settings.ending == "full"
    if not limits:
        return Length(settings.num_notes, is_full)
    return Length(MAX_NOTES, is_full, np.min(limits, axis=0) + waited)


def _until(piece: Piece, last_step: float) -> Piece:
    """The piece without notes that begin at its last step or later."""
    return piece.with_notes(piece.notes[piece.notes["onset"] < last_step])


def _with_at_most(piece: Piece, num_notes: int) -> Piece:
    """The piece with its first notes only; of a chord that is cut the highest stay, which carry the melody."""
    if len(piece) <= num_notes:
        return piece
    order = np.lexsort((-piece.notes["pitch"].astype(int), piece.notes["onset"]))
    return piece.with_notes(piece.notes[order[:num_notes]])
