"""The studio in the browser: run `streamlit run app.py`. The pages are in `studio/`; `melodyforge/` does the work."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from melodyforge.errors import MelodyForgeError
from studio import compose_page, data_page, shared, takes_page, train_page

HERE = Path(__file__).parent

st.set_page_config("Melody Forge", "🎼", layout="wide", initial_sidebar_state="collapsed")
shared.PAGES.update(
    compose=st.Page(compose_page.show, title="Compose", icon=":material/piano:", url_path="compose", default=True),
    takes=st.Page(takes_page.show, title="Takes", icon=":material/library_music:", url_path="takes"),
    train=st.Page(train_page.show, title="Train", icon=":material/school:", url_path="train"),
    data=st.Page(data_page.show, title="Data", icon=":material/folder_open:", url_path="data"),
)
st.html(HERE / "studio" / "studio.css")
try:
    st.navigation(list(shared.PAGES.values()), position="top").run()
except MelodyForgeError as error:  # such as a history of takes that cannot be opened
    st.error(str(error))
