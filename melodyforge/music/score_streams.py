"""music21 streams to `Piece`: parts, repeats, ties, transposing instruments, tempo, meter.

The one module that knows music21's classes, which it imports at once (0.7 s): import it
inside functions. Walks the stream once and then works on plain rows, because `flatten`,
`stripTies` and `expandRepeats` copy every note. Does not open files.

Time in a score is counted in quarter notes, exactly, by floats or fractions; steps are
counted from each bar line, so that one bar's odd length cannot move the notes of others.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import NamedTuple

from music21 import bar, base, chord, dynamics, harmony, instrument, meter, note, repeat, spanner, stream, tempo
from music21.exceptions21 import Music21Exception

from melodyforge.music.limits import (
    DROPPED_METERS,
    DROPPED_NOTES,
    DROPPED_TEMPOS,
    MAX_BARS,
    MAX_REPEATS,
    check_num_notes,
    check_num_tracks,
    check_quarters,
    is_meter,
    is_tempo,
)
from melodyforge.music.piece import (
    DEFAULT_TEMPO_QPM,
    NUM_PITCHES,
    STEPS_PER_QUARTER,
    Meter,
    Piece,
    Tempo,
    Track,
    make_notes,
)
from melodyforge.words import counted

DEFAULT_VELOCITY = 80  # without dynamics: between mf (70) and f (89) on music21's scale
DRUM_CHANNEL = 9  # music21 counts MIDI channels from 0
UNNAMED_DRUM = 38  # General MIDI's snare drum, for a percussion note that names no instrument
COMMON_TIME = (4, 4)  # where no meter is given
MISCOUNT_STEPS = 3
SIXTEENTH_STEPS = STEPS_PER_QUARTER // 4

Quarters = float | Fraction


class _ScoreNote(NamedTuple):
    """A note as written; times in quarter notes of the score."""

    onset: Quarters
    end: Quarters
    track: int
    pitch: int
    velocity: int
    ties_on: bool  # whether a tie goes on to the next note


@dataclass
class _Score:
    """What the walk over a stream collects; times in quarter notes as written, before repeats."""

    tracks: dict[tuple[str, int, bool], Track] = field(default_factory=dict)  # by part, program, is_drum
    notes: list[_ScoreNote] = field(default_factory=list)
    tempos: dict[Quarters, float] = field(default_factory=dict)  # onset -> quarters per minute
    meters: dict[Quarters, tuple[int, int]] = field(default_factory=dict)  # onset -> numerator, denominator
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


class _PlayedNote(NamedTuple):
    """A note as played; times in steps."""

    onset: int
    end: int
    track: int
    pitch: int
    velocity: int
    ties_on: bool


class _Bar(NamedTuple):
    """A bar as it is played.

    Attributes:
        source: where it stands in the score, in quarter notes.
        source_end: where the next one stands.
        onset: step at which it sounds.
        length: steps that it sounds; differs from the score where that miscounts.
    """

    source: Quarters
    source_end: Quarters
    onset: int
    length: int


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
    collected = _Score()
    for index, part in enumerate(parts):
        part.toSoundingPitch(inPlace=True)
        _collect_part(part, index, barlines, collected)
    check_num_tracks(len(collected.tracks))
    check_num_notes(len(collected.notes))
    check_quarters(0, max((written.end for written in collected.notes), default=0))
    bars = _play_bars(max(parts, key=_num_measures), barlines, collected, repairs)
    repairs += collected.dropped
    if collected.num_grace_notes:
        plural = "s were" if collected.num_grace_notes > 1 else " was"
        repairs.append(f"{collected.num_grace_notes} grace note{plural} left out")
    piece = Piece(
        notes=make_notes(_join_notes(_play_notes(collected.notes, bars))),
        tracks=tuple(collected.tracks.values()) or (Track(),),
        tempos=_play_tempos(collected.tempos, bars),
        meters=_play_meters(collected.meters, bars),
        name=name or _title(score),
    )
    return piece, repairs


def _title(score: stream.Stream) -> str:
    """The title, in one line; "" when there is none."""
    metadata = score.metadata
    return " ".join((metadata.bestTitle or "").split()) if metadata else ""


def _to_steps(quarters: Quarters) -> int:
    """Quarter notes, also as a fraction, to the nearest step; halves up."""
    return math.floor(quarters * STEPS_PER_QUARTER + 0.5)


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
            _ScoreNote(onset=onset, end=end, track=track, pitch=pitch, velocity=velocity, ties_on=ties_on)
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


def _play_bars(part: stream.Stream, barlines: list[Quarters], collected: _Score, repairs: list[str]) -> list[_Bar]:
    """The bars in the order in which they are played by a part that has all, after an upbeat's silence."""
    measures = _measures(part)
    spans = list(pairwise(barlines))
    lengths = [_mended_length(*span, collected) if measures else _to_steps(span[1]) for span in spans]
    num_mended = sum(length != _to_steps(end - start) for (start, end), length in zip(spans, lengths, strict=True))
    if num_mended:
        repairs.append(f"{counted(num_mended, 'bar')} a little too long or short put right")
    onset = 0
    if len(measures) > 1:  # an upbeat keeps its place before the second bar line
        onset = max(0, Meter(0, *_meter_at(collected.meters, 0)).bar_steps - lengths[0])
    bars = []
    for index in _playing_order(part, measures, repairs):
        bars.append(_Bar(*spans[index], onset, lengths[index]))
        onset += lengths[index]
    check_quarters(0, onset / STEPS_PER_QUARTER)
    return bars


