"""Where the batches of a training come from: made on demand, or by processes beside it.

A GPU learns faster than the threads of one process can make batches, since only one of them runs Python at a time.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from melodyforge.recipe import Recipe
from melodyforge.settings import RepresentationSettings
from melodyforge.tokens import representation_class
from melodyforge.tokens.representation import Representation
from melodyforge.training.data import RandomChange, TrainingData
from melodyforge.training.plan import Plan

MOST_PROCESSES = 32
NUM_THREADS = 2  # that make batches on a machine without a GPU, which is busy learning

Batch = dict[str, np.ndarray]
_make: Callable[[int], Batch] | None = None  # of a process that makes batches


@dataclass(frozen=True)
class BatchMaker:
    """Makes the batch of any step."""

    data: TrainingData
    plan: Plan
    change: RandomChange

    @classmethod
    def of(cls, data: TrainingData, plan: Plan, recipe: Recipe) -> BatchMaker:
        """For a training."""
        return cls(data, plan, RandomChange(recipe.training.seed, plan.transpose, recipe.training.stretch))

    def __call__(self, step: int, part: slice = slice(None)) -> Batch:
        """The batch of a step, or a part of its windows; the same whoever makes it."""
        return self.data.train_batch(step, self.plan.window, self.plan.batch_size, self.change, part)


@dataclass(frozen=True)
class SentMaker:
    """A `BatchMaker` as another process can be sent it.

    Vocabularies cannot be sent, their states can; so can rows, by where they lie.
    """

    bare: BatchMaker
    settings: RepresentationSettings
    vocabulary: dict[str, Any]

    @classmethod
    def of(cls, make: BatchMaker, recipe: Recipe) -> SentMaker:
        """Packs."""
        data = replace(make.data, representation=cast(Representation, None), habits={}, passages=())
        return cls(replace(make, data=data), recipe.representation, make.data.representation.state())

    def unpacked(self) -> BatchMaker:
        """The maker."""
        representation = representation_class(self.settings).from_state(self.settings, self.vocabulary)
        return replace(self.bare, data=replace(self.bare.data, representation=representation))


class Feeder:
    """Hands out the batches of a training; to be closed when no more are wanted.

    Attributes:
        num_threads: that should ask for batches at the same time.
    """

    def __init__(self, data: TrainingData, plan: Plan, recipe: Recipe, num_processes: int = 0) -> None:
        """With no processes, whoever asks makes the batch."""
        self._make = BatchMaker.of(data, plan, recipe)
        self._pool: ProcessPoolExecutor | None = None
        self.num_threads = num_processes or NUM_THREADS
        if num_processes:
            sent = SentMaker.of(self._make, recipe)
            context = multiprocessing.get_context("spawn")  # forks of a process that uses a GPU hang
            self._pool = ProcessPoolExecutor(num_processes, context, initializer=_begin, initargs=(sent,))

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        return self._pool.submit(_batch, step).result() if self._pool else self._make(step)

    def close(self) -> None:
        """Ends the processes."""
        if self._pool:
            self._pool.shutdown(cancel_futures=True)


def num_processes(num_gpus: int) -> int:
    """How many processes should make batches: one for each processor but the one that learns; none without a GPU."""
    return min(MOST_PROCESSES, max(1, (os.cpu_count() or 1) - 1)) if num_gpus else 0


def _begin(sent: SentMaker) -> None:
    """What a process does first."""
    global _make
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the training ends it
    _make = sent.unpacked()


def _batch(step: int) -> Batch:
    if _make is None:
        raise RuntimeError("a process must begin before it makes batches")
    return _make(step)
