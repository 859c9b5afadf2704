"""Steps of a training that are shared out: each batch is cut into shares, whose gradients are added up.

How it is cut depends on the batch alone, and all that is random in a share on its seed, step and first window. So it
does not matter who computes a share, how many do, or how often: who is lost is replaced by anybody. Knows neither
clusters nor Keras, so that what is sent arrives also where that is missing.
"""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from melodyforge.errors import ClusterError, CorpusError
from melodyforge.recipe import Recipe
from melodyforge.training.feeding import BatchMaker, SentMaker

if TYPE_CHECKING:
    from melodyforge.training.shared_steps import Pupil

WINDOWS_IN_SHARE = 8  # fewer take nearly as long
MOST_SHARES = 1024  # of a batch; of larger ones the shares are larger
ALONE = {  # read by TensorFlow when it is imported: a process of many on a machine uses one processor
    "KERAS_BACKEND": "tensorflow",
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}


class Team(Protocol):
    """Who computes the shares, such as a `Cluster`."""

    num_processors: int

    def send(self, value: Any) -> Any:
        """Makes a value known to all; what it gives stands for the value in `total`."""

    def total(self, call: Callable[..., Part], items: Iterable[Share], *sent: Any) -> Part:
        """The sum of what a function returns for each item; it is given what was sent, too."""


@dataclass(frozen=True)
class Share:
    """Windows `first` to `stop` - 1 of the batch of a step; `is_checked`: whether their weights are compared."""

    step: int
    first: int
    stop: int
    is_checked: bool = False


@dataclass(frozen=True)
class Part:
    """What came of a share, or of several.

    Attributes:
        gradient: of the nats with respect to all weights one behind the other, float32, shape (number of weights,).
        nats: of all rows that are asked.
        num_asked: how many rows those are.
        digests: of the weights that it was computed with, if they are checked.
    """

    gradient: np.ndarray
    nats: float
    num_asked: int
    digests: frozenset[int] = frozenset()

    def __add__(self, other: Part) -> Part:
        """Of the shares of both."""
        return Part(
            self.gradient + other.gradient,
            self.nats + other.nats,
            self.num_asked + other.num_asked,
            self.digests | other.digests,
        )


@dataclass(frozen=True)
class Lesson:
    """What a process has to know before its first share; two with the same key are the same.

    Attributes:
        key: SHA-256 of `packed`, hexadecimal.
        packed: a pickle, uint8, shape (bytes,): an array, because the processes of a machine share those.
    """

    key: str
    packed: np.ndarray = field(compare=False)

    @classmethod
    def of(cls, make: BatchMaker, recipe: Recipe, is_compiled: bool, keras_version: str) -> Lesson:
        """Packs it."""
        sent = pickle.dumps(SentMaker.of(make, recipe))
        packed = pickle.dumps((str(make.data.rows.folder), keras_version, sent, recipe, is_compiled))
        return cls(hashlib.sha256(packed).hexdigest(), np.frombuffer(packed, np.uint8))


def cut(step: int, batch_size: int, is_checked: bool = False) -> list[Share]:
    """The shares of a step."""
    size = max(WINDOWS_IN_SHARE, -(-batch_size // MOST_SHARES))
    return [Share(step, first, min(batch_size, first + size), is_checked) for first in range(0, batch_size, size)]


def learn(share: Share, lesson: Lesson, weights: np.ndarray) -> Part:
    """Computes a share; runs in a process of the team.

    Args:
        share: which.
        lesson: of the training.
        weights: all of now, one behind the other, float32, shape (number of weights,).

    Raises:
        ClusterError: this machine does not find the dataset, or has another Keras.
        ModuleNotFoundError: it has none.
    """
    return _pupil(lesson).learn(share, weights)


@functools.lru_cache(maxsize=1)
def _pupil(lesson: Lesson) -> Pupil:
    """Whoever computes the shares of a training in this process."""
    folder, keras_version, sent, recipe, is_compiled = pickle.loads(lesson.packed.data)
    if "keras" not in sys.modules:
        os.environ |= ALONE
    from melodyforge.training.shared_steps import Pupil, keras

    if keras.__version__ != keras_version:
        raise ClusterError(
            f"Expected Keras {keras_version} on all machines of the cluster. Received one with {keras.__version__}. "
            "Install the same on all machines."
        )
    try:
        make = pickle.loads(sent).unpacked()  # which opens the rows
    except CorpusError:
        raise ClusterError(
            f"Expected all machines of the cluster to find the dataset of this training in {folder}. Received one that "
            "does not, or finds another. Put it on a disk that all share, under the same path: the folder that "
            "MELODY_FORGE_HOME names."
        ) from None
    return Pupil(make, recipe, is_compiled)
