"""What surrounds the events of a MIDI file: wrappers, header, chunks, the first meta events.

Knows the layout of Standard MIDI Files 1.0 and the look of what strangers name `.mid`.
Does not know notes; pairing and timing are symusic's work.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from melodyforge.errors import MusicReadError

MAX_MIDI_BYTES = 16 * 2**20  # the longest symphonies take 1 MB; beyond lie "black MIDI" and disguised audio
MAX_PREFIX_BYTES = 1024  # MacBinary puts 128 bytes before the header, web servers put a byte order mark

SEQUENCE_TEXT = 0x01  # meta event types
MARKER = 0x06
SEQUENCE_NAME = 0x03
SEQUENCER_SPECIFIC = 0x7F

MAX_OPENING_EVENTS = 1000  # before any time passes
MAX_CHUNKS = 0xFFFF  # tracks that a header can count

_HEADER = struct.Struct(">4sIHHH")  # "MThd", length, format, number of tracks, division
_CHUNK = struct.Struct(">4sI")  # name, length
_END_OF_TRACK = b"\xff\x2f\x00"

# What other files begin with, in lower case, and what to call them.
_OTHER_FORMATS = (
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "an XML file"),
    (b"<", "a web page or XML file"),
    (b"pk\x03\x04", "a zip archive"),
    (b"rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"id3", "an MP3 recording"),
    (b"\xff\xfb", "an MP3 recording"),
    (b"oggs", "an Ogg recording"),
    (b"riff", "a RIFF file without MIDI, such as a WAV recording"),
    (b"gif8", "a GIF picture"),
    (b"\x89png", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"%pdf", "a PDF document"),
)


def unwrap(data: bytes, repairs: list[str]) -> bytes:
    """The MIDI file inside `data`, from its header on.

    Args:
        data: a whole file as found.
        repairs: gets a phrase when something before the header is dropped.

    Raises:
        MusicReadError: the bytes are no MIDI file, or their header names no usable time division.
    """
    check_size(len(data))
    start = data.find(b"MThd", 0, MAX_PREFIX_BYTES)
    if start < 0:
        raise MusicReadError(f"Expected MIDI. Received {_describe(data)}. Get the file again or remove it.")
    if start and not data.startswith(b"RIFF"):
        repairs.append("bytes before the MIDI header were dropped")
    data = data[start:]
    _check_division(data)
    return data


def check_size(num_bytes: int) -> None:
    """Raises `MusicReadError` for a file too large to be worth reading."""
    if num_bytes > MAX_MIDI_BYTES:
        raise MusicReadError(
            f"Expected at most {MAX_MIDI_BYTES:,} bytes of MIDI. Received {num_bytes:,}. Remove the file."
        )


def _describe(data: bytes) -> str:
    """What `data`, which is no MIDI file, seems to be."""
    if not data.strip(b"\0"):
        return "nothing but zero bytes" if data else "an empty file"
    head = data[:64].lstrip().lower()
    for magic, description in _OTHER_FORMATS:
        if head.startswith(magic):
            return description
    return "bytes without a MIDI header"


def _check_division(data: bytes) -> None:
    """Raises `MusicReadError` unless time is counted in ticks per quarter note."""
    if len(data) < _HEADER.size:
        raise MusicReadError("Expected a MIDI header of 14 bytes. Received less. The file is cut off: get it again.")
    division = _HEADER.unpack_from(data)[4]
    if division == 0:
        raise MusicReadError("Expected ticks per quarter note. Received 0. Export the file again.")
    if division & 0x8000:
        raise MusicReadError(
            "Expected ticks per quarter note. Received SMPTE film time, which has no beats. Export the file again."
        )


def is_whole(data: bytes) -> bool:
    """Whether chunks follow one another to the end of the file: as many tracks as the header says, each with one end.

    In any other file symusic may miss notes without a word.
    """
    _, header_length, _, num_tracks, _ = _HEADER.unpack_from(data)
    position = _CHUNK.size + header_length
    while position + _CHUNK.size <= len(data):
        name, length = _CHUNK.unpack_from(data, position)
        start = position + _CHUNK.size
        position = start + length
        if name == b"MTrk":
            num_tracks -= 1
            if data.find(_END_OF_TRACK, start, position) != position - len(_END_OF_TRACK):
                return False
    return position == len(data) and num_tracks == 0


@dataclass(frozen=True)
class Mended:
    """What can be read of a damaged file.

    Attributes:
        data: a sound MIDI file.
        losses: what could not be read, a phrase each.
    """

    data: bytes
    losses: list[str]


def mend(data: bytes) -> Mended:
    """The track chunks of a damaged file, each up to its end or its first damaged event.

    Wrong chunk lengths, wrong track counts and foreign chunks become readable, truncated downloads as far as they go.

    Raises:
        MusicReadError: there are too many tracks.
    """
    bodies = []
    num_lost = 0
    is_cut = False
    for start, end, is_believable in _find_tracks(data):
        stop, has_end = _last_sound_event(data[start:end])
        bodies.append(data[start : start + stop])
        if has_end and not is_believable:  # what follows belongs to no track
            continue
        if not is_believable and end == len(data):
            is_cut = True
        elif any(rest := data[start + stop : end]):
            num_lost += len(rest)
    num_expected, division = _HEADER.unpack_from(data)[3:]
    if len(bodies) > MAX_CHUNKS:
        raise MusicReadError(f"Expected at most {MAX_CHUNKS:,} tracks. Received {len(bodies):,}. Remove the file.")
    losses = [
        *([f"{num_lost:,} damaged bytes were left out"] if num_lost else []),
        *(["the end is cut off"] if is_cut else []),
        *([f"{num_expected - len(bodies):,} tracks are missing"] if num_expected > len(bodies) else []),
    ]
    header = _HEADER.pack(b"MThd", 6, 1, len(bodies), division)
    return Mended(header + b"".join(_CHUNK.pack(b"MTrk", len(body)) + body for body in bodies), losses)


def _find_tracks(data: bytes) -> Iterator[tuple[int, int, bool]]:
    """Where the events of each track begin and end, and whether the length of its chunk is believable.

    It is when another chunk or the end of the file follows. Else the track is read on up to the next one.
    """
    position = data.find(b"MTrk")
    while 0 <= position <= len(data) - _CHUNK.size:
        start = position + _CHUNK.size
        end = start + _CHUNK.unpack_from(data, position)[1]
        is_believable = end == len(data) or (end < len(data) and data[end : end + 4].isalpha())
        position = data.find(b"MTrk", end if is_believable else start)
        if not is_believable:
            end = position if position >= 0 else len(data)
        yield start, end, is_believable


def _last_sound_event(body: bytes) -> tuple[int, bool]:
    """How many bytes of a track come before its first damaged or cut event, and whether its end was among them."""
    position, status = 0, 0
    while position < len(body):
        start = position
        _, position = _read_length(body, position)
        if position < len(body) and body[position] & 0x80:
            status = body[position]
            position += 1
        position = _end_of_event(body, position, status)
        if not start < position <= len(body):
            return start, False
        if status >= 0xF0:
            if body.endswith(_END_OF_TRACK, start, position):
                return position, True
            status = 0  # meta and system exclusive events end running status
    return position, False


def _end_of_event(body: bytes, position: int, status: int) -> int:
    """Where the event of kind `status` whose data begin at `position` ends; -1 for an unknown kind."""
    if 0x80 <= status < 0xF0:
        return position + (1 if status >> 4 in (0xC, 0xD) else 2)
    if status in (0xF0, 0xF7, 0xFF):
        length, start = _read_length(body, position + (status == 0xFF))
        return start + length
    return -1


def opening_texts(data: bytes) -> dict[int, str]:
    """The meta events that open the first track, before any time passes.

    Args:
        data: a MIDI file from its header on.

    Returns:
        The first text of each meta event type, by type.
    """
    texts: dict[int, str] = {}
    position = data.find(b"MTrk") + _CHUNK.size
    for _ in range(MAX_OPENING_EVENTS):
        if data[position : position + 2] != b"\x00\xff" or position + 3 >= len(data):
            break
        kind = data[position + 2]
        length, start = _read_length(data, position + 3)
        texts.setdefault(kind, data[start : start + length].decode("utf-8", "replace"))
        position = start + length
    return texts


def _read_length(data: bytes, position: int) -> tuple[int, int]:
    """The variable-length quantity at `position`, and the position after it; beyond the data when it is damaged."""
    value = 0
    for index in range(position, min(position + 4, len(data))):
        value = value << 7 | data[index] & 0x7F
        if data[index] < 0x80:
            return value, index + 1
    return 0, len(data) + 1


def encode_length(value: int) -> bytes:
    """A variable-length quantity: seven bits a byte, high bit set on all but the last."""
    encoded = [value & 0x7F]
    while value := value >> 7:
        encoded.append(value & 0x7F | 0x80)
    return bytes(reversed(encoded))


def meta_event(kind: int, payload: bytes) -> bytes:
    """A meta event without its delta time."""
    return bytes([0xFF, kind]) + encode_length(len(payload)) + payload


def join_tracks(tracks: list[bytes], ticks_per_quarter: int) -> bytes:
    """A MIDI file of format 1.

    Args:
        tracks: the events of each track, each with its delta time, without the end-of-track event.
        ticks_per_quarter: 1-32767.
    """
    end_of_track = b"\x00" + meta_event(0x2F, b"")
    header = _HEADER.pack(b"MThd", 6, 1, len(tracks), ticks_per_quarter)
    bodies = [track + end_of_track for track in tracks]
    return header + b"".join(_CHUNK.pack(b"MTrk", len(body)) + body for body in bodies)
