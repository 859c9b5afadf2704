"""The studio in the browser: run `streamlit run app.py`. The pages are in `studio/`; `melodyforge/` does the work."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from studio.connect import ForeignPages, first_pages
from studio.gate import Gate, password, warn_if_open

warn_if_open()
app = st.App(
    Path(__file__).parent / "studio" / "main.py",
    routes=first_pages(),
    middleware=[Middleware(Gate, password=password()), Middleware(ForeignPages)],
)
