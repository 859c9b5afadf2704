"""How much of real music changes when it is varied, whether what is to be kept is kept, and how long it takes.

    python -m benchmarks.varying --music DIR [DIR ...] [--model NAME] [--pieces 5] [--seed 0]

Of each folder the first 32 bars of as many pieces as asked for, of those with bars of one length. Violations are
counted by reading the result, not by what composed it.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.measure import Figure, report
from melodyforge.bundle import Model
from melodyforge.cli import Parser, run
from melodyforge.compose import generate_music, load
from melodyforge.errors import MelodyForgeError
from melodyforge.music.chords import harmony_by_beat
from melodyforge.music.keys import NUM_PITCH_CLASSES
from melodyforge.music.load import MUSIC_SUFFIXES, load_piece
from melodyforge.music.piece import Piece

AMOUNTS = (0.1, 0.3, 0.6)
KEEPS = ("", "rhythm", "contour", "harmony", "rhythm,harmony", "contour,harmony")
FEWEST_NOTES, MOST_BARS = 40, 32


def share_changed(primer: Piece, made: Piece) -> float:
    """The share of a primer's notes that are not in what was made of it."""
    names = ["onset", "duration", "track", "pitch"]
    return (Counter(primer.notes[names].tolist()) - Counter(made.notes[names].tolist())).total() / len(primer)


def broken(primer: Piece, made: Piece, keeps: str) -> dict[str, int]:
    """How many notes break what was to be kept, by its name."""
    counts = {"rhythm": wrong_rhythm, "contour": wrong_moves, "harmony": wrong_harmony}
    asked = {*keeps.split(","), *(["rhythm"] if "contour" in keeps else [])}
    return {name: count(primer, made) for name, count in counts.items() if name in asked}


def wrong_rhythm(primer: Piece, made: Piece) -> int:
    """Notes whose onset, length, loudness, timing or track is not one of the primer's."""
    names = ["onset", "duration", "velocity", "micro", "track"]
    return (Counter(made.notes[names].tolist()) - Counter(primer.notes[names].tolist())).total() + abs(
        len(made) - len(primer)
    )


def wrong_moves(primer: Piece, made: Piece) -> int:
    """Notes that do not go up, down or stay as they did, each line of a track counted from the top."""
    is_drum = primer.is_drum_track
    return sum(
        one != other
        for track in np.flatnonzero(~is_drum).tolist()
        for one, other in zip(moves(primer, track), moves(made, track), strict=True)
    )


def moves(piece: Piece, track: int) -> list[int]:
    """Of all notes of a track behind its first chord: 1 for up, -1 for down, 0."""
    chords: dict[int, list[int]] = defaultdict(list)
    for onset, pitch in piece.notes[piece.notes["track"] == track][["onset", "pitch"]].tolist():
        chords[onset].append(pitch)
    lines = [sorted(chords[onset], reverse=True) for onset in sorted(chords)]
    return [
        int(np.sign(pitch - before[min(rank, len(before) - 1)]))
        for before, here in pairwise(lines)
        for rank, pitch in enumerate(here)
    ]


def wrong_harmony(primer: Piece, made: Piece) -> int:
    """New notes outside the harmony of their beat, and drums that are not what they were."""
    beats, belongs = harmony_by_beat(primer)
    names = ["onset", "duration", "track", "pitch"]
    new = Counter(made.notes[names].tolist()) - Counter(primer.notes[names].tolist())
    is_drum = made.is_drum_track
    return sum(
        number
        for (onset, _, track, pitch), number in new.items()
        if is_drum[track] or not belongs[np.searchsorted(beats, onset, "right") - 1, pitch % NUM_PITCH_CLASSES]
    )


def struck_while_down(piece: Piece) -> int:
    """Notes on a key of a track that is down."""
    notes = np.sort(piece.notes, order=["track", "pitch", "onset"])
    is_same = (np.diff(notes["track"].astype(int)) == 0) & (np.diff(notes["pitch"].astype(int)) == 0)
    return int((is_same & (notes["onset"][1:] < (notes["onset"] + notes["duration"])[:-1])).sum())


def some_pieces(folder: Path, number: int, seed: int) -> Iterator[Piece]:
    """The beginnings of pieces of a folder that can be varied, in the order that the seed gives."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in MUSIC_SUFFIXES)
    for index in np.random.default_rng(seed).permutation(len(paths)).tolist():
        try:
            piece = load_piece(paths[index])
        except MelodyForgeError:
            continue
        if piece.is_performed or len(piece.meters) > 1:
            continue
        piece = piece.excerpt(0, MOST_BARS)
        if len(piece) >= FEWEST_NOTES and number > 0:
            number -= 1
            yield piece
        if number <= 0:
            return


def varied(model: Model, pieces: list[Piece], amount: float, keeps: str, seed: int) -> list[Figure]:
    """What comes of varying pieces in one way."""
    changed, seconds, wrong, struck = list[float](), list[float](), Counter[str](), 0
    for primer in pieces:
        begun = time.perf_counter()
        (made,) = generate_music(model, primer, vary=amount, vary_keeps=keeps or None, seed=seed)
        seconds.append(time.perf_counter() - begun)
        changed.append(share_changed(primer, made.piece))
        wrong.update(broken(primer, made.piece, keeps))
        struck += max(0, struck_while_down(made.piece) - struck_while_down(primer)) if keeps else 0
    name = f"{amount:g} {keeps or 'nothing'} kept"
    return [
        Figure(f"{name}: notes changed", float(np.mean(changed)), ""),
        Figure(f"{name}: seconds", float(np.mean(seconds)), "s"),
        *(Figure(f"{name}: {what} broken", number, "notes") for what, number in sorted(wrong.items())),
        Figure(f"{name}: struck while down", struck, "notes"),
    ]


def main(argv: list[str] | None = None) -> None:
    """Runs the benchmark."""
    parser = Parser(prog="python -m benchmarks.varying", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--music", type=Path, nargs="+", required=True, metavar="DIR")
    parser.add_argument("--model", default="starter", help="a model's name or folder (default: %(default)s)")
    parser.add_argument("--pieces", type=int, default=5, help="of each folder (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    model, figures = load(arguments.model), list[Figure]()
    pieces = [one for folder in arguments.music for one in some_pieces(folder, arguments.pieces, arguments.seed)]
    for amount in AMOUNTS:
        for keeps in KEEPS:
            found = varied(model, pieces, amount, keeps, arguments.seed)
            print("; ".join(f"{one.name} {one.value:.3g} {one.unit}" for one in found), flush=True)
            figures += found
    report("varying", f"{len(pieces)} pieces varied", figures)


if __name__ == "__main__":
    run(main)
