"""How well the mood of a piece is read, against what listeners say; and the weights in `melodyforge/music/mood.py`.

    python -m benchmarks.mood --labelled DIR [--known DIR]

DIR holds pieces and `labels.csv`, with the columns file, valence and arousal: means of many listeners, from -1 to 1.
Files are named `work_piece.mid`, as in VGMIDI (Ferreira and Whitehead, "Learning to generate music with sentiment",
2019). The other DIR is piano-midi.de's music, whose pieces of well-known mood are learnt from, too.

Judged by repeated cross-validation: the pieces of one work are left out together, and what is fitted to the others,
figures and penalty included, is held against them.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from benchmarks.measure import Figure, report
from melodyforge.cli import Parser, run
from melodyforge.music.load import load_piece
from melodyforge.music.mood import FARTHEST, MOODS, WEIGHTS, Affect, read_affect, read_figures

REPEATS = 20
NUM_FOLDS = 10
PENALTIES = (3.0, 10.0, 30.0)  # of ridge regression, on figures in spreads
LABELS_FILE = "labels.csv"
KNOWN_DISTANCE = 0.25  # from the zero lines of a piece of well-known mood: about what listeners' means have
AXES = ("valence", "arousal")
# A soft piano would tell the classical pieces, which are sadder than those of games; arousal alone hears loudness.
UNHEARD = {"valence": ("loudness",), "arousal": ()}

# Pieces of piano-midi.de whose mood is beyond doubt, in our judgement. Those in `tests/test_traits.py` are left out, to
# test with.
KNOWN = {
    "tense": (
        "beeth/appass_1 beeth/pathetique_1 beeth/beethoven_opus10_1 chopin/chpn-p16 chopin/chpn-p22 chopin/chpn-p24 "
        "chopin/chpn_op25_e11 chopin/chpn_op25_e12 chopin/chpn_op35_1 brahms/br_rhap schumann/scn16_1 "
        "burgm/burg_gewitter liszt/liz_et_trans4"
    ),
    "sad": (
        "chopin/chpn-p20 chopin/chpn-p6 chopin/chpn-p2 tschai/ty_oktober tschai/ty_juni "
        "beeth/beethoven_hammerklavier_3 schubert/schub_d960_2 mendelssohn/mendel_op19_6 mendelssohn/mendel_op62_5 "
        "mendelssohn/mendel_op62_3 grieg/grieg_wanderer borodin/bor_ps1 beeth/elise"
    ),
    "calm": (
        "bach/bach_846 beeth/pathetique_2 beeth/appass_2 chopin/chpn-p7 chopin/chpn-p13 chopin/chpn_op27_2 "
        "mozart/mz_545_2 mozart/mz_330_2 schumann/scn15_1 schumann/scn15_13 grieg/grieg_berceuse schubert/schuim-3 "
        "brahms/brahms_opus117_1"
    ),
    "happy": (
        "beeth/waldstein_1 mozart/mz_545_1 mozart/mz_545_3 chopin/chp_op18 chopin/chpn_op53 chopin/chpn_op7_1 "
        "grieg/grieg_wedding grieg/grieg_halling tschai/ty_februar mendelssohn/mendel_op19_3 haydn/haydn_35_1 "
        "haydn/haydn_35_3 schumann/scn15_6"
    ),
}


@dataclass(frozen=True)
class Judged:
    """Pieces, and how people feel about them.

    Attributes:
        works: what each piece is a part of.
        figures: NaN where a piece lacks one; shape (num_pieces, len(WEIGHTS)).
        targets: valence and arousal, shape (num_pieces, 2).
        read: the same as `read_affect` reads it today.
    """

    works: list[str]
    figures: np.ndarray
    targets: np.ndarray
    read: np.ndarray

    @classmethod
    def listen(cls, paths: Sequence[Path], works: list[str], targets: list[list[float]]) -> Self:
        """Reads the pieces."""
        pieces = [load_piece(path) for path in paths]
        heard = [read_figures(piece) for piece in pieces]
        affects = [read_affect(piece) for piece in pieces]
        return cls(
            works,
            _table([[one.get(name, np.nan) for name in WEIGHTS] for one in heard], len(WEIGHTS)),
            _table(targets, len(AXES)),
            _table([[one.valence, one.arousal] for one in affects], len(AXES)),
        )

    def and_also(self, other: Judged) -> Judged:
        """The pieces of both."""
        return Judged(
            self.works + other.works,
            np.concatenate([self.figures, other.figures]),
            np.concatenate([self.targets, other.targets]),
            np.concatenate([self.read, other.read]),
        )

    def folds(self, rng: np.random.Generator) -> np.ndarray:
        """A number for each piece, the same for those of one work, shape (num_pieces,)."""
        return folds(np.unique(self.works, return_inverse=True)[1], rng)


class Line(NamedTuple):
    """A linear reading of one axis: `zero`, and for a spread of each figure above the usual its `weights`."""

    usual: np.ndarray
    spread: np.ndarray
    weights: np.ndarray
    zero: float

    def read(self, figures: np.ndarray) -> np.ndarray:
        """Of each piece, shape (num_pieces,)."""
        return self.zero + spreads(figures, self.usual, self.spread) @ self.weights


def main() -> None:
    """Fits, judges and reports."""
    parser = Parser(prog="-m benchmarks.mood", description="How well moods are read, against listeners.")
    parser.add_argument("--labelled", type=Path, required=True, metavar="DIR", help=f"pieces and {LABELS_FILE}")
    parser.add_argument("--known", type=Path, metavar="DIR", help="the music of piano-midi.de")
    arguments = parser.parse_args()
    labelled = read_labelled(arguments.labelled)
    known = read_known(arguments.known)
    everything = labelled.and_also(known)
    guesses = cross_validate(everything)
    print_weights([fit(everything, axis) for axis in range(len(AXES))])
    report(
        "mood",
        f"Moods of {len(labelled.works)} pieces judged by listeners",
        [*figures_of(labelled, guesses[:, : len(labelled.works)]), *figures_of_known(known, guesses, labelled)],
        labelled=arguments.labelled.name,
        known=len(known.works),
        repeats=REPEATS,
    )


def read_labelled(folder: Path) -> Judged:
    """The pieces that listeners judged."""
    with (folder / LABELS_FILE).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    works = [work_of(row["file"]) for row in rows]
    targets = [[float(row[axis]) for axis in AXES] for row in rows]
    return Judged.listen([folder / row["file"] for row in rows], works, targets)


def read_known(folder: Path | None) -> Judged:
    """The pieces whose mood is well known; none without a folder."""
    chosen = [(file, mood) for mood, files in KNOWN.items() for file in files.split()] if folder else []
    targets = [
        [KNOWN_DISTANCE if mood in ("happy", "calm") else -KNOWN_DISTANCE,
         KNOWN_DISTANCE if mood in ("happy", "tense") else -KNOWN_DISTANCE]
        for _, mood in chosen
    ]  # fmt: skip
    paths = [folder / f"{file}.mid" for file, _ in chosen] if folder else []
    return Judged.listen(paths, [work_of(file) for file, _ in chosen], targets)


def work_of(file: str) -> str:
    """What a piece is a part of: its name up to the last `_`, if there is one."""
    return Path(file).stem.rpartition("_")[0] or file


def _table(rows: list[list[float]], width: int) -> np.ndarray:
    return np.array(rows, float).reshape(-1, width)


def spreads(figures: np.ndarray, usual: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """How far figures are from the usual, as `read_affect` counts it."""
    return np.nan_to_num(np.clip((figures - usual) / spread, -FARTHEST, FARTHEST))


def folds(groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A fold for each piece, at random, whole groups together, the large ones first so that all folds become alike."""
    sizes = np.bincount(groups)
    order = rng.permutation(len(sizes))
    load, fold_of = np.zeros(NUM_FOLDS), np.zeros(len(sizes), int)
    for group in order[np.argsort(-sizes[order], kind="stable")].tolist():
        fold_of[group] = load.argmin()
        load[fold_of[group]] += sizes[group]
    return fold_of[groups]


