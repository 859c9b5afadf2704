"""How near music comes to a few given pieces, without training: in nats of others like them, and in its figures.

    python -m benchmarks.likeness --music DIR [DIR ...] [--model NAME] [--like 1 3 5] [--others 6] [--pieces 6]
        [--half] [--beside MODEL]

Of each folder, in the order of the seed, the first pieces are given, and others are measured on: what their notes cost
(nats a note) when the network is told nothing; what they are; besides, when it has just read a given piece; when each
class is likelier by as much as it is commoner in the given pieces than was expected; and when it leans towards them,
which is what `--like` does. `--beside MODEL` measures another model, such as one trained further on the same pieces.
`--half` measures on the second half of each given piece, and gives the first alone.

Then pieces are composed, plain in the nearest style and like the given ones. Their figures are compared with those of
the given pieces: distance from their mean, in standard deviations of all music at hand.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.measure import Figure, report
from melodyforge.bundle import Model
from melodyforge.cli import Parser, run
from melodyforge.compose import generate_music, load
from melodyforge.composing.manner import TOLD, Manner, learn_manner
from melodyforge.decoding.leaning import Heard, listen, nats_of_windows
from melodyforge.decoding.lstm import LstmNetwork, LstmState
from melodyforge.errors import MelodyForgeError
from melodyforge.figures.critic import FARTHEST, figures_of
from melodyforge.figures.describe import NUM_NOTES, beginning
from melodyforge.music.load import MUSIC_SUFFIXES, load_piece
from melodyforge.music.piece import Piece
from melodyforge.originality.report import longest_passage
from melodyforge.tokens.representation import Change

FEWEST_NOTES, MOST_NOTES = 80, 3_000  # of a piece that is taken
MEASURED_ROWS = 400  # of each piece
COUNTED_BEFORE = 5.0  # notes of each class, so that a rare one is not forbidden
COMPOSED_NOTES = NUM_NOTES


def some_pieces(folder: Path, number: int, seed: int) -> list[Piece]:
    """Pieces of a folder in the order that the seed gives."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in MUSIC_SUFFIXES)
    pieces: list[Piece] = []
    for index in np.random.default_rng(seed).permutation(len(paths)).tolist():
        if len(pieces) == number:
            break
        try:
            piece = load_piece(paths[index])
        except MelodyForgeError:
            continue
        if FEWEST_NOTES <= len(piece) <= MOST_NOTES:
            pieces.append(replace(piece, style=""))
    return pieces


def hear(
    model: Model, network: LstmNetwork, pieces: Sequence[Piece], is_told: bool, state: LstmState | None = None
) -> dict[str, Heard]:
    """What heads hear of pieces, whose traits the network is told or not."""
    representation = model.representation
    rows = [representation.encode(piece) for piece in pieces]
    length = min(MEASURED_ROWS, max(map(len, rows)) + 1)
    told = [representation.controls_of(piece) if is_told else None for piece in pieces]
    windows = [
        representation.window(one, 0, length, TOLD if is_told else Change(), controls)
        for one, controls in zip(rows, told, strict=True)
    ]
    return listen(network, representation, windows, state)


def state_after(model: Model, network: LstmNetwork, piece: Piece, number: int) -> LstmState:
    """The state in which a piece leaves the network, for so many pieces to go on from."""
    rows = model.representation.encode(piece)[:MEASURED_ROWS]
    window = model.representation.window(rows, 0, len(rows))
    state = network.start(number)
    for row in range(len(rows)):
        inputs = {one.name: window[one.name][row : row + 1] for one in model.representation.inputs}
        state = network.advance(state, {name: np.repeat(values, number, axis=0) for name, values in inputs.items()})
    return state


