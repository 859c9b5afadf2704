"""What all benchmarks share: timing, memory of a process of its own, one table, one JSON file.

Knows nothing of music or networks, and imports nothing heavy, so that it does not weigh on what it measures.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

RESULTS_DIR = Path(__file__).parent / "results"
VERSIONS_OF = ("numpy", "keras", "tensorflow", "music21", "symusic")
WORSE = 1.2  # times; less is noise where others use the same processors
SAME = ("processor", "num_cores")  # figures of other machines say nothing
LOWER_IS_BETTER, HIGHER_IS_BETTER = ("s", "ms", "MB"), "/s"  # units; the second is their end
_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024  # the unit of ru_maxrss (getrusage(2) of each system)


@dataclass(frozen=True)
class Figure:
    """One row of a benchmark's table."""

    name: str
    value: float
    unit: str
    target: str = ""


class Command(NamedTuple):
    """How a command went; `peak_mb` is the most memory that its process held, in MB."""

    seconds: float
    peak_mb: float
    output: str


def median_seconds(function: Callable[[], Any], repeats: int = 5) -> float:
    """Median wall time of a call, after one call to warm up."""
    function()
    return statistics.median(_seconds(function) for _ in range(repeats))


def run_alone(function: Callable[..., Any], *args: Any) -> tuple[Any, float]:
    """Calls a function in a fresh process.

    Returns:
        Its result, and the most memory that the process held, in MB.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_with_peak, function, args).result()


def run_command(*args: str) -> Command:
    """Runs Python with arguments and waits for it.

    The kernel counts the memory of the process that starts another as that one's own; so call this before
    anything large is imported.

    Raises:
        RuntimeError: the command failed; with its output.
    """
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
    )
    with process.stdout as stream:  # type: ignore[union-attr]
        output = stream.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"`python {' '.join(args)}` must succeed. It ended with {process.returncode}: {output}")
    return Command(seconds, usage.ru_maxrss * _MAXRSS_BYTES / 1e6, output)


def report(name: str, title: str, figures: Sequence[Figure], **conditions: Any) -> None:
    """Prints the figures as a table, with the machine, and writes them to `benchmarks/results/<name>.json`.

    What is worse by more than a fifth than in the run before on such a machine is said.
    """
    from rich.console import Console
    from rich.table import Table

    RESULTS_DIR.mkdir(exist_ok=True)
    seen = machine()
    table = Table(
        title=f"{title}, on {seen['num_cores']} cores of {seen['processor']}, {seen['date']}",
        title_justify="left",
    )
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("unit")
    table.add_column("to reach", justify="right")
    for figure in figures:
        table.add_row(figure.name, f"{figure.value:,.4g}", figure.unit, figure.target)
    Console().print(table)
    for line in compare(RESULTS_DIR / f"{name}.history.jsonl", seen, conditions, figures):
        print(line)
    write_results(name, {"conditions": conditions, "figures": [asdict(figure) for figure in figures]})


def compare(path: Path, machine: dict[str, Any], conditions: dict[str, Any], figures: Sequence[Figure]) -> list[str]:
    """Adds a run to the history, and says in a line each what is worse than in the newest run like it.

    Args:
        path: the history; it is made when there is none.
        machine: what the figures were seen on, and when.
        conditions: of the run.
        figures: what was seen.
    """
    runs = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    known = {name: machine[name] for name in ("date", *SAME)} | {"conditions": json.loads(json.dumps(conditions))}
    alike = [run for run in runs if all(run[name] == known[name] for name in (*SAME, "conditions"))]
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(known | {"figures": {one.name: one.value for one in figures}}) + "\n")
    return [line for one in figures if (line := _worse(one, alike[-1]))] if alike else []


def _worse(figure: Figure, before: dict[str, Any]) -> str:
    was = before["figures"].get(figure.name)
    if not was or not figure.value:
        return ""
    if figure.unit.endswith(HIGHER_IS_BETTER):
        ratio = was / figure.value
    elif figure.unit in LOWER_IS_BETTER:
        ratio = figure.value / was
    else:
        return ""
    said = f"{figure.name}: {was:,.4g} -> {figure.value:,.4g} {figure.unit}"
    return f"Worse than on {before['date']} by {ratio - 1:.0%}: {said}" if ratio > WORSE else ""


def write_results(name: str, content: dict[str, Any]) -> None:
    """Keeps figures in `benchmarks/results/`, with the machine that they were seen on."""
    RESULTS_DIR.mkdir(exist_ok=True)
    path = RESULTS_DIR / f"{name}.json"
    path.write_text(json.dumps({"machine": machine()} | content, indent=2) + "\n", encoding="utf-8")
    print(f"Wrote {path}")


def _seconds(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def _with_peak(function: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Any, float]:
    result = function(*args)
    return result, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_BYTES / 1e6


def machine() -> dict[str, Any]:
    """What figures were seen on, and when."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": _processor(),
        "num_cores": os.cpu_count(),
        "python": platform.python_version(),
        **{name: _version(name) for name in VERSIONS_OF},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    """The processor's name where Linux tells it, else what Python knows."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
