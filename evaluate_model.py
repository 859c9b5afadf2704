"""Judges a trained model; the same as `melody-forge evaluate`."""

import sys

from melodyforge.cli import run
from melodyforge.commands.evaluate import main

if __name__ == "__main__":
    sys.exit(run(main))