def _mended_length(start: Quarters, end: Quarters, collected: _Score) -> int:
    """Steps from one bar line to the next, mended where a miscounted ornament would put all that follows off the beat.

    Those of the meter if the score misses them by a 32nd note at most, else whole 16ths if it misses these by a step.
    """
    length = _to_steps(end - start)
    nominal = Meter(0, *_meter_at(collected.meters, start)).bar_steps
    if abs(length - nominal) <= MISCOUNT_STEPS:
        return nominal
    sixteenths = round(length / SIXTEENTH_STEPS) * SIXTEENTH_STEPS
    return sixteenths if abs(length - sixteenths) <= 1 else length


def _meter_at(meters: dict[Quarters, tuple[int, int]], onset: Quarters) -> tuple[int, int]:
    """The meter in force at a place of the score."""
    onsets = sorted(meters)
    before = bisect_right(onsets, onset)
    return meters[onsets[before - 1]] if before else COMMON_TIME


def _playing_order(part: stream.Stream, measures: list[stream.Measure], repairs: list[str]) -> list[int]:
    """Indices into `measures` as repeats, endings and jumps have them played."""
    written_order = list(range(max(1, len(measures))))
    if not any(_repeat_marks(measure) for measure in measures):
        return written_order
    if sum(isinstance(measure.rightBarline, bar.Repeat) for measure in measures) > MAX_REPEATS:
        repairs.append(f"repeats were not played, for there are more than {MAX_REPEATS}")
        return written_order
    expander = repeat.Expander(_skeleton(part, measures))
    try:
        if expander.isExpandable() is not False:
            played = expander.process().getElementsByClass(stream.Measure)
            if 0 < len(played) <= MAX_BARS:
                return [int(measure.groups[0]) for measure in played]
    except (Music21Exception, IndexError, KeyError, TypeError, ValueError, AttributeError):
        pass  # contradictory marks make the expander stumble in many ways
    repairs.append("repeats that contradict each other were not played")
    return written_order


def _repeat_marks(measure: stream.Measure) -> list[base.Music21Object]:
    """Repeat bar lines and words such as "da capo"."""
    barlines = [line for line in (measure.leftBarline, measure.rightBarline) if isinstance(line, bar.Repeat)]
    return barlines + [element for element in measure.elements if isinstance(element, repeat.RepeatExpression)]


def _skeleton(part: stream.Stream, measures: list[stream.Measure]) -> stream.Part:
    """The bars without notes, so that music21 expands repeats without copying any music.

    Each carries its index as its group, because expanding counts bar numbers anew.
    """
    bones = [stream.Measure(number=index) for index in range(len(measures))]
    for index, (bone, measure) in enumerate(zip(bones, measures, strict=True)):
        bone.groups.append(str(index))
        for mark in _repeat_marks(measure):
            if mark is measure.leftBarline:
                bone.leftBarline = bar.Repeat(direction="start")
            elif mark is measure.rightBarline:
                bone.rightBarline = bar.Repeat(direction="end", times=mark.times)
            else:
                bone.append(type(mark)())
    index_of = {id(measure): index for index, measure in enumerate(measures)}
    endings = []
    for ending in part.recurse().getElementsByClass(spanner.RepeatBracket):
        spanned = [index_of[id(measure)] for measure in ending.getSpannedElements() if id(measure) in index_of]
        if spanned:
            endings.append((spanned, ending.number))
    _pair_repeats(bones, {index for spanned, _ in endings for index in spanned})
    skeleton = stream.Part(bones)
    for spanned, number in endings:
        skeleton.insert(0, spanner.RepeatBracket([bones[index] for index in spanned], number=number))
    return skeleton


