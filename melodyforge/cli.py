"""What all scripts share: how they begin and end, and how they speak. Knows no music.

Imported by scripts before all else, and by nothing else: from then on Ctrl-C and missing packages end a script quietly.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, NoReturn

from melodyforge.errors import MelodyForgeError, OutputError
from melodyforge.words import how_to_install

EXIT_MENDABLE = 2  # also what argparse uses for a wrong flag
EXIT_INTERRUPTED = 130  # what a shell reports after Ctrl-C


_flag_of: dict[str, str] = {}  # by the setting that it sets, such as "--top-p" by "top_p"


class Parser(argparse.ArgumentParser):
    """Shows flags by topic; says what is wrong with one in one line and exits with status 2."""

    def __init__(self, usage: str = "%(prog)s [FLAG ...]", **options: Any) -> None:
        super().__init__(usage=usage, add_help=False, **options)
        self.add_argument("-h", "--help", action="help", help=argparse.SUPPRESS)  # whoever reads it knows the flag
        self._topics: dict[str, argparse._ArgumentGroup] = {}

    def topic(self, title: str) -> argparse._ArgumentGroup:
        """The flags under a heading, to add more; headings are shown in the order in which they are first asked for."""
        if title not in self._topics:
            self._topics[title] = self.add_argument_group(title)
        return self._topics[title]

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Also refuses empty values, such as those of a shell's variable that is not set; they would mean a default."""
        given = sys.argv[1:] if args is None else list(args)
        for before, text in zip(["", *given], given, strict=False):
            flag, _, value = text.partition("=")
            if not text or (flag.startswith("--") and "=" in text and value in ("", "--")):
                self.error(f"argument {flag or before}: expected a value, received none")
        _flag_of.update({action.dest: action.option_strings[-1] for action in self._actions if action.option_strings})
        return super().parse_args(given, namespace)

    def error(self, message: str) -> NoReturn:
        """Ends the script."""
        _say_error(f"{message}; see `{self.prog} --help`")
        raise SystemExit(EXIT_MENDABLE)


def whole_number(lowest: int, highest: int) -> Callable[[str], int]:
    """The type of a flag that takes a whole number within bounds."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = lowest - 1
        if not lowest <= number <= highest:
            raise argparse.ArgumentTypeError(f"must be a whole number from {lowest} to {highest:,}, received {text}")
        return number

    return parse


def run(main: Callable[[], None]) -> int:
    """Runs a script's main function and returns its exit status.

    An error that the user can mend becomes one line on stderr; a bug keeps its traceback. When the reader of its
    output is gone, such as `head`, a script goes on silently: what it makes is not lost.
    """
    _open_outputs()
    try:
        main()
        sys.stdout.flush()
    except BaseException as error:
        status = _status_of(error)
        if status is None:
            raise
        return status
    return 0


class _Output(io.FileIO):
    """Standard output that nobody need read to its end."""

    def write(self, data: Any) -> int:
        """Writes; what nobody reads is dropped."""
        try:
            return super().write(data) or 0
        except BrokenPipeError:
            return len(data)
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())  # said once; what follows is dropped
            raise OutputError(f"Expected to write to standard output. Received: {error.strerror}.") from None


def _open_outputs() -> None:
    """Makes standard output and error such that printing never fails, whatever they are and whatever is printed."""
    number = os.open(os.devnull, os.O_RDWR)
    while number <= 2:  # a standard file was closed: no file of ours may take its place, and its output
        number = os.open(os.devnull, os.O_RDWR)
    os.close(number)
    if sys.stderr is None:
        sys.stderr = io.TextIOWrapper(io.BufferedWriter(io.FileIO(2, "w", closefd=False)))
    known: Any = sys.stdout or sys.stderr
    output = io.BufferedWriter(_Output(1, "w", closefd=False))
    sys.stdout = io.TextIOWrapper(
        output,
        known.encoding,
        "backslashreplace",
        line_buffering=known.line_buffering,
        write_through=known.write_through,
    )


def _status_of(error: BaseException) -> int | None:
    """Says in one line what the user can mend; the exit status then, None for a bug or a usual exit."""
    if isinstance(error, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    if isinstance(error, MelodyForgeError):
        _say_error(re.sub(r"`([a-z_]+)`", lambda named: _flag_of.get(named[1], named[0]), str(error)))
        return EXIT_MENDABLE
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("melodyforge"):
        _say_error(
            f"this Python ({sys.executable}) lacks the package {error.name}. "
            + how_to_install((error.name or "").partition(".")[0])
        )
        return EXIT_MENDABLE
    return None


def _say_error(message: str) -> None:
    print("error: " + " ".join(message.split()), file=sys.stderr)


def _end(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """What Python calls when a script ends by an error outside `run`, most often while it still imports."""
    status = _status_of(error)
    if status is None:
        sys.__excepthook__(kind, error, traceback)
        return
    os._exit(status)


sys.excepthook = _end
