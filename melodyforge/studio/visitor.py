"""Who is at the browser: a random name in a cookie, so that takes are found again and nobody sees another's."""

from __future__ import annotations

import re
import secrets

import streamlit as st

from melodyforge.studio.remembered import Remembered

COOKIE = "melody_forge_visitor"
_PLAUSIBLE = re.compile(r"[0-9a-f]{32}")
_JS = """
export default function ({ data }) {
  const years = 10 * 365 * 24 * 3600;
  document.cookie = `${data.name}=${data.value}; max-age=${years}; path=/; samesite=strict`;
}
"""
_setter = st.components.v2.component("melody_forge_visitor", js=_JS)


def visitor() -> str:
    """The name of whoever is at the browser, the same after a reload or a restart."""
    known = str(st.context.cookies.get(COOKIE, ""))
    if Remembered.VISITOR not in st.session_state:
        name = known if _PLAUSIBLE.fullmatch(known) else secrets.token_hex(16)
        st.session_state[Remembered.VISITOR] = name
    name = st.session_state[Remembered.VISITOR]
    if known != name:
        with st.container(height=1, border=False):
            _setter(data={"name": COOKIE, "value": name}, key="visitor_setter")
    return name
