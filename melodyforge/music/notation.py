"""Decides how a piece is written down: staves, bars, voices, and the rhythm that a player can read.

Music that notation cannot say exactly, performed music above all, is rounded. How what sounds in a bar looks,
`note_values` decides. Does not know keys, clefs' pictures or XML: `musicxml_write` writes what stands here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from melodyforge.music.instruments import INSTRUMENTS
from melodyforge.music.note_values import Symbol, beam, bracket_triplets, split_stretch
from melodyforge.music.piece import STEPS_PER_QUARTER, Meter, Piece, Track

SMALLEST_STEPS = 3  # a 32nd note; bar lines lie on multiples of it
STRAIGHT_CELL, TRIPLET_CELL = 3, 4  # steps that onsets are rounded to: 32nds, or 16th triplets
PERFORMED_STRAIGHT_CELL, PERFORMED_TRIPLET_CELL = 6, 8  # coarser, for what was played freely
TRIPLET_ADVANTAGE = 0.5  # triplets are written where they halve the rounding error at least
END_WEIGHT = 0.5  # of the rounding error of a note's end against that of its onset
TIDY_STEPS, PERFORMED_TIDY_STEPS = 3, 6  # notes that miss the next onset by no more touch it
MAX_VOICES = 2  # on one staff

MIDDLE_C = 60  # a keyboard's hands divide here
KEYBOARD_FAMILIES, HARP = ("piano", "organ"), "orchestral harp"  # whose players have a staff for each hand
MIN_KEYBOARD_SPAN = 24  # semitones that one hand cannot hold
MIN_HAND_SHARE = 0.1  # of the notes; fewer go onto ledger lines


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar as written: `onset` and `length` in steps of the piece; an upbeat's silence is not part of it."""

    onset: int
    length: int
    meter: Meter
    is_upbeat: bool = False


class Chord(NamedTuple):
    """Pitches that start and end together, in steps of the piece."""

    onset: int
    end: int
    pitches: tuple[int, ...]  # low to high
    velocity: int


@dataclass(frozen=True)
class Staff:
    """One staff: for each bar its voices, each a list of symbols that fills the bar; no voice where all is silent."""

    bars: list[list[list[Symbol]]]
    mean_pitch: float


@dataclass(frozen=True)
class Part:
    """One track: a staff, or two for a keyboard."""

    track: Track
    staves: list[Staff]
    drum_pitches: tuple[int, ...] = ()  # drum sounds in use; none for other instruments


def write_down(piece: Piece) -> tuple[list[Bar], list[Part]]:
    """The piece in notation; tracks without notes are left out, and a piece without notes is one empty bar."""
    bars = lay_bars(piece)
    tracks = sorted(set(piece.notes["track"].tolist()))
    return bars, [_write_part(piece, index, bars) for index in tracks]


def lay_bars(piece: Piece) -> list[Bar]:
    """The bars from the first to the end of the last note; a first bar silent for half its length is an upbeat.

    A meter that comes inside a bar cuts that bar short.
    """
    meters = [meter for meter in piece.meters if meter.onset < piece.end] or list(piece.meters[:1])
    stops = [*(_to_smallest(meter.onset) for meter in meters[1:]), None]
    bars: list[Bar] = []
    onset = 0
    for meter, stop in zip(meters, stops, strict=True):
        while onset < (piece.end if stop is None else stop) or not bars:
            length = max(SMALLEST_STEPS, _to_smallest(meter.bar_steps))
            length = length if stop is None else min(length, max(SMALLEST_STEPS, stop - onset))
            bars.append(Bar(onset, length, meter))
            onset += length
    silence = int(piece.notes["onset"][0]) // STEPS_PER_QUARTER * STEPS_PER_QUARTER if len(piece) else 0
    if bars[0].length / 2 <= silence < bars[0].length:
        bars[0] = Bar(silence, bars[0].length - silence, bars[0].meter, is_upbeat=True)
    return bars


