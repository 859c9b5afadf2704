"""Fits the vocabulary of a trained model to other music: the same sizes, so that the weights still fit, other meanings.

Classes that the new music has no use for take over what the vocabulary lacks. Knows vocabularies; knows no network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from melodyforge.music.piece import NUM_PITCHES, Piece, Track
from melodyforge.settings import RepresentationSettings
from melodyforge.tokens.fields import FieldsRepresentation
from melodyforge.tokens.headings import heading_of, pack_headings, some_headings
from melodyforge.tokens.notes import NotesRepresentation
from melodyforge.tokens.ranges import PitchRanges
from melodyforge.tokens.representation import Representation
from melodyforge.tokens.tracks import TrackClasses, TrackKey, track_keys


def adapt_vocabulary(
    known: Representation, settings: RepresentationSettings, pieces: Sequence[Piece]
) -> Representation:
    """The vocabulary with the instruments, styles, tempos and meters of other pieces; its sizes stay as they are.

    Args:
        known: the vocabulary of a trained model.
        settings: that it was made with.
        pieces: what the model is to be trained on from now on.
    """
    state = known.state()
    if "tracks" in state:
        wanted = Counter(key for piece in pieces for key in track_keys(piece.tracks))
        state["tracks"] = [list(key) for key in relabel_tracks([tuple(key) for key in state["tracks"]], wanted)]
    if known.controls:
        state["controls"] = known.controls.with_styles(piece.style for piece in pieces).state()
    state["headings"] = pack_headings(some_headings([heading_of(piece) for piece in pieces]))
    adapted = known.from_state(settings, state)
    if isinstance(adapted, NotesRepresentation | FieldsRepresentation):
        adapted.ranges = _ranges_in(adapted, pieces)
    return adapted


def _ranges_in(vocabulary: NotesRepresentation | FieldsRepresentation, pieces: Iterable[Piece]) -> PitchRanges:
    """How low and how high instruments play in pieces, as the vocabulary says them."""
    counts = np.zeros((len(vocabulary.ranges), NUM_PITCHES), np.int64)
    for piece in pieces:
        rows = vocabulary.encode(piece)
        track = rows["track"] if len(counts) > 1 else np.zeros(len(rows), np.uint8)
        np.add.at(counts, (track, rows["pitch"]), 1)
    return PitchRanges.fit(counts)


def relabel_tracks(known: Sequence[TrackKey], wanted: Counter[TrackKey]) -> list[TrackKey]:
    """Gives instruments that the vocabulary lacks, the commonest first, classes that nobody wants, the likest first.

    Args:
        known: the instrument of each class.
        wanted: in how many pieces each instrument plays.
    """
    keys = list(known)
    for key, _ in wanted.most_common():
        free = [index for index, other in enumerate(keys) if other[1] == key[1] and other not in wanted]
        if key in keys or not free:
            continue
        program, is_drum, ordinal = key
        nth_of_its_kind = (Track(program, is_drum),) * (ordinal + 1)
        keys[free[TrackClasses([keys[index] for index in free]).of(nth_of_its_kind)[-1]]] = key
    return keys


def share_changed(representation: Representation, pieces: Iterable[Piece]) -> float:
    """Share of the written notes that the vocabulary cannot say: whose onset, duration or pitch it changes, 0 to 1.

    Music that was played freely is left out: it is always rounded, more finely than listeners notice.
    """
    num_notes = num_kept = 0
    for piece in pieces:
        if not piece.is_performed:
            num_notes += len(piece)
            num_kept += _num_common(piece, representation.decode(representation.encode(piece)))
    return 1.0 - num_kept / num_notes if num_notes else 0.0


def _num_common(piece: Piece, other: Piece) -> int:
    """How many notes of both agree in onset, duration and pitch."""
    these, num_these = np.unique(_signatures(piece), return_counts=True)
    those, num_those = np.unique(_signatures(other), return_counts=True)
    _, first, second = np.intersect1d(these, those, assume_unique=True, return_indices=True)
    return int(np.minimum(num_these[first], num_those[second]).sum())


def _signatures(piece: Piece) -> np.ndarray:
    """A number for each note that tells onset, duration and pitch, int64."""
    onset, duration, pitch = (piece.notes[name].astype(np.int64) for name in ("onset", "duration", "pitch"))
    return (onset << 32) | (duration << 7) | pitch
