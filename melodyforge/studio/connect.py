"""How a browser finds the server behind a page, and what it is told when it may not.

Streamlit's first page guesses where its server is by asking at two addresses, one of which does not exist below
`/takes`; here it is told. A page under a foreign name is refused a connection; here it is told why, too, and so is the
terminal.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

import streamlit as st
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from melodyforge.studio.media import base_address
from melodyforge.studio.pages import pages

LOCAL_NAMES = {"localhost", "127.0.0.1", "0.0.0.0", "::1"}
PLAIN_ORIGIN = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?")
FIRST_PAGE = Path(st.__file__).parent / "static" / "index.html"
SCRIPT = (Path(__file__).parent / "connect.js").read_text(encoding="utf-8")
MAX_FOREIGNERS_TOLD = 20  # on the terminal


def first_pages() -> list[Route]:
    """What answers at the addresses of the pages, and to a page that asks whether it will be refused."""
    base = base_address()
    addresses = [base, *(base + name for name, _, _ in pages())]
    names = json.dumps([name for name, _, _ in pages()])
    script = f"<script>\n{{\nconst PAGES = {names};\n{SCRIPT}}}\n</script>"
    html = FIRST_PAGE.read_text(encoding="utf-8").replace("<head>", f"<head>\n{script}", 1)

    async def first_page(_: Request) -> Response:
        return HTMLResponse(html, headers={"Cache-Control": "no-cache"})

    async def refused(request: Request) -> Response:
        origin = request.query_params.get("origin", "")
        return PlainTextResponse(why_refused(origin, request.headers.get("host", "")))

    return [*(Route(address, first_page) for address in addresses), Route(f"{base}refused", refused)]


def why_refused(origin: str, host: str) -> str:
    """What to tell a page that is not this server's; empty for one that is, or that the server was told of.

    Args:
        origin: where the page comes from, such as "https://music.example.org".
        host: by which name the server was asked.
    """
    if not origin or not st.get_option("server.enableCORS"):
        return ""
    if not PLAIN_ORIGIN.fullmatch(origin):  # of no browser; it is not repeated where somebody may copy it
        return "This studio answers only to its own pages."
    page = urlsplit(origin)
    hosts = [urlsplit(one).hostname for one in st.get_option("server.corsAllowedOrigins")]
    if page.netloc == host or page.hostname in {*LOCAL_NAMES, *hosts, st.get_option("browser.serverAddress")}:
        return ""
    return (
        f"This studio was opened as {origin}, which is not the server's address, and it answers only to its own pages. "
        f"To let this page in, start it with `streamlit run app.py --server.corsAllowedOrigins {origin}`."
    )


class ForeignPages:
    """ASGI middleware that refuses connections of foreign pages, and says so once on the terminal."""

    def __init__(self, app: ASGIApp) -> None:
        """Nobody has been told yet."""
        self._app = app
        self._told: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request; a connection only of a page that may."""
        headers = HTTPConnection(scope).headers if scope["type"] == "websocket" else {}
        reason = why_refused(headers.get("origin", ""), headers.get("host", ""))
        if not reason:
            await self._app(scope, receive, send)
            return
        if reason not in self._told and len(self._told) < MAX_FOREIGNERS_TOLD:
            self._told.add(reason)
            print(f"Refused a connection. {reason}", file=sys.stderr)
        await send({"type": "websocket.close", "code": 1008, "reason": "foreign page"})
