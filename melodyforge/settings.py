"""Every setting once: name, default, bounds, unit and help.

TOML recipes, command-line flags and the sliders of the web app are all made from
these classes. Knows nothing of music, networks or files other than recipes.
"""

from __future__ import annotations

import argparse
import os
import reprlib
import secrets
import string
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from melodyforge.errors import SettingsError
from melodyforge.places import RECIPES_DIR

MAX_NOTES = 100_000  # in one composition
MAX_EPOCHS = 1_000_000
MAX_MINUTES = 525_600.0  # a year
MAX_NAME_LENGTH = 100  # of a model; files beside it have longer names
MAX_SEED = 2**32 - 1
MAX_EPOCHS = 1_000_000
MAX_PASSAGE_NOTES = 1_000
MAX_TRACKS = 32
REPRESENTATION_FLAGS = ("track", "instrument")
DEFAULT_RECIPE = "forge"
MAX_RECIPE_BYTES = 16_000  # those that ship have 1,000; reading takes the square of it
MAX_COMPLAINTS = 3  # in one line
NETWORK_FLAGS = ("units", "num_layers", "dropout", "note_dropout")
_NAME_CHARACTERS = set(string.ascii_letters + string.digits + "-_.")
_ANY_CASE = BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)


class Section(BaseModel):
    """A group of settings that are declared, checked and stored together."""

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
    track: str = Field(
        "",
        description="the track to take for the melody instead: its number, or a part of its or its instrument's name",
    )
    instrument: str = Field("", description="the instrument to take instead: a General MIDI name, such as violin")
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

    epochs: int | None = Field(
        None,
        ge=1,
        le=MAX_EPOCHS,
        description="passes over the training notes at most; chosen from the music when left out",
    )
    batch_size: int | None = Field(
        None, ge=1, le=65536, description="windows learnt from at once; chosen from the music when left out"
    )
    window: int | None = Field(
        None, ge=4, le=8192, description="notes or events in one window; chosen from the music when left out"
    )
    minutes: float | None = Field(
        None,
        gt=0,
        le=MAX_MINUTES,
        description="wall time to train for at most, in minutes; no limit when left out",
    )
    learning_rate: float = Field(2e-3, gt=0, le=1, description="highest learning rate")
    weight_decay: float = Field(1e-2, ge=0, le=1, description="AdamW's weight decay")
    warmup: float = Field(0.03, ge=0, le=0.5, description="share of the training in which the rate rises")
    clip_norm: float = Field(1.0, gt=0, le=1e6, description="gradients longer than this are shortened")
    transpose: int | None = Field(
        None, ge=0, le=11, description="semitones up and down that music is moved at random; 5 when left out"
    )
    stretch: float = Field(0.05, ge=0, le=0.5, description="share by which played music is sped up or slowed at random")
    style_balance: float = Field(
        0.5, ge=0, le=1, description="1: styles are heard as often as they have notes; 0: all styles equally often"
    )
    style: str = Field("", description="learn from one subfolder only, such as that of one composer; all when left out")
    held_out: float = Field(0.1, gt=0, lt=0.9, description="share of the notes held out for validation")
    patience: int = Field(
        8, ge=1, le=MAX_EPOCHS, description="epochs without a lower validation loss before training stops"
    )
    precision: Annotated[Literal["auto", "float32", "bfloat16", "float16"], _ANY_CASE] = Field(
        "auto", description="auto: float32 on the CPU, mixed precision on a GPU"
    )
    seed: int = Field(0, ge=0, le=MAX_SEED, description="random seed")
    keep_every: int | None = Field(
        None,
        ge=1,
        le=MAX_EPOCHS,
        description="keep the model as it is after every so many epochs, too, as NAME-epoch-N",
    )


class SamplingSettings(Section):
    """How the next note is drawn from what the network expects."""

    temperature: float = Field(1.0, ge=0, le=5, description="0: always the likeliest; 1: as learnt; more: more daring")
    top_k: int = Field(0, ge=0, description="draw only from the K likeliest; 0: from all")
    top_p: float = Field(1.0, gt=0, le=1, description="draw only from the likeliest that make up this probability")
    min_p: float = Field(0.0, ge=0, lt=1, description="leave out what is less likely than this share of the likeliest")
    guidance: float = Field(1.0, ge=0, le=10, description="1: wishes are followed as learnt; more: more strictly")
    start: Annotated[Literal["nothing", "passage"], _ANY_CASE] = Field(
        "nothing", description="what comes before the first note, without a primer: nothing, or a passage learnt from"
    )
    passage_notes: int = Field(50, ge=1, le=MAX_PASSAGE_NOTES, description="notes or events in such a passage")


