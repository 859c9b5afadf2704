"""JavaScript of several files as the one that a component takes. Knows nothing of what it does."""

from __future__ import annotations

import re
from pathlib import Path

IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w-]+\.mjs)";\n', re.MULTILINE)


def joined(path: Path) -> str:
    """A script with the modules beside it that it imports, each in the place of its import."""
    return IMPORT.sub(lambda found: joined(path.with_name(found[1])), path.read_text(encoding="utf-8"))
