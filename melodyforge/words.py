"""Numbers with what they count, as people read them."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Such as "1 note" and "1,200 notes".

    Args:
        number: how many.
        noun: in the singular, with a plural in -s.
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