def nats_by_shares(network: LstmNetwork, given: dict[str, Heard], heard: dict[str, Heard]) -> float:
    """Nats of all that was heard, once classes are likelier by as much as they are commoner than expected."""
    total = 0.0
    for name, one in heard.items():
        chances = np.exp(_log_chances(network, name, given[name]))
        counts = np.bincount(given[name].target, minlength=chances.shape[1])
        moved = np.log((counts + COUNTED_BEFORE) / (chances.sum(axis=0) + COUNTED_BEFORE))
        logits = _log_chances(network, name, one) + moved
        total += float((np.logaddexp.reduce(logits, axis=1) - logits[np.arange(len(logits)), one.target]).sum())
    return total


def _log_chances(network: LstmNetwork, name: str, heard: Heard) -> np.ndarray:
    logits = network.outputs[name](np.maximum(heard.vector, 0.0), heard.known).astype(float)
    return logits - np.logaddexp.reduce(logits, axis=1)[:, None]


def measure_nats(model: Model, given: list[Piece], others: list[Piece], name: str) -> list[Figure]:
    """What the notes of other pieces cost, in each way."""
    network = model.network
    if not isinstance(network, LstmNetwork):
        raise TypeError("Only a network that can lean is measured.")
    begun = time.perf_counter()
    manner = learn_manner(model, given)
    seconds = time.perf_counter() - begun
    others = [replace(piece, style=manner.headings[0].traits.style) for piece in others]
    untold, told = (hear(model, network, others, is_told) for is_told in (False, True))
    state, nothing = state_after(model, network, given[0], len(others)), np.zeros_like(manner.lean)
    ways = {
        "told nothing": nats_of_windows(network, untold, nothing).sum(),
        "told what they are": nats_of_windows(network, told, nothing).sum(),
        "having read": nats_of_windows(network, hear(model, network, others, True, state), nothing).sum(),
        "by shares": nats_by_shares(network, hear(model, network, given, True), told),
        "leaning": nats_of_windows(network, told, manner.lean).sum(),
    }
    number = len(told["shift"].target)
    nats = [Figure(f"{name}, {way}", float(total) / number, "nats/note") for way, total in ways.items()]
    return [*nats, Figure(f"{name}, learning", seconds, "s")]


def measure_beside(model: Model, others: list[Piece], name: str) -> list[Figure]:
    """What the notes of pieces cost another model, told what they are; of its styles, the best."""
    network = model.network
    if not isinstance(network, LstmNetwork):
        raise TypeError("Only a network that can lean is measured.")
    nothing, totals = np.zeros(network.lean_size, np.float32), list[float]()
    for style in model.representation.controls.styles if model.representation.controls else []:
        heard = hear(model, network, [replace(piece, style=style) for piece in others], True)
        totals.append(nats_of_windows(network, heard, nothing).sum() / len(heard["shift"].target))
    return [Figure(f"{name}, {model.name}", min(totals), "nats/note")]


