"""What scripts, web app and notebooks call: load a model, compose, get a `Composition`. Imports no TensorFlow."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from melodyforge import __version__
from melodyforge.bundle import Model, find_model, load_model
from melodyforge.decoding.generate import Length, generate
from melodyforge.decoding.watch import Habits, find_fault
from melodyforge.errors import SettingsError
from melodyforge.files import write_bytes
from melodyforge.music.midi import read_midi, write_midi
from melodyforge.music.piece import STEPS_PER_QUARTER, Piece
from melodyforge.music.traits import read_traits
from melodyforge.settings import ComposeSettings, Wishes
from melodyforge.tokens.controls import FIRST_INSTRUMENT
from melodyforge.tokens.representation import Context, Heading, heading_of

if TYPE_CHECKING:
    from melodyforge.music.audio import Sound

MAX_DRAWS = 4  # takes before a degenerate one is kept after all
TEXT_MARK = "Melody Forge "  # begins the text event that tells how a file was made
MIN_CLOSE_STEPS = STEPS_PER_QUARTER  # the last chord of a piece rings at least this long


@dataclass(frozen=True)
class Composition:
    """A composed piece.

    Attributes:
        piece: the music; its text tells how to make it again.
        notices: what the user should be told.
        origin: model, settings and place in the batch, as written into the MIDI file.
    """

    piece: Piece
    notices: list[str] = field(default_factory=list)
    origin: dict[str, Any] = field(default_factory=dict)

    def to_midi(self) -> bytes:
        """A standard MIDI file."""
        return write_midi(self.piece)

    def to_sound(self) -> Sound:
        """Sound, by FluidSynth or the built-in tone generator, and what there is to say about it."""
        from melodyforge.music.audio import render_wav

        return render_wav(self.piece)

    def to_musicxml(self) -> bytes:
        """A readable score."""
        from melodyforge.music.scores import write_musicxml

        return write_musicxml(self.piece)

    def to_png(self) -> bytes:
        """A piano roll."""
        from melodyforge.music.roll import draw_roll

        return draw_roll(self.piece)

    def save(self, path: str | Path) -> list[str]:
        """Writes the music in the form that the name asks for: .mid, .wav, .musicxml or .png.

        Returns:
            What the user should be told, such as how to get better sound.

        Raises:
            SettingsError: another ending.
            OutputError: it cannot be written there.
        """
        path = Path(path)
        notices: list[str] = []

        def sound() -> bytes:
            rendered = self.to_sound()
            notices.extend(rendered.notices)
            return rendered.wav

        forms: dict[str, Callable[[], bytes]] = {
            ".mid": self.to_midi,
            ".midi": self.to_midi,
            ".wav": sound,
            ".musicxml": self.to_musicxml,
            ".png": self.to_png,
        }
        if path.suffix.lower() not in forms:
            raise SettingsError(f"The output must end in {', '.join(forms)}. Received {path.name!r}.")
        write_bytes(path, forms[path.suffix.lower()]())
        return notices

    def _repr_html_(self) -> str:
        """Shows piano roll and player in a notebook."""
        roll, sound = (base64.b64encode(data).decode() for data in (self.to_png(), self.to_sound().wav))
        return (
            f'<img style="max-width: 100%" src="data:image/png;base64,{roll}"><br>'
            f'<audio controls src="data:audio/wav;base64,{sound}"></audio>'
        )


def load(name: str | None = None) -> Model:
    """Loads a model by its name or folder; the newest when none is named.

    Raises:
        ModelFolderError: there is none, or it cannot be used.
    """
    return load_model(find_model(name))


def generate_music(model: Model, primer: Piece | None = None, **wishes: Any) -> list[Composition]:
    """Composes with the model's own sampling and any of `ComposeSettings` by name, such as `num_notes=200, seed=1`.

    Raises:
        SettingsError: a wish or the primer cannot be used.
    """
    return compose(model, default_settings(model, **wishes), primer)


def compose(
    model: Model,
    settings: ComposeSettings | None = None,
    primer: Piece | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> list[Composition]:
    """Composes `settings.num_pieces` pieces side by side.

    Args:
        model: a loaded model.
        settings: how; the model's own sampling defaults when left out.
        primer: music to go on from.
        on_progress: told the number of rows composed so far, of `settings.num_notes`.

    Returns:
        The pieces; takes that ran into a loop or fell silent have been drawn again.

    Raises:
        SettingsError: the primer holds nothing that the model can go on from, or the model has not learnt what is
            asked for.
    """
    settings = settings or default_settings(model)
    rows = _primer_rows(model, settings, primer)
    asked = asked_controls(model, settings)
    habits = model.config.get("habits", {})
    done: dict[int, Composition] = {}
    sound: dict[int, tuple[Piece, str]] = {}  # the first takes that only miss a wish, and how
    faults: dict[int, list[str]] = {index: [] for index in range(settings.num_pieces)}
    for draw in range(MAX_DRAWS):
        waiting = [index for index in faults if index not in done]
        if not waiting:
            break
        takes = _draw_takes(model, settings, asked, rows, primer, waiting, draw, on_progress)
        for index, piece in zip(waiting, takes, strict=True):
            normal = Habits.from_dict(habits.get(piece.style, habits.get("", {})))
            fault = find_fault(piece, normal)
            missed = None if fault else _find_disobedience(model, piece, asked)
            if missed:
                sound.setdefault(index, (piece, missed))
            if not fault and not missed:
                done[index] = _finished(model, settings, piece, index, faults[index], None, primer)
            elif draw == MAX_DRAWS - 1:
                kept, complaint = sound.get(index, (piece, fault or ""))
                done[index] = _finished(model, settings, kept, index, faults[index], complaint, primer)
            else:
                faults[index].append(fault or missed or "")
    return [done[index] for index in range(settings.num_pieces)]


def stream(model: Model, settings: ComposeSettings, primer: Piece | None = None) -> Iterator[Piece]:
    """Composes one piece and yields it again after every row, as it grows.

    Raises:
        SettingsError: the primer holds nothing that the model can go on from.
    """
    rows = _primer_rows(model, settings, primer)
    headings = _headings(model, settings, primer, [0], 0)
    for context in _contexts(model, settings, asked_controls(model, settings), headings, rows, [0], 0):
        yield model.representation.decode(context.rows(0), headings[0])


def asked_controls(model: Model, settings: ComposeSettings) -> np.ndarray:
    """What the settings ask for, as the model's controls; empty for a model that has learnt none.

    Raises:
        SettingsError: the model has not learnt what is asked for.
    """
    controls = model.representation.controls
    if controls is not None:
        return controls.asked(settings)
    wishes = [name for name in Wishes.model_fields if name != "tempo" and getattr(settings, name) is not None]
    if wishes:
        raise SettingsError(
            f"--{wishes[0]} needs a model that has learnt it, such as one of the recipe forge. Received the model "
            f"{model.name!r} of the recipe {model.recipe.name!r}, which can be asked for a tempo only."
        )
    return np.zeros(0, np.int16)


def default_settings(model: Model, **values: Any) -> ComposeSettings:
    """Settings with the sampling that the model's recipe recommends; values that are None are left as they are.

    Raises:
        SettingsError: a value cannot be used.
    """
    return ComposeSettings().changed(**model.recipe.sampling.model_dump()).changed(**values)


def read_origin(midi: bytes) -> dict[str, Any]:
    """How a composed MIDI file was made.

    Raises:
        MusicReadError: it is no MIDI file.
        SettingsError: it was not composed by Melody Forge.
    """
    text = read_midi(midi)[0].text
    try:
        origin = json.loads(text.removeprefix(TEXT_MARK)) if text.startswith(TEXT_MARK) else None
    except ValueError:
        origin = None
    if not isinstance(origin, dict) or not {"model_hash", "settings", "index"} <= origin.keys():
        raise SettingsError(
            "--reproduce must be given a MIDI file that Melody Forge composed. This one does not say how."
        )
    return origin


def reproduce(model: Model, origin: dict[str, Any], primer: Piece | None = None) -> Composition:
    """Composes again what a MIDI file says that it is.

    Raises:
        SettingsError: the model or the primer is not the one it was composed with.
    """
    if origin["model_hash"] != model.hash:
        raise SettingsError(
            f"The file was composed by the model {origin.get('model')!r} with hash {origin['model_hash']}. Received "
            f"{model.name!r} with hash {model.hash}. Name the right one with --model."
        )
    if origin.get("primer") and (primer is None or _fingerprint(primer) != origin["primer"]):
        raise SettingsError("The file was composed from a primer. Give the same one with --primer.")
    return compose(model, ComposeSettings.check(origin["settings"]), primer)[origin["index"]]


def _primer_rows(model: Model, settings: ComposeSettings, primer: Piece | None) -> np.ndarray | None:
    if primer is None:
        return None
    rows = model.representation.encode(primer)[: settings.primer_notes]
    if not len(rows):
        raise SettingsError(
            "The primer must hold notes for instruments that the model has learnt. Received none. "
            "Choose another primer."
        )
    return rows


def _draw_takes(
    model: Model,
    settings: ComposeSettings,
    asked: np.ndarray,
    primer_rows: np.ndarray | None,
    primer: Piece | None,
    indices: list[int],
    draw: int,
    on_progress: Callable[[int], None] | None,
) -> list[Piece]:
    """One take of each piece, side by side."""
    headings = _headings(model, settings, primer, indices, draw)
    contexts = _contexts(model, settings, asked, headings, primer_rows, indices, draw)
    with threadpool_limits(1):  # products this small wait for other threads longer than they compute
        for number, context in enumerate(contexts, start=1):  # noqa: B007  the last one holds all rows
            if on_progress:
                on_progress(number)
    return [
        _closed(model.representation.decode(context.rows(place), heading)) for place, heading in enumerate(headings)
    ]


def _contexts(
    model: Model,
    settings: ComposeSettings,
    asked: np.ndarray,
    headings: list[Heading],
    primer_rows: np.ndarray | None,
    indices: list[int],
    draw: int,
) -> Iterator[Context]:
    rngs = [np.random.default_rng([settings.seed, index, draw, 1]) for index in indices]
    length = Length(settings.num_notes, settings.ending == "full")
    controls = np.repeat(asked[None], len(headings), axis=0)
    known = model.representation.controls
    if known and primer_rows is None:  # style and instruments belong together: what is not asked comes from one piece
        controls[:, 0] = known.style_classes([heading.style for heading in headings])
        if not settings.instruments:
            controls[:, FIRST_INSTRUMENT:] = known.instruments_of(headings)
    if not asked.any():  # what comes with a heading needs no strengthening
        settings = settings.changed(guidance=1.0)
    return generate(model.network, model.representation, headings, settings, length, rngs, primer_rows, controls)


def _headings(
    model: Model, settings: ComposeSettings, primer: Piece | None, indices: list[int], draw: int
) -> list[Heading]:
    """The primer's tempo and meter, or those of a training piece drawn from the ones that suit the wishes best."""
    if primer is not None:
        suitable = [heading_of(primer)]
    else:
        known = model.representation.headings
        fits = [_fit(heading, settings) for heading in known]
        suitable = [heading for heading, fit in zip(known, fits, strict=True) if fit == max(fits)]
    draws = [np.random.default_rng([settings.seed, index, draw, 0]).integers(len(suitable)) for index in indices]
    return [_as_asked(suitable[number], settings) for number in draws]


