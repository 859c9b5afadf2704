"""The studio as an application for `streamlit run`; the pages are in `melodyforge/studio/`."""

import streamlit as st

from melodyforge.studio.server import parts

app = st.App(**parts())
