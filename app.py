"""The studio in the browser: `streamlit run app.py`; the same as `melody-forge studio`."""

import streamlit as st

from melodyforge.studio.server import parts

app = st.App(**parts())
