"""What a take was and is, and which takes it comes from and has led to: small rolls, each of which can be opened."""

from __future__ import annotations

import streamlit as st

from melodyforge.errors import MelodyForgeError
from melodyforge.music.midi import read_midi
from melodyforge.music.piece import Piece
from melodyforge.studio import shared
from melodyforge.studio.remembered import Remembered
from melodyforge.studio.rolls import playing_roll
from melodyforge.studio.words import hour, plain, told
from melodyforge.workshop.takes import Take
from melodyforge.workshop.versions import Version

MAX_SHOWN = 24  # the newest; older ones are found by undoing
MAX_READ = 200  # pieces that are kept in memory
ABOUT = "Nothing that you change is lost: each version can be opened and gone on from."


def versions(owner: str, take: Take) -> None:
    """The versions of a take, the newest first, between the takes that it comes from and those that come from it."""
    if take.not_kept:
        st.info("Versions are kept once the take is in the history.")
        return
    others = shared.takes().of(owner)
    known = shared.takes().versions(owner, take.id)
    st.caption(ABOUT)
    _family("Comes from", [one for one in others if one.id in _origins(take, others)])
    with st.container(key="grid_of_versions"):
        for version in known[::-1][:MAX_SHOWN]:
            _version(owner, take, version)
    _family("Has led to", [one for one in others if take.id in _parents(one)])


def _origins(take: Take, others: list[Take]) -> set[int]:
    """The numbers of the takes that one comes from, from parent to parent."""
    found, parents = set[int](), {one.id: _parents(one) for one in others}
    waiting = _parents(take)
    while waiting:
        number = waiting.pop()
        if number not in found:
            found.add(number)
            waiting += parents.get(number, [])
    return found


def _parents(take: Take) -> list[int]:
    """The numbers of the takes that one was made from: two where they were joined."""
    try:
        parent = take.origin.get("continues") or {}
    except MelodyForgeError:  # a bad take costs its own place
        return []
    return [one["take"] for one in (parent, parent.get("joined") or {}) if "take" in one]


def _family(title: str, takes: list[Take]) -> None:
    if not takes:
        return
    st.markdown(f"**{title}**")
    with st.container(key=f"grid_{title.replace(' ', '_').lower()}"):
        for take in takes[:MAX_SHOWN]:
            with st.container(gap=None):
                playing_roll(music(take.midi), take.name, key=f"family_{take.id}")
                st.caption(plain(" · ".join(filter(None, [take.name, take.change]))))
                if st.button("Open", key=f"open_family_{take.id}", type="tertiary"):
                    st.session_state[Remembered.ON_STAGE] = ("take", [take.id])
                    st.switch_page(st.session_state[Remembered.PAGES]["takes"])


def _version(owner: str, take: Take, version: Version) -> None:
    name, is_shown = version.made or "as composed", version.number == take.version
    with st.container(gap=None):
        playing_roll(_music_of(owner, take, version), f"version {version.number + 1}: {name}", key=f"v{version.number}")
        branch = f", from {version.parent + 1}" if version.parent not in (None, version.number - 1) else ""
        st.caption(plain(f"{version.number + 1}: {name}{branch} · {hour(version.created_at)}"))
        label = "Shown above" if is_shown else f"Open {version.number + 1}"
        st.button(
            label,
            key=f"open_version_{version.number}",
            type="tertiary",
            disabled=is_shown,
            on_click=_open,
            args=(owner, take.id, version.number),
        )


def _music_of(owner: str, take: Take, version: Version) -> Piece | None:
    return music(
        take.midi if version.number == take.version else shared.takes().version(owner, take.id, version.number)
    )


def _open(owner: str, take_id: int, number: int) -> None:
    try:
        shared.takes().turn_to(owner, take_id, number)
    except MelodyForgeError as error:
        st.toast(told(error), icon=":material/error:")


@st.cache_resource(max_entries=MAX_READ, show_spinner=False)
def music(midi: bytes) -> Piece | None:
    """The music of a take; None where it cannot be read, which opening it will say."""
    try:
        return read_midi(midi)[0]
    except MelodyForgeError:
        return None
