"""The pages of the studio: name in the address and of the module, title, icon. The first is what opens."""

from __future__ import annotations

PAGES = (
    ("compose", "Compose", "piano"),
    ("takes", "Takes", "library_music"),
    ("train", "Train", "school"),
    ("data", "Data", "folder_open"),
)
