"""What can be asked of a composition: one class a wish, which says it in words, in classes, and whether it came true.

A network is told of a wish as classes of the features of the wish; 0 is always "any". Knows traits; knows no notes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import AfterValidator, FailFast, Field, ValidationInfo
from typing_extensions import override

from melodyforge.errors import SettingsError
from melodyforge.music.instruments import instrument_name, instruments_named, refused
from melodyforge.music.keys import NUM_PITCH_CLASSES, TONIC_NAMES, Key, key_named
from melodyforge.music.mood import MOODS
from melodyforge.music.traits import Measure, Name, Traits
from melodyforge.tokens.features import Feature
from melodyforge.tokens.tracks import TrackClasses

PREFIX = "control_"  # of the features' names
ANY = 0
ABSENT, PRESENT = 1, 2  # of an instrument
MODES = ("major", "minor")
TEMPO_BORDERS_QPM = (60.0, 76.0, 92.0, 108.0, 126.0, 144.0, 168.0)
TRIED_TEMPOS_QPM = (60.0, 84.0, 104.0, 132.0, 168.0)
NUM_TRIED_INSTRUMENTS = 6  # of the vocabulary's, the first
MAX_STYLES = 30_000  # what the rows of controls can number
SPARE_STYLES = 16  # free classes, so that a trained network can learn more styles
Widget = Literal["list", "buttons", "several", "key", "number"]
Meter = Annotated[str, Field(pattern="^[0-9]{1,3}/[0-9]{1,3}$")]


def _enough_for_styles(number: int, others: ValidationInfo) -> int:
    if len(others.data.get("styles", ())) > number:
        raise ValueError("must be as many as `styles` at least")
    return number


class Wish(ABC):
    """One thing that can be asked for.

    Attributes:
        name: of the setting that asks for it, in `Wishes`.
        weight: of several wishes that no training piece fulfils at once, those of more weight choose the heading.
        saved: what is learnt from the training pieces: names of attributes, and what a file may hold for each.
        features: what a network is told of it; each has as many classes as it has slots, or one.
        options: the words that can be asked for, or () where there are none to choose from.
        widget: how the studio asks for it: words in a `list` or as `buttons`, any number of them (`several`), a `key`
            or a `number`.
    """

    name: ClassVar[str]
    weight: ClassVar[int] = 0
    saved: ClassVar[dict[str, Any]] = {}
    widget: ClassVar[Widget]
    features: tuple[Feature, ...]
    options: Sequence[str] = ()

    @classmethod
    def fit(cls, traits: Sequence[Traits], tracks: TrackClasses) -> Self:
        """Learns from the traits of training pieces what there is to ask for."""
        return cls()

    @classmethod
    def from_state(cls, state: Mapping[str, Any], tracks: TrackClasses) -> Self:
        """The inverse of `state`, where `state` may hold more."""
        return cls(**{name: state[name] for name in cls.saved})

    def state(self) -> dict[str, Any]:
        """What is learnt, as plain lists."""
        return {name: getattr(self, name) for name in self.saved}

    @abstractmethod
    def of_traits(self, traits: Traits) -> list[int]:
        """The classes of a piece, as many as the features have."""

    @abstractmethod
    def of_words(self, asked: Any) -> list[int]:
        """The classes that stand for what the setting says.

        Raises:
            SettingsError: the training pieces did not have it; what they had is named.
        """

    def asked_by(self, traits: Traits) -> Any:
        """What to ask for, so that music is like a piece in this; None where that is not known."""
        return None

    def suits(self, traits: Traits, asked: Any) -> tuple[bool, ...]:
        """How well music suits what is asked for, point by point; the first points matter most."""
        return ()

    def missed(self, traits: Traits, asked: list[int]) -> str | None:
        """In which point a piece is not what was asked for, in words; None where it is, or nobody judges that."""
        return None

    def tried(self) -> Sequence[Any]:
        """What to ask for to find out whether the wish comes true; () where nobody measures that."""
        return ()

    def is_met(self, traits: Traits, asked: Any) -> bool:
        """Whether a piece is just what was asked for, for one of `tried`."""
        return self.missed(traits, self.of_words(asked)) is None


class WordWish(Wish):
    """A wish for one of some words."""

    widget: ClassVar[Widget] = "list"

    def __init__(self, options: Sequence[str]) -> None:
        self.options = list(options)
        self.features = (Feature(f"{PREFIX}{self.name}", 1 + len(self.options)),)

    @abstractmethod
    def word(self, traits: Traits) -> str:
        """That which holds for a piece; "" when unknown."""

    @override
    def of_traits(self, traits: Traits) -> list[int]:
        word = self.word(traits)
        return [1 + self.options.index(word) if word in self.options else ANY]

    @override
    def of_words(self, asked: Any) -> list[int]:
        if asked not in self.options:
            raise SettingsError(
                f"--{self.name} must be one that the model has learnt: {', '.join(self.options) or 'none'}. "
                f"Received {asked!r}."
            )
        return [1 + self.options.index(asked)]

    @override
    def asked_by(self, traits: Traits) -> Any:
        word = self.word(traits)
        return word if word in self.options else None

    @override
    def suits(self, traits: Traits, asked: Any) -> tuple[bool, ...]:
        return (self.word(traits) == asked,)


class JudgedWordWish(WordWish):
    """A wish for a word that is heard in the music itself."""

    widget: ClassVar[Widget] = "buttons"

    @override
    def missed(self, traits: Traits, asked: list[int]) -> str | None:
        if asked == self.of_traits(traits):
            return None
        return f"its {self.name} is {self.word(traits)}, not {self.options[asked[0] - 1]}"


class StyleWish(WordWish):
    """A style: the name of a subfolder of the training music."""

    name = "style"
    weight = 3
    saved: ClassVar = {
        "styles": (Annotated[list[Name], FailFast()], ...),
        "num_style_classes": (Annotated[int, Field(ge=0, le=MAX_STYLES), AfterValidator(_enough_for_styles)], ...),
    }

    def __init__(self, styles: list[str], num_style_classes: int) -> None:
        super().__init__(styles)
        self.num_style_classes = num_style_classes
        self.features = (Feature(f"{PREFIX}style", 1 + num_style_classes),)

    @property
    def styles(self) -> list[str]:
        """Those that are known; there are more classes, for styles yet to be learnt."""
        return list(self.options)

    @classmethod
    @override
    def fit(cls, traits: Sequence[Traits], tracks: TrackClasses) -> Self:
        styles = sorted({one.style for one in traits if one.style})
        return cls(styles, len(styles) + SPARE_STYLES)

    def with_styles(self, styles: Iterable[str]) -> StyleWish:
        """The same with more styles in the spare classes, as many as fit."""
        new = [style for style in dict.fromkeys(styles) if style and style not in self.options]
        return StyleWish([*self.options, *new][: self.num_style_classes], self.num_style_classes)

    @override
    def word(self, traits: Traits) -> str:
        return traits.style


class KeyWish(Wish):
    """A key, or just its tonic, or just whether it is major or minor."""

    name = "key"
    widget: ClassVar[Widget] = "key"
    features = (Feature(f"{PREFIX}tonic", 1 + NUM_PITCH_CLASSES), Feature(f"{PREFIX}mode", 1 + len(MODES)))

    @override
    def of_traits(self, traits: Traits) -> list[int]:
        return [ANY, ANY] if traits.key is None else [1 + traits.key.tonic, 1 + traits.key.is_minor]

    @override
    def of_words(self, asked: Any) -> list[int]:
        tonic, is_minor = key_named(asked)
        return [ANY if tonic is None else 1 + tonic, ANY if is_minor is None else 1 + is_minor]

    @override
    def asked_by(self, traits: Traits) -> Any:
        return traits.key.name if traits.key else None

    @override
    def suits(self, traits: Traits, asked: Any) -> tuple[bool, ...]:
        _, is_minor = key_named(asked)
        is_alike = is_minor is None or is_minor == (traits.key is not None and traits.key.is_minor)
        return traits.key is not None, is_alike

    @override
    def missed(self, traits: Traits, asked: list[int]) -> str | None:
        if all(wanted in (ANY, found) for wanted, found in zip(asked, self.of_traits(traits), strict=True)):
            return None
        tonic, mode = asked
        words = [TONIC_NAMES[tonic - 1] if tonic != ANY else "", MODES[mode - 1] if mode != ANY else ""]
        return f"its key is {traits.key.name if traits.key else 'none'}, not {' '.join(filter(None, words))}"

    @override
    def tried(self) -> Sequence[Any]:
        return [Key(tonic, is_minor).name for is_minor in (False, True) for tonic in range(NUM_PITCH_CLASSES)]

    def moved(self, asked: list[int], semitones: int) -> list[int]:
        """The classes of music that has been moved."""
        tonic, mode = asked
        return [tonic if tonic == ANY else 1 + (tonic - 1 + semitones) % NUM_PITCH_CLASSES, mode]


class TempoWish(Wish):
    """A tempo, which every composition gets as it is asked for."""

    name = "tempo"
    widget: ClassVar[Widget] = "number"
    features = (Feature(f"{PREFIX}tempo", 2 + len(TEMPO_BORDERS_QPM)),)

    @override
    def of_traits(self, traits: Traits) -> list[int]:
        return self.of_words(traits.tempo_qpm)

    @override
    def of_words(self, asked: Any) -> list[int]:
        return [1 + int(np.searchsorted(TEMPO_BORDERS_QPM, asked))]

    @override
    def asked_by(self, traits: Traits) -> Any:
        return float(round(traits.tempo_qpm))

    @override
    def tried(self) -> Sequence[Any]:
        return TRIED_TEMPOS_QPM

    @override
    def is_met(self, traits: Traits, asked: Any) -> bool:
        return abs(traits.tempo_qpm - asked) < 0.01


class MeterWish(WordWish):
    """A meter of the training music."""

    name = "meter"
    weight = 2
    saved: ClassVar = {"meters": (Annotated[list[Meter], FailFast()], ...)}

    def __init__(self, meters: list[str]) -> None:
        super().__init__(meters)
        self.meters = meters

    @classmethod
    @override
    def fit(cls, traits: Sequence[Traits], tracks: TrackClasses) -> Self:
        return cls(sorted({one.meter for one in traits if one.meter}))

    @override
    def word(self, traits: Traits) -> str:
        return traits.meter


class MoodWish(JudgedWordWish):
    """A mood."""

    name = "mood"

    def __init__(self) -> None:
        super().__init__(MOODS)

    @override
    def word(self, traits: Traits) -> str:
        return traits.mood

    @override
    def tried(self) -> Sequence[Any]:
        return self.options


class AmountWish(JudgedWordWish):
    """A wish for little, medium or much of a trait of its name, in comparison with the training pieces."""

    words: ClassVar[tuple[str, str, str]]

    def __init__(self, borders: Sequence[float]) -> None:
        super().__init__(self.words)
        self.borders = list(borders)

    def __init_subclass__(cls) -> None:
        cls.saved = {f"{cls.name}_borders": (tuple[Measure, Measure] | None, None)}  # older vocabularies have fewer

    @classmethod
    @override
    def fit(cls, traits: Sequence[Traits], tracks: TrackClasses) -> Self:
        """Thirds of the pieces have little, medium and much."""
        amounts = [getattr(one, cls.name) for one in traits]
        return cls(np.quantile(amounts, [1 / 3, 2 / 3]).round(4).tolist())

    @classmethod
    @override
    def from_state(cls, state: Mapping[str, Any], tracks: TrackClasses) -> Self:
        return cls(state[f"{cls.name}_borders"])

    @override
    def state(self) -> dict[str, Any]:
        return {f"{self.name}_borders": self.borders}

    @override
    def word(self, traits: Traits) -> str:
        if not traits.mood:  # nobody has listened to the piece
            return ""
        return self.options[int(np.searchsorted(self.borders, getattr(traits, self.name)))]

    @override
    def tried(self) -> Sequence[Any]:
        return [self.options[0], self.options[-1]]

    @override
    def is_met(self, traits: Traits, asked: Any) -> bool:
        """Whether it lies on the side of the middle that was asked for."""
        return (getattr(traits, self.name) >= sum(self.borders) / 2) == (asked == self.options[-1])


class DensityWish(AmountWish):
    """How many notes follow one another."""

    name = "density"
    words = ("sparse", "medium", "dense")


class PolyphonyWish(AmountWish):
    """How many notes sound together."""

    name = "polyphony"
    words = ("thin", "medium", "full")


class InstrumentsWish(Wish):
    """Which instruments play, in how many tracks, and that no others do; or only which do not: "no drums"."""

    name = "instruments"
    weight = 1
    widget: ClassVar[Widget] = "several"
    saved: ClassVar = {"counts_tracks": (bool, False)}  # older vocabularies tell all tracks of an instrument alike

    def __init__(self, tracks: TrackClasses, counts_tracks: bool = True) -> None:
        self._keys, self.counts_tracks = tracks.keys, counts_tracks
        self.features = (Feature(f"{PREFIX}instruments", 3, slots=len(tracks)),)
        self.options = list(dict.fromkeys(instrument_name(*key[:2]) for key in tracks.keys))

    @classmethod
    @override
    def fit(cls, traits: Sequence[Traits], tracks: TrackClasses) -> Self:
        return cls(tracks)

    @classmethod
    @override
    def from_state(cls, state: Mapping[str, Any], tracks: TrackClasses) -> Self:
        return cls(tracks, bool(state.get("counts_tracks")))

    @override
    def of_traits(self, traits: Traits) -> list[int]:
        counts = Counter(traits.instruments)
        plays = [counts[key[:2]] > (key[2] if self.counts_tracks else 0) for key in self._keys]
        return [PRESENT if one else ABSENT for one in plays] if any(plays) else [ANY] * len(plays)

    @override
    def of_words(self, asked: Any) -> list[int]:
        names, forbidden = _parted(asked)
        wanted = [set(instruments_named(name)) - forbidden for name in names]
        for name, found in zip(names, wanted, strict=True):
            if not any(key[:2] in found for key in self._keys):
                raise SettingsError(
                    f"--instruments must be ones that the model has learnt: {', '.join(self.options)}. "
                    f"Received {name!r}{', which is refused, too' * bool(set(instruments_named(name)) & forbidden)}."
                )
        of_one = [(ANY if self.counts_tracks and key[2] else PRESENT) for key in self._keys]  # others are the heading's
        asked_for = [any(key[:2] in found for found in wanted) for key in self._keys]
        silent = [key[:2] in forbidden or bool(names) for key in self._keys]
        others = [ABSENT if is_silent else ANY for is_silent in silent]
        return [one if is_asked else other for one, is_asked, other in zip(of_one, asked_for, others, strict=True)]

    @override
    def suits(self, traits: Traits, asked: Any) -> tuple[bool, ...]:
        names, forbidden = _parted(asked)
        plays = set(traits.instruments)
        return (all(set(instruments_named(name)) & plays for name in names) and not forbidden & plays,)

    @override
    def missed(self, traits: Traits, asked: list[int]) -> str | None:
        for key, wanted, found in zip(self._keys, asked, self.of_traits(traits), strict=True):
            if wanted == PRESENT and found != PRESENT:
                return f"its {instrument_name(*key[:2])} does not play"
        return None

    @override
    def tried(self) -> Sequence[Any]:
        return [[name] for name in self.options[:NUM_TRIED_INSTRUMENTS]]

    @override
    def is_met(self, traits: Traits, asked: Any) -> bool:
        return sorted({instrument_name(*one) for one in traits.instruments}) == sorted(asked)


def _parted(asked: Iterable[str]) -> tuple[list[str], set[tuple[int, bool]]]:
    """The names of instruments that are wanted, and all that are refused, as (program, is_drum)."""
    names, others = refused(asked)
    return names, {one for name in others for one in instruments_named(name)}


# In the order of the features that networks are told.
WISHES: tuple[type[Wish], ...] = (
    StyleWish,
    KeyWish,
    TempoWish,
    MeterWish,
    MoodWish,
    DensityWish,
    PolyphonyWish,
    InstrumentsWish,
)
