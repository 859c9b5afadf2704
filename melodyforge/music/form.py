"""The form of a piece: which of its bars return to which, and where it ends. Knows pieces only.

What a bar holds is which pitches begin in which sixteenth of it; lengths and loudness do not matter. Bars that return
are told as in MELONS (Zou et al., 2022), by how many bars before stood what they repeat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from melodyforge.music.piece import NUM_PITCHES, STEPS_PER_QUARTER, Piece

SIXTEENTH = STEPS_PER_QUARTER // 4  # steps
SHORTEST_SECTION = 4  # bars
MAX_LETTERS = 26
NAMED = {"rondo": "ABACA", "verse-chorus": "ABABCB"}
MAX_BARS = 1000  # of a piece that are looked at
EXACT, VARIED = 0.95, 0.5  # bars at least so alike return as they were, or varied
LEFT_OVER = 0.2  # of the room for a section may stay empty
STEADY = 0.15  # so much less alike may be a bar that is as far back as that of the bar before


@dataclass(frozen=True, slots=True)
class Form:
    """Which bars return, and where the music ends.

    Attributes:
        returns: for each bar how many bars before stood what it repeats, negative if it is varied; 0 for what is new.
            Empty where nothing is known.
        last_step: at which the last notes begin; None where it is not known.
        num_notes: how many there are up to then; None likewise.
    """

    returns: tuple[Annotated[int, Field(ge=-MAX_BARS, le=MAX_BARS)], ...] = ()
    last_step: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    num_notes: Annotated[int, Field(ge=1)] | None = None


NO_FORM = Form()  # where all is left open


def read_form(piece: Piece) -> Form:
    """The form of a piece; music without bars has none but its end."""
    if not len(piece):
        return NO_FORM
    returns = () if piece.is_performed else _returns(piece)
    return Form(returns, int(piece.notes["onset"][-1]), len(piece))


def letters_of(words: str) -> str:
    """The letters of a form by its name, or as they are: a letter that stood before returns, a small one varied.

    Raises:
        ValueError: a small letter stands for what did not stand before.
    """
    letters = NAMED.get(words.lower(), words)
    for place, letter in enumerate(letters):
        if not letter.isupper() and letter.upper() not in letters[:place]:
            raise ValueError(f"{letter!r} varies what did not stand before")
    return letters


def section_bars(letters: str, num_bars: int) -> int:
    """How many bars each section has, so that all have room in so many; 0 if they have not.

    A multiple of four if those fill most of the room, else of two.
    """
    room = num_bars // len(letters)
    return next((room - room % phrase for phrase in (4, 2) if room % phrase <= room * LEFT_OVER), room)


def form_of_letters(letters: str, num_bars: int, real: Form) -> Form:
    """The form in which sections return whole as their letters do.

    Args:
        letters: see `letters_of`.
        num_bars: of each section.
        real: of what is new, bars return within a section as in this form.
    """
    returns, begins = list[int](), dict[str, int]()
    for place, letter in enumerate(letters):
        first = place * num_bars
        if letter.upper() in begins:
            distance = first - begins[letter.upper()]
            returns += [-distance if letter.islower() else distance] * num_bars
        else:
            inner = [*real.returns[first : first + num_bars], *[0] * num_bars][:num_bars]
            returns += [one if abs(one) <= bar else 0 for bar, one in enumerate(inner)]
            begins[letter.upper()] = first
    return Form(tuple(returns))


def bar_likeness(piece: Piece, with_pitch: bool = True) -> np.ndarray:
    """How alike each two bars are: notes that both have, as a share of those that one has (Jaccard).

    Args:
        piece: with bars; each onset counts for the sixteenth that is nearest.
        with_pitch: whether pitches must agree, too, not rhythm alone.

    Returns:
        0 to 1, shape (num_bars, num_bars), of the first 1,000 bars; those in which nothing begins are like no other.
    """
    bars, _, _ = piece.bars_at(piece.notes["onset"] + SIXTEENTH // 2)
    notes = piece.notes[bars < MAX_BARS]
    if not len(notes):
        return np.zeros((0, 0))
    bars, positions, _ = piece.bars_at(notes["onset"] + SIXTEENTH // 2)
    names = positions // SIXTEENTH * (2 * NUM_PITCHES)
    if with_pitch:
        names = names + notes["pitch"] + NUM_PITCHES * piece.is_drum_track[notes["track"]]
    _, columns = np.unique(names, return_inverse=True)
    held = np.zeros((int(bars.max()) + 1, int(columns.max()) + 1))
    held[bars, columns] = 1
    both, sizes = held @ held.T, held.sum(axis=1)
    return both / np.maximum(1, sizes[:, None] + sizes - both)


class Section(NamedTuple):
    """A part of a piece.

    Attributes:
        bar: in which it begins, from 0.
        letter: equal for parts that are the same music, such as A; A' where it is varied.
    """

    bar: int
    letter: str


def sections(form: Form) -> list[Section]:
    """The parts of a piece, by what returns four bars or more later; none where nothing does, or after Z."""
    if not form.returns:
        return []
    origins = list[int]()  # for each bar the first that holds what it holds
    for bar, returns in enumerate(form.returns):
        origins.append(origins[bar - abs(returns)] if abs(returns) >= SHORTEST_SECTION else bar)
    begins = _long_runs(origins)
    returned = {origins[bar] for bar in begins if origins[bar] < bar}
    begins = sorted({*begins, *(bar for bar in returned if min(abs(bar - one) for one in begins) >= SHORTEST_SECTION)})
    found, new = list[Section](), list[Section]()
    for bar, end in zip(begins, [*begins[1:], len(origins)], strict=True):
        if origins[bar] < bar:
            letter = [one.letter for one in new if one.bar <= origins[bar] + 1][-1]
            is_varied = sum(one < 0 for one in form.returns[bar:end]) > (end - bar) / 2
            found.append(Section(bar, letter + "'" * is_varied))
        else:
            new.append(Section(bar, chr(ord("A") + len(new))))
            found.append(new[-1])
    return found if len(new) + len(returned) > 1 and len(new) <= MAX_LETTERS and returned else []


def _long_runs(origins: list[int]) -> list[int]:
    """The bars in which stretches begin that go on with the same music; short ones belong to those before them."""
    begins = [bar for bar in range(len(origins)) if not bar or origins[bar] != origins[bar - 1] + 1]
    return [
        bar
        for bar, end in zip(begins, [*begins[1:], len(origins)], strict=True)
        if not bar or end - bar >= SHORTEST_SECTION
    ]


def _returns(piece: Piece) -> tuple[int, ...]:
    """For each bar the distance to the likest before it; that of the bar before it, where that is nearly as like."""
    likeness, returns, before = bar_likeness(piece), list[int](), 0
    first = _first_of_same_length(piece, len(likeness))
    for bar in range(len(likeness)):
        alike = likeness[bar, first[bar] : bar][::-1]  # by distance - 1
        best = float(alike.max(initial=0))
        if best < VARIED:
            before = 0
        else:
            is_steady = 0 < before <= len(alike) and alike[before - 1] >= max(VARIED, best - STEADY)
            before = before if is_steady else int(alike.argmax()) + 1
            best = float(alike[before - 1])
        returns.append(before if best >= EXACT else -before)
    return tuple(returns)


def _first_of_same_length(piece: Piece, num_bars: int) -> np.ndarray:
    """For each of the first bars the first of those up to it that are as long, shape (num_bars,)."""
    lengths, bars = np.array([meter.bar_steps for meter in piece.meters]), np.arange(num_bars)
    begins, _, _ = piece.bars_at(np.array([meter.onset for meter in piece.meters]))
    of_bar = lengths[np.searchsorted(begins, bars, side="right") - 1]
    return np.maximum.accumulate(np.where(np.diff(of_bar, prepend=-1) != 0, bars, 0))
