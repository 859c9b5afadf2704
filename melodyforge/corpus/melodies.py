"""Which track of every piece carries the melody: as a table to look through. Knows datasets and files."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from melodyforge.corpus.store import PieceStore
from melodyforge.files import write_bytes
from melodyforge.music.melody import TrackFacts, find_melody

COLUMNS = ("piece", "melody track", "of tracks", "name", "notes", "mean pitch")


@dataclass(frozen=True, slots=True)
class Choice:
    """The track that was chosen in one piece, or None."""

    piece_name: str
    num_tracks: int
    melody: TrackFacts | None


def choose_melodies(store: PieceStore, wanted: str = "") -> list[Choice]:
    """The melody of every piece; `wanted` as for `find_melody`."""
    pieces = (store[index] for index in range(len(store)))
    return [Choice(piece.name, len(piece.tracks), find_melody(piece, wanted)) for piece in pieces]


def write_choices(path: Path, choices: list[Choice]) -> None:
    """Writes a CSV with a line for every piece; those without a melody have empty fields.

    Raises:
        OutputError: it cannot be written.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for choice in choices:
        row: list[object] = ["", choice.num_tracks, "", "", ""]
        if choice.melody:
            melody = choice.melody
            row = [melody.number, choice.num_tracks, melody.name, melody.num_notes, f"{melody.mean_pitch:.1f}"]
        writer.writerow([choice.piece_name, *row])
    write_bytes(path, buffer.getvalue().encode())
