"""What becomes of music once it is read: encoded, written again, drawn, engraved, played. None of it may fail."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from random import Random

import numpy as np

from melodyforge.errors import MelodyForgeError
from melodyforge.music.midi import read_midi, write_midi
from melodyforge.music.piece import Piece
from melodyforge.music.roll import draw_roll
from melodyforge.music.scores import write_musicxml
from melodyforge.music.sheet import engrave
from melodyforge.music.tones import render_tones
from melodyforge.music.traits import read_traits
from melodyforge.recipe import load_recipe
from melodyforge.tokens import representation_class
from melodyforge.tokens.headings import heading_of
from melodyforge.tokens.representation import Representation
from torture.flaws import FlawError
from torture.seeds import piece as seed_piece

MAX_NOTES_DRAWN = 2_000  # longer ones take seconds, not other ways
MAX_SECONDS_PLAYED = 120.0


def use(piece: Piece, rng: Random) -> None:
    """Does one of the things that the studio and the scripts do with music."""
    chosen = rng.choice(USES)
    try:
        chosen(piece, rng)
    except MelodyForgeError:
        if chosen not in (_engrave, _encode):  # these may say that they cannot
            raise FlawError(f"{chosen.__name__} refused music that had been read") from None


def _write_midi(piece: Piece, _: Random) -> None:
    again = read_midi(write_midi(piece))[0]
    if len(again) != len(piece) or not np.array_equal(again.notes["pitch"], piece.notes["pitch"]):
        raise FlawError(f"{len(piece)} notes written as MIDI are read as {len(again)}, or others")


def _write_musicxml(piece: Piece, _: Random) -> None:
    write_musicxml(piece)


def _draw(piece: Piece, rng: Random) -> None:
    draw_roll(_short(piece, rng), 400, 1000)


def _describe(piece: Piece, _: Random) -> None:
    read_traits(piece)
    heading_of(piece)
    piece.seconds_at(piece.notes["onset"])
    piece.bars_at(piece.notes["onset"])
    str((piece.tempo_qpm, piece.main_meter))


def _excerpt(piece: Piece, rng: Random) -> None:
    """A stretch of bars, as the studio offers them to start from."""
    bars, _, _ = piece.bars_at(piece.notes["onset"])
    first = rng.randint(0, int(bars.max()))
    piece.excerpt(first, rng.randint(first, int(bars.max())) + 1)


def _encode(piece: Piece, rng: Random) -> None:
    """As a primer: to rows and back."""
    representation = _representation(rng.choice(["classic", "melody", "composer", "forge"]))
    rows = representation.encode(piece)
    representation.decode(rows[:200], heading_of(piece))


def _engrave(piece: Piece, rng: Random) -> None:
    sheet = engrave(_short(piece, rng))
    sheet.page(1)


def _play(piece: Piece, rng: Random) -> None:
    short = _short(piece, rng)
    if short.seconds <= MAX_SECONDS_PLAYED:
        render_tones(short)


def _short(piece: Piece, rng: Random) -> Piece:
    """The piece, or some of its notes."""
    if len(piece) <= MAX_NOTES_DRAWN:
        return piece
    first = rng.randrange(len(piece) - MAX_NOTES_DRAWN)
    return piece.with_notes(piece.notes[first : first + MAX_NOTES_DRAWN])


@cache
def _representation(recipe_name: str) -> Representation:
    settings = load_recipe(recipe_name).representation
    return representation_class(settings).fit(settings, [seed_piece()] * 2)


USES: tuple[Callable[[Piece, Random], None], ...] = (
    *(
        _write_midi,
        _write_midi,
        _write_musicxml,
        _draw,
        _describe,
        _describe,
        _excerpt,
        _encode,
        _encode,
        _engrave,
        _play,
    ),
)