def _pair_repeats(bones: list[stream.Measure], in_endings: set[int]) -> None:
    """Gives every end of a repeat one start, as players understand it.

    It goes back to the nearest sign, or without one behind the repeat and the endings before. music21 would go back
    to the start of the piece and play all repeats on the way again, and so twice as much with each of them. Signs
    that no end follows it calls contradictory.
    """
    start: int | None = 0
    for index, bone in enumerate(bones):
        if isinstance(bone.leftBarline, bar.Repeat):
            bone.leftBarline = None
            start = index
        elif start is None and index not in in_endings:
            start = index
        if isinstance(bone.rightBarline, bar.Repeat):
            if start:  # the first bar needs no sign
                bones[start].leftBarline = bar.Repeat(direction="start")
            start = None


def _play_notes(notes: list[_ScoreNote], bars: list[_Bar]) -> list[_PlayedNote]:
    """The notes of each bar at the time it is played, ordered by onset."""
    notes = sorted(notes)
    onsets = [written.onset for written in notes]
    played = []
    for source, source_end, bar_onset, length in bars:
        for written in notes[bisect_left(onsets, source) : bisect_left(onsets, source_end)]:
            onset = bar_onset + min(_to_steps(written.onset - source), length - 1)
            if written.end < source_end:
                end = bar_onset + _to_steps(written.end - source)
            else:
                end = bar_onset + length + _to_steps(written.end - source_end)
            played.append(_PlayedNote(onset, max(end, onset + 1), *written[2:]))
        check_num_notes(len(played))
    return played


def _join_notes(notes: list[_PlayedNote]) -> list[tuple[int, int, int, int, int]]:
    """Joins tied notes, and notes of one pitch that start together in one track.

    Args:
        notes: ordered by onset.

    Returns:
        Rows as `make_notes` takes them.
    """
    joined: list[list[int]] = []  # onset, end, track, pitch, velocity
    latest: dict[tuple[int, int], tuple[list[int], bool]] = {}  # by track and pitch: the last row, whether it ties on
    for onset, end, track, pitch, velocity, ties_on in notes:
        row, is_open = latest.get((track, pitch), (None, False))
        is_continued = row is not None and is_open and row[1] == onset
        if row is None or not (is_continued or row[0] == onset):
            row = [onset, end, track, pitch, velocity]
            joined.append(row)
        row[1] = max(row[1], end)
        latest[track, pitch] = (row, ties_on)
    return [(onset, end - onset, track, pitch, velocity) for onset, end, track, pitch, velocity in joined]


def _play_tempos(tempos: dict[Quarters, float], bars: list[_Bar]) -> tuple[Tempo, ...]:
    """The tempos as the bars are played; a repeated bar has its own tempo again."""
    onsets = sorted(tempos)
    changes = {0: tempos[onsets[0]] if onsets and onsets[0] <= bars[0].source else DEFAULT_TEMPO_QPM}
    for source, source_end, bar_onset, _ in bars:
        before = bisect_right(onsets, source)
        if before:
            changes[bar_onset] = tempos[onsets[before - 1]]
        inside = onsets[before : bisect_left(onsets, source_end)]
        changes |= {bar_onset + _to_steps(onset - source): tempos[onset] for onset in inside}
    ordered = [Tempo(step, changes[step]) for step in sorted(changes)]
    return (ordered[0], *(later for earlier, later in pairwise(ordered) if earlier.qpm != later.qpm))


def _play_meters(meters: dict[Quarters, tuple[int, int]], bars: list[_Bar]) -> tuple[Meter, ...]:
    """The meters as the bars are played, restated where a short or long bar moves the bar lines.

    A bar that ends on a bar line of the meter in force completes the one before it, as an upbeat
    does when it comes back after a repeat.
    """
    changes = [Meter(0, *_meter_at(meters, 0))]
    for source, _, onset, length in bars:
        numbers = _meter_at(meters, source)
        current = changes[-1]
        is_in_place = (onset - current.onset) % current.bar_steps == 0
        is_completing = (onset + length - current.onset) % current.bar_steps == 0
        is_same = numbers == (current.numerator, current.denominator)
        if not is_same or not (is_in_place or is_completing):
            changes.append(Meter(onset, *numbers))
    if len(changes) > 1 and changes[1].onset == 0:
        changes = changes[1:]
    return tuple(changes)
