"""Builds MIDI files from bytes, so that each test shows the very trap it sets."""

from __future__ import annotations

import struct

Event = tuple[int, bytes]  # ticks since the event before, and the event


def on(pitch: int, velocity: int = 64, channel: int = 0) -> bytes:
    return bytes([0x90 | channel, pitch, velocity])


def off(pitch: int, channel: int = 0) -> bytes:
    return bytes([0x80 | channel, pitch, 0])


def pedal(value: int, channel: int = 0) -> bytes:
    return bytes([0xB0 | channel, 64, value])


def meta(kind: int, payload: bytes) -> bytes:
    return bytes([0xFF, kind]) + length(len(payload)) + payload


def tempo(microseconds_per_quarter: int) -> bytes:
    return meta(0x51, microseconds_per_quarter.to_bytes(3, "big"))


def meter(numerator: int, denominator_power: int) -> bytes:
    return meta(0x58, bytes([numerator, denominator_power, 24, 8]))


def length(value: int) -> bytes:
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F | 0x80)
    return bytes(reversed(digits))


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack(">I", len(body)) + body


def track(*events: Event) -> bytes:
    body = b"".join(length(delta) + event for delta, event in events)
    return chunk(b"MTrk", body + b"\x00\xff\x2f\x00")


def midi(*tracks: bytes, division: int = 480, format_number: int = 1) -> bytes:
    return chunk(b"MThd", struct.pack(">HHH", format_number, len(tracks), division)) + b"".join(tracks)


def tune(pitches: list[int], ticks: int = 240, velocity: int = 64) -> bytes:
    """One track of notes that follow one another."""
    events = [event for pitch in pitches for event in ((0, on(pitch, velocity)), (ticks, off(pitch)))]
    return midi(track(*events))
