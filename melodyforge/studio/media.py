"""Serves sound and MIDI from files, so that a browser can load them, and seek in them, and the server holds neither.

The address of a piece's sound answers for all that belongs to it: `?part=2&program=40` for one part alone, played by
another instrument; `?mix=1v0` for what is heard without the second part; with the ending .mid or .zip the notes, or all
parts. They are made when somebody asks for them first.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, urlencode

import anyio.to_thread
import streamlit as st
from anyio import CapacityLimiter
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from melodyforge.errors import MelodyForgeError, SettingsError
from melodyforge.music.midi import write_midi
from melodyforge.music.mix import heard, mix_of
from melodyforge.music.timeline import heard_with_names
from melodyforge.workshop.sounds import KeptSound, part_name

FOLDER = "sound"  # in the address
AT_ONCE = 4  # requests that may have something rendered; others wait, and pages are served meanwhile
GONE = "This sound is no longer stored. Reload the page."


def base_address() -> str:
    """What all addresses of this server begin with, between slashes."""
    prefix = st.get_option("server.baseUrlPath").strip("/")
    return f"/{prefix}/" if prefix else "/"


def sound_address(sound: KeptSound, download_name: str = "", mix: str = "") -> str:
    """Where the browser finds a sound; nobody can guess it who does not have the music.

    Args:
        sound: that is kept.
        download_name: under which the browser is to save it, instead of playing it; its ending says what is wanted:
            .wav for the sound, .mid for the notes, .zip for all parts.
        mix: as which it is heard (`mix_of`).
    """
    query = {name: value for name, value in (("mix", mix), ("name", download_name)) if value}
    name = Path(sound.file.name).with_suffix(Path(download_name).suffix or ".wav")
    return f"{base_address()}{FOLDER}/{name}" + (f"?{urlencode(query)}" if query else "")


def promised_address(name: str) -> str:
    """Where the browser finds a sound that is rendered when it is asked for (`Sounds.promise`)."""
    return f"{base_address()}{FOLDER}/{name}"


def sound_route() -> Route:
    """What answers there."""
    limiter = CapacityLimiter(AT_ONCE)

    async def serve(request: Request) -> Response:
        try:
            wanted = _Wanted(request.path_params["name"], request.query_params)
            if at_once := wanted.answer_at_once():
                return at_once
            return await anyio.to_thread.run_sync(wanted.answer, limiter=limiter)
        except (SettingsError, ValueError) as error:
            return PlainTextResponse(str(error), 400)
        except MelodyForgeError as error:
            return PlainTextResponse(str(error), 500)

    return Route(f"{base_address()}{FOLDER}/{{name}}", serve)


class _Wanted:
    """What a request asks for.

    Raises:
        ValueError: numbers are none.
        SettingsError: the mix is none.
    """

    def __init__(self, name: str, query: QueryParams) -> None:
        from melodyforge.studio import shared  # not before the first page is there

        self._sounds, self._name, self._ending = shared.sounds(), name, Path(name).suffix
        self._whole = self._sounds.named(name)
        self._mix, self._saved_as = mix_of(query.get("mix", "")), query.get("name")
        self._part = int(query["part"]) if "part" in query else None
        self._program = int(query["program"]) if "program" in query else None

    def answer_at_once(self) -> Response | None:
        """What needs no work, such as a stretch of what is being played."""
        if self._whole is None or self._ending != ".wav" or self._mix:
            return None
        kept = self._whole
        if self._part is not None:
            found = self._sounds.named(part_name(kept, self._part, self._program))
            if found is None:
                return None
            kept = found
        return self._file(kept, "audio/wav")

    def answer(self) -> Response:
        """What has to be made first."""
        whole = self._whole or self._sounds.asked_for(self._name)
        if whole is None:
            return PlainTextResponse(GONE, 404)
        if self._ending == ".mid":
            midi = write_midi(heard_with_names(whole.piece, self._mix))
            name = f"attachment; filename*=utf-8''{quote(self._saved_as or 'music.mid')}"
            return Response(midi, media_type="audio/midi", headers={"Content-Disposition": name})
        if self._ending == ".zip":
            return self._file(self._sounds.parts(whole, self._mix), "application/zip")
        if self._part is None:
            return self._file(self._sounds.of(heard(whole.piece, self._mix)), "audio/wav")
        return self._file(self._sounds.part(whole, self._part, self._program), "audio/wav")

    def _file(self, kept: KeptSound, media_type: str) -> Response:
        return FileResponse(kept.file, media_type=media_type, filename=self._saved_as)
