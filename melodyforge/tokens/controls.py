"""All wishes of a vocabulary together: rows of classes that a network is told; 0 is always "any".

What each wish means is said in `wishes.py`. Knows traits and wishes; knows no notes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self

import numpy as np
from pydantic import create_model

from melodyforge.music.traits import Traits
from melodyforge.settings import Section, Wishes
from melodyforge.tokens.tracks import TrackClasses
from melodyforge.tokens.wishes import ABSENT, PRESENT, WISHES, KeyWish, StyleWish, Wish
from melodyforge.words import in_any_case

_SAVED: dict[str, Any] = {name: kind for wish in WISHES for name, kind in wish.saved.items()}
ControlsState = create_model("ControlsState", __base__=Section, **_SAVED)  # see `Controls.state`


class Controls:
    """The classes of all wishes, learnt from the traits of training pieces.

    A piece's controls are a row of `num_columns` integers: for each feature of each wish as many as it has slots.
    """

    def __init__(self, wishes: Iterable[Wish]) -> None:
        self.wishes = {wish.name: wish for wish in wishes}
        self.features = tuple(feature for wish in self.wishes.values() for feature in wish.features)
        self._widths = [max(1, feature.slots) for feature in self.features]
        self.num_columns = sum(self._widths)
        names, stops = [feature.name for feature in self.features], np.cumsum(self._widths).tolist()
        self._columns = dict(zip(names, map(slice, [0, *stops[:-1]], stops), strict=True))

    @classmethod
    def fit(cls, traits: Sequence[Traits], tracks: TrackClasses) -> Self:
        """Learns what there is to ask for."""
        return cls(wish.fit(traits, tracks) for wish in WISHES)

    @classmethod
    def from_state(cls, state: dict[str, Any], tracks: TrackClasses) -> Self:
        """The inverse of `state`; without the wishes that the vocabulary was made before."""
        known = [wish for wish in WISHES if all(state.get(name) is not None for name in wish.saved)]
        return cls(wish.from_state(state, tracks) for wish in known)

    def state(self) -> dict[str, Any]:
        """Plain lists; the tracks belong to the vocabulary."""
        return {name: value for wish in self.wishes.values() for name, value in wish.state().items()}

    @property
    def styles(self) -> list[str]:
        """The names of the styles that can be asked for."""
        return list(self.wishes[StyleWish.name].options)

    def with_styles(self, styles: Iterable[str]) -> Controls:
        """The same with more styles in the spare classes, as many as fit."""
        return Controls(
            wish.with_styles(styles) if isinstance(wish, StyleWish) else wish for wish in self.wishes.values()
        )

    def spelled(self, wishes: dict[str, Any]) -> dict[str, Any]:
        """Wishes with their words as the training pieces spell them, whatever the case of their letters."""
        words = {name: wish.options for name, wish in self.wishes.items() if isinstance(wishes.get(name), str)}
        return wishes | {name: in_any_case(wishes[name], options) for name, options in words.items()}

    def of(self, traits: Traits) -> np.ndarray:
        """The controls of a piece, int16, shape (num_columns,)."""
        classes = (wish.of_traits(traits) for wish in self.wishes.values())
        return np.concatenate([np.array(one, np.int16) for one in classes])

    def asked(self, wishes: Wishes) -> np.ndarray:
        """The controls that stand for wishes, int16, shape (num_columns,).

        Raises:
            SettingsError: something is asked for that the training pieces did not have; what they had is named.
        """
        row = np.zeros(self.num_columns, np.int16)
        for wish, asked in self._given(wishes):
            row[self._columns_of(wish)] = wish.of_words(asked)
        return row

    def missed(self, traits: Traits, row: np.ndarray) -> list[str]:
        """In which points a piece is not what was asked for, in words."""
        asked = ((wish, row[self._columns_of(wish)].tolist()) for wish in self.wishes.values())
        found = (wish.missed(traits, classes) for wish, classes in asked if any(classes))
        return [missed for missed in found if missed]

    def suits(self, traits: Traits, wishes: Wishes) -> tuple[bool, ...]:
        """How well music suits wishes, point by point; the first points matter most."""
        given = sorted(self._given(wishes), key=lambda item: -item[0].weight)
        return tuple(point for wish, asked in given for point in wish.suits(traits, asked))

    def transposed(self, row: np.ndarray, semitones: int) -> np.ndarray:
        """The controls of a piece moved by semitones."""
        key = self.wishes[KeyWish.name]
        if not semitones or not isinstance(key, KeyWish):
            return row
        moved, columns = row.copy(), self._columns_of(key)
        moved[columns] = key.moved(row[columns].tolist(), semitones)
        return moved

    def by_feature(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Controls of shape (..., num_columns) by the names of the features."""
        columns = {feature.name: rows[..., self._columns[feature.name]].astype(np.int64) for feature in self.features}
        return {
            feature.name: columns[feature.name][..., slice(None) if feature.slots else 0] for feature in self.features
        }

    def forbidden_tracks(self, rows: np.ndarray) -> np.ndarray:
        """Which track classes may not play, bool, shape (..., num_tracks)."""
        return rows[..., self._columns_of(self.wishes["instruments"])] == ABSENT

    def with_tracks(self, row: np.ndarray, plays: np.ndarray) -> np.ndarray:
        """Controls of one piece that also tell which track classes play, bool, shape (num_tracks,); no others may."""
        row = row.copy()
        row[self._columns_of(self.wishes["instruments"])] = np.where(plays, PRESENT, ABSENT)
        return row

    def kept(self, rng: np.random.Generator) -> np.ndarray:
        """Which controls a network is told of while training; bool, shape (num_columns,).

        None at all in a quarter of the windows, so that it also learns to compose unasked; all in another quarter;
        otherwise each in half of them. Instruments are told of all together.
        """
        chance = rng.choice([0.0, 0.5, 0.5, 1.0])
        kept = rng.random(len(self.features)) < chance
        return np.repeat(kept, self._widths)

    def _given(self, wishes: Wishes) -> Iterator[tuple[Wish, Any]]:
        """The wishes that something is asked of, and what."""
        for name, wish in self.wishes.items():
            asked = getattr(wishes, name)
            if asked not in (None, []):
                yield wish, asked

    def _columns_of(self, wish: Wish) -> slice:
        return slice(self._columns[wish.features[0].name].start, self._columns[wish.features[-1].name].stop)
