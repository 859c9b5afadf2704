"""`melody-forge COMMAND ...`, also as `python -m melodyforge COMMAND ...`."""

from __future__ import annotations

import sys
from argparse import SUPPRESS, RawDescriptionHelpFormatter
from importlib import import_module

from melodyforge import __version__
from melodyforge.cli import Parser, run
from melodyforge.places import HOME_DIR, IS_CHECKOUT

COMMANDS = {
    "prepare": "make a folder of music into a dataset, and say what became of every file",
    "train": "train a network on a folder of music",
    "compose": "compose with a trained model, or with the starter",
    "evaluate": "judge a trained model: a report to look at and listen to",
    "studio": "all of it in the browser",
}


def main() -> int:
    """Runs the command that is asked for; returns the exit status."""
    return run(_main)


def _main() -> None:
    lines = "\n".join(f"  {name:<10}{what}" for name, what in COMMANDS.items())
    parser = Parser(
        prog="melody-forge",
        usage="melody-forge [--help] [--version] COMMAND ...",
        description="Learns from a folder of MIDI files and composes new music in that style.",
        epilog=f"commands, each with --help:\n{lines}\n\nMusic, models and output lie in {HOME_DIR}; "
        "the variable MELODY_FORGE_HOME\nnames another folder.",
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"melody-forge {__version__}")
    parser.add_argument("command", choices=list(COMMANDS), metavar="COMMAND", help=SUPPRESS)
    own, others = sys.argv[1:2] or ["--help"], sys.argv[2:]
    name = parser.parse_args(own).command
    if not IS_CHECKOUT and not {"-h", "--help"} & set(others):
        print(f"Music, models and output: {HOME_DIR}", flush=True)
    import_module(f"melodyforge.commands.{name}").main(others)


if __name__ == "__main__":
    sys.exit(main())
