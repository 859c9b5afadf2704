"""Opens the studio in the browser: compose, listen, train and keep, all on pages."""

from __future__ import annotations

import sys

from melodyforge.cli import Parser, whole_number
from melodyforge.places import PACKAGE_DIR

APP = PACKAGE_DIR / "studio" / "serve" / "app.py"
MAX_PORT = 65_535


def main(argv: list[str] | None = None) -> None:
    """Runs the command."""
    parser = Parser(prog="melody-forge studio", description=__doc__)
    place = parser.topic("where it is opened")
    place.add_argument(
        "--port",
        type=whole_number(1, MAX_PORT),
        metavar="N",
        help=f"part of its address (1 to {MAX_PORT:,}; default: 8501, or a free one)",
    )
    place.add_argument("--address", metavar="NAME", help="0.0.0.0 lets others in (default: this machine only)")
    chosen = {name: value for name, value in vars(parser.parse_args(argv)).items() if value is not None}
    from streamlit.web.cli import main as streamlit

    sys.argv = ["streamlit", "run", str(APP), *(f"--server.{name}={value}" for name, value in chosen.items())]
    streamlit()
