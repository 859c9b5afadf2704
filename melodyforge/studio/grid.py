"""Many takes at once: small rolls side by side, to hear, to keep, and to have more of."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from melodyforge.composing.likeness import less_like, more_like
from melodyforge.errors import MelodyForgeError
from melodyforge.studio import shared
from melodyforge.studio.rolls import playing_roll
from melodyforge.studio.words import told
from melodyforge.words import counted
from melodyforge.workshop.takes import Take

ABOUT = "To hear a take, press it, point at it, or press its number on the keyboard. All are kept on the page Takes."
MORE = "Composes others of the same style, key, tempo and mood"
LESS = "Composes others of the opposite mood; where you asked for a mood, of the other mode, or density"


def grid(owner: str, takes: list[Take], and_then: Callable[[], object]) -> int:
    """Shows takes.

    Args:
        owner: whose they are.
        takes: two or more.
        and_then: shows what is being composed, once something has been asked for here.

    Returns:
        Which of them is to be shown large, from 0.
    """
    st.caption(ABOUT)
    with st.container(key="grid"):
        for number, take in enumerate(takes, start=1):
            _take(owner, take, number, and_then)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        chosen = st.segmented_control(
            "Shown below",
            range(len(takes)),
            format_func=lambda index: f"Take {index + 1}",
            default=0,
            required=True,
            key=f"take_chosen_{takes[0].id}",
            label_visibility="collapsed",
        )
        _clear(owner, takes)
    return min(chosen or 0, len(takes) - 1)


def _take(owner: str, take: Take, number: int, and_then: Callable[[], object]) -> None:
    with st.container(gap=None):
        playing_roll(take.piece, f"take {number}: {take.name}", key=f"roll_{take.id}", number=number)
        with st.container(horizontal=True, gap="small"):
            more = st.button(f"More like {number}", key=f"more_{take.id}", help=MORE, type="tertiary")
            less = st.button(f"Less like {number}", key=f"less_{take.id}", help=LESS, type="tertiary")
        st.checkbox(f"Keep {number}", key=_key(take))
    if not (more or less):
        return
    try:
        shared.again(owner, take, more_like if more else less_like)
    except MelodyForgeError as error:
        st.error(told(error))
        return
    and_then()


def _key(take: Take) -> str:
    return f"keep_{take.id}"


def _clear(owner: str, takes: list[Take]) -> None:
    """Deletes what is not to be kept, once something is."""
    others = [take for take in takes if not st.session_state.get(_key(take))]
    with st.popover("Delete the others", icon=":material/delete:", disabled=len(others) in (0, len(takes))):
        st.write(f"{counted(len(others), 'take')} will be gone for good.")
        if st.button("Delete for good", type="primary", key="delete_others"):
            for take in others:
                shared.takes().delete(owner, take.id)
            st.rerun()
