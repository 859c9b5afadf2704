"""MIDI bytes to `Piece` and back: the one place where ticks exist.

Reads through symusic, which also pairs note starts with note ends. Cleans, puts onto
the grid, and says what was mended. Does not open files and does not know folders.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from melodyforge.errors import MusicReadError
from melodyforge.music import midi_container
from melodyforge.music.chord_symbols import PlacedChord
from melodyforge.music.chord_text import chord_of_marker, marker_of
from melodyforge.music.drum_kit import in_general_midi
from melodyforge.music.grid import Grid, Heard, find_grid, place
from melodyforge.music.limits import (
    DROPPED_METERS,
    DROPPED_TEMPOS,
    MAX_QUARTERS,
    check_num_notes,
    check_num_tracks,
    check_quarters,
    is_meter,
    is_tempo,
)
from melodyforge.music.piece import (
    DEFAULT_TEMPO_QPM,
    FULL_VOLUME,
    MICRO_PER_STEP,
    NOTE_DTYPE,
    NUM_PITCHES,
    STEPS_PER_QUARTER,
    Meter,
    Piece,
    Tempo,
    Track,
    without_doubles,
)
from melodyforge.words import counted

MICROSECONDS_PER_MINUTE = 60_000_000

VOLUME, SUSTAIN_PEDAL = 7, 64  # numbers of controllers
PEDAL_DOWN = 64  # least controller value that counts as down (MIDI 1.0, table III)
LONGEST_PEDAL = 32  # quarter notes; what is held longer was forgotten

TICKS_PER_QUARTER = 480  # written files; a multiple of STEPS_PER_QUARTER
TICKS_PER_STEP = TICKS_PER_QUARTER // STEPS_PER_QUARTER
TICKS_PER_MICRO = TICKS_PER_STEP // MICRO_PER_STEP
# What our files say to those who read them again, so that they need not guess; for educational or experimental use.
HAS_BEAT, IS_FREE = "\x7dMelody Forge: beat", "\x7dMelody Forge: free"
MAX_CHORDS = 10_000  # that are read
DRUM_CHANNEL = 9
MELODIC_CHANNELS = tuple(channel for channel in range(16) if channel != DRUM_CHANNEL)

_Change = TypeVar("_Change", Tempo, Meter, PlacedChord)


@dataclass(frozen=True, slots=True)
class _Ticks:
    """The notes of all tracks in ticks, one array a field, each of shape (num_notes,)."""

    tracks: tuple[Track, ...]
    ticks_per_quarter: int
    onset: np.ndarray
    end: np.ndarray
    track: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray

    @property
    def heard(self) -> Heard:
        """The same in quarter notes."""
        is_drum = np.array([track.is_drum for track in self.tracks])[self.track]
        onset, duration = self.onset / self.ticks_per_quarter, (self.end - self.onset) / self.ticks_per_quarter
        return Heard(onset, duration, self.pitch, is_drum)


@dataclass(frozen=True, slots=True)
class _TrackTicks:
    """The notes of one track in ticks, one array a field, each of shape (num_notes,)."""

    track: Track
    onset: np.ndarray
    end: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray


def read_midi(data: bytes, name: str = "") -> tuple[Piece, list[str]]:
    """Reads a MIDI file, however it was made, onto the grid.

    The sustain pedal lengthens what it holds, all drum tracks become one, tracks without
    notes and whole bars of silence at the start go.

    Args:
        data: the whole file; RIFF wrapping (`.rmi`) is taken off.
        name: the piece's name; "" takes the name that the file carries.

    Returns:
        The piece, and a short phrase for each thing that had to be mended.

    Raises:
        MusicReadError: this is no MIDI file, is damaged beyond reading, or has no notes.
    """
    repairs: list[str] = []
    data = midi_container.unwrap(data, repairs)
    score = _parse(data, repairs)
    ticks = _joined(_read_tracks(score, repairs), score.ticks_per_quarter)
    tempos, meters = _read_tempos(score, repairs), _read_meters(score, repairs)
    texts = midi_container.opening_texts(data)
    own_grid = _own_grid(texts, ticks)
    grid = own_grid or find_grid(
        ticks.heard, [(one.numerator, one.denominator) for one in meters], [one.qpm for one in tempos]
    )
    notes = _place_on_grid(ticks, grid, repairs)
    piece = Piece(
        notes=notes,
        tracks=ticks.tracks,
        tempos=tempos,
        meters=meters,
        is_performed=not grid.has_beat,
        name=name or texts.get(midi_container.SEQUENCE_NAME, ""),
        text=texts.get(midi_container.SEQUENCE_TEXT, ""),
        chords=_read_chords(score) if own_grid else (),
    )
    return _without_leading_bars(_counted_by(grid, piece)), repairs


def _parse(data: bytes, repairs: list[str]) -> Any:
    """The symusic score of `data`: as it is, or with its chunks mended where that gives more notes."""
    score, remarks = _parse_events(data)
    if score is None or not midi_container.is_whole(data):
        mended = midi_container.mend(data)
        again, remarks_again = _parse_events(mended.data)
        num_notes = score.note_num() if score else -1
        if again and again.note_num() > num_notes:
            score, remarks = again, [*(mended.losses or ["wrong lengths of tracks were put right"]), *remarks_again]
        elif again and again.note_num() == num_notes:
            remarks = [*mended.losses, *remarks]
    if score is None:
        raise MusicReadError(f"Expected MIDI events. Received damaged ones ({remarks[0]}). Get the file again.")
    repairs += remarks
    return score


def _parse_events(data: bytes) -> tuple[Any | None, list[str]]:
    """The symusic score and a phrase if values were clipped, or None and the reason."""
    from symusic import Score

    reason = ""
    for is_clipped in (False, True):
        try:
            score = Score.from_midi(data, sanitize_data=is_clipped)
        except (RuntimeError, ValueError) as error:
            reason = re.split("[!:]", str(error).removeprefix("MiniMidi: "))[0]
        else:
            return score, ["values out of range were clipped"] if is_clipped else []
    return None, [reason]


def _read_tracks(score: Any, repairs: list[str]) -> list[_TrackTicks]:
    """The tracks that have notes, pedalled, within the limits."""
    num_notes = score.note_num()
    if num_notes == 0:
        raise MusicReadError("Expected notes. Received a MIDI file without any that start and end. Remove it.")
    check_num_notes(num_notes)
    longest_pedal = LONGEST_PEDAL * score.ticks_per_quarter
    sources = [_read_track(track, longest_pedal, repairs) for track in score.tracks if len(track.notes)]
    first = min(int(source.onset.min()) for source in sources)
    last = max(int(source.end.max()) for source in sources)
    check_quarters(first / score.ticks_per_quarter, last / score.ticks_per_quarter)
    return sources


def _read_track(track: Any, longest_pedal: int, repairs: list[str]) -> _TrackTicks:
    """One symusic track; a pedal that is held for more ticks is ignored."""
    columns = track.notes.numpy()
    onset = columns["time"].astype(np.int64)
    pitch = in_general_midi(columns["pitch"]) if track.is_drum else columns["pitch"].astype(np.uint8)
    end = onset + columns["duration"]
    if not track.is_drum:
        end = _sustain(onset, end, pitch, track.controls, longest_pedal, repairs)
    program = 0 if track.is_drum else track.program
    velocity = np.clip(columns["velocity"], 1, 127).astype(np.uint8)
    return _TrackTicks(Track(program, track.is_drum, track.name), onset, end, pitch, velocity)


def _sustain(
    onset: np.ndarray, end: np.ndarray, pitch: np.ndarray, controls: Any, longest: int, repairs: list[str]
) -> np.ndarray:
    """Note ends with the sustain pedal at work.

    A note that ends under a pressed pedal sounds until the pedal goes up or its pitch
    starts anew (note-seq, `apply_sustain_control_changes`).

    Args:
        onset: ticks, shape (num_notes,).
        end: ticks, same shape.
        pitch: same shape.
        controls: the track's controller events, from symusic.
        longest: ticks; a pedal that is held longer is ignored.
        repairs: gets a phrase when a pedal is.

    Returns:
        Ends in ticks, same shape, none earlier than before.
    """
    if not len(controls):
        return end
    columns = controls.numpy()
    is_pedal = columns["number"] == SUSTAIN_PEDAL
    if not is_pedal.any():
        return end
    times, is_down = columns["time"][is_pedal], columns["value"][is_pedal] >= PEDAL_DOWN
    if is_down[-1]:
        repairs.append("a sustain pedal that never goes up was ignored from its last press on")
    release = _next_release(times, is_down)
    is_stuck = release - _last_press(times, is_down) > longest
    if is_stuck.any():
        repairs.append(f"a sustain pedal that stays down for more than {LONGEST_PEDAL} quarter notes was ignored")
        release = np.where(is_stuck, 0, release)
    index = np.searchsorted(times, end, side="right") - 1  # the last pedal event at or before each end
    released = np.where((index >= 0) & is_down[index], release[index], end)
    return np.maximum(end, np.minimum(released, _next_onset_of_pitch(onset, pitch)))


def _next_release(times: np.ndarray, is_down: np.ndarray) -> np.ndarray:
    """For each pedal event the time of the first release after it; 0 when there is none."""
    never = np.iinfo(np.int64).max
    releases = np.where(is_down, never, times.astype(np.int64))
    following = np.minimum.accumulate(releases[::-1])[::-1]
    return np.where(following == never, 0, following)


def _last_press(times: np.ndarray, is_down: np.ndarray) -> np.ndarray:
    """For each pedal event the time at which the pedal that is down then was pressed; of others the event's own."""
    is_press = is_down & ~np.append(False, is_down[:-1])
    return np.maximum.accumulate(np.where(is_press | ~is_down, times.astype(np.int64), 0))


