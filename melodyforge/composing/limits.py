"""What every note is to keep to, read from the settings: checked, laid over bars, and made into masks.

What leaves nothing possible is refused before a note is composed. The masks are those of `decoding/constraints.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from melodyforge.bundle import Model
from melodyforge.decoding.constraints import (
    Close,
    Closing,
    Constraints,
    Everywhere,
    Grid,
    Harmony,
    Melody,
    PitchMask,
    StepMask,
    chord_masks,
    fewest_shifts,
    range_mask,
    scale_mask,
    timeline,
)
from melodyforge.decoding.ending import Length
from melodyforge.errors import SettingsError
from melodyforge.music.cadences import cadence
from melodyforge.music.chord_symbols import ChordSymbol, PlacedChord
from melodyforge.music.chords import ChordLine, nearest_chord
from melodyforge.music.instruments import instruments_named
from melodyforge.music.keys import NUM_PITCH_CLASSES, TONIC_NAMES, Key, fits_of, key_named
from melodyforge.music.piece import NUM_PITCHES, STEPS_PER_QUARTER, Meter
from melodyforge.music.progression import Progression, merged, read_progression
from melodyforge.music.scales import range_named, scale_named, scale_of
from melodyforge.settings import ComposeSettings
from melodyforge.settings import Limits as LimitSettings
from melodyforge.tokens.headings import Heading
from melodyforge.tokens.notes import NotesContext, NotesRepresentation
from melodyforge.tokens.representation import Context

WHOLE_NOTE_STEPS = 4 * STEPS_PER_QUARTER
BARS_TOLD = 2_000  # whose chords a network is told, more than it composes


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the notes of a composition keep to.

    Attributes:
        representation: of the model that composes.
        settings: that ask for it.
        pitches: that each track may begin at any time, bool, shape (num_tracks, NUM_PITCHES).
        scale: pitch classes that are asked for; None: all.
        grid_steps: steps of the grid; None: any.
        progression: the chords; None: any.
        key: that is asked for, or that scale or chords imply; None if nothing does.
    """

    representation: NotesRepresentation
    settings: ComposeSettings
    pitches: np.ndarray
    scale: frozenset[int] | None
    grid_steps: int | None
    progression: Progression | None
    key: Key | None

    @property
    def bind_pitches(self) -> bool:
        """Whether music may not be moved to another key any more."""
        settings = self.settings
        return any((settings.scale, settings.range, settings.chords, settings.cadence))

    @property
    def need_bars(self) -> bool:
        """Whether they mean nothing where there is no beat."""
        return any((self.grid_steps, self.progression, self.settings.cadence))

    def suitable(self, headings: list[Heading]) -> list[Heading]:
        """The headings under which music can keep to the limits.

        Raises:
            SettingsError: there is none.
        """
        if self.need_bars:
            headings = [one for one in headings if not one.is_performed]
            if not headings:
                raise SettingsError(
                    "`grid`, `chords` and `cadence` need music with bars. Received a model of music that was played "
                    "freely. Leave them out, or take another model."
                )
        has_pitched, can_play = self._can_play(headings)
        if has_pitched.any() and not can_play.any():
            raise self._nothing_left()
        return [headings[index] for index in np.flatnonzero(can_play | ~has_pitched)]

    def in_mode(self, headings: list[Heading]) -> list[Heading]:
        """The headings of the mode that is asked for or implied, with any key if a cadence needs one; else all."""
        key = self.key
        if key is None:
            return [one for one in headings if one.traits.key or not self.settings.cadence] or headings
        return [one for one in headings if one.traits.key and one.traits.key.is_minor == key.is_minor] or headings

    def constraints(
        self,
        context: NotesContext,
        headings: list[Heading],
        length: Length,
        kept: Sequence[PitchMask] = (),
        begun: Sequence[StepMask] = (),
        melody: Melody | None = None,
    ) -> Constraints:
        """The masks over what is composed under these headings, once the context has heard its primers.

        Args:
            context: that has heard them.
            headings: of the pieces.
            length: of each.
            kept: other masks of pitches that hold, too.
            begun: likewise of steps.
            melody: see `Constraints`.

        Raises:
            SettingsError: they leave nothing that could be played.
        """
        close = self._close(context, length)
        pitch_masks: list[PitchMask] = [Everywhere(self.pitches), *kept]
        if self.progression or close:
            pitch_masks.append(self._harmony(context, headings, close))
        step_masks = [*begun, *([Grid(self.grid_steps, context.bar_steps)] if self.grid_steps else [])]
        constraints = Constraints(
            self.representation,
            context,
            pitch_masks,
            step_masks,
            most_at_once=self.settings.most_at_once,
            close=close,
            is_straight=bool(self.grid_steps),
            melody=melody,
        )
        is_drum = self.representation.vocabulary.tracks.is_drum
        asked = (context.may_play & ~is_drum).any(axis=1)
        if not asked.any() and (self.scale or self.progression or self.settings.cadence):
            raise SettingsError(
                "`scale`, `chords` and `cadence` need instruments with pitches. Received music for drums alone. Leave "
                "them out, or ask for another style."
            )
        if (asked & ~(constraints.tracks_that_play & ~is_drum).any(axis=1)).any():
            raise self._nothing_left()
        return constraints

    def chords_of(self, heading: Heading, start: int, stop: int, last_step: int | None) -> tuple[PlacedChord, ...]:
        """The chords that hold under a heading from a step up to another one, with the cadence if there is one."""
        bar_steps, beat = _bar_steps(heading), _beat_steps(heading)
        placed = self.progression.placed(start, stop, bar_steps, beat) if self.progression else iter(())
        chords = list(placed)
        if self.settings.cadence and last_step is not None and last_step < stop:
            before, last = cadence(self.settings.cadence, self._key_of(heading))
            bar = max(start, last_step - bar_steps)
            chords = [one for one in chords if one.onset < bar]
            chords += [PlacedChord(bar, before)] * (bar < last_step) + [PlacedChord(last_step, last)]
        return merged(iter(chords))

    def start_of_chords(self, context: Context, place: int, heading: Heading) -> int:
        """The first bar line behind what was given."""
        return _next_bar_line(int(context.begins[place]), heading) if context.num_given[place] else 0

    def told(self, heading: Heading, newest_onset: int | None) -> Heading:
        """The heading with the chords that the network is to be told, from the first bar line behind what was given."""
        if not self.progression:
            return heading
        start = 0 if newest_onset is None else _next_bar_line(newest_onset, heading)
        placed = self.chords_of(heading, start, start + BARS_TOLD * _bar_steps(heading), None)
        steps = tuple(one.onset for one in placed)
        chords = tuple(nearest_chord(one.chord.root, one.chord.pitch_classes) for one in placed)
        return replace(heading, chords=ChordLine(steps, chords))

    def _close(self, context: NotesContext, length: Length) -> Close | None:
        """Where pieces end if a cadence is asked for: they must be able to get there, on the grid if there is one."""
        if not self.settings.cadence or not context.plan:
            return None
        shifts = self.representation.vocabulary.shifts.values
        steps = self.grid_steps or 1
        return Close(context.plan, context, length.num_notes, fewest_shifts(shifts[shifts % steps == 0]))

    def _key_of(self, heading: Heading) -> Key:
        key = self.key or heading.traits.key
        if key is None:
            raise SettingsError('`cadence` needs a key. Received music without one. Name it, such as --key "C major".')
        return key

    def _can_play(self, headings: list[Heading]) -> tuple[np.ndarray, np.ndarray]:
        """Under which headings not only drums play, and one that is not has a pitch; bool, shape (len(headings),)."""
        is_drum, controls = self.representation.vocabulary.tracks.is_drum, self.representation.controls
        rows = np.array([controls.of(one.traits) for one in headings], np.int16).reshape(len(headings), -1)
        asked = controls.asked(self.settings)
        may_play = ~controls.forbidden_tracks(np.where(asked != 0, asked, rows))
        ranges = np.stack([self.representation.ranges.lowest, self.representation.ranges.highest], axis=1)
        has_pitch = (self.pitches & range_mask(ranges)).any(axis=1)
        pitched = may_play & ~is_drum
        return np.logical_or.reduce(pitched, axis=1), np.logical_or.reduce(pitched & has_pitch, axis=1)

    def _nothing_left(self) -> SettingsError:
        given = [name for name in ("range", "scale", "chords") if getattr(self.settings, name)]
        names = " and ".join(f"`{name}`" for name in given)
        return SettingsError(
            f"{names} must leave a pitch that an instrument of the music plays. Received "
            f"{', '.join(repr(getattr(self.settings, name)) for name in given)}, which leaves none. Widen the limits."
        )

    def _harmony(self, context: NotesContext, headings: list[Heading], close: Close | None) -> PitchMask:
        """Chords and cadence as a mask of pitches."""
        keys = [(program, is_drum) for program, is_drum, _ in self.representation.vocabulary.tracks.keys]
        masks = [np.ones((len(keys), NUM_PITCHES), bool)]
        chord_kinds: dict[ChordSymbol, int] = {}

        def kinds_of(chord: ChordSymbol, scale: frozenset[int]) -> int:
            masks.extend(chord_masks(chord, scale, keys))
            return len(masks) - 3

        scale = scale_of(self.key) if self.key else frozenset()
        if self.progression:
            for chord in dict.fromkeys(chord for chord, _ in self.progression.chords):
                chord_kinds[chord] = kinds_of(chord, scale)
        lines: dict[tuple[int, int], np.ndarray] = {}
        for heading in headings:
            lines.setdefault(_bars(heading), self._timeline(heading, chord_kinds))
        timelines, lengths = _stacked(list(lines.values()))
        starts = np.array([self.start_of_chords(context, place, one) for place, one in enumerate(headings)])
        of_piece = np.array([list(lines).index(_bars(heading)) for heading in headings])
        if not close:
            return Harmony(np.stack(masks), timelines, lengths, of_piece, starts)
        bars, last_kinds = {}, {}
        for heading in headings:
            key = self._key_of(heading)
            if (*_bars(heading), key) not in bars:
                before, last = cadence(str(self.settings.cadence), key)
                self._require_common(last, "cadence")
                first_kind = {before: kinds_of(before, scale_of(key))}
                bar = timeline([PlacedChord(0, before)], _bar_steps(heading), _beat_steps(heading), first_kind)
                bars[*_bars(heading), key] = bar
                last_kinds[*_bars(heading), key] = kinds_of(last, scale_of(key))
        of_cadence = np.array([list(bars).index((*_bars(one), self._key_of(one))) for one in headings])
        harmony = Harmony(np.stack(masks), timelines, lengths, of_piece, starts)
        return Closing(harmony, close, _stacked(list(bars.values()))[0], np.array([*last_kinds.values()]), of_cadence)

    def _timeline(self, heading: Heading, chord_kinds: dict[ChordSymbol, int]) -> np.ndarray:
        """The kinds of the steps of the progression, once; without chords everything is free."""
        if not self.progression:
            return np.zeros(1, np.int16)
        bar_steps, beat = _bar_steps(heading), _beat_steps(heading)
        stop = sum(self.progression.steps(bar_steps, beat))
        return timeline(list(self.progression.placed(0, stop, bar_steps, beat)), stop, beat, chord_kinds)

    def _require_common(self, chord: ChordSymbol, name: str) -> None:
        """Makes sure that scale and ranges leave something of a chord."""
        if self.scale is not None and not chord.pitch_classes & self.scale:
            raise SettingsError(
                f"`{name}` and `scale` must have notes in common. Received the chord {chord.text} and the scale "
                f"{self.settings.scale!r}, which have none. Change one of them."
            )
        is_drum = self.representation.vocabulary.tracks.is_drum
        if not (self.pitches & scale_mask(chord.pitch_classes, is_drum))[~is_drum].any():
            raise SettingsError(
                f"`{name}` and `range` must have pitches in common. Received the chord {chord.text} and "
                f"{self.settings.range!r}, which have none. Change one of them."
            )