def solve(figures: np.ndarray, targets: np.ndarray, columns: list[int], penalty: float) -> Line:
    """Ridge regression on some of the figures; the others weigh nothing."""
    usual, spread = np.nanmean(figures, axis=0), np.maximum(1e-9, np.nanstd(figures, axis=0))
    known = spreads(figures, usual, spread)[:, columns]
    middle, zero = known.mean(axis=0), float(targets.mean())
    centred = known - middle
    found = np.linalg.solve(centred.T @ centred + penalty * np.eye(len(columns)), centred.T @ (targets - zero))
    weights = np.zeros(figures.shape[1])
    weights[columns] = found
    return Line(usual, spread, weights, zero - float(middle @ found))


def left_out(figures: np.ndarray, targets: np.ndarray, fold: np.ndarray, columns: list[int], penalty: float) -> float:
    """Mean squared error on the folds that were left out."""
    errors = []
    for number in np.unique(fold):
        line = solve(figures[fold != number], targets[fold != number], columns, penalty)
        errors.append((line.read(figures[fold == number]) - targets[fold == number]) ** 2)
    return float(np.concatenate(errors).mean())


def fit(judged: Judged, axis: int) -> Line:
    """The reading of an axis: all figures, less those without which left-out pieces are read better."""
    figures, targets = judged.figures, judged.targets[:, axis]
    fold = judged.folds(np.random.default_rng(0))
    columns = [index for index, name in enumerate(WEIGHTS) if name not in UNHEARD[AXES[axis]]]

    def best(columns: list[int]) -> tuple[float, float]:
        return min((left_out(figures, targets, fold, columns, penalty), penalty) for penalty in PENALTIES)

    error, penalty = best(columns)
    while len(columns) > 1:
        fewer = [[one for one in columns if one != dropped] for dropped in columns]
        (lower, its_penalty), without = min((best(some), some) for some in fewer)
        if lower >= error:
            break
        error, penalty, columns = lower, its_penalty, without
    return solve(figures, targets, columns, penalty)


