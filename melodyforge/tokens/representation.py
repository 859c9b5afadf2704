"""The contract between music and networks: what a representation offers, what a network needs to know.

A representation turns pieces into rows of tokens and back. It names what the network is told (`signals`) and
what it predicts (`heads`), so that the Keras network, its NumPy form and the training loop are written once for
all representations. Knows no network library.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from melodyforge.music.piece import Piece
from melodyforge.music.traits import read_traits
from melodyforge.settings import RepresentationSettings
from melodyforge.tokens.controls import Controls
from melodyforge.tokens.features import AT_ONCE, Feature, Head, Rows, Signal
from melodyforge.tokens.headings import Heading
from melodyforge.tokens.held import Hold
from melodyforge.tokens.plan import Plan

FIRST_CAPACITY = 256  # rows that there is room for at first


@dataclass(frozen=True, slots=True)
class Change:
    """How a window is varied while training.

    Attributes:
        semitones: pitches move by as much, where the piece and the vocabulary allow it.
        stretch: factor on all times of performed music; music on a grid stays on it.
        tells_returns, tells_end: whether it is told beforehand which bars return, and where the music ends.
        hold_seed: decides what is held, see `hold_at_random`; None: nothing.
        tells_chords: whether the chords are told beforehand.
    """

    semitones: int = 0
    stretch: float = 1.0
    tells_returns: bool = False
    tells_end: bool = False
    hold_seed: int | None = None
    tells_chords: bool = False


class Context(ABC):
    """What is known of several pieces while they are composed, row by row.

    For the same music it tells the network the same as `Representation.window`: both read the same signals.

    Attributes:
        num_pieces: that are composed side by side.
        num_rows: of each piece so far, shape (num_pieces,).
        has_ended: which pieces have come to their end, bool, shape (num_pieces,).
        has_begun: whether there is a row.
        num_given: notes of each that a primer gave, shape (num_pieces,).
        begins: the step to which each had come then, shape (num_pieces,).
        is_over: whether all pieces have ended.
        plan: what is told of each piece beforehand; None for those who cannot be told.
    """

    plan: Plan | None = None

    def __init__(self, representation: Representation, num_pieces: int) -> None:
        self._of, self.num_pieces = representation, num_pieces
        self._rows = np.zeros((FIRST_CAPACITY, num_pieces), representation.row_dtype)  # those of each from the first on
        self._pieces = np.arange(num_pieces)
        self.num_rows = np.zeros(num_pieces, np.int64)
        self.has_ended = np.zeros(num_pieces, bool)
        self.has_begun = self.is_over = False
        self._signals = {head.name: representation.signals_of(head.told) for head in representation.heads}
        self._signals[AT_ONCE] = representation.signals_of(representation.inputs)
        self.num_given, self.begins = np.zeros(num_pieces, np.int64), np.zeros(num_pieces, np.int64)

    @property
    @abstractmethod
    def moment(self) -> Any:
        """What is known before the next row of each piece, in the form that signals are read from."""

    def inputs(self) -> dict[str, np.ndarray]:
        """The inputs for the next row, by name; shapes (num_pieces, ...)."""
        return self._tell(AT_ONCE)

    def told(self, head: Head) -> dict[str, np.ndarray]:
        """What the head is told, given the choices made so far; shapes (num_pieces, ...)."""
        return self._tell(head.name)

    def _tell(self, when: str) -> dict[str, np.ndarray]:
        moment = self.moment
        return {name: of(moment) for name, of in self._signals[when]}

    @abstractmethod
    def illegal(self, head: Head) -> np.ndarray | None:
        """Which classes would make no music, shape (num_pieces, head.size), or None if all would."""

    @abstractmethod
    def choose(self, head: Head, classes: np.ndarray) -> None:
        """Decides a head for every piece; `classes` has shape (num_pieces,)."""

    @abstractmethod
    def commit(self) -> None:
        """Takes the row whose heads have all been chosen into the past."""

    @property
    @abstractmethod
    def clock(self) -> np.ndarray:
        """The step to which each piece has come, shape (num_pieces,)."""

    @property
    def num_notes(self) -> np.ndarray:
        """Notes of each piece so far, shape (num_pieces,); a row is a note unless a representation says otherwise."""
        return self.num_rows

    def begin_composing(self) -> None:
        """What was heard so far was given; what follows is composed."""
        self.num_given, self.begins = self.num_notes.copy(), self.clock.copy()

    @property
    def num_composed(self) -> np.ndarray:
        """Notes of each piece that were composed, shape (num_pieces,)."""
        return self.num_notes - self.num_given

    @property
    def steps_composed(self) -> np.ndarray:
        """Steps that each piece has come since composing began, shape (num_pieces,)."""
        return self.clock - self.begins

    def rows(self, piece_index: int) -> np.ndarray:
        """The rows of one piece so far."""
        return self._rows[: self.num_rows[piece_index], piece_index].copy()

    def _keep(self, row: Rows) -> None:
        """Adds a row to every piece that goes on."""
        if self.num_rows.max() == len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        names, here = self._of.row_dtype.names, (self.num_rows, self._pieces)
        for values, of_row in [(self._rows[name], row[name]) for name in names] if names else [(self._rows, row)]:
            values[here] = of_row
        self.num_rows = self.num_rows + ~self.has_ended
        self.has_begun = True

    def end(self, is_end: np.ndarray) -> None:
        """Ends pieces with the last row that was committed, bool, shape (num_pieces,)."""
        if np.count_nonzero(is_end):  # mostly none
            self.has_ended = self.has_ended | is_end
            self.is_over = bool(self.has_ended.all())

    def hear(self, rows: np.ndarray) -> None:
        """Takes the first rows of the one piece that there is into its past; the same as to choose and commit them."""
        window = self._of.window(rows, 0, len(rows))
        for index in range(len(rows)):
            for head in self._of.heads:
                self.choose(head, window[f"target_{head.name}"][index : index + 1])
            self.commit()

    def _keep_all(self, rows: np.ndarray) -> None:
        """Adds the first rows to the one piece that there is."""
        self._rows, self.num_rows, self.has_begun = rows[:, None].copy(), np.array([len(rows)]), True

    def go_back(self, piece_index: int, alone: Self) -> None:
        """Takes one piece back to where it was when it had fewer rows; it goes on, even if it had ended.

        Args:
            piece_index: which.
            alone: a context of this piece only, which has heard its first rows, at least one.
        """
        self.num_rows[piece_index], self.has_ended[piece_index] = alone.num_rows[0], False
        self.is_over = False

    def follow(self, sources: np.ndarray) -> None:
        """Has every piece go on from where another stands: the piece at `sources[i]` becomes that at i as well.

        Args:
            sources: shape (num_pieces,); of pieces with the same heading and controls.
        """
        self._rows = self._rows[:, sources]
        self.num_rows, self.has_ended = self.num_rows[sources], self.has_ended[sources]
        self.num_given, self.begins = self.num_given[sources], self.begins[sources]
        self.is_over = bool(self.has_ended.all())


class Representation(ABC):
    """Music as rows of tokens, with a vocabulary learnt from pieces."""

    kind: ClassVar[str]
    row_dtype: ClassVar[np.dtype]
    signals: tuple[Signal, ...]
    heads: tuple[Head, ...]
    end_class: int  # of the first head: the piece is over
    headings: list[Heading]  # as they occur in the training pieces, for compositions to draw from
    controls: Controls | None = None  # what can be asked for, if anything

    @classmethod
    @abstractmethod
    def fit(cls, settings: RepresentationSettings, pieces: Iterable[Piece]) -> Self:
        """Learns the vocabulary from training pieces only.

        Raises:
            CorpusError: the pieces hold nothing to learn from.
        """

    @abstractmethod
    def encode(self, piece: Piece) -> np.ndarray:
        """Rows of `row_dtype`, as near to the piece as the vocabulary can say."""

    @abstractmethod
    def decode(self, rows: np.ndarray, heading: Heading = Heading()) -> Piece:
        """The piece that the rows stand for."""

    def notes_in(self, rows: np.ndarray) -> np.ndarray:
        """How many notes each row stands for, shape (len(rows),); one unless a representation says otherwise."""
        return np.ones(len(rows), np.int64)

    def without_beginning(self, rows: np.ndarray, number: int) -> np.ndarray:
        """The rows after the first `number`, as a piece of their own."""
        return rows[number:]

    @abstractmethod
    def window(
        self,
        rows: np.ndarray,
        start: int,
        length: int,
        change: Change = Change(),
        controls: np.ndarray | None = None,
    ) -> dict[str, np.ndarray]:
        """A stretch of a piece as a network learns from it.

        Args:
            rows: the rows of one piece.
            start: the first row to predict, in [0, len(rows)]; row len(rows) is the end of the piece.
            length: number of rows to predict; beyond the end, targets are `NOT_ASKED`.
            change: how to vary the music.
            controls: of the piece, shape (controls.num_columns,); None tells of none.

        Returns:
            For every input and every feature that a head is told an array by its name, and for every head its
            target under the name `target_<head>`; shapes (length, ...).
        """

    @abstractmethod
    def begin(self, headings: list[Heading], controls: np.ndarray | None = None, holds: Sequence[Hold] = ()) -> Context:
        """An empty past for as many pieces as there are headings.

        Args:
            headings: tempo and meter of each.
            controls: what is asked of each, shape (num_pieces, controls.num_columns); None asks nothing.
            holds: notes of each that stand, for representations that `knows_held`; all of the same piece.
        """

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """The vocabulary as plain containers, strings and numbers."""

    @classmethod
    @abstractmethod
    def from_state(cls, settings: RepresentationSettings, state: dict[str, Any]) -> Self:
        """The inverse of `state`.

        Raises:
            VocabularyError: the state is not one of this representation.
        """

    def tell(self, features: Iterable[Feature], moment: Any) -> dict[str, np.ndarray]:
        """What a network is told of a moment, by the names of the features."""
        return {name: of(moment) for name, of in self.signals_of(features)}

    def signals_of(self, features: Iterable[Feature]) -> list[tuple[str, Callable[[Any], np.ndarray]]]:
        """The name of each feature, and how it is found."""
        return [(feature.name, self._find[feature.name]) for feature in features]

    @cached_property
    def _find(self) -> dict[str, Callable[[Any], np.ndarray]]:
        return {signal.feature.name: signal.of for signal in self.signals}

    @cached_property
    def inputs(self) -> tuple[Feature, ...]:
        """What a network is told before anything of a row is decided."""
        return self.known_with(AT_ONCE)

    def known_with(self, head: str) -> tuple[Feature, ...]:
        """What is known as soon as a head is decided."""
        return tuple(signal.feature for signal in self.signals if signal.known == head)

    def suggestions(self, head: str) -> tuple[str, ...]:
        """The names of the features that suggest a class to a head."""
        return tuple(signal.feature.name for signal in self.signals if signal.suggests == head)

    @property
    def knows_forms(self) -> bool:
        """Whether the network can be told which bars return, and where the music ends."""
        return False

    @property
    def knows_held(self) -> bool:
        """Whether the network can be told of notes that stand while others are composed beside them."""
        return False

    def controls_of(self, piece: Piece) -> np.ndarray:
        """What the network can be told of a piece as a whole, int16, shape (num_columns,); empty without controls."""
        return self.controls.of(read_traits(piece)) if self.controls else np.zeros(0, np.int16)

    @property
    def sizes(self) -> dict[str, int]:
        """Classes of every head, by name."""
        return {head.name: head.size for head in self.heads}

    @property
    def features(self) -> tuple[Feature, ...]:
        """All that a network is told, each once: the inputs, then what heads are told."""
        return tuple(dict.fromkeys(self.inputs + tuple(feature for head in self.heads for feature in head.told)))


def padded(values: np.ndarray, length: int, filler: int) -> np.ndarray:
    """Values brought to `length` in their first dimension, as uint8, float32 or int32."""
    dtype = values.dtype if values.dtype in (np.uint8, np.float32) else np.int32
    result = np.full((length, *values.shape[1:]), filler, dtype)
    result[: len(values)] = values
    return result


def replaced(values: np.ndarray, index: int, of_one: np.ndarray) -> np.ndarray:
    """Values of several pieces with those of one in its place, shapes (num_pieces, ...) and (1, ...)."""
    values = values.copy()
    values[index] = of_one[0]
    return values