class Wishes(Section):
    """What a composition is to be like; None: any. Models learn these from the music; tempo holds for every model."""

    style: str | None = Field(None, description="a style that the model has learnt: the name of a subfolder")
    key: str | None = Field(None, description='such as "D minor", "Bb" or "minor"')
    tempo: float | None = Field(None, ge=10, le=400, description="quarter notes per minute")
    meter: str | None = Field(None, description="beats in a bar, such as 3/4 for a waltz")
    mood: str | None = Field(None, description="happy, tense, sad or calm")
    density: str | None = Field(None, description="how many notes follow one another: sparse, medium or dense")
    polyphony: str | None = Field(None, description="how many notes sound together: thin, medium or full")
    instruments: list[str] | None = Field(
        None, description="General MIDI names such as violin, families such as strings, or drums; no others will play"
    )


class ComposeSettings(SamplingSettings, Wishes):
    """All that decides a composition, next to the model and the primer."""

    num_notes: int = Field(500, ge=1, le=MAX_NOTES, description="number of notes to compose at most")
    num_bars: int | None = Field(None, ge=1, le=10_000, description="number of bars, instead of notes")
    num_seconds: float | None = Field(None, ge=1, le=7200, description="number of seconds, instead of notes")
    num_pieces: int = Field(1, ge=1, le=4096, description="number of pieces to compose at once")
    seed: int = Field(
        default_factory=lambda: secrets.randbelow(MAX_SEED + 1),
        ge=0,
        le=MAX_SEED,
        description="random seed; the same seed gives the same music. A new one each time when left out",
    )
    ending: Annotated[Literal["full", "natural"], _ANY_CASE] = Field(
        "full", description="full: up to the number of notes; natural: may end earlier, where the network does"
    )
    primer_notes: int | None = Field(None, ge=1, description="notes of the primer to start from; all when left out")


class Recipe(Section):
    """One way of doing it: representation, network, training and sampling defaults."""

    name: str = ""
    title: str = ""
    representation: RepresentationSettings = RepresentationSettings()
    network: NetworkSettings = NetworkSettings()
    training: TrainingSettings = TrainingSettings()
    sampling: SamplingSettings = SamplingSettings()

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if not self.network.reads_windows:
            return self
        if self.representation.kind != "fields":
            raise ValueError('the network `kind = "attention"` needs the representation `kind = "fields"`')
        if self.training.window is None:
            raise ValueError('the network `kind = "attention"` needs `window` under [training]')
        return self

    @property
    def shape(self) -> dict[str, Any]:
        """All that decides which weights there are and what they mean; models of one shape can go on from another."""
        network = self.network.model_dump(exclude={"dropout", "note_dropout"})
        return {"representation": self.representation.model_dump(), "network": network}

    def with_flags(self, given: dict[str, Any]) -> Self:
        """The recipe with what `add_recipe_flags` read from the command line put in place."""
        representation = {name: given[name] for name in REPRESENTATION_FLAGS}
        network = {name: given[name] for name in NETWORK_FLAGS}
        training = {name: given[name] for name in TrainingSettings.model_fields}
        changed = {
            "representation": self.representation.changed(**representation),
            "network": self.network.changed(**network),
            "training": self.training.changed(**training),
        }
        return self.model_copy(update=changed)


