"""Opens a music file of any kind that is understood. Knows file names; leaves reading to `midi` and `scores`."""

from __future__ import annotations

from pathlib import Path

from melodyforge.errors import MusicReadError
from melodyforge.files import read_bytes
from melodyforge.music.midi import read_midi
from melodyforge.music.piece import Piece

SCORE_SUFFIXES = frozenset({".xml", ".musicxml", ".mxl", ".abc", ".krn"})


def load_piece(path: Path) -> Piece:
    """The music in a file; the first piece where there are several.

    Raises:
        MusicReadError: it cannot be read as music, or holds no notes.
    """
    if path.suffix.lower() in SCORE_SUFFIXES:
        from melodyforge.music.scores import read_score

        read_bytes(path)  # says plainly when there is no such file
        piece = read_score(path)[0][0]
    else:
        piece = read_midi(read_bytes(path), path.stem)[0]
    if not len(piece):
        raise MusicReadError(f"Expected notes in {path}. Received none. Choose another file.")
    return piece
