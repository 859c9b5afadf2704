"""Sends mutants to workers and counts what became of them."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from melodyforge.guard import CRASHED, TOO_LONG, TOO_MUCH_MEMORY, Guard, StoppedError
from torture.attack import CRASH, HANG, MEMORY, REFUSED, TAKEN, Verdict, attack
from torture.kinds import Kind

IN_MEMORY = Path("/dev/shm")  # where whatever is to be on the disk for certain is so at once
FATE_OF = {TOO_LONG: HANG, TOO_MUCH_MEMORY: MEMORY, CRASHED: CRASH}
MAX_FAILURES_KEPT = 100  # of a kind; a mutator that has found a hole falls into it again and again


@dataclass
class Tally:
    """What became of the mutants of a kind.

    Attributes:
        kind: its name.
        fates: how many had each.
        failures: number, fate and what happened, of those that ended as they may not.
        seconds: all took.
        slowest_s: of one mutant that was not stopped.
        peak_mb: most memory that a worker held.
    """

    kind: str
    fates: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[int, str, str]] = field(default_factory=list)
    seconds: float = 0.0
    slowest_s: float = 0.0
    peak_mb: float = 0.0

    @property
    def num_tried(self) -> int:
        """Mutants in all."""
        return self.fates.total()

    @property
    def num_failed(self) -> int:
        """Mutants that ended as they may not."""
        return self.num_tried - self.fates[TAKEN] - self.fates[REFUSED]

    def add(self, index: int, verdict: Verdict) -> None:
        """Counts one."""
        self.fates[verdict.fate] += 1
        self.slowest_s = max(self.slowest_s, verdict.seconds)
        self.peak_mb = max(self.peak_mb, verdict.peak_bytes / 1e6)
        if verdict.fate not in (TAKEN, REFUSED) and len(self.failures) < MAX_FAILURES_KEPT:
            self.failures.append((index, verdict.fate, verdict.note))


def try_kind(kind: Kind, seed: int, indices: range, files: Path | None = None) -> Tally:
    """Tries the mutants of a kind whose numbers are given."""
    tally, began = Tally(kind.name), time.perf_counter()
    parts = [indices[first : first + kind.num_at_once] for first in range(0, len(indices), kind.num_at_once)]
    with tempfile.TemporaryDirectory(prefix="torture-", dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as base:
        guard = Guard(kind.num_processes)
        workers = _Workers(kind, seed, files, Path(base))
        with closing(guard.each(workers.attack, parts)) as results:
            for part, verdicts in zip(parts, results, strict=True):
                for index, verdict in zip(part, verdicts, strict=True):
                    tally.add(index, verdict)
    tally.seconds = time.perf_counter() - began
    return tally


@dataclass(frozen=True)
class _Workers:
    """What guarded processes are to try."""

    kind: Kind
    seed: int
    files: Path | None
    base: Path

    def attack(self, guard: Guard, indices: range) -> list[Verdict]:
        """What became of some mutants; when their process was lost, each is tried again alone."""
        seconds = self.kind.seconds * min(2, len(indices))  # for all of them: longer means stuck
        try:
            return guard.run(attack, self.kind.name, self.seed, indices, self.files, self.base, seconds=seconds)
        except StoppedError as stopped:
            if len(indices) == 1:
                return [Verdict(FATE_OF[str(stopped)], str(stopped))]
        return [self.attack(guard, indices[place : place + 1])[0] for place in range(len(indices))]
