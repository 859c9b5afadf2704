"""Arrays of many lengths on disk: written one by one, read by memory map.

Knows NumPy's `.npy` format. Does not know what the rows mean. However many rows there
are, writing and reading hold only the row at hand in memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from melodyforge.errors import CorpusError

VALUES_FILE = "values.npy"
OFFSETS_FILE = "offsets.npy"


class NpyWriter:
    """Writes a one-dimensional `.npy` file of a length that is known only at the end; use `contextlib.closing`."""

    def __init__(self, path: Path, dtype: np.dtype | type) -> None:
        self.dtype = np.dtype(dtype)
        self.length = 0
        self._file = path.open("wb")
        self._write_header()

    def append(self, values: np.ndarray) -> None:
        """Adds values of shape (n,)."""
        self._file.write(np.ascontiguousarray(values, self.dtype).tobytes())
        self.length += len(values)

    def close(self) -> None:
        """Puts the final length into the header."""
        if not self._file.closed:
            self._file.seek(0)
            self._write_header()
            self._file.close()

    def _write_header(self) -> None:
        # NumPy pads the header for the longest length there can be, so that it never outgrows its place.
        header = np.lib.format.header_data_from_array_1_0(np.empty(0, self.dtype)) | {"shape": (self.length,)}
        np.lib.format.write_array_header_1_0(self._file, header)


class RaggedWriter:
    """Writes the rows of a `Ragged`, one after another; use `contextlib.closing`."""

    def __init__(self, folder: Path, dtype: np.dtype | type) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._values = NpyWriter(folder / VALUES_FILE, dtype)
        self._offsets = NpyWriter(folder / OFFSETS_FILE, np.int64)
        self._offsets.append(np.zeros(1, np.int64))

    def append(self, row: np.ndarray) -> None:
        """Adds one row of shape (n,), n >= 0."""
        self._values.append(row)
        self._offsets.append(np.array([self._values.length]))

    def close(self) -> None:
        """Finishes both files; the rows can be read from now on."""
        self._values.close()
        self._offsets.close()


class Ragged:
    """Rows of many lengths behind one another in memory-mapped files.

    Attributes:
        values: all rows, shape (num_values,).
        offsets: where each row starts, and the end of the last; int64, shape (num_rows + 1,).
        folder: of the files, if they are known; a process that is sent the rows opens them itself.
    """

    def __init__(self, values: np.ndarray, offsets: np.ndarray, folder: Path | None = None) -> None:
        self.values = values
        self.offsets = offsets
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        """See `folder`."""
        return (Ragged.open, (self.folder.absolute(),)) if self.folder else (Ragged, (self.values, self.offsets))

    @classmethod
    def open(cls, folder: Path) -> Ragged:
        """Maps what a `RaggedWriter` wrote to `folder`.

        Raises:
            CorpusError: the folder holds no such files, or damaged ones.
        """
        try:
            return cls(_map(folder / VALUES_FILE), _map(folder / OFFSETS_FILE), folder)
        except (OSError, ValueError) as error:
            raise CorpusError(
                f"Expected {VALUES_FILE} and {OFFSETS_FILE} in {folder}. Received: {error}. Prepare the data again."
            ) from error

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> np.ndarray:
        """Row `index`, from 0, as a view."""
        if not 0 <= index < len(self):
            raise IndexError(f"Row must lie in 0 to {len(self) - 1}. Received {index}.")
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    @property
    def lengths(self) -> np.ndarray:
        """Length of each row, int64, shape (num_rows,)."""
        return np.diff(self.offsets)


def _map(path: Path) -> np.ndarray:
    """The array in a `.npy` file; mapped, but for one without values, which cannot be."""
    try:
        return np.asarray(np.load(path, mmap_mode="r"))
    except ValueError:
        return np.load(path)
