"""How a composition was made, as its MIDI file will tell, and whether it can be made again. Does not compose."""

from __future__ import annotations

import hashlib
from typing import Any

from melodyforge import __version__
from melodyforge.bundle import Model
from melodyforge.composing.manner import Manner
from melodyforge.composing.takes import Listener, Take
from melodyforge.composing.task import Task
from melodyforge.errors import SettingsError
from melodyforge.music.piece import Piece

FINGERPRINT_DIGITS = 16


def origin_of(task: Task, take: Take, index: int) -> dict[str, Any]:
    """How a take was made: all that it takes to make it again, but model and primer themselves."""
    model = task.model
    return {
        "version": __version__,
        "recipe": model.recipe.name,
        "model": model.name,
        "model_hash": model.hash,
        "settings": task.settings.model_dump(),
        "style": take.piece.style,
        "index": index,
        "primer": _fingerprint(task.given[0]),
        "join": _fingerprint(task.given[1]),
        "like": task.manner.fingerprint if task.manner else None,
        "ended_at": take.ended_at,
    }


def require_sources(
    origin: dict[str, Any],
    model: Model,
    primer: Piece | None,
    join: Piece | None = None,
    manner: Manner | None = None,
) -> None:
    """Makes sure that all that music was made with, beside its settings, is what it was.

    Raises:
        SettingsError: one of them is another.
    """
    if origin["model_hash"] != model.hash:
        raise SettingsError(
            f"The file was composed by the model {origin.get('model')!r} with hash {origin['model_hash']}. Received "
            f"{model.name!r} with hash {model.hash}. Name the right one with --model."
        )
    if origin.get("join") and (_fingerprint(primer), _fingerprint(join)) != (origin["primer"], origin["join"]):
        raise SettingsError("The file joins two takes. Give the same ones with --primer and --join, in this order.")
    if origin.get("primer") and _fingerprint(primer) != origin["primer"]:
        raise SettingsError("The file was composed from a primer. Give the same one with --primer.")
    like = manner.fingerprint if manner else None
    if like != origin.get("like"):
        raise SettingsError(
            "The file was composed like some pieces. Give the same ones in the same order with --like, or their style "
            "file."
            if origin.get("like")
            else "The file was composed like no other pieces. Received some. Leave --like out."
        )
    if join is not None and not origin.get("join"):
        raise SettingsError("The file joins nothing. Received something to join. Leave --join out.")


def ends_where(origin: dict[str, Any]) -> Listener:
    """A listener that ends composing where it was ended before, if it was."""
    ended_at = origin.get("ended_at")
    return lambda growing: [growing.draw, growing.num_rows] == ended_at


def _fingerprint(piece: Piece | None) -> str | None:
    if piece is None:
        return None
    return hashlib.sha256(piece.notes.tobytes()).hexdigest()[:FINGERPRINT_DIGITS]
