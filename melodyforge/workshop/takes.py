"""The history of takes: what was composed, for whom, what it is called and how it was liked. One SQLite file.

Music is kept as the MIDI file itself, which also tells how it was made. Knows no web page.
"""

from __future__ import annotations

import contextlib
import io
import re
import sqlite3
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from melodyforge.composition import Composition, read_origin
from melodyforge.errors import TakeError
from melodyforge.files import output_errors
from melodyforge.music.midi import read_midi, write_midi
from melodyforge.music.piece import Piece
from melodyforge.music.traits import read_traits
from melodyforge.settings import OUTPUT_DIR

TAKES_FILE = OUTPUT_DIR / "takes.sqlite"
MAX_NAME_LENGTH = 80
MAX_RATING = 5
SECONDS_TO_WAIT = 10.0  # for another process that writes
VERSION = 1
SCHEMA = f"""
PRAGMA user_version = {VERSION};
CREATE TABLE IF NOT EXISTS takes (
    id INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    created_at REAL NOT NULL,  -- seconds since 1970
    name TEXT NOT NULL,
    rating INTEGER NOT NULL DEFAULT 0,  -- 0: none; 1 to 5
    notices TEXT NOT NULL DEFAULT '',  -- a line each
    midi BLOB NOT NULL,
    primer BLOB  -- the MIDI file that it goes on from, if any
);
CREATE INDEX IF NOT EXISTS takes_of_owner ON takes (owner, id);
"""


@dataclass(frozen=True)
class Take:
    """A kept composition.

    Attributes:
        created_at: seconds since 1970.
        rating: 1 to `MAX_RATING`, 0 without one.
        notices: what the user was told about it.
        midi: the file.
        primer_midi: the music that it goes on from, or None.
    """

    id: int
    created_at: float
    name: str
    rating: int
    notices: list[str]
    midi: bytes
    primer_midi: bytes | None = None

    @property
    def primer(self) -> Piece | None:
        """The music that it goes on from."""
        return read_midi(self.primer_midi)[0] if self.primer_midi else None

    @property
    def piece(self) -> Piece:
        """The music."""
        return read_midi(self.midi, self.name)[0]

    @property
    def origin(self) -> dict[str, Any]:
        """Model, settings and place in the batch."""
        return read_origin(self.midi)

    @property
    def file_name(self) -> str:
        """The name, as files can have it everywhere; without an ending."""
        spelled = self.name.replace("♯", "-sharp").replace("♭", "-flat")
        return re.sub(r"[^\w.-]+", "_", spelled).strip("_.") or "take"


def title_of(piece: Piece) -> str:
    """What a composition is called before anybody names it: style, mood and key."""
    traits = read_traits(piece)
    style = (piece.style or "music").replace("-", " ")
    key = f"in {traits.key.title}" if traits.key else f"at {piece.tempo_qpm:.0f} beats a minute"
    return f"{style[:1].upper()}{style[1:]}, {traits.mood}, {key}"


class Takes:
    """The takes in a file; everybody sees their own only."""

    def __init__(self, path: Path = TAKES_FILE) -> None:
        """Opens the file, or makes it.

        Raises:
            OutputError: it cannot be written.
            TakeError: it is no history of takes.
        """
        self._path = path
        with output_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self._connected() as database:
                (version,) = database.execute("PRAGMA user_version").fetchone()
                if version not in (0, VERSION):
                    raise sqlite3.DatabaseError(f"version {version}, not {VERSION}")
                database.executescript(SCHEMA)
        except sqlite3.Error as error:
            raise TakeError(
                f"Expected a history of takes in {path}. Received: {error}. Move the file away to begin a new one."
            ) from None

    def add(self, owner: str, composition: Composition, primer: Piece | None = None) -> int:
        """Keeps a composition, and what it goes on from, and gives its number."""
        notices, start = "\n".join(composition.notices), write_midi(primer) if primer is not None else None
        row = (owner, time.time(), title_of(composition.piece), notices, composition.to_midi(), start)
        with self._connected() as database:
            cursor = database.execute(
                "INSERT INTO takes (owner, created_at, name, notices, midi, primer) VALUES (?, ?, ?, ?, ?, ?)", row
            )
        return int(cursor.lastrowid or 0)

    def of(self, owner: str) -> list[Take]:
        """The takes of somebody, the newest first."""
        return self._select("owner = ? ORDER BY id DESC", owner)

    def get(self, owner: str, take_id: int) -> Take:
        """One take.

        Raises:
            TakeError: it is not there, or somebody else's.
        """
        found = self._select("owner = ? AND id = ?", owner, take_id)
        if not found:
            raise TakeError("The take must be one of yours. It is not there any more; reload the page.")
        return found[0]

    def rename(self, owner: str, take_id: int, name: str) -> None:
        """Gives a take another name; what does not fit is cut off."""
        name = " ".join(name.split())[:MAX_NAME_LENGTH]
        if not name:
            raise TakeError("A take must have a name. Received none.")
        self._change("UPDATE takes SET name = ? WHERE owner = ? AND id = ?", name, owner, take_id)

    def rate(self, owner: str, take_id: int, rating: int) -> None:
        """Says how a take is liked: 1 to `MAX_RATING`, 0 for nothing."""
        if not 0 <= rating <= MAX_RATING:
            raise TakeError(f"A rating must lie in 0 to {MAX_RATING}. Received {rating}.")
        self._change("UPDATE takes SET rating = ? WHERE owner = ? AND id = ?", rating, owner, take_id)

    def delete(self, owner: str, take_id: int) -> None:
        """Forgets a take for good."""
        self._change("DELETE FROM takes WHERE owner = ? AND id = ?", owner, take_id)

    def zip(self, owner: str, take_ids: list[int]) -> bytes:
        """The MIDI files of some takes in one zip, their names kept apart by numbers where they are the same."""
        buffer, used = io.BytesIO(), set()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for take_id in take_ids:
                take = self.get(owner, take_id)
                name = f"{take.file_name}.mid"
                if name in used:
                    name = f"{take.file_name}-{take.id}.mid"
                used.add(name)
                archive.writestr(name, take.midi)
        return buffer.getvalue()

    def _select(self, where: str, *values: Any) -> list[Take]:
        columns = "id, created_at, name, rating, notices, midi, primer"
        with self._connected() as database:
            rows = database.execute(f"SELECT {columns} FROM takes WHERE {where}", values).fetchall()
        return [
            Take(number, created, name, rating, notices.splitlines(), midi, primer)
            for number, created, name, rating, notices, midi, primer in rows
        ]

    def _change(self, statement: str, *values: Any) -> None:
        with self._connected() as database:
            database.execute(statement, values)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """A connection for one statement or a few, in one transaction; threads do not share connections."""
        with contextlib.closing(sqlite3.connect(self._path, timeout=SECONDS_TO_WAIT)) as database, database:
            yield database
