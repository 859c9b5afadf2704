"""JavaScript of several files as the one that a component takes. Knows nothing of what it does."""

from __future__ import annotations

import re
from pathlib import Path

IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w-]+\.mjs)";\n', re.MULTILINE)


def joined(path: Path, has: set[str] | None = None) -> str:
    """A script with the modules beside it that it imports, each in the place of its first import.

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
