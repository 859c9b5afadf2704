"""Where in a primer notes are composed: in bars that are named, in some here and there, or in a bridge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from melodyforge.composing.varying import choose_bars
from melodyforge.errors import SettingsError
from melodyforge.music.joining import Joined, join
from melodyforge.music.notation import bar_numbers, first_bar_number
from melodyforge.music.piece import Piece
from melodyforge.settings import ComposeSettings
from melodyforge.tokens.held import Parted


@dataclass(frozen=True, kw_only=True)
class Stretch(Parted):
    """Where notes may be composed.

    Attributes:
        parts: in order, steps between which they begin.
        bars: numbers from 0 of those that are composed anew; empty where that is not said in bars.
        reaches_end: whether nothing of the primer begins behind it.
        echoes: steps between which what is composed is copied, and how many steps on.
    """

    parts: tuple[tuple[int, int], ...]
    bars: frozenset[int]
    reaches_end: bool
    echoes: tuple[tuple[int, int, int], ...] = ()

    def covers(self, onset: np.ndarray) -> np.ndarray:
        """Whether steps lie in it, shapes (n,) -> (n,)."""
        return np.logical_or.reduce([(onset >= start) & (onset < stop) for start, stop in self.parts])

    def echoed(self, onset: np.ndarray) -> np.ndarray:
        """Whether steps lie where something is copied to, shapes (n,) -> (n,)."""
        spans = [(onset >= start + moved) & (onset < stop + moved) for start, stop, moved in self.echoes]
        return np.logical_or.reduce(spans) if spans else np.zeros(len(onset), bool)


def bars_called(primer: Piece, words: str, setting: str) -> range:
    """The bars that words such as "5-8" name as they are counted in print, by their numbers from 0.

    Raises:
        SettingsError: the primer has no bars, or not these.
    """
    if primer.is_performed:
        raise SettingsError(
            f"`{setting}` needs a primer that has bars. Received music played without a beat. Leave it out, or give "
            "the music bars in a music program."
        )
    numbers = bar_numbers(primer)
    first, _, last = words.partition("-")
    bars = range(int(first) - numbers[0], int(last or first) - numbers[0] + 1)
    if bars[0] < 0 or bars[-1] >= len(numbers):
        raise SettingsError(
            f"`{setting}` must lie in the bars of the primer, {numbers[0]} to {numbers[-1]}. Received {words}."
        )
    return bars


def join_by_bridge(first: Piece | None, second: Piece, settings: ComposeSettings) -> tuple[Piece, Stretch]:
    """Two takes one behind the other, and where the bridge between them is composed.

    Raises:
        SettingsError: one of them is missing or has no bars, or something else is asked of the first.
    """
    if first is None:
        raise SettingsError("`join` needs a primer, to which it is joined. Received none.")
    if settings.keeps_parts or settings.primer_bars or settings.primer_notes:
        raise SettingsError(
            "`join` must stand alone: both takes stay as they are. Received a setting that takes a part of the primer "
            "or composes it anew, too. Leave one of them out."
        )
    for piece, name in ((first, "primer"), (second, "take to join")):
        if piece.is_performed or not len(piece):
            raise SettingsError(
                f"`join` needs a {name} that has notes and bars. Received music without. Choose another."
            )
    joined: Joined = join(first, second, settings.bridge_bars)
    stretch = Stretch(parts=((joined.start, joined.stop),), bars=frozenset(joined.bars), reaches_end=False)
    return joined.piece, stretch


def stretch_of(primer: Piece, settings: ComposeSettings, is_open: np.ndarray) -> Stretch:
    """Where notes may be composed: in some bars, else from the first onset of the primer's to the last.

    Args:
        primer: of which a part stands.
        settings: what is asked for.
        is_open: which of its tracks are composed anew, in part or as a whole.

    Raises:
        SettingsError: the primer has no such bars, or nothing that could be varied.
    """
    if settings.vary:
        return _varied_bars(primer, settings, is_open)
    last_step, first_step = int(primer.notes["onset"][-1]), int(primer.notes["onset"][0])
    begins = 0 if primer.is_performed or first_bar_number(primer) else first_step  # an upbeat stays one
    if not settings.redo_bars:
        return Stretch(parts=((begins, last_step + 1),), bars=frozenset(), reaches_end=True)
    bars = bars_called(primer, settings.redo_bars, "redo_bars")
    is_last = bars[-1] == len(bar_numbers(primer)) - 1
    stop = last_step + 1 if is_last else primer.start_of_bar(bars[-1] + 1)
    parts = ((max(begins, primer.start_of_bar(bars[0])), stop),)
    return Stretch(parts=parts, bars=frozenset(bars), reaches_end=is_last)


def _varied_bars(primer: Piece, settings: ComposeSettings, is_open: np.ndarray) -> Stretch:
    """Some bars here and there; those that return to the note are varied alike."""
    if settings.redo_bars or settings.redo_tracks or settings.keep_tracks:
        raise SettingsError(
            "`vary` must stand alone. Received `redo_bars`, `redo_tracks` or `keep_tracks`, too. Leave one of them out."
        )
    if primer.is_performed:
        raise SettingsError(
            "`vary` needs a primer that has bars. Received music played without a beat. Compose tracks anew with "
            "`redo_tracks` instead, or give it bars in a music program."
        )
    may_vary = is_open[primer.notes["track"]]
    if not may_vary.any():
        raise SettingsError(
            "`vary` needs notes that can be composed anew. Received drums alone, of which rhythm or harmony are kept, "
            "or instruments that the model has not learnt. Leave `vary_keeps` out, or choose another primer."
        )
    keeps_rhythm = settings.keeps_rhythm
    keeps_one = bool(may_vary.all()) and not keeps_rhythm
    varied = choose_bars(primer, may_vary, settings.vary or 1.0, settings.seed, keeps_one)
    if not varied:
        raise SettingsError("`vary` needs a primer of two bars at least, of which one stays. Received one.")
    echoes = [(one, first) for one in varied for first in one.echoes]
    bars = [*(one.bars for one in varied), *(range(first, first + len(one.bars)) for one, first in echoes)]
    opened = sorted(bars if keeps_rhythm else (one.bars for one in varied), key=lambda some: some[0])
    parts = tuple(_steps(primer, some) for some in opened)
    moves = [(*_steps(primer, one.bars), primer.start_of_bar(first) - primer.start_of_bar(one.bars[0]))
             for one, first in echoes]  # fmt: skip
    return Stretch(
        parts=parts,
        bars=frozenset(bar for some in bars for bar in some),
        reaches_end=parts[-1][1] > primer.notes["onset"][-1],
        echoes=tuple(moves),
    )


def _steps(primer: Piece, bars: range) -> tuple[int, int]:
    """Between which the notes of bars begin; nothing comes before the first of the primer, or behind its last."""
    first_step, last_step = int(primer.notes["onset"][0]), int(primer.notes["onset"][-1])
    return max(first_step, primer.start_of_bar(bars[0])), min(last_step + 1, primer.start_of_bar(bars[-1] + 1))
