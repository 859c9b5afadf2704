"""Music and settings as plain data, for programs. Knows no web."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin

import numpy as np

from melodyforge.bundle import Model
from melodyforge.composing.wishes import default_settings
from melodyforge.composition import Composition
from melodyforge.music.piece import MICRO_PER_STEP, STEPS_PER_QUARTER, Piece
from melodyforge.settings import ComposeSettings, Wishes, bounds, kind_of, shown
from melodyforge.tokens.wishes import TempoWish


def described(model: Model) -> dict[str, dict[str, Any]]:
    """The settings that a model can be asked for: what each does, its unit, default, bounds and options."""
    controls, usual = model.representation.controls, default_settings(model)
    wishes = controls.wishes if controls else {}
    return {
        name: _described(name, getattr(usual, name), wishes[name].options if name in wishes else ())
        for name in ComposeSettings.model_fields
        if name not in Wishes.model_fields or name in wishes or name == TempoWish.name
    }


def frame_of(piece: Piece) -> dict[str, Any]:
    """What holds for many notes: tracks, tempos and meters; places are in quarter notes."""
    return {
        "tracks": [{"name": one.name, "program": one.program, "is_drum": one.is_drum} for one in piece.tracks],
        "tempos": [{"start": one.onset / STEPS_PER_QUARTER, "qpm": one.qpm} for one in piece.tempos],
        "meters": [
            {"start": one.onset / STEPS_PER_QUARTER, "numerator": one.numerator, "denominator": one.denominator}
            for one in piece.meters
        ],
    }


def notes_of(piece: Piece, first: int = 0) -> list[dict[str, Any]]:
    """The notes from one on; start and length in quarter notes."""
    return [
        {
            "start": round((onset + micro / MICRO_PER_STEP) / STEPS_PER_QUARTER, 4),
            "length": round(duration / STEPS_PER_QUARTER, 4),
            "pitch": pitch,
            "velocity": velocity,
            "track": track,
        }
        for onset, duration, track, pitch, velocity, micro in piece.notes[first:].tolist()
    ]


def news(before: Piece | None, now: Piece) -> dict[str, Any]:
    """What has changed while a piece grew: of the notes before, the first `keep` stay, and `notes` follow them.

    Notes may go again, because what has gone stale is taken back. The frame is told where it is new.
    """
    keep = _num_alike(before.notes, now.notes) if before else 0
    frame = frame_of(now)
    is_new = before is None or frame_of(before) != frame
    return (frame if is_new else {}) | {"keep": keep, "notes": notes_of(now, keep)}


def story_of(composition: Composition) -> dict[str, Any]:
    """What there is to tell of a composition beside its music."""
    return {"name": composition.piece.name, "seed": composition.seed, "notices": composition.notices}


def _described(name: str, value: Any, options: Sequence[str]) -> dict[str, Any]:
    kind, about, known = kind_of(ComposeSettings, name), shown(ComposeSettings, name), bounds(ComposeSettings, name)
    if get_origin(kind) is Literal:
        options = get_args(kind)
    low, high = about.usual or (known.low, known.high)
    told = {"unit": about.unit, "low": low, "high": high, "options": list(options)}
    known_facts = {what: fact for what, fact in told.items() if fact not in (None, "", [])}
    return {
        "about": ComposeSettings.model_fields[name].description,
        "default": None if name == "seed" else value,
        **known_facts,
    }


def _num_alike(before: np.ndarray, now: np.ndarray) -> int:
    """How many notes at the start of both are the same."""
    length = min(len(before), len(now))
    changed = np.flatnonzero(before[:length] != now[:length])
    return int(changed[0]) if len(changed) else length
