"""What a server of the studio is made of: the frame around the pages, and what stands before all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.middleware import Middleware
from starlette.routing import Mount

from melodyforge.studio.api_token import api_address, token, warn_if_weak
from melodyforge.studio.connect import ForeignPages, first_pages
from melodyforge.studio.gate import Gate, password, warn_if_open
from melodyforge.studio.media import sound_route

FRAME = Path(__file__).parent / "main.py"


def parts() -> dict[str, Any]:
    """What `st.App` takes. Warns where others can reach the studio without a password."""
    warn_if_open()
    warn_if_weak()
    gate = Middleware(Gate, password=password(), besides=f"{api_address()}/" if token() else "")
    routes = [*first_pages(), sound_route(), *_api()]
    return {"script_path": FRAME, "routes": routes, "middleware": [gate, Middleware(ForeignPages)]}


def _api() -> list[Mount]:
    if not token():
        return []
    from melodyforge.studio.api import api_mount  # takes a second, which studios without it need not wait

    return [api_mount()]
