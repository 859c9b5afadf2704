"""The HTTP API, as programs meet it: a real server, a small model, and bodies of strangers."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytest.importorskip("streamlit")

from streamlit.testing.v1 import AppTest

from melodyforge.music.midi import read_midi, write_midi
from melodyforge.studio import api, api_page, api_token, gate, pages
from melodyforge.workshop.plain_data import news
from tests.music_samples import tune
from tests.studio_server import PROJECT_DIR, running_studio

TOKEN = "a-token-of-many-letters"
SETTINGS = {"num_notes": 40, "seed": 1}
TUNE = write_midi(tune(0, 8))
DOCS = (PROJECT_DIR / "docs" / "api.md").read_text(encoding="utf-8")
DOCUMENTED = "http://localhost:8501"


class Program:
    """Asks the API."""

    def __init__(self, url: str, token: str = TOKEN) -> None:
        self.host = urlsplit(url).netloc
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    @contextlib.contextmanager
    def open(self, path: str, body: bytes | dict = b"", method: str = "") -> Iterator[http.client.HTTPResponse]:
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        connection = http.client.HTTPConnection(self.host, timeout=60)
        with contextlib.closing(connection):
            connection.request(method or ("POST" if data else "GET"), f"/api/v1/{path}", data, self.headers)
            with connection.getresponse() as response:
                yield response

    def ask(self, path: str, body: bytes | dict = b"", method: str = "") -> tuple[int, bytes]:
        with self.open(path, body, method) as response:
            return response.status, response.read()

    def told(self, path: str, body: bytes | dict = b"") -> dict:
        status, answer = self.ask(path, body)
        assert status == 200, answer
        return json.loads(answer)


@pytest.fixture(scope="module")
def log(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("log") / "log.txt"


@pytest.fixture(scope="module")
def url(tiny_model_dir, tmp_path_factory, log) -> Iterator[str]:
    """A studio with a password, whose API is on."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(tiny_model_dir / "tiny", home / "models" / "tiny")
    with pytest.MonkeyPatch.context() as patch:  # which those see, too, who ask
        patch.setenv(api_token.TOKEN_VARIABLE, TOKEN)
        patch.setenv(gate.PASSWORD_VARIABLE, "sesame")
        with running_studio(home, log) as address:
            yield address


@pytest.fixture
def program(url) -> Program:
    return Program(url)


def test_models_and_their_settings_are_listed(program):
    assert [one["name"] for one in program.told("models")] == ["tiny", "starter"]
    settings = program.told("settings?model=tiny")
    assert settings["num_notes"] | {"about": ""} == {
        "about": "",
        "default": 500,
        "unit": "notes",
        "low": 1,
        "high": 2000,
    }
    assert settings["bridge_bars"]["about"].endswith("the take of `join`")
    assert settings["effort"]["options"] == ["quick", "good", "best"]


def test_the_same_music_comes_as_notes_as_midi_and_as_a_stream(program):
    (take,) = program.told("compose", SETTINGS)["takes"]
    assert (len(take["notes"]), take["seed"]) == (40, 1)
    status, midi = program.ask("compose?answer=midi&num_notes=40&seed=1", method="POST")
    assert status == 200
    notes = read_midi(midi)[0].notes
    assert [note["pitch"] for note in take["notes"]] == notes["pitch"].tolist()
    assert [note["start"] for note in take["notes"]] == pytest.approx((notes["onset"] / 24).tolist(), abs=0.04)
    heard, lines = [], program.ask("compose?answer=stream", SETTINGS)[1].splitlines()
    for line in map(json.loads, lines[:-1]):
        heard = heard[: line["keep"]] + line["notes"]
    assert heard == take["notes"]
    assert json.loads(lines[-1]) | {"name": ""} == {"done": True, "name": "", "seed": 1, "notices": take["notices"]}


