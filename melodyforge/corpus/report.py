"""What became of every file: kept as JSON, shown as a table.

Does not read music.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from melodyforge.words import counted

if TYPE_CHECKING:
    from rich.console import Console

REPORT_FILE = "report.json"
MAX_FILES_SHOWN = 20
MAX_REASONS_SHOWN = 12


class Fate(StrEnum):
    """What becomes of a file."""

    USED = "used"
    REPAIRED = "repaired"
    DUPLICATE = "duplicate"
    SKIPPED = "skipped"


@dataclass(slots=True)
class FileReport:
    """What became of one file.

    Attributes:
        name: path below the folder that was read.
        fate: in one word.
        details: what was mended, or why it was skipped.
        duplicate_of: the files that hold the same music as this one, or as pieces in it.
        num_pieces: pieces that went into the dataset.
        num_notes: notes in these.
    """

    name: str
    fate: Fate
    details: list[str] = field(default_factory=list)
    duplicate_of: list[str] = field(default_factory=list)
    num_pieces: int = 0
    num_notes: int = 0

    def explain(self) -> str:
        """Everything that is to be said about the file, in one line."""
        return "; ".join([*(f"duplicate of {name}" for name in self.duplicate_of), *self.details])


@dataclass
class CorpusReport:
    """What became of every file of a folder, in the order of their names."""

    files: list[FileReport] = field(default_factory=list)

    def count_fates(self) -> dict[Fate, int]:
        """Number of files of each fate."""
        counts = Counter(file.fate for file in self.files)
        return {fate: counts[fate] for fate in Fate}

    def count_reasons(self, *fates: Fate) -> list[tuple[str, int]]:
        """How many files of these fates name each reason, the most frequent first."""
        reasons: Counter[str] = Counter()
        for file in self.files:
            if file.fate in fates:
                reasons.update({_without_numbers(detail) for detail in file.details})
        return reasons.most_common()

    def save(self, path: Path) -> None:
        """Writes the report as JSON."""
        content = {"counts": self.count_fates(), "files": [asdict(file) for file in self.files]}
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> CorpusReport:
        """Reads what `save` wrote."""
        rows = json.loads(path.read_text(encoding="utf-8"))["files"]
        return cls([FileReport(**(row | {"fate": Fate(row["fate"])})) for row in rows])


def _without_numbers(reason: str) -> str:
    """A reason in the form that files share, so that "12 notes were ..." and "1 note was ..." count together."""
    if not reason[:1].isdigit():
        return reason
    shared = re.sub(r"^[\d,]+ ", "", reason)
    return re.sub(r"\bwas\b", "were", re.sub(r"\bnote\b", "notes", shared))


def print_report(report: CorpusReport, path: Path, console: Console) -> None:
    """Shows counts, reasons, and the files that were not used.

    Args:
        report: what became of the files.
        path: where the whole report lies.
        console: where to print.
    """
    from rich.table import Table

    counts = Table("files", "what became of them", box=None)
    for fate, count in report.count_fates().items():
        counts.add_row(f"{count:,}", fate.value)
    console.print(counts)
    _print_reasons("Repaired", report.count_reasons(Fate.REPAIRED), console)
    _print_reasons("Skipped", report.count_reasons(Fate.SKIPPED), console)
    _print_unused(report, path, console)


def _print_reasons(title: str, reasons: Iterable[tuple[str, int]], console: Console) -> None:
    """The reasons and how many files name each."""
    rows = list(reasons)
    if not rows:
        return
    console.print(f"\n{title}, because:")
    for reason, count in rows[:MAX_REASONS_SHOWN]:
        console.print(f"{count:7,}  {reason}", markup=False, highlight=False, soft_wrap=True)
    if len(rows) > MAX_REASONS_SHOWN:
        console.print(f"         and {counted(len(rows) - MAX_REASONS_SHOWN, 'other reason')}")


def _print_unused(report: CorpusReport, path: Path, console: Console) -> None:
    """The files that are not in the dataset, or the first of them and where to find the others."""
    unused = [file for file in report.files if not file.num_pieces]
    if unused:
        console.print("\nNot used:")
    for file in unused[:MAX_FILES_SHOWN]:
        line = f"  {file.name}: {file.explain()}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if len(unused) > MAX_FILES_SHOWN:
        console.print(f"  and {len(unused) - MAX_FILES_SHOWN:,} more")
    console.print(f"\nEvery file by name: {path}", markup=False, highlight=False, soft_wrap=True)
