"""How long work shows where it stands: a bar on a terminal, a plain line now and then elsewhere.

Does not know what the work is.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

LINE_SECONDS = 10.0  # between two plain lines


@contextlib.contextmanager
def show_progress(label: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Shows progress while the block runs; nothing before the first report.

    Args:
        label: what is done, such as "Reading".
        unit: what is counted, such as "files".

    Yields:
        A function to call with the number done and the number in all.
    """
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        yield _line_printer(label, unit, console.print)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(label, total=None, visible=False, rate="")
        started = time.monotonic()

        def show(done: int, total: int) -> None:
            rate = f"{_rate(done, started):,.0f} {unit}/s"
            progress.update(task, completed=done, total=total, visible=True, rate=rate)

        yield show


def say_waiting() -> None:
    """Says why nothing moves while another process prepares the dataset."""
    print("Another process is reading music into the dataset. Waiting until that has ended ...", flush=True)


def _line_printer(label: str, unit: str, print_line: Callable[[str], None]) -> Callable[[int, int], None]:
    """Prints a line every `LINE_SECONDS`, and one at the end."""
    started = printed = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal printed
        now = time.monotonic()
        if done < total and now < printed + LINE_SECONDS:
            return
        printed = now
        rate = _rate(done, started)
        seconds_left = (total - done) / rate
        print_line(f"{label}: {done:,} of {total:,} {unit}, {rate:,.0f}/s, {seconds_left:.0f} s left")

    return show


def _rate(done: int, started: float) -> float:
    """Units a second since `started`, never 0."""
    return max(done, 1e-9) / max(time.monotonic() - started, 1e-9)