def read_limits(model: Model, settings: ComposeSettings) -> Limits | None:
    """What the settings want every note to keep to; None for nothing.

    Raises:
        SettingsError: it cannot be read, contradicts itself or other wishes, or the model cannot keep to it.
    """
    asked = [name for name in LimitSettings.model_fields if getattr(settings, name) is not None]
    if not asked:
        return None
    representation = model.representation
    if not isinstance(representation, NotesRepresentation):
        raise SettingsError(
            f"`{asked[0]}` needs a model that composes note by note, such as one of the recipe forge. Received the "
            f"model {model.name!r} of the recipe {model.recipe.name!r}. Leave it out, or take another model."
        )
    if settings.cadence and not representation.knows_forms:
        raise SettingsError(
            "`cadence` needs a model that has learnt where music ends, such as one of the recipe forge. Received the "
            f"model {model.name!r}, which has not. Train it anew, or leave the cadence out."
        )
    tonic, scale = scale_named(settings.scale) if settings.scale else (None, None)
    key = _asked_key(settings) or (_key_of_scale(tonic, scale) if scale else None)
    if scale is not None and settings.key:
        _require_fit(settings, scale)
    progression = read_progression(settings.chords, key) if settings.chords else None
    limits = Limits(
        representation=representation,
        settings=settings,
        pitches=_pitches(representation, settings, scale),
        scale=scale,
        grid_steps=_grid_steps(settings.grid, representation) if settings.grid else None,
        progression=progression,
        key=key or (progression.key if progression else None),
    )
    for chord, _ in progression.chords if progression else ():
        limits._require_common(chord, "chords")
    return limits


