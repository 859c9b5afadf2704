"""The HTTP API: the queue and the processes of the studio compose for other programs, too.

Knows no pages, and not who may ask (`api_token`) or for what (`workshop/asked`).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import anyio.to_thread
from anyio import CapacityLimiter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, Router

from melodyforge.bundle import Model
from melodyforge.errors import MelodyForgeError, ModelFolderError, SettingsError, TooMuchError
from melodyforge.music.piece import Piece
from melodyforge.studio import shared
from melodyforge.studio.api_token import TokenGate, api_address, token
from melodyforge.studio.words import without_flags
from melodyforge.workshop.asked import MODEL, read_asked, settings_of
from melodyforge.workshop.jobs import Job
from melodyforge.workshop.plain_data import described, frame_of, news, notes_of, story_of
from melodyforge.workshop.primers import read_sent, require_short

ANSWER = "answer"  # in the address: in which form music is answered
OWNER = "api"  # of what is composed for programs, so that they wait for one another, and not all others for them
MAX_BODY_BYTES = 4 * 2**20  # the longest symphonies take 1 MB as MIDI
READ_AT_ONCE = 4  # requests; others wait, and pages are served meanwhile
SECONDS_BETWEEN_LOOKS = 0.1
STREAM = "application/x-ndjson"

_reading = CapacityLimiter(READ_AT_ONCE)
Endpoint = Callable[[Request], Awaitable[Response]]


def api_mount() -> Mount:
    """What answers at the addresses of the API."""
    routes = [
        Route("/models", _telling(_models)),
        Route("/settings", _telling(_settings)),
        Route("/compose", _composing(is_redo=False), methods=["POST"]),
        Route("/redo", _composing(is_redo=True), methods=["POST"]),
    ]
    return Mount(api_address(), app=TokenGate(Router(routes), token()))


def _telling(tell: Callable[[Request], Any]) -> Endpoint:
    async def serve(request: Request) -> Response:
        return JSONResponse(await anyio.to_thread.run_sync(tell, request, limiter=_reading))

    return serve


def _models(_: Request) -> list[dict[str, str]]:
    return [{"name": name, "state": shared.model_label(name)} for name in shared.model_names()]


def _settings(request: Request) -> dict[str, Any]:
    known = described(_model(request.query_params.get(MODEL)))
    return {name: facts | {"about": without_flags(facts["about"])} for name, facts in known.items()}


def _model(name: str | None) -> Model:
    """A model by its name alone, so that no other folder can be meant; without a name the first one."""
    names = shared.model_names()
    if name not in [None, *names] or not names:
        received = "none" if name is None else repr(name[:80])
        raise ModelFolderError(f"`{MODEL}` must be one of: {', '.join(names)}. Received {received}.")
    return shared.model(name or names[0])


def _composing(is_redo: bool) -> Endpoint:
    async def serve(request: Request) -> Response:
        answer = _wanted_answer(request)
        job = await anyio.to_thread.run_sync(_job, request, await _body(request), is_redo, limiter=_reading)
        if job.settings.num_pieces > 1 and answer is not _as_notes:
            raise SettingsError(f"`num_pieces` must be 1 with `{ANSWER}`. Received {job.settings.num_pieces}.")
        shared.queue().submit(job)
        return await answer(request, job)

    return serve


async def _body(request: Request) -> bytes:
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > MAX_BODY_BYTES:
            raise TooMuchError(f"The body must have at most {MAX_BODY_BYTES:,} bytes. Received more. Send less music.")
    return bytes(data)


def _job(request: Request, body: bytes, is_redo: bool) -> Job:
    """What a request asks for, ready to be composed."""
    query = [(name, value) for name, value in request.query_params.multi_items() if name != ANSWER]
    asked = read_asked(query, body)
    model = _model(asked.model)
    settings = settings_of(model, asked, is_redo)
    return Job(model, settings, _music(asked.midi), keep=lambda _: 0, owner=OWNER, join=_music(asked.join))


def _music(midi: bytes) -> Piece | None:
    if not midi:
        return None
    piece = read_sent(midi, ".mid")
    require_short(piece)
    return piece


async def _growing(request: Request, job: Job) -> AsyncGenerator[Piece]:
    """The first take again and again while it grows, at last as it is. It is stopped when nobody waits any more.

    Raises:
        MelodyForgeError: it cannot be composed.
        ClientDisconnect: whoever asked is gone.
    """
    seen = None
    try:
        while not job.is_over:
            job.wait_for_notes(0)  # tells the queue that somebody waits
            piece = job.piece()
            if piece is not None and piece is not seen:
                yield piece
                seen = piece
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            if await request.is_disconnected():
                raise ClientDisconnect
    finally:
        if not job.is_over:
            job.stop()
    if job.failure:
        raise job.failure
    yield job.compositions[0].piece


async def _until_there(request: Request, job: Job) -> None:
    async with aclosing(_growing(request, job)) as pieces:
        async for _ in pieces:
            pass


async def _as_notes(request: Request, job: Job) -> Response:
    await _until_there(request, job)
    takes = [story_of(one) | frame_of(one.piece) | {"notes": notes_of(one.piece)} for one in job.compositions]
    return JSONResponse({"takes": takes})


async def _as_midi(request: Request, job: Job) -> Response:
    await _until_there(request, job)
    name = {"Content-Disposition": 'attachment; filename="composed.mid"'}
    return Response(job.compositions[0].to_midi(), media_type="audio/midi", headers=name)


async def _as_stream(request: Request, job: Job) -> Response:
    lines = _lines(request, job)
    first = await anext(lines)  # what cannot be composed is told before anything is
    return StreamingResponse(_after(first, lines), media_type=STREAM)


async def _lines(request: Request, job: Job) -> AsyncGenerator[str]:
    before = None
    async with aclosing(_growing(request, job)) as pieces:
        async for piece in pieces:
            yield _line(news(before, piece))
            before = piece
    yield _line({"done": True} | story_of(job.compositions[0]))


async def _after(first: str, others: AsyncGenerator[str]) -> AsyncGenerator[str]:
    async with aclosing(others):
        yield first
        try:
            async for line in others:
                yield line
        except MelodyForgeError as error:
            yield _line({"error": without_flags(error)})


def _line(told: dict[str, Any]) -> str:
    return json.dumps(told, separators=(",", ":")) + "\n"


ANSWERS = {"notes": _as_notes, "midi": _as_midi, "stream": _as_stream}


def _wanted_answer(request: Request) -> Callable[[Request, Job], Awaitable[Response]]:
    name = request.query_params.get(ANSWER, "notes")
    if name not in ANSWERS:
        raise SettingsError(f"`{ANSWER}` must be one of: {', '.join(ANSWERS)}. Received {name[:80]!r}.")
    return ANSWERS[name]