def list_recipes() -> list[str]:
    """Names of the recipes that come with the project."""
    return sorted(path.stem for path in RECIPES_DIR.glob("*.toml"))


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Reads a recipe by its name, or from a TOML file.

    Raises:
        SettingsError: no such recipe, not TOML, or a value that cannot be used.
    """
    name = in_any_case(str(name_or_path), list_recipes())
    path = RECIPES_DIR / f"{name}.toml" if name in list_recipes() else Path(name_or_path)
    if path.suffix != ".toml" or not os.path.isfile(path):  # noqa: PTH113 - no error for a name that is too long
        known = ", ".join(list_recipes())
        raise SettingsError(f"--recipe must be one of {known}, or a .toml file. Received {str(name_or_path)!r}.")
    try:
        with path.open("rb") as file:
            text = file.read(MAX_RECIPE_BYTES + 1)
        if len(text) > MAX_RECIPE_BYTES:
            raise ValueError(f"more than {MAX_RECIPE_BYTES:,} bytes")
        values = tomllib.loads(text.decode())
    except (ValueError, RecursionError, OSError) as error:  # damaged TOML or text, or numbers without end
        raise SettingsError(f"The recipe {path} must be a readable TOML file. Received: {error}.") from None
    try:
        return Recipe.check({"name": path.stem} | values)
    except SettingsError as error:
        raise SettingsError(f"In the recipe {path}: {error}") from None


def in_any_case(word: str, known: Iterable[str]) -> str:
    """The known word that this one is, whatever the case of its letters; the word itself when it is none of them."""
    known = list(known)
    return word if word in known else next((one for one in known if one.casefold() == word.casefold()), word)


def add_flags(
    parser: argparse.ArgumentParser, section: type[Section], *names: str, defaults: Mapping[str, Any] | None = None
) -> None:
    """Adds a flag for each named setting; left out on the command line it is None.

    Args:
        parser: that gets the flags.
        section: that declares the settings.
        names: of the settings; all of them when none is named.
        defaults: that are in force, where they are not those of the section.
    """
    for name in names or section.model_fields:
        setting = section.model_fields[name]
        value = (defaults or {}).get(name, None if setting.default_factory else setting.default)
        default = "" if value in (None, "") else f" (default: {value})"
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=_plain_type(setting.annotation),
            nargs="+" if _is_list(setting.annotation) else None,
            metavar=_metavar(setting.annotation),
            help=f"{setting.description}{default}".replace("%", "%%"),
        )


def add_recipe_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags for what of a recipe can be changed on the command line."""
    usual = load_recipe(DEFAULT_RECIPE)
    parser.epilog = f"The defaults are those of the recipe {DEFAULT_RECIPE}; others, and --from, have their own."
    add_flags(parser, RepresentationSettings, *REPRESENTATION_FLAGS, defaults=usual.representation.model_dump())
    add_flags(parser, NetworkSettings, *NETWORK_FLAGS, defaults=usual.network.model_dump())
    add_flags(parser, TrainingSettings, defaults=usual.training.model_dump())


def add_compose_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags for all that decides a composition."""
    add_flags(parser, ComposeSettings, defaults=dict.fromkeys(SamplingSettings.model_fields, "the model's own"))


def check_model_name(name: str) -> str:
    """The name, if a folder can have it.

    Raises:
        SettingsError: it is empty, hidden or too long, or would lie elsewhere.
    """
    if not name or name.startswith(".") or not set(name) <= _NAME_CHARACTERS:
        raise SettingsError(f"--name must be made of letters, digits, '-', '_' and '.'. Received {name!r}.")
    if len(name) > MAX_NAME_LENGTH:
        raise SettingsError(f"--name must have at most {MAX_NAME_LENGTH} characters. Received {len(name)}.")
    return name


def bounds(section: type[Section], name: str) -> tuple[float | None, float | None]:
    """Lowest and highest value of a setting, None where it has no such bound."""
    low = high = None
    for rule in section.model_fields[name].metadata:
        low = getattr(rule, "ge", getattr(rule, "gt", low))
        high = getattr(rule, "le", getattr(rule, "lt", high))
    return low, high


def _plain_type(annotation: Any) -> type:
    """`int` for `int | None`, `str` for a choice of words or a list of them."""
    annotation = _without_none(annotation)
    return str if get_origin(annotation) in (Literal, list) else annotation


def _is_list(annotation: Any) -> bool:
    return get_origin(_without_none(annotation)) is list


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) not in (UnionType, Union):
        return annotation
    return next(kind for kind in get_args(annotation) if kind is not type(None))


def _metavar(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return "{" + ",".join(get_args(annotation)) + "}"
    return {int: "N", float: "X", str: "TEXT"}.get(_plain_type(annotation), "VALUE")


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
