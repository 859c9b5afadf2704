"""Reads a Keras weights file of a stranger: all that it declares is checked before a number is read.

Accepted are plain arrays that lie in the file itself, of the layers and shapes that are expected, and nothing else:
no links, no arrays in other files, nothing compressed. So no more memory is taken than the file has bytes, doubled
where it holds halves. Knows no network.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from melodyforge.errors import ModelFolderError

if TYPE_CHECKING:
    import h5py
    from h5py.h5d import DatasetID
    from h5py.h5g import GroupID

Shapes = Mapping[str, tuple[tuple[int, ...], ...]]  # layer name -> shapes of its arrays, as Keras orders them

DTYPES = (np.dtype("<f2"), np.dtype("<f4"))  # the starter's are stored as float16
MAX_OBJECTS, MAX_DEPTH = 20_000, 8  # of groups and arrays; the starter has 600, 4 deep
MAX_NAME_BYTES = 1_024
SMALLEST_HEAP = 4096  # bytes
LARGEST = 1e6  # a network of such weights still computes without overflow; real ones are below 100
_VARIABLES = "vars"


def most_bytes(shapes: Shapes) -> int:
    """Size of the largest file that can hold arrays of these shapes, with room for what describes them."""
    return 2**20 + sum(4 * math.prod(shape) + 2**14 for of_layer in shapes.values() for shape in of_layer)


def read_weights(data: bytes, shapes: Shapes) -> dict[str, list[np.ndarray]]:
    """Layer name -> its arrays in Keras' order, float32.

    Raises:
        ModelFolderError: it is no such file, or holds others than these; the first that differs is named.
    """
    import h5py

    _require_sound_heaps(data)
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            layers = _layers(file)
            _require_expected(layers, shapes)
            return {name: [_numbers(name, array) for array in arrays] for name, arrays in layers.items()}
    except (OSError, LookupError, RuntimeError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise ModelFolderError(f"Expected Keras weights. Received a damaged file: {_in_a_line(error)}.") from None


def _require_sound_heaps(data: bytes) -> None:
    """Refuses heaps of names whose objects do not follow one another: HDF5 would read them for ever.

    "HDF5 File Format Specification", III.E, "Disk Format: Level 1E - Global Heap".
    """
    begin = data.find(b"GCOL")
    while begin >= 0:
        size = int.from_bytes(data[begin + 8 : begin + 16], "little")
        if data[begin + 4 : begin + 5] == b"\1" and SMALLEST_HEAP <= size <= len(data) - begin:  # else HDF5 refuses it
            place, end, index = begin + 16, begin + size, 1
            while index and place + 16 <= end:
                index = int.from_bytes(data[place : place + 2], "little")  # 0: what is free, all up to the end
                num_bytes = int.from_bytes(data[place + 8 : place + 16], "little")
                place += 16 + -(-num_bytes // 8) * 8 if index else num_bytes
                if place > end or (not index and place != end):
                    raise ModelFolderError("Expected Keras weights. Received a damaged file: its names are cut.")
        begin = data.find(b"GCOL", begin + 1)


def _layers(file: h5py.File) -> dict[str, list[h5py.Dataset]]:
    """The arrays of each layer; nothing has been read of them."""
    import h5py

    layers: dict[str, list[h5py.Dataset]] = {}
    for path, group, arrays in _groups(file):
        if not arrays:
            continue
        *_, kind, last = ("", "", *path)
        owner = file["/".join((*path[:-2], _VARIABLES))] if kind == "cell" else h5py.Group(group)  # of an LSTM
        if last != _VARIABLES or sorted(arrays) != sorted(map(str, range(len(arrays)))):
            raise ModelFolderError(f"Expected Keras weights. Received other arrays: {'/'.join(path)}.")
        name = _name_of(owner)
        if name in layers:
            raise ModelFolderError(f"Expected each layer once. Received {name!r} twice.")
        layers[name] = [h5py.Dataset(arrays[str(index)]) for index in range(len(arrays))]
    return layers


def _groups(file: h5py.File) -> Iterator[tuple[tuple[str, ...], GroupID, dict[str, DatasetID]]]:
    """Every group with its path and the arrays that lie in it; links are refused, not followed."""
    from h5py import h5d, h5g, h5l, h5o

    waiting: list[tuple[tuple[str, ...], GroupID]] = [((), h5g.open(file.id, b"/"))]
    num_objects = 0
    while waiting:
        path, group = waiting.pop()
        arrays: dict[str, DatasetID] = {}
        for raw_name in group:
            name, num_objects = raw_name.decode(), num_objects + 1
            if num_objects > MAX_OBJECTS or len(path) > MAX_DEPTH:
                raise ModelFolderError("Expected Keras weights. Received far more groups than a network has.")
            if group.links.get_info(raw_name).type != h5l.TYPE_HARD:
                raise ModelFolderError(f"Expected weights in one file. Received a link: {'/'.join((*path, name))}.")
            item = h5o.open(group, raw_name)
            if isinstance(item, h5g.GroupID):
                waiting.append(((*path, name), item))
            elif isinstance(item, h5d.DatasetID):
                arrays[name] = item
        yield path, group, arrays


def _name_of(group: h5py.Group) -> str:
    """The layer's name, which Keras writes as an attribute."""
    from h5py import h5a

    attribute = h5a.open(group.id, b"name")
    if attribute.shape != () or attribute.get_storage_size() > MAX_NAME_BYTES:
        raise ModelFolderError(f"Expected the name of a layer. Received another attribute of {group.name}.")
    return str(group.attrs["name"])[:MAX_NAME_BYTES]


def _require_expected(layers: Mapping[str, list[h5py.Dataset]], shapes: Shapes) -> None:
    for name in sorted(layers.keys() - shapes.keys()):
        raise ModelFolderError(f"Expected layers as the recipe has them. Received another: {name!r}.")
    for name in shapes:
        arrays = layers.get(name, [])
        received = tuple(array.shape for array in arrays)
        if received != shapes[name]:
            raise ModelFolderError(
                f"Vocabulary and recipe need weights of shape {_shown(shapes[name])} for the layer {name!r}. "
                f"Received {_shown(received)}. They are not of one model."
            )
        for array in arrays:
            _require_plain(name, array)


def _require_plain(name: str, array: h5py.Dataset) -> None:
    """Numbers that lie in the file one after the other, as many as are declared."""
    from h5py import h5d

    properties = array.id.get_create_plist()
    is_plain = (
        array.dtype in DTYPES
        and properties.get_layout() == h5d.CONTIGUOUS
        and properties.get_external_count() == 0
        and array.id.get_storage_size() == array.size * array.dtype.itemsize
    )
    if not is_plain:
        raise ModelFolderError(
            f"Expected the weights of the layer {name!r} as float32 or float16, uncompressed and in the file itself. "
            "Received others. Do not use this model."
        )


def _numbers(name: str, array: h5py.Dataset) -> np.ndarray:
    numbers = array[()].astype(np.float32)
    if not (numbers.min() >= -LARGEST and numbers.max() <= LARGEST):  # also when there are some that are no numbers
        raise ModelFolderError(
            f"Expected weights that are finite numbers. Received others in the layer {name!r}: the training has "
            "failed, or the file is damaged. Train the model again."
        )
    return numbers


def _shown(shapes: tuple[tuple[int, ...], ...]) -> str:
    return ", ".join(" x ".join(map(str, shape)) for shape in shapes) or "none"


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
