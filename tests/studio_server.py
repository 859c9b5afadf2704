"""A running studio and a browser, for all that tries the studio as its users meet it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROJECT_DIR = Path(__file__).parents[1]
CHROMIUM = shutil.which("chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--mute-audio"]
SECONDS_TO_START = 60.0


@contextlib.contextmanager
def running_studio(home: Path, log: Path | None = None) -> Iterator[str]:
    """Runs the studio for a user's home folder, and gives its address; what it prints goes into `log`."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    environment = os.environ | {"MELODY_FORGE_HOME": str(home)}
    with Path(log or os.devnull).open("wb") as output:
        server = subprocess.Popen(command, cwd=PROJECT_DIR, env=environment, stdout=output, stderr=output)
    try:
        _wait_until_up(f"http://localhost:{port}", server)
        yield f"http://localhost:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_until_up(url: str, server: subprocess.Popen) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError("the studio ended before it was up")
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise RuntimeError(f"the studio was not up after {SECONDS_TO_START:.0f} s")


@contextlib.contextmanager
def running_browser() -> Iterator[Any]:
    """Chromium, by Playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()
