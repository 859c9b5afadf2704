"""How surely copies of the training music are found, how often others are taken for copies, and what it costs.

    python -m benchmarks.originality --dataset data/starter/dataset [--model starter] [--copies 400]

Copies of 12 notes of training pieces are hidden in held-out ones: in another key, half or twice as fast, alone in a
track of their own or inside chords of one to five notes. Without --model an index is made first.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.measure import Figure, report
from melodyforge.bundle import find_model, read_model
from melodyforge.cli import Parser, run
from melodyforge.corpus.split import split_pieces
from melodyforge.corpus.store import PieceStore
from melodyforge.music.piece import Piece, Track, make_notes, sort_notes
from melodyforge.originality.index import SURELY_FOUND, MusicIndex, build_index
from melodyforge.originality.index_file import pack_index
from melodyforge.originality.report import NOTES_COMPARED, longest_passage, report_on
from melodyforge.originality.search import LEAST_TURNS, find_passages
from melodyforge.originality.windows import WINDOW, lines_of, strands_of

SPEEDS = {"as fast": (1, 1), "half as fast": (2, 1), "twice as fast": (1, 2)}  # times, divided by
HOST_NOTES = 300
LIMITS = (12, 16, 24)  # notes
STYLE_NEEDS = 5  # pieces, to be told by itself


def main(argv: list[str] | None = None) -> None:
    """Runs the benchmark."""
    parser = Parser(prog="python -m benchmarks.originality", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--dataset", type=Path, required=True, metavar="DIR")
    parser.add_argument("--model", metavar="NAME", help="whose index and split are taken")
    parser.add_argument("--copies", type=int, default=400, metavar="N", help="of each kind (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    store = PieceStore(arguments.dataset)
    model = read_model(find_model(arguments.model)) if arguments.model else None
    settings = model.recipe.training if model else None
    train, held_out = split_pieces(store, settings.held_out if settings else 0.05, settings.seed if settings else 0)
    figures, index = list[Figure](), model.index if model else None
    if index is None:
        index, making = made_index(store, train)
        figures.append(making)
    hosts = [beginning(store[number], NOTES_COMPARED) for number in held_out.tolist()]
    hosts = [host for host in hosts if len(host.pitched_notes)]
    figures += [
        Figure(f"size of the index of {len(index.names):,} pieces", len(pack_index(index)) / 1e6, "MB"),
        *copies_found(store, train, hosts, index, arguments),
        *shares_of_real(hosts, index, arguments.seed),
        *seconds_needed(hosts, index),
    ]
    report("originality", "Copies of the training music", figures, copies=arguments.copies, held_out=len(hosts))


def made_index(store: PieceStore, train: np.ndarray) -> tuple[MusicIndex, Figure]:
    """An index, and how long it took."""
    begun = time.process_time()
    index = build_index(store[number] for number in train.tolist())
    seconds, notes = time.process_time() - begun, int(store.lengths[train].sum())
    return index, Figure("making the index of a million notes", seconds / notes * 1e6, "s")


def beginning(piece: Piece, num_notes: int) -> Piece:
    """The first notes."""
    return piece.with_notes(piece.notes[:num_notes])


def copies_found(
    store: PieceStore, train: np.ndarray, hosts: list[Piece], index: MusicIndex, arguments: argparse.Namespace
) -> list[Figure]:
    """How many hidden copies are found, of each kind."""
    rng, found = np.random.default_rng(arguments.seed), Counter[tuple[str, str]]()
    for speed, (times, divisor) in SPEEDS.items():
        passages = draw_passages(store, train, rng, divisor)
        for _ in range(arguments.copies):
            onset, pitch = next(passages)
            onset = onset * times // divisor
            pitch = pitch + int(rng.integers(-11, 12))
            for place in ("alone", "inside chords"):
                host = beginning(hosts[int(rng.integers(len(hosts)))], HOST_NOTES)
                piece, start = hidden(host, onset, pitch, rng, place == "inside chords")
                found[speed, place] += is_found(piece, start, index)
    return [
        Figure(f"copies of {SURELY_FOUND} notes found, any key, {', '.join(kind)}", 100 * of / arguments.copies, "%")
        for kind, of in found.items()
    ]


def draw_passages(
    store: PieceStore, train: np.ndarray, rng: np.random.Generator, divisor: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Onsets from 0 on and pitches of 12 notes in a row: no common property, and on the grid at the speed wanted."""
    while True:
        lines = lines_of(store[int(rng.choice(train))])
        if not lines:
            continue
        line = lines[int(rng.integers(len(lines)))]
        if len(line) < SURELY_FOUND - WINDOW + 1:
            continue
        first = int(rng.integers(len(line) - (SURELY_FOUND - WINDOW)))
        onset, pitch = (values[first : first + SURELY_FOUND] for values in (line.onset, line.pitch))
        windows = np.array([first, first + SURELY_FOUND - WINDOW])
        if len(np.unique(line.turns(windows, windows))) < LEAST_TURNS or (np.diff(onset) % divisor).any():
            continue
        if pitch.min() >= 24 and pitch.max() <= 103:
            yield onset - onset[0], pitch


