"""What scripts, web app and notebooks call: load a model, compose, get a `Composition`. Imports no TensorFlow."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from melodyforge import __version__
from melodyforge.bundle import Model, find_model, load_model
from melodyforge.composition import KEPT, Composition
from melodyforge.decoding.generate import Length, generate
from melodyforge.errors import SettingsError
from melodyforge.music.habits import Habits, find_fault
from melodyforge.music.keys import NUM_PITCH_CLASSES, key_named
from melodyforge.music.piece import STEPS_PER_QUARTER, Meter, Piece
from melodyforge.music.timeline import with_track_names
from melodyforge.music.traits import read_traits
from melodyforge.settings import MAX_NOTES, ComposeSettings, Wishes
from melodyforge.tokens.controls import ANY
from melodyforge.tokens.representation import Context, Heading, Representation, heading_of

MAX_DRAWS = 6  # takes before one that is degenerate, or not as asked, is kept after all
LENGTHS = ("num_notes", "num_bars", "num_seconds")  # of which people give one
MIN_CLOSE_STEPS = STEPS_PER_QUARTER  # the last chord of a piece rings at least this long


@dataclass(frozen=True)
class Growing:
    """Takes while they are composed.

    Attributes:
        num_rows: composed so far, the primer not counted.
        num_notes: composed so far by the piece that has fewest, of those that go on.
        share: of these pieces that is there, 0 to 1; what has ended sooner is all there.
        draw: 0 at first, more when takes are drawn again.
        indices: which of the pieces these are.
        piece: gives the music so far of the take at a place in `indices`.
    """

    num_rows: int
    num_notes: int
    share: float
    draw: int
    indices: list[int]
    piece: Callable[[int], Piece]


Listener = Callable[[Growing], bool | None]  # is told after every row; True ends the composing with what is there


def load(name: str | Path | None = None) -> Model:
    """Loads a model by its name or folder; the newest when none is named.

    Raises:
        ModelFolderError: there is none, or it cannot be used.
    """
    return load_model(find_model(name))


def generate_music(model: Model, primer: Piece | None = None, **wishes: Any) -> list[Composition]:
    """Composes with the model's own sampling and any of `ComposeSettings` by name, such as `num_notes=200, seed=1`.

    Without a seed each call composes something new; `Composition.seed` tells which seed it was.

    Raises:
        SettingsError: a wish or the primer cannot be used, or wishes do not go together.
    """
    return compose(model, wished_settings(model, primer is not None, **wishes), primer)


def compose(
    model: Model,
    settings: ComposeSettings | None = None,
    primer: Piece | None = None,
    listener: Listener | None = None,
) -> list[Composition]:
    """Composes `settings.num_pieces` pieces side by side.

    Args:
        model: a loaded model.
        settings: how; the model's own sampling defaults when left out.
        primer: music to go on from.
        listener: is told after every row, and may end the composing.

    Returns:
        The pieces; takes that ran into a loop or fell silent have been drawn again.

    Raises:
        SettingsError: the primer holds nothing that the model can go on from, or the model has not learnt what is
            asked for.
    """
    settings = settings or default_settings(model)
    task = _task(model, settings, primer)
    done: dict[int, Composition] = {}
    sound: dict[int, tuple[_Take, str]] = {}  # the first takes that only miss a wish, and how
    faults: dict[int, list[str]] = {index: [] for index in range(settings.num_pieces)}
    for draw in range(MAX_DRAWS):
        waiting = [index for index in faults if index not in done]
        if not waiting:
            break
        takes, ended_at = _draw_takes(task, waiting, draw, listener)
        for index, take in zip(waiting, takes, strict=True):
            take = replace(take, piece=task.in_asked_key(take.piece))
            fault = task.find_fault(take)
            missed = None if fault else task.find_disobedience(take)
            if missed:
                sound.setdefault(index, (take, missed))
            if ended_at or not (fault or missed):
                done[index] = _finished(task, take, index, faults[index], None, ended_at)
            elif draw == MAX_DRAWS - 1:
                kept, complaint = sound.get(index, (take, fault or ""))
                done[index] = _finished(task, kept, index, faults[index], complaint)
            else:
                faults[index].append(fault or missed or "")
    return [done[index] for index in range(settings.num_pieces)]


def stream(model: Model, settings: ComposeSettings, primer: Piece | None = None) -> Iterator[Piece]:
    """Composes one piece and yields it again after every row, as it grows.

    Raises:
        SettingsError: the primer holds nothing that the model can go on from.
    """
    task = _task(model, settings, primer)
    start = _start(task, [0], 0)
    for context in _contexts(task, start, [0], 0):
        yield start.piece(model.representation, context, 0)


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
    controls = model.representation.controls
    spelled = controls.spelled(values) if controls else values
    return ComposeSettings().changed(**model.recipe.sampling.model_dump()).changed(**spelled)


def wished_settings(model: Model, has_primer: bool, **wishes: Any) -> ComposeSettings:
    """As `default_settings`, for wishes that people write by hand: refuses those that would have no effect.

    Raises:
        SettingsError: a wish cannot be used, or not together with the others.
    """
    settings = default_settings(model, **wishes)
    given = {name for name, value in wishes.items() if value is not None}
    lengths = [name for name in LENGTHS if name in given]
    if len(lengths) > 1:
        raise SettingsError(f"`{lengths[0]}` must stand alone. Received `{lengths[1]}`, too. Leave one of them out.")
    for name, reason in _without_effect(model, settings, has_primer).items():
        if name in given:
            raise SettingsError(f"`{name}` has no effect {reason}. Leave it out, or change that.")
    return settings


def _without_effect(model: Model, settings: ComposeSettings, has_primer: bool) -> dict[str, str]:
    """Settings that do nothing here, and why."""
    reasons = {}
    no_passage = "" if model.passages else "with a model that has learnt no passages"
    no_passage = "beside a primer" if has_primer else no_passage
    if settings.start == "passage" and no_passage:
        reasons["start"] = reasons["passage_notes"] = no_passage
    elif settings.start == "nothing":
        reasons["passage_notes"] = "unless the music starts from a passage"
    if not has_primer:
        reasons["primer_notes"] = "without a primer"
    if not asked_controls(model, settings).any():
        reasons["guidance"] = "without a wish to be followed, such as a style"
    return reasons


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
    ended_at = origin.get("ended_at")
    settings = ComposeSettings.check(origin["settings"])
    pieces = compose(model, settings, primer, lambda growing: [growing.draw, growing.num_rows] == ended_at)
    made = pieces[origin["index"]]
    return made.with_origin(origin | made.origin)  # what the history added still holds


@dataclass(frozen=True)
class _Task:
    """What is to be composed, with what."""

    model: Model
    settings: ComposeSettings
    primer: Piece | None
    primer_rows: np.ndarray | None
    asked: np.ndarray

    def find_fault(self, take: _Take) -> str | None:
        """What is degenerate about what was composed, measured by music of its style."""
        habits = self.model.config.get("habits", {})
        normal = Habits.from_dict(habits.get(take.piece.style, habits.get("", {})))
        return find_fault(take.piece, normal, take.num_given)

    def in_asked_key(self, piece: Piece) -> Piece:
        """The piece, moved as little as possible to the tonic that was asked for, unless its mode is wrong anyway.

        What starts from other music is never moved.
        """
        wished, key = self.settings.key, read_traits(piece).key if len(piece) else None
        if wished is None or key is None or self.primer is not None or self.settings.start == "passage":
            return piece
        tonic, is_minor = key_named(wished)
        if tonic is None or is_minor not in (None, key.is_minor):
            return piece
        semitones = (tonic - key.tonic + NUM_PITCH_CLASSES // 2 - 1) % NUM_PITCH_CLASSES - NUM_PITCH_CLASSES // 2 + 1
        try:
            return piece.transposed(semitones)
        except ValueError:  # a note would leave the range of pitches; the take will be drawn again
            return piece

    def find_disobedience(self, take: _Take) -> str | None:
        """In which point what was composed is not what was asked for."""
        controls = self.model.representation.controls
        if controls is None or not self.asked.any():
            return None
        return controls.broken(read_traits(take.composed), self.asked)


@dataclass(frozen=True)
class _Start:
    """What takes that are composed side by side begin with.

    Attributes:
        headings: of each.
        length: that each may have.
        primers: rows that each goes on from, all of the same length, or None.
        are_kept: whether they are a part of the music; passages of training music are not.
    """

    headings: list[Heading]
    length: Length
    primers: list[np.ndarray] | None = None
    are_kept: bool = True

    def piece(self, representation: Representation, context: Context, place: int) -> Piece:
        """What there is so far, no longer than it may be."""
        rows = context.rows(place)
        if self.primers and not self.are_kept:
            rows = representation.without_beginning(rows, len(self.primers[place]))
        piece = representation.decode(rows, self.headings[place])
        if self.length.num_steps is not None:
            begins = int(context.begins[place]) if self.are_kept else 0
            piece = _until(piece, begins + self.length.num_steps[place])
        return _with_at_most(piece, self.num_given(context, place) + self.length.num_notes)

    def num_given(self, context: Context, place: int) -> int:
        """Notes of the piece that were given, not composed."""
        return int(context.num_given[place]) if self.are_kept else 0

    def passage(self, representation: Representation, place: int) -> Piece | None:
        """The passage that a take starts from without keeping it."""
        if not self.primers or self.are_kept:
            return None
        return representation.decode(self.primers[place], self.headings[place])


@dataclass(frozen=True)
class _Take:
    """A piece, how many of its notes were given, and the passage of training music that it was started from."""

    piece: Piece
    num_given: int
    passage: Piece | None

    @property
    def composed(self) -> Piece:
        """What follows the notes that were given, as a piece of its own."""
        notes = self.piece.notes[self.num_given :].copy()
        if self.num_given and len(notes):
            notes["onset"] -= notes["onset"][0]
        return self.piece.with_notes(notes)


def _task(model: Model, settings: ComposeSettings, primer: Piece | None) -> _Task:
    """What is to be composed. What goes on from music of a style that the model knows keeps to it, if none is asked."""
    controls = model.representation.controls
    if primer is not None and controls and settings.style is None and primer.style in controls.available()["style"]:
        settings = settings.changed(style=primer.style)
    return _Task(model, settings, primer, _primer_rows(model, settings, primer), asked_controls(model, settings))


def _primer_rows(model: Model, settings: ComposeSettings, primer: Piece | None) -> np.ndarray | None:
    if primer is None:
        return None
    rows = model.representation.encode(primer)
    if settings.primer_notes:
        num_notes = model.representation.notes_in(rows).cumsum()
        rows = rows[: max(1, np.searchsorted(num_notes, settings.primer_notes, side="right"))]
    if not len(rows):
        raise SettingsError(
            "The primer must hold notes for instruments that the model has learnt. Received none. "
            "Choose another primer."
        )
    return rows


def _draw_takes(
    task: _Task, indices: list[int], draw: int, listener: Listener | None
) -> tuple[list[_Take], list[int] | None]:
    """One take of each piece, side by side; and draw and row at which the listener ended them, if it did."""
    representation, start, ended_at = task.model.representation, _start(task, indices, draw), None
    with threadpool_limits(1):  # products this small wait for other threads longer than they compute
        for num_rows, context in enumerate(_contexts(task, start, indices, draw), start=1):

            def piece(place: int, context: Context = context) -> Piece:
                return start.piece(representation, context, place)

            if listener and listener(_growing(num_rows, draw, indices, context, start.length, piece)):
                ended_at = [draw, num_rows]
                break
    takes = [
        _Take(_closed(piece(place)), start.num_given(context, place), start.passage(representation, place))
        for place in range(len(indices))
    ]
    return takes, ended_at


def _growing(
    num_rows: int, draw: int, indices: list[int], context: Context, length: Length, piece: Callable[[int], Piece]
) -> Growing:
    composed = np.minimum(context.num_composed, length.num_notes)
    num_notes = int(np.where(context.has_ended, composed.max(), composed).min())
    share = float(np.where(context.has_ended, 1.0, np.minimum(length.share(context), 1.0)).mean())
    return Growing(num_rows, num_notes, share, draw, indices, piece)


def _contexts(task: _Task, start: _Start, indices: list[int], draw: int) -> Iterator[Context]:
    settings, known, headings = task.settings, task.model.representation.controls, start.headings
    rngs = [np.random.default_rng([settings.seed, index, draw, 1]) for index in indices]
    controls = np.repeat(task.asked[None], len(headings), axis=0)
    if known and task.primer is None:  # what is not asked for comes from one training piece, so that all fits together
        controls = np.where(controls == ANY, known.of_headings(headings), controls)
    if not task.asked.any():  # what comes with a heading needs no strengthening
        settings = settings.changed(guidance=1.0)
    network, representation = task.model.network, task.model.representation
    return generate(network, representation, headings, settings, start.length, rngs, start.primers, controls)


def _length(settings: ComposeSettings, headings: list[Heading]) -> Length:
    """How long each piece may be: in notes, unless bars or seconds are given."""
    limits: list[list[float]] = []
    if settings.num_bars:
        limits.append([settings.num_bars * Meter(0, one.numerator, one.denominator).bar_steps for one in headings])
    if settings.num_seconds:
        limits.append([settings.num_seconds * one.tempo_qpm / 60 * STEPS_PER_QUARTER for one in headings])
    is_full = settings.ending == "full"
    return Length(MAX_NOTES, is_full, np.min(limits, axis=0)) if limits else Length(settings.num_notes, is_full)


def _until(piece: Piece, last_step: float) -> Piece:
    """The piece without notes that begin at its last step or later."""
    return piece.with_notes(piece.notes[piece.notes["onset"] < last_step])


def _with_at_most(piece: Piece, num_notes: int) -> Piece:
    """The piece with its first notes only; of a chord that is cut the highest stay, which carry the melody."""
    if len(piece) <= num_notes:
        return piece
    order = np.lexsort((-piece.notes["pitch"].astype(int), piece.notes["onset"]))
    return piece.with_notes(piece.notes[order[:num_notes]])


def _start(task: _Task, indices: list[int], draw: int) -> _Start:
    """What each take begins with: the primer, a passage of training music, or nothing but a heading."""
    settings = task.settings
    if task.primer is not None and task.primer_rows is not None:
        heading = _as_asked(heading_of(task.primer), settings)
        headings = [heading] * len(indices)
        return _Start(headings, _length(settings, headings), [task.primer_rows] * len(indices))
    if settings.start == "passage" and task.model.passages:
        rngs = [np.random.default_rng([settings.seed, index, draw, 2]) for index in indices]
        passages = [task.model.passages[rng.integers(len(task.model.passages))] for rng in rngs]
        headings = [_as_asked(one.heading, settings) for one in passages]
        rows = [one.rows[: settings.passage_notes] for one in passages]
        return _Start(headings, _length(settings, headings), rows, are_kept=False)
    headings = _headings(task, indices, draw)
    return _Start(headings, _length(settings, headings))


def _headings(task: _Task, indices: list[int], draw: int) -> list[Heading]:
    """Those of training pieces, drawn from the ones that suit the wishes best, with the wishes put in place."""
    settings, controls = task.settings, task.model.representation.controls
    suitable = task.model.representation.headings
    if controls:
        fits = [controls.fit_of(heading, settings) for heading in suitable]
        best = max(fits)
        suitable = [heading for heading, fit in zip(suitable, fits, strict=True) if fit == best]
    rngs = [np.random.default_rng([settings.seed, index, draw, 0]) for index in indices]
    return [_as_asked(_drawn(suitable, rng), settings) for rng in rngs]


def _drawn(headings: list[Heading], rng: np.random.Generator) -> Heading:
    """One of the headings; each style is as likely as any other, however many pieces it has."""
    styles = sorted({heading.style for heading in headings})
    style = styles[rng.integers(len(styles))]
    of_style = [heading for heading in headings if heading.style == style]
    return of_style[rng.integers(len(of_style))]


def _as_asked(heading: Heading, wishes: Wishes) -> Heading:
    """The heading with the very style, tempo and meter that are wished for."""
    changes: dict[str, Any] = {}
    if wishes.style is not None:
        changes["style"] = wishes.style
    if wishes.tempo is not None:
        changes["tempo_qpm"] = wishes.tempo
    if wishes.meter is not None and wishes.meter != heading.meter:
        numerator, denominator = map(int, wishes.meter.split("/"))
        changes |= {"numerator": numerator, "denominator": denominator, "is_performed": False}
    return replace(heading, **changes)


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
    task: _Task, take: _Take, index: int, faults: list[str], complaint: str | None, ended_at: list[int] | None = None
) -> Composition:
    model, settings = task.model, task.settings
    origin = {
        "version": __version__,
        "recipe": model.recipe.name,
        "model": model.name,
        "model_hash": model.hash,
        "settings": settings.model_dump(),
        "style": take.piece.style,
        "index": index,
        "primer": _fingerprint(task.primer) if task.primer is not None else None,
        "ended_at": ended_at,
    }
    notices = [f"drawn again because {fault}" for fault in faults]
    if complaint:
        notices.append(f"{KEPT}{complaint}; a higher temperature or more training may help")
    piece = replace(with_track_names(take.piece), name=f"{model.name} {settings.seed}-{index + 1}")
    return Composition(piece, notices, primer=take.passage).with_origin(origin)


def _fingerprint(piece: Piece) -> str:
    return hashlib.sha256(piece.notes.tobytes()).hexdigest()[:16]
