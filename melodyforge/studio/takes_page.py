"""Takes: everything composed so far; hear again, rate, rename, compare, branch, take along."""

from __future__ import annotations

import streamlit as st

from melodyforge.errors import MelodyForgeError
from melodyforge.settings import ComposeSettings
from melodyforge.studio import shared
from melodyforge.studio.remembered import Remembered
from melodyforge.studio.rolls import playing_roll
from melodyforge.studio.stage import compare, rating, show_take
from melodyforge.studio.versions import music
from melodyforge.studio.visitor import visitor
from melodyforge.studio.words import day, hour, plain, told
from melodyforge.words import counted
from melodyforge.workshop.takes import MAX_NAME_LENGTH, Take

TAKES_A_PAGE = 20
NOTHING_YET = "Nothing here yet. What you compose is kept on this page, until you delete it."


def show() -> None:
    """The page."""
    owner = visitor()
    takes = shared.takes().of(owner)
    if not takes:
        st.info(NOTHING_YET, icon=":material/library_music:")
        return
    chosen = [take for take in takes if st.session_state.get(_key(take))]
    _actions(owner, chosen)
    _stage(owner, takes, chosen)
    for take in _filtered(takes):
        _row(owner, take)


def _key(take: Take) -> str:
    return f"chosen_{take.id}"


def _actions(owner: str, chosen: list[Take]) -> None:
    ids = [take.id for take in chosen]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{len(chosen)} chosen**", width="content")
        if st.button("Compare", key="compare_chosen", icon=":material/compare:", disabled=len(chosen) != 2):
            st.session_state[Remembered.ON_STAGE] = ("compare", ids)
        st.download_button(
            "Export as zip",
            lambda: shared.takes().zip(owner, ids),
            "takes.zip",
            "application/zip",
            key="export_chosen",
            icon=":material/folder_zip:",
            disabled=not chosen,
            on_click="ignore",
        )
        with st.popover("Delete", icon=":material/delete:", disabled=not chosen):
            st.write(f"{counted(len(chosen), 'take')} will be gone for good.")
            if st.button("Delete for good", type="primary", key="delete_chosen"):
                for take_id in ids:
                    shared.takes().delete(owner, take_id)
                st.rerun()


def _stage(owner: str, takes: list[Take], chosen: list[Take]) -> None:
    kind, ids = st.session_state.get(Remembered.ON_STAGE, ("", []))
    on_stage = [take for take in takes if take.id in ids]
    if not on_stage:
        return
    with st.container(border=True):
        try:
            if kind == "compare" and len(on_stage) == 2:
                compare(on_stage)
            else:
                show_take(
                    owner,
                    on_stage[0],
                    st.container(),
                    lambda: st.switch_page(st.session_state[Remembered.PAGES]["compose"]),
                )
        except MelodyForgeError as error:  # others can still be opened
            st.error(told(error))


def _filtered(takes: list[Take]) -> list[Take]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = st.text_input(
            "Find", key="find", placeholder="name, style, key, day ...", label_visibility="collapsed", width=240
        )
        stars = st.segmented_control(
            "At least",
            [0, 3, 4, 5],
            format_func=lambda number: f"{number} ★ or more" if 0 < number < 5 else ("5 ★" if number else "all"),
            default=0,
            required=True,
            key="at_least",
            label_visibility="collapsed",
        )
    kept = [take for take in takes if take.rating >= stars and _is_found(take, words.lower().split())]
    num_pages = -(-len(kept) // TAKES_A_PAGE)
    page = st.pagination(num_pages, key="takes_page") if num_pages > 1 and hasattr(st, "pagination") else 1
    if not kept:
        st.caption("No take is like that.")
    return kept[(page - 1) * TAKES_A_PAGE : page * TAKES_A_PAGE]


def _is_found(take: Take, words: list[str]) -> bool:
    """Whether all words are in what is said of a take."""
    about = f"{take.name} · {_facts(take)}".lower() if words else ""
    return all(word in about for word in words)


def _row(owner: str, take: Take) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.checkbox(f"Choose {take.name}", key=_key(take), label_visibility="collapsed", width="content")
        with st.container(width=180):
            playing_roll(music(take.midi), take.name, key=f"roll_{take.id}")
        if st.button("Open", key=f"open_{take.id}", icon=":material/open_in_full:"):
            st.session_state[Remembered.ON_STAGE] = ("take", [take.id])
            st.rerun()
        st.markdown(f"**{plain(take.name)}**  \n:small[{plain(take.not_kept or _facts(take))}]", width="stretch")
        rating_of_row(owner, take)
        with st.popover("Rename", icon=":material/edit:"):
            name = st.text_input("Name", take.name, max_chars=MAX_NAME_LENGTH, key=f"name_{take.id}")
            if st.button("Rename", key=f"rename_{take.id}", type="primary"):
                _rename(owner, take, name)


def rating_of_row(owner: str, take: Take) -> None:
    """Stars, unless the stage above shows those of the same take."""
    kind, ids = st.session_state.get(Remembered.ON_STAGE, ("", []))
    if kind == "take" and take.id in ids:
        st.markdown("★" * take.rating, width="content")
    else:
        rating(owner, take)


def _rename(owner: str, take: Take, name: str) -> None:
    try:
        shared.takes().rename(owner, take.id, name)
        st.rerun()
    except MelodyForgeError as error:
        st.error(told(error))


def _facts(take: Take) -> str:
    """What is said of a take in its row."""
    try:
        settings = ComposeSettings.check(take.origin["settings"])
    except MelodyForgeError as error:  # a bad take costs its own row
        return str(error)
    wishes = [str(wish) for wish in (settings.style, settings.key, settings.meter, settings.mood) if wish]
    when = f"{day(take.created_at)}, {hour(take.created_at)}"
    return " · ".join(filter(None, [when, f"by {take.origin['model']}", take.lineage, *wishes, take.shortcoming]))
