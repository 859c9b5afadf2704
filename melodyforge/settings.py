"""Every setting once: name, default, bounds, unit, help, and how people meet it.

Recipes, flags and the sliders of the studio are made from these classes. Knows no files, no flags, no widgets and no
music.
"""

from __future__ import annotations

import re
import reprlib
import secrets
from dataclasses import dataclass
from enum import StrEnum
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, Self, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from melodyforge.errors import SettingsError

MAX_NOTES = 100_000  # in one composition
MAX_MINUTES = 525_600.0  # a year
MAX_SEED = 2**32 - 1
MAX_EPOCHS = 1_000_000
MAX_PASSAGE_NOTES = 1_000
MAX_TRACKS = 32
MAX_BEST_OF = 64
MAX_BRIDGE_BARS = 64
MAX_COMPLAINTS = 3  # in one line
_ANY_CASE = BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)


class Topic(StrEnum):
    """What settings are about: the headings of `--help`, in their order."""

    BASIS = "what to compose with"
    LENGTH = "how long, and how many"
    WISHES = "what it is to be like"
    LIMITS = "what every note keeps to"
    SAMPLING = "how notes are drawn"
    MUSIC = "music to learn from"
    DURATION = "how long to learn"
    LEARNING = "how to learn"
    NETWORK = "the network"


@dataclass(frozen=True)
class Shown:
    """How people meet a setting, beside its default, bounds and description; stands in its `Annotated`.

    Attributes:
        topic: what it is about, where that is not what its section is about.
        unit: of its number, in the plural.
        left_out: what holds when it is None or empty, in words.
        usual: lowest and highest number that the studio offers, where that is not all that the setting may be.
        step: from number to number in the studio, where it is not 1 for whole numbers and 0.01 for others.
        start: the number that the studio begins with, where there is no default.
    """

    topic: Topic | None = None
    unit: str = ""
    left_out: str = ""
    usual: tuple[float, float] | None = None
    step: float | None = None
    start: float | None = None


_OR_ANY = Shown(left_out="any")
_FROM_MUSIC = "chosen from the music"


@dataclass(frozen=True)
class Bounds:
    """What a number may be.

    Attributes:
        low, high: lowest and highest, None where it has no such bound.
        is_above_low: whether it must be more than `low`.
        is_below_high: whether it must be less than `high`.
    """

    low: float | None
    high: float | None
    is_above_low: bool
    is_below_high: bool

    def __str__(self) -> str:
        """Such as "0 to 2", "above 0 to 1" and "1 or more"; "" where there is no lowest: of what is no number."""
        if self.low is None:
            return ""
        low = "above " * self.is_above_low + in_words(self.low)
        if self.high is None:
            return low if self.is_above_low else f"{low} or more"
        return f"{low} to {'below ' * self.is_below_high}{in_words(self.high)}"


