"""How a server with many threads keeps its memory small. Knows the C library; knows nothing of music."""

from __future__ import annotations

import contextlib
import ctypes
import sys

M_ARENA_MAX = -8  # malloc.h of the GNU C library, mallopt(3)
MAX_HEAPS = 2


def share_heaps(number: int = MAX_HEAPS) -> None:
    """Lets threads share a few heaps; does nothing where the C library is another than GNU's.

    It would give every thread its own, and each keeps the room that the largest sound rendered in it took.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).mallopt(M_ARENA_MAX, number)
