"""Who is let into a studio that is open to others: by password, from pages of its own. A real server, no browser."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

pytest.importorskip("streamlit")

from melodyforge.studio import connect, gate
from tests.studio_server import running_studio

PASSWORD = "öpen & sesame"
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}
UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)


class Visitor:
    """Asks a server as a browser does, with one cookie."""

    def __init__(self, url: str) -> None:
        self.host = urlsplit(url).netloc
        self.cookie = ""

    def ask(self, path: str, method: str = "GET", body: str = "", **headers: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(self.host, timeout=30)
        connection.request(method, path, body, {"Accept": "text/html", "Cookie": self.cookie} | headers)
        response = connection.getresponse()
        response.text = response.read().decode()
        connection.close()
        return response

    def enter(self, password: str, path: str = "/takes?x=1") -> http.client.HTTPResponse:
        response = self.ask(path, "POST", f"password={quote(password)}", **FORM)
        self.cookie = response.getheader("Set-Cookie", "").partition(";")[0]
        return response

    def connect(self, origin: str) -> int:
        """Asks for a WebSocket, and gives the status of the answer."""
        name, port = self.host.split(":")
        with socket.create_connection((name, int(port)), timeout=30) as line:
            head = f"GET /_stcore/stream HTTP/1.1\r\nHost: {self.host}\r\nOrigin: {origin}\r\nCookie: {self.cookie}\r\n"
            line.sendall(f"{head}{UPGRADE}\r\n".encode())
            return int(line.recv(100).split()[1])


def test_without_the_password_nothing_is_served_and_foreign_pages_never_connect(tmp_path, monkeypatch):
    monkeypatch.setenv(gate.PASSWORD_VARIABLE, PASSWORD)
    log = tmp_path / "log.txt"
    with running_studio(tmp_path, log) as url:
        visitor = Visitor(url)
        for path in ("/", "/takes", "/_stcore/host-config", "/media/sound.wav", "/component/x/y", "/static/js/x.js"):
            assert visitor.ask(path).status == 401, path
        assert visitor.ask("/_stcore/upload_file/a/b", "PUT", "data").status == 401
        assert visitor.connect(url) == 403
        assert visitor.enter("sesame").status == visitor.enter("").status == 401
        assert visitor.enter("x" * 10_000).status == 401
        entered = visitor.enter(PASSWORD)
        assert (entered.status, entered.getheader("Location")) == (303, "/takes?x=1")
        assert "HttpOnly" in entered.getheader("Set-Cookie")
        assert PASSWORD not in entered.getheader("Set-Cookie")
        assert visitor.ask("/takes").status == 200
        assert visitor.connect(url) == 101
        assert visitor.connect("http://music.example") == 403
        assert (
            "--server.corsAllowedOrigins http://music.example`"
            in visitor.ask("/refused?origin=http://music.example").text
        )
        assert visitor.ask(f"/refused?origin={url}").text == ""
        stranger = Visitor(url)
        stranger.cookie = visitor.cookie[:-1] + ("0" if visitor.cookie[-1] != "0" else "1")
        assert stranger.ask("/takes").status == 401
        assert Visitor(url).enter(PASSWORD, "//elsewhere.example/").getheader("Location") == "/elsewhere.example/"
    assert log.read_text().count("Refused a connection.") == 1
    assert PASSWORD not in log.read_text()


@pytest.mark.parametrize(
    ("origin", "host", "is_refused"),
    [
        ("", "studio:8501", False),  # no browser
        ("http://studio:8501", "studio:8501", False),
        ("http://localhost:3000", "studio:8501", False),
        ("https://music.example", "studio:8501", True),
        ("http://studio:8501.evil.example", "studio:8501", True),
        ("http://$(x).example", "studio:8501", True),
        ("null", "studio:8501", True),
    ],
)
def test_a_page_of_another_name_is_told_why_it_is_refused(origin, host, is_refused):
    reason = connect.why_refused(origin, host)
    assert bool(reason) == is_refused
    assert "$" not in reason


@pytest.mark.parametrize(
    ("address", "password", "warns"),
    [("localhost", "", False), ("0.0.0.0", "", True), (None, "", True), ("0.0.0.0", "secret", False)],
)
def test_a_server_open_to_others_without_a_password_says_so(address, password, warns, monkeypatch, capsys):
    monkeypatch.setenv(gate.PASSWORD_VARIABLE, password)
    monkeypatch.setattr(gate.st, "get_option", {"server.address": address}.__getitem__)
    gate.warn_if_open()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == warns
    assert all(gate.PASSWORD_VARIABLE in line for line in lines)


def test_the_first_page_knows_where_its_server_is():
    page = Path(connect.FIRST_PAGE).read_text(encoding="utf-8")
    assert page.count("<head>") == 1  # where the words are put that tell it
    assert [route.path for route in connect.first_pages()] == ["/", "/compose", "/takes", "/train", "/data", "/refused"]
