"""Reads and writes written music: MusicXML, ABC and kern files to `Piece`, `Piece` to MusicXML.

Knows file formats and what to say when one is damaged. What stands in a score is known to
`score_streams` when reading and to `notation` when writing.
"""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from unittest import mock

from melodyforge.errors import MusicReadError
from melodyforge.files import read_bytes
from melodyforge.music.musicxml_read import parse_musicxml, unpack_mxl
from melodyforge.music.musicxml_write import write_musicxml
from melodyforge.music.piece import Piece
from melodyforge.music.score_limits import tame_abc, tame_kern

if TYPE_CHECKING:
    from music21.stream import Stream

__all__ = ["read_score", "read_tune", "split_tunes", "write_musicxml"]

_Source = TypeVar("_Source", str, bytes)

MAX_TEXT_BYTES = 2 * 2**20  # of ABC or kern: two minutes' work for music21, which reads 15 to 40 KB a second
MAX_REASON_LENGTH = 120  # of what music21 says about a damaged score


def read_score(path: Path, max_pieces: int | None = None) -> list[tuple[Piece, list[str]]]:
    """Reads a file of written music.

    Args:
        path: `.xml`, `.musicxml`, `.mxl`, `.abc` (may hold many tunes) or `.krn`.
        max_pieces: after how many to stop; None for all.

    Returns:
        Each piece with a short phrase for each thing that had to be mended.

    Raises:
        MusicReadError: the file cannot be opened, is no score, is damaged, is too large, or has no notes.
    """
    suffix = path.suffix.lower()
    if suffix in (".abc", ".krn"):
        text = _decode_text(read_bytes(path, MAX_TEXT_BYTES))
        return _read_tunes(text, path.stem, max_pieces) if suffix == ".abc" else [_read(_parse_kern, text, path.stem)]
    data = read_bytes(path)
    return [_read(parse_musicxml, unpack_mxl(data) if suffix == ".mxl" else data, path.stem)]


def _decode_text(data: bytes) -> str:
    """Text of unknown encoding: UTF-16 or UTF-8 where it is, Latin-1 otherwise; lines end in a line feed."""
    likely = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(likely)
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _read_tunes(text: str, name: str, max_pieces: int | None) -> list[tuple[Piece, list[str]]]:
    """Every tune of an ABC file that can be read; the first one tells how many could not."""
    pieces: list[tuple[Piece, list[str]]] = []
    errors: list[MusicReadError] = []
    for tune in split_tunes(text):
        if len(pieces) == max_pieces:
            break
        try:
            pieces.append(read_tune(tune, name))
        except MusicReadError as error:
            errors.append(error)
    if not pieces:
        raise errors[0] if errors else MusicReadError("Expected ABC with a tune (X:). Received none. Remove the file.")
    if errors:
        pieces[0][1].append(f"{len(errors)} of {len(pieces) + len(errors)} tunes could not be read and were left out")
    return pieces


def split_tunes(text: str) -> list[str]:
    """The tunes of an ABC file, each with the fields of the file's header (ABC 2.1, section 2.2)."""
    header, *tunes = re.split(r"^(?=X:)", text, flags=re.MULTILINE)
    if not tunes:
        return [text] if re.search(r"^K:", text, flags=re.MULTILINE) else []
    fields = "".join(re.findall(r"^[A-Z]:.*\n", header, flags=re.MULTILINE))
    return [tune.replace("\n", "\n" + fields, 1) for tune in tunes]


def read_tune(tune: str, name: str = "") -> tuple[Piece, list[str]]:
    """Reads one tune in ABC notation.

    Args:
        tune: its text, from `X:` on.
        name: what to call it when it has no title.

    Raises:
        MusicReadError: the notation makes no sense or has no notes.
    """
    return _read(_parse_tune, tune, name)


def _parse_tune(tune: str, repairs: list[str]) -> Stream:
    from music21.converter.subConverters import ConverterABC

    tune = tame_abc(tune, repairs)
    converter = ConverterABC()
    with _bars_as_written():
        converter.parseData(re.sub(r"^X:.*\n", "", tune))  # with its number, music21 makes a collection of one tune
    return converter.stream


@contextlib.contextmanager
def _bars_as_written() -> Iterator[None]:
    """Keeps music21 from making a tune ready for print: from splitting bars that are too long, and from beams.

    It divides some bars for hours in search of a meter, and loses the second half where it finds none; and for beams
    it looks through the whole tune in every bar. We need neither: `score_streams` counts bars itself.
    """
    from music21.abcFormat import translate

    with mock.patch.object(translate, "reBar"), mock.patch.object(translate.stream.Part, "makeBeams"):
        yield


def _parse_kern(text: str, repairs: list[str]) -> Stream:
    from music21.converter.subConverters import ConverterHumdrum

    if "**kern" not in text:
        raise MusicReadError("Expected kern notation. Received a file without **kern. Remove it.")
    converter = ConverterHumdrum()
    converter.parseData(tame_kern(text, repairs))
    return converter.stream


def _read(parse: Callable[[_Source, list[str]], Stream], source: _Source, name: str) -> tuple[Piece, list[str]]:
    """The piece that a music21 parser finds.

    Its parsers are called directly: `music21.converter.parse` keeps results in files below the
    temporary folder, and opens web addresses.
    """
    from melodyforge.music.score_streams import piece_from_stream

    with _silence():
        try:
            repairs: list[str] = []
            piece, more_repairs = piece_from_stream(parse(source, repairs))
        except (MusicReadError, MemoryError):
            raise
        except Exception as error:  # a senseless score makes music21 raise anything, from KeyError to RecursionError
            reason = " ".join(str(error).split())[:MAX_REASON_LENGTH] or type(error).__name__
            raise MusicReadError(
                f"Expected a score. Received one that makes no sense ({reason}). Remove it."
            ) from error
    if not len(piece):
        raise MusicReadError("Expected notes. Received a score without any. Remove it.")
    repairs = list(dict.fromkeys(repairs + more_repairs))
    has_title = piece.name and Path(piece.name).stem != name  # programs write the file's name for a missing title
    return (piece if has_title else replace(piece, name=name)), repairs


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keeps music21's remarks about notation from the terminal."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
