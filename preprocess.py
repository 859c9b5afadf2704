"""Makes a folder of music files into a dataset; the same as `melody-forge prepare`."""

import sys

from melodyforge.cli import run
from melodyforge.commands.prepare import main

if __name__ == "__main__":
    sys.exit(run(main))
