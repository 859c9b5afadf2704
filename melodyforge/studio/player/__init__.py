"""The player: piano rolls with a playhead in step with the sound, and a row for each part to mix them.

Draws what `melodyforge.music.timeline` says; what is heard the browser mixes of what `media` serves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import streamlit as st

from melodyforge.music.instruments import FAMILIES, INSTRUMENTS
from melodyforge.music.piece import Piece
from melodyforge.music.timeline import timeline
from melodyforge.studio.editing import receive
from melodyforge.studio.media import sound_address
from melodyforge.studio.scripts import component
from melodyforge.workshop.sounds import KeptSound
from melodyforge.workshop.takes import file_name


def _with_instruments(html: str) -> str:
    """The player's HTML with the instruments that can be chosen, by families."""
    options = [f'<option value="{program}">{escape(one.name)}</option>' for program, one in enumerate(INSTRUMENTS)]
    families = "".join(
        f'<optgroup label="{escape(family.capitalize())}">'
        + "".join(option for option, one in zip(options, INSTRUMENTS, strict=True) if one.family == family)
        + "</optgroup>"
        for family in FAMILIES
    )
    return html.replace("<!-- instruments -->", families)


_component = component(Path(__file__).parent, _with_instruments)


@dataclass(frozen=True)
class Asked:
    """What was done in a player.

    Attributes:
        mix: how its one piece is heard, for `melodyforge.music.mix.mix_of`; "" as it is.
        anew: bars that are to be composed anew, such as "5-8"; "" unless that was asked for just now.
    """

    mix: str = ""
    anew: str = ""


def player(
    pieces: Sequence[Piece],
    sounds: Sequence[KeptSound | None],
    identity: str,
    key: str,
    is_growing: bool = False,
    names: Sequence[str] = (),
    can_renew: bool = False,
    editing: dict[str, Any] | None = None,
) -> Asked:
    """Shows one piece, or several below one another with the same playhead.

    Args:
        pieces: what is drawn.
        sounds: that of each; None while there is none.
        identity: another one sends playhead, zoom, loop and mix back to the beginning.
        key: of the widget.
        is_growing: whether more notes will come.
        names: of the pieces, where they have others than their own; files are called by them.
        can_renew: whether to offer that bars are composed anew.
        editing: what it needs to edit the one piece by hand (`melodyforge.studio.editing`); None where that cannot be.
    """
    takes: list[dict[str, Any]] = [timeline(piece, is_whole=not is_growing) for piece in pieces]
    for take, name in zip(takes, names, strict=False):
        take["name"] = name
    for take, sound in zip(takes, sounds, strict=True):
        file = f"{file_name(take['name'])}.mid"
        take["audio"] = sound_address(sound) if sound else None
        take["midi"] = sound_address(sound, file) if sound else None
        take["file"] = file
    data = {"takes": takes, "identity": identity, "is_growing": is_growing, "can_renew": can_renew}
    data["editing"] = editing
    done = _component(
        data=data,
        key=key,
        on_mix_change=lambda: None,
        on_anew_change=lambda: None,
        on_edit_change=lambda: receive(st.session_state[key].get("edit")),
    )
    mix = done.mix or {}
    return Asked(mix.get("mix", "") if mix.get("identity") == identity else "", done.anew or "")
