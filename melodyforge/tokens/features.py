"""What networks are told and what they predict: features, signals, heads. Imports nothing of the project."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

LONGEST_LEVEL_STEPS = 96.0  # networks hear a longer remaining time as this
NOT_ASKED = -1  # a target that does not count, such as the pitch after the end of a piece
AT_ONCE = ""  # what is known before any head is decided

Kind = Literal["class", "levels", "number"]
Rows = np.ndarray | dict[str, np.ndarray]  # by the names of their fields; while composing in arrays of their own


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that a network is told at every row.

    Attributes:
        name: unique within a representation.
        size: number of classes, or length of the vector.
        slots: how many classes are told side by side, each slot with a meaning of its own; 0: a single class.
        kind: `class`: integers in [0, size), shape (..., slots), or (...) without slots;
            `levels`: integers 0-255, shape (..., size): steps that each entry still lasts, 0 when silent;
            `number`: about -3 to 3, float32, shape (...).
    """

    name: str
    size: int
    slots: int = 0
    kind: Kind = "class"

    @property
    def num_rows(self) -> int:
        """Rows of the table, or of the kernel, that a network hears this feature with."""
        return 2 * self.size if self.kind == "levels" else self.size * max(1, self.slots)

    @property
    def dtype(self) -> str:
        """Of the arrays that tell it to a Keras network."""
        return "float32" if self.kind == "number" else "int32"


@dataclass(frozen=True, slots=True)
class Signal:
    """A feature, when it is known, and how it is found.

    Attributes:
        feature: that is told.
        known: the head that must be decided first, or `AT_ONCE`; told to the next head and all after it.
        of: gives the feature's array for a moment: all rows of a window, or the next rows of several pieces.
        suggests: the head to which it suggests a class, or "".
    """

    feature: Feature
    known: str
    of: Callable[[Any], np.ndarray]
    suggests: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """One part of the prediction: a distribution over `size` classes.

    Heads are predicted in order; the product of all heads is the probability of the row.

    Attributes:
        name: unique within a representation.
        size: number of classes.
        told: what becomes known just before this head, because an earlier head has been decided; later heads are
            told it too.
        pointers: names of features told by then, each of which suggests a class; `size` or more suggests none.
        relative_to: name of a feature told by then that holds a class to count from, `size` or more for none;
            "" when distances mean nothing.
        degrees_of: names of features told by then that hold a tonic, 0 for none and 1 to 12 for C to B: classes are
            pitches, and those of one degree above the tonic share a logit.
        borders: for a head that predicts a number, the borders between the numbers that its classes stand for,
            ascending; () for a head whose classes are each by themselves.
        atoms: classes of such a head that are as likely as the network says, wherever the number lies.
    """

    name: str
    size: int
    told: tuple[Feature, ...] = ()
    pointers: tuple[str, ...] = ()
    relative_to: str = ""
    degrees_of: tuple[str, ...] = ()
    borders: tuple[float, ...] = ()
    atoms: tuple[int, ...] = ()

    @property
    def looked_up(self) -> tuple[str, ...]:
        """The names of the features whose classes say which logits are meant."""
        return (*self.pointers, *self.degrees_of, *([self.relative_to] if self.relative_to else []))