class Section(BaseModel):
    """A group of settings that are declared, checked and stored together; `topic` says what those are about."""

    topic: ClassVar[Topic]
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def check(cls, values: dict[str, Any]) -> Self:
        """Builds the section from untrusted values.

        Raises:
            SettingsError: one line that names the setting, what it must be and what was received.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise SettingsError(_in_one_line(error)) from None

    def changed(self, **values: Any) -> Self:
        """The same settings with those values that are not None put in place, checked again."""
        given = {name: value for name, value in values.items() if value is not None}
        return type(self).check(self.model_dump() | given)


class RepresentationSettings(Section):
    """How music becomes tokens."""

    topic = Topic.MUSIC
    kind: Literal["events", "fields", "notes"] = Field(
        "notes",
        description="events: one token an onset; fields: the fields of a note, each predicted by itself; notes: each "
        "told of those before, and of what the past suggests",
    )
    rhythm: Literal["learned", "fixed"] = Field(
        "learned", description="events only: learn durations, or play every event half a quarter apart"
    )
    min_count: int = Field(2, ge=1, description="events only: events rarer than this fall back to a simpler chord")
    max_events: int = Field(
        8192, ge=1, description="events only: about how many are told apart, the commonest; rarer chords become simpler"
    )
    numbers: bool = Field(
        False, description="fields only: shift, duration and velocity are numbers, predicted by regression"
    )
    velocity: bool = Field(False, description="fields only: learn how hard notes are struck")
    voices: Literal["all", "melody", "instrument"] = Field(
        "all",
        description="all tracks together; or the one track that carries the melody; or, for fields only, the one "
        "instrument with the most notes",
    )
    track: Annotated[str, Shown(left_out="the one that carries the melody")] = Field(
        "",
        description="recipe melody only: the track to take, by its number, or a part of its or its instrument's name",
    )
    instrument: Annotated[str, Shown(left_out="the one with the most notes")] = Field(
        "", description="recipe composer only: the instrument to take, by its General MIDI name, such as violin"
    )
    max_tracks: int = Field(16, ge=1, le=MAX_TRACKS, description="notes only: how many instruments are told apart")

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.voices == "melody" and self.kind == "notes":
            raise ValueError('`voices = "melody"` needs `kind = "events"` or "fields"')
        if self.voices == "instrument" and self.kind != "fields":
            raise ValueError('`voices = "instrument"` needs `kind = "fields"`')
        if (self.numbers or self.velocity) and self.kind != "fields":
            raise ValueError('`numbers` and `velocity` need `kind = "fields"`')
        if self.instrument and self.voices != "instrument":
            raise ValueError("`instrument` needs a recipe that takes one instrument, such as composer")
        if self.track and self.voices != "melody":
            raise ValueError("`track` needs a recipe that takes one track, such as melody")
        return self


class NetworkSettings(Section):
    """The network's shape."""

    topic = Topic.NETWORK
    kind: Literal["lstm", "attention"] = Field(
        "lstm",
        description="lstm: reads the past once, from left to right; attention: reads a window of the past anew for "
        "each note, in both directions, and weighs its notes",
    )
    units: int = Field(256, ge=8, le=4096, description="width of each LSTM layer")
    num_layers: int = Field(3, ge=1, le=12, description="number of LSTM layers")
    dropout: float = Field(0.3, ge=0, lt=1, description="share of units silenced at random while training")
    note_dropout: float = Field(
        0.0, ge=0, lt=1, description="share of notes or events that the network does not hear while training"
    )
    head_units: int = Field(0, ge=0, le=4096, description="width of the hidden layer before each output; 0: none")
    layer_norm: bool = Field(False, description="whether what the LSTM says is normalised before the outputs")
    num_attention_heads: int = Field(4, ge=1, le=64, description="attention only: how many ways to weigh the past")

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.reads_windows and 2 * self.units % self.num_attention_heads:
            raise ValueError(
                f"`num_attention_heads` must divide {2 * self.units}, twice `units`. It is {self.num_attention_heads}"
            )
        return self

    @property
    def reads_windows(self) -> bool:
        """Whether each prediction needs a window of its own, because the past is read anew for it."""
        return self.kind == "attention"