def first_bar_number(piece: Piece) -> int:
    """What the bar in which a piece begins is called: 0 where it is an upbeat, else 1, as in printed music."""
    return 0 if lay_bars(piece)[0].is_upbeat else 1


def bar_numbers(piece: Piece) -> range:
    """What the bars are called in which notes may begin, the first and the last that has one among them."""
    bars, _, _ = piece.bars_at(piece.notes["onset"])
    first = first_bar_number(piece)
    return range(first, first + int(bars.max(initial=0)) + 1)


def _to_smallest(steps: int) -> int:
    """Steps rounded to a place where notation can put a bar line."""
    return round(steps / SMALLEST_STEPS) * SMALLEST_STEPS


def _write_part(piece: Piece, index: int, bars: list[Bar]) -> Part:
    """One track in notation."""
    track = piece.tracks[index]
    notes = piece.notes[piece.notes["track"] == index]
    if track.is_drum:
        return Part(track, [_write_staff(notes, bars, piece, is_drum=True)], tuple(np.unique(notes["pitch"]).tolist()))
    if _needs_two_staves(piece, track, notes["pitch"]):
        is_right = notes["pitch"] >= MIDDLE_C
        return Part(track, [_write_staff(hand, bars, piece) for hand in (notes[is_right], notes[~is_right])])
    return Part(track, [_write_staff(notes, bars, piece)])


def _needs_two_staves(piece: Piece, track: Track, pitches: np.ndarray) -> bool:
    """Whether this is a keyboard for both hands; two tracks of one keyboard are one hand each."""
    is_alone = sum(other.program == track.program and not other.is_drum for other in piece.tracks) == 1
    left_share = float((pitches < MIDDLE_C).mean())
    is_wide = np.ptp(pitches) >= MIN_KEYBOARD_SPAN and MIN_HAND_SHARE <= left_share <= 1 - MIN_HAND_SHARE
    instrument = INSTRUMENTS[track.program]
    is_for_two_hands = instrument.family in KEYBOARD_FAMILIES or instrument.name == HARP
    return is_for_two_hands and is_alone and bool(is_wide)


def _write_staff(notes: np.ndarray, bars: list[Bar], piece: Piece, is_drum: bool = False) -> Staff:
    """Notes of one staff in notation."""
    windows = _lay_windows(bars)
    onset, end, is_triplet = _quantise(notes, windows, piece.is_performed)
    chords = _group_chords(onset, end, notes)
    if is_drum:
        chords = _shorten_drums(chords, windows)
    else:
        chords = _tidy(chords, PERFORMED_TIDY_STEPS if piece.is_performed else TIDY_STEPS)
    spans = zip(windows[:-1].tolist(), windows[1:].tolist(), is_triplet, strict=True)
    triplet_windows = {start: stop for start, stop, is_in_triplets in spans if is_in_triplets}
    voices = [_cut_at_bars(voice, bars) for voice in _split_voices(chords)]
    written = [
        [_write_voice(voice[number], bar, triplet_windows) for voice in voices if voice[number]]
        for number, bar in enumerate(bars)
    ]
    return Staff(written, float(notes["pitch"].mean()) if len(notes) else MIDDLE_C)


def _lay_windows(bars: list[Bar]) -> np.ndarray:
    """Where the quarters of each bar start, and the end of the last: within one, rhythm is straight or in triplets."""
    starts = [np.arange(bar.onset, bar.onset + bar.length, STEPS_PER_QUARTER) for bar in bars]
    return np.concatenate([*starts, [bars[-1].onset + bars[-1].length]])


