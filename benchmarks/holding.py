"""What it is worth to a network to be told of notes that stand: what hidden notes cost it, against the past alone.

    python -m benchmarks.holding [--model NAME] [--dataset DIR] [--pieces 20] [--seed 0]

Of held-out pieces of some styles, either one track stands and the others are hidden, as when a tune is harmonised or a
voice accompanied, or all stands but four bars. Hidden notes cost the same network so many nats each, field by field:
once told what stands, once told nothing but the past. What follows from what stands is not counted in either.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.measure import Figure, report
from melodyforge.bundle import Model
from melodyforge.cli import Parser, run
from melodyforge.compose import load
from melodyforge.corpus.split import split_pieces
from melodyforge.corpus.store import PieceStore
from melodyforge.music.form import NO_FORM
from melodyforge.music.piece import Piece
from melodyforge.places import PROJECT_DIR
from melodyforge.tokens.features import NOT_ASKED
from melodyforge.tokens.headings import heading_of
from melodyforge.tokens.held import Hold

MOST_NOTES = 300  # of a piece, its first ones
GAP_BARS = 4
GAPS = ("bach-chorales", "fiddle-tunes", "string-quartets", "pop", "songs")  # styles in which bars are hidden
TRACKS = {  # hidden tracks by style, counted from the highest
    "bach-chorales": {"the soprano stands": slice(1, None), "all but the alto stand": slice(1, 2)},
    "songs": {"the voice stands": slice(1, None)},
    "string-quartets": {"the first violin stands": slice(1, None), "all but the viola stand": slice(2, 3)},
}


@dataclass(frozen=True)
class Hidden:
    """Rows of a piece of which some are hidden, bool, shape (len(rows),), and what stands."""

    piece: Piece
    rows: np.ndarray
    is_hidden: np.ndarray
    hold: Hold


def nats_of_hidden(model: Model, hidden: Hidden, is_told: bool) -> float:
    """What the hidden rows cost in all, in nats, told what stands or not."""
    representation, network = model.representation, model.network
    window = representation.window(hidden.rows, 0, len(hidden.rows))
    heading = replace(heading_of(hidden.piece), form=NO_FORM)
    context = representation.begin([heading], holds=[hidden.hold] if is_told else [])
    state, total = network.start(1), 0.0
    for index, is_hidden in enumerate(hidden.is_hidden[: np.flatnonzero(hidden.is_hidden)[-1] + 1].tolist()):
        state = network.advance(state, context.inputs())
        for head in representation.heads:
            target = window[f"target_{head.name}"][index : index + 1]
            told = context.told(head)
            if is_hidden and target[0] != NOT_ASKED:
                logits = network.logits(state, head, told)[0].astype(float)
                total += float(np.logaddexp.reduce(logits) - logits[target[0]])
            elif not is_hidden:
                network.logits(state, head, told)  # later heads hear what earlier ones were told
            context.choose(head, target)
        context.commit()
    return total


def with_tracks_hidden(model: Model, piece: Piece, hidden: slice) -> Hidden | None:
    """Some tracks are hidden, counted from the highest on average; None where all or none are."""
    rows = model.representation.encode(piece)[:MOST_NOTES]
    tracks = sorted(np.unique(rows["track"]), key=lambda track: -rows["pitch"][rows["track"] == track].mean())
    is_hidden = np.isin(rows["track"], tracks[hidden])
    if not 0 < is_hidden.sum() < len(rows):
        return None
    is_free = np.isin(np.arange(model.representation.ranges.lowest.size), tracks[hidden])
    stop = int(rows["onset"][-1]) + 1
    return Hidden(piece, rows, is_hidden, Hold(rows[~is_hidden], is_free, ((0, stop),), piece.bars_at))


def with_gap(model: Model, piece: Piece, rng: np.random.Generator) -> Hidden | None:
    """Four bars are hidden; None where there are not three times as many."""
    rows = model.representation.encode(piece)
    last = int(rows["bar"][: 2 * MOST_NOTES].max(initial=0)) - GAP_BARS
    if last < 2 * GAP_BARS:
        return None
    first = int(rng.integers(GAP_BARS, last))
    is_hidden = (rows["bar"] >= first) & (rows["bar"] < first + GAP_BARS)
    if not is_hidden.any() or not (rows["bar"] >= first + GAP_BARS).any():
        return None
    start, stop = piece.start_of_bar(first), piece.start_of_bar(first + GAP_BARS)
    is_free = np.isin(np.arange(model.representation.ranges.lowest.size), np.unique(rows["track"]))
    return Hidden(piece, rows, is_hidden, Hold(rows[~is_hidden], is_free, ((start, stop),), piece.bars_at))


def held_out_pieces(model: Model, store: PieceStore, style: str) -> Iterator[Piece]:
    """Pieces of a style with a beat that the model has not learnt from."""
    settings = model.recipe.training
    _, held_out = split_pieces(store, settings.held_out, settings.seed, settings.style)
    for index in held_out[store.styles[held_out] == store.style_names.index(style)].tolist():
        piece = store[index]
        if not piece.is_performed and len(piece):
            yield piece


def compare(model: Model, cases: list[Hidden]) -> tuple[float, float]:
    """Nats of a hidden note told nothing but the past, and told what stands."""
    number = sum(int(case.is_hidden.sum()) for case in cases)
    with threadpool_limits(1):
        past, both = (sum(nats_of_hidden(model, case, is_told) for case in cases) for is_told in (False, True))
    return past / number, both / number


def main(argv: list[str] | None = None) -> None:
    """Runs the benchmark."""
    parser = Parser(prog="python -m benchmarks.holding", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--model", default="starter", help="a model's name or folder (default: %(default)s)")
    parser.add_argument("--dataset", type=Path, default=PROJECT_DIR / "data" / "starter" / "dataset", metavar="DIR")
    parser.add_argument("--pieces", type=int, default=20, help="of each style, at most (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    model, store = load(arguments.model), PieceStore(arguments.dataset)
    rng = np.random.default_rng(arguments.seed)
    figures = []
    for style in [one for one in dict.fromkeys((*TRACKS, *GAPS)) if one in store.style_names]:
        pieces = list(held_out_pieces(model, store, style))
        kinds = {
            f"{style}: {name}": [with_tracks_hidden(model, piece, hidden) for piece in pieces]
            for name, hidden in TRACKS.get(style, {}).items()
        }
        if style in GAPS:
            kinds[f"{style}: {GAP_BARS} bars hidden"] = [with_gap(model, piece, rng) for piece in pieces]
        for name, found in kinds.items():
            cases = [case for case in found if case][: arguments.pieces]
            if not cases:
                continue
            past, both = compare(model, cases)
            print(f"{name}, {len(cases)} pieces: {past:.3f} -> {both:.3f} nats a hidden note", flush=True)
            figures += [
                Figure(f"{name}, told the past alone", past, "nats"),
                Figure(f"{name}, told what stands", both, "nats"),
                Figure(f"{name}, fewer nats", 100 * (1 - both / past), "%"),
            ]
    report("holding", "Told what stands, or the past alone", figures)


if __name__ == "__main__":
    run(main)
