"""What is done to a take on its roll: checked, and kept as versions of the take, so that it can be undone.

Each change is made from the version that its page shows. Where another page has changed the take meanwhile, both
versions stay, and whoever came later is told.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from melodyforge.composition import Composition
from melodyforge.errors import MelodyForgeError, SettingsError, TakeError
from melodyforge.music.editing import edited, grid_of
from melodyforge.music.piece import Piece
from melodyforge.studio import shared
from melodyforge.studio.remembered import Remembered
from melodyforge.studio.words import told
from melodyforge.workshop.takes import GONE, Take
from melodyforge.workshop.versions import Version, after, before

MAX_CHANGES = 1000  # of one message
ALSO_ELSEWHERE = "This take was also changed in another tab. Both versions are kept: see **Versions** below."
STRANGE = "An edit must be one that the page makes. Received another; reload the page."
BESIDE = {"undo": before, "redo": after}


def editing(owner: str, take: Take, piece: Piece) -> dict[str, Any] | None:
    """What a player needs to edit a take; None where it cannot be.

    Args:
        owner: whose take it is.
        take: that is shown.
        piece: its music.
    """
    if take.not_kept:
        return None
    versions = shared.takes().versions(owner, take.id)
    answered, is_refused = st.session_state.get(Remembered.EDITED, ("", False))
    return {
        **{"take": take.id, "created_at": take.created_at, "version": take.version},
        **{"answered": answered, "is_refused": is_refused},
        **{way: _told(versions, take.version, way) for way in BESIDE},
        **_in_steps(piece),
    }


def _told(versions: list[Version], number: int, way: str) -> str:
    """What undoing or redoing would change, in words; "" where there is nothing."""
    other = BESIDE[way](versions, number)
    changed = number if way == "undo" else other
    return "" if other is None else next(one.made for one in versions if one.number == changed) or "edit"


def _in_steps(piece: Piece) -> dict[str, Any]:
    """Notes, tempos and bars by the steps of the grid, as score.mjs has them."""
    onsets = np.array([tempo.onset for tempo in piece.tempos])
    at, one_later = piece.seconds_at(onsets), piece.seconds_at(onsets + 1)
    steps = np.arange(piece.end + 1)
    bars = [0] if piece.is_performed else steps[piece.bars_at(steps)[1] == 0].tolist()
    tempos = zip(onsets.tolist(), at.tolist(), (one_later - at).tolist(), strict=True)
    return {
        "notes": [list(row) for row in piece.notes.tolist()],
        "tempos": [list(tempo) for tempo in tempos],
        "bars": bars,
        "grid": grid_of(piece),
    }


def receive(message: Any) -> None:
    """Does what was done on a roll, and tells what cannot be; for what is called before the page is drawn."""
    if not isinstance(message, dict):
        return
    is_refused = False
    try:
        _receive(st.session_state[Remembered.VISITOR], message)
    except MelodyForgeError as error:
        st.toast(told(error), icon=":material/error:", duration="long")
        is_refused = True
    st.session_state[Remembered.EDITED] = str(message.get("id")), is_refused


def _receive(owner: str, message: dict[str, Any]) -> None:
    take_id, number, changes = message.get("take"), message.get("version"), message.get("changes")
    if type(take_id) is not int or type(number) is not int or not isinstance(changes, list):
        raise SettingsError(STRANGE)
    take = shared.takes().get(owner, take_id)
    if take.created_at != message.get("created_at"):  # another that has the number of one that was deleted
        raise TakeError(GONE)
    if take.version != number:
        st.toast(ALSO_ELSEWHERE, icon=":material/call_split:", duration="long")
    for change in changes[:MAX_CHANGES]:
        number = _changed(owner, take, number, change)


def _changed(owner: str, take: Take, number: int, change: Any) -> int:
    """Does one thing to a version of a take, and gives the number of the version that it is then."""
    if not isinstance(change, dict):
        raise SettingsError(STRANGE)
    if "turn" in change:
        return turn(owner, take, number, change["turn"])
    then = replace(take, midi=shared.takes().version(owner, take.id, number))
    piece, words = edited(then.piece, change)
    origin = then.origin | {"edited": True}
    return shared.takes().change(owner, take.id, number, words, Composition(piece).with_origin(origin).to_midi())


def turn(owner: str, take: Take, number: int, way: Any) -> int:
    """Undoes or redoes one change, where there is one; gives the number of the version that the take is then."""
    if way not in BESIDE:
        raise SettingsError(STRANGE)
    other = BESIDE[way](shared.takes().versions(owner, take.id), number)
    if other is None:
        return number
    shared.takes().turn_to(owner, take.id, other)
    return other
