"""Gives bytes an address that the browser can load, and seek in, as Streamlit's own audio player does."""

from __future__ import annotations

import base64

from streamlit import runtime


def media_url(data: bytes, mimetype: str, name: str) -> str:
    """The address of some bytes for this session; they are dropped when a page no longer shows them.

    Args:
        data: the content of the file.
        mimetype: such as "audio/wav".
        name: unique on the page.
    """
    if runtime.exists():  # not in Streamlit's test of pages without a server
        return runtime.get_instance().media_file_mgr.add(data, mimetype, name)
    return f"data:{mimetype};base64,{base64.b64encode(data).decode()}"
