"""MusicXML bytes, packed or plain, to a music21 score, safely and without what music21 forgets.

Guards against archives and entities that grow without bound. Does not know `Piece`.
"""

from __future__ import annotations

import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement
from xml.parsers import expat

from melodyforge.errors import MusicReadError
from melodyforge.files import MAX_BYTES
from melodyforge.music.keys import spell
from melodyforge.music.score_limits import tame_musicxml

if TYPE_CHECKING:
    from music21.stream import Score

MAX_SCORE_BYTES = MAX_BYTES  # after unpacking, too
# a wrong password or method is a RuntimeError, and a name that is not there a KeyError
_ARCHIVE_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    KeyError,
    RuntimeError,
    ValueError,
    EOFError,
    OSError,
)
CONTAINER = "META-INF/container.xml"  # names the score inside an .mxl archive (MusicXML 4.0, "Compressed files")
LAST_PROGRAM = 128  # MusicXML counts MIDI programs and drum pitches from 1


def read_limited(file: IO[bytes]) -> bytes:
    """Everything in an entry of an archive, unless it is too much, whatever the directory says about its size.

    Raises:
        MusicReadError: the file is too large.
    """
    data = file.read(MAX_SCORE_BYTES + 1)
    if len(data) > MAX_SCORE_BYTES:
        raise MusicReadError(f"Expected a score of at most {MAX_SCORE_BYTES:,} bytes. Received more. Remove the file.")
    return data


def unpack_mxl(data: bytes) -> bytes:
    """The score inside a compressed MusicXML archive.

    Raises:
        MusicReadError: the archive is damaged, holds no score, or unpacks to too much.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open(_score_entry(archive)) as file:
            return read_limited(file)
    except _ARCHIVE_ERRORS as error:
        raise MusicReadError(
            f"Expected compressed MusicXML. Received a damaged archive ({error}). Export the file again."
        ) from error


def _score_entry(archive: zipfile.ZipFile) -> str:
    """Which entry of the archive is the score."""
    names = archive.namelist()
    if CONTAINER in names:
        with archive.open(CONTAINER) as file:
            found = re.search(rb'full-path\s*=\s*["\']([^"\']+)', read_limited(file))
        if found:
            return found[1].decode("utf-8", "replace")
    for name in names:
        if not name.startswith("META-INF/") and name.lower().endswith((".xml", ".musicxml")):
            return name
    raise MusicReadError("Expected a score in the archive. Received none. Export the file again.")


def parse_musicxml(data: bytes, repairs: list[str]) -> Score:
    """The music21 score in an uncompressed MusicXML file.

    Args:
        data: the file.
        repairs: gets a phrase for each kind of thing that was mended.

    Raises:
        MusicReadError: the XML is damaged, is no MusicXML, declares entities, or holds too much.
        Exception: whatever music21 trips over in a score that makes no sense.
    """
    from music21.musicxml.xmlToM21 import MusicXMLImporter

    root = _parse_xml(data)
    tame_musicxml(root, repairs)
    _pitch_drums(root)
    importer = MusicXMLImporter()
    importer.xmlRootToScore(root, importer.stream)
    _restore_programs(importer.stream, root)
    return importer.stream


def _parse_xml(data: bytes) -> Element:
    """The document, unless it declares entities, which can grow without bound; external ones are never opened."""
    guard = expat.ParserCreate()
    guard.EntityDeclHandler = _refuse_entity
    try:
        guard.Parse(data, True)
        root = ElementTree.fromstring(data)
    except (expat.ExpatError, ElementTree.ParseError, LookupError, ValueError) as error:
        raise MusicReadError(f"Expected MusicXML. Received damaged XML ({error}). Export the file again.") from error
    if root.tag != "score-partwise":
        raise MusicReadError(
            f"Expected MusicXML with a <score-partwise>. Received <{root.tag[:40]}>. Export the file again as partwise."
        )
    return root


def _refuse_entity(name: str, *_: object) -> None:
    raise MusicReadError(f'Expected MusicXML. Received an XML file that defines the entity "{name}". Remove it.')


def _numbers(root: Element, name: str) -> Iterator[tuple[str, str, int]]:
    """Part, instrument and value of each MIDI number of this name, counted from 0; senseless ones are left out."""
    for part in root.iterfind("part-list/score-part"):
        for midi in part.iterfind("midi-instrument"):
            text = (midi.findtext(name) or "").strip()
            if text.isdecimal() and 1 <= int(text) <= LAST_PROGRAM:
                yield part.get("id", ""), midi.get("id", ""), int(text) - 1


def _pitch_drums(root: Element) -> None:
    """Turns percussion notes into pitches: music21 forgets which of a part's drums an unpitched note means."""
    pitch_of = {instrument: pitch for _, instrument, pitch in _numbers(root, "midi-unpitched")}
    for note in root.iter("note"):
        unpitched, instrument = note.find("unpitched"), note.find("instrument")
        if unpitched is None or instrument is None or instrument.get("id") not in pitch_of:
            continue
        pitch = pitch_of[instrument.get("id", "")]
        letter, alter = spell(pitch, 0)
        unpitched.clear()
        unpitched.tag = "pitch"
        for name, value in (("step", letter), ("alter", alter), ("octave", pitch // 12 - 1)):
            SubElement(unpitched, name).text = str(value)


def _restore_programs(score: Score, root: Element) -> None:
    """Gives parts the MIDI programs that the file names: music21 has one class for both electric pianos, and so on."""
    from music21.instrument import Instrument

    programs: dict[str, int] = {}
    for part_id, _, program in _numbers(root, "midi-program"):
        programs.setdefault(part_id, program)
    for part in score.parts:
        for instrument in part.getElementsByClass(Instrument):
            if instrument.partId in programs:
                instrument.midiProgram = programs[instrument.partId]