class TrainingSettings(Section):
    """How the network learns; `training/plan.py` chooses what is None from the notes found."""

    topic = Topic.LEARNING
    epochs: Annotated[int | None, Shown(Topic.DURATION, left_out=_FROM_MUSIC)] = Field(
        None, ge=1, le=MAX_EPOCHS, description="passes over the music at most"
    )
    batch_size: Annotated[int | None, Shown(left_out=_FROM_MUSIC)] = Field(
        None, ge=1, le=65536, description="windows learnt from at once"
    )
    window: Annotated[int | None, Shown(unit="notes or events", left_out=_FROM_MUSIC)] = Field(
        None, ge=4, le=8192, description="length of one window, which is learnt from as a whole"
    )
    minutes: Annotated[
        float | None,
        Shown(Topic.DURATION, unit="minutes", left_out="no limit", usual=(0.1, 10_000.0), step=1.0, start=10.0),
    ] = Field(None, gt=0, le=MAX_MINUTES, description="time to learn for at most; it ends sooner when done")
    learning_rate: Annotated[float, Shown(usual=(0.0001, 1.0), step=0.0005)] = Field(
        2e-3, gt=0, le=1, description="highest learning rate"
    )
    weight_decay: float = Field(1e-2, ge=0, le=1, description="AdamW's weight decay")
    warmup: float = Field(0.03, ge=0, le=0.5, description="share of the training in which the rate rises")
    clip_norm: float = Field(1.0, gt=0, le=1e6, description="gradients longer than this are shortened")
    transpose: Annotated[int | None, Shown(unit="semitones", left_out="5")] = Field(
        None, ge=0, le=11, description="how far music is moved up and down at random"
    )
    stretch: float = Field(0.05, ge=0, le=0.5, description="share by which played music is sped up or slowed at random")
    style_balance: float = Field(
        0.5, ge=0, le=1, description="1: styles are heard as often as they have notes; 0: all styles equally often"
    )
    style: Annotated[str, Shown(Topic.MUSIC, left_out="all")] = Field(
        "", description="learn from one subfolder only, such as that of one composer"
    )
    held_out: Annotated[float, Shown(Topic.MUSIC)] = Field(
        0.1, gt=0, lt=0.9, description="share of the notes to measure on, not to learn from"
    )
    patience: Annotated[int, Shown(Topic.DURATION, unit="epochs")] = Field(
        8, ge=1, le=MAX_EPOCHS, description="how long to go on without a lower validation loss"
    )
    precision: Annotated[Literal["auto", "float32", "bfloat16", "float16"], _ANY_CASE] = Field(
        "auto", description="auto: float32 on the CPU, mixed precision on a GPU"
    )
    seed: int = Field(0, ge=0, le=MAX_SEED, description="random seed")
    keep_every: Annotated[int | None, Shown(Topic.DURATION, unit="epochs", left_out="never")] = Field(
        None, ge=1, le=MAX_EPOCHS, description="keep the model after every so many, too, as NAME-epoch-N"
    )


class SamplingSettings(Section):
    """How the next note is drawn from what the network expects."""

    topic = Topic.SAMPLING
    temperature: Annotated[float, Shown(usual=(0.0, 2.0), step=0.05)] = Field(  # beyond, hardly anything learnt is left
        1.0, ge=0, le=5, description="how daring; 0: always the likeliest; 1: as learnt; more: more daring"
    )
    top_k: Annotated[int, Shown(usual=(0, 500))] = Field(
        0, ge=0, description="draw only from the K likeliest; 0: from all"
    )
    top_p: Annotated[float, Shown(usual=(0.05, 1.0))] = Field(
        1.0, gt=0, le=1, description="draw only from the likeliest that make up this probability"
    )
    min_p: float = Field(0.0, ge=0, lt=1, description="leave out what is less likely than this share of the likeliest")
    guidance: Annotated[float, Shown(Topic.WISHES, usual=(0.0, 6.0), step=0.25)] = Field(
        1.0, ge=0, le=10, description="how strictly wishes are followed; 1: as learnt; more: more strictly"
    )
    start: Annotated[Literal["nothing", "passage"], _ANY_CASE, Shown(Topic.BASIS)] = Field(
        "nothing", description="what comes before the first note, without a primer: nothing, or a passage learnt from"
    )
    passage_notes: Annotated[int, Shown(Topic.BASIS, unit="notes or events")] = Field(
        50, ge=1, le=MAX_PASSAGE_NOTES, description="length of such a passage"
    )