def _asked_key(settings: ComposeSettings) -> Key | None:
    """The key that is wished for, if with its tonic."""
    tonic, is_minor = key_named(settings.key) if settings.key else (None, None)
    return None if tonic is None else Key(tonic, bool(is_minor))


def _key_of_scale(tonic: int | None, scale: frozenset[int]) -> Key:
    """The key that is nearest to a scale; of pitch classes without a tonic the one that they fit best."""
    if tonic is not None:
        third = {(one - tonic) % NUM_PITCH_CLASSES for one in scale}
        return Key(tonic, 3 in third and 4 not in third)
    best = int(fits_of(np.isin(np.arange(NUM_PITCH_CLASSES), list(scale)).astype(float)).argmax())
    return Key(best % NUM_PITCH_CLASSES, best >= NUM_PITCH_CLASSES)


def _require_fit(settings: ComposeSettings, scale: frozenset[int]) -> None:
    """Makes sure that a key can be heard in a scale."""
    key = _asked_key(settings)
    if key and key.tonic not in scale:
        raise SettingsError(
            f"`scale` must contain the tonic of `key`, {TONIC_NAMES[key.tonic]}. Received {settings.scale!r} with the "
            f"key {settings.key!r}. Change one of them."
        )
    third, other = (3, 4) if key and key.is_minor else (4, 3)
    if (
        key
        and (key.tonic + third) % NUM_PITCH_CLASSES not in scale
        and (key.tonic + other) % NUM_PITCH_CLASSES in scale
    ):
        raise SettingsError(
            f"`scale` must have the third of `key`. Received {settings.scale!r}, which has that of the other mode, "
            f"with the key {settings.key!r}. Change one of them."
        )


