"""The history of takes: what was composed, for whom, what it is called and how it was liked. One SQLite file.

Music is kept as the MIDI file itself, which also tells how it was made. Knows no web page.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import re
import sqlite3
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from melodyforge.composition import KEPT, Composition, origin_told_by, read_origin
from melodyforge.errors import MelodyForgeError, TakeError
from melodyforge.files import output_errors
from melodyforge.music.midi import read_midi, write_midi
from melodyforge.music.piece import Piece
from melodyforge.music.traits import read_traits
from melodyforge.originality.report import FOUND, SHARED, Originality
from melodyforge.places import OUTPUT_DIR
from melodyforge.workshop.versions import COLUMN, TABLE, Version, Versions

TAKES_FILE = OUTPUT_DIR / "takes.sqlite"
MAX_NAME_LENGTH = 80
MAX_RATING = 5
MISSED = re.compile("its .+ is (?P<got>.+), not (?P<asked>.+)")  # how a complaint tells of a wish
SECONDS_TO_WAIT = 5.0  # for another process that writes
MAX_HELD = 1000  # takes that could not be written yet; the oldest go first
# What leads from each version of the file to the next; a file is backed up before the first of them.
STEPS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE takes (
            id INTEGER PRIMARY KEY,
            owner TEXT NOT NULL,
            created_at REAL NOT NULL,  -- seconds since 1970
            name TEXT NOT NULL,
            rating INTEGER NOT NULL DEFAULT 0,  -- 0: none; 1 to 5
            notices TEXT NOT NULL DEFAULT '',  -- a line each
            midi BLOB NOT NULL,
            primer BLOB  -- the MIDI file that it goes on from, if any
        )""",
        "CREATE INDEX takes_of_owner ON takes (owner, id)",
    ),
    (TABLE, COLUMN),
)
# SQLite does not hold a row to the types of its columns; whatever stands there is read as what it should be.
COLUMNS = (
    "id, min(max(CAST(created_at AS REAL), 0), 4e9), CAST(name AS TEXT), CAST(rating AS INTEGER), "
    "CAST(notices AS TEXT), CAST(midi AS BLOB), CAST(primer AS BLOB), CAST(version AS INTEGER)"
)
GONE = "The take must be one of yours. It is not there any more; reload the page."
BEGIN_ANEW = "Nothing in it was changed. Move the file away to begin a new one"
ADVICE = {  # by SQLite's primary result codes
    sqlite3.SQLITE_BUSY: "Another program holds it: close that, or try again",
    sqlite3.SQLITE_FULL: "Free some space on the disk",
    sqlite3.SQLITE_IOERR: "Free some space on the disk, or look after the disk",
    sqlite3.SQLITE_READONLY: "Make the file and its folder writable",
    sqlite3.SQLITE_CANTOPEN: "Make the file and its folder readable and writable",
    sqlite3.SQLITE_CORRUPT: f"{BEGIN_ANEW}; `sqlite3 FILE .recover` saves what can be saved",
}


