"""What a whole run found, as one page of tables in Markdown, for the terminal and for docs/reliability.md."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from benchmarks.load import Load
from benchmarks.measure import machine
from melodyforge.places import PROJECT_DIR
from torture.attack import CRASH, FOREIGN, HANG, MEMORY, OUTSIDE, REFUSED, TAKEN
from torture.kills import Killed
from torture.studio import Walked
from torture.tally import Tally

PAGE = PROJECT_DIR / "docs" / "reliability.md"
HEADING = "## The last long run"  # from here on the page is written anew
MAX_FAILURES_SHOWN = 40
FATES = (TAKEN, REFUSED, CRASH, HANG, MEMORY, FOREIGN, OUTSIDE)


@dataclass
class Report:
    """Everything that was tried.

    Attributes:
        tallies: of each kind of input.
        killed: of each kind of work.
        walked: over the pages; None without a browser.
        load: of many visitors.
        seconds: all took.
    """

    tallies: list[Tally] = field(default_factory=list)
    killed: list[Killed] = field(default_factory=list)
    walked: Walked | None = None
    load: Load | None = None
    seconds: float = 0.0

    @property
    def failures(self) -> list[str]:
        """Everything that must not be, a line each."""
        lines = [
            f"{tally.kind} {index}: {fate}: {note}" for tally in self.tallies for index, fate, note in tally.failures
        ]
        for one in self.killed:
            lines += [f"{one.name}: {loss}" for loss in one.losses]
            lines += [f"{one.name}: left lying about: {name}" for name in one.leftovers]
        lines += self.walked.complaints if self.walked else []
        return lines + (self.load.errors if self.load else [])

    def to_markdown(self) -> str:
        """The tables, and what failed."""
        parts = [self._conditions()]
        if self.tallies:
            parts.append(self._inputs())
        if self.killed:
            rows = [[one.name, one.num_kills, len(one.losses), len(one.leftovers)] for one in self.killed]
            parts.append(table(["work that was killed", "kills", "lost or half there", "files left over"], rows))
        if self.walked or self.load:
            parts.append(table(["the studio", ""], self._studio()))
        failures = self.failures
        shown = [f"- {' '.join(line.split())[:300]}" for line in failures[:MAX_FAILURES_SHOWN]]
        parts.append(
            "\n".join([f"{len(failures)} failures are told apart below:", "", *shown] if failures else ["No failure."])
        )
        return "\n\n".join(parts) + "\n"

    def write(self) -> None:
        """Puts the tables into the page."""
        text = PAGE.read_text(encoding="utf-8").partition(HEADING)[0]
        PAGE.write_text(f"{text}{HEADING}\n\n{self.to_markdown()}", encoding="utf-8")

    def _conditions(self) -> str:
        facts = machine()
        return (
            f"{datetime.now(UTC).date().isoformat()}, {self.seconds / 60:.0f} minutes on {facts['num_cores']} cores of "
            f"{facts['processor']}, Python {facts['python']}: `python -m torture {' '.join(sys.argv[1:])}`".rstrip()
        )

    def _inputs(self) -> str:
        rows = [
            [one.kind, one.num_tried, *(one.fates[fate] for fate in FATES), f"{one.slowest_s:.1f}", round(one.peak_mb)]
            for one in self.tallies
        ]
        return table(["input", "tried", *FATES, "slowest, s", "most memory, MB"], rows)

    def _studio(self) -> list[list[object]]:
        rows: list[list[object]] = []
        if self.walked:
            rows.append(["random actions on all pages", self.walked.num_steps])
            rows.append(["exceptions shown, things lost", len(self.walked.complaints)])
        if self.load:
            rows += [[f"{one.name}{one.unit and ', ' + one.unit}", f"{one.value:,.4g}"] for one in self.load.figures()]
        return rows


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table in Markdown, its columns under one another; numbers stand to the right."""
    cells = [[f"{value:,}" if isinstance(value, int) else str(value) for value in row] for row in rows]
    widths = [max(len(text) for text in column) for column in zip(columns, *cells, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [[text.ljust(width) for text, width in zip(columns, widths, strict=True)], rule]
    for first, *others in cells:
        lines.append(
            [first.ljust(widths[0]), *(text.rjust(width) for text, width in zip(others, widths[1:], strict=True))]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
