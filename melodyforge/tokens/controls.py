"""What can be asked of a composition, as classes that a network is told at every row; 0 is always "any".

The classes are those of the training pieces. Knows traits and wishes; knows no notes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Self

import numpy as np
from pydantic import FailFast, Field, model_validator

from melodyforge.errors import SettingsError
from melodyforge.music.instruments import instrument_name, instruments_named
from melodyforge.music.keys import NUM_PITCH_CLASSES, TONIC_NAMES, key_named
from melodyforge.music.traits import MOODS, Traits
from melodyforge.settings import Section, Wishes
from melodyforge.tokens.representation import Feature, Heading
from melodyforge.tokens.states import Measure, Name
from melodyforge.tokens.tracks import TrackClasses
from melodyforge.words import in_any_case

PREFIX = "control_"  # of the features' names
ANY = 0
ABSENT, PRESENT = 1, 2  # of an instrument
DENSITIES = ("sparse", "medium", "dense")
POLYPHONIES = ("thin", "medium", "full")
TEMPO_BORDERS_QPM = (60.0, 76.0, 92.0, 108.0, 126.0, 144.0, 168.0)
MAX_STYLES = 30_000  # what the rows of controls can number
SPARE_STYLES = 16  # free classes, so that a trained network can learn more styles
FIRST_INSTRUMENT = 8  # column; before it stand style, tonic, mode, tempo, meter, mood, density and polyphony


class ControlsState(Section):
    """See `Controls.state`."""

    styles: Annotated[list[Name], FailFast()]
    meters: Annotated[list[Annotated[str, Field(pattern="^[0-9]{1,3}/[0-9]{1,3}$")]], FailFast()]
    density_borders: tuple[Measure, Measure]
    polyphony_borders: tuple[Measure, Measure]
    num_style_classes: int = Field(ge=0, le=MAX_STYLES)

    @model_validator(mode="after")
    def _check_styles(self) -> Self:
        if len(self.styles) > self.num_style_classes:
            raise ValueError("`num_style_classes` must be as many as `styles` at least")
        return self


class Controls:
    """The classes of all controls, learnt from the traits of training pieces.

    A piece's controls are a row of `num_columns` integers: style, tonic, mode, tempo, meter, mood, density, polyphony,
    then one column for each track class of the vocabulary.
    """

    def __init__(
        self,
        styles: list[str],
        meters: list[str],
        density_borders: Sequence[float],
        polyphony_borders: Sequence[float],
        num_style_classes: int,
        tracks: TrackClasses,
    ) -> None:
        self.styles, self.meters, self.num_style_classes = list(styles), list(meters), num_style_classes
        self.density_borders, self.polyphony_borders = list(density_borders), list(polyphony_borders)
        self._tracks = tracks
        self.num_columns = FIRST_INSTRUMENT + len(tracks)
        self.features = (
            Feature(f"{PREFIX}style", 1 + num_style_classes),
            Feature(f"{PREFIX}tonic", 1 + NUM_PITCH_CLASSES),
            Feature(f"{PREFIX}mode", 3),
            Feature(f"{PREFIX}tempo", 2 + len(TEMPO_BORDERS_QPM)),
            Feature(f"{PREFIX}meter", 1 + len(meters)),
            Feature(f"{PREFIX}mood", 1 + len(MOODS)),
            Feature(f"{PREFIX}density", 1 + len(DENSITIES)),
            Feature(f"{PREFIX}polyphony", 1 + len(POLYPHONIES)),
            Feature(f"{PREFIX}instruments", 3, slots=len(tracks)),
        )

    @classmethod
    def fit(cls, traits: list[Traits], tracks: TrackClasses) -> Self:
        """Learns styles and meters as they occur, densities and polyphonies by thirds of the pieces."""
        thirds = [1 / 3, 2 / 3]
        styles = sorted({one.style for one in traits if one.style})
        return cls(
            styles,
            sorted({one.meter for one in traits if one.meter}),
            np.quantile([one.density for one in traits], thirds).round(4).tolist(),
            np.quantile([one.polyphony for one in traits], thirds).round(4).tolist(),
            len(styles) + SPARE_STYLES,
            tracks,
        )

    def state(self) -> dict[str, Any]:
        """Plain lists; the tracks belong to the vocabulary."""
        return {
            "styles": self.styles,
            "meters": self.meters,
            "density_borders": self.density_borders,
            "polyphony_borders": self.polyphony_borders,
            "num_style_classes": self.num_style_classes,
        }

    def with_styles(self, styles: Iterable[str]) -> Controls:
        """The same with more styles in the spare classes, as many as fit."""
        new = [style for style in dict.fromkeys(styles) if style and style not in self.styles]
        known = [*self.styles, *new][: self.num_style_classes]
        return Controls(**self.state() | {"styles": known}, tracks=self._tracks)

    def available(self) -> dict[str, list[str]]:
        """What can be asked for, by the name of the wish; `key`, `tempo` take any."""
        return {
            "style": self.styles,
            "meter": self.meters,
            "mood": list(MOODS),
            "density": list(DENSITIES),
            "polyphony": list(POLYPHONIES),
            "instruments": list(dict.fromkeys(instrument_name(key[0], key[1]) for key in self._tracks.keys)),
        }

    def spelled(self, wishes: dict[str, Any]) -> dict[str, Any]:
        """Wishes with their words as the training pieces spell them, whatever the case of their letters."""
        known = self.available()
        words = {name: wishes[name] for name in known if isinstance(wishes.get(name), str)}
        return wishes | {name: in_any_case(word, known[name]) for name, word in words.items()}

    def of_headings(self, headings: list[Heading]) -> np.ndarray:
        """The controls of the pieces that headings come from, int16, shape (num_headings, num_columns)."""
        return np.stack([self._of_heading(heading) for heading in headings])

    def _of_heading(self, heading: Heading) -> np.ndarray:
        row = np.zeros(self.num_columns, np.int16)
        row[0] = _one_based(self.styles, heading.style)
        if heading.key:
            row[1:3] = _key_classes(heading.key)
        row[3] = 1 + np.searchsorted(TEMPO_BORDERS_QPM, heading.tempo_qpm)
        row[4] = _one_based(self.meters, heading.meter)
        row[5] = _one_based(list(MOODS), heading.mood)
        if heading.mood:  # else nothing is known of the piece
            row[6] = 1 + DENSITIES.index(self.density(heading))
            row[7] = 1 + POLYPHONIES.index(self.polyphony(heading))
        plays = [key[:2] in heading.instruments for key in self._tracks.keys]
        if any(plays):
            row[FIRST_INSTRUMENT:] = np.where(plays, PRESENT, ABSENT)
        return row

    def of(self, traits: Traits) -> np.ndarray:
        """The controls of a piece, int16, shape (num_columns,)."""
        row = np.zeros(self.num_columns, np.int16)
        row[0] = _one_based(self.styles, traits.style)
        if traits.key is not None:
            row[1:3] = 1 + traits.key.tonic, 1 + traits.key.is_minor
        row[3] = 1 + np.searchsorted(TEMPO_BORDERS_QPM, traits.tempo_qpm)
        row[4] = _one_based(self.meters, traits.meter)
        row[5] = 1 + MOODS.index(traits.mood)
        row[6] = 1 + DENSITIES.index(self.density(traits))
        row[7] = 1 + POLYPHONIES.index(self.polyphony(traits))
        for column, (program, is_drum, _) in enumerate(self._tracks.keys, start=FIRST_INSTRUMENT):
            row[column] = PRESENT if (program, is_drum) in traits.instruments else ABSENT
        return row

    def asked(self, wishes: Wishes) -> np.ndarray:
        """The controls that stand for wishes, int16, shape (num_columns,).

        Raises:
            SettingsError: something is asked for that the training pieces did not have; what they had is named.
        """
        row = np.zeros(self.num_columns, np.int16)
        known = self.available()
        for column, name in ((0, "style"), (4, "meter"), (5, "mood"), (6, "density"), (7, "polyphony")):
            value = getattr(wishes, name)
            if value is None:
                continue
            if value not in known[name]:
                raise SettingsError(
                    f"--{name} must be one that the model has learnt: {', '.join(known[name]) or 'none'}. "
                    f"Received {value!r}."
                )
            row[column] = 1 + known[name].index(value)
        if wishes.key is not None:
            row[1:3] = _key_classes(wishes.key)
        if wishes.tempo is not None:
            row[3] = 1 + np.searchsorted(TEMPO_BORDERS_QPM, wishes.tempo)
        if wishes.instruments:
            row[FIRST_INSTRUMENT:] = ABSENT
            for name in wishes.instruments:
                row[FIRST_INSTRUMENT + self._track_classes(name)] = PRESENT
        return row

    def broken(self, traits: Traits, asked: np.ndarray) -> str | None:
        """In which point a piece is not what was asked for, in words, or None. Style and tempo are not judged."""
        is_row = self.of(traits)
        if asked[1:3].any() and ((asked[1:3] != ANY) & (asked[1:3] != is_row[1:3])).any():
            return f"its key is {traits.key.name if traits.key else 'none'}, not {_key_of(*asked[1:3])}"
        for column, name, words in ((5, "mood", MOODS), (6, "density", DENSITIES), (7, "polyphony", POLYPHONIES)):
            if asked[column] not in (ANY, is_row[column]):
                return f"its {name} is {words[is_row[column] - 1]}, not {words[asked[column] - 1]}"
        wanted = asked[FIRST_INSTRUMENT:] == PRESENT
        for column in np.flatnonzero(wanted & (is_row[FIRST_INSTRUMENT:] != PRESENT)).tolist():
            return f"its {instrument_name(*self._tracks.keys[column][:2])} does not play"
        return None

    def density(self, traits: Traits | Heading) -> str:
        """One of `DENSITIES`."""
        return DENSITIES[int(np.searchsorted(self.density_borders, traits.density))]

    def polyphony(self, traits: Traits | Heading) -> str:
        """One of `POLYPHONIES`."""
        return POLYPHONIES[int(np.searchsorted(self.polyphony_borders, traits.polyphony))]

    def fit_of(self, heading: Heading, wishes: Wishes) -> tuple[bool, ...]:
        """How well a heading suits wishes, point by point; the first points matter most."""
        wanted = [set(instruments_named(name)) for name in wishes.instruments or []]
        is_minor = key_named(wishes.key)[1] if wishes.key else None
        return (
            wishes.style in (None, heading.style),
            wishes.meter in (None, heading.meter),
            all(names & set(heading.instruments) for names in wanted),
            wishes.key is None or heading.key != "",
            is_minor is None or is_minor == heading.key.endswith("minor"),
            wishes.mood in (None, heading.mood),
            wishes.density in (None, self.density(heading)),
            wishes.polyphony in (None, self.polyphony(heading)),
        )

    def as_features(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Controls of shape (..., num_columns) by the names of the features."""
        names = [feature.name for feature in self.features]
        single = {name: rows[..., column].astype(np.int32) for column, name in enumerate(names[:-1])}
        return single | {names[-1]: rows[..., FIRST_INSTRUMENT:].astype(np.int32)}

    def tonic(self, rows: np.ndarray) -> np.ndarray:
        """1 to 12 for C to B, 0 for any; shape (...)."""
        return rows[..., 1].astype(np.int64)

    def forbidden_tracks(self, rows: np.ndarray) -> np.ndarray:
        """Which track classes may not play, bool, shape (..., num_tracks)."""
        return rows[..., FIRST_INSTRUMENT:] == ABSENT

    def _track_classes(self, name: str) -> np.ndarray:
        """The track classes that an instrument's name stands for; one line of each instrument at least.

        Raises:
            SettingsError: none of the training pieces had it.
        """
        wanted = instruments_named(name)
        classes = [index for index, key in enumerate(self._tracks.keys) if key[:2] in wanted]
        if not classes:
            known = ", ".join(self.available()["instruments"])
            raise SettingsError(f"--instruments must be ones that the model has learnt: {known}. Received {name!r}.")
        return np.array(classes)


