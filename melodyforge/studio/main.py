"""What every visit runs: the frame around the pages, and the page that is asked for. `app.py` serves it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import streamlit as st

from melodyforge.errors import MelodyForgeError
from melodyforge.studio.pages import pages
from melodyforge.studio.remembered import Remembered
from melodyforge.studio.words import told

HERE = Path(__file__).parent


def shown_by(module: str) -> Callable[[], None]:
    """What shows a page; its module is imported with its first visitor, so that the first page comes sooner."""
    return lambda: import_module(f"melodyforge.studio.{module}").show()


st.set_page_config("Melody Forge", "🎼", layout="wide", initial_sidebar_state="collapsed")
st.logo(HERE / "logo.svg", size="large")
shown = {
    name: st.Page(shown_by(f"{name}_page"), title=title, icon=f":material/{icon}:", url_path=name, default=not place)
    for place, (name, title, icon) in enumerate(pages())
}
st.session_state[Remembered.PAGES] = shown
st.html(HERE / "studio.css")
try:
    st.navigation(list(shown.values()), position="top").run()
except MelodyForgeError as error:  # such as a history of takes that cannot be opened
    st.error(told(error))
