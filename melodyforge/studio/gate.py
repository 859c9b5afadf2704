"""The studio's optional password: nothing but the form that asks for it is served to those who have not given it.

It stands before all of Streamlit, so that pages, sound, uploads and connections are behind it alike. Knows no pages.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import secrets
import sys
from html import escape
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

import streamlit as st
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

PASSWORD_VARIABLE = "MELODY_FORGE_PASSWORD"
COOKIE = "melody_forge_pass"
HEALTH = "/_stcore/health"  # tells nothing but that the server is up
SECONDS_AFTER_FAILURE = 1.0
MAX_ATTEMPTS_AT_ONCE = 5  # of everybody together, so that many a second cannot be tried
MAX_FORM_BYTES = 4096
OPEN = (
    f"The studio is open without a password: anyone who reaches this address can compose, train and delete. Set "
    f"{PASSWORD_VARIABLE} to require one."
)
FORM = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Melody Forge</title>
<style>
  :root { color-scheme: light dark; font: 16px system-ui, sans-serif; }
  body { min-height: 90vh; margin: 0; display: grid; place-items: center;
    color: light-dark(#10131a, #e6e9f0); background: light-dark(#ffffff, #14171f); }
  form { display: grid; gap: 12px; width: min(320px, 86vw); }
  h1 { font-size: 22px; margin: 0 0 8px; }
  input, button { font: inherit; padding: 10px 12px; border-radius: 8px; border: 1px solid #8a8f9c; }
  input { color: inherit; background: light-dark(#f0f3f8, #222734); }
  button { background: #0072b2; border-color: #0072b2; color: #ffffff; cursor: pointer; }
  p { margin: 0; color: light-dark(#b3261e, #ff9d93); }
</style>
</head>
<body>
<form method="post">
  <h1>Melody Forge</h1>
  <label for="password">Password</label>
  <input id="password" name="password" type="password" autocomplete="current-password" required autofocus>
  <button>Enter</button>
  COMPLAINT
</form>
</body>
</html>
"""


def password() -> str:
    """What visitors must know; empty when there is no password."""
    return os.environ.get(PASSWORD_VARIABLE, "")


def warn_if_open() -> None:
    """Says on the terminal when others can come in unasked."""
    if not password() and st.get_option("server.address") not in ("localhost", "127.0.0.1", "::1"):
        print(OPEN, file=sys.stderr)


def is_same(given: bytes, secret: bytes) -> bool:
    """Whether a secret was given; takes as long for every wrong one."""
    return hmac.compare_digest(*(hashlib.sha256(one).digest() for one in (given, secret)))  # of one length


class Gate:
    """ASGI middleware that lets nobody through who has not given the password."""

    def __init__(self, app: ASGIApp, password: str, besides: str = "") -> None:
        """Without a password everybody passes.

        Args:
            app: what it stands before.
            password: that is asked for.
            besides: what addresses begin with that have a gate of their own; empty where there are none.
        """
        self._app, self._password, self._besides = app, password.encode(), besides
        self._key = secrets.token_bytes()  # of this run of the server: passes end with it
        self._num_attempts = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request or a connection, or asks for the password."""
        if scope["type"] not in ("http", "websocket") or not self._password or self._may_pass(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "no password"})
        else:
            response = await self._answer(Request(scope, receive))
            await response(scope, receive, send)

    def _may_pass(self, scope: Scope) -> bool:
        if scope["path"].endswith(HEALTH) or (self._besides and scope["path"].startswith(self._besides)):
            return True
        try:
            cookies = SimpleCookie(HTTPConnection(scope).headers.get("cookie", ""))
        except CookieError:
            return False
        number, _, signature = (cookies[COOKIE].value if COOKIE in cookies else "").partition(".")
        return hmac.compare_digest(signature.encode(), self._signature(number).encode())

    def _signature(self, number: str) -> str:
        return hmac.new(self._key, number.encode(), hashlib.sha256).hexdigest()

    async def _answer(self, request: Request) -> Response:
        if request.method == "POST":
            return await self._weigh(request)
        if "text/html" in request.headers.get("accept", ""):
            return _form()
        return PlainTextResponse("This studio requires a password. Open its first page.", 401)

    async def _weigh(self, request: Request) -> Response:
        """Lets in, or asks again."""
        if self._num_attempts >= MAX_ATTEMPTS_AT_ONCE:
            return _form("Too many attempts at once. Try again in a moment.", 429)
        self._num_attempts += 1
        try:
            if await self._is_right(request):
                return self._let_in(request)
            await asyncio.sleep(SECONDS_AFTER_FAILURE)
            return _form("Wrong password.")
        finally:
            self._num_attempts -= 1

    async def _is_right(self, request: Request) -> bool:
        data = b""
        async for part in request.stream():
            data += part
            if len(data) > MAX_FORM_BYTES:
                return False
        (given, *_) = parse_qs(data.decode("ascii", "replace")).get("password", [""])
        return is_same(given.encode(), self._password)

    def _let_in(self, request: Request) -> Response:
        path = "/" + request.url.path.lstrip("/")  # two slashes would lead elsewhere
        response = RedirectResponse(path + (f"?{request.url.query}" if request.url.query else ""), 303)
        number = secrets.token_hex()
        response.set_cookie(
            COOKIE,
            f"{number}.{self._signature(number)}",
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )  # without an age it ends with the browser's session
        return response


def _form(complaint: str = "", status: int = 401) -> Response:
    words = f'<p role="alert">{escape(complaint)}</p>' if complaint else ""
    return HTMLResponse(FORM.replace("COMPLAINT", words), status, {"Cache-Control": "no-store"})
