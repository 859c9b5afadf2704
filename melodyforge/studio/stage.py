"""The stage: a take heard and seen, its files, its sheet music, and how to go on from it."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from melodyforge.errors import MelodyForgeError
from melodyforge.music.notation import bar_numbers
from melodyforge.music.sheet import Sheet, engrave
from melodyforge.settings import ComposeSettings
from melodyforge.studio import shared
from melodyforge.studio.downloads import downloads
from melodyforge.studio.editing import editing
from melodyforge.studio.grid import grid
from melodyforge.studio.player import player
from melodyforge.studio.primer import varied
from melodyforge.studio.remembered import Remembered
from melodyforge.studio.versions import versions
from melodyforge.studio.widgets import offered
from melodyforge.studio.words import day, hour, plain, told
from melodyforge.words import counted
from melodyforge.workshop.sounds import KeptSound
from melodyforge.workshop.takes import Take

MAX_OFFERED = 100  # takes to join; the newest
STAGE = "stage"  # the key of the player that stays where it is from the first note to the sound
KEEP, GO_ON, VERSIONS, SHEET, DETAILS = "Download", "Continue", "Versions", "Sheet music", "Details"


def show_takes(owner: str, take_ids: list[int], and_then: Callable[[], object]) -> None:
    """The takes of one composing; one of them is on the stage, below all of them in small."""
    number = 0
    try:
        if len(take_ids) > 1:
            number = grid(owner, [shared.takes().get(owner, take_id) for take_id in take_ids], and_then)
        show_take(owner, shared.takes().get(owner, take_ids[number]), st.container(), and_then)
    except MelodyForgeError as error:
        st.warning(told(error))


def show_take(owner: str, take: Take, head: DeltaGenerator, and_then: Callable[[], object]) -> None:
    """One take with all that belongs to it.

    Args:
        owner: whose take it is.
        take: that is shown.
        head: where its name and rating go.
        and_then: shows what is being composed, once something has been asked for here. Compose looks again; other
            pages turn to Compose. It cannot turn to itself: Streamlit does not clear wishes from the address.
    """
    piece = take.piece
    if take.not_kept:
        _not_kept(take)
    with head.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"#### {plain(take.name)}", width="content")
        rating(owner, take)
    if take.complaint:
        with head:
            _complaint(owner, take, and_then)
    with head, _rendering(take):
        sound = shared.sounds().of(piece)
    asked = player(
        [piece],
        [sound],
        f"take-{take.id}",
        STAGE,
        names=[take.name],
        can_renew=not piece.is_performed,
        editing=editing(owner, take, piece),
    )
    if asked.anew:
        _branch(owner, take, None, and_then, asked.anew)
    facts = [counted(len(piece), "note"), f"{piece.seconds:.0f} s", f"by {take.origin['model']}"]
    st.caption("  \n".join(map(plain, [" · ".join(facts), *filter(None, [take.lineage]), *sound.notices])))
    _originality(take)
    tabs: dict[str, Callable[[], None]] = {
        KEEP: lambda: downloads(take, sound, asked.mix),
        GO_ON: lambda: _branches(owner, take, and_then),
        VERSIONS: lambda: versions(owner, take),
        SHEET: lambda: _sheet(take),
        DETAILS: lambda: _details(take, sound),
    }
    for tab, show in zip(st.tabs(list(tabs), key="take_tab", on_change="rerun"), tabs.values(), strict=True):
        if tab.open:
            with tab:
                show()


def _rendering(take: Take) -> AbstractContextManager[None]:
    """Says what is waited for; not while a take is edited, for its player would be pushed down and up again."""
    before, st.session_state[Remembered.HEARD] = st.session_state.get(Remembered.HEARD), take.id
    return contextlib.nullcontext() if before == take.id else st.spinner("Rendering the sound ...")


def _complaint(owner: str, take: Take, and_then: Callable[[], object]) -> None:
    """Says what is not as it was asked for, where nobody overlooks it, and offers another attempt."""
    words = plain(f"{take.shortcoming[:1].upper()}{take.shortcoming[1:]}: try again")
    if st.button(words, key="try_again", icon=":material/replay:", help="The same wishes, a new random seed"):
        _branch(owner, take, None, and_then)


def _details(take: Take, sound: KeptSound) -> None:
    """How it came about, for those who want to know."""
    composed_at = f"{day(take.created_at)} at {hour(take.created_at)}"
    facts = [f"Composed on {composed_at}", f"random seed {take.origin['settings']['seed']}"]
    notices = Counter(one for one in take.notices if one not in (take.complaint, *take.originality))
    often = [notice if number == 1 else f"{notice}, {number} times" for notice, number in notices.items()]
    st.caption("  \n".join(map(plain, [" · ".join([*facts, f"played by {sound.engine}"]), *often])))


def _originality(take: Take) -> None:
    """Says how much of a take stands in the training music: the longest passage in a line, the rest folded."""
    shared_passage, *details = [plain(f"{line[:1].upper()}{line[1:]}.") for line in take.originality] or [""]
    if shared_passage:
        with st.expander(shared_passage, icon=":material/fingerprint:"):
            st.caption("  \n".join(details))


def _not_kept(take: Take) -> None:
    """Says that a take will be gone when the studio ends, and why."""
    st.error(f"This take is not in the history yet: download it, or save it once that works. {take.not_kept}")
    if st.button("Save it now", key="keep_now", icon=":material/save:"):
        with contextlib.suppress(MelodyForgeError):  # the take tells
            shared.takes().write_held()
        st.rerun()


def rating(owner: str, take: Take) -> None:
    """Stars to give."""
    key = f"rating_{take.id}"

    def rate() -> None:
        chosen = st.session_state[key]
        try:
            shared.takes().rate(owner, take.id, 0 if chosen is None else chosen + 1)
        except MelodyForgeError as error:
            st.toast(told(error), icon=":material/error:")

    st.feedback("stars", key=key, default=take.rating - 1 if take.rating else None, on_change=rate, width="content")


def compare(takes: list[Take]) -> None:
    """Two takes below one another, with the same playhead."""
    pieces = [take.piece for take in takes]
    with st.spinner("Rendering the sound ..."):
        sounds = [shared.sounds().of(piece) for piece in pieces]
    identity = "-".join(str(take.id) for take in takes)
    player(pieces, sounds, identity=f"compare-{identity}", key="compare", names=[take.name for take in takes])


def _branches(owner: str, take: Take, and_then: Callable[[], object]) -> None:
    """Composing further from a take: other music in the same manner, or another ending."""
    bars = bar_numbers(take.piece)
    first, last = bars[0] + 1, max(bars[0] + 1, bars[-1])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if st.button("Same settings, new seed", key="same_settings", icon=":material/casino:"):
            _branch(owner, take, None, and_then)
        bar = st.number_input(
            "from bar",
            first,
            last,
            min(9, last),
            key=f"branch_bar_{take.id}",
            width=110,
            help="The music before it is kept; from there on it is new.",
        )
        if st.button("Continue from this bar", key="go_on", icon=":material/fork_right:", disabled=len(bars) < 2):
            _branch(owner, take, bar, and_then)
    if len(bars) > 1 and not take.piece.is_performed:
        with st.expander("Vary it", icon=":material/shuffle:"):
            wanted = varied("take")
            if st.button("Vary", key="vary", help="Bars here and there are new; all else stays as it is"):
                _branch(owner, take, None, and_then, varied=wanted)
        _join(owner, take, and_then)


def _join(owner: str, take: Take, and_then: Callable[[], object]) -> None:
    """Another take put behind this one, with a bridge between them."""
    others = [one for one in shared.takes().of(owner, at_most=MAX_OFFERED) if one.id != take.id]
    if not others:
        return
    with st.expander("Join another take", icon=":material/link:"):
        names = [f"{place}: {one.name} · {day(one.created_at)}" for place, one in enumerate(others, start=1)]
        with st.container(horizontal=True, vertical_alignment="bottom"):
            second = st.selectbox("Take that follows", names, key=f"joined_{take.id}")
            bars = st.number_input(**offered(ComposeSettings, "bridge_bars"), key="bridge_bars", width=140)
        if st.button("Join", key="join", help="Bars between the two are composed; both stay as they are"):
            _branch(owner, take, None, and_then, varied={"bridge_bars": bars}, joined=others[names.index(second)])


def _branch(
    owner: str,
    take: Take,
    bar: int | None,
    and_then: Callable[[], object],
    anew: str = "",
    varied: dict[str, Any] | None = None,
    joined: Take | None = None,
) -> None:
    try:
        shared.branch(owner, take, bar, anew, varied, joined)
    except MelodyForgeError as error:
        st.error(told(error))
        return
    and_then()


def _sheet(take: Take) -> None:
    try:
        sheet = _engraved(take.midi, take.name)
    except MelodyForgeError as error:
        st.info(told(error))
        return
    page = 1
    if sheet.num_pages > 1:
        page = st.number_input(f"Page, of {sheet.num_pages}", 1, sheet.num_pages, key=f"page_{take.id}", width=140)
    with st.container(border=True, key="paper"):
        st.image(sheet.page(page), width="stretch")


@st.cache_resource(max_entries=8, show_spinner="Engraving ...")
def _engraved(midi: bytes, name: str) -> Sheet:
    return engrave(Take(id=0, created_at=0.0, name=name, midi=midi).piece)