class Wishes(Section):
    """What a composition is to be like; None: any. Models learn these from the music; tempo holds for every model."""

    topic = Topic.WISHES
    style: Annotated[str | None, _OR_ANY] = Field(
        None, description="a style that the model has learnt: the name of a subfolder"
    )
    key: Annotated[str | None, _OR_ANY] = Field(None, description='such as "D minor", "Bb" or "minor"')
    tempo: Annotated[float | None, Shown(unit="quarter notes per minute", left_out="any", step=1.0)] = Field(
        None, ge=10, le=400, description="how fast"
    )
    meter: Annotated[str | None, _OR_ANY] = Field(None, description="beats in a bar, such as 3/4 for a waltz")
    mood: Annotated[str | None, _OR_ANY] = Field(None, description="happy, tense, sad or calm")
    density: Annotated[str | None, _OR_ANY] = Field(
        None, description="how many notes follow one another: sparse, medium or dense"
    )
    polyphony: Annotated[str | None, _OR_ANY] = Field(
        None, description="how many notes sound together: thin, medium or full"
    )
    instruments: Annotated[list[str] | None, _OR_ANY] = Field(
        None,
        description="General MIDI names such as violin, families such as strings, or drums; no others will play. "
        '"no drums" keeps them out, and leaves the others open',
    )


class Limits(Section):
    """What every composed note keeps to, without exception; None: nothing. For models that predict note by note."""

    topic = Topic.LIMITS
    scale: Annotated[str | None, _OR_ANY] = Field(
        None, description='such as "D dorian" or "C major pentatonic", or pitch classes such as "C D E G A"'
    )
    range: Annotated[str | None, _OR_ANY] = Field(
        None, description='lowest and highest pitch: "C3-C6" for all, "violin:G3-E6" for some, commas between'
    )
    most_at_once: Annotated[int | None, Shown(unit="notes", left_out="any", usual=(1, 12), start=4)] = Field(
        None, ge=1, le=128, description="how many may sound together, drums not counted"
    )
    grid: Annotated[str | None, _OR_ANY] = Field(
        None, description="note value on whose multiples notes begin: 1/8, 1/16, or 1/12 for triplets"
    )
    chords: Annotated[str | None, _OR_ANY] = Field(
        None,
        description='such as "C G Am F", one a bar, repeated; with beats: "C:2 G7/B:2"; with --key: "I V vi IV"',
    )
    cadence: Annotated[Literal["authentic", "plagal", "half"] | None, _ANY_CASE, _OR_ANY] = Field(
        None, description="how it closes: V-I, IV-I, or on V"
    )


def _form(words: str | None) -> str | None:
    if words is not None and not re.fullmatch("[A-Za-z-]{1,26}", words):
        raise ValueError(
            f"`form` must be letters such as AABA, rondo, verse-chorus or free. Received {reprlib.repr(words)}"
        )
    return words


def _bars(words: str | None, info: ValidationInfo) -> str | None:
    found = re.fullmatch("([0-9]{1,6})(?:-([0-9]{1,6}))?", words or "0")
    if not found or int(found[1]) > int(found[2] or found[1]):
        raise ValueError(f"`{info.field_name}` must be a bar, or two such as 5-8. Received {reprlib.repr(words)}")
    return words


def _names(names: list[str] | None) -> list[str] | None:
    if names is not None and not all(map(str.strip, names or [""])):
        raise ValueError("`redo_tracks` and `keep_tracks` must be names of tracks. Received an empty one, or none")
    return names


RHYTHM, CONTOUR, HARMONY = "rhythm", "contour", "harmony"


def _in_one(names: Any) -> Any:
    """Several names in one text, with commas between."""
    return ",".join(map(str, names)) if isinstance(names, list | tuple | set) else names


def _keeps(words: str | None) -> str | None:
    """The names in their order, each once."""
    if words is None:
        return None
    names = re.split(r"[\s,;]+", words.strip().lower())
    if not set(names) <= {RHYTHM, CONTOUR, HARMONY}:
        raise ValueError(
            f"`vary_keeps` must be rhythm, contour or harmony, with commas between. Received {reprlib.repr(words)}"
        )
    return ",".join(one for one in (RHYTHM, CONTOUR, HARMONY) if one in names)


