"""What surrounds the events of a MIDI file: wrappers, header, chunks, the first meta events.

Knows the layout of Standard MIDI Files 1.0 and the look of what strangers name `.mid`.
Does not know notes; pairing and timing are symusic's work.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from melodyforge.errors import MusicReadError

MAX_MIDI_BYTES = 16 * 2**20  # the longest symphonies take 1 MB; beyond lie "black MIDI" and disguised audio
MAX_PREFIX_BYTES = 1024  # MacBinary puts 128 bytes before the header, web servers put a byte order mark

SEQUENCE_TEXT = 0x01  # meta event types
SEQUENCE_NAME = 0x03

_HEADER = struct.Struct(">4sIHHH")  # "MThd", length, format, number of tracks, division
_CHUNK = struct.Struct(">4sI")  # name, length

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


def mend(data: bytes) -> bytes:
    """What can be read of a damaged file: its track chunks, each up to its first damaged event.

    Truncated downloads, wrong chunk lengths, wrong track counts and foreign chunks become readable.
    """
    division = _HEADER.unpack_from(data)[4]
    tracks = [body[: _length_of_sound_events(body)] for body in _track_bodies(data)]
    header = _HEADER.pack(b"MThd", 6, 1, len(tracks), division)
    return header + b"".join(_CHUNK.pack(b"MTrk", len(body)) + body for body in tracks)


def _track_bodies(data: bytes) -> Iterator[bytes]:
    """The events of each track chunk; a length that is not followed by a chunk is not believed."""
    position = data.find(b"MTrk")
    while position >= 0 and position + _CHUNK.size <= len(data):
        start = position + _CHUNK.size
        end = start + _CHUNK.unpack_from(data, position)[1]
        following = data.find(b"MTrk", start)
        is_believable = end <= len(data) and (following < 0 or following >= end)
        if not is_believable:
            end = following if following >= 0 else len(data)
        yield data[start:end]
        position = following


def _length_of_sound_events(body: bytes) -> int:
    """Number of bytes in the events of a track that come before the first damaged or cut one."""
    position, status = 0, 0
    while position < len(body):
        start = position
        _, position = _read_length(body, position)
        if position < len(body) and body[position] & 0x80:
            status = body[position]
            position += 1
        position = _end_of_event(body, position, status)
        if not start < position <= len(body):
            return start
        if status >= 0xF0:
            status = 0  # meta and system exclusive events end running status
    return position


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
    while data[position : position + 2] == b"\x00\xff" and position + 3 < len(data):
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
