"""Mutants of MIDI files: knows chunks, delta times, events, meta events; breaks one thing and leaves the rest alone."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from melodyforge.music.midi_container import encode_length, meta_event
from torture.mutate.raw import spoiled

Event = tuple[bytes, bytes]  # the delta time as it is written, and the event

DELTAS = (0, 1, 127, 128, 480, 16_383, 16_384, 10**6, 2**21 - 1, 2**27, 2**28 - 1)
DIVISIONS = (0, 1, 2, 24, 96, 480, 960, 0x7FFF, 0x8000, 0xE728, 0xE250, 0xFFFF)
META_KINDS = (0x00, 0x01, 0x02, 0x03, 0x05, 0x20, 0x21, 0x2F, 0x51, 0x54, 0x58, 0x59, 0x7F, 0x80, 0xFF)
STATUSES = (0x00, 0x7F, 0x80, 0x90, 0x99, 0xA0, 0xB0, 0xC0, 0xD0, 0xE0, 0xF0, 0xF1, 0xF4, 0xF7, 0xF8, 0xFF)
CHUNK_LENGTHS = (0, 1, 3, 7, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)


@dataclass
class Sketch:
    """A MIDI file in parts that can be broken one by one."""

    format: int
    division: int
    tracks: list[list[Event]]


def mutant(seed: bytes, rng: Random) -> bytes:
    """A MIDI file with a few things wrong."""
    if rng.random() < 0.15:
        return spoiled(seed, rng)
    sketch = parse(seed)
    for _ in range(rng.choice([1, 1, 2, 3, 8])):
        rng.choice(CHANGES)(sketch, rng)
    data = _written(sketch, rng)
    return spoiled(data, rng) if rng.random() < 0.1 else data


def parse(data: bytes) -> Sketch:
    """The parts of a MIDI file; of one that is damaged already, as far as they can be told apart."""
    form, _, division = struct.unpack(">HHH", data[8:14].ljust(6, b"\x00"))
    sketch, position = Sketch(form, division, []), 14
    while position + 8 <= len(data):
        (length,) = struct.unpack(">I", data[position + 4 : position + 8])
        sketch.tracks.append(_events(data[position + 8 : position + 8 + length]))
        position += 8 + length
    return sketch


def _events(body: bytes) -> list[Event]:
    events, position, status = [], 0, 0
    while position < len(body):
        start = position
        position = _after_length(body, position)
        delta, start = body[start:position], position
        if position < len(body) and body[position] >= 0x80:
            status, position = body[position], position + 1
        if status in (0xF0, 0xF7, 0xFF):
            end = _after_length(body, position + (status == 0xFF))
            position = end + _length_at(body, position + (status == 0xFF))
        else:
            position += 1 if 0xC0 <= status < 0xE0 else 2
        events.append((delta, body[start:position]))
    return events


def _after_length(body: bytes, position: int) -> int:
    while position < len(body) and body[position] & 0x80:
        position += 1
    return position + 1


def _length_at(body: bytes, position: int) -> int:
    value = 0
    for byte in body[position : position + 4]:
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            break
    return value


def _written(sketch: Sketch, rng: Random) -> bytes:
    """The file, in one of four with a lie about its own layout."""
    bodies = [b"".join(delta + event for delta, event in track) for track in sketch.tracks]
    chunks = [_chunk(b"MTrk", body) for body in bodies]
    num_tracks, lie = len(chunks), rng.randrange(28)
    if lie == 0:
        num_tracks = rng.choice([0, 1, num_tracks + 1, 0xFFFF])
    if lie == 1 and chunks:
        number = rng.randrange(len(chunks))
        chunks[number] = b"MTrk" + struct.pack(">I", rng.choice(CHUNK_LENGTHS)) + bodies[number]
    if lie == 2 and chunks:
        chunks.insert(rng.randrange(len(chunks) + 1), _chunk(rng.randbytes(4), rng.randbytes(20)))
    header = struct.pack(">HHH", sketch.format & 0xFFFF, num_tracks & 0xFFFF, sketch.division)
    header += b"\x00" * (4 if lie == 3 else 0)
    data = _chunk(b"MThd", header) + b"".join(chunks)
    if lie == 4:
        data = b"RIFF" + struct.pack("<I", len(data) + 12) + b"RMIDdata" + struct.pack("<I", len(data)) + data
    if lie == 5:
        data = rng.choice([b"\xef\xbb\xbf", b"\x00" * 128, b"MThd", rng.randbytes(40)]) + data
    return data + rng.randbytes(30) if lie == 6 else data


def written(form: int, division: int, tracks: list[list[Event]]) -> bytes:
    """A MIDI file with nothing wrong in its layout."""
    bodies = (b"".join(delta + event for delta, event in track) for track in tracks)
    header = struct.pack(">HHH", form, len(tracks), division)
    return b"".join([_chunk(b"MThd", header), *(_chunk(b"MTrk", body) for body in bodies)])


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack(">I", len(body)) + body


def _place(sketch: Sketch, rng: Random) -> tuple[list[Event], int]:
    """Some track that has events, and the number of one of them; otherwise a new one."""
    tracks = [track for track in sketch.tracks if track]
    if not tracks:
        sketch.tracks.append([(b"\x00", b"\x90\x40\x40")])
        tracks = sketch.tracks[-1:]
    track = rng.choice(tracks)
    return track, rng.randrange(len(track))


def _change_delta(sketch: Sketch, rng: Random) -> None:
    track, index = _place(sketch, rng)
    delta = encode_length(rng.choice(DELTAS))
    if rng.random() < 0.2:
        delta = b"\x80" * rng.choice([1, 3, 4, 9]) + delta  # longer than it need be, or may be
    track[index] = (delta, track[index][1])


def _change_byte(sketch: Sketch, rng: Random) -> None:
    track, index = _place(sketch, rng)
    delta, event = track[index]
    spoilt = bytearray(event or b"\x00")
    spoilt[rng.randrange(len(spoilt))] = rng.choice([0, 1, 127, 128, 255, rng.randrange(256)])
    track[index] = (delta, bytes(spoilt))


def _change_status(sketch: Sketch, rng: Random) -> None:
    track, index = _place(sketch, rng)
    delta, event = track[index]
    track[index] = (delta, bytes([rng.choice(STATUSES) | rng.choice([0, 0, 9, 15])]) + event[1:])


def _drop(sketch: Sketch, rng: Random) -> None:
    track, index = _place(sketch, rng)
    del track[index : index + rng.choice([1, 1, 2, 20])]


def _repeat(sketch: Sketch, rng: Random) -> None:
    track, index = _place(sketch, rng)
    track[index:index] = track[index : index + rng.choice([1, 4])] * rng.choice([1, 2, 10, 500])


def _swap(sketch: Sketch, rng: Random) -> None:
    track, index = _place(sketch, rng)
    other = rng.randrange(len(track))
    track[index], track[other] = track[other], track[index]


def _insert_meta(sketch: Sketch, rng: Random) -> None:
    track, index = _place(sketch, rng)
    payload = rng.randbytes(rng.choice([0, 1, 2, 3, 4, 5, 7, 130]))
    event = meta_event(rng.choice(META_KINDS) & 0x7F, payload)
    if rng.random() < 0.2:  # with a length that is not its own
        event = event[:2] + encode_length(rng.choice(DELTAS)) + payload
    track.insert(index, (encode_length(rng.choice(DELTAS[:5])), event))


def _insert_change(sketch: Sketch, rng: Random) -> None:
    """A tempo, meter or key, such as no music has."""
    track, index = _place(sketch, rng)
    edge = rng.choice([0, 1, 2, 127, 128, 255])
    event = rng.choice(
        [
            meta_event(0x51, rng.choice([b"\x00\x00\x00", b"\x00\x00\x01", b"\xff\xff\xff", rng.randbytes(3)])),
            meta_event(0x58, bytes([edge, rng.choice([0, 2, 6, 7, 31, 255]), 24, 8])),
            meta_event(0x59, bytes([edge, rng.choice([0, 1, 2, 255])])),
        ]
    )
    for _ in range(rng.choice([1, 1, 1, 300])):
        track.insert(index, (encode_length(rng.choice(DELTAS[:6])), event))


def _insert_voice(sketch: Sketch, rng: Random) -> None:
    """A note, pedal, controller, program or bend out of the blue."""
    track, index = _place(sketch, rng)
    channel, edge = rng.randrange(16), rng.choice([0, 1, 64, 127])
    status = rng.choice([0x80, 0x90, 0x90, 0xA0, 0xB0, 0xB0, 0xC0, 0xD0, 0xE0]) | channel
    first = rng.choice([0, 36, 60, 64, 64, 120, 121, 123, 127])
    event = bytes([status, first]) if 0xC0 <= status < 0xE0 else bytes([status, first, edge])
    track.insert(index, (encode_length(rng.choice(DELTAS[:7])), event))


def _insert_sysex(sketch: Sketch, rng: Random) -> None:
    track, index = _place(sketch, rng)
    payload = rng.randbytes(rng.choice([0, 1, 5, 200]))
    length = rng.choice([len(payload), len(payload), 0, 2**28 - 1])
    track.insert(index, (b"\x00", rng.choice([b"\xf0", b"\xf7"]) + encode_length(length) + payload))


def _copy_track(sketch: Sketch, rng: Random) -> None:
    track, _ = _place(sketch, rng)
    if len(track) * len(sketch.tracks) < 5000:
        sketch.tracks += [list(track) for _ in range(rng.choice([1, 2, 20, 70]))]


def _drop_track(sketch: Sketch, rng: Random) -> None:
    if sketch.tracks:
        del sketch.tracks[rng.randrange(len(sketch.tracks))]


def _change_division(sketch: Sketch, rng: Random) -> None:
    sketch.division = rng.choice(DIVISIONS)


def _change_format(sketch: Sketch, rng: Random) -> None:
    sketch.format = rng.choice([0, 1, 2, 3, 0xFFFF])


CHANGES: tuple[Callable[[Sketch, Random], None], ...] = (
    *(_change_delta, _change_delta, _change_byte, _change_byte, _change_status, _drop, _repeat, _swap),
    *(_insert_meta, _insert_change, _insert_voice, _insert_voice, _insert_sysex),
    *(_copy_track, _drop_track, _change_division, _change_format),
)
