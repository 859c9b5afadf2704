"""Runs in a guarded process, as users' files do: makes mutants, brings them in by their door, says what happened.

A mutant is made when its turn comes, from nothing but its number. What ends the process is seen by who waits for it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

import numpy as np

from melodyforge.errors import MelodyForgeError
from torture.doors import LAST_NET, clear
from torture.kinds import KINDS, Kind
from torture.mutate.weights import CANARY, CANARY_VALUE
from torture.watch import trespasses

TAKEN, REFUSED = "taken", "refused"  # how it may end
CRASH, HANG, MEMORY, FOREIGN, OUTSIDE = "crash", "hang", "memory", "foreign exception", "outside"  # how it may not
DEPTH = "a/b/c/d/e/f"  # so that a path that climbs up a little ends in a folder that is looked at


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant.

    Attributes:
        fate: one of the words above.
        note: what happened, for people.
        seconds: it took.
        peak_bytes: most memory that the process has ever held.
    """

    fate: str
    note: str = ""
    seconds: float = 0.0
    peak_bytes: int = 0


def attack(kind_name: str, seed: int, indices: range, files: Path | None, base: Path) -> list[Verdict]:
    """Tries the mutants of a kind with these numbers, in a folder below `base`."""
    return [_attack(KINDS[kind_name], seed, index, files, _place(base)) for index in indices]


def _attack(kind: Kind, seed: int, index: int, files: Path | None, place: Path) -> Verdict:
    path = place / "files" / f"mutant{kind.suffix}"
    path.write_bytes(kind.mutant(seed, index, files))
    began = time.perf_counter()
    with trespasses(place) as found:
        fate, note = _fate(kind, path, kind.generator(seed, index, "door"))
    seconds = time.perf_counter() - began
    clear(path.parent)
    if found or _has_strays(place):
        fate, note = OUTSIDE, found[0] if found else "a file was left outside the folder"
    return Verdict(fate, note, seconds, _peak_bytes())


def _fate(kind: Kind, path: Path, rng: Random) -> tuple[str, str]:
    try:
        kind.door(path, rng)
    except MelodyForgeError as error:
        return (FOREIGN, f"{error} {_where(error.__cause__)}") if str(error).startswith(LAST_NET) else (REFUSED, "")
    except MemoryError:
        return MEMORY, ""
    except Exception as error:
        return FOREIGN, f"{type(error).__name__}: {error} {_where(error)}"[:400]
    return TAKEN, ""


def _where(error: BaseException | None) -> str:
    """The innermost line of our own, and the innermost of all, in the way that an exception took."""
    frames = traceback.extract_tb(error.__traceback__) if error else []
    own = [frame for frame in frames if "melodyforge" in frame.filename or "studio" in frame.filename]
    return " ".join(f"at {Path(frame.filename).name}:{frame.lineno}" for frame in [*own[-1:], *frames[-1:]])


@cache
def _place(base: Path) -> Path:
    """This worker's own place, deep below the base: a folder for a file and what comes of it, one for the rest."""
    place = base / f"worker-{os.getpid()}" / DEPTH
    (place / "files").mkdir(parents=True)
    (place / "temporary").mkdir()
    tempfile.tempdir = str(place / "temporary")
    sys.dont_write_bytecode = True
    for output in (1, 2):  # what libraries have to say about each mutant
        os.dup2(os.open(os.devnull, os.O_WRONLY), output)
    np.full(65_536, CANARY_VALUE, np.float32).tofile(place / CANARY)
    return place


def _has_strays(place: Path) -> bool:
    """Whether anything lies beside the way that leads to a worker's place."""
    levels = list(place.parents)[: len(Path(DEPTH).parts)]
    return any(len(os.listdir(level)) > 1 for level in levels)  # noqa: PTH208 - faster, and many times called


def _peak_bytes() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