def test_a_stream_begins_long_before_its_end(program):
    with program.open("compose?answer=stream", {"num_notes": 2000}) as response:
        first = json.loads(response.readline())
    assert 0 < len(first["notes"]) < 1000
    assert [track["name"] for track in first["tracks"]]


def test_bars_are_composed_anew_in_music_that_is_sent(program):
    (take,) = program.told("redo?redo_bars=3-4&seed=1", TUNE)["takes"]
    outside = [note for note in take["notes"] if not 8 <= note["start"] < 16]
    kept = tune(0, 8).notes
    kept = kept[(kept["onset"] < 8 * 24) | (kept["onset"] >= 16 * 24)]
    assert [(note["start"], note["pitch"]) for note in outside] == [(n["onset"] / 24, n["pitch"]) for n in kept]


def test_two_pieces_are_joined(program):
    midi = base64.b64encode(TUNE).decode()
    (take,) = program.told("compose", {"midi": midi, "join": midi, "bridge_bars": 1, "seed": 1})["takes"]
    bridge = [note for note in take["notes"] if 32 <= note["start"] < 36]
    assert len(take["notes"]) == 2 * len(tune(0, 8)) + len(bridge)
    assert bridge


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], "é" * 20])
def test_without_the_token_nothing_is_told(url, token):
    for path in ("models", "compose", "nothing"):
        status, answer = Program(url, token).ask(path)
        assert (status, api_token.TOKEN_VARIABLE in json.loads(answer)["error"]) == (401, True)


