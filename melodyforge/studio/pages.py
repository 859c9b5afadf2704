"""The pages of the studio: name in the address and of the module, title, icon. The first is what opens."""

from __future__ import annotations

from melodyforge.studio.api_token import token

PAGES = (
    ("compose", "Compose", "piano"),
    ("takes", "Takes", "library_music"),
    ("train", "Train", "school"),
    ("data", "Data", "folder_open"),
)
OF_PROGRAMS = ("api", "API", "api")  # which concerns few; whoever sets a token for it finds it


def pages() -> list[tuple[str, str, str]]:
    """Those that there are."""
    return [*PAGES, *([OF_PROGRAMS] if token() else [])]
