"""What real pieces that were held out share with the training music: beside it stands what a composition shares."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from melodyforge.settings import Section

_Share = Annotated[float, Field(ge=0, le=1)]
_Number = Annotated[float, Field(ge=0)]


class Real(Section):
    """How much of real pieces is found in the training music; of each the beginning, as long as a composition.

    Attributes:
        num_pieces: how many were measured.
        longest: half of them share a longer passage, half a shorter one; notes.
        longest_of_most: nine in ten share none that is longer; notes.
        share_8, share_16: of their stretches of so many notes that are found, 0 to 1.
    """

    num_pieces: Annotated[int, Field(ge=1)]
    longest: _Number
    longest_of_most: _Number
    share_8: _Share
    share_16: _Share
