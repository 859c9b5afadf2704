"""Components of a page, from the files in a folder. Knows nothing of what they do."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w-]+\.mjs)";\n', re.MULTILINE)


def component(folder: Path, fill: Callable[[str], str] = str) -> Callable[..., Any]:
    """A component of the page.

    Args:
        folder: holds `NAME.html`, `NAME.css` and `NAME.js`, and is called NAME itself.
        fill: completes its HTML.
    """
    html, css = ((folder / folder.name).with_suffix(ending).read_text(encoding="utf-8") for ending in (".html", ".css"))
    script = joined(folder / f"{folder.name}.js")
    return st.components.v2.component(f"melody_forge_{folder.name}", html=fill(html), css=css, js=script)


def joined(path: Path, has: set[str] | None = None) -> str:
    """A script as one, with the modules beside it that it imports, each in the place of its first import.

    Args:
        path: of the script.
        has: the modules that stand in it already; others are added.
    """
    has = set() if has is None else has

    def module(found: re.Match[str]) -> str:
        if found[1] in has:
            return ""
        has.add(found[1])
        return joined(path.with_name(found[1]), has)

    return IMPORT.sub(module, path.read_text(encoding="utf-8"))