def _fit(heading: Heading, wishes: Wishes) -> tuple[bool, bool, bool]:
    """How well a heading suits wishes; the first entries matter most."""
    return (
        wishes.style in (None, heading.style),
        wishes.meter in (None, heading.meter),
        wishes.mood in (None, heading.mood),
    )


def _as_asked(heading: Heading, wishes: Wishes) -> Heading:
    """The heading with the very tempo and meter that are wished for."""
    changes: dict[str, Any] = {}
    if wishes.tempo is not None:
        changes["tempo_qpm"] = wishes.tempo
    if wishes.meter is not None and wishes.meter != heading.meter:
        numerator, denominator = map(int, wishes.meter.split("/"))
        changes |= {"numerator": numerator, "denominator": denominator, "is_performed": False}
    return replace(heading, **changes)


def _find_disobedience(model: Model, piece: Piece, asked: np.ndarray) -> str | None:
    """In which point a take is not what was asked for."""
    controls = model.representation.controls
    if controls is None or not asked.any() or not len(piece):
        return None
    return controls.broken(read_traits(piece), asked)


def _closed(piece: Piece) -> Piece:
    """A soft close: what sounds last rings to the end of its bar."""
    if not len(piece):
        return piece
    notes = piece.notes.copy()
    last = int(notes["onset"].max())
    _, position, bar_steps = (int(values[0]) for values in piece.bars_at(np.array([last])))
    to_bar_line = MIN_CLOSE_STEPS if piece.is_performed else max(MIN_CLOSE_STEPS, bar_steps - position)
    is_pitched = np.array([not track.is_drum for track in piece.tracks])
    rings = (notes["onset"] == last) & is_pitched[notes["track"]]
    notes["duration"][rings] = np.maximum(notes["duration"][rings], to_bar_line)
    return piece.with_notes(notes)


def _finished(
    model: Model,
    settings: ComposeSettings,
    piece: Piece,
    index: int,
    faults: list[str],
    complaint: str | None,
    primer: Piece | None,
) -> Composition:
    origin = {
        "version": __version__,
        "recipe": model.recipe.name,
        "model": model.name,
        "model_hash": model.hash,
        "settings": settings.model_dump(),
        "index": index,
        "primer": _fingerprint(primer) if primer is not None else None,
    }
    notices = [f"drawn again because {fault}" for fault in faults]
    if complaint:
        notices.append(f"kept although {complaint}; a higher temperature or more training may help")
    text = TEXT_MARK + json.dumps(origin, separators=(",", ":"))
    return Composition(replace(piece, text=text, name=f"{model.name} {settings.seed}-{index + 1}"), notices, origin)


def _fingerprint(piece: Piece) -> str:
    return hashlib.sha256(piece.notes.tobytes()).hexdigest()[:16]
