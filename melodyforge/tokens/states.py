"""What the vocabulary of a stranger may hold: the bounds that all representations share, checked before use.

A vocabulary that passes composes; whether it belongs to its weights is for others to say. Each representation adds
its own part, beside its `state`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, FailFast, Field, model_validator

from melodyforge.errors import SettingsError, VocabularyError
from melodyforge.music.piece import NUM_PITCHES
from melodyforge.settings import MAX_PASSAGE_NOTES, Section
from melodyforge.tokens.bins import LONGEST_STEPS
from melodyforge.tokens.headings import MAX_HEADINGS, unpack_headings

MAX_PASSAGES = 256
_Row = TypeVar("_Row")


def _ascending(values: list[int]) -> list[int]:
    if any(low >= high for low, high in pairwise(values)):
        raise ValueError("must ascend")
    return values


def _heading_row(row: list[Any]) -> list[Any]:
    unpack_headings([row])
    return row


Pitch = Annotated[int, Field(ge=0, lt=NUM_PITCHES)]
Velocity = Annotated[int, Field(ge=1, le=127)]
Shift = Annotated[int, Field(ge=0, le=LONGEST_STEPS)]
Duration = Annotated[int, Field(ge=1, le=LONGEST_STEPS)]
Micro = Annotated[int, Field(ge=-128, le=127)]
Steps = Annotated[int, Field(ge=0, le=10_000_000)]  # beyond any piece that is read
PitchRange = tuple[Pitch, Pitch]

HeadingRow = Annotated[list[Any], AfterValidator(_heading_row)]  # as `pack_headings` makes them
Ascending = Annotated[list[_Row], FailFast(), Field(min_length=1), AfterValidator(_ascending)]
_Rows = Annotated[list[_Row], FailFast(), Field(min_length=1, max_length=MAX_PASSAGE_NOTES)]
Passages = Annotated[tuple[tuple[HeadingRow, _Rows[_Row]], ...], FailFast(), Field(max_length=MAX_PASSAGES)]


class VocabularyState(Section):
    """What `Representation.state` gives, and beside it, in a file, `kind` and `passages`.

    Attributes:
        passages: for each its heading and its rows; all have the same number of rows. Typed anew by representations.
    """

    kind: str
    headings: Annotated[list[HeadingRow], FailFast(), Field(min_length=1, max_length=MAX_HEADINGS)]
    passages: Passages[Any] = ()

    @classmethod
    def check(cls, values: dict[str, Any]) -> Self:
        """Builds it from what a file holds.

        Raises:
            VocabularyError: one line that names what is wrong.
        """
        try:
            return super().check(values)
        except SettingsError as error:
            kind = cls.model_fields["kind"].default
            raise VocabularyError(
                f"Expected the vocabulary of a `{kind}` model. In the one received, {error}"
            ) from None

    @model_validator(mode="after")
    def _check_passages(self) -> Self:
        if len({len(rows) for _, rows in self.passages}) > 1:
            raise ValueError("`passages` must be of one length")
        return self
