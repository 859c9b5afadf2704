"""Mutants of weights in HDF5: other shapes, types and layouts, links that lead elsewhere, numbers that are none."""

from __future__ import annotations

import io
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

from torture.mutate.raw import spoiled
from torture.mutate.values import word

CANARY = "canary.bin"  # what external storage points at: a file that the worker has put there
CANARY_VALUE = 1234.5  # stands in that file, over and over, as float32
SHAPES = ((0,), (1,), (2**30,), (2**40,), (2**16, 2**16), (2**62,), (1,) * 32, (3, 0, 5), ())
TYPES: tuple[Any, ...] = ("f2", "f8", "i1", "i8", "u8", "c8", "b1", "S5", ">f4", [("a", "f4")], "(3,)f4")


def mutant(data: bytes, rng: Random) -> bytes:
    """A weights file with something wrong."""
    import h5py

    if rng.random() < 0.3:
        return spoiled(data, rng)
    buffer = io.BytesIO(data)
    try:
        with h5py.File(buffer, "r+") as file:
            for _ in range(rng.choice([1, 1, 2])):
                rng.choice(CHANGES)(file, rng)
    except Exception:  # HDF5 itself does not let everything be written
        return spoiled(data, rng)
    return buffer.getvalue()


def _arrays(file: Any) -> list[str]:
    import h5py

    found: list[str] = []
    file.visititems(lambda path, item: found.append(path) if isinstance(item, h5py.Dataset) else None)
    return found or ["nothing"]


def _groups(file: Any) -> list[str]:
    import h5py

    found: list[str] = []
    file.visititems(lambda path, item: found.append(path) if isinstance(item, h5py.Group) else None)
    return found or ["nothing"]


def _replaced(file: Any, rng: Random) -> tuple[str, Any]:
    """Removes an array; gives its path and its values."""
    path = rng.choice(_arrays(file))
    values = file[path][()]
    del file[path]
    return path, values


def _change_shape(file: Any, rng: Random) -> None:
    path, _ = _replaced(file, rng)
    shape = rng.choice(SHAPES)
    if shape and 0 not in shape:
        file.create_dataset(path, shape, "f4", chunks=tuple(min(one, 64) for one in shape), fillvalue=0.5)
    else:
        file.create_dataset(path, shape, "f4")


def _change_size(file: Any, rng: Random) -> None:
    path, values = _replaced(file, rng)
    values = rng.choice(
        [values[:-1], values.T, values[..., :1], np.atleast_2d(values), values.ravel(), np.repeat(values, 2, 0)]
    )
    file.create_dataset(path, data=values)


def _change_type(file: Any, rng: Random) -> None:
    path, values = _replaced(file, rng)
    file.create_dataset(path, values.shape, rng.choice(TYPES))


def _text_for_numbers(file: Any, rng: Random) -> None:
    import h5py

    path, values = _replaced(file, rng)
    kinds = [
        h5py.string_dtype(),
        h5py.vlen_dtype("f4"),
        h5py.ref_dtype,
        h5py.enum_dtype({"a": 1}),
        h5py.opaque_dtype("M8[s]"),
    ]
    file.create_dataset(path, values.shape, rng.choice(kinds))


def _no_number(file: Any, rng: Random) -> None:
    path = rng.choice(_arrays(file))
    values = file[path][()]
    values.flat[rng.randrange(values.size)] = rng.choice([np.nan, np.inf, -np.inf, 6e4])
    file[path][...] = values


def _compress(file: Any, rng: Random) -> None:
    path, values = _replaced(file, rng)
    options: dict[str, Any] = rng.choice(
        [{"compression": "gzip"}, {"compression": "lzf"}, {"shuffle": True}, {"fletcher32": True}, {"maxshape": None}]
    )
    if options.get("maxshape", 0) is None:
        options = {"maxshape": (None,) * values.ndim}
    file.create_dataset(path, data=values, chunks=values.shape, **options)


def _outside(file: Any, rng: Random) -> None:
    path, values = _replaced(file, rng)
    target = rng.choice([CANARY, f"../{CANARY}", "/etc/passwd", "/dev/zero", "/dev/null"])
    file.create_dataset(path, values.shape, "f4", external=[(target, 0, values.size * 4)])


def _virtual(file: Any, rng: Random) -> None:
    import h5py

    path, values = _replaced(file, rng)
    layout = h5py.VirtualLayout(values.shape, "f4")
    layout[...] = h5py.VirtualSource(rng.choice([".", "other.h5", "/etc/passwd"]), "layers", values.shape)
    file.create_virtual_dataset(path, layout)


def _link(file: Any, rng: Random) -> None:
    import h5py

    path = rng.choice(_arrays(file) + _groups(file))
    del file[path]
    links = [
        h5py.SoftLink("/layers"),
        h5py.SoftLink("/nowhere"),
        h5py.SoftLink(path),
        h5py.ExternalLink("other.h5", "/"),
    ]
    file[path] = rng.choice(links)


def _circle(file: Any, rng: Random) -> None:
    """A group inside itself."""
    path = rng.choice(_groups(file))
    file[f"{path}/vars"] = file[rng.choice(["/", "/layers", path])]


def _name(file: Any, rng: Random) -> None:
    path = rng.choice(_groups(file))
    name: Any = rng.choice(
        [word(rng)[:60_000].replace("\x00", ""), "lstm_0", "lstm_9", 7, np.arange(4), b"\xff", np.nan]
    )
    if rng.random() < 0.2:
        file[path].attrs.pop("name", None)
    else:
        file[path].attrs["name"] = name


def _add_groups(file: Any, rng: Random) -> None:
    path = "layers" + "/vars" * rng.choice([1, 5, 300]) if rng.random() < 0.5 else "layers/more"
    for number in range(rng.choice([1, 300])):
        file.require_group(f"{path}/{number}/vars").attrs["name"] = f"lstm_{number}"


def _rename(file: Any, rng: Random) -> None:
    path = rng.choice(_arrays(file) + _groups(file))
    file.move(path, f"{path}{rng.randrange(3)}")


CHANGES: tuple[Callable[[Any, Random], None], ...] = (
    *(_change_shape, _change_size, _change_type, _text_for_numbers, _no_number, _no_number, _compress),
    *(_outside, _virtual, _link, _circle, _name, _name, _add_groups, _rename),
)
