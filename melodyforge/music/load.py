"""Opens a music file of any kind that is understood. Knows file names; leaves reading to `midi` and `scores`."""

from __future__ import annotations

from pathlib import Path

from melodyforge import guard
from melodyforge.errors import MelodyForgeError, MusicReadError
from melodyforge.files import check_file, read_bytes
from melodyforge.music.midi import read_midi
from melodyforge.music.midi_container import MAX_MIDI_BYTES
from melodyforge.music.piece import Piece
from melodyforge.words import how_to_install

MIDI_SUFFIXES = (".mid", ".midi", ".kar", ".rmi")  # the usual ones first, as people are told them
SCORE_SUFFIXES = (".musicxml", ".mxl", ".xml", ".abc", ".krn")
MUSIC_SUFFIXES = MIDI_SUFFIXES + SCORE_SUFFIXES
READ_SECONDS = 20.0  # that somebody waits for one file; a quartet of 11 MB in MusicXML takes 8


def load_piece(path: str | Path) -> Piece:
    """The music in a file; the first piece where there are several.

    It is read in a process of its own, with limits on time and memory.

    Raises:
        MusicReadError: it cannot be read as music, or not soon enough, or holds no notes.
        BusyError: too many others want something read.
    """
    path = Path(path).absolute()
    check_file(path)
    try:
        return guard.run(_read_first, path, seconds=READ_SECONDS, error=MusicReadError, what="music")
    except MusicReadError as error:
        if path.suffix.lower() in MUSIC_SUFFIXES:
            raise
        scores = ", ".join(SCORE_SUFFIXES)
        raise MusicReadError(
            f"Expected MIDI, or a score that ends in {scores}. Received {path.name}, which is neither. {error}"
        ) from None


def _read_first(path: Path) -> Piece:
    return read_pieces(path, path.stem, max_pieces=1)[0][0]


def read_pieces(path: Path, name: str, max_pieces: int | None = None) -> list[tuple[Piece, list[str]]]:
    """All pieces in a file, each with what was mended. Strangers' files are read in a guarded process.

    Args:
        path: its ending tells what it holds; what is no score is MIDI.
        name: what to call a piece without a title.
        max_pieces: after how many to stop; None for all.

    Raises:
        MusicReadError: it cannot be read as music, or holds no notes.
    """
    try:
        if path.suffix.lower() not in SCORE_SUFFIXES:
            return [read_midi(read_bytes(path, MAX_MIDI_BYTES), name)]
        from melodyforge.music.scores import read_score  # imports music21, which MIDI does not need

        return read_score(path, max_pieces)
    except (MelodyForgeError, MemoryError):
        raise
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        raise MusicReadError(f"Scores are read with the package {package}. {how_to_install(package)}") from None
    except Exception as error:  # whatever a library trips over
        raise MusicReadError(
            f"The reader failed ({type(error).__name__}). Export the file again or choose another."
        ) from error
