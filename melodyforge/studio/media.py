"""Serves sound from files, so that a browser can load it, and seek in it, and the server holds none of it in memory."""

from __future__ import annotations

import streamlit as st
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from melodyforge.workshop.sounds import KeptSound

FOLDER = "sound"  # in the address


def base_address() -> str:
    """What all addresses of this server begin with, between slashes."""
    prefix = st.get_option("server.baseUrlPath").strip("/")
    return f"/{prefix}/" if prefix else "/"


def sound_address(sound: KeptSound) -> str:
    """Where the browser finds a sound; nobody can guess it who does not have the music."""
    return f"{base_address()}{FOLDER}/{sound.file.name}"


def sound_route() -> Route:
    """What answers there."""

    async def serve(request: Request) -> Response:
        from melodyforge.studio import shared  # not before the first page is there

        file = shared.sounds().file(request.path_params["name"])
        if file is None:
            return PlainTextResponse("This sound is not kept any more. Load the page again.", 404)
        return FileResponse(file, media_type="audio/wav")

    return Route(f"{base_address()}{FOLDER}/{{name}}", serve)
