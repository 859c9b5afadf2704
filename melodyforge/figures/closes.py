"""How pieces end: where the bass is, how long the last notes ring, what leads to them. Knows pieces only."""

from __future__ import annotations

import numpy as np

from melodyforge.figures.numbers import NAN, highest, mean, ratio
from melodyforge.music.keys import estimate_key
from melodyforge.music.piece import Piece

LONG = 2.0  # times as long as the middle note of the piece
ON_TONIC = "bass on the tonic"  # the name of that figure
CLOSE_ONSETS = 8  # the last ones, which lead to the end
_MAJOR_TRIAD, _MINOR_TRIAD = (0, 4, 7), (0, 3, 7)


def last_sonority(piece: Piece) -> np.ndarray:
    """The notes that sound when the last ones begin, drums left out; from the lowest to the highest."""
    notes = piece.pitched_notes
    last = notes["onset"].max(initial=0)
    rings = notes[notes["onset"].astype(np.int64) + notes["duration"] > last]
    return rings[np.argsort(rings["pitch"], kind="stable")]


def bass_ends_on_tonic(piece: Piece) -> float:
    """1 where the last bass is the tonic of the key that fits the piece best, 0 where not; NaN without pitches."""
    last = last_sonority(piece)
    return float(last["pitch"][0] % 12 == estimate_key(piece).tonic) if len(last) else NAN


def ends_long(piece: Piece) -> float:
    """1 where the last note is at least twice as long as the middle one of the piece, 0 where not; NaN without any."""
    notes = piece.pitched_notes
    if not len(notes):
        return NAN
    last = notes["duration"][notes["onset"] == notes["onset"].max()]
    return float(last.max() >= LONG * np.median(notes["duration"]))


def describe_close(piece: Piece) -> dict[str, float]:
    """Figures of how a piece ends; the same names for every piece, NaN for what it has not."""
    last, key = last_sonority(piece), estimate_key(piece)
    onsets = np.unique(piece.notes["onset"])
    gaps = np.diff(onsets)
    _, places, bar_steps = piece.bars_at(onsets[-1:])
    degrees = (last["pitch"].astype(int) - key.tonic) % 12
    line = piece.pitched_notes["pitch"][-CLOSE_ONSETS:].astype(int)
    return {
        ON_TONIC: bass_ends_on_tonic(piece),
        "bass on the fifth": float(degrees[0] == 7) if len(degrees) else NAN,
        "highest on the tonic": float(degrees[-1] == 0) if len(degrees) else NAN,
        "in the triad": mean(np.isin(degrees, _MINOR_TRIAD if key.is_minor else _MAJOR_TRIAD)),
        "notes that ring": float(len(last)),
        "last long": ends_long(piece),
        "length of the last": ratio(highest(last["duration"]), float(np.median(piece.notes["duration"])))
        if len(last)
        else NAN,
        "last gap": ratio(float(gaps[-1]), float(np.median(gaps))) if len(gaps) else NAN,
        "slower": ratio(mean(gaps[-CLOSE_ONSETS:]), mean(gaps)) if len(gaps) else NAN,
        "place in the bar": float(places[0] / bar_steps[0]) if len(places) else NAN,
        "falling": float(line[-1] - line[0]) if len(line) else NAN,
        "lower than usual": float(line[-1]) - mean(piece.pitched_notes["pitch"]) if len(line) else NAN,
    }
