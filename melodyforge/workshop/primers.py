"""Music that is sent to be gone on from, or to be composed anew in parts: read, and not too long. Knows no web page."""

from __future__ import annotations

import tempfile
from pathlib import Path

from melodyforge.errors import MusicReadError
from melodyforge.music.load import load_piece
from melodyforge.music.piece import Piece

MAX_NOTES = 5000  # to start from: a second or two until the first new one


def read_sent(data: bytes, suffix: str) -> Piece:
    """The music in a file that was sent; it is read in a process of its own.

    Args:
        data: the file.
        suffix: of its name, in small letters; tells what it holds.

    Raises:
        MusicReadError: it cannot be read as music.
        BusyError: too many others want something read.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"primer{suffix}")
        path.write_bytes(data)
        return load_piece(path)


def require_short(piece: Piece) -> None:
    """Makes sure that music is not too much to start from.

    Raises:
        MusicReadError: it has more than `MAX_NOTES` notes.
    """
    if len(piece) > MAX_NOTES:
        raise MusicReadError(
            f"Expected at most {MAX_NOTES:,} notes to start from. Received {len(piece):,}. Choose fewer bars."
        )
