"""Which voice or hand a track is, told by what it plays: four lines of a chorale, the two hands of a pianist."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from melodyforge.music.instruments import INSTRUMENTS
from melodyforge.music.notation import HARP, KEYBOARD_FAMILIES
from melodyforge.music.piece import Piece

FOUR_VOICES, HANDS = ("soprano", "alto", "tenor", "bass"), ("right hand", "left hand")
SINGING_FAMILIES = (*KEYBOARD_FAMILIES, "ensemble")  # instruments that chorales are written down for
MIN_VOICE_GAP, MIN_HANDS_GAP = 2.0, 7.0  # semitones between the middles of neighbours
HAND_SPAN = 16  # semitones that a hand reaches
MIN_SHARE = 0.9  # of a line's notes follow one another; of a hand's chords lie within its reach
MAX_NOTES_LOOKED_AT = 2000  # of each track


def voice_names(piece: Piece) -> dict[int, str]:
    """The names of those tracks that are voices of four, or hands of two, by index; empty where that cannot be told."""
    tracks = [index for index, track in enumerate(piece.tracks) if not track.is_drum]
    instruments = {INSTRUMENTS[piece.tracks[index].program] for index in tracks}
    if len(instruments) != 1 or len(tracks) not in (len(FOUR_VOICES), len(HANDS)):
        return {}
    (instrument,) = instruments
    notes = {index: piece.notes[piece.notes["track"] == index][:MAX_NOTES_LOOKED_AT] for index in tracks}
    if not all(map(len, notes.values())):
        return {}
    order = sorted(tracks, key=lambda index: -float(notes[index]["pitch"].mean()))
    gaps = [float(notes[one]["pitch"].mean() - notes[two]["pitch"].mean()) for one, two in pairwise(order)]
    if len(tracks) == len(FOUR_VOICES):
        fits = instrument.family in SINGING_FAMILIES and min(gaps) >= MIN_VOICE_GAP
        return _called(order, FOUR_VOICES) if fits and all(map(_is_line, notes.values())) else {}
    fits = (instrument.family in KEYBOARD_FAMILIES or instrument.name == HARP) and min(gaps) >= MIN_HANDS_GAP
    return _called(order, HANDS) if fits and all(map(_is_in_reach, notes.values())) else {}


def _called(tracks: list[int], names: tuple[str, ...]) -> dict[int, str]:
    return dict(zip(tracks, names, strict=True))


def _is_line(notes: np.ndarray) -> bool:
    """Whether notes follow one another."""
    ends = notes["onset"][:-1] + notes["duration"][:-1]
    return bool((ends <= notes["onset"][1:]).mean() >= MIN_SHARE) if len(notes) > 1 else True


def _is_in_reach(notes: np.ndarray) -> bool:
    """Whether what begins together lies under one hand."""
    _, first = np.unique(notes["onset"], return_index=True)
    spans = np.maximum.reduceat(notes["pitch"], first) - np.minimum.reduceat(notes["pitch"], first)
    return bool((spans <= HAND_SPAN).mean() >= MIN_SHARE)