@dataclass(frozen=True, kw_only=True)
class Take:
    """A kept composition.

    Attributes:
        created_at: seconds since 1970.
        midi: the file.
        rating: 1 to `MAX_RATING`, 0 without one.
        notices: what the user was told about it.
        primer_midi: the music that it goes on from, or None.
        not_kept: why it is not in the file yet; empty when it is.
        version: the number of the version that it is now.
        changes: what it was before some of it was composed anew, as words and MIDI file; only until it is in the file.
    """

    id: int
    created_at: float
    name: str
    midi: bytes
    rating: int = 0
    notices: list[str] = field(default_factory=list)
    primer_midi: bytes | None = None
    not_kept: str = ""
    version: int = 0
    changes: tuple[str, bytes] | None = field(default=None, repr=False)

    @property
    def primer(self) -> Piece | None:
        """The music that it goes on from."""
        return read_midi(self.primer_midi)[0] if self.primer_midi else None

    @property
    def piece(self) -> Piece:
        """The music, with the style in which it was composed."""
        piece = read_midi(self.midi, self.name)[0]
        origin = origin_told_by(piece.text)
        return replace(piece, style=origin.get("style") or origin.get("settings", {}).get("style") or "")

    @property
    def origin(self) -> dict[str, Any]:
        """Model, settings and place in the batch."""
        return read_origin(self.midi)

    @property
    def lineage(self) -> str:
        """Which take it goes on from or changes, in words; "" where it begins by itself."""
        parent = self.origin.get("continues")
        if not parent:
            return ""
        if joined := parent.get("joined"):
            return f"{parent['name']}, joined to {joined['name']}"
        if anew := parent.get("anew"):
            return f"{parent['name']} with other {'bars' if '-' in anew else 'bar'} {anew}"
        if "bar" not in parent:
            return f"{parent['name']} varied"
        return f"continues {parent['name']} from bar {parent['bar']}"

    @property
    def change(self) -> str:
        """What was composed anew of the take that it comes from, in words; "" where it begins by itself."""
        parent = self.origin.get("continues") or {}
        if joined := parent.get("joined"):
            return f"joined to {joined['name']}"
        if anew := parent.get("anew"):
            return f"new {'bars' if '-' in anew else 'bar'} {anew}"
        return f"new from bar {parent['bar']}" if "bar" in parent else "varied" if parent else ""

    @property
    def complaint(self) -> str:
        """Which wish it misses, or what else is wrong with it, as one of `notices`; "" if nothing is."""
        return next((notice for notice in self.notices if notice.startswith(KEPT)), "")

    @property
    def shortcoming(self) -> str:
        """What `complaint` says, in a few words, such as "asked happy, got tense"; "" if nothing is wrong."""
        flaw = self.complaint.removeprefix(KEPT).partition(";")[0]
        found = MISSED.fullmatch(flaw)
        return f"asked {found['asked']}, got {found['got']}" if found else flaw

    @property
    def originality(self) -> list[str]:
        """How much of it stands in the training music, as two of `notices`; none where that is not known."""
        return [notice for notice in self.notices if notice.startswith((SHARED, FOUND))]

    @property
    def file_name(self) -> str:
        """The name, as files can have it everywhere; without an ending."""
        return file_name(self.name)


def file_name(name: str) -> str:
    """A name as files can have it everywhere, without an ending."""
    spelled = name.replace("♯", "-sharp").replace("♭", "-flat")
    return re.sub(r"[^\w.-]+", "_", spelled).strip("_.") or "take"


def _told(originality: Originality | None) -> list[str]:
    return [str(originality), originality.details] if originality else []


def title_of(piece: Piece) -> str:
    """What a composition is called before anybody names it: style, mood and key; drums have a tempo instead."""
    traits = read_traits(piece)
    style = (piece.style or ("drums" if len(piece) and not traits.key else "music")).replace("-", " ")
    about = f"{traits.mood}, in {traits.key.title}" if traits.key else f"at {piece.tempo_qpm:.0f} beats a minute"
    return f"{style[:1].upper()}{style[1:]}, {about}"


