"""What `--best-of N` brings: the chosen take against the others, by a classifier that has heard none of them.

    python -m benchmarks.best_of [--styles S ...] [--best-of 16] [--pieces 16] [--effort good] [--seed 0]

Takes are composed as `--best-of` composes them, and ranked. The classifier has learnt to tell takes of other pieces
from real music of the style, by the figures by which `evaluate_model.py` tells music apart.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.measure import Figure, report
from melodyforge.bundle import Model
from melodyforge.cli import Parser, run
from melodyforge.compose import load
from melodyforge.composing.ranking import rank
from melodyforge.composing.takes import draw_takes
from melodyforge.composing.task import Task, make_task
from melodyforge.composing.wishes import default_settings
from melodyforge.corpus.store import PieceStore
from melodyforge.evaluation.real_music import as_said, beginning_of, with_ending
from melodyforge.evaluation.told_apart import NUM_NOTES, odds_of_real, variety_of
from melodyforge.music.piece import Piece
from melodyforge.places import PROJECT_DIR

STYLES = ["bach-chorales", "fiddle-tunes"]
NUM_REAL = 60
COMPOSED_NOTES = 300


def real_pieces(model: Model, store: PieceStore, style: str) -> list[Piece]:
    """Real pieces of a style that are long enough for no ending to be among their first notes."""
    of_style = np.flatnonzero(store.styles == store.style_names.index(style))
    long = of_style[store.lengths[of_style] >= with_ending(beginning_of(store.lengths[of_style]))]
    chosen = np.random.default_rng(0).permutation(long)[:NUM_REAL]
    return [as_said(store[index], model.representation) for index in chosen.tolist()]


def share_beaten(task: Task, groups: list[list[Piece]], real: list[Piece]) -> tuple[float, list[Piece]]:
    """Of the other takes of a piece the share that the chosen one is more real than, on average; and those chosen."""
    shares, chosen = [], []
    for place, takes in enumerate(groups):
        others = [take for other, group in enumerate(groups) if other != place for take in group]
        odds = odds_of_real(real, others, takes)
        best = int(rank(task, takes).argmax())
        shares.append(float((odds < odds[best]).sum() / (len(takes) - 1)))
        chosen.append(takes[best])
    return float(np.mean(shares)), chosen


def main(argv: list[str] | None = None) -> None:
    """Runs the benchmark."""
    parser = Parser(prog="python -m benchmarks.best_of", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--model", default="starter", help="a model's name or folder (default: %(default)s)")
    parser.add_argument("--dataset", type=Path, default=PROJECT_DIR / "data" / "starter" / "dataset", metavar="DIR")
    parser.add_argument("--styles", nargs="+", default=STYLES, metavar="S", help="default: %(default)s")
    parser.add_argument("--best-of", type=int, default=16, metavar="N", help="takes of each piece")
    parser.add_argument("--pieces", type=int, default=16, help="default: %(default)s")
    parser.add_argument("--effort", default="good", help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    model, store, figures = load(arguments.model), PieceStore(arguments.dataset), list[Figure]()
    for style in arguments.styles:
        settings = default_settings(
            model, style=style or None, num_notes=COMPOSED_NOTES, effort=arguments.effort, seed=arguments.seed
        )
        task, number = make_task(model, settings, None), arguments.best_of
        takes = draw_takes(task, list(range(number * arguments.pieces)), 0)
        kept = [[take.piece for take in takes[first : first + number]] for first in range(0, len(takes), number)]
        long = [[piece for piece in group if len(piece) >= with_ending(NUM_NOTES)] for group in kept]
        groups = [group for group in long if len(group) > 1]  # others leave nothing to choose from
        real = real_pieces(model, store, style)
        share, chosen = share_beaten(task, groups, real)
        figures += [
            Figure(f"{style}: other takes that the chosen one is more real than", 100 * share, "%"),
            Figure(f"{style}: variety of chosen takes", 100 * variety_of(real, chosen), "% of real pieces'"),
            Figure(
                f"{style}: of as many others", 100 * variety_of(real, [one[0] for one in groups]), "% of real pieces'"
            ),
        ]
    report("best_of", f"The best of {arguments.best_of} takes", figures, effort=arguments.effort)


if __name__ == "__main__":
    run(main)