def transposed(row: np.ndarray, semitones: int) -> np.ndarray:
    """The controls of a piece moved by semitones."""
    if not semitones or row[1] == ANY:
        return row
    moved = row.copy()
    moved[1] = 1 + (row[1] - 1 + semitones) % NUM_PITCH_CLASSES
    return moved


def columns_kept(rng: np.random.Generator, num_columns: int) -> np.ndarray:
    """Which controls a network is told of while training; bool, shape (num_columns,).

    None at all in a quarter of the windows, so that it also learns to compose unasked; all in another quarter;
    otherwise each in half of them. Instruments are told of all together.
    """
    if not num_columns:
        return np.zeros(0, bool)
    chance = rng.choice([0.0, 0.5, 0.5, 1.0])
    kept = rng.random(FIRST_INSTRUMENT + 1) < chance
    return np.concatenate([kept[:-1], np.full(num_columns - FIRST_INSTRUMENT, kept[-1])])


def _key_classes(key: str) -> tuple[int, int]:
    """The classes of tonic and mode."""
    tonic, is_minor = key_named(key)
    return ANY if tonic is None else 1 + tonic, ANY if is_minor is None else 1 + is_minor


def _key_of(tonic: int, mode: int) -> str:
    """In words, what classes of tonic and mode ask for."""
    words = [TONIC_NAMES[tonic - 1] if tonic != ANY else "", ("major", "minor")[mode - 1] if mode != ANY else ""]
    return " ".join(filter(None, words))


def _one_based(known: list[str], value: str) -> int:
    return 1 + known.index(value) if value in known else ANY