class Takes:
    """The takes in a file; everybody sees their own only.

    What the file does not take, such as on a full disk, is held in memory under a negative number, so that it can be
    heard and saved, and is written when the file takes it. For many threads.

    Raises in every method:
        TakeError: the file is held by another program, full, damaged, or no history of takes; in one line.
        OutputError: its folder cannot be made.
    """

    def __init__(self, path: Path = TAKES_FILE) -> None:
        """Names the file; it is made when it is first needed."""
        self._path = path
        self._checked: tuple[int, int] | None = None  # which file was found to be sound
        self._held: dict[int, tuple[str, Take]] = {}  # with its owner, by number
        self._written: dict[int, int] = {}  # under what number what was held is now
        self._claimed: set[int] = set()  # of what is held, what is being written
        self._numbers = itertools.count(-1, -1)
        self._lock = threading.Lock()

    def add(
        self, owner: str, composition: Composition, primer: Piece | None = None, changed: Take | None = None
    ) -> int:
        """Keeps a composition, and what it goes on from, and gives its number; it is held when that cannot be.

        Args:
            owner: whose it is.
            composition: the music.
            primer: what it goes on from.
            changed: the take of which it is a change, whose music will be its first version.
        """
        number = next(self._numbers)
        take = Take(
            id=number,
            created_at=time.time(),
            name=title_of(composition.piece),
            notices=[*composition.notices, *_told(composition.originality)],
            midi=composition.to_midi(),
            primer_midi=write_midi(primer) if primer is not None else None,
            changes=(changed.name, changed.midi) if changed else None,
        )
        with self._lock:
            self._held[number] = owner, take
            while len(self._held) > MAX_HELD:
                self._held.pop(next(iter(self._held)))
        with contextlib.suppress(MelodyForgeError):  # the take tells
            self.write_held()
        return self._written.pop(number, number)

    def write_held(self) -> None:
        """Writes what is held, and is not being written already, the oldest first."""
        with self._lock:
            numbers = [number for number in self._held if number not in self._claimed]
            self._claimed.update(numbers)
        try:
            for number in numbers:
                self._written[number] = self._insert(*self._held[number])
                del self._held[number]
        except MelodyForgeError as error:
            for number, (owner, take) in list(self._held.items()):
                self._held[number] = owner, replace(take, not_kept=str(error))
            raise
        finally:
            self._claimed.difference_update(numbers)

    def of(self, owner: str, at_most: int = -1) -> list[Take]:
        """The takes of somebody, the newest first; what is held is newer than what is written."""
        held = [take for holder, take in reversed(list(self._held.values())) if holder == owner]
        return held + self._select("owner = ? ORDER BY id DESC LIMIT ?", owner, at_most)

    def get(self, owner: str, take_id: int) -> Take:
        """One take.

        Raises:
            TakeError: it is not there, or somebody else's.
        """
        if held := self._held_take(owner, take_id):
            return held
        found = self._select("owner = ? AND id = ?", owner, self._written.get(take_id, take_id))
        if not found:
            raise TakeError(GONE)
        return found[0]

    def rename(self, owner: str, take_id: int, name: str) -> None:
        """Gives a take another name; what does not fit is cut off."""
        name = " ".join(name.split())[:MAX_NAME_LENGTH]
        if not name:
            raise TakeError("A take must have a name. Received none.")
        self._change(owner, take_id, "name", name)

    def rate(self, owner: str, take_id: int, rating: int) -> None:
        """Says how a take is liked: 1 to `MAX_RATING`, 0 for nothing."""
        if not 0 <= rating <= MAX_RATING:
            raise TakeError(f"A rating must lie in 0 to {MAX_RATING}. Received {rating}.")
        self._change(owner, take_id, "rating", rating)

    def delete(self, owner: str, take_id: int) -> None:
        """Forgets a take for good."""
        if self._held_take(owner, take_id):
            del self._held[take_id]
            return
        with self._connected() as database:
            number = self._written.get(take_id, take_id)
            if database.execute("DELETE FROM takes WHERE owner = ? AND id = ?", (owner, number)).rowcount:
                Versions(database, number).forget()

    def versions(self, owner: str, take_id: int) -> list[Version]:
        """What a take was and is, in order; of one that was never changed what it is.

        Raises:
            TakeError: it is not there, or somebody else's, or not in the file yet.
        """
        with self._changing(owner, take_id) as versions:
            return versions.all()

    def version(self, owner: str, take_id: int, number: int) -> bytes:
        """The MIDI file of a version of a take.

        Raises:
            TakeError: as for `versions`; or the version is not kept any more.
        """
        with self._changing(owner, take_id) as versions:
            return versions.midi(number)

    def change(self, owner: str, take_id: int, parent: int, made: str, midi: bytes) -> int:
        """Has a take be other music, as a version made from one that there is; gives its number.

        Raises:
            TakeError: as for `versions`.
        """
        with self._changing(owner, take_id) as versions:
            return versions.add(parent, made, midi)

    def turn_to(self, owner: str, take_id: int, number: int) -> None:
        """Has a take be one of its versions.

        Raises:
            TakeError: as for `version`.
        """
        with self._changing(owner, take_id) as versions:
            versions.turn_to(number)

    @contextlib.contextmanager
    def _changing(self, owner: str, take_id: int) -> Iterator[Versions]:
        """The versions of a take, which nobody else changes meanwhile."""
        if self._held_take(owner, take_id):
            raise TakeError("A take must be in the history before it is changed. This one is not yet; save it first.")
        number = self._written.get(take_id, take_id)
        with self._connected() as database:
            database.execute("BEGIN IMMEDIATE")
            if not database.execute("SELECT 1 FROM takes WHERE owner = ? AND id = ?", (owner, number)).fetchone():
                raise TakeError(GONE)
            yield Versions(database, number)

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

    def _held_take(self, owner: str, take_id: int) -> Take | None:
        holder, take = self._held.get(take_id, ("", None))
        return take if holder == owner else None

    def _insert(self, owner: str, take: Take) -> int:
        values = owner, take.created_at, take.name, take.rating, "\n".join(take.notices), take.midi, take.primer_midi
        columns = "owner, created_at, name, rating, notices, midi, primer"
        with self._connected() as database:
            cursor = database.execute(f"INSERT INTO takes ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", values)
            number = int(cursor.lastrowid or 0)
            if take.changes:
                Versions(database, number).begin_with(*take.changes, take.change)
        return number

    def _select(self, where: str, *values: Any) -> list[Take]:
        with self._connected() as database:
            rows = database.execute(f"SELECT {COLUMNS} FROM takes WHERE {where}", values).fetchall()
        return [
            Take(
                id=number,
                created_at=created,
                name=name,
                rating=min(max(rating, 0), MAX_RATING),
                notices=notices.splitlines(),
                midi=midi,
                primer_midi=primer,
                version=version,
            )
            for number, created, name, rating, notices, midi, primer, version in rows
        ]

    def _change(self, owner: str, take_id: int, column: str, value: Any) -> None:
        if held := self._held_take(owner, take_id):
            self._held[take_id] = owner, replace(held, **{column: value})
            return
        with self._connected() as database:
            values = value, owner, self._written.get(take_id, take_id)
            database.execute(f"UPDATE takes SET {column} = ? WHERE owner = ? AND id = ?", values)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """A connection for one statement or a few, in one transaction; threads do not share connections."""
        with output_errors(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with contextlib.closing(_connect(self._path)) as database, database:
                self._check(database)
                yield database
        except sqlite3.Error as error:
            advice = ADVICE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, BEGIN_ANEW)
            raise TakeError(f"Expected a history of takes in {self._path}. Received: {error}. {advice}.") from None

    def _check(self, database: sqlite3.Connection) -> None:
        """Makes sure that the file is sound and of this version, once for every file that stands there."""
        stat = self._path.stat()
        if self._checked == (stat.st_dev, stat.st_ino) and _version(database) == VERSION:
            return
        (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise TakeError(
                f"Expected a sound history of takes in {self._path}. Received a damaged one: "
                f"{' '.join(verdict.split())}. {ADVICE[sqlite3.SQLITE_CORRUPT]}."
            )
        if _version(database) != VERSION:
            _bring_up_to_date(database, self._path)
        self._checked = stat.st_dev, stat.st_ino


VERSION = len(STEPS)


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=SECONDS_TO_WAIT)
    database.text_factory = lambda data: data.decode("utf-8", "replace")
    return database


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _bring_up_to_date(database: sqlite3.Connection, path: Path) -> None:
    """Makes a new history, or one of this version out of an older one, as a whole or not at all."""
    database.execute("BEGIN IMMEDIATE")  # of two servers that start at once, one does it
    version = _version(database)
    is_empty = not database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if version > VERSION:
        raise TakeError(
            f"Expected a history of takes of version {VERSION} or older in {path}. Received version {version}. "
            f"Use the newer Melody Forge that wrote it. {BEGIN_ANEW}."
        )
    if version == 0 and not is_empty:
        raise TakeError(f"Expected a history of takes in {path}. Received another database. {BEGIN_ANEW}.")
    if 0 < version < VERSION:
        _back_up(path, version)
    for statement in (statement for step in STEPS[version:] for statement in step):
        database.execute(statement)
    database.execute(f"PRAGMA user_version = {VERSION}")
    database.commit()


def _back_up(path: Path, version: int) -> None:
    """Copies the file to one beside it that is not there yet, such as `takes.sqlite.v1.bak`."""
    numbers = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
    names = (path.with_name(f"{path.name}.v{version}{number}.bak") for number in numbers)
    target = next(name for name in names if not name.exists())
    unfinished = target.with_suffix(".unfinished")
    try:
        with contextlib.closing(_connect(path)) as source, contextlib.closing(sqlite3.connect(unfinished)) as copy:
            source.backup(copy)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