def cross_validate(judged: Judged) -> np.ndarray:
    """What each piece is read as by what was fitted to others; shape (REPEATS, num_pieces, 2)."""
    guesses = np.zeros((REPEATS, *judged.targets.shape))
    for repeat in range(REPEATS):
        fold = judged.folds(np.random.default_rng([1, repeat]))
        for number in np.unique(fold):
            is_left = fold == number
            others = [work for work, is_out in zip(judged.works, is_left, strict=True) if not is_out]
            rest = Judged(others, judged.figures[~is_left], judged.targets[~is_left], judged.read[~is_left])
            for axis in range(len(AXES)):
                guesses[repeat, is_left, axis] = fit(rest, axis).read(judged.figures[is_left])
    return guesses


def quadrants(places: np.ndarray) -> np.ndarray:
    """The mood of each place, as an index into `MOODS`; shapes (..., 2) -> (...)."""
    names = [Affect(*place).mood for place in places.reshape(-1, 2).tolist()]
    return np.array([MOODS.index(name) for name in names], int).reshape(places.shape[:-1])


def figures_of(judged: Judged, guesses: np.ndarray) -> list[Figure]:
    """How well the pieces of listeners are read."""
    asked = quadrants(judged.targets)
    right = (quadrants(guesses) == asked).mean(axis=1)
    figures = [
        Figure("the commonest mood", 100 * np.bincount(asked).max() / len(asked), "%"),
        Figure("mood, cross-validated", 100 * right.mean(), "%", ">= 60"),
        Figure("its standard deviation over repeats", 100 * right.std(), "%"),
    ]
    for index, axis in enumerate(AXES):
        target, guess = judged.targets[:, index], guesses[..., index]
        correlation = np.mean([np.corrcoef(one, target)[0, 1] for one in guess])
        figures += [
            Figure(f"{axis}, right side of zero, cross-validated", 100 * ((guess >= 0) == (target >= 0)).mean(), "%"),
            Figure(f"{axis}, correlation, cross-validated", correlation, ""),
        ]
    return [*figures, Figure("mood, as read today", 100 * (quadrants(judged.read) == asked).mean(), "%")]


def figures_of_known(known: Judged, guesses: np.ndarray, labelled: Judged) -> list[Figure]:
    """How well the pieces of well-known mood are read, if there are any."""
    if not known.works:
        return []
    asked = quadrants(known.targets)
    right = quadrants(guesses[:, len(labelled.works) :]) == asked
    today = quadrants(known.read) == asked
    return [
        Figure("well-known pieces, cross-validated", 100 * right.mean(), "%"),
        Figure("well-known pieces, as read today", 100 * today.mean(), "%"),
    ]


def print_weights(lines: Sequence[Line]) -> None:
    """Prints the table for `melodyforge/music/mood.py`."""
    valence, arousal = lines
    print("WEIGHTS: dict[str, Weight] = {")
    for index, name in enumerate(WEIGHTS):
        values = (valence.usual[index], valence.spread[index], valence.weights[index], arousal.weights[index])
        print(f'    "{name}": Weight({", ".join(f"{value:.4f}" for value in values)}),')
    print(f"}}\nUNMOVED = Affect({valence.zero:.4f}, {arousal.zero:.4f})  # a piece in which all is usual")


if __name__ == "__main__":
    raise SystemExit(run(main))
