"""How a server with many threads keeps its memory small. Knows the C library; knows nothing of music."""

from __future__ import annotations

import contextlib
import ctypes
import sys

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8  # malloc.h of the GNU C library, mallopt(3)
MAX_HEAPS = 2
LARGE_BYTES = 1_000_000  # what is larger, such as a sound, lies outside the heaps and goes back at once when done with


def share_heaps(number: int = MAX_HEAPS) -> None:
    """Lets threads share a few heaps; does nothing where the C library is another than GNU's.

    It would give every thread its own, and each keeps the room that the largest sound rendered in it took.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            library = ctypes.CDLL(None)
            library.mallopt(M_ARENA_MAX, number)
            library.mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
