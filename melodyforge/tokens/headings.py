"""What stands at the head of a composition: tempo, meter, and what is heard in the music that it is drawn from.

Knows pieces and their traits; knows no vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any

import numpy as np
from pydantic import Field, TypeAdapter

from melodyforge.music.chords import NO_CHORDS, ChordLine
from melodyforge.music.form import NO_FORM, Form, read_form
from melodyforge.music.keys import Key
from melodyforge.music.piece import Meter, Piece, Tempo, Track, sort_notes
from melodyforge.music.traits import Traits, read_traits

MAX_HEADINGS = 1_000
_HEARD = [one.name for one in fields(Traits) if one.name not in ("tempo_qpm", "meter")]  # as they stand in a row
_FORM = [one.name for one in fields(Form)]
_MeterPart = Annotated[int, Field(ge=1, le=255)]


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands at the head of a composition; its traits are those of the music that it is drawn from.

    Attributes:
        numerator, denominator: of the time signature; performed music has one, too, though nobody hears it.
        traits: tempo and meter as they are to be; style, mood, key and so on as they are usual under this heading.
        form: which bars return, and where the music ends; nothing where that is left open.
        chords: that are asked for; none where they are left open.
    """

    numerator: _MeterPart = 4
    denominator: _MeterPart = 4
    traits: Traits = Traits()
    form: Form = NO_FORM
    chords: ChordLine = NO_CHORDS

    @property
    def is_performed(self) -> bool:
        """Whether its music lies on no grid."""
        return not self.traits.meter

    def changed(self, **traits: Any) -> Heading:
        """The heading with other traits; a meter becomes the time signature."""
        heading = replace(self, traits=replace(self.traits, **traits))
        if not traits.get("meter"):
            return heading
        numerator, denominator = map(int, traits["meter"].split("/"))
        return replace(heading, numerator=numerator, denominator=denominator)


_HEADING = TypeAdapter(Heading)


@dataclass(frozen=True, slots=True)
class Passage:
    """Some rows of training music that a composition can start from, and the heading that they stand under."""

    heading: Heading
    rows: np.ndarray


def heading_of(piece: Piece) -> Heading:
    """The heading under which most of the piece stands, its numbers rounded for a vocabulary file."""
    meter, traits = piece.main_meter, read_traits(piece)
    rounded = replace(
        traits,
        tempo_qpm=round(traits.tempo_qpm, 2),
        density=round(traits.density, 4),
        polyphony=round(traits.polyphony, 4),
    )
    return Heading(meter.numerator, meter.denominator, rounded, read_form(piece))


def some_headings(headings: list[Heading]) -> list[Heading]:
    """At most `MAX_HEADINGS` of them, so that vocabularies of large corpora stay small; rare styles keep all of theirs.

    Of styles that have more than others, those that are kept are evenly spaced.
    """
    of_style: dict[str, list[int]] = {}
    for index, heading in enumerate(headings):
        of_style.setdefault(heading.traits.style, []).append(index)
    most = len(headings)  # that any style keeps
    while sum(min(len(group), most) for group in of_style.values()) > MAX_HEADINGS and most > 1:
        most = max(1, int(most * 0.95))
    kept = [
        group[place * len(group) // most] for group in of_style.values() if len(group) > most for place in range(most)
    ]
    kept += [index for group in of_style.values() if len(group) <= most for index in group]
    return [headings[index] for index in sorted(kept)[:MAX_HEADINGS]]


def piece_under(heading: Heading, notes: np.ndarray, tracks: tuple[Track, ...]) -> Piece:
    """Notes in any order, with tempo, meter and style of a heading."""
    return Piece(
        sort_notes(notes),
        tracks,
        (Tempo(0, heading.traits.tempo_qpm),),
        (Meter(0, heading.numerator, heading.denominator),),
        heading.is_performed,
        style=heading.traits.style,
    )


def pack_headings(headings: Iterable[Heading]) -> list[list[Any]]:
    """Headings as plain lists: tempo, numerator, denominator, whether performed, what is heard, then the form."""
    return [
        [one.traits.tempo_qpm, one.numerator, one.denominator, one.is_performed]
        + [_plain(getattr(one.traits, name)) for name in _HEARD]
        + ([] if one.form == NO_FORM else [list(one.form.returns), one.form.last_step, one.form.num_notes])
        for one in headings
    ]


def unpack_headings(rows: Iterable[Sequence[Any]]) -> list[Heading]:
    """The inverse of `pack_headings`; traits that a row was packed without have their defaults.

    Raises:
        ValueError: a row is no heading.
    """
    return [_unpacked(row) for row in rows]


def pack_passages(passages: Iterable[Passage]) -> list[list[Any]]:
    """Passages as plain lists."""
    return [[pack_headings([one.heading])[0], one.rows.tolist()] for one in passages]


def unpack_passages(packed: Iterable[Sequence[Any]], row_dtype: np.dtype) -> list[Passage]:
    """The inverse of `pack_passages`."""
    return [
        Passage(
            unpack_headings([heading])[0],
            np.array([_whole_row(row, row_dtype) for row in rows], row_dtype),
        )
        for heading, rows in packed
    ]


def _whole_row(row: Any, row_dtype: np.dtype) -> Any:
    """A row as its type takes it; fields that were not known when it was packed are 0."""
    return (*row, *[0] * (len(row_dtype.names) - len(row))) if row_dtype.names else row


def _unpacked(row: Sequence[Any]) -> Heading:
    """A heading from a file, which may claim anything."""
    try:
        tempo_qpm, numerator, denominator, is_performed, *rest = row
        meter = "" if is_performed else f"{numerator}/{denominator}"
        traits = dict(zip(_HEARD, rest, strict=False)) | {"tempo_qpm": tempo_qpm, "meter": meter}
        form = dict(zip(_FORM, rest[len(_HEARD) :], strict=False))
        return _HEADING.validate_python(
            {"numerator": numerator, "denominator": denominator, "traits": traits, "form": form}
        )
    except (ValueError, TypeError):
        raise ValueError(f"must be tempo, numerator, denominator, whether performed, {', '.join(_HEARD)}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [list(one) for one in value]
    if isinstance(value, Key):
        return value.name
    return "" if value is None else value
