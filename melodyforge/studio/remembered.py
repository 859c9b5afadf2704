"""What is remembered of a visit beside its widgets, under names that no widget has: a key never holds a colon."""

from __future__ import annotations

from enum import StrEnum


class Remembered(StrEnum):
    """Names in `st.session_state`."""

    VISITOR = "remembered: visitor"
    UPLOADS = "remembered: uploads"  # how many there were
    OFFERED = "remembered: offered name"  # of the next model
    PAGES = "remembered: pages"  # of this visit, by name: another's page object cannot be turned to
    ASKED = "remembered: asked in words"  # see `asking.Said`
    ON_STAGE = "remembered: on stage"  # of the page Takes: "take" or "compare", and the numbers of takes
    BEGINS = "remembered: begins"  # whether what was just filled into the fields is to be composed
    EDITED = "remembered: edited"  # which message of a player was answered last, and whether it was refused
    HEARD = "remembered: heard"  # the number of the take that was shown last
    PLAYS = "remembered: plays"  # the job whose music begins to play by itself when it is there
