"""Tries to break Melody Forge, and counts what breaks.

python -m torture [--minutes 60] [--seed 1] [--kinds midi abc ...]
python -m torture --kinds abc --index 12345 [--save case.abc]    one mutant alone
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from melodyforge.cli import Parser, run
from torture.kinds import KINDS, LONG_MINUTES
from torture.tally import Tally, try_kind


def main() -> None:
    """Runs what the command line asks for."""
    arguments = parse_arguments()
    if arguments.index is not None:
        try_one(arguments)
        return
    tallies = []
    for name in arguments.kinds:
        kind = KINDS[name]
        num = max(1, round(kind.num_in_long * arguments.minutes / LONG_MINUTES))
        tallies.append(try_kind(kind, arguments.seed, range(num), arguments.files))
        print_tally(tallies[-1])


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = Parser(prog="-m torture", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1, metavar="X", help="about how long (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed, the same mutants")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--files", type=Path, metavar="DIR", help="real files to make a fifth of the mutants from")
    parser.add_argument("--index", type=int, metavar="N", help="only this mutant of the kind named")
    parser.add_argument("--save", type=Path, metavar="FILE", help="with --index: write the mutant there")
    return parser.parse_args()


def try_one(arguments: argparse.Namespace) -> None:
    """One mutant alone."""
    kind = KINDS[arguments.kinds[0]]
    if arguments.save:
        arguments.save.write_bytes(kind.mutant(arguments.seed, arguments.index, arguments.files))
    print_tally(try_kind(kind, arguments.seed, range(arguments.index, arguments.index + 1), arguments.files))


def print_tally(tally: Tally) -> None:
    """Says what became of the mutants of a kind."""
    print(
        f"{tally.kind}: {tally.num_tried:,} in {tally.seconds:.0f} s ({tally.num_tried / tally.seconds:.0f}/s), "
        f"{dict(tally.fates)}, slowest {tally.slowest_s:.2f} s, {tally.peak_mb:.0f} MB"
    )
    for index, fate, note in tally.failures:
        print(f"    {index} {fate}: {note}")


if __name__ == "__main__":
    sys.exit(run(main))
