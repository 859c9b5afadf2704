"""Chords: which one sounds from which step on, read from a piece. Knows pieces only.

Each beat is held against every chord: what sounds and belongs to it speaks for it, what does not against it; a chord
stays until another fits better by more than a change costs (Viterbi, 1967), which is less where a bar begins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from melodyforge.music.chord_symbols import KINDS
from melodyforge.music.keys import NUM_PITCH_CLASSES
from melodyforge.music.piece import Piece

# As `KINDS` names them; of what is read and told there are no others.
QUALITIES = (
    *("major", "minor", "diminished", "augmented", "suspended-fourth", "dominant"),
    *("major-seventh", "minor-seventh", "half-diminished", "diminished-seventh"),
)
SEMITONES = {kind: semitones for semitones, (kind, _) in KINDS.items() if kind in QUALITIES}  # above the root
NUM_QUALITIES = len(QUALITIES)
NO_CHORD = 0  # above it root after root, of each all qualities
NUM_CHORDS = 1 + NUM_PITCH_CLASSES * NUM_QUALITIES
MAX_BEATS = 20_000  # of a piece that are looked at
# Chosen by the analyses of chorales, see `read_chords`. In shares of what sounds on a beat.
_FOREIGN = -1.0  # a tone that does not belong
_BASS_IS_ROOT, _BASS_BELONGS = 0.3, 0.1
_RARER = {"augmented": 0.25, "suspended-fourth": 0.25, "diminished": 0.05} | dict.fromkeys(QUALITIES[5:], 0.3)
_NO_CHORD_FITS = 0.1
_CHANGE, _CHANGE_AT_BAR = 0.2, 0.1


@dataclass(frozen=True, slots=True)
class ChordLine:
    """Chords one after another.

    Attributes:
        steps: at which each begins, ascending; what is before the first is not known.
        chords: of each the class, see `chord_class`, or `NO_CHORD` where none is known.
    """

    steps: tuple[int, ...] = ()
    chords: tuple[int, ...] = ()


NO_CHORDS = ChordLine()


def chord_class(root: int, quality: int) -> int:
    """The class of the chord on a pitch class, of one of `QUALITIES` by its number."""
    return 1 + root * NUM_QUALITIES + quality


def nearest_chord(root: int, pitch_classes: frozenset[int]) -> int:
    """The class of the chord on a root that is most like these pitch classes."""
    semitones = {(one - root) % NUM_PITCH_CLASSES for one in pitch_classes}
    likeness = [-len(semitones ^ set(SEMITONES[one])) for one in QUALITIES]
    return chord_class(root, likeness.index(max(likeness)))


def read_chords(piece: Piece) -> ChordLine:
    """The chords of a piece; none where music has no beat, or no pitches.

    Of the first 24 beats of 18 chorales whose analyses are in music21's corpus, bars put where they fit best, it finds
    the root of 79 %. Two more analyses are of other music.
    """
    notes = piece.pitched_notes
    if piece.is_performed or not len(notes):
        return NO_CHORDS
    beats, begins_bar = _beats(piece)
    chords = _likeliest(_fits(notes, beats), np.where(begins_bar, _CHANGE_AT_BAR, _CHANGE))
    changes = np.flatnonzero(np.diff(chords, prepend=-1))
    return ChordLine(tuple(beats[changes].tolist()), tuple(chords[changes].tolist()))


def chords_at(line: ChordLine, steps: np.ndarray) -> np.ndarray:
    """The class of the chord at each step, `NO_CHORD` before the first; shapes (n,) -> (n,)."""
    chords = np.array([NO_CHORD, *line.chords])
    return chords[np.array(line.steps).searchsorted(steps, side="right")]


def harmony_by_beat(piece: Piece) -> tuple[np.ndarray, np.ndarray]:
    """What belongs to the harmony of a piece: the tones of the chord read on each beat, and of notes that begin there.

    Returns:
        The step at which each beat begins, shape (num_beats,), and pitch classes, bool, shape (num_beats, 12).
    """
    (beats, _), notes = _beats(piece), piece.pitched_notes
    chords = chords_at(read_chords(piece), beats)
    belongs = (_TONES.T[chords - 1] > 0) & (chords != NO_CHORD)[:, None]
    belongs[beats.searchsorted(notes["onset"], side="right") - 1, notes["pitch"] % NUM_PITCH_CLASSES] = True
    return beats, belongs


def _beats(piece: Piece) -> tuple[np.ndarray, np.ndarray]:
    """The step at which each beat begins, and whether a bar does there; both of shape (num_beats,)."""
    ends = [*(meter.onset for meter in piece.meters[1:]), max(piece.end, piece.meters[-1].onset + 1)]
    beats = np.concatenate(
        [np.arange(meter.onset, end, meter.beat_steps) for meter, end in zip(piece.meters, ends, strict=True)]
    )[:MAX_BEATS]
    return beats, piece.bars_at(beats)[1] == 0


def _fits(notes: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """How well each chord fits each beat, shape (num_beats, NUM_CHORDS)."""
    start = notes["onset"].astype(np.int64)
    stop = start + notes["duration"]
    first = beats.searchsorted(start, side="right") - 1
    number = np.maximum(1, beats.searchsorted(stop, side="left") - first)  # of beats that a note sounds on
    note = np.repeat(np.arange(len(notes)), number)
    beat = first[note] + np.arange(len(note)) - np.repeat(number.cumsum() - number, number)
    ends = np.append(beats[1:], max(int(stop.max()), int(beats[-1]) + 1))
    length = np.minimum(stop[note], ends[beat]) - np.maximum(start[note], beats[beat])
    sounding = np.bincount(
        beat * NUM_PITCH_CLASSES + notes["pitch"][note] % NUM_PITCH_CLASSES,
        np.maximum(length, 1),
        len(beats) * NUM_PITCH_CLASSES,
    ).reshape(-1, NUM_PITCH_CLASSES)
    lowest = np.full(len(beats), 255)
    np.minimum.at(lowest, beat, notes["pitch"][note])
    is_bass = (lowest[:, None] % NUM_PITCH_CLASSES == np.arange(NUM_PITCH_CLASSES)) & (lowest < 255)[:, None]
    shares = sounding / np.maximum(1, sounding.sum(axis=1, keepdims=True))
    fits = shares @ _TONES + is_bass @ _BASSES - _RARITY
    return np.concatenate([np.full((len(beats), 1), _NO_CHORD_FITS), fits], axis=1)


def _likeliest(fits: np.ndarray, change: np.ndarray) -> np.ndarray:
    """The chord of each beat, so that fits less the costs of changes are most; shape (num_beats,)."""
    came_from = np.zeros(fits.shape, np.int64)
    total, same = fits[0], np.arange(fits.shape[1])
    for beat in range(1, len(fits)):
        best = int(total.argmax())
        is_changed = total[best] - change[beat] > total
        came_from[beat] = np.where(is_changed, best, same)
        total = np.where(is_changed, total[best] - change[beat], total) + fits[beat]
    chords = np.zeros(len(fits), np.int64)
    chords[-1] = total.argmax()
    for beat in range(len(fits) - 1, 0, -1):
        chords[beat - 1] = came_from[beat, chords[beat]]
    return chords


def _templates() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What each pitch class says of each chord where it sounds, and as the bass, (12, n); how rare chords are, (n,)."""
    tones = np.full((NUM_PITCH_CLASSES, NUM_PITCH_CLASSES, NUM_QUALITIES), _FOREIGN)
    basses = np.zeros_like(tones)
    for root in range(NUM_PITCH_CLASSES):
        for number, quality in enumerate(QUALITIES):
            belongs = [(root + interval) % NUM_PITCH_CLASSES for interval in SEMITONES[quality]]
            tones[belongs, root, number], basses[belongs, root, number] = 1.0, _BASS_BELONGS
            basses[root, root, number] = _BASS_IS_ROOT
    rarity = np.tile([_RARER.get(name, 0.0) for name in QUALITIES], NUM_PITCH_CLASSES)
    return tones.reshape(NUM_PITCH_CLASSES, -1), basses.reshape(NUM_PITCH_CLASSES, -1), rarity


_TONES, _BASSES, _RARITY = _templates()
