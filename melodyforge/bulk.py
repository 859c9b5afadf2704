"""Composes many pieces in shards on a pool of processes, and goes on where an earlier run was stopped.

A file beside the pieces says with what settings they are composed; a piece whose files are there is done. Knows neither
flags nor what the pool is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from melodyforge import __version__
from melodyforge.bundle import Model
from melodyforge.compose import compose
from melodyforge.composing.manner import Manner
from melodyforge.composition import KEPT, Composition
from melodyforge.errors import SettingsError
from melodyforge.files import output_errors, write_bytes
from melodyforge.folders import hold
from melodyforge.guard import Guard, Pool
from melodyforge.music.piece import Piece
from melodyforge.settings import ComposeSettings

SHARD_PIECES = 16  # so many are composed as fast as more would be, and are all that a process can lose


@dataclass(frozen=True)
class Made:
    """A piece as it is handed over.

    Attributes:
        index: its number, from 0.
        files: what is to be written, by what follows the number in the name.
        num_notes: in it.
        is_sound: whether it is as asked for and as music should be.
    """

    index: int
    files: dict[str, bytes]
    num_notes: int
    is_sound: bool


@dataclass
class Tally:
    """What a run composed: pieces that were there already are not counted."""

    num_pieces: int = 0
    num_notes: int = 0
    num_unsound: int = 0

    def add(self, made: Made) -> None:
        """Counts one."""
        self.num_pieces += 1
        self.num_notes += made.num_notes
        self.num_unsound += not made.is_sound


@dataclass(frozen=True)
class Bulk:
    """What is to be composed.

    Attributes:
        model: that composes.
        settings: how, and how many.
        suffixes: of the files of each piece.
        primer, join, manner: see `compose`.
    """

    model: Model
    settings: ComposeSettings
    suffixes: list[str]
    primer: Piece | None = None
    join: Piece | None = None
    manner: Manner | None = None

    def compose(self, _: Guard, indices: list[int]) -> list[Made]:
        """Composes a shard, in a process of the pool."""
        made = compose(self.model, self.settings, self.primer, join=self.join, manner=self.manner, indices=indices)
        return [self._rendered(index, one) for index, one in zip(indices, made, strict=True)]

    def _rendered(self, index: int, composition: Composition) -> Made:
        files = {suffix: composition.rendered(suffix)[0] for suffix in self.suffixes}
        if composition.primer:
            files[f"_primer{self.suffixes[0]}"] = Composition(composition.primer).rendered(self.suffixes[0])[0]
        is_sound = not any(notice.startswith(KEPT) for notice in composition.notices)
        return Made(index, files, len(composition.piece), is_sound)


@dataclass(frozen=True)
class Shelf:
    """Where the pieces go: each into files of its number.

    Attributes:
        path: of the files, without number; the settings lie beside it as JSON.
    """

    path: Path

    @property
    def settings_path(self) -> Path:
        """The file that says with what settings the pieces are composed."""
        return self.path.with_suffix(".json")

    def file(self, index: int, suffix: str) -> Path:
        """A file of a piece."""
        return self.path.with_name(f"{self.path.stem}_{index + 1}{suffix}")

    def missing(self, bulk: Bulk) -> list[int]:
        """The numbers of the pieces that are not there."""
        with output_errors(self.path):
            present = {path.name for path in self.path.parent.glob("*")}
        needed = range(bulk.settings.num_pieces)
        return [one for one in needed if any(self.file(one, suffix).name not in present for suffix in bulk.suffixes)]

    def put(self, made: Made) -> None:
        """Writes a piece; the file that says that it is there comes last."""
        for suffix in reversed(made.files):
            write_bytes(self.file(made.index, suffix), made.files[suffix])

    def begun_with(self) -> dict[str, Any]:
        """The settings of pieces that were composed before; none if there are none.

        Raises:
            SettingsError: another file stands in the place of the settings.
        """
        try:
            known = json.loads(self.settings_path.read_text(encoding="utf-8"))
            known["settings"]["seed"]
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, LookupError, TypeError):
            raise SettingsError(
                f"Expected the settings of earlier pieces in {self.settings_path}. Received something else. Choose "
                "another --output."
            ) from None
        return known


def compose_in_bulk(
    bulk: Bulk, shelf: Shelf, pool: Pool, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> Tally:
    """Composes what is not there yet.

    Args:
        bulk: what is to be composed.
        shelf: where it goes.
        pool: runs it.
        on_progress: called with the number of pieces that are there and of all.

    Raises:
        BusyError: another process fills the same shelf.
        SettingsError: pieces of other settings lie there.
        OutputError: they cannot be written.
    """
    with hold(shelf.path, f"Another process composes into {shelf.path}. Wait for it, or choose another --output."):
        total = bulk.settings.num_pieces
        missing, tally = shelf.missing(bulk) if _goes_on(bulk, shelf) else list(range(total)), Tally()
        shards = [missing[first : first + SHARD_PIECES] for first in range(0, len(missing), SHARD_PIECES)]
        with closing(pool.each(bulk.compose, shards)) as results:
            for made in (one for shard in results for one in shard):
                shelf.put(made)
                tally.add(made)
                on_progress(total - len(missing) + tally.num_pieces, total)
    return tally


def _goes_on(bulk: Bulk, shelf: Shelf) -> bool:
    """Whether pieces were composed with the same settings before; writes these down if not.

    Raises:
        SettingsError: pieces were composed with others.
    """
    known, now = shelf.begun_with(), _description(bulk)
    names = [name for name in now["settings"] if known and known["settings"].get(name) != now["settings"][name]]
    names += [name for name in now if name != "settings" and known and known.get(name) != now[name]]
    if names:
        raise SettingsError(
            f"{shelf.path.parent} holds pieces that were composed with another {', '.join(names)}. Give the same as "
            f"in {shelf.settings_path.name}, or choose another --output."
        )
    if not known:
        write_bytes(shelf.settings_path, json.dumps(now, indent=1).encode())
    return bool(known)


def _description(bulk: Bulk) -> dict[str, Any]:
    """All that the pieces follow from but their numbers; more pieces may be asked for later."""
    given = {"primer": bulk.primer, "join": bulk.join}
    return {
        "version": __version__,
        "model": bulk.model.hash,
        "settings": json.loads(json.dumps(bulk.settings.model_dump(exclude={"num_pieces"}))),
        "like": bulk.manner and bulk.manner.fingerprint,
        **{name: one and hashlib.sha256(one.notes.tobytes()).hexdigest() for name, one in given.items()},
    }