def hidden(
    host: Piece, onset: np.ndarray, pitch: np.ndarray, rng: np.random.Generator, in_chords: bool
) -> tuple[Piece, int]:
    """The host with the passage behind it, and the step at which that begins."""
    start = host.end + 96
    drums = host.is_drum_track
    track = int(np.argmin(drums)) if in_chords else len(host.tracks)
    rows = [(start + when, 6, track, what, 80) for when, what in zip(onset.tolist(), pitch.tolist(), strict=True)]
    if in_chords:
        for when, what in zip(onset.tolist(), pitch.tolist(), strict=True):
            above, below = rng.integers(0, 3, 2).tolist()
            others = [
                *(what + rng.choice(np.arange(1, 13), above, replace=False)),
                *(what - 1 - rng.choice(12, below, replace=False)),
            ]
            rows += [(start + when, 6, track, int(other), 80) for other in others]
    tracks = host.tracks if in_chords else (*host.tracks, Track(73))
    notes = sort_notes(np.concatenate([host.notes, make_notes(rows)]))
    return Piece(notes, tracks, host.tempos, host.meters, name=host.name), start


def is_found(piece: Piece, start: int, index: MusicIndex) -> bool:
    """Whether a passage that holds all of the notes from a step on is found."""
    for strand in (*lines_of(piece), *strands_of(piece)):
        found = find_passages(index, strand).of_at_least(SURELY_FOUND)
        if (strand.onset[found.begins + found.num_notes - SURELY_FOUND] >= start).any():
            return True
    return False


def shares_of_real(hosts: list[Piece], index: MusicIndex, seed: int) -> list[Figure]:
    """How often longer passages than some limits are found in held-out pieces, and in them with shuffled notes."""
    rng = np.random.default_rng(seed)
    groups = {"held-out pieces": hosts, "the same with shuffled notes": [shuffled(host, rng) for host in hosts]}
    styles = Counter(host.style for host in hosts)
    for style in sorted(style for style, number in styles.items() if number >= STYLE_NEEDS):
        groups[f"of style {style or 'none'}"] = [host for host in hosts if host.style == style]
    return [figure for title, pieces in groups.items() for figure in shares(title, pieces, index)]


def shares(title: str, pieces: list[Piece], index: MusicIndex) -> list[Figure]:
    """The longest passage of each piece, in the middle, and how many are longer than each limit."""
    passages = [longest_passage(piece, index) for piece in pieces]
    longest = np.array([one.num_notes if one else 0 for one in passages])
    return [
        Figure(f"{title} ({len(pieces)}): median of the longest passage", float(np.median(longest)), "notes"),
        *(
            Figure(f"{title}: longest passage of more than {limit} notes", 100 * float((longest > limit).mean()), "%")
            for limit in LIMITS
        ),
    ]


def shuffled(piece: Piece, rng: np.random.Generator) -> Piece:
    """The piece with the pitches of each track in another order."""
    notes = piece.notes.copy()
    for track in range(len(piece.tracks)):
        is_of_track = notes["track"] == track
        notes["pitch"][is_of_track] = rng.permutation(notes["pitch"][is_of_track])
    return piece.with_notes(notes)


def seconds_needed(hosts: list[Piece], index: MusicIndex) -> list[Figure]:
    """Processor time for looking up a line, and for the whole report."""
    lines = [line for host in hosts for line in lines_of(host)]
    begun = time.process_time()
    for line in lines:
        find_passages(index, line)
    a_line = (time.process_time() - begun) / max(len(lines), 1)
    begun = time.process_time()
    for host in hosts:
        report_on(host, index)
    a_report = (time.process_time() - begun) / len(hosts)
    notes = np.mean([len(host) for host in hosts])
    return [
        Figure("looking up one line", 1e3 * a_line, "ms"),
        Figure(f"a whole report, of {notes:.0f} notes", 1e3 * a_report, "ms"),
    ]


if __name__ == "__main__":
    run(main)