OF_A_PRIMER = (  # settings that need one, None where they are left out
    *("primer_notes", "primer_bars", "redo_bars", "redo_tracks", "keep_tracks", "vary", "vary_keeps"),
)


class ComposeSettings(SamplingSettings, Wishes, Limits):
    """All that decides a composition, next to the model and the primer."""

    topic = Topic.LENGTH
    num_notes: Annotated[int, Shown(unit="notes", usual=(1, 2000))] = Field(
        500, ge=1, le=MAX_NOTES, description="length at most"
    )
    num_bars: Annotated[int | None, Shown(unit="bars", usual=(1, 128), start=32)] = Field(
        None, ge=1, le=10_000, description="length, in place of a number of notes"
    )
    num_seconds: Annotated[float | None, Shown(unit="seconds", usual=(5.0, 600.0), step=1.0, start=90.0)] = Field(
        None, ge=1, le=7200, description="length, in place of a number of notes"
    )
    num_pieces: Annotated[int, Shown(usual=(1, 8))] = Field(
        1, ge=1, le=1_000_000, description="how many pieces to compose at once; more than 4,096 on a cluster"
    )
    seed: Annotated[int, Shown(Topic.SAMPLING, left_out="a new one each time")] = Field(
        default_factory=lambda: secrets.randbelow(MAX_SEED + 1),
        ge=0,
        le=MAX_SEED,
        description="random seed; the same seed gives the same music",
    )
    ending: Annotated[Literal["full", "natural"], _ANY_CASE] = Field(
        "full", description="full: up to the number of notes; natural: may end earlier, where the network does"
    )
    form: Annotated[str | None, Shown(left_out="as in real music"), AfterValidator(_form)] = Field(
        None,
        description="which sections return: letters such as AABA, a small one where what stood before is varied; "
        "rondo or verse-chorus; or free, for no plan",
    )
    effort: Annotated[Literal["quick", "good", "best"], _ANY_CASE] = Field(
        "good", description="how long to look for the best way to go on: quick takes the first, good 8, best 32"
    )
    best_of: Annotated[int, Shown(unit="takes", usual=(1, 16))] = Field(
        1, ge=1, le=MAX_BEST_OF, description="how many takes to compose of each piece, of which you get the best"
    )
    max_shared_notes: Annotated[int | None, Shown(Topic.SAMPLING, unit="notes", left_out="any", usual=(11, 64))] = (
        Field(
            None,
            ge=11,
            le=MAX_NOTES,
            description="how many notes in a row may also stand in the training music, in any key, or twice or half as "
            "fast; a piece that shares more is composed again",
        )
    )
    primer_notes: Annotated[int | None, Shown(Topic.BASIS, unit="notes", left_out="all")] = Field(
        None, ge=1, description="how much of the primer to start from"
    )
    primer_bars: Annotated[str | None, Shown(Topic.BASIS, left_out="all"), AfterValidator(_bars)] = Field(
        None,
        description="which bars of the primer to start from, such as 1-8; what is composed begins behind the last",
    )
    redo_bars: Annotated[str | None, Shown(Topic.BASIS, left_out="none"), AfterValidator(_bars)] = Field(
        None,
        description="bars of the primer to compose anew, such as 5-8; all else of it stays. Bars are counted as in "
        "print: the first is 1, an upbeat before it 0",
    )
    redo_tracks: Annotated[
        list[str] | None, Shown(Topic.BASIS, left_out="all in --redo-bars"), AfterValidator(_names)
    ] = Field(
        None,
        description="tracks of the primer to compose anew, in --redo-bars or everywhere: names or parts of them, "
        "instruments, families, numbers, melody or drums",
    )
    keep_tracks: Annotated[list[str] | None, Shown(Topic.BASIS, left_out="none"), AfterValidator(_names)] = Field(
        None,
        description="tracks of the primer that stay, named as for --redo-tracks; others are composed around them: "
        "those of --instruments, else the primer's own, else usual ones",
    )

    vary: Annotated[float | None, Shown(Topic.BASIS, left_out="nothing", start=0.3, usual=(0.1, 1.0), step=0.1)] = (
        Field(
            None,
            gt=0,
            le=1,
            description="share of the primer's bars to compose anew, here and there; the rest stays",
        )
    )
    vary_keeps: Annotated[
        str | None, Shown(Topic.BASIS, left_out="nothing"), BeforeValidator(_in_one), AfterValidator(_keeps)
    ] = Field(
        None,
        description="what bars that --vary composes anew keep, with commas between: rhythm (pitches alone are "
        "composed), contour (the rhythm, and where each line rises and falls) or harmony",
    )

    bridge_bars: Annotated[int, Shown(Topic.BASIS, unit="bars", usual=(1, 16))] = Field(
        4, ge=1, le=MAX_BRIDGE_BARS, description="bars that are composed between the primer and the take of --join"
    )

    @property
    def keeps_parts(self) -> bool:
        """Whether parts of the primer stay as they are, and others are composed around them."""
        return bool(self.redo_bars or self.redo_tracks or self.keep_tracks or self.vary)

    @property
    def kept_where_varied(self) -> set[str]:
        """What bars that are varied keep: some of rhythm, contour and harmony."""
        return set((self.vary_keeps or "").split(",")) - {""}

    @property
    def keeps_rhythm(self) -> bool:
        """Whether of what is varied the pitches alone are composed."""
        return bool({RHYTHM, CONTOUR} & self.kept_where_varied)