def _quantise(notes: np.ndarray, windows: np.ndarray, is_performed: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Onsets and ends rounded to what can be written.

    Args:
        notes: of one staff, shape (num_notes,).
        windows: shape (num_windows + 1,).
        is_performed: whether to round coarsely.

    Returns:
        Onsets and ends in steps, shape (num_notes,), and whether each window is in triplets, shape (num_windows,).
    """
    straight = PERFORMED_STRAIGHT_CELL if is_performed else STRAIGHT_CELL
    triplet = PERFORMED_TRIPLET_CELL if is_performed else TRIPLET_CELL
    onset = notes["onset"].clip(windows[0], windows[-1])
    end = (notes["onset"] + notes["duration"]).clip(windows[0], windows[-1])

    straight_error, triplet_error = (
        _rounding_error(onset, windows, cell) + END_WEIGHT * _rounding_error(end, windows, cell)
        for cell in (straight, triplet)
    )
    holds_triplets = np.diff(windows) % (3 * triplet) == 0  # a window cut short may not
    is_triplet = holds_triplets & (triplet_error < TRIPLET_ADVANTAGE * straight_error)
    cells = np.where(is_triplet, triplet, straight)  # of each window

    last_onset = windows[-1] - cells[_window_of(onset, windows)]  # nothing starts at the last bar line
    onset = np.minimum(_rounded(onset, windows, cells), last_onset)
    end = np.maximum(_rounded(end, windows, cells), onset + cells[_window_of(onset, windows)])
    return onset, end, is_triplet


def _window_of(times: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """The window that each time lies in; the end of the last one counts as part of it. Shape as `times`."""
    return (np.searchsorted(windows, times, side="right") - 1).clip(max=len(windows) - 2)


def _rounding_error(times: np.ndarray, windows: np.ndarray, cell: int) -> np.ndarray:
    """By how many steps in all the times in each window miss multiples of the cell; shape (num_windows,)."""
    window = _window_of(times, windows)
    position = times - windows[window]
    return np.bincount(window, np.abs(_snap(position, cell) - position), len(windows) - 1)


def _rounded(times: np.ndarray, windows: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Times rounded to the cells of their windows, at most to the end of these; shape as `times`."""
    window = _window_of(times, windows)
    position = _snap(times - windows[window], cells[window])
    return windows[window] + np.minimum(position, np.diff(windows)[window])


def _snap(position: np.ndarray, cell: np.ndarray | int) -> np.ndarray:
    """Positions rounded to multiples of the cell, halves up."""
    return (2 * position + cell) // (2 * cell) * cell


def _group_chords(onset: np.ndarray, end: np.ndarray, notes: np.ndarray) -> list[Chord]:
    """Notes that start and end together as chords, each pitch once at an onset; by onset, the highest first."""
    order = np.lexsort((-end, notes["pitch"], onset))
    columns = (onset[order], notes["pitch"][order], end[order], notes["velocity"][order])
    longest: dict[tuple[int, int], tuple[int, int]] = {}
    for start, pitch, stop, velocity in zip(*(column.tolist() for column in columns), strict=True):
        longest.setdefault((start, pitch), (stop, velocity))
    members: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for (start, pitch), (stop, velocity) in longest.items():
        members.setdefault((start, stop), []).append((pitch, velocity))
    chords = [
        Chord(start, stop, tuple(pitch for pitch, _ in heads), max(velocity for _, velocity in heads))
        for (start, stop), heads in members.items()
    ]
    return sorted(chords, key=lambda chord: (chord.onset, -chord.pitches[-1]))


def _tidy(chords: list[Chord], tidy_steps: int) -> list[Chord]:
    """Chords without slivers of rest or overlap: ends near the next onset move there, by half the length at most."""
    onsets = np.unique([chord.onset for chord in chords])
    tidied = []
    for chord in chords:
        near = onsets[np.searchsorted(onsets, max(chord.onset + 1, chord.end - tidy_steps)) :][:1].tolist()
        shift = abs(near[0] - chord.end) if near else 0
        is_sliver = 0 < shift <= tidy_steps and 2 * shift < chord.end - chord.onset
        tidied.append(chord._replace(end=near[0]) if is_sliver else chord)
    return _merge_equal(tidied)


def _shorten_drums(chords: list[Chord], windows: np.ndarray) -> list[Chord]:
    """Drum hits, whose length means nothing, up to the next hit or the end of their quarter."""
    stops = np.union1d(windows, [chord.onset for chord in chords])
    following = stops[np.searchsorted(stops, [chord.onset for chord in chords], side="right")]
    return _merge_equal([chord._replace(end=end) for chord, end in zip(chords, following.tolist(), strict=True)])


def _merge_equal(chords: list[Chord]) -> list[Chord]:
    """Chords whose ends have become equal as one."""
    merged: dict[tuple[int, int], Chord] = {}
    for chord in chords:
        other = merged.get((chord.onset, chord.end))
        pitches = tuple(sorted({*chord.pitches, *(other.pitches if other else ())}))
        merged[chord.onset, chord.end] = chord._replace(pitches=pitches)
    return sorted(merged.values(), key=lambda chord: (chord.onset, -chord.pitches[-1]))


def _split_voices(chords: list[Chord]) -> list[list[Chord]]:
    """Chords that overlap on different voices, as many as a staff takes; beyond, the earlier one is cut short."""
    voices: list[list[Chord]] = [[] for _ in range(MAX_VOICES)]
    for chord in chords:
        free = [voice for voice in voices if not voice or voice[-1].end <= chord.onset]
        if free:
            free[0].append(chord)
            continue
        earlier = [voice for voice in voices if voice[-1].onset < chord.onset]
        if earlier:
            voice = min(earlier, key=lambda voice: voice[-1].end)
            voice[-1] = voice[-1]._replace(end=chord.onset)
            voice.append(chord)
        else:
            voice = min(voices, key=lambda voice: abs(voice[-1].end - chord.end))
            voice[-1] = voice[-1]._replace(pitches=tuple(sorted({*voice[-1].pitches, *chord.pitches})))
    return voices


def _cut_at_bars(voice: list[Chord], bars: list[Bar]) -> list[list[tuple[Chord, bool, bool]]]:
    """For each bar the parts of chords that lie in it, and whether each is tied at its start and at its end."""
    onsets = np.array([bar.onset for bar in bars])
    cut: list[list[tuple[Chord, bool, bool]]] = [[] for _ in bars]
    for chord in voice:
        number = int(np.searchsorted(onsets, chord.onset, side="right")) - 1
        while number < len(bars) and bars[number].onset < chord.end:
            bar_end = bars[number].onset + bars[number].length
            onset, end = max(chord.onset, bars[number].onset), min(chord.end, bar_end)
            is_last = chord.end <= bar_end or number == len(bars) - 1
            cut[number].append((chord._replace(onset=onset, end=end), onset > chord.onset, not is_last))
            number += 1
    return cut


def _write_voice(chords: list[tuple[Chord, bool, bool]], bar: Bar, triplet_windows: dict[int, int]) -> list[Symbol]:
    """One voice of one bar: notes, rests between them, triplets and beams."""
    starts = range(bar.onset, bar.onset + bar.length, STEPS_PER_QUARTER)
    windows = [(start - bar.onset, triplet_windows[start] - bar.onset) for start in starts if start in triplet_windows]
    symbols: list[Symbol] = []
    now = 0
    for chord, is_tied, ties_on in chords:
        onset, end = chord.onset - bar.onset, chord.end - bar.onset
        symbols += [Symbol(*piece) for piece in split_stretch(now, onset, windows, is_rest=True)]
        pieces = list(split_stretch(onset, end, windows))
        symbols += [
            Symbol(*piece, chord.pitches, chord.velocity, is_tied or k > 0, ties_on or k < len(pieces) - 1)
            for k, piece in enumerate(pieces)
        ]
        now = end
    symbols += [Symbol(*piece) for piece in split_stretch(now, bar.length, windows, is_rest=True)]
    return beam(bracket_triplets(symbols, windows), bar.meter)
