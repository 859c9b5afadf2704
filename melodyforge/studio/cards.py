"""Cards to start from: a picture, an example to hear, and one press that composes and plays."""

from __future__ import annotations

from functools import partial

import streamlit as st

from melodyforge.bundle import Model
from melodyforge.studio import shared
from melodyforge.studio.fields import ask_for
from melodyforge.studio.rolls import playing_roll
from melodyforge.studio.words import plain
from melodyforge.workshop.cards import Card, cards_of, example, example_file

SECONDS_BETWEEN_LOOKS = 1.0  # at whether the examples of a model are there
ABOUT = "**Start from a card**  \nPress its name: it composes new music and plays it. ▶ plays an example."


def cards(model: Model, about: str = ABOUT) -> None:
    """The cards of a model; nothing where it has none.

    Args:
        model: that composes.
        about: what is said above them, in Markdown.
    """
    if not cards_of(model):
        return
    missing = [card for card in cards_of(model) if not example_file(model, card).exists()]
    is_waiting = shared.sketch(model, missing)
    st.fragment(_cards, run_every=SECONDS_BETWEEN_LOOKS if is_waiting else None)(model, about, is_waiting)


def _cards(model: Model, about: str, was_waiting: bool) -> None:
    if was_waiting and not shared.is_sketching(model):
        st.rerun()
    if about:
        st.markdown(about)
    with st.container(key="cards"):
        for card in cards_of(model):
            _card(model, card)


def _card(model: Model, card: Card) -> None:
    with st.container(gap=None):
        playing_roll(example(model, card), f"an example: {card.title}", key=f"example_{card.name}")
        pressed = st.button(
            plain(card.title),
            key=f"card_{card.name}",
            help="Composes one and plays it",
            on_click=partial(ask_for, card.wishes),
            width="stretch",
        )
    if pressed:
        st.rerun()  # of the whole page, for the fields are beside
