"""Notes played on a keyboard in the browser, as a piece. Knows no browser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from melodyforge.errors import MusicReadError
from melodyforge.music.piece import DEFAULT_TEMPO_QPM, STEPS_PER_QUARTER, Piece, Tempo, Track, make_notes

GRID_STEPS = 6  # a sixteenth: people do not play to a click here
MAX_RECORDED = 500
VELOCITY = 80


def piece_of_recording(recorded: Sequence[Sequence[Any]] | None, tempo_qpm: float = DEFAULT_TEMPO_QPM) -> Piece | None:
    """The piece that was played, its first note on the first beat, times on a grid of sixteenths.

    Args:
        recorded: for each note pitch, start and length in seconds; None or none when nothing was played.
        tempo_qpm: that the player is taken to have had in mind.

    Raises:
        MusicReadError: these are no notes.
    """
    if not recorded:
        return None
    steps_per_second = tempo_qpm / 60 * STEPS_PER_QUARTER
    try:
        notes = [(int(pitch), float(start), float(length)) for pitch, start, length in recorded[:MAX_RECORDED]]
        if not all(0 <= pitch < 128 and start >= 0 and length >= 0 for pitch, start, length in notes):
            raise ValueError("a pitch or a time out of range")
    except (TypeError, ValueError) as error:
        raise MusicReadError(f"Expected notes played on the keyboard. Received {error}. Record again.") from None
    first = min(start for _, start, _ in notes)
    rows = [
        (_on_grid((start - first) * steps_per_second), max(GRID_STEPS, _on_grid(length * steps_per_second)), 0, pitch)
        for pitch, start, length in notes
    ]
    return Piece(make_notes([(*row, VELOCITY) for row in rows]), (Track(),), (Tempo(0, tempo_qpm),), name="recording")


def _on_grid(steps: float) -> int:
    return GRID_STEPS * round(steps / GRID_STEPS)
