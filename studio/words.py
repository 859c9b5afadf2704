"""Words and numbers as pages show them."""

from __future__ import annotations

import time

from melodyforge.words import counted


def plain(text: str) -> str:
    """Text in which Markdown means nothing."""
    return "".join(f"\\{letter}" if letter in r"\`*_{}[]()#+-.!|<>$:~" else letter for letter in text)


def day(seconds: float) -> str:
    """A day of the calendar, of seconds since 1970."""
    return time.strftime("%d %B %Y", time.localtime(seconds)).lstrip("0")


def about_minutes(number: float) -> str:
    """About how many minutes."""
    if number < 1:
        return "less than a minute"
    return f"about {counted(round(number), 'minute')}"


def about_time(seconds: float) -> str:
    """About how long something takes, in steps of 5 seconds."""
    return f"about {5 * max(1, round(seconds / 5))} seconds" if seconds < 100 else about_minutes(seconds / 60)
