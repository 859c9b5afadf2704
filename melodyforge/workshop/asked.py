"""What a program asks for, read from an address and a body that are a stranger's. Knows no web and no folders."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, get_origin

from melodyforge.bundle import Model
from melodyforge.composing.wishes import LENGTHS, wished_settings
from melodyforge.errors import SettingsError
from melodyforge.settings import ComposeSettings, in_words, kind_of, shown

MODEL, MIDI, JOIN = "model", "midi", "join"  # what may be said beside settings
MIDI_BEGINS = (b"MThd", b"RIFF")
COSTLY = (*LENGTHS, "num_pieces", "best_of")  # of which no more may be asked than the studio offers
EXPECTED = 'The body must be a JSON object such as {"num_bars": 8}, or a MIDI file'


@dataclass(frozen=True)
class Asked:
    """What was asked for, not yet checked.

    Attributes:
        model: its name; None for the one that comes first.
        wishes: settings by their names.
        midi: the music that goes with it; empty where there is none.
        join: music to follow behind that, by a bridge; empty where there is none.
    """

    model: str | None
    wishes: dict[str, Any]
    midi: bytes
    join: bytes


def read_asked(query: list[tuple[str, str]], body: bytes) -> Asked:
    """What an address and the body that was sent to it ask for.

    Args:
        query: names and values in the address; a name that stands there twice has two values.
        body: settings as JSON, a MIDI file, or nothing.

    Raises:
        SettingsError: the body is something else.
    """
    is_midi = body.startswith(MIDI_BEGINS)
    values = _of_query(query) | (_of_json(body) if body and not is_midi else {})
    name = values.pop(MODEL, None)
    sent, join = (_unpacked(what, values.pop(what, None)) for what in (MIDI, JOIN))
    if name is not None and not isinstance(name, str):
        raise SettingsError(f"`{MODEL}` must be the name of a model. Received {type(name).__name__}.")
    return Asked(name, values, body if is_midi else sent, join)


def settings_of(model: Model, asked: Asked, is_redo: bool) -> ComposeSettings:
    """The settings that were asked for, checked.

    Args:
        model: that is to compose.
        asked: for what.
        is_redo: whether parts of the music that was sent are to be composed anew.

    Raises:
        SettingsError: one of them cannot be used, has no effect, or takes too long.
    """
    given = {name: value for name, value in asked.wishes.items() if value is not None}
    checked = ComposeSettings.check(given)
    wishes = {name: getattr(checked, name) for name in given}
    settings = wished_settings(model, bool(asked.midi), bool(asked.join), **wishes)
    if is_redo and not (asked.midi and settings.keeps_parts):
        raise SettingsError(
            "Expected music, and `redo_bars`, `redo_tracks`, `keep_tracks` or `vary` to say what of it is composed "
            "anew. Received less. Send a MIDI file with one of them."
        )
    for name in COSTLY:
        _require_usual(name, getattr(settings, name))
    return settings


def _of_query(query: list[tuple[str, str]]) -> dict[str, Any]:
    names = dict.fromkeys(name for name, _ in query)
    several = {name: [value for one, value in query if one == name] for name in names}
    return {name: values if _is_list(name) else values[-1] for name, values in several.items()}


def _is_list(name: str) -> bool:
    return name in ComposeSettings.model_fields and get_origin(kind_of(ComposeSettings, name)) is list


def _of_json(body: bytes) -> dict[str, Any]:
    try:
        values = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{EXPECTED}. Received what is neither ({error}).") from None
    if not isinstance(values, dict):
        raise SettingsError(f"{EXPECTED}. Received {type(values).__name__}.")
    return values


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _unpacked(name: str, sent: Any) -> bytes:
    if sent is None:
        return b""
    try:
        midi = base64.b64decode(sent, validate=True)
    except (TypeError, ValueError, binascii.Error):
        midi = b""
    if not midi:
        raise SettingsError(f"`{name}` must be a MIDI file in base64. Received something else.")
    return midi


def _require_usual(name: str, value: float | None) -> None:
    usual = shown(ComposeSettings, name).usual
    if value is not None and usual and value > usual[1]:
        most, received = in_words(usual[1]), in_words(value)
        raise SettingsError(f"`{name}` must be at most {most} here. Received {received}. Ask for less.")
