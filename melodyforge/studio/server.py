"""What a server of the studio is made of: the frame around the pages, and what stands before all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.middleware import Middleware

from melodyforge.studio.connect import ForeignPages, first_pages
from melodyforge.studio.gate import Gate, password, warn_if_open
from melodyforge.studio.media import sound_route

FRAME = Path(__file__).parent / "main.py"


def parts() -> dict[str, Any]:
    """What `st.App` takes. Warns where others can reach the studio without a password."""
    warn_if_open()
    middleware = [Middleware(Gate, password=password()), Middleware(ForeignPages)]
    return {"script_path": FRAME, "routes": [*first_pages(), sound_route()], "middleware": middleware}
