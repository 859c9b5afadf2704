"""Words and numbers as pages show them."""

from __future__ import annotations

import re
import time

from melodyforge.words import counted

FIELDS = {  # labels that do not follow from the name of the setting
    "name": "Name of the new model",
    "from": "Start from",
    "primer": "Start from",
    "num_notes": "Notes",
    "num_bars": "Bars",
    "num_seconds": "Seconds",
    "num_pieces": "Takes at once",
    "seed": "Random seed",
    "bridge_bars": "Bars between them",
    "vary": "Share of bars to compose anew",
    "vary_keeps": "Where it varies, it keeps",
}
_NAMED = re.compile(r"`[^`]* [^`]*`|--(?P<flag>[a-z][a-z-]*)|`(?P<setting>[a-z_]+)`")  # commands stay as they are


def plain(text: str) -> str:
    """Text in which Markdown means nothing."""
    return "".join(f"\\{letter}" if letter in r"\`*_{}[]()#+-.!|<>$:~" else letter for letter in text)


def label(name: str) -> str:
    """What the field of a setting is called."""
    return FIELDS.get(name, name.replace("_", " ").capitalize())


def told(complaint: object, **fields: str) -> str:
    """An error as a page says it: flags and settings by the names of the fields in which they stand there, in Markdown.

    Args:
        complaint: an error, or what a script printed.
        fields: labels that are other ones in this place, by the name of the setting.
    """
    parts, end, text = [], 0, str(complaint)
    for found in _NAMED.finditer(text):
        name = (found["flag"] or found["setting"] or "").replace("-", "_")
        parts += [plain(text[end : found.start()]), f"**{fields.get(name) or label(name)}**" if name else found[0]]
        end = found.end()
    return "".join([*parts, plain(text[end:])])


def without_flags(text: object) -> str:
    """An error or a description as programs read it: flags by the names of their settings, such as `redo_bars`."""
    return _NAMED.sub(lambda found: f"`{found['flag'].replace('-', '_')}`" if found["flag"] else found[0], str(text))


def day(seconds: float) -> str:
    """A day of the calendar, of seconds since 1970."""
    return time.strftime("%d %B %Y", time.localtime(seconds)).lstrip("0")


def hour(seconds: float) -> str:
    """A time of day, of seconds since 1970."""
    return time.strftime("%H:%M", time.localtime(seconds))


def about_minutes(number: float) -> str:
    """About how many minutes."""
    if number < 1:
        return "less than a minute"
    return f"about {counted(round(number), 'minute')}"


def about_time(seconds: float) -> str:
    """About how long something takes, in steps of 5 seconds."""
    return f"about {5 * max(1, round(seconds / 5))} seconds" if seconds < 100 else about_minutes(seconds / 60)
