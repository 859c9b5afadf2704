"""The manner of a few pieces, learnt without training: their headings, how a network leans, and how they begin.

What only leans goes its own way from the first note on; what has just heard bars of the pieces goes on like them. All
of it takes some kilobytes, which can be kept in a file and given again to the model that learnt it. With it goes an
index, by which it is found what of the pieces stands in a composition.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field
from threadpoolctl import threadpool_limits

from melodyforge.bundle import Model
from melodyforge.decoding.leaning import learn_lean, listen, nats_of_windows
from melodyforge.decoding.lstm import LstmNetwork
from melodyforge.errors import ModelFolderError, MusicReadError, SettingsError
from melodyforge.files import read_bytes, write_bytes
from melodyforge.music.piece import Piece
from melodyforge.music.traits import Traits, read_traits
from melodyforge.originality.index import MusicIndex, build_index
from melodyforge.originality.index_file import pack_index, unpack_index
from melodyforge.settings import Section, Topic
from melodyforge.tokens import NotesRepresentation
from melodyforge.tokens.headings import Heading, Passage, heading_of, pack_passages, unpack_passages
from melodyforge.tokens.notes import NoteRow
from melodyforge.tokens.representation import Change
from melodyforge.tokens.states import Passages

SUFFIX = ".style"
MOST_PIECES = 5
FEWEST_NOTES, MOST_NOTES = 16, 20_000  # of one piece
HEARD_ROWS = 1_000  # of each piece, its first ones
PASSAGE_ROWS = 48  # that a composition starts from
ROWS_FOR_STYLE = 128  # of these, by which the nearest style is found
TOLD = Change(tells_returns=True, tells_end=True)  # as while composing
FORMAT = 1  # raised when older files can no longer be read
MAX_BYTES = 2**20  # of a file; the headings of long pieces tell which bars return
LARGEST = 10.0  # of a lean; those that are learnt are below 1
_Hash = Annotated[str, Field(max_length=64)]


@dataclass(frozen=True, eq=False)
class Manner:
    """What is learnt of a few pieces.

    Attributes:
        model_hash: of the model that learnt it.
        fingerprint: of the pieces.
        passages: one of each piece, to start from without keeping it, all of the same length. The style of their
            headings is the one of the model's that the piece is nearest to.
        lean: see `LstmNetwork.leaning`; float32, numbers that float16 can hold.
        index: of the pieces; None in style files of before.
    """

    model_hash: str
    fingerprint: str
    passages: tuple[Passage, ...]
    lean: np.ndarray
    index: MusicIndex | None

    @property
    def headings(self) -> list[Heading]:
        """Of the pieces."""
        return [passage.heading for passage in self.passages]

    def save(self, path: str | Path) -> None:
        """Writes a file that `read_manner` reads.

        Raises:
            SettingsError: the name does not end as style files do.
            OutputError: it cannot be written.
        """
        write_bytes(require_style_file(Path(path)), _pack(self))


class _MannerState(Section):
    """A manner as a file holds it; `lean` is base64 of little-endian float16, `index` of the file of an index."""

    topic = Topic.BASIS
    format: Literal[1]
    model: _Hash
    pieces: _Hash
    passages: Annotated[Passages[NoteRow], Field(min_length=1, max_length=MOST_PIECES)]
    lean: Annotated[str, Field(max_length=MAX_BYTES)]
    index: Annotated[str, Field(max_length=MAX_BYTES)] = ""


def learn_manner(model: Model, pieces: Sequence[Piece]) -> Manner:
    """Learns the manner of one to five pieces; always the same of the same pieces.

    Raises:
        SettingsError: they are too many, too short or too long, or the model cannot learn so.
    """
    network, representation = _parts(model)
    require_few(pieces)
    for piece in pieces:
        _require_length(piece, len(piece))
    rows = [representation.encode(piece) for piece in pieces]
    for piece, of_piece in zip(pieces, rows, strict=True):
        _require_length(piece, len(of_piece), " that the model knows")
    with threadpool_limits(1):  # whatever the number of threads, the same sums
        traits = [_in_nearest_style(model, read_traits(one), of) for one, of in zip(pieces, rows, strict=True)]
        length = min(HEARD_ROWS, max(map(len, rows)) + 1)
        windows = [
            representation.window(of_piece, 0, length, TOLD, representation.controls.of(one))
            for of_piece, one in zip(rows, traits, strict=True)
        ]
        lean = learn_lean(network, listen(network, representation, windows))
    headings = [heading_of(piece).changed(style=one.style) for piece, one in zip(pieces, traits, strict=True)]
    shortest = min(PASSAGE_ROWS, *map(len, rows))
    passages = [
        Passage(heading, _before_a_bar(representation, of_piece, shortest))
        for heading, of_piece in zip(headings, rows, strict=True)
    ]
    notes = b"".join(piece.notes.tobytes() for piece in pieces)
    kept = lean.astype(np.float16).astype(np.float32)
    index = build_index(replace(piece, style="", name=f"{piece.name} (given)") for piece in pieces)
    return Manner(model.hash, hashlib.sha256(notes).hexdigest()[:16], tuple(passages), kept, index)


def read_manner(path: str | Path, model: Model) -> Manner:
    """A manner from the file that it was saved to; nothing in that is carried out.

    Raises:
        SettingsError: it is no such file, or is damaged, or of another model.
    """
    path, (network, representation) = require_style_file(Path(path)), _parts(model)
    try:
        state = _MannerState.check(json.loads(read_bytes(path, MAX_BYTES)))
        lean = np.frombuffer(base64.b64decode(state.lean, validate=True), "<f2").astype(np.float32)
        passages = tuple(unpack_passages(state.passages, representation.row_dtype))
        index = unpack_index(base64.b64decode(state.index, validate=True)) if state.index else None
    except (MusicReadError, ModelFolderError) as error:
        raise SettingsError(str(error)) from None
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SettingsError(f"{path} must be a style file. Received a damaged one, or none: {reason}") from None
    if state.model != model.hash:
        raise SettingsError(
            f"{path} was learnt with another model, of hash {state.model}. Received {model.name!r} with hash "
            f"{model.hash}. Name the right one with --model, or give the pieces themselves."
        )
    if lean.shape != (network.lean_size,) or not (np.abs(lean) <= LARGEST).all():
        raise SettingsError(f"{path} must hold as many numbers as its model takes, none above {LARGEST:g}.")
    num_tracks = len(representation.vocabulary.tracks)
    if len({len(one.rows) for one in passages}) > 1 or any((one.rows["track"] >= num_tracks).any() for one in passages):
        raise SettingsError(f"{path} must hold passages of one length, of tracks that its model knows.")
    return Manner(state.model, state.pieces, passages, lean, index)


def require_style_file(path: Path) -> Path:
    """The path, if it ends as those of style files do.

    Raises:
        SettingsError: it does not.
    """
    if path.suffix.lower() != SUFFIX:
        raise SettingsError(f"A style file must end in {SUFFIX}. Received {path.name!r}.")
    return path


def require_few(pieces: Sequence[Any]) -> None:
    """Makes sure that there are not too many pieces to learn of.

    Raises:
        SettingsError: there are.
    """
    if not 1 <= len(pieces) <= MOST_PIECES:
        raise SettingsError(
            f"`like` must be given 1 to {MOST_PIECES} pieces. Received {len(pieces)}. Of more, train the model further."
        )


def _pack(manner: Manner) -> bytes:
    lean = base64.b64encode(manner.lean.astype("<f2").tobytes()).decode()
    state = {"format": FORMAT, "model": manner.model_hash, "pieces": manner.fingerprint}
    index = base64.b64encode(pack_index(manner.index)).decode() if manner.index else ""
    state |= {"passages": pack_passages(manner.passages), "lean": lean, "index": index}
    return json.dumps(state, separators=(",", ":")).encode()


def _parts(model: Model) -> tuple[LstmNetwork, NotesRepresentation]:
    """The network and what it hears, of a model that can learn so."""
    representation = model.representation
    if not isinstance(representation, NotesRepresentation) or not isinstance(network := model.network, LstmNetwork):
        raise SettingsError(
            "`like` needs a model that composes note by note, such as one of the recipe forge. Received the model "
            f"{model.name!r} of the recipe {model.recipe.name!r}. Take another model, or train this one further."
        )
    return network, representation


def _require_length(piece: Piece, number: int, which: str = "") -> None:
    if not FEWEST_NOTES <= number <= MOST_NOTES:
        raise SettingsError(
            f"Pieces for `like` must have {FEWEST_NOTES} to {MOST_NOTES:,} notes{which}. "
            f"Received {number:,} in {piece.name!r}. Choose another piece."
        )


def _before_a_bar(representation: NotesRepresentation, rows: np.ndarray, length: int) -> np.ndarray:
    """So many rows of a piece, the earliest behind which a bar begins; the first where there are none."""
    begins = np.flatnonzero(np.diff(rows["bar"], append=rows["bar"][-1] + 1) > 0) + 1
    stop = int(next(iter(begins[begins >= length]), length)) if rows["bar_steps"][0] else length
    return representation.without_beginning(rows[:stop], stop - length)


def _in_nearest_style(model: Model, traits: Traits, rows: np.ndarray) -> Traits:
    """The traits of a piece, with the style of the model's that makes its first rows likeliest, unless it has one."""
    network, representation = _parts(model)
    styles = representation.controls.styles
    if traits.style in styles or not styles:
        return traits
    told = [replace(traits, style=style) for style in styles]
    length = min(ROWS_FOR_STYLE, len(rows))
    windows = [representation.window(rows, 0, length, TOLD, representation.controls.of(one)) for one in told]
    nats = nats_of_windows(network, listen(network, representation, windows), np.zeros(network.lean_size, np.float32))
    return told[int(nats.argmin())]
