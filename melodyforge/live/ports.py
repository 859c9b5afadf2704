"""MIDI ports, by mido: other programs and instruments, which play what is composed, or are played."""

from __future__ import annotations

from typing import Any

from melodyforge.errors import OutputError


def open_output(name: str) -> Any:
    """A port that takes notes, by its name or the beginning of it, in any case.

    Raises:
        OutputError: see `_open`.
    """
    return _open(name, "output", "--midi-out")


def open_input(name: str) -> Any:
    """A port that notes come from, by its name or the beginning of it, in any case.

    Raises:
        OutputError: see `_open`.
    """
    return _open(name, "input", "--midi-in")


def _open(name: str, kind: str, flag: str) -> Any:
    """A port of mido's.

    Raises:
        OutputError: there is no such port; those that there are are named. Or a package is missing.
    """
    try:
        import mido

        names = list(dict.fromkeys(getattr(mido, f"get_{kind}_names")()))
    except ModuleNotFoundError as error:
        raise OutputError(
            f"MIDI ports need mido and python-rtmidi. Received none: {error.name} is missing. Run `pip install mido "
            "python-rtmidi`; for the newest Pythons that takes a C++ compiler, or take an older Python."
        ) from None
    except Exception as error:  # each system's own
        raise OutputError(f"This machine must offer MIDI ports. Received: {error}") from None
    found = next((one for one in names if one.lower().startswith(name.lower())), None)
    if found is None:
        raise OutputError(f"{flag} must be one of these ports: {', '.join(names) or 'none'}. Received {name!r}.")
    try:
        return getattr(mido, f"open_{kind}")(found)
    except Exception as error:
        raise OutputError(f"The port {found!r} must be free. Received: {error}") from None