def test_a_page_of_another_site_gets_nothing(program):
    program.headers = {"Origin": "http://evil.example", "Access-Control-Request-Headers": "authorization"}
    with program.open("compose", method="OPTIONS") as response:
        assert response.status == 401
        assert not [name for name, _ in response.getheaders() if name.lower().startswith("access-control")]


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("compose", {"num_notes": 10**30}, 400, "`num_notes` must be"),
        ("compose", {"num_notes": 2001}, 400, "`num_notes` must be at most 2,000 here. Received 2,001."),
        ("compose", {"num_pieces": 1000}, 400, "`num_pieces` must be at most 8"),
        ("compose", b'{"tempo": NaN}', 400, "NaN"),
        ("compose", b'{"tempo": 1e999}', 400, "`tempo` must be"),
        ("compose", b"9" * 5000, 400, "must be a JSON object"),
        ("compose", b"[" * 100_000, 400, "must be a JSON object"),
        ("compose", b"[1]", 400, "Received list"),
        ("compose", b"\xff\xfe\x00", 400, "must be a JSON object"),
        ("compose", {"has_primer": True}, 400, "`has_primer` is not a setting"),
        ("compose", {"style": "jazz"}, 400, "`style` must be"),
        ("compose", {"style": 5}, 400, "`style` must be"),
        ("compose", {"num_notes": 40, "num_bars": 4}, 400, "must stand alone"),
        ("compose", {"model": "../../etc"}, 400, "`model` must be one of: tiny, starter. Received '../../etc'."),
        ("compose", {"model": ["tiny"]}, 400, "`model` must be the name"),
        ("settings?model=%2Fetc", b"", 400, "`model` must be one of"),
        ("compose", b"MThd and nothing more", 400, "Expected"),
        ("compose", {"midi": "no base64!"}, 400, "`midi` must be"),
        ("compose", {"midi": 5}, 400, "`midi` must be"),
        ("compose", {"join": [5]}, 400, "`join` must be"),
        ("compose?answer=sound", {"num_notes": 5}, 400, "`answer` must be one of: notes, midi, stream."),
        ("compose?answer=stream", {"num_pieces": 2}, 400, "`num_pieces` must be 1"),
        ("compose?answer=stream", {"chords": "H"}, 400, "chord"),
        ("redo", {"num_notes": 40}, 400, "`redo_bars`"),
        ("redo", TUNE, 400, "`redo_bars`"),
        ("redo?redo_bars=80", TUNE, 400, "80"),
        ("compose", b"{" + b" " * api.MAX_BODY_BYTES, 413, "The body must have at most"),
        ("nothing", b"", 404, "Not Found"),
        ("compose", b"", 405, "Method Not Allowed"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_in_a_line(program, path, body, status, words):
    answered, answer = program.ask(path, body)
    assert answered == status, answer
    assert words in json.loads(answer)["error"]
    assert answer.count(b"\n") == 0


@pytest.mark.parametrize("answer", ["stream", "notes"])
def test_whoever_goes_away_has_the_composing_stopped(program, answer):
    long = {"num_notes": 2000, "key": "C", "best_of": 16}  # minutes
    with contextlib.ExitStack() as leaving:

        def is_refused() -> bool:
            connection = leaving.enter_context(contextlib.closing(http.client.HTTPConnection(program.host, timeout=1)))
            connection.request("POST", f"/api/v1/compose?answer={answer}", json.dumps(long), program.headers)
            try:
                return connection.getresponse().status == 429
            except TimeoutError:  # it is being composed
                return False

        wait_until(is_refused)
    wait_until(lambda: program.ask("compose", SETTINGS)[0] == 200)


def wait_until(is_so: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_what_was_taken_back_is_told():
    before, now = tune(0, 4), tune(0, 2)
    told = news(before, now)
    assert told == {"keep": len(now), "notes": []}
    back = news(now, before)
    assert (back["keep"], len(back["notes"])) == (len(now), len(before) - len(now))
    assert news(None, now).keys() == {"tracks", "tempos", "meters", "keep", "notes"}
    assert news(before, tune(1, 4))["keep"] == 0


def test_every_line_of_the_documentation_works(url, tmp_path):
    curls = [line for line in DOCS.splitlines() if line.startswith("curl")]
    assert curls == [line for _, line in api_page.lines(f"{DOCUMENTED}/api/v1")]
    for line in curls:
        subprocess.run(
            ["sh", "-c", line.replace("curl", "curl -sSf", 1).replace(DOCUMENTED, url)], check=True, cwd=tmp_path
        )
    made = {file.name: len(read_midi(file.read_bytes())[0]) for file in tmp_path.iterdir()}
    assert made.keys() == {"composed.mid", "continued.mid", "redone.mid"}
    assert min(made.values()) > 20


def test_the_program_of_the_documentation_works(url, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(re.search("```python\n(.+?)```", DOCS, re.DOTALL)[1])
    address = os.environ | {"MELODY_FORGE_API": f"{url}/api/v1"}
    done = subprocess.run([sys.executable, program], env=address, capture_output=True, text=True)
    *grown, last = done.stdout.splitlines()
    assert int(grown[-1].split()[0]) > 50, done.stderr
    assert last.startswith("the last one: {'start': ")


def test_a_page_tells_where_the_api_is(monkeypatch):
    monkeypatch.setenv(api_token.TOKEN_VARIABLE, TOKEN)
    assert [name for name, _, _ in pages.pages()][-1] == "api"
    page = AppTest.from_string("from melodyforge.studio.api_page import show; show()").run()
    assert not page.exception
    assert page.code[0].value.endswith("/api/v1")
    assert TOKEN not in str(page)


def test_nothing_of_this_was_a_bug(program, log):
    assert "Traceback" not in log.read_text()
    assert "warning" not in log.read_text().lower(), log.read_text()


@pytest.mark.parametrize("token", ["", "short", "with spaces in its middle", "éééééééééééééééééééé"])
def test_without_a_strong_token_the_api_is_off(token, monkeypatch, capsys):
    monkeypatch.setenv(api_token.TOKEN_VARIABLE, token)
    api_token.warn_if_weak()
    assert api_token.token() == ""
    assert "api" not in [name for name, _, _ in pages.pages()]
    assert len(capsys.readouterr().err.splitlines()) == bool(token)
