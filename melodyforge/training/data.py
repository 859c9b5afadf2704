"""From a dataset of pieces to batches of windows: vocabulary, encoded rows on disk, what is held out.

Windows never cross pieces. Knows representations; knows no network.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from melodyforge.corpus.ragged import Ragged, RaggedWriter
from melodyforge.corpus.split import split_pieces
from melodyforge.corpus.store import PieceStore
from melodyforge.errors import CorpusError
from melodyforge.folders import hold, replacing
from melodyforge.music.habits import Habits, learn_habits_by_style
from melodyforge.music.piece import Piece
from melodyforge.recipe import Recipe
from melodyforge.settings import RepresentationSettings
from melodyforge.tokens import representation_class
from melodyforge.tokens.features import NOT_ASKED
from melodyforge.tokens.headings import Passage
from melodyforge.tokens.representation import Change, Representation
from melodyforge.training.passages import draw_passages

MIN_ROWS = 8  # fewer to train on or to measure on say nothing
MAX_PIECES_HEARD = 300  # of each style; enough to tell what is normal
LEAST_SHARE = 0.25  # of a window's rows at the end of a piece; the rest are not asked
OPENING_SHARE = 0.1  # of the windows begin where a piece begins, more than chance would have
PLANNED_SHARE = 0.6  # of the windows are told which bars return, and as many where the music ends
CHORDS_SHARE = 0.3  # of the windows are told the chords beforehand
HELD_SHARE = 0.3  # of the windows have notes that stand, beside which others are to be predicted
CONTROLS_FILE = "controls.npy"
MAX_PIECES = 5_000  # listened to in all, so that large folders take no longer
MAX_LOGITS = 2**26  # that a network says at once of held-out music: 256 MB
WINDOW_QUANTUM = 64  # held-out windows have a length that is a multiple of this

# A stretch of one piece: rows `start` to `stop` - 1 are predicted; row len(rows) is the end of the piece.
SPAN_DTYPE = np.dtype([("piece", np.int64), ("start", np.int64), ("stop", np.int64)])


@dataclass(frozen=True)
class TrainingData:
    """What a training learns from and is measured on.

    Attributes:
        representation: with its vocabulary, learnt from the training spans only.
        rows: of every piece.
        controls: what a network can be told of each piece as a whole, int16, shape (num_pieces, num_columns).
        train, held_out: spans, shape (n,), of `SPAN_DTYPE`.
        chances: of each training span to be drawn for a window, float64, shape (len(train),).
        is_split_by_piece: False when there are too few pieces, and their ends are held out instead.
        fingerprint: of the pieces.
        read_window: rows that the network reads anew for each prediction; None where it carries the past along.
        passages: of training music, for compositions to start from.
        habits: how far the training pieces of each style go, under "" those of all, for compositions to be held
            against.
    """

    representation: Representation
    rows: Ragged
    controls: np.ndarray
    train: np.ndarray
    held_out: np.ndarray
    chances: np.ndarray
    is_split_by_piece: bool
    fingerprint: str
    habits: dict[str, Habits]
    read_window: int | None = None
    passages: tuple[Passage, ...] = ()

    @property
    def num_train_rows(self) -> int:
        """Rows to learn to predict, ends of pieces included."""
        return num_rows(self.train)

    def train_batch(
        self, step: int, window: int, batch_size: int, change: RandomChange, part: slice = slice(None)
    ) -> dict[str, np.ndarray]:
        """The batch of a training step, or a part of its windows, the same whenever it is asked for.

        Returns:
            Arrays of shape (windows, window, ...).
        """
        rng = np.random.default_rng([change.seed, step])
        spans = self.train[rng.choice(len(self.train), batch_size, p=self.chances)]
        drawn = []
        for piece, first, stop in spans.tolist():
            start = self._random_start(rng, first, stop, window)
            varied = change.draw(rng)
            told = self._told_at_random(piece, rng)
            drawn.append((piece, start, stop, window, varied, told))
        return self._stacked([self._window(*one) for one in drawn[part]])

    def held_out_batches(
        self, batch_size: int, max_rows: int | None = None, is_told: bool = False
    ) -> Iterator[dict[str, np.ndarray]]:
        """All held-out music in windows that follow one another, or a fixed random part of it.

        The network starts each window knowing nothing of the music before, so figures never flatter.

        Args:
            batch_size: windows in a batch, fewer where a network says a lot for each.
            max_rows: about how many to measure on; None: all.
            is_told: whether the network is told style, key and the other controls of each piece.
        """
        window = self.read_window or self._held_out_window()
        num_classes = sum(head.size for head in self.representation.heads)
        batch_size = min(batch_size, max(1, MAX_LOGITS // (num_classes * window)))
        controls = self.controls if is_told else np.zeros_like(self.controls)
        places = self._held_out_places(window, max_rows)
        for index in range(0, len(places), batch_size):
            group = places[index : index + batch_size]
            windows = [
                self._window(piece, start, stop, window, controls=controls[piece]) for piece, start, stop in group
            ]
            piece, start, _ = group[0]
            silent = [self._window(piece, start, start, window)] * (batch_size - len(group))
            yield self._stacked(windows + silent)  # always one shape: a network is compiled for each

    def _stacked(self, windows: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Windows as one batch, classes in the smallest type that holds them: much is moved, and networks widen it."""
        narrow = {one.name: _narrowest(one.size) for one in self.representation.features if one.kind == "class"}
        narrow |= {f"target_{head.name}": np.int16 for head in self.representation.heads if head.size < 2**15}
        return {
            name: np.stack([window[name] for window in windows], dtype=narrow.get(name), casting="unsafe")
            for name in windows[0]
        }

    def targets(self, spans: np.ndarray) -> Iterator[np.ndarray]:
        """The classes of every row of the spans, shape (num_rows, num_heads); the end of a piece is left out."""
        names = [f"target_{head.name}" for head in self.representation.heads]
        for piece, start, stop in spans.tolist():
            rows = self.rows[piece]
            stop = min(stop, len(rows))
            window = self.representation.window(rows, start, stop - start)
            yield np.stack([window[name] for name in names], axis=1)

    def _told_at_random(self, piece: int, rng: np.random.Generator) -> np.ndarray:
        """Those of a piece's controls that the network is told this time, shape (num_columns,)."""
        known = self.representation.controls
        return self.controls[piece] * known.kept(rng) if known else self.controls[piece]

    def _random_start(self, rng: np.random.Generator, first: int, stop: int, window: int) -> int:
        """The row at which a window into a span begins; often where the span does.

        It may reach beyond the span's end, by up to `1 - LEAST_SHARE` of its rows: of windows that may not, only one in
        a whole piece holds the end, and how pieces end is hardly ever learnt.

        A window that is read ends with the row that is predicted. Near the beginning of a piece it begins before it,
        at a negative row.
        """
        if self.read_window:
            predicted = int(rng.integers(first, stop))
            return predicted - (window - 1)
        if rng.random() < OPENING_SHARE:
            return first
        earliest, latest = first - window // 3, max(first, stop - int(LEAST_SHARE * window))
        return max(first, int(rng.integers(earliest, latest + 1)))  # what is drawn before the span begins with it

    def _held_out_places(self, window: int, max_rows: int | None) -> list[tuple[int, int, int]]:
        """Where the windows over held-out music lie, those with the fewest rows asked first.

        Returns:
            Piece, first row, and the row from which on nothing is asked. A window that is read asks for its last row
            alone, and there is one for each row: near the beginning of a piece it begins before it, at a negative row.
        """
        num_asked = 1 if self.read_window else window
        num_only_read = window - num_asked
        places = [
            (piece, asked - num_only_read, stop)
            for piece, first, stop in self.held_out.tolist()
            for asked in range(first, stop, num_asked)
        ]
        if max_rows is not None:
            np.random.default_rng(0).shuffle(places)
            places = places[: max(1, max_rows // num_asked)]
        return sorted(places, key=lambda place: place[2] - place[1])

    def _held_out_window(self) -> int:
        """A length that most held-out spans fit into, in rows."""
        lengths = self.held_out["stop"] - self.held_out["start"]
        quanta = -(-int(np.quantile(lengths, 0.9)) // WINDOW_QUANTUM)
        return WINDOW_QUANTUM * int(np.clip(quanta, 1, 16))

    def _window(
        self,
        piece: int,
        start: int,
        stop: int,
        length: int,
        change: Change = Change(),
        controls: np.ndarray | None = None,
    ) -> dict[str, np.ndarray]:
        """Rows `start` to `start + length` - 1 of a piece, of which nothing at or behind `stop` is asked.

        If windows are read, nothing but the last row is asked, and `start` may be negative.
        """
        window = self.representation.window(self.rows[piece], start, length, change, controls)
        if self.read_window:
            for head in self.representation.heads:
                window[f"target_{head.name}"][:-1] = NOT_ASKED
        if stop < start + length:
            for head in self.representation.heads:
                window[f"target_{head.name}"][stop - start :] = NOT_ASKED
        return window


@dataclass(frozen=True)
class RandomChange:
    """How far windows are moved and stretched at random."""

    seed: int
    max_semitones: int
    max_stretch: float

    def draw(self, rng: np.random.Generator) -> Change:
        """One change."""
        semitones = int(rng.integers(-self.max_semitones, self.max_semitones + 1))
        stretch = 1.0 + self.max_stretch * float(rng.uniform(-1, 1))
        tells_returns, tells_end = (rng.random(2) < PLANNED_SHARE).tolist()
        hold_seed = int(rng.integers(2**32)) if rng.random() < HELD_SHARE else None
        return Change(semitones, stretch, tells_returns, tells_end, hold_seed, rng.random() < CHORDS_SHARE)


def num_rows(spans: np.ndarray) -> int:
    """Rows to predict in all spans."""
    return int((spans["stop"] - spans["start"]).sum())


def prepare_data(store: PieceStore, recipe: Recipe, representation: Representation | None = None) -> TrainingData:
    """Splits, learns the vocabulary and encodes every piece; what was encoded before is read again.

    Args:
        store: the pieces.
        recipe: representation, share to hold out, seed.
        representation: a vocabulary to keep, when a model is trained further.

    Raises:
        CorpusError: there is too little to learn from.
    """
    settings = recipe.training
    train, held_out = split_pieces(store, settings.held_out, settings.seed, settings.style)
    share = 1.0 if len(held_out) else 1.0 - settings.held_out
    return assemble_data(store, recipe, train, held_out, share, representation)


def assemble_data(
    store: PieceStore,
    recipe: Recipe,
    train: np.ndarray,
    held_out: np.ndarray,
    share: float = 1.0,
    representation: Representation | None = None,
) -> TrainingData:
    """As `prepare_data`, with the split given.

    Args:
        store: the pieces.
        recipe: the representation.
        train: indices of pieces to learn from.
        held_out: indices of pieces to measure on; none to hold out the ends of the others.
        share: of each piece to learn from.
        representation: a vocabulary to keep.

    Raises:
        CorpusError: there is too little to learn from.
    """
    if representation is None:
        pieces = (_beginning(store[index], share) for index in train.tolist())
        representation = representation_class(recipe.representation).fit(recipe.representation, pieces)
    rows, controls = _encoded(store, representation, recipe.representation)
    train_spans, held_out_spans = _parted(rows, train, held_out, share)
    _require_enough(train_spans, "to learn from")
    _require_enough(held_out_spans, "to measure on")
    return TrainingData(
        representation,
        rows,
        controls,
        train_spans,
        held_out_spans,
        chances=_chances(train_spans, store.styles, recipe.training.style_balance),
        is_split_by_piece=len(held_out) > 0,
        fingerprint=store.fingerprint,
        habits=_habits(store, representation, rows, train_spans["piece"]),
        read_window=recipe.training.window if recipe.network.reads_windows else None,
        passages=draw_passages(store, representation, train_spans["piece"], recipe),
    )


def _parted(rows: Ragged, train: np.ndarray, held_out: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """The spans to learn from and to measure on; without held-out pieces the beginnings and ends of the others."""
    whole = _whole(rows, train)
    if len(held_out):
        return whole, _whole(rows, held_out)
    cuts = np.array([_cut(stop, share) for stop in whole["stop"].tolist()], np.int64)
    return _spans(whole["piece"], whole["start"], cuts), _spans(whole["piece"], cuts, whole["stop"])


def _require_enough(spans: np.ndarray, use: str) -> None:
    if num_rows(spans) < MIN_ROWS:
        raise CorpusError(
            f"Expected at least {MIN_ROWS} notes {use}. Received {num_rows(spans)}. Add more music to the folder."
        )


def _habits(store: PieceStore, representation: Representation, rows: Ragged, pieces: np.ndarray) -> dict[str, Habits]:
    """How far the first of the pieces go, as their rows tell them, by style."""
    heard = (
        replace(representation.decode(rows[piece]), style=store.style_names[store.styles[piece]])
        for piece in pieces[:MAX_PIECES].tolist()
    )
    return learn_habits_by_style(heard, MAX_PIECES_HEARD)


def _chances(spans: np.ndarray, styles: np.ndarray, balance: float) -> np.ndarray:
    """How likely each span is drawn: by its rows within a style; styles by their rows to the power of `balance`."""
    lengths = (spans["stop"] - spans["start"]).astype(np.float64)
    style_of_span = styles[spans["piece"]]
    rows_of_style = np.bincount(style_of_span, lengths)
    chances = lengths * rows_of_style[style_of_span] ** (balance - 1)
    return chances / chances.sum()


def _beginning(piece: Piece, share: float) -> Piece:
    return piece if share == 1.0 else piece.with_notes(piece.notes[: _cut(len(piece), share)])


def _cut(number: int, share: float) -> int:
    """Where the held-out end of a piece begins; a short end is made long enough to measure on, if it can be."""
    return max(1, min(int(number * share), number - MIN_ROWS))


def _whole(rows: Ragged, pieces: np.ndarray) -> np.ndarray:
    """Spans over pieces that have rows, their ends included."""
    pieces = pieces[rows.lengths[pieces] > 0]
    return _spans(pieces, np.zeros(len(pieces), np.int64), rows.lengths[pieces] + 1)


def _narrowest(num_classes: int) -> type[np.integer]:
    return np.uint8 if num_classes <= 2**8 else np.int16 if num_classes <= 2**15 else np.int32


def _spans(pieces: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
    spans = np.empty(len(pieces), SPAN_DTYPE)
    spans["piece"], spans["start"], spans["stop"] = pieces, starts, stops
    return spans[stops > starts]


def _encoded(
    store: PieceStore, representation: Representation, settings: RepresentationSettings
) -> tuple[Ragged, np.ndarray]:
    """The rows and the controls of all pieces, kept beside the dataset under a name that tells how they were made."""
    vocabulary = json.dumps(
        [settings.model_dump(), representation.state(), str(representation.row_dtype)], sort_keys=True
    )
    digest = hashlib.sha256((store.fingerprint + vocabulary).encode()).hexdigest()[:16]
    folder = store.folder / f"rows-{digest}"
    with hold(store.folder):  # nobody may replace the dataset meanwhile, or remove these rows as stale
        if not folder.is_dir():
            for stale in store.folder.glob("rows-*"):
                shutil.rmtree(stale, ignore_errors=True)
            with replacing(folder) as new:
                controls = []
                with contextlib.closing(RaggedWriter(new, representation.row_dtype)) as writer:
                    for index in range(len(store)):
                        piece = store[index]
                        writer.append(representation.encode(piece))
                        controls.append(representation.controls_of(piece))
                np.save(new / CONTROLS_FILE, np.stack(controls))
        return Ragged.open(folder), np.load(folder / CONTROLS_FILE)
