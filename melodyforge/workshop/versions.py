"""The versions of a take: what it was before and after each change, in the tables of the history of takes.

Each version but the first knows from which one it was made, so that changes can be undone and redone, and what was
undone stays though something else is done in its place. Knows no music: what is kept is the MIDI file.
"""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from typing import Any

from melodyforge.errors import TakeError

MAX_VERSIONS = 500  # of one take; the oldest go first
TABLE = """CREATE TABLE versions (
    take INTEGER NOT NULL,
    number INTEGER NOT NULL,  -- from 0
    parent INTEGER,  -- the number of the version that it was made from, if any
    created_at REAL NOT NULL,  -- seconds since 1970
    made TEXT NOT NULL,  -- how, in a few words
    midi BLOB NOT NULL,
    PRIMARY KEY (take, number)
)"""
COLUMN = "ALTER TABLE takes ADD COLUMN version INTEGER NOT NULL DEFAULT 0"  # which of its versions a take is now


@dataclass(frozen=True)
class Version:
    """A take as it was at some time.

    Attributes:
        number: from 0, the first.
        parent: the number of the version that it was made from; None for the first.
        created_at: seconds since 1970.
        made: how, in a few words.
    """

    number: int
    parent: int | None
    created_at: float
    made: str


class Versions:
    """The versions of one take, by a connection to the history that the caller opened, in his transaction."""

    def __init__(self, database: sqlite3.Connection, take: int) -> None:
        """Names the take, which is there."""
        self._database, self._take = database, take

    def all(self) -> list[Version]:
        """The versions in order; of a take that was never changed the one that there is."""
        columns = "number, parent, min(max(created_at, 0), 4e9), CAST(made AS TEXT)"
        query = f"SELECT {columns} FROM versions WHERE take = ? ORDER BY number"
        kept = [Version(*row) for row in self._database.execute(query, (self._take,))]
        return kept or [Version(0, None, self._of_take("created_at"), "")]

    def midi(self, number: int) -> bytes:
        """The music of a version.

        Raises:
            TakeError: it is not kept any more.
        """
        query = "SELECT CAST(midi AS BLOB) FROM versions WHERE take = ? AND number = ?"
        found = self._database.execute(query, (self._take, number)).fetchone()
        if not found and number != self._of_take("version"):
            raise TakeError("A version must be one that is kept. This one is not any more; reload the page.")
        midi: bytes = found[0] if found else self._of_take("CAST(midi AS BLOB)")
        return midi

    def add(self, parent: int | None, made: str, midi: bytes) -> int:
        """Adds a version, which the take is from then on, and gives its number."""
        known = self.all()
        if len(known) == 1:  # where it was never changed, nothing is in the table yet
            self._insert(known[0], self.midi(known[0].number))
        number = known[-1].number + 1
        self._insert(Version(number, parent, time.time(), made), midi)
        oldest = "DELETE FROM versions WHERE take = ? AND number <= ? AND number != ?"
        self._database.execute(oldest, (self._take, number - MAX_VERSIONS, parent))
        self.turn_to(number)
        return number

    def begin_with(self, made: str, midi: bytes, then_made: str) -> None:
        """Puts other music before that of a take that is new: what it was before it was composed anew."""
        self._insert(Version(0, None, self._of_take("created_at"), made), midi)
        self.add(0, then_made, self._of_take("CAST(midi AS BLOB)"))

    def turn_to(self, number: int) -> None:
        """Has the take be a version that there is.

        Raises:
            TakeError: it is not kept any more.
        """
        change = "UPDATE takes SET version = ?, midi = ? WHERE id = ?"
        self._database.execute(change, (number, self.midi(number), self._take))

    def forget(self) -> None:
        """Deletes all of them, with the take."""
        self._database.execute("DELETE FROM versions WHERE take = ?", (self._take,))

    def _of_take(self, column: str) -> Any:
        return self._database.execute(f"SELECT {column} FROM takes WHERE id = ?", (self._take,)).fetchone()[0]

    def _insert(self, version: Version, midi: bytes) -> None:
        values = self._take, version.number, version.parent, version.created_at, version.made, midi
        self._database.execute("INSERT OR IGNORE INTO versions VALUES (?, ?, ?, ?, ?, ?)", values)


def before(versions: list[Version], number: int) -> int | None:
    """The version that one was made from, if that is kept."""
    parents = [one.parent for one in versions if one.number == number]
    known = {one.number for one in versions}
    return parents[0] if parents and parents[0] in known else None


def after(versions: list[Version], number: int) -> int | None:
    """The newest version that was made from one, if there is any."""
    return max((one.number for one in versions if one.parent == number), default=None)
