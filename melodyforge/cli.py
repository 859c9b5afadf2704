"""What all scripts share: how they end, and how they speak. Knows no music."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from melodyforge.errors import MelodyForgeError

EXIT_MENDABLE = 2  # also what argparse uses for a wrong flag
EXIT_INTERRUPTED = 130  # what a shell reports after Ctrl-C


class Parser(argparse.ArgumentParser):
    """Says what is wrong with a flag in one line and exits with status 2."""

    def error(self, message: str) -> NoReturn:
        """Ends the script."""
        print(f"error: {message}; see `python {self.prog} --help`", file=sys.stderr)
        raise SystemExit(EXIT_MENDABLE)


def run(main: Callable[[], None]) -> int:
    """Runs a script's main function and returns its exit status.

    An error that the user can mend becomes one line on stderr; a bug keeps its traceback.
    """
    try:
        main()
    except MelodyForgeError as error:
        print("error: " + " ".join(str(error).split()), file=sys.stderr)
        return EXIT_MENDABLE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of our output, such as `head`, is gone
        sys.stderr.close()
    return 0
