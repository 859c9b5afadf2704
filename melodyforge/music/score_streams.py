"""music21 streams to `Piece`: parts, notes, transposing instruments, tempo, meter.

Knows music21's classes, as `score_repeats` does, and imports them at once (0.7 s): import it inside functions. Walks
the stream once and leaves all further to `score_playing`, which works on plain rows, because music21's `flatten`,
`stripTies` and `expandRepeats` copy every note. Does not open files.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

from music21 import base, chord, dynamics, harmony, instrument, meter, note, stream, tempo

from melodyforge.music.limits import (
    DROPPED_METERS,
    DROPPED_NOTES,
    DROPPED_TEMPOS,
    check_num_notes,
    check_num_tracks,
    check_quarters,
    is_meter,
    is_tempo,
)
from melodyforge.music.piece import NUM_PITCHES, Piece, Track, make_notes
from melodyforge.music.score_playing import (
    Meters,
    Quarters,
    ScoreNote,
    join_notes,
    mended_lengths,
    play_bars,
    play_meters,
    play_notes,
    play_tempos,
    to_steps,
)
from melodyforge.music.score_repeats import playing_order

DEFAULT_VELOCITY = 80  # without dynamics: between mf (70) and f (89) on music21's scale
DRUM_CHANNEL = 9  # music21 counts MIDI channels from 0
UNNAMED_DRUM = 38  # General MIDI's snare drum, for a percussion note that names no instrument


@dataclass
class _Score:
    """What the walk over a stream collects; times in quarter notes as written, before repeats."""

    tracks: dict[tuple[str, int, bool], Track] = field(default_factory=dict)  # by part, program, is_drum
    notes: list[ScoreNote] = field(default_factory=list)
    tempos: dict[Quarters, float] = field(default_factory=dict)  # onset -> quarters per minute
    meters: Meters = field(default_factory=dict)
    num_grace_notes: int = 0
    dropped: Counter[str] = field(default_factory=Counter)  # what meant nothing


@dataclass
class _Voice:
    """What holds in a part until the next mark."""

    part_id: str
    name: str
    program: int = 0
    is_drum: bool = False
    velocity: int = DEFAULT_VELOCITY


def piece_from_stream(score: stream.Stream, name: str = "") -> tuple[Piece, list[str]]:
    """The music of a music21 stream, as it sounds.

    Repeats are played, ties joined, grace notes left out, unisons inside one part joined. Written
    pitches of transposing instruments become sounding ones in the stream itself. The section lists of
    kern files (`*>[A,A,B]`), which music21 does not expand either, are ignored.

    Args:
        score: a score, a part or a measure.
        name: the piece's name; "" takes the title.

    Returns:
        The piece, maybe without notes, and a short phrase for each thing that had to be mended.
    """
    repairs: list[str] = []
    parts: list[stream.Stream] = list(score.parts) if isinstance(score, stream.Score) else []
    parts = parts or [score]
    barlines = _find_barlines(parts)
    check_quarters(0, barlines[-1])
    collected = _collect(parts, barlines)
    longest = max(parts, key=_num_measures)
    measures = _measures(longest)
    lengths = mended_lengths(barlines, collected.meters, repairs) if measures else [to_steps(barlines[-1])]
    order = playing_order(longest, measures, repairs)
    bars = play_bars(barlines, lengths, order, collected.meters)
    repairs += collected.dropped
    if collected.num_grace_notes:
        plural = "s were" if collected.num_grace_notes > 1 else " was"
        repairs.append(f"{collected.num_grace_notes} grace note{plural} left out")
    piece = Piece(
        notes=make_notes(join_notes(play_notes(collected.notes, bars))),
        tracks=tuple(collected.tracks.values()) or (Track(),),
        tempos=play_tempos(collected.tempos, bars),
        meters=play_meters(collected.meters, bars),
        name=name or _title(score),
    )
    return piece, repairs


def _title(score: stream.Stream) -> str:
    """The title, in one line; "" when there is none."""
    metadata = score.metadata
    return " ".join((metadata.bestTitle or "").split()) if metadata else ""


def _measures(part: stream.Stream) -> list[stream.Measure]:
    """The bars of a part, if it is divided into bars."""
    return list(part.getElementsByClass(stream.Measure))


def _num_measures(part: stream.Stream) -> int:
    return len(_measures(part))


def _find_barlines(parts: list[stream.Stream]) -> list[Quarters]:
    """Where bars start in the parts that have most of them, and the end; music without bars is one.

    music21 counts in each part for itself, and cuts a bar short that lacks a rest: the longest one is right.
    """
    num_bars = max(_num_measures(part) for part in parts)
    if num_bars == 0:
        return [0.0, max(part.highestTime for part in parts)]
    divided = [part for part in parts if _num_measures(part) == num_bars]
    onsets = [[*(part.elementOffset(measure) for measure in _measures(part)), part.highestTime] for part in divided]
    lengths = (max(end - start for start, end in ends) for ends in zip(*(pairwise(row) for row in onsets), strict=True))
    return list(accumulate(lengths, initial=0.0))


def _collect(parts: list[stream.Stream], barlines: list[Quarters]) -> _Score:
    """All that stands in the parts, within the limits."""
    collected = _Score()
    for index, part in enumerate(parts):
        part.toSoundingPitch(inPlace=True)
        _collect_part(part, index, barlines, collected)
    check_num_tracks(len(collected.tracks))
    check_num_notes(len(collected.notes))
    check_quarters(0, max((written.end for written in collected.notes), default=0))
    return collected


def _collect_part(part: stream.Stream, index: int, barlines: list[Quarters], collected: _Score) -> None:
    """Adds what stands in a part, each bar where all parts have it; the staves of one piano are one part."""
    measures = _measures(part)
    is_alike = len(measures) == len(barlines) - 1
    onset_of = {id(measure): onset for measure, onset in zip(measures, barlines, strict=False)} if is_alike else {}
    is_staff = isinstance(part, stream.PartStaff)
    part_id = re.sub(r"-Staff\d+$", "", str(part.id)) if is_staff else str(index)
    name = part.partName if isinstance(part, stream.Part) and part.partName else ""
    voice = _Voice(part_id, " ".join(name.split()))
    events = sorted(_walk(part, 0, onset_of), key=lambda event: (event[0], isinstance(event[1], note.GeneralNote)))
    for onset, element in events:
        if isinstance(element, note.GeneralNote):
            _collect_note(element, onset, voice, collected)
        else:
            _apply_mark(element, onset, voice, collected)


def _walk(
    container: stream.Stream, onset: Quarters, onset_of: Mapping[int, Quarters]
) -> Iterator[tuple[Quarters, base.Music21Object]]:
    """Every element at any depth with its onset, where `onset_of` does not name another by the id of a stream."""
    for element in container.elements:
        element_onset = onset_of.get(id(element), onset + container.elementOffset(element))
        if isinstance(element, stream.Stream):
            yield from _walk(element, element_onset, onset_of)
        else:
            yield element_onset, element


def _apply_mark(element: base.Music21Object, onset: Quarters, voice: _Voice, collected: _Score) -> None:
    """Lets a tempo, meter, instrument or dynamic mark take effect."""
    if isinstance(element, tempo.MetronomeMark):
        qpm = element.getQuarterBPM()
        if qpm is not None and is_tempo(qpm):
            collected.tempos[onset] = float(qpm)
        elif qpm is not None:
            collected.dropped[DROPPED_TEMPOS] += 1
    elif isinstance(element, meter.TimeSignature):
        if is_meter(element.numerator, element.denominator):
            collected.meters[onset] = (element.numerator, element.denominator)
        else:
            collected.dropped[DROPPED_METERS] += 1
    elif isinstance(element, instrument.Instrument):
        is_percussion = isinstance(element, instrument.UnpitchedPercussion)
        voice.is_drum = is_percussion or element.midiChannel == DRUM_CHANNEL
        voice.program = 0 if voice.is_drum else (element.midiProgram or 0)
    elif isinstance(element, dynamics.Dynamic):
        voice.velocity = min(127, max(1, round(127 * element.volumeScalar)))


def _collect_note(element: note.GeneralNote, onset: Quarters, voice: _Voice, collected: _Score) -> None:
    """Adds a note or each note of a chord; rests and chord symbols make no sound."""
    if isinstance(element, note.Rest | harmony.Harmony):
        return
    members: Sequence[note.GeneralNote] = element.notes if isinstance(element, chord.ChordBase) else [element]
    if element.duration.isGrace:
        collected.num_grace_notes += len(members)
        return
    end = onset + element.duration.quarterLength
    for member in members:
        pitch, is_drum = _pitch_of(member, voice)
        if not 0 <= pitch < NUM_PITCHES:
            collected.dropped[DROPPED_NOTES] += 1
            continue
        track = _track_index(collected, voice, is_drum)
        velocity = _velocity_of(member, element, voice)
        tie = member.tie or element.tie
        ties_on = tie is not None and tie.type in ("start", "continue")
        collected.notes.append(
            ScoreNote(onset=onset, end=end, track=track, pitch=pitch, velocity=velocity, ties_on=ties_on)
        )


def _pitch_of(member: note.GeneralNote, voice: _Voice) -> tuple[int, bool]:
    """The MIDI pitch of one note, and whether it names a drum sound."""
    if isinstance(member, note.Unpitched):
        return getattr(member.storedInstrument, "percMapPitch", None) or UNNAMED_DRUM, True
    if not isinstance(member, note.Note):
        return -1, voice.is_drum
    return math.floor(member.pitch.ps + 0.5), voice.is_drum  # `midi` would move those out of range by octaves


def _track_index(collected: _Score, voice: _Voice, is_drum: bool) -> int:
    """The track that takes the notes of a part with the program it has now; all drums go into one."""
    program = 0 if is_drum else voice.program
    key = ("drums" if is_drum else voice.part_id, program, is_drum)
    collected.tracks.setdefault(key, Track(program, is_drum, voice.name))
    return list(collected.tracks).index(key)


def _velocity_of(member: note.GeneralNote, element: note.GeneralNote, voice: _Voice) -> int:
    """The velocity that the note names, or the one of the dynamic mark in force."""
    for source in (member, element):
        if isinstance(source, note.NotRest) and source.hasVolumeInformation() and source.volume.velocity:
            return min(127, max(1, source.volume.velocity))
    return voice.velocity