def halves(piece: Piece) -> tuple[Piece, Piece]:
    """The first and the second half of a piece, cut at a bar line."""
    bars, _, _ = piece.bars_at(piece.notes["onset"])
    middle = max(1, int(bars[len(bars) // 2]))
    return piece.excerpt(0, middle), piece.excerpt(middle, int(bars[-1]) + 1)


def figures_table(pieces: Sequence[Piece]) -> np.ndarray:
    """Their figures, shape (num_pieces, num_figures)."""
    return np.array([figures_of(beginning(piece)) for piece in pieces])


def measure_figures(
    model: Model, given: list[Piece], others: list[Piece], strangers: list[Piece], num_pieces: int, name: str
) -> list[Figure]:
    """How far the figures of music are from those of the given pieces."""
    manner = learn_manner(model, given)
    style = manner.headings[0].traits.style or None
    settings = {"num_pieces": num_pieces, "num_notes": COMPOSED_NOTES, "seed": 0}
    plain = [one.piece for one in generate_music(model, style=style, **settings)]
    like = [one.piece for one in generate_music(model, like=manner, **settings)]
    groups = {"others of the folder": others, "of other folders": strangers, "composed plain": plain, "like them": like}
    tables = {group: figures_table(pieces) for group, pieces in groups.items() if pieces}
    real = np.concatenate(
        [figures_table(given), *(tables[one] for one in tables if one.endswith(("folder", "folders")))]
    )
    is_known = ~np.isnan(real).all(axis=0)
    real, tables = real[:, is_known], {group: one[:, is_known] for group, one in tables.items()}
    mean, deviation = np.nanmean(real, axis=0), np.nanstd(real, axis=0)
    aim = _scaled(figures_table(given)[:, is_known], mean, deviation).mean(axis=0)
    far = {group: np.sqrt(((_scaled(one, mean, deviation) - aim) ** 2).mean(axis=1)) for group, one in tables.items()}
    return [
        *(Figure(f"{name}, {group}", float(np.mean(one)), "") for group, one in far.items()),
        *(measure_copies(manner, groups[group], f"{name}, {group}") for group in tables),
    ]


def measure_copies(manner: Manner, pieces: list[Piece], name: str) -> Figure:
    """How long the longest passages are, on average, that pieces share with those given."""
    found = [longest_passage(piece, manner.index) for piece in pieces] if manner.index else []
    return Figure(f"{name}, shared in a row", float(np.mean([one.num_notes if one else 0 for one in found])), "notes")


def _scaled(table: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """In standard deviations; 0 for what there is none of."""
    return np.clip(np.nan_to_num((table - mean) / np.maximum(deviation, 1e-6)), -FARTHEST, FARTHEST)


def measure(
    model: Model, beside: Model | None, arguments: argparse.Namespace, folder: Path, music: dict[Path, list[Piece]]
) -> Iterator[list[Figure]]:
    """All that is measured on one of the folders."""
    pieces, most, name = music[folder], max(arguments.like), folder.name
    others = pieces[most:]
    for number in arguments.like:
        yield measure_nats(model, pieces[:number], others, f"{name}, {number} given")
    if beside:
        yield measure_beside(beside, others, name)
    for index, piece in enumerate(pieces[:most] if arguments.half else []):
        first, second = halves(piece)
        yield measure_nats(model, [first], [second], f"{name}, second half of piece {index + 1}")
    if arguments.pieces:
        given = pieces[: sorted(arguments.like)[len(arguments.like) // 2]]
        strangers = [one for other in music if other != folder for one in music[other][most:]]
        yield measure_figures(model, given, others, strangers, arguments.pieces, f"{name}, figures of {len(given)}")


def main(argv: list[str] | None = None) -> None:
    """Runs the benchmark."""
    parser = Parser(prog="python -m benchmarks.likeness", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--music", type=Path, nargs="+", required=True, metavar="DIR")
    parser.add_argument("--model", default="starter", help="a model's name or folder (default: %(default)s)")
    parser.add_argument("--like", type=int, nargs="+", default=[1, 3, 5], help="how many pieces are given")
    parser.add_argument("--others", type=int, default=6, help="of each folder, to measure on (default: %(default)s)")
    parser.add_argument("--pieces", type=int, default=6, help="to compose; 0: none (default: %(default)s)")
    parser.add_argument("--beside", metavar="MODEL", help="another model to measure")
    parser.add_argument("--half", action="store_true", help="measure on second halves, too")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    model, figures, most = load(arguments.model), list[Figure](), max(arguments.like)
    beside = load(arguments.beside) if arguments.beside else None
    music = {one: some_pieces(one, most + arguments.others, arguments.seed) for one in arguments.music}
    for folder in music:
        for found in measure(model, beside, arguments, folder, music):
            print("; ".join(f"{one.name} {one.value:.3f} {one.unit}" for one in found), flush=True)
            figures += found
    report("likeness", f"Like a few given pieces, model {model.name}", figures)


if __name__ == "__main__":
    run(main)