def _grid_steps(text: str, representation: NotesRepresentation) -> int:
    """The steps of a grid such as 1/8, which the model's shifts must be able to follow."""
    found = re.fullmatch(r"\s*(\d{1,2})\s*/\s*(\d{1,2})\s*", text)
    steps = WHOLE_NOTE_STEPS * Fraction(int(found[1]), int(found[2])) if found and int(found[2]) else Fraction(0)
    if steps < 1 or steps.denominator > 1:
        raise SettingsError(
            f"`grid` must be a note value such as 1/4, 1/8, 1/16 or 1/12, a multiple of 1/{WHOLE_NOTE_STEPS}. "
            f"Received {text!r}."
        )
    shifts = representation.vocabulary.shifts.values
    if not ((shifts > 0) & (shifts % int(steps) == 0)).any():
        raise SettingsError(
            f"`grid` must be one that the model can follow. Received {text!r}, of which it has learnt no multiple. "
            "Choose a finer one."
        )
    return int(steps)


def _pitches(
    representation: NotesRepresentation, settings: ComposeSettings, scale: frozenset[int] | None
) -> np.ndarray:
    """What scale and ranges allow, shape (num_tracks, NUM_PITCHES)."""
    tracks = representation.vocabulary.tracks
    programs = [(program, is_drum) for program, is_drum, _ in tracks.keys]
    pitches = range_mask(_bounds(settings.range, programs))
    return pitches if scale is None else pitches & scale_mask(scale, tracks.is_drum)


def _bounds(text: str | None, programs: Sequence[tuple[int, bool]]) -> np.ndarray:
    """The lowest and the highest pitch of each track, shape (num_tracks, 2); what names an instrument comes first."""
    bounds = np.tile([0, NUM_PITCHES - 1], (len(programs), 1))
    entries = [entry.strip() for entry in re.split("[,;]", text or "") if entry.strip()]
    for entry in sorted(entries, key=lambda entry: ":" in entry):
        name, _, words = entry.rpartition(":")
        found = range_named(words)
        if found is None:
            raise SettingsError(
                '`range` must be two pitches such as "C3-C6", or "violin:G3-E6" for one instrument, with commas '
                f"between several. Received {entry!r}."
            )
        wanted = instruments_named(name, "--range") if name else [one for one in programs if not one[1]]
        is_meant = [one in wanted for one in programs]
        if not any(is_meant):
            raise SettingsError(
                f"`range` must name instruments that the model has learnt. Received {name!r}, which it has not. "
                "Leave it out."
            )
        bounds[is_meant] = found
    if text and not entries:
        raise SettingsError(f'`range` must be two pitches such as "C3-C6". Received {text!r}.')
    return bounds


def _stacked(lines: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Lines of different lengths in one array, filled up with -1, and their lengths."""
    lengths = np.array([len(line) for line in lines])
    table = np.full((len(lines), lengths.max()), -1, np.int64)
    for row, line in zip(table, lines, strict=True):
        row[: len(line)] = line
    return table, lengths


def _next_bar_line(step: int, heading: Heading) -> int:
    """The first bar line behind a step."""
    return (step // _bar_steps(heading) + 1) * _bar_steps(heading)


def _bars(heading: Heading) -> tuple[int, int]:
    return _bar_steps(heading), _beat_steps(heading)


def _bar_steps(heading: Heading) -> int:
    return Meter(0, heading.numerator, heading.denominator).bar_steps


def _beat_steps(heading: Heading) -> int:
    return Meter(0, heading.numerator, heading.denominator).beat_steps
