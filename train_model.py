"""Trains a network on a folder of music; the same as `melody-forge train`."""

import sys

from melodyforge.cli import run
from melodyforge.commands.train import main

if __name__ == "__main__":
    sys.exit(run(main))
