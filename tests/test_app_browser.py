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

import pytest

from melodyforge.music.midi import read_midi

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")

PROJECT_DIR = Path(__file__).parents[1]
SCREENSHOT = PROJECT_DIR / "docs" / "images" / "app.png"
SCREENSHOT_VARIABLE = "MELODY_FORGE_SCREENSHOT"  # set to take a new picture for the README
CHROMIUM = shutil.which("chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--mute-audio"]
TIMEOUT_MS = 60_000
ROLL_IS_SHOWN = "[...document.images].some(image => image.naturalWidth === 1460 && image.src.endsWith('.png'))"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs the browser chromium"),
]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until_up(url: str, server: subprocess.Popen) -> None:
    deadline = time.monotonic() + TIMEOUT_MS / 1000
    while time.monotonic() < deadline:
        assert server.poll() is None, "the server ended"
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    pytest.fail("the server did not come up")


@pytest.fixture(scope="module")
def app_url(tiny_model_dir) -> Iterator[str]:
    """A running server of the app."""
    port = free_port()
    models_dir = os.environ.get("MELODY_FORGE_MODELS") if os.environ.get(SCREENSHOT_VARIABLE) else None
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    server = subprocess.Popen(
        command,
        cwd=PROJECT_DIR,
        env=os.environ | {"MELODY_FORGE_MODELS": models_dir or str(tiny_model_dir)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_up(f"http://localhost:{port}", server)
        yield f"http://localhost:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


@pytest.fixture
def page(app_url):
    """A page of the app, which loads nothing from elsewhere, whatever it asks for."""
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        tab = browser.new_page(viewport={"width": 1280, "height": 900}, device_scale_factor=1)
        tab.set_default_timeout(TIMEOUT_MS)
        tab.foreign_requests = []
        tab.on("request", lambda request: note_foreign(request.url, app_url, tab.foreign_requests))
        tab.route(lambda url: is_foreign(url, app_url), lambda route: route.abort())
        tab.goto(app_url)
        yield tab
        browser.close()


def is_foreign(url: str, app_url: str) -> bool:
    return not url.startswith((app_url, app_url.replace("http", "ws", 1), "data:", "blob:"))


def note_foreign(url: str, app_url: str, found: list[str]) -> None:
    if is_foreign(url, app_url):
        found.append(url)


def compose(page, num_notes: int) -> None:
    """Moves the slider with the keyboard to a number of notes, and presses the button."""
    thumb = page.get_by_role("slider", name="Notes")
    thumb.focus()
    thumb.press("Home")
    for _ in range(num_notes - 1):
        thumb.press("ArrowRight")
    page.get_by_role("button", name="Compose", exact=True).click()
    page.get_by_text("notes · random seed").wait_for()


def test_compose_listen_look_and_download(page, tmp_path):
    compose(page, 30)

    page.wait_for_function("document.querySelector('audio')?.duration > 1")

    with page.expect_download() as midi:
        page.get_by_role("button", name="Download MIDI").click()
    midi.value.save_as(tmp_path / "take.mid")
    assert midi.value.suggested_filename.endswith(".mid")
    assert 27 <= len(read_midi((tmp_path / "take.mid").read_bytes())[0]) <= 30  # it may close a little sooner

    with page.expect_download() as wav:
        page.get_by_role("button", name="Download WAV").click()
    wav.value.save_as(tmp_path / "take.wav")
    assert (tmp_path / "take.wav").read_bytes()[:4] == b"RIFF"

    page.wait_for_function(ROLL_IS_SHOWN)
    assert page.foreign_requests == []


@pytest.mark.skipif(SCREENSHOT_VARIABLE not in os.environ, reason=f"set {SCREENSHOT_VARIABLE} for a new screenshot")
def test_screenshot(page):
    page.get_by_role("button", name="Compose", exact=True).click()
    page.wait_for_function(ROLL_IS_SHOWN)
    page.wait_for_function("document.querySelector('audio')?.duration > 1")
    SCREENSHOT.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOT)
    assert SCREENSHOT.stat().st_size > 10_000
