"""The studio under strain: a random walk over its pages, and many visitors at once. Both need what the tests need."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.load import Load, measure

STEPS_IN_LONG = 1500
VISIT_MINUTES_IN_LONG = 10.0
NUM_VISITORS = 25
MAX_STEPS_AT_ONCE = 400  # of one walk; then another begins, from another seed


@dataclass
class Walked:
    """What a walk over the pages met with.

    Attributes:
        num_steps: actions.
        num_takes: that were composed meanwhile.
        complaints: exceptions shown, and what was lost.
    """

    num_steps: int = 0
    num_takes: int = 0
    complaints: list[str] = field(default_factory=list)


def walk(num_steps: int, seed: int) -> Walked | None:
    """Walks over a studio of its own; None where there is no browser."""
    from tests.studio_server import CHROMIUM
    from tests.walk_studio import walk_alone

    if CHROMIUM is None:
        return None
    walked = Walked()
    while walked.num_steps < num_steps:
        with tempfile.TemporaryDirectory() as folder:
            found = walk_alone(Path(folder), seed, min(MAX_STEPS_AT_ONCE, num_steps - walked.num_steps))
        walked.num_steps += len(found.trail)
        walked.num_takes += found.num_composed
        walked.complaints += found.complaints
        seed += 1
    return walked


def visit(minutes: float) -> Load:
    """Sends visitors, who compose, listen, upload and download for so long beside a training; or each composes once.

    Args:
        minutes: less than one means once.
    """
    return measure(NUM_VISITORS, minutes, with_training=True) if minutes >= 1 else measure(NUM_VISITORS)
