"""How the studio feels: first page, memory, time to the first note and to sound, ten people at once, a smooth roll.

    python -m benchmarks.studio

Runs a server on the models there are, the starter by default, and a real browser beside it on the same processor; the
ten visitors draw nothing (`benchmarks/light_visitor.py`).
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.light_visitor import LightVisitor
from benchmarks.measure import Figure, report
from melodyforge.cli import Parser, run
from melodyforge.corpus.prepare import prepare_corpus
from melodyforge.music.midi import write_midi
from melodyforge.music.piece import Piece, make_notes
from melodyforge.places import PROJECT_DIR

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--mute-audio"]
NUM_STARTS = 5  # of each kind of server; the median counts
NUM_PEOPLE = 10
ROLL_NOTES = 5_000
ROLL_SECONDS = 5.0
PATIENCE_S = 120.0
READY, GROWING = ".player[data-state=ready]", ".player[data-state=growing]"
# As the page itself saw them: the last click, and the first note that was drawn after it.
FIRST_NOTE = "performance.getEntriesByName('new-notes').find((mark) => mark.startTime > window.clicked).startTime"
SECONDS_TO_FIRST_NOTE = f"({FIRST_NOTE} - window.clicked) / 1000"


def main() -> None:
    """Measures everything and reports it."""
    Parser(prog="-m benchmarks.studio", description=__doc__).parse_args()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        home = Path(folder)
        put_long_piece(home)
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        figures = first_pages(browser, home)
        with server(home) as (url, process, _):
            figures += [*one_visitor(browser, url), *ten_visitors(url, process), smooth_roll(browser, url)]
        browser.close()
    report("studio", "The studio", figures)


def put_long_piece(home: Path) -> None:
    """A dataset with one piece of `ROLL_NOTES` notes, to be played on the page Data."""
    rng = np.random.default_rng(0)
    rows = [(3 * index, 12, 0, int(pitch), 80) for index, pitch in enumerate(rng.integers(40, 90, ROLL_NOTES))]
    music = home / "data" / "midi_files"
    music.mkdir(parents=True)
    (music / "long.mid").write_bytes(write_midi(Piece(make_notes(rows))))
    prepare_corpus(music, home / "data" / "dataset", num_workers=1)


@contextmanager
def server(home: Path, app: str = "app.py") -> Iterator[tuple[str, psutil.Process, float]]:
    """A fresh server of a page: its address, its process, and when it was started."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", app, "--server.port", str(port)]
    started = time.perf_counter()
    quiet = subprocess.DEVNULL
    environment = os.environ | {"MELODY_FORGE_HOME": str(home)}
    process = subprocess.Popen(command, cwd=PROJECT_DIR, env=environment, stdout=quiet, stderr=quiet)
    try:
        yield f"http://localhost:{port}", psutil.Process(process.pid), started
    finally:
        process.terminate()
        process.wait(20)


def memory_mb(process: psutil.Process) -> float:
    """What the server holds, the processes that it started not counted."""
    return process.memory_info().rss / 1e6


def first_pages(browser: Any, home: Path) -> list[Figure]:
    """Fresh servers, the studio's and one of nothing but a button in turn: from the command to the first page."""
    bare = home / "bare.py"
    bare.write_text("import streamlit\n\nstreamlit.button('Compose')\n", encoding="utf-8")
    apps = {"fresh server to first page": "app.py", "the same, a bare Streamlit page": str(bare)}
    seconds: dict[str, list[float]] = {name: [] for name in apps}
    for _ in range(NUM_STARTS):
        for name, app in apps.items():
            with server(home, app) as (url, _, started):
                page = visitor(browser)
                until(lambda page=page, url=url: reaches(page, url))
                button(page).wait_for()
                seconds[name].append(time.perf_counter() - started)
                page.context.close()
    studio, nothing = (Figure(name, statistics.median(times), "s") for name, times in seconds.items())
    return [replace(studio, target="<= 3"), nothing]


def one_visitor(browser: Any, url: str) -> list[Figure]:
    """On a warm server, from the click to the first note and to sound."""
    page = visitor(browser)
    until(lambda: reaches(page, url))
    button(page).wait_for()
    compose(page)
    page.locator(READY).wait_for()
    page.reload()
    button(page).wait_for()
    page.locator(READY).wait_for()
    clicked = time.perf_counter()
    compose(page)
    page.locator(GROWING).wait_for()  # until then the take before is ready
    page.locator(READY).wait_for()
    sound = time.perf_counter() - clicked
    first_note = page.evaluate(SECONDS_TO_FIRST_NOTE)
    page.context.close()
    return [
        Figure("click to first note", first_note, "s", "<= 0.3"),
        Figure("500 notes: click to sound that can be played", sound, "s", "<= 2.5"),
    ]


def ten_visitors(url: str, process: psutil.Process) -> list[Figure]:
    """All press Compose at the same time."""
    visitors = [LightVisitor(url, PATIENCE_S) for _ in range(NUM_PEOPLE)]
    with ThreadPoolExecutor(NUM_PEOPLE) as threads:
        asked = [threads.submit(one.compose) for one in visitors]
        served = [one.result() for one in asked if one.exception() is None]
    memory = memory_mb(process)
    for one in visitors:
        one.close()
    first_notes, sounds = zip(*served, strict=True)
    helpers = [child for child in process.children() if "melodyforge" in " ".join(child.cmdline())]
    return [
        Figure(f"{NUM_PEOPLE} at once: served", len(served), "", str(NUM_PEOPLE)),
        Figure(f"{NUM_PEOPLE} at once: slowest first note", max(first_notes), "s", "<= 3"),
        Figure(f"{NUM_PEOPLE} at once: last one has sound", max(sounds), "s"),
        Figure("memory of the web server then", memory, "MB", "<= 400"),
        Figure("memory of each process that composes", max(map(memory_mb, helpers)), "MB"),
    ]


def smooth_roll(browser: Any, url: str) -> Figure:
    """Frames a second of the roll while a long piece plays."""
    page = visitor(browser)
    page.goto(f"{url}/data")
    page.get_by_role("tab", name="Listen").click()
    player = page.locator(READY)
    player.wait_for()
    player.get_by_role("button", name="Play").click()
    player = page.locator(".player[data-state=playing]")
    player.wait_for()
    before = player.evaluate("root => root.player.frames ?? 0")
    page.wait_for_timeout(1000 * ROLL_SECONDS)
    frames = player.evaluate("root => root.player.frames") - before
    page.context.close()
    return Figure(f"roll of {ROLL_NOTES:,} notes while playing", frames / ROLL_SECONDS, "frames/s", ">= 30")


def visitor(browser: Any) -> Any:
    """The page of somebody new."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(1000 * PATIENCE_S)
    page.add_init_script("addEventListener('click', (event) => { window.clicked = event.timeStamp; }, true)")
    return page


def button(page: Any) -> Any:
    """The button Compose."""
    return page.get_by_role("button", name="Compose", exact=True)


def compose(page: Any) -> None:
    """Presses it."""
    button(page).click()


def reaches(page: Any, url: str) -> bool:
    """Whether the server answers."""
    from playwright.sync_api import Error

    try:
        page.goto(url)
    except Error:
        return False
    return True


def until(is_so: Callable[[], bool]) -> None:
    """Waits for something."""
    deadline = time.perf_counter() + PATIENCE_S
    while not is_so():
        if time.perf_counter() > deadline:
            raise TimeoutError(is_so)
        time.sleep(0.05)


if __name__ == "__main__":
    raise SystemExit(run(main))
