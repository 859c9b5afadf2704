"""The contract between music and networks: what a representation offers, what a network needs to know.

A representation turns pieces into rows of tokens and back. It names what the network is told (`inputs`) and
what it predicts (`heads`), so that the Keras network, its NumPy form and the training loop are written once for
all representations. Knows no network library.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from melodyforge.music.piece import DEFAULT_TEMPO_QPM, Meter, Piece, Tempo, Track, sort_notes
from melodyforge.music.traits import read_traits
from melodyforge.settings import RepresentationSettings
from melodyforge.tokens.states import MAX_HEADINGS

if TYPE_CHECKING:
    from melodyforge.tokens.controls import Controls

LONGEST_LEVEL_STEPS = 96.0  # networks hear a longer remaining time as this
NOT_ASKED = -1  # a target that does not count, such as the pitch after the end of a piece


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
    kind: Literal["class", "levels", "number"] = "class"

    @property
    def num_rows(self) -> int:
        """Rows of the table, or of the kernel, that a network hears this feature with."""
        return 2 * self.size if self.kind == "levels" else self.size * max(1, self.slots)

    @property
    def dtype(self) -> str:
        """Of the arrays that tell it to a Keras network."""
        return "float32" if self.kind == "number" else "int32"


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


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands at the head of a composition: tempo and meter; and of which kind of music that is usual.

    Attributes:
        style, mood, key: of the piece that has this heading, "" when unknown; no key when nothing has a pitch.
        density, polyphony: as in `Traits`.
        instruments: that play in it, as (program, is_drum); () when unknown.
    """

    tempo_qpm: float = DEFAULT_TEMPO_QPM
    numerator: int = 4
    denominator: int = 4
    is_performed: bool = False
    style: str = ""
    mood: str = ""
    key: str = ""
    density: float = 0.0
    polyphony: float = 0.0
    instruments: tuple[tuple[int, bool], ...] = ()

    @property
    def meter(self) -> str:
        """Such as "3/4"; "" in performed music."""
        return "" if self.is_performed else f"{self.numerator}/{self.denominator}"


@dataclass(frozen=True, slots=True)
class Passage:
    """Some rows of training music that a composition can start from, and the heading that they stand under."""

    heading: Heading
    rows: np.ndarray


@dataclass(frozen=True, slots=True)
class Change:
    """How a window is varied while training.

    Attributes:
        semitones: pitches move by as much, where the piece and the vocabulary allow it.
        stretch: factor on all times of performed music; music on a grid stays on it.
    """

    semitones: int = 0
    stretch: float = 1.0


class Context(ABC):
    """What is known of several pieces while they are composed, row by row.

    The twin of `Representation.window`: for the same music both tell the network the same, which a test holds.

    Attributes:
        num_pieces: that are composed side by side.
        num_given: notes of each that a primer gave, shape (num_pieces,).
        begins: the step to which each had come then, shape (num_pieces,).
    """

    def __init__(self, num_pieces: int, row_dtype: np.dtype) -> None:
        self.num_pieces = num_pieces
        self._row_dtype = row_dtype
        self._committed: list[np.ndarray] = []  # each a row of every piece
        self._num_rows = np.full(num_pieces, -1)  # -1 while the piece goes on
        self.num_given, self.begins = np.zeros(num_pieces, np.int64), np.zeros(num_pieces, np.int64)

    @abstractmethod
    def inputs(self) -> dict[str, np.ndarray]:
        """The inputs for the next row, by name; shapes (num_pieces, ...)."""

    @abstractmethod
    def told(self, head: Head) -> dict[str, np.ndarray]:
        """What the head is told, given the choices made so far; shapes (num_pieces, ...)."""

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
        return np.where(self.has_ended, self._num_rows, len(self._committed))

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

    @property
    def has_ended(self) -> np.ndarray:
        """Which pieces have come to their end, bool, shape (num_pieces,)."""
        return self._num_rows >= 0

    def rows(self, piece_index: int) -> np.ndarray:
        """The rows of one piece so far."""
        number = self._num_rows[piece_index]
        kept = self._committed[: number if number >= 0 else None]
        return np.array([rows[piece_index] for rows in kept], self._row_dtype)

    def end(self, is_end: np.ndarray) -> None:
        """Ends pieces with the last row that was committed, bool, shape (num_pieces,)."""
        self._num_rows[is_end & (self._num_rows < 0)] = len(self._committed)


class Representation(ABC):
    """Music as rows of tokens, with a vocabulary learnt from pieces."""

    kind: ClassVar[str]
    row_dtype: ClassVar[np.dtype]
    inputs: tuple[Feature, ...]
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
    def begin(self, headings: list[Heading], controls: np.ndarray | None = None) -> Context:
        """An empty past for as many pieces as there are headings.

        Args:
            headings: tempo and meter of each.
            controls: what is asked of each, shape (num_pieces, controls.num_columns); None asks nothing.
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


def pack_headings(headings: list[Heading]) -> list[list[Any]]:
    """Headings as plain lists."""
    return [[*astuple(heading)[:-1], [list(one) for one in heading.instruments]] for heading in headings]


def unpack_headings(rows: Iterable[Sequence[Any]]) -> list[Heading]:
    """The inverse of `pack_headings`."""
    return [Heading(*(*row[:-1], tuple((program, is_drum) for program, is_drum in row[-1]))) for row in rows]


def pack_passages(passages: Iterable[Passage]) -> list[list[Any]]:
    """Passages as plain lists."""
    return [[pack_headings([one.heading])[0], one.rows.tolist()] for one in passages]


def unpack_passages(packed: Iterable[Sequence[Any]], row_dtype: np.dtype) -> list[Passage]:
    """The inverse of `pack_passages`."""
    return [
        Passage(
            unpack_headings([heading])[0],
            np.array([tuple(row) if row_dtype.names else row for row in rows], row_dtype),
        )
        for heading, rows in packed
    ]


def some_headings(headings: list[Heading]) -> list[Heading]:
    """At most `MAX_HEADINGS` of them, evenly spaced, so that vocabularies of large corpora stay small."""
    return headings[:: -(-len(headings) // MAX_HEADINGS)]


def heading_of(piece: Piece) -> Heading:
    """The heading under which most of the piece stands."""
    meter = piece.main_meter
    tempo_qpm = round(piece.tempo_qpm, 2)
    traits = read_traits(piece)
    return Heading(
        tempo_qpm,
        meter.numerator,
        meter.denominator,
        piece.is_performed,
        piece.style,
        traits.mood,
        traits.key.name if traits.key else "",
        round(traits.density, 4),
        round(traits.polyphony, 4),
        traits.instruments,
    )


def piece_under(heading: Heading, notes: np.ndarray, tracks: tuple[Track, ...]) -> Piece:
    """Notes in any order, with tempo, meter and style of a heading."""
    return Piece(
        sort_notes(notes),
        tracks,
        (Tempo(0, heading.tempo_qpm),),
        (Meter(0, heading.numerator, heading.denominator),),
        heading.is_performed,
        style=heading.style,
    )


def padded(values: np.ndarray, length: int, filler: int) -> np.ndarray:
    """Values brought to `length` in their first dimension, as uint8, float32 or int32."""
    dtype = values.dtype if values.dtype in (np.uint8, np.float32) else np.int32
    result = np.full((length, *values.shape[1:]), filler, dtype)
    result[: len(values)] = values
    return result
