"""What sounds together: chords, clashes, the bass, voices that cross or run in parallel. Knows pieces only.

Drums have no pitch here.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from melodyforge.figures.numbers import NAN, mean, ratio
from melodyforge.music.keys import NUM_PITCH_CLASSES
from melodyforge.music.piece import NUM_PITCHES, Piece

BASS_BELOW = 52  # E3: a lowest voice under it is a bass
KIT = (35, 81)  # lowest and highest drum sound of General MIDI
MIN_VOICES = 3  # tracks of single notes, for their leading to be looked at
SINGLE_SHARE = 0.8  # of a track's onsets have one note only, where it is a voice
SILENT = -1  # in place of a pitch
FIFTH, OCTAVE = 7, 0  # semitones, octaves taken off
_TRIADS = ((0, 4, 7), (0, 3, 7), (0, 3, 6), (0, 4, 8))
_SEVENTHS = ((0, 4, 7, 11), (0, 4, 7, 10), (0, 3, 7, 10), (0, 3, 6, 10), (0, 3, 6, 9), (0, 3, 7, 11))


def _masks(chords: tuple[tuple[int, ...], ...]) -> set[int]:
    """Sets of pitch classes as bits, in all transpositions."""
    tonics = range(NUM_PITCH_CLASSES)
    return {sum(1 << (step + tonic) % NUM_PITCH_CLASSES for step in chord) for chord in chords for tonic in tonics}


TRIAD_MASKS, SEVENTH_MASKS = _masks(_TRIADS), _masks(_SEVENTHS)


@dataclass(frozen=True)
class Sounding:
    """What sounds from each onset on to the next.

    Attributes:
        times: the onsets, in steps, shape (num_times,).
        lengths: steps to the next onset, or to the end; shape (num_times,).
        pitches: which ones sound, bool, shape (num_times, 128).
    """

    times: np.ndarray
    lengths: np.ndarray
    pitches: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """How many pitches sound, shape (num_times,)."""
        return self.pitches.sum(axis=1)

    @property
    def lowest(self) -> np.ndarray:
        """The lowest pitch that sounds, shape (num_times,); at onsets one always does."""
        return self.pitches.argmax(axis=1)

    @property
    def highest(self) -> np.ndarray:
        """The highest pitch that sounds, shape (num_times,)."""
        return NUM_PITCHES - 1 - self.pitches[:, ::-1].argmax(axis=1)

    @property
    def pitch_classes(self) -> np.ndarray:
        """Which pitch classes sound, bool, shape (num_times, 12)."""
        padded = np.pad(self.pitches, ((0, 0), (0, -NUM_PITCHES % NUM_PITCH_CLASSES)))
        octaves = np.split(padded, padded.shape[1] // NUM_PITCH_CLASSES, axis=1)
        return np.any(octaves, axis=0)


def sounding(notes: np.ndarray) -> Sounding:
    """What sounds when; every array is empty without notes."""
    times = np.unique(notes["onset"]).astype(np.int64)
    ends = notes["onset"].astype(np.int64) + notes["duration"]
    at_time, of_note = np.nonzero((notes["onset"] <= times[:, None]) & (times[:, None] < ends))
    pitches = np.zeros((len(times), NUM_PITCHES), bool)
    pitches[at_time, notes["pitch"][of_note]] = True
    return Sounding(times, np.diff(times, append=ends.max(initial=0)), pitches)


def clashes(piece: Piece) -> float:
    """Share of time in which two notes sound a semitone or a minor ninth apart; NaN without pitches."""
    heard = sounding(piece.pitched_notes)
    apart = [(heard.pitches[:, :-step] & heard.pitches[:, step:]).any(axis=1) for step in (1, 13)]
    return mean(apart[0] | apart[1], heard.lengths)


def triads_and_sevenths(piece: Piece) -> float:
    """Of the time in which three or more pitch classes sound, the share in which they are a triad or a seventh."""
    heard = sounding(piece.pitched_notes)
    masks, sizes = chord_masks(heard)
    is_chord = np.isin(masks, list(TRIAD_MASKS | SEVENTH_MASKS))
    is_full = sizes >= 3
    return mean(is_chord[is_full], heard.lengths[is_full])


def chord_masks(heard: Sounding) -> tuple[np.ndarray, np.ndarray]:
    """The pitch classes that sound as bits, and how many they are; both of shape (num_times,)."""
    classes = heard.pitch_classes
    return classes @ (1 << np.arange(NUM_PITCH_CLASSES)), classes.sum(axis=1)


def bass_present(piece: Piece) -> float:
    """Share of time in which the lowest voice is a bass, under E3; NaN without pitches."""
    heard = sounding(piece.pitched_notes)
    return mean(heard.lowest < BASS_BELOW, heard.lengths)


def drums_in_kit(piece: Piece) -> float:
    """Share of drum notes that General MIDI has a sound for; NaN without drums."""
    drums = piece.notes["pitch"][piece.is_drum_track[piece.notes["track"]]]
    return mean((drums >= KIT[0]) & (drums <= KIT[1]))


@dataclass(frozen=True)
class Voices:
    """Tracks of single notes, from the one that is lowest on average to the highest.

    Attributes:
        lengths: steps from onset to onset of any voice, shape (num_times,).
        pitches: of each voice, `SILENT` where it rests; shape (num_voices, num_times).
    """

    lengths: np.ndarray
    pitches: np.ndarray


def read_voices(piece: Piece) -> Voices | None:
    """The voices of a piece; None where fewer than three tracks are such, as in music for piano."""
    notes = piece.pitched_notes
    parts = [notes[notes["track"] == track] for track in np.unique(notes["track"])]
    parts = [part for part in parts if _is_voice(part)]
    if len(parts) < MIN_VOICES:
        return None
    parts.sort(key=lambda part: float(np.average(part["pitch"], weights=part["duration"])))
    times = np.unique(np.concatenate([part["onset"] for part in parts]))
    end = max(int((part["onset"].astype(np.int64) + part["duration"]).max()) for part in parts)
    return Voices(np.diff(times, append=end), np.array([_pitches_at(part, times) for part in parts]))


def _is_voice(part: np.ndarray) -> bool:
    """Whether a track has hardly any chords."""
    _, sizes = np.unique(part["onset"], return_counts=True)
    return float(np.mean(sizes == 1)) >= SINGLE_SHARE


def _pitches_at(part: np.ndarray, times: np.ndarray) -> np.ndarray:
    """The newest note of a track at each time, the highest of a chord; `SILENT` when it has ended."""
    newest = np.searchsorted(part["onset"], times, side="right") - 1
    ends = part["onset"].astype(np.int64) + part["duration"]
    sounds = (newest >= 0) & (ends[newest] > times)
    return np.where(sounds, part["pitch"][newest].astype(int), SILENT)


def voices_crossed(piece: Piece) -> float:
    """Share of time in which a voice sounds below one that is usually lower; NaN without voices."""
    voices = read_voices(piece)
    if voices is None:
        return NAN
    crossed = np.zeros(len(voices.lengths), bool)
    for lower, higher in combinations(voices.pitches, 2):
        crossed |= (lower != SILENT) & (higher != SILENT) & (lower > higher)
    return mean(crossed, voices.lengths)


def parallels(piece: Piece) -> float:
    """Of the motions in which two voices move together, the share from fifth to fifth or octave to octave.

    NaN without voices, or where no two ever move together.
    """
    voices = read_voices(piece)
    if voices is None:
        return NAN
    num_joint = num_parallel = 0
    for lower, higher in combinations(voices.pitches, 2):
        sound = (lower != SILENT) & (higher != SILENT)
        moved = sound[1:] & sound[:-1] & (np.diff(lower) != 0) & (np.diff(higher) != 0)
        interval = (higher - lower) % NUM_PITCH_CLASSES
        num_joint += int(moved.sum())
        is_same_way = (np.diff(lower) > 0) == (np.diff(higher) > 0)
        stays = (interval[1:] == interval[:-1]) & np.isin(interval[1:], (FIFTH, OCTAVE))
        num_parallel += int((moved & stays & is_same_way).sum())
    return ratio(num_parallel, num_joint)
