"""Reads pickles of plain data: lists, dicts, strings, numbers and flat tuples of integers, nothing else.

Every instruction of a pickle is looked at before the first is carried out. Those that are let through can neither run
code nor refer to anything outside, and make at most one small object a byte; none takes an amount of memory that the
file merely names. What `pickle.dumps(value, protocol=4)` makes of such data passes.
"""

from __future__ import annotations

import pickle
import pickletools
import re
from typing import Any

from melodyforge.errors import UnpackError

_NAMES = {ord(opcode.code): opcode.name for opcode in pickletools.opcodes}
_INTEGER = rb"K.|M..|J.{4}"
# Instructions of fixed length, as many as there are. Tuples are flat: the hash of a deep one overflows the C stack.
_FIXED = re.compile(
    rb"(?:%(integer)s|G.{8}|[\x88\x89]|[\]}\x94aesu]|h.|j.{4}|\((?:%(integer)s)*+t|\(|\)|\x80.|\x95.{8})*+"
    % {b"integer": _INTEGER},
    re.DOTALL,
)
_SHORT_TEXT, _TEXT, _STOP = (ord(code) for code in (pickle.SHORT_BINUNICODE, pickle.BINUNICODE, pickle.STOP))


def read_plain_pickle(data: bytes) -> Any:
    """What a pickle holds.

    Raises:
        UnpackError: it is damaged, or holds anything but plain data; the message is the end of a sentence.
    """
    _check(data)
    try:
        return pickle.loads(data)
    except (
        pickle.UnpicklingError,
        EOFError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
    ) as error:
        raise UnpackError(f"a damaged pickle: {error}") from None


def _check(data: bytes) -> None:
    place = 0
    while True:
        found = _FIXED.match(data, place)
        place = found.end() if found else place
        code = data[place] if place < len(data) else None
        if code == _STOP and place == len(data) - 1:
            return
        if code == _SHORT_TEXT:
            place += 2 + int.from_bytes(data[place + 1 : place + 2], "little")
        elif code == _TEXT:
            place += 5 + int.from_bytes(data[place + 1 : place + 5], "little")
        elif code is None or code == _STOP:
            raise UnpackError("a damaged pickle: its end is not where it should be")
        else:
            raise UnpackError(
                f"the pickle instruction {_NAMES.get(code, code)}, which plain lists, strings and numbers do not need "
                "and which could run code or fill the memory"
            )