def _next_onset_of_pitch(onset: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """For each note the onset of the next note of its pitch; the largest integer when there is none."""
    order = np.lexsort((onset, pitch))
    following = np.full(len(onset), np.iinfo(np.int64).max)
    is_same_pitch = pitch[order[1:]] == pitch[order[:-1]]
    following[order[:-1][is_same_pitch]] = onset[order[1:][is_same_pitch]]
    return following


def _joined(sources: list[_TrackTicks], ticks_per_quarter: int) -> _Ticks:
    """The notes of all tracks, drum tracks as one."""
    tracks, track_of_source = _merge_drums([source.track for source in sources])
    check_num_tracks(len(tracks))
    onset, end, pitch, velocity = (
        np.concatenate([getattr(source, name) for source in sources]) for name in ("onset", "end", "pitch", "velocity")
    )
    track = np.repeat(track_of_source, [len(source.onset) for source in sources])
    return _Ticks(tracks, ticks_per_quarter, onset, end, track, pitch, velocity)


def _place_on_grid(ticks: _Ticks, grid: Grid, repairs: list[str]) -> np.ndarray:
    """All notes in steps, in order, each once."""
    notes = np.zeros(len(ticks.onset), NOTE_DTYPE)
    if grid.is_exact or not grid.has_beat:
        onset, end = (_to_steps(times, ticks.ticks_per_quarter) for times in (ticks.onset, ticks.end))
        notes["onset"] = onset - round(grid.start * STEPS_PER_QUARTER)
        notes["duration"] = np.maximum(1, end - onset)
    else:
        heard = ticks.heard
        same = ticks.track.astype(np.int64) * NUM_PITCHES + ticks.pitch
        notes["onset"], notes["micro"] = place(heard.onset * grid.ratio - grid.start, same)
        notes["duration"] = np.maximum(1, np.rint(heard.duration * grid.ratio * STEPS_PER_QUARTER))
    notes["track"], notes["pitch"], notes["velocity"] = ticks.track, ticks.pitch, ticks.velocity
    _count_repair(repairs, int((ticks.end <= ticks.onset).sum()), "without length got the shortest one")
    distinct = without_doubles(notes, ("onset", "track", "pitch", "duration"), most="velocity")
    _count_repair(repairs, len(notes) - len(distinct), "written twice in one track, kept once")
    return distinct


def _merge_drums(tracks: Sequence[Track]) -> tuple[tuple[Track, ...], list[int]]:
    """The tracks with all drum tracks as one, and where each given track went."""
    merged: list[Track] = []
    index_of_drums = -1
    indices = []
    for track in tracks:
        if track.is_drum and index_of_drums >= 0:
            indices.append(index_of_drums)
            continue
        if track.is_drum:
            index_of_drums = len(merged)
        indices.append(len(merged))
        merged.append(track)
    return tuple(merged), indices


def _to_steps(ticks: np.ndarray, ticks_per_quarter: int) -> np.ndarray:
    """Ticks rounded to the nearest step, halves up."""
    return (2 * STEPS_PER_QUARTER * ticks.astype(np.int64) + ticks_per_quarter) // (2 * ticks_per_quarter)


def _count_repair(repairs: list[str], num_notes: int, what_happened: str) -> None:
    """Notes a repair of notes, if there were any."""
    if num_notes:
        repairs.append(f"{counted(num_notes, 'note')} {what_happened}")


def _read_tempos(score: Any, repairs: list[str]) -> tuple[Tempo, ...]:
    """The tempo map, from step 0 on, without impossible and repeated tempos."""
    columns = score.tempos.numpy()
    qpm = MICROSECONDS_PER_MINUTE / np.maximum(columns["mspq"], 1)
    is_sane = is_tempo(qpm)
    if not is_sane.all():
        repairs.append(DROPPED_TEMPOS)
    steps = _to_steps(columns["time"][is_sane], score.ticks_per_quarter).tolist()
    tempos = [Tempo(step, value) for step, value in zip(steps, qpm[is_sane].tolist(), strict=True)]
    changes = _last_at_each_step([Tempo(0, DEFAULT_TEMPO_QPM), *tempos])
    return tuple(
        tempo for before, tempo in zip([None, *changes], changes, strict=False) if not before or before.qpm != tempo.qpm
    )


def _read_meters(score: Any, repairs: list[str]) -> tuple[Meter, ...]:
    """The time signatures, from step 0 on, without impossible ones."""
    columns = score.time_signatures.numpy()
    numerators, denominators = columns["numerator"], columns["denominator"]
    is_sane = is_meter(numerators, denominators)
    if not is_sane.all():
        repairs.append(DROPPED_METERS)
    steps = _to_steps(columns["time"], score.ticks_per_quarter)
    rows = np.stack([steps, numerators, denominators], axis=1)[is_sane].tolist()
    return tuple(_last_at_each_step([Meter(0, 4, 4), *(Meter(*row) for row in rows)]))


def _read_chords(score: Any) -> tuple[PlacedChord, ...]:
    """The chords that `write_midi` wrote as markers."""
    named = [(marker.time, chord_of_marker(marker.text)) for marker in islice(score.markers, MAX_CHORDS)]
    steps = _to_steps(np.array([time for time, _ in named]), score.ticks_per_quarter).tolist()
    placed = [PlacedChord(step, chord) for step, (_, chord) in zip(steps, named, strict=True) if chord]
    return tuple(_last_at_each_step(placed))


def _last_at_each_step(changes: Iterable[_Change]) -> list[_Change]:
    """The changes in order of time; of several at one step the last. Where no note can lie, they mean nothing."""
    last_step = MAX_QUARTERS * STEPS_PER_QUARTER
    at_step = {change.onset: change for change in changes if 0 <= change.onset <= last_step}
    return [at_step[step] for step in sorted(at_step)]


def _own_grid(texts: dict[int, str], ticks: _Ticks) -> Grid | None:
    """The grid of a file that says itself whether its beats mean something, because `write_midi` wrote it."""
    mark = texts.get(midi_container.SEQUENCER_SPECIFIC)
    if mark not in (HAS_BEAT, IS_FREE):
        return None
    is_exact = ticks.ticks_per_quarter == TICKS_PER_QUARTER and not (ticks.onset % TICKS_PER_STEP).any()
    return Grid(has_beat=mark == HAS_BEAT, is_exact=is_exact)


def _counted_by(grid: Grid, piece: Piece) -> Piece:
    """The piece with tempos and time signatures as its grid counts quarter notes."""
    tempos = tuple(
        replace(tempo, onset=round(tempo.onset * grid.ratio), qpm=tempo.qpm * grid.ratio) for tempo in piece.tempos
    )
    start = round(grid.start * STEPS_PER_QUARTER)
    meters = (Meter(0, grid.beats_per_bar, 4),) if grid.beats_per_bar else piece.meters
    return replace(piece, tempos=_earlier(tempos, start), meters=meters)


def _without_leading_bars(piece: Piece) -> Piece:
    """The piece from the bar of its first note on; an upbeat keeps its place in the bar."""
    first_onset = piece.notes["onset"][:1]
    shift = int((first_onset - piece.bars_at(first_onset)[1])[0])
    if shift == 0:
        return piece
    notes = piece.notes.copy()
    notes["onset"] -= shift
    return replace(
        piece,
        notes=notes,
        tempos=_earlier(piece.tempos, shift),
        meters=_earlier(piece.meters, shift),
        chords=_earlier(piece.chords, shift),
    )


def _earlier(changes: Sequence[_Change], steps: int) -> tuple[_Change, ...]:
    """The changes `steps` earlier; of those that fall before the start only what holds at the start.

    What holds at the start does so, too, where steps are negative.
    """
    later = (max(0, change.onset - steps) if change.onset else 0 for change in changes)
    return tuple(_last_at_each_step(replace(change, onset=onset) for change, onset in zip(changes, later, strict=True)))


def write_midi(piece: Piece) -> bytes:
    """Writes a piece as a MIDI file of format 1, 480 ticks per quarter note.

    Up to 15 tracks have a channel each; beyond, tracks of one program share a channel, and
    beyond 15 programs every note of a shared channel names its program. MIDI cannot say which
    of two sounding notes of one pitch and track ends first: where one encloses the other, the
    two exchange their ends.

    Args:
        piece: may be without notes.

    Returns:
        The bytes of the file. `read_midi` gives the same piece back, tracks without notes excepted.
    """
    channels = _assign_channels(piece.tracks)
    parts = [_conductor_events(piece)]
    for index, track in enumerate(piece.tracks):
        if channels.count(channels[index]) > 1:  # it would change others, too
            track = replace(track, volume=FULL_VOLUME)
        notes = piece.notes[piece.notes["track"] == index]
        programs = {t.program for t, channel in zip(piece.tracks, channels, strict=True) if channel == channels[index]}
        parts.append(_track_events(track, notes, channels[index], is_channel_shared=len(programs) > 1))
    return midi_container.join_tracks(parts, TICKS_PER_QUARTER)


def _assign_channels(tracks: Sequence[Track]) -> list[int]:
    """A channel for each track."""
    melodic = [index for index, track in enumerate(tracks) if not track.is_drum]
    is_own = len(melodic) <= len(MELODIC_CHANNELS)
    keys: dict[int, int] = {}  # track number or program, in order of first use
    channels = [DRUM_CHANNEL] * len(tracks)
    for index in melodic:
        order = keys.setdefault(index if is_own else tracks[index].program, len(keys))
        channels[index] = MELODIC_CHANNELS[order % len(MELODIC_CHANNELS)]
    return channels


def _conductor_events(piece: Piece) -> bytes:
    """The track that carries name, text, tempos and time signatures."""
    events = [(0, midi_container.meta_event(midi_container.SEQUENCE_NAME, piece.name.encode("utf-8", "replace")))]
    if piece.text:
        events.append((0, midi_container.meta_event(midi_container.SEQUENCE_TEXT, piece.text.encode("utf-8"))))
    mark = IS_FREE if piece.is_performed else HAS_BEAT
    events.append((0, midi_container.meta_event(midi_container.SEQUENCER_SPECIFIC, mark.encode())))
    for meter in piece.meters:
        payload = bytes([meter.numerator, meter.denominator.bit_length() - 1, 24, 8])
        events.append((meter.onset * TICKS_PER_STEP, midi_container.meta_event(0x58, payload)))
    for tempo in piece.tempos:
        microseconds = min(round(MICROSECONDS_PER_MINUTE / tempo.qpm), 0xFFFFFF)
        events.append((tempo.onset * TICKS_PER_STEP, midi_container.meta_event(0x51, microseconds.to_bytes(3, "big"))))
    for placed in piece.chords:
        marker = midi_container.meta_event(midi_container.MARKER, marker_of(placed.chord).encode("utf-8", "replace"))
        events.append((placed.onset * TICKS_PER_STEP, marker))
    return _with_delta_times(sorted(events, key=lambda event: event[0]))


def _track_events(track: Track, notes: np.ndarray, channel: int, is_channel_shared: bool) -> bytes:
    """The events of one track."""
    program_change = bytes([0xC0 | channel, track.program])
    name = midi_container.meta_event(midi_container.SEQUENCE_NAME, track.name.encode("utf-8", "replace"))
    prefix = program_change + b"\x00" if is_channel_shared else b""
    note_on, note_off = 0x90 | channel, 0x80 | channel
    volume = [(0, bytes([0xB0 | channel, VOLUME, track.volume]))] if track.volume != FULL_VOLUME else []
    events = [(0, name), (0, program_change), *volume]
    order = np.lexsort((notes["duration"], notes["onset"]))  # of equal starts the shorter must end first
    onset_ticks = notes["onset"].astype(int) * TICKS_PER_STEP + notes["micro"].astype(int) * TICKS_PER_MICRO
    onset_ticks = np.maximum(0, onset_ticks)
    end_ticks = onset_ticks + notes["duration"].astype(int) * TICKS_PER_STEP
    if notes["micro"].any():  # what is played late does not sound into the next note of its pitch
        end_ticks = np.minimum(
            end_ticks, np.maximum(onset_ticks + 1, _next_onset_of_pitch(onset_ticks, notes["pitch"]))
        )
    rows = [column[order].tolist() for column in (onset_ticks, end_ticks, notes["pitch"], notes["velocity"])]
    ends = [(end, bytes([note_off, pitch, 64])) for _, end, pitch, _ in zip(*rows, strict=True)]
    starts = [
        (onset, prefix + bytes([note_on, pitch, velocity])) for onset, _, pitch, velocity in zip(*rows, strict=True)
    ]
    return _with_delta_times(events + sorted(ends + starts, key=lambda event: event[0]))  # stable: ends before starts


def _with_delta_times(events: list[tuple[int, bytes]]) -> bytes:
    """Events (tick, bytes), in order of time, as they stand in a track."""
    parts = []
    now = 0
    for tick, event in events:
        parts.append(midi_container.encode_length(tick - now) + event)
        now = tick
    return b"".join(parts)