def bounds(section: type[Section], name: str) -> Bounds:
    """What a number may be; unbounded where the setting is none."""
    found: dict[str, float] = {}
    for rule in section.model_fields[name].metadata:
        found |= {kind: getattr(rule, kind) for kind in ("ge", "gt", "le", "lt") if hasattr(rule, kind)}
    return Bounds(found.get("ge", found.get("gt")), found.get("le", found.get("lt")), "gt" in found, "lt" in found)


def shown(section: type[Section], name: str) -> Shown:
    """How people meet a setting."""
    return next((mark for mark in section.model_fields[name].metadata if isinstance(mark, Shown)), Shown())


def topic_of(section: type[Section], name: str) -> Topic:
    """What a setting is about: what is said with it, or else with the section that declares it."""
    declaring = [one for one in section.__mro__ if issubclass(one, Section) and name in one.model_fields][-1]
    return shown(section, name).topic or declaring.topic


def default_of(section: type[Section], name: str) -> Any:
    """What a setting is when it is left out; None where that is chosen later, or anew each time."""
    setting = section.model_fields[name]
    return None if setting.default_factory else setting.default


def kind_of(section: type[Section], name: str) -> Any:
    """The type of a setting that is not left out: `int` of `int | None`."""
    annotation = section.model_fields[name].annotation
    if get_origin(annotation) not in (UnionType, Union):
        return annotation
    return next(kind for kind in get_args(annotation) if kind is not type(None))


def in_words(value: Any) -> str:
    """A value as people read it: 0.5, 1 and 100,000."""
    return f"{value:,.10g}" if isinstance(value, int | float) else str(value)


def _in_one_line(error: ValidationError) -> str:
    """Pydantic's complaints in the form "`top_p` must be ... Received 1.4."."""
    parts = []
    for detail in error.errors()[:MAX_COMPLAINTS]:
        name = ".".join(str(part) for part in detail["loc"])
        if detail["type"] == "missing":
            parts.append(f"`{name}` is missing.")
            continue
        if detail["type"] == "extra_forbidden":
            parts.append(f"`{name}` is not a setting; remove it or correct its spelling.")
            continue
        if detail["type"] == "value_error":  # of settings that do not fit together
            parts.append(f"{detail['msg'].removeprefix('Value error, ')}.")
            continue
        expected = detail["msg"].replace("Input should be", "must be")
        parts.append(f"`{name}` {expected}. Received {reprlib.repr(detail['input'])}.")
    return " ".join(parts)
