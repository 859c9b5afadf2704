"""Who may use the HTTP API: nobody where no token is set, else whoever sends it in a header.

Pages of other sites cannot: a browser sends no such header for them. Knows nothing of what is served.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from melodyforge.errors import BusyError, MelodyForgeError, TooMuchError
from melodyforge.studio.gate import is_same
from melodyforge.studio.media import base_address
from melodyforge.studio.words import without_flags

TOKEN_VARIABLE = "MELODY_FORGE_API_TOKEN"
MIN_TOKEN_LETTERS = 16  # nobody guesses so many
FOLDER = "api/v1"  # in the address
STATUS = {BusyError: 429, TooMuchError: 413}  # of other errors 400
NO_TOKEN = f"Expected the header `Authorization: Bearer TOKEN`, with the token that {TOKEN_VARIABLE} holds."
TOO_WEAK = (
    f"The HTTP API is off: {TOKEN_VARIABLE} must hold {MIN_TOKEN_LETTERS} letters and digits or more. Received fewer, "
    'or others. Make a token with `python -c "import secrets; print(secrets.token_urlsafe())"`.'
)


def token() -> str:
    """What programs must know; empty where the API is off."""
    given = os.environ.get(TOKEN_VARIABLE, "")
    is_strong = len(given) >= MIN_TOKEN_LETTERS and given.isascii() and given.isprintable() and " " not in given
    return given if is_strong else ""


def warn_if_weak() -> None:
    """Says on the terminal why the API is off although there is a token."""
    if os.environ.get(TOKEN_VARIABLE) and not token():
        print(TOO_WEAK, file=sys.stderr)


def api_address() -> str:
    """What the addresses of the API begin with, without a slash at the end."""
    return f"{base_address()}{FOLDER}"


class TokenGate:
    """ASGI application that lets nobody in without the token, and tells errors as one line of JSON."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        """Stands before an application."""
        self._app, self._token = app, token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request, or says what is wrong with it."""
        try:
            if scope["type"] == "http" and not self._may_pass(scope):
                raise HTTPException(401, NO_TOKEN, {"WWW-Authenticate": "Bearer"})
            await self._app(scope, receive, send)
        except HTTPException as error:
            await _told(error.detail, error.status_code, error.headers)(scope, receive, send)
        except MelodyForgeError as error:
            await _told(without_flags(error), STATUS.get(type(error), 400))(scope, receive, send)
        except ClientDisconnect:  # nobody is there to be told
            pass

    def _may_pass(self, scope: Scope) -> bool:
        kind, _, given = HTTPConnection(scope).headers.get("authorization", "").partition(" ")
        return kind.lower() == "bearer" and is_same(given.encode(), self._token)


def _told(complaint: str, status: int, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": complaint}, status, headers)
