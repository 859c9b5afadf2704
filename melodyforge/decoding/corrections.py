"""What a network does too often or too seldom when it composes by itself, made good note by note.

It has learnt from real music, never from its own, and drifts from it in small ways: voices turn too often, chords are
thin. How often pitches come in real music and in compositions of the style, beside each other, is added to their
logits as the logarithm of a ratio (logit adjustment; Menon et al., 2021): how a line moves on from its last move, how
far a chord is spread, what sounds together, which degrees of the key are heard, and whether voices cross. Where it
takes what is unlikely too often, all its choices are sharpened, as by a lower temperature. `evaluation/school.py`
compares.
Bars that are to be varied are copied too often likewise. Knows rows and their past.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import FailFast, Field

from melodyforge.errors import SettingsError
from melodyforge.figures.critic import MAX_STYLES
from melodyforge.music.keys import NUM_PITCH_CLASSES, Key
from melodyforge.music.piece import NUM_PITCHES
from melodyforge.settings import Section
from melodyforge.tokens.features import Rows
from melodyforge.tokens.headings import Heading
from melodyforge.tokens.past import NO_PITCH, Past
from melodyforge.tokens.plan import VARIED
from melodyforge.tokens.signals import Moment

_BETWEEN_KINDS = np.array([-7.5, -4.5, -2.5, -0.5, 0.5, 2.5, 4.5, 7.5])  # semitones; moves between two are of one kind
NUM_KINDS = len(_BETWEEN_KINDS) + 1
WIDEST = 36  # semitones between two notes of a chord; wider counts as this
NUM_SONORITIES = 2 ** (NUM_PITCH_CLASSES - 1)  # pitch classes that sound above one that does, each or not
MOVES = slice(0, NUM_KINDS**2)  # of a table: the kind of the move before, then that of the move
CHORDS = slice(MOVES.stop, MOVES.stop + WIDEST + 1)
SONORITIES = slice(CHORDS.stop, CHORDS.stop + NUM_SONORITIES)
DEGREES = slice(SONORITIES.stop, SONORITIES.stop + 2 * NUM_PITCH_CLASSES)  # above the tonic; major, then minor
ORDER = slice(DEGREES.stop, DEGREES.stop + 2)  # whether a voice lies between those before it and behind it, or crosses
SHARPNESS = slice(ORDER.stop, ORDER.stop + 1)  # logarithm of what all logits are multiplied by
SIZE = SHARPNESS.stop
NOTHING = SIZE  # the cell of what is not corrected
PRIOR = 20.0  # counts that speak for no correction
LARGEST = 2.0  # correction, in nats
COPIED = np.float32(0.9)  # nats against the note that a varied bar had: 74 % of such bars were as before, of real 53 %

_PITCHES = np.arange(NUM_PITCHES)
_MOVE = np.searchsorted(_BETWEEN_KINDS, _PITCHES - np.arange(NUM_PITCHES + 1)[:, None])  # kind, from a pitch to another
_CLASSES = 2 ** np.arange(NUM_PITCH_CLASSES)  # bits of a set
_SETS = np.arange(2**NUM_PITCH_CLASSES)[:, None] >> np.arange(NUM_PITCH_CLASSES) & 1  # (num_sets, NUM_PITCH_CLASSES)
_ABOVE = np.stack(  # of a set, above each pitch class, shape (num_sets, NUM_PITCH_CLASSES)
    [np.roll(_SETS, -one, axis=1)[:, 1:] @ _CLASSES[:-1] for one in range(NUM_PITCH_CLASSES)], axis=1
)


def cells(past: Past, following: Rows, sounding: np.ndarray, is_drum: np.ndarray, of_key: np.ndarray) -> np.ndarray:
    """Where in a table stands what each pitch would do, as a line or in a chord, with what sounds, and in the key.

    Args:
        past: of n moments.
        following: their next rows, whose onset and track are known.
        sounding: steps that each pitch sounds then, shape (n, NUM_PITCHES).
        is_drum: of each track.
        of_key: see `cells_of_key`, shape (n, NUM_PITCHES) or (1, NUM_PITCHES).

    Returns:
        `NOTHING` where nothing is corrected, shape (4, n, NUM_PITCHES).
    """
    track, moments = following["track"], np.arange(len(following["track"]))
    before, last = past.track_before[moments, track], past.track_pitch[moments, track]
    move = MOVES.start + (_MOVE[before, np.minimum(last, NUM_PITCHES - 1)] * NUM_KINDS)[:, None] + _MOVE[last]
    chord = CHORDS.start + np.clip(_PITCHES - last[:, None], 0, WIDEST)
    is_chord = (past.track_start[moments, track] == following["onset"])[:, None]
    is_line = ((before != NO_PITCH) & (last != NO_PITCH))[:, None]
    line = np.where(is_chord, chord, np.where(is_line, move, NOTHING))
    in_octaves = np.pad(sounding > 0, ((0, 0), (0, -NUM_PITCHES % NUM_PITCH_CLASSES)))
    sets = in_octaves.reshape(len(moments), -1, NUM_PITCH_CLASSES).any(axis=1) @ _CLASSES
    sonority = SONORITIES.start + _ABOVE[sets][:, _PITCHES % NUM_PITCH_CLASSES]
    degree = np.broadcast_to(of_key, sonority.shape)
    order = ORDER.start + crosses(past, following, is_drum)
    return np.where(is_drum[track][:, None], NOTHING, np.stack([line, sonority, degree, order]))


def crosses(past: Past, following: Rows, is_drum: np.ndarray) -> np.ndarray:
    """Which pitches lie above a track before theirs that sounds then, or below one behind it.

    Tracks stand in the order of voices: of each instrument the first is usually the highest.

    Args:
        past: of n moments.
        following: their next rows, whose onset and track are known.
        is_drum: of each track.

    Returns:
        bool, shape (n, NUM_PITCHES).
    """
    onset, track = following["onset"][:, None], following["track"][:, None]
    pitch, number = past.track_pitch, np.arange(len(is_drum))  # (n, num_tracks), (num_tracks,)
    sounds = ((past.track_end > onset) | (past.track_start == onset)) & (pitch != NO_PITCH) & ~is_drum
    highest = np.where(sounds & (number < track), pitch, NUM_PITCHES).min(axis=1)
    lowest = np.where(sounds & (number > track), pitch, -1).max(axis=1)
    return (highest[:, None] < _PITCHES) | (lowest[:, None] > _PITCHES)


def cells_of_key(key: Key | None) -> np.ndarray:
    """Where in a table the degree of each pitch stands, shape (NUM_PITCHES,)."""
    if key is None:
        return np.full(NUM_PITCHES, NOTHING)
    return DEGREES.start + NUM_PITCH_CLASSES * key.is_minor + (_PITCHES - key.tonic) % NUM_PITCH_CLASSES


def count(pieces: Iterable[tuple[np.ndarray, Key | None]], is_drum: np.ndarray) -> np.ndarray:
    """How often the notes of pieces do what; of rows, shape (num_rows,), and the key of each; shape (SIZE,)."""
    counts = np.zeros(SIZE + 1)
    for rows, key in pieces:
        past = Past.of_rows(rows, is_drum).select(slice(0, len(rows)))
        sounding = past.sounding(rows["onset"].astype(np.int64))
        of_pitches = cells(past, rows, sounding, is_drum, cells_of_key(key)[None])
        chosen = of_pitches[:, np.arange(len(rows)), rows["pitch"]]
        counts += np.bincount(chosen.ravel(), minlength=SIZE + 1)
    return counts[:SIZE]


def compared(real: np.ndarray, composed: np.ndarray) -> np.ndarray:
    """The table that makes composed music as real music is, of the counts of both; float32, shape (SIZE,).

    A move is compared with others after the same one, a degree with others in its mode, all else with all of its kind.
    How sharp choices must be counts do not tell.
    """
    parts = ((MOVES, NUM_KINDS), (CHORDS, 1), (SONORITIES, 1), (DEGREES, 2), (ORDER, 1))
    table = np.zeros(SIZE, np.float32)
    for part, num_rows in parts:
        table[part] = _log_ratio(*(one[part].reshape(num_rows, -1) for one in (real, composed))).ravel()
    return table


def _log_ratio(real: np.ndarray, composed: np.ndarray) -> np.ndarray:
    """Of shares in each row, both drawn towards what they have in common; shape (num_rows, n)."""
    common = (real + composed).sum(axis=0)
    common = PRIOR * common / max(1.0, common.sum())
    of_real, of_composed = ((one + common) / (one.sum(axis=1, keepdims=True) + PRIOR) for one in (real, composed))
    ratio = np.divide(of_real, of_composed, out=np.ones_like(of_real), where=of_composed > 0)
    return np.clip(np.log(ratio), -LARGEST, LARGEST)


class Corrections:
    """Those of each style.

    Args:
        tables: by style, float32, shape (SIZE,).
    """

    def __init__(self, tables: Mapping[str, np.ndarray]) -> None:
        self.tables = dict(tables)

    def of(self, headings: Sequence[Heading]) -> Correction:
        """That of pieces under these headings; none where a style is not known."""
        styles, keys = zip(*((heading.traits.style, heading.traits.key) for heading in headings), strict=True)
        names = sorted(set(styles))
        tables = [self.tables.get(name, np.zeros(SIZE, np.float32)) for name in names]
        return Correction(tables, np.array([names.index(style) for style in styles]), keys)


class Correction:
    """What is done to the logits of pieces that are composed side by side.

    Attributes:
        sharpness: what those that come from the network are multiplied by, float32, shape (num_pieces, 1).
    """

    def __init__(self, tables: Sequence[np.ndarray], of_piece: np.ndarray, keys: Sequence[Key | None]) -> None:
        """The tables, shape (SIZE,), and which is that of each piece, shape (num_pieces,); the key of each."""
        self._of_key = np.array([cells_of_key(key) for key in keys])  # (num_pieces, NUM_PITCHES)
        self._values = np.concatenate([np.append(table, np.float32(0)) for table in tables])
        self._starts = (SIZE + 1) * of_piece[:, None]
        self.sharpness = np.exp(np.array([table[SHARPNESS] for table in tables], np.float32))[of_piece]

    def pitches(self, moment: Moment) -> np.ndarray:
        """What is added for each piece and pitch, float32, shape (num_pieces, NUM_PITCHES)."""
        is_drum = moment.vocabulary.tracks.is_drum
        found = cells(moment.past, moment.next, moment.sounding_then, is_drum, self._of_key)
        line, sonority, degree, order = self._values.take(found + self._starts)
        return line + sonority + degree + order - COPIED * copies_in_varied_bars(moment)


def copies_in_varied_bars(moment: Moment) -> np.ndarray:
    """Which pitches a bar that is to be varied would repeat there, bool, shape (num_pieces, NUM_PITCHES)."""
    if moment.vocabulary.version < 3:
        return np.zeros((1, NUM_PITCHES), bool)
    then, is_varied = moment.ago_notes[0][-1], moment.plan.relation(moment.next["bar"]) == VARIED
    return (then[:, None] == _PITCHES) & is_varied[:, None]


class CorrectionsState(Section):
    """Corrections as a file holds them.

    Attributes:
        styles: their names.
        tables: the hexadecimal digits of float16, style after style; older models lack what follows `DEGREES`.
    """

    styles: Annotated[list[str], FailFast(), Field(max_length=MAX_STYLES)]
    tables: str


def pack_corrections(corrections: Corrections) -> dict[str, Any]:
    """Corrections as plain values, see `CorrectionsState`."""
    numbers = np.array(list(corrections.tables.values()), "<f2")
    return {"styles": list(corrections.tables), "tables": numbers.tobytes().hex()}


def unpack_corrections(packed: dict[str, Any]) -> Corrections:
    """The inverse of `pack_corrections`.

    Raises:
        SettingsError: they are none, have more or fewer numbers than their styles need, or too large ones.
    """
    state = CorrectionsState.check(packed)
    try:
        numbers = np.frombuffer(bytes.fromhex(state.tables), "<f2").astype(np.float32)
        is_old = numbers.size == len(state.styles) * DEGREES.stop
        tables = numbers.reshape(len(state.styles), DEGREES.stop if is_old else SIZE)
    except ValueError:
        raise SettingsError(f"`corrections` must hold {SIZE:,} numbers for each style.") from None
    if not (np.abs(tables) <= LARGEST).all():
        raise SettingsError(f"`corrections` must hold numbers from {-LARGEST} to {LARGEST}.")
    tables = np.pad(tables, ((0, 0), (0, SIZE - tables.shape[1])))
    return Corrections(dict(zip(state.styles, tables, strict=True)))
