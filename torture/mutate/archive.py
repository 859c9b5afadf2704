"""Mutants of zip archives: knows members, the fields of their headers, and the names that lead elsewhere."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from random import Random

from torture.mutate.raw import spoiled

Members = list[tuple[str, bytes]]

NAMES = (
    *(
        "../{}",
        "../../../../{}",
        "/{}",
        "/tmp/{}",
        "\\..\\{}",
        "C:\\{}",
        "{}/",
        "./{}",
        "a/b/c/{}",
        "META-INF/{}",
        ".{}",
    ),
    *("__MACOSX/{}", "{}\x00.mid", "\u202e{}", "A" * 300 + "{}", "a/" * 200 + "{}", "{}" + " " * 60, "con.{}", "//{}"),
)
CENTRAL, LOCAL, END = b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"
# Where fields stand behind a signature, and how many bytes they have (APPNOTE 4.3).
FIELDS = {
    CENTRAL: ((8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (38, 4), (42, 4)),
    LOCAL: ((6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)),
    END: ((4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)),
}
EDGES = (0, 1, 2, 8, 9, 12, 14, 93, 99, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF)
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED)
SHARE_ODD = 0.05  # of archives, for such methods are refused before anything else is looked at
SLOW_METHODS = (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
SLOW_BYTES = 20_000  # longer members are not packed so
BOMB_BYTES = 80 * 2**20  # of zeros, which take 80 KB; more than any score may have, and less than a model may


def mutant(members: Members, rng: Random, share_whole: float = 0.4) -> bytes:
    """An archive with a few things wrong.

    Args:
        members: names and contents, which may be mutants themselves.
        rng: decides.
        share_whole: of archives that are left as they are, so that their members are reached.
    """
    if rng.random() < share_whole:
        return packed(members, rng)
    members = _rearranged(members, rng)
    data = packed(members, rng)
    if rng.random() < 0.4:
        data = _with_wrong_field(data, rng)
    return spoiled(data, rng) if rng.random() < 0.3 else data


def packed(members: Members, rng: Random) -> bytes:
    """The archive, each member packed in some way."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")  # that a name is there twice is meant
        is_odd = rng.random() < SHARE_ODD
        for name, content in members:
            methods = METHODS + SLOW_METHODS if is_odd and len(content) <= SLOW_BYTES else METHODS
            archive.writestr(zipfile.ZipInfo(name), content, rng.choice(methods), 1)
    return buffer.getvalue()


def _rearranged(members: Members, rng: Random) -> Members:
    members, what = list(members), rng.randrange(7)
    index = rng.randrange(len(members))
    name, content = members[index]
    if what == 0:
        members[index] = (rng.choice(NAMES).format(name), content)
    elif what == 1:
        members.append((rng.choice([name, rng.choice(NAMES).format(name)]), content))
    elif what == 2:
        del members[index]
    elif what == 3:
        members[index] = (name, b"")
    elif what == 4:
        members += [(f"{number}.{name}", b"") for number in range(rng.choice([10, 1000]))]
    elif what == 5:
        members[index] = (name, packed(members, rng))
    elif rng.random() < 0.1:
        members[index] = (name, bytes(BOMB_BYTES))
    return members


def _with_wrong_field(data: bytes, rng: Random) -> bytes:
    """One or two header fields, such as sizes and methods, with other values."""
    spoilt = bytearray(data)
    for _ in range(rng.choice([1, 1, 2])):
        signature = rng.choice([CENTRAL, CENTRAL, LOCAL, END])
        starts = _places(data, signature)
        if starts:
            offset, size = rng.choice(FIELDS[signature])
            start = rng.choice(starts) + offset
            value = rng.choice([*EDGES, len(data)]) & (256**size - 1)
            spoilt[start : start + size] = struct.pack("<I", value)[:size]
    return bytes(spoilt)


def _places(data: bytes, signature: bytes) -> list[int]:
    places, place = [], data.find(signature)
    while place >= 0:
        places.append(place)
        place = data.find(signature, place + 1)
    return places
