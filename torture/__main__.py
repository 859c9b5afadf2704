"""Tries to break Melody Forge, and counts what breaks.

python -m torture                                                the short form
python -m torture --minutes 60 --write                           the long form, for docs/reliability.md
python -m torture --only abc kern                                some kinds of input
python -m torture --only abc --index 12345 --save case.abc       one mutant alone
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from melodyforge.cli import Parser, run
from torture.kills import WORKS, kill_work
from torture.kinds import KINDS, LONG_MINUTES, Kind
from torture.report import Report
from torture.studio import NUM_VISITORS, STEPS_IN_LONG, VISIT_MINUTES_IN_LONG, visit, walk
from torture.tally import try_kind

KILLS, WALK, VISITORS = "kills", "walk", "visitors"
PARTS = (*KINDS, KILLS, WALK, VISITORS)


def main() -> None:
    """Runs what the command line asks for, and prints what came of it."""
    arguments = parse_arguments()
    if arguments.save:
        arguments.save.write_bytes(
            KINDS[arguments.only[0]].mutant(arguments.seed, arguments.index or 0, arguments.files)
        )
    report = torture(arguments)
    print(report.to_markdown())
    if arguments.write:
        report.write()
    if report.failures:
        raise SystemExit(1)


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = Parser(prog="-m torture", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1, metavar="X", help="about how long (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed, the same mutants")
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=f"of {', '.join(PARTS)}"
    )
    parser.add_argument("--files", type=Path, metavar="DIR", help="real files to make a fifth of the mutants from")
    parser.add_argument("--index", type=int, metavar="N", help="with --only KIND: this mutant alone")
    parser.add_argument("--save", type=Path, metavar="FILE", help="with --index: write the mutant there")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/reliability.md")
    return parser.parse_args()


def torture(arguments: argparse.Namespace) -> Report:
    """Tries every part that was asked for."""
    report, began, share = Report(), time.perf_counter(), arguments.minutes / LONG_MINUTES
    for kind in (KINDS[name] for name in arguments.only if name in KINDS):
        say(kind.name)
        report.tallies.append(try_kind(kind, arguments.seed, indices_of(kind, share, arguments.index), arguments.files))
    if KILLS in arguments.only:
        for work in WORKS:
            say(work.name)
            report.killed.append(kill_work(work, at_least_one(work.num_in_long * share), arguments.seed))
    if WALK in arguments.only:
        say("a walk over the studio")
        report.walked = walk(at_least_one(STEPS_IN_LONG * share), arguments.seed)
    if VISITORS in arguments.only:
        say(f"{NUM_VISITORS} visitors")
        report.load = visit(VISIT_MINUTES_IN_LONG * share)
    report.seconds = time.perf_counter() - began
    return report


def indices_of(kind: Kind, share: float, index: int | None) -> range:
    """The numbers of the mutants that are tried."""
    return range(at_least_one(kind.num_in_long * share)) if index is None else range(index, index + 1)


def at_least_one(number: float) -> int:
    """Rounded."""
    return max(1, round(number))


def say(what: str) -> None:
    """What is being tried, for whoever waits."""
    print(f"{time.strftime('%H:%M:%S')} {what} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(run(main))
