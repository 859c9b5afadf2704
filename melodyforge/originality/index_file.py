"""The index of training music as a file: compressed arrays in NumPy's `.npz`, which `numpy.load` reads, too.

A stranger may have written it: what each array declares is checked before it is read, and what it says afterwards.
Nothing in it can run code, and no more memory is taken than the bounds allow.
"""

from __future__ import annotations

import io
import json
import math
import tokenize
import zipfile
import zlib
from typing import Annotated

import numpy as np
from pydantic import Field

from melodyforge.corpus.duplicates import NUM_HASHES
from melodyforge.errors import ModelFolderError, SettingsError
from melodyforge.originality.index import ANCHOR_BITS, MAX_NAME_LENGTH, WINDOW_BITS, MusicIndex
from melodyforge.originality.real import Real
from melodyforge.originality.windows import CHECK_BITS
from melodyforge.settings import Section

FORMAT = 1
MAX_BYTES = 64 * 2**20  # of the file; that of five million notes has 7
MAX_UNPACKED_BYTES = 512 * 2**20
MAX_FACTS_BYTES = 32 * 2**20  # of JSON, which takes up to 25 times as much in memory; 250,000 pieces have as much
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # of compression: what NumPy writes
UNREADABLE = (  # what Python raises of damaged files
    *(zipfile.BadZipFile, zlib.error, EOFError, tokenize.TokenError),
    *(ValueError, LookupError, RuntimeError, OSError, SettingsError),
)
PLAIN = ("signatures", "lines", "lengths", "first_bars", "bar_steps")  # arrays that stand there as the index has them
LOW_BITS = 8  # of ascending numbers; of the bits above them it is counted how often each occurs
ARRAYS = {  # name -> type and number of dimensions
    "facts": (np.uint8, 1),
    "signatures": (np.uint8, 2),
    "lines": (np.uint32, 1),
    "lengths": (np.uint32, 1),
    "first_bars": (np.int32, 1),
    "bar_steps": (np.uint8, 1),
    "checks": (np.uint8, 1),
    "anchors_high": (np.uint32, 1),
    "anchors_low": (np.uint8, 1),
    "places": (np.uint8, 2),
    "windows_high": (np.uint32, 1),
    "windows_low": (np.uint8, 1),
}


class _Facts(Section):
    format: int
    names: list[Annotated[str, Field(max_length=MAX_NAME_LENGTH)]]
    real: dict[str, Real]


def pack_index(index: MusicIndex) -> bytes:
    """The file."""
    facts = {
        "format": FORMAT,
        "names": index.names,
        "real": {style: real.model_dump() for style, real in index.real.items()},
    }
    anchors_high, anchors_low = _halved(index.anchors, ANCHOR_BITS)
    windows_high, windows_low = _halved(index.windows, WINDOW_BITS)
    pairs = np.append(index.checks, np.zeros(len(index.checks) % 2, np.uint8))
    arrays = {
        "facts": np.frombuffer(json.dumps(facts).encode("ascii"), np.uint8),
        **{name: getattr(index, name) for name in PLAIN},
        "checks": pairs[::2] << CHECK_BITS | pairs[1::2],
        "anchors_high": anchors_high,
        "anchors_low": anchors_low,
        "places": np.ascontiguousarray(index.places.astype("<u4").view(np.uint8).reshape(-1, 4).T),
        "windows_high": windows_high,
        "windows_low": windows_low,
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def unpack_index(data: bytes) -> MusicIndex:
    """The index in a file.

    Raises:
        ModelFolderError: it is damaged, or no such file, or of another version.
    """
    try:
        arrays = _read_arrays(data)
        facts = _Facts.check(json.loads(arrays["facts"].tobytes()))
        if facts.format != FORMAT or not all(map(str.isprintable, facts.names)):
            raise ValueError(f"version {facts.format}")
        return _checked(_index(arrays, facts))
    except UNREADABLE as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelFolderError(f"Expected an index of training music. Received another file: {reason}.") from None


def _index(arrays: dict[str, np.ndarray], facts: _Facts) -> MusicIndex:
    checks = arrays["checks"]
    both = np.stack([checks >> CHECK_BITS, checks & (2**CHECK_BITS - 1)], axis=1).ravel()
    if len(arrays["places"]) != 4:
        raise ValueError("places of another size")
    return MusicIndex(
        names=tuple(facts.names),
        **{name: arrays[name] for name in PLAIN},
        checks=both[: len(arrays["bar_steps"])],
        anchors=_joined(arrays["anchors_high"], arrays["anchors_low"], ANCHOR_BITS),
        places=np.ascontiguousarray(arrays["places"].T).view("<u4").ravel(),
        windows=_joined(arrays["windows_high"], arrays["windows_low"], WINDOW_BITS),
        real=facts.real,
    )


def _checked(index: MusicIndex) -> MusicIndex:
    """The index, if its parts fit together.

    Raises:
        ValueError: they do not.
    """
    num_pieces, num_lines, num_windows = len(index.names), len(index.lengths), len(index.bar_steps)
    fits = (
        index.signatures.shape == (num_pieces, NUM_HASHES)
        and len(index.lines) == len(index.first_bars) == num_lines
        and (index.lines < num_pieces).all()
        and int(index.lengths.sum(dtype=np.uint64)) == num_windows == len(index.checks)
        and len(index.anchors) == len(index.places)
        and (index.places < num_windows).all()
    )
    if not fits:
        raise ValueError("its parts do not fit together")
    return index


def _read_arrays(data: bytes) -> dict[str, np.ndarray]:
    """All arrays, each of the type that is expected."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
        if entries.keys() != ARRAYS.keys() or len(archive.infolist()) != len(ARRAYS):
            raise ValueError("other arrays")
        if sum(entry.file_size for entry in entries.values()) > MAX_UNPACKED_BYTES:
            raise ValueError("far more than the index of any music")
        if entries["facts"].file_size > MAX_FACTS_BYTES:
            raise ValueError("far more names than any music has")
        if any(entry.compress_type not in METHODS for entry in entries.values()):
            raise ValueError("arrays that NumPy has not packed")
        return {name: _read_array(archive, entries[name], *kind) for name, kind in ARRAYS.items()}


def _read_array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, kind: type, num_dimensions: int) -> np.ndarray:
    """One array; as many bytes as are declared, of which there are not too many."""
    with archive.open(entry) as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError("an array of another version")
        shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(file)
        size = math.prod(shape) * dtype.itemsize
        if dtype != kind or len(shape) != num_dimensions or is_fortran or size != entry.file_size - file.tell():
            raise ValueError("an array of another type or size")
        return np.frombuffer(file.read(size), dtype).reshape(shape)


def _halved(numbers: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Ascending numbers of so many bits: how often each value of the high bits occurs, and the low bits of each."""
    high = np.bincount(numbers >> np.uint32(LOW_BITS), minlength=2 ** (bits - LOW_BITS))
    return high.astype(np.uint32), (numbers & np.uint32(2**LOW_BITS - 1)).astype(np.uint8)


def _joined(high: np.ndarray, low: np.ndarray, bits: int) -> np.ndarray:
    """What `_halved` has parted."""
    if len(high) != 2 ** (bits - LOW_BITS) or int(high.sum(dtype=np.uint64)) != len(low):
        raise ValueError("hashes of another size")
    return np.repeat(np.arange(len(high), dtype=np.uint32) << np.uint32(LOW_BITS), high) | low
