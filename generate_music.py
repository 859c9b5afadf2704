"""Composes with a trained model; the same as `melody-forge compose`."""

import sys

from melodyforge.cli import run
from melodyforge.commands.compose import main

if __name__ == "__main__":
    sys.exit(run(main))
