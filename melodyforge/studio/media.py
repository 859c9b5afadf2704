"""Serves sound from files, so that a browser can load it, and seek in it, and the server holds none of it in memory."""

from __future__ import annotations

from urllib.parse import quote

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from melodyforge.errors import MelodyForgeError
from melodyforge.workshop.sounds import KeptSound

FOLDER = "sound"  # in the address


def base_address() -> str:
    """What all addresses of this server begin with, between slashes."""
    prefix = st.get_option("server.baseUrlPath").strip("/")
    return f"/{prefix}/" if prefix else "/"


def sound_address(sound: KeptSound, download_name: str = "") -> str:
    """Where the browser finds a sound; nobody can guess it who does not have the music.

    Args:
        sound: that is kept.
        download_name: under which the browser is to save it, instead of playing it.
    """
    return promised_address(sound.file.name) + (f"?name={quote(download_name)}" if download_name else "")


def promised_address(name: str) -> str:
    """Where the browser finds a sound that is rendered when it is asked for (`Sounds.promise`)."""
    return f"{base_address()}{FOLDER}/{name}"


def sound_route() -> Route:
    """What answers there."""

    async def serve(request: Request) -> Response:
        from melodyforge.studio import shared  # not before the first page is there

        try:
            file = await run_in_threadpool(shared.sounds().file, request.path_params["name"])
        except MelodyForgeError as error:
            return PlainTextResponse(str(error), 507)
        if file is None:
            return PlainTextResponse("This sound is no longer stored. Reload the page.", 404)
        return FileResponse(file, media_type="audio/wav", filename=request.query_params.get("name"))

    return Route(f"{base_address()}{FOLDER}/{{name}}", serve)
