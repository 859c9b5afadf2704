"""A piece in small: its notes as strokes, a colour a track, as a drawing in SVG. Knows nothing of where it is shown."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

import numpy as np

from melodyforge.music.piece import Piece

WIDTH, HEIGHT, EDGE = 240, 72, 4  # of the drawing, which is stretched to the room that there is
MIN_PITCHES = 18  # a drawing of one pitch is a line in the middle
MIN_LENGTH = 1.5  # of a stroke
MAX_STROKES = 4000  # of many more notes these are spread over the piece: no eye tells more apart in so little room
THINNEST, THICKEST = 1.8, 5.0
DRUMS_SHARE = 0.3  # of the height, for drums beside other instruments
# Stand out 3 to 1 and more from white and from dark pages alike.
COLOURS = ("#1f86c8", "#d9661f", "#149470", "#c565a0", "#a57c13", "#7f6fd1", "#5f8a1e", "#b0566b")


def small_roll(piece: Piece, label: str = "") -> str:
    """Draws a piece; some 60 kB where it has very many notes.

    Args:
        piece: may be without notes.
        label: what it is, for those who cannot see it; "" where the words beside it say that already.

    Returns:
        An `<svg>` that takes the width of whatever it stands in, and a fixed height.
    """
    name = f"role='img' aria-label={quoteattr(label)}" if label else "aria-hidden='true'"
    strokes = "".join(_strokes(piece))
    return (
        f"<svg {name} viewBox='0 0 {WIDTH} {HEIGHT}' width='100%' height='{HEIGHT}' preserveAspectRatio='none'>"
        f"{strokes}</svg>"
    )


def _strokes(piece: Piece) -> list[str]:
    """The notes of each track as one path."""
    if not len(piece):
        return []
    tracks, (lefts, lengths) = piece.notes["track"], _times(piece)
    heights, widest = _heights(piece)
    thick = round(min(max(widest * 0.9, THINNEST), THICKEST), 1)
    paths = []
    for place, track in enumerate(np.unique(tracks).tolist()):
        of_track = np.flatnonzero(tracks == track)[:: -(-len(piece) // MAX_STROKES)]
        rows = zip(lefts[of_track].tolist(), heights[of_track].tolist(), lengths[of_track].tolist(), strict=True)
        moves = "".join(f"M{left:g} {height:g}h{length:g}" for left, height, length in rows)
        paths.append(f"<path d='{moves}' fill='none' stroke='{COLOURS[place % len(COLOURS)]}' stroke-width='{thick}'/>")
    return paths


def _times(piece: Piece) -> tuple[np.ndarray, np.ndarray]:
    """Where strokes begin, and how long they are."""
    onsets = piece.played_onsets
    starts = piece.seconds_at(onsets)
    lengths = piece.seconds_at(onsets + piece.notes["duration"]) - starts
    scale = (WIDTH - 2 * EDGE) / max(piece.seconds, 0.1)
    return (EDGE + starts * scale).round(1), np.maximum(lengths * scale - 0.4, MIN_LENGTH).round(1)


def _heights(piece: Piece) -> tuple[np.ndarray, float]:
    """Where strokes lie, and how far pitches that follow one another are apart. Drums lie below all else."""
    pitches, is_drum = piece.notes["pitch"].astype(int), piece.is_drum_track[piece.notes["track"]]
    top, bottom = float(EDGE), float(HEIGHT - EDGE)
    middle = top if is_drum.all() else bottom - (bottom - top) * DRUMS_SHARE * is_drum.any()
    heights, distance = np.zeros(len(pitches)), bottom - top
    if is_drum.any():
        drums, rows = np.unique(pitches[is_drum], return_inverse=True)
        distance = (bottom - middle) / len(drums)
        heights[is_drum] = bottom - (rows + 0.5) * distance
    if not is_drum.all():
        low, high = pitches[~is_drum].min(), pitches[~is_drum].max()
        num_pitches = max(high - low + 1, MIN_PITCHES)
        distance = (middle - top) / num_pitches
        heights[~is_drum] = middle - (pitches[~is_drum] - low + 0.5 + (num_pitches - (high - low + 1)) / 2) * distance
    return heights.round(1), distance
