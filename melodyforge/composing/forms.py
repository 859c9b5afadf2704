"""Which form takes are told to have: that of the heading, none, or sections that return as letters say."""

from __future__ import annotations

import math
from dataclasses import replace

from melodyforge.errors import SettingsError
from melodyforge.music.form import form_of_letters, letters_of, section_bars
from melodyforge.music.piece import STEPS_PER_QUARTER, Meter
from melodyforge.settings import ComposeSettings
from melodyforge.tokens.headings import Heading

FREE = "free"
USUAL_NOTES_A_BAR = 12.0  # where the heading does not tell
SPARSER = 2  # times as many bars as expected are planned: the music may become sparser


def asks_for_sections(settings: ComposeSettings) -> bool:
    """Whether sections are to return as letters say."""
    return settings.form is not None and settings.form.lower() != FREE


def with_form(heading: Heading, settings: ComposeSettings) -> Heading:
    """The heading with the form that is asked for.

    Raises:
        SettingsError: the form is none, or has no room in the length.
    """
    if settings.form is None:
        return _as_long_as_asked(_with_own_close(heading), settings)
    if not asks_for_sections(settings):
        return replace(heading, form=replace(heading.form, returns=()))
    try:
        letters = letters_of(settings.form)
    except ValueError as error:
        raise SettingsError(f"`form` must be letters such as AABA. Received {settings.form!r}: {error}.") from None
    room, bar_steps = _room_in_bars(heading, settings), _bar_steps(heading)
    num_bars = section_bars(letters, int(room))
    if not num_bars:
        raise SettingsError(
            f"`form` of {len(letters)} sections needs a bar for each. Received a length of about {int(room)} bars. "
            "Make the piece longer, or the form shorter."
        )
    share = num_bars * len(letters) / room
    real, num_notes = heading.form, round(share * room * _notes_a_bar(heading))
    last_step = (num_bars * len(letters) - 1) * bar_steps + (real.last_step or 0) % bar_steps
    form = replace(form_of_letters(letters, num_bars, real), last_step=last_step, num_notes=max(1, num_notes))
    return _with_own_close(replace(heading, form=form))


def stretch(heading: Heading, settings: ComposeSettings) -> float:
    """How many times as long as its own music what follows a heading is to be; 1 where it is not longer."""
    num_bars = len(heading.form.returns)
    if settings.ending != "full" or settings.form is not None or not num_bars:
        return 1.0
    return max(1.0, _room_in_bars(heading, settings) / num_bars)


def _as_long_as_asked(heading: Heading, settings: ComposeSettings) -> Heading:
    """The heading, its form told again and again for new music, where that goes on behind its end.

    Without a plan what is behind the end repeats the last bars over and over.
    """
    times, form = stretch(heading, settings), heading.form
    if times == 1:
        return heading
    return replace(heading, form=replace(form, returns=form.returns * math.ceil(SPARSER * times)))


def _with_own_close(heading: Heading) -> Heading:
    """The heading, its last bar told as new: what only repeats closes as it closed before, well or not."""
    form = heading.form
    if form.last_step is None:
        return heading
    last_bar = form.last_step // _bar_steps(heading)
    return replace(
        heading, form=replace(form, returns=tuple(form.returns[:last_bar]) + (0,) * (last_bar < len(form.returns)))
    )


def _room_in_bars(heading: Heading, settings: ComposeSettings) -> float:
    """How many bars the length is, about."""
    if settings.num_bars:
        return settings.num_bars
    if settings.num_seconds:
        return settings.num_seconds * heading.traits.tempo_qpm / 60 * STEPS_PER_QUARTER / _bar_steps(heading)
    return settings.num_notes / _notes_a_bar(heading)


def _notes_a_bar(heading: Heading) -> float:
    """How many notes a bar of the heading's own music has."""
    form = heading.form
    if not form.num_notes or not form.last_step:
        return USUAL_NOTES_A_BAR
    return form.num_notes * _bar_steps(heading) / (form.last_step + _bar_steps(heading))


def _bar_steps(heading: Heading) -> int:
    return Meter(0, heading.numerator, heading.denominator).bar_steps
