"""What of a primer stands as it is, and how what is composed around it becomes a part of it. Does not compose."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from melodyforge.bundle import Model
from melodyforge.composing.stretches import Stretch, stretch_of
from melodyforge.composing.varying import kept_harmony, kept_melody
from melodyforge.decoding.constraints import Harmony, Melody
from melodyforge.decoding.lines import Pair
from melodyforge.errors import SettingsError
from melodyforge.music.form import Form, read_form
from melodyforge.music.habits import Habits, measure_habits
from melodyforge.music.instruments import instruments_named, refused
from melodyforge.music.piece import NOTE_DTYPE, Piece, Track
from melodyforge.music.timeline import with_track_names
from melodyforge.music.track_names import tracks_called
from melodyforge.settings import CONTOUR, HARMONY, MAX_NOTES, ComposeSettings
from melodyforge.tokens.held import LOOK_AHEAD_STEPS, Hold
from melodyforge.tokens.notes import LOOKBACK_ROWS, NotesRepresentation
from melodyforge.tokens.tracks import TrackClasses


@dataclass(frozen=True, kw_only=True)
class Holding:
    """A primer of which a part stands.

    Attributes:
        primer: the whole.
        is_kept: which of its notes stand, bool, shape (num_notes,).
        is_open: which of its tracks are composed anew, in part or as a whole, bool, shape (num_tracks,).
        rows: the notes that stand as rows, as far as the network hears them; onsets are not snapped.
        num_before: how many of these come before all that is composed.
        stretch: where notes may be composed.
        is_held: which track classes the notes that stand have, bool, shape (num_classes,).
        is_free: which track classes may play other notes, likewise; none where companions are yet to be chosen.
        classes: those of the tracks of the primer, -1 for what the model has not learnt, shape (num_tracks,).
        learnt: the instruments of all classes.
        form: of the primer, what is composed anew told as new.
        melody: the notes of which the pitch alone is composed; None for those that are composed as a whole.
        of_note: the row of each note of the primer where there is a melody, -1 for none, shape (num_notes,).
        harmony: what composed pitches keep to; None: nothing.
    """

    primer: Piece
    is_kept: np.ndarray
    is_open: np.ndarray
    rows: np.ndarray
    num_before: int
    stretch: Stretch
    is_held: np.ndarray
    is_free: np.ndarray
    classes: np.ndarray
    learnt: TrackClasses
    form: Form
    melody: Melody | None = None
    of_note: np.ndarray | None = None
    harmony: Harmony | None = None

    @cached_property
    def habits(self) -> Habits:
        """How far the primer goes, which what keeps its rhythm may go, too."""
        return measure_habits(self.primer)

    def share_standing(self, piece: Piece) -> float:
        """How much of the primer is in a piece that was made of it: a share of its notes, 0 to 1."""
        names = ["onset", "duration", "track", "pitch"]
        both = Counter(self.primer.notes[names].tolist()) & Counter(piece.notes[names].tolist())
        return both.total() / len(self.primer)

    def varied_part(self, piece: Piece) -> Piece:
        """The bars of a piece that were varied, one behind the other as if they were its first."""
        varied = sorted(self.stretch.bars)
        bars, position, _ = piece.bars_at(piece.notes["onset"])
        is_varied = np.isin(bars, varied)
        notes = piece.notes[is_varied].copy()
        starts = np.array([piece.start_of_bar(bar) for bar in range(len(varied))])
        notes["onset"] = starts[np.searchsorted(varied, bars[is_varied])] + position[is_varied]
        return piece.with_notes(notes)

    def hold(self, is_free: np.ndarray) -> Hold:
        """What a network is told, where these track classes may play other notes."""
        bars_at = None if self.primer.is_performed else self.primer.bars_at
        return Hold(self.rows, is_free, self.stretch.parts, bars_at, self.melody.is_open if self.melody else None)

    def merged(self, rows: np.ndarray, until: int | None = None) -> tuple[Piece, np.ndarray]:
        """The primer with what was composed in the place of what does not stand.

        Args:
            rows: of a composition, those that are held among them.
            until: the step from which on notes of the primer are left out.

        Returns:
            The piece, and which of its notes stood in the primer, bool, shape (num_notes,).
        """
        if self.of_note is not None:
            return self._with_pitches(rows, self.of_note, until)
        kept = self.primer.notes[self.is_kept]
        composed, added = self._as_notes(rows[~np.isin(_keys(rows), _keys(self.rows))])
        if until is None:
            kept, composed = self._echoed(kept, composed)
        composed = _beside(composed, kept)
        kept = kept if until is None else kept[kept["onset"] < until]
        notes = np.concatenate([kept, composed])
        order = np.lexsort((notes["pitch"], notes["track"], notes["onset"]))
        piece = replace(self.primer, notes=notes[order], tracks=self._with_added(added), text="")
        return self._without_emptied(piece), order < len(kept)

    def _with_pitches(self, rows: np.ndarray, of_note: np.ndarray, until: int | None) -> tuple[Piece, np.ndarray]:
        """As `merged`, of notes whose pitches alone were composed, each the pitch of its row."""
        notes = self.primer.notes.copy()
        has_come = ~self.is_kept & (of_note < len(rows))
        notes["pitch"][has_come] = rows["pitch"][of_note[has_come]]
        is_here = has_come | (self.is_kept & (True if until is None else notes["onset"] < until))
        order = np.flatnonzero(is_here)
        order = order[np.lexsort([notes[name][order] for name in ("pitch", "track", "onset")])]
        return replace(self.primer, notes=notes[order], text=""), self.is_kept[order]

    def _echoed(self, kept: np.ndarray, composed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What stands and what is composed, where themes that return are varied alike."""
        copies = [composed]
        for start, stop, moved in self.stretch.echoes:
            copy = composed[(composed["onset"] >= start) & (composed["onset"] < stop)].copy()
            copy["onset"] += moved
            copies.append(copy)
        is_replaced = self.stretch.echoed(kept["onset"]) & self.is_open[kept["track"]]
        return kept[~is_replaced], np.concatenate(copies)

    def _as_notes(self, rows: np.ndarray) -> tuple[np.ndarray, list[int]]:
        """Composed rows as notes, and the track classes for which tracks are added to those of the primer."""
        notes, added = np.zeros(len(rows), NOTE_DTYPE), list[int]()
        for name in ("onset", "duration", "pitch", "velocity", "micro"):
            notes[name] = rows[name]
        for one in np.unique(rows["track"]).tolist():
            own = np.flatnonzero(self.is_open & (self.classes == one) & self.is_free[one])
            is_here = rows["track"] == one
            if not len(own):
                notes["track"][is_here] = len(self.primer.tracks) + len(added)
                added.append(one)
            else:
                notes["track"][is_here] = own[self._nearest(own, rows["pitch"][is_here])]
        return notes, added

    def _nearest(self, tracks: np.ndarray, pitches: np.ndarray) -> np.ndarray:
        """Which of several tracks of one class lies nearest to each pitch, as an index, shape (num_pitches,)."""
        notes = self.primer.notes
        usual = [notes["pitch"][notes["track"] == track].mean() if (notes["track"] == track).any() else 60.0
                 for track in tracks]  # fmt: skip
        return np.abs(pitches[:, None].astype(float) - np.array(usual)).argmin(axis=1)

    def _with_added(self, added: list[int]) -> tuple[Track, ...]:
        """The tracks of the primer as they are, then others, called by their instruments."""
        tracks = self.primer.tracks
        more = tuple(Track(*self.learnt.keys[one][:2]) for one in added)
        named = with_track_names(replace(self.primer, tracks=(*tracks, *more))).tracks
        return (*tracks, *named[len(tracks) :])

    def _without_emptied(self, piece: Piece) -> Piece:
        """The piece without tracks that were to be composed as a whole, and did not get a note."""
        is_gone = np.bincount(piece.notes["track"], minlength=len(piece.tracks)) == 0
        is_gone[: len(self.is_open)] &= self.is_open & (not self.stretch.bars)
        if not is_gone.any():
            return piece
        notes = piece.notes.copy()
        notes["track"] = (~is_gone).cumsum()[notes["track"]] - 1
        tracks = tuple(track for track, gone in zip(piece.tracks, is_gone.tolist(), strict=True) if not gone)
        return replace(piece, notes=notes, tracks=tracks)


def hold_primer(
    model: Model, settings: ComposeSettings, primer: Piece | None, bridge: Stretch | None = None
) -> Holding:
    """Finds out what of a primer stands, and what is composed.

    Args:
        model: that composes.
        settings: what is asked for.
        primer: the whole.
        bridge: where something is composed between two takes; None where the settings say what is composed.

    Raises:
        SettingsError: the settings name what the primer or the model does not have, or leave nothing to keep or to
            compose.
    """
    representation, primer = _able(model), _usable(primer)
    is_open = _open_tracks(primer, settings)
    classes, learnt = representation.vocabulary.tracks.of(primer.tracks), representation.vocabulary.tracks
    is_learnt = classes >= 0
    if settings.redo_tracks and not is_learnt[is_open].all():
        raise SettingsError(
            f"`redo_tracks` must name instruments of a kind that the model has learnt. Received {settings.redo_tracks}."
        )
    redoes = bool(settings.redo_bars or settings.redo_tracks or settings.vary or bridge)
    if redoes:  # what cannot be composed anew stands
        is_open &= is_learnt
    stretch = bridge or stretch_of(primer, settings, is_open)
    is_kept = ~(is_open[primer.notes["track"]] & stretch.covers(primer.notes["onset"]))
    heard = primer if settings.keeps_rhythm else primer.with_notes(primer.notes[is_kept])
    rows = representation.encode(heard, snaps_onsets=False)
    _require_some(rows)
    rows, num_before = _heard(rows, stretch)
    melody, of_note = _melody(primer, settings, rows, is_kept, classes, stretch)
    is_held = np.isin(np.arange(len(learnt)), rows["track"][~melody.is_open] if melody else rows["track"])
    return Holding(
        primer=replace(primer, style=settings.style or primer.style),
        is_kept=is_kept,
        is_open=is_open,
        rows=rows,
        num_before=num_before,
        stretch=stretch,
        is_held=is_held,
        is_free=_free_classes(settings, classes[is_open & is_learnt], is_held, learnt, redoes),
        classes=classes,
        learnt=learnt,
        form=_form(primer, is_kept, stretch),
        melody=melody,
        of_note=of_note,
        harmony=kept_harmony(primer, learnt.is_drum) if HARMONY in settings.kept_where_varied else None,
    )


def _require_some(rows: np.ndarray) -> None:
    """Makes sure that something is heard beside what is composed."""
    if not len(rows):
        raise SettingsError(
            "A part of the primer that the model has learnt to play must stay. Received none. Name fewer bars or "
            "tracks, or compose without these settings."
        )


def _able(model: Model) -> NotesRepresentation:
    """The representation of a model that has learnt to compose around notes that stand."""
    representation = model.representation
    if isinstance(representation, NotesRepresentation) and representation.knows_held:
        return representation
    raise SettingsError(
        "Keeping parts of a primer needs a model that has learnt it, such as one newly trained with the recipe forge. "
        f"Received the model {model.name!r} of the recipe {model.recipe.name!r}, which has not. Train a new one."
    )


def _usable(primer: Piece | None) -> Piece:
    if primer is None:
        raise SettingsError("`redo_bars`, `redo_tracks` and `keep_tracks` need a primer. Received none.")
    if not 0 < len(primer) <= MAX_NOTES:
        raise SettingsError(
            f"The primer must have 1 to {MAX_NOTES:,} notes. Received {len(primer):,}. Choose another primer."
        )
    return primer


def _open_tracks(primer: Piece, settings: ComposeSettings) -> np.ndarray:
    """Which tracks of the primer are composed anew, bool, shape (num_tracks,)."""
    numbers = np.arange(len(primer.tracks))
    if settings.vary:
        return ~(primer.is_drum_track & bool(settings.vary_keeps))  # pitches of drums are no tones
    if settings.keep_tracks and settings.redo_tracks:
        raise SettingsError("`redo_tracks` must stand alone. Received `keep_tracks`, too. Leave one of them out.")
    if settings.keep_tracks:
        return ~np.isin(numbers, tracks_called(primer, settings.keep_tracks, "keep_tracks"))
    if settings.redo_tracks:
        return np.isin(numbers, tracks_called(primer, settings.redo_tracks, "redo_tracks"))
    return np.ones(len(numbers), bool)


def _melody(
    primer: Piece,
    settings: ComposeSettings,
    rows: np.ndarray,
    is_kept: np.ndarray,
    classes: np.ndarray,
    stretch: Stretch,
) -> tuple[Melody | None, np.ndarray | None]:
    """The notes of which the pitch alone is composed, and the row of each note of the primer; none of either if none.

    Args:
        primer: whose notes they are.
        settings: what is asked for.
        rows: all that are heard.
        is_kept: which notes stand as a whole.
        classes: of the tracks.
        stretch: where notes are composed.
    """
    if not settings.keeps_rhythm:
        return None, None
    of_note = _row_of(primer.notes, rows, classes)
    is_open = np.isin(np.arange(len(rows)), of_note[~is_kept])
    same, notes = list[Pair](), primer.notes.copy()
    for start, stop, moved in stretch.echoes:
        here = np.flatnonzero(~is_kept & (notes["onset"] >= start) & (notes["onset"] < stop))
        there = notes[here]
        there["onset"] += moved
        same += zip(of_note[here].tolist(), _row_of(there, rows, classes).tolist(), strict=True)
    return kept_melody(primer, rows, of_note, is_open, same, CONTOUR in settings.kept_where_varied), of_note


def _row_of(notes: np.ndarray, rows: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The number of the row of each note, -1 for none; several tracks of a class may share one."""
    named = np.zeros(len(notes), rows.dtype)
    named["onset"], named["pitch"] = notes["onset"], notes["pitch"]
    named["track"] = np.maximum(0, classes[notes["track"]])
    keys, of_rows = _keys(named), _keys(rows)
    number = np.minimum(np.searchsorted(of_rows, keys), len(rows) - 1)
    return np.where((of_rows[number] == keys) & (classes[notes["track"]] >= 0), number, -1)


def _free_classes(
    settings: ComposeSettings, own: np.ndarray, is_held: np.ndarray, learnt: TrackClasses, redoes: bool
) -> np.ndarray:
    """Which track classes may play other notes than those that stand, bool, shape (num_classes,).

    Args:
        settings: what is asked for.
        own: the classes of the tracks of the primer that are composed anew.
        is_held: the classes of those that stand.
        learnt: the instruments of all classes.
        redoes: whether the primer's own tracks play on.
    """
    is_free = np.zeros(len(learnt), bool)
    names, forbidden = (
        {kind for name in some for kind in instruments_named(name)} for some in refused(settings.instruments or ())
    )
    if redoes or not names:
        is_free[own] = True
    for kind in sorted(names):
        of_kind = [index for index, key in enumerate(learnt.keys) if key[:2] == kind]
        if of_kind and not is_free[of_kind].any():  # a second violin beside one that stands, if there is one
            is_free[next((index for index in of_kind if not is_held[index]), of_kind[0])] = True
    is_free &= np.array([key[:2] not in forbidden for key in learnt.keys], bool)
    if not is_free.any() and (redoes or is_held.all()):
        raise SettingsError(
            "The settings must leave something to compose. Received tracks to keep that are all there are. Keep fewer, "
            "or add `instruments`."
        )
    return is_free


def _heard(rows: np.ndarray, stretch: Stretch) -> tuple[np.ndarray, int]:
    """The rows that matter to what is composed, and how many of them come before it."""
    onset = rows["onset"]
    before, behind = np.searchsorted(onset, [stretch.start, stretch.stop])
    first = max(0, before - LOOKBACK_ROWS)
    last = max(behind + 1, np.searchsorted(onset, stretch.stop + LOOK_AHEAD_STEPS))
    return rows[first:last], int(before - first)


def _form(primer: Piece, is_kept: np.ndarray, stretch: Stretch) -> Form:
    """Which bars return: those of the primer, bars that are composed anew as new; else those of what stands."""
    known = read_form(primer if stretch.bars else primer.with_notes(primer.notes[is_kept]))
    returns = [0 if bar in stretch.bars else one for bar, one in enumerate(known.returns)]
    return Form(tuple(returns), int(primer.notes["onset"][-1]), len(primer))


def _beside(composed: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Composed notes, none of them on a key of the same track while a note that stands is down: cut short or left out.

    A key that is struck again ends what it sounded: what stands would be heard cut short.
    """
    kept = kept[np.argsort(_voice_keys(kept), kind="stable")]
    keys, of_kept = _voice_keys(composed), _voice_keys(kept)
    place = np.searchsorted(of_kept, keys, side="right")
    distance = np.append(of_kept, np.iinfo(np.int64).max)[place] - keys  # also to other voices: they are far
    composed = composed.copy()
    composed["duration"] = np.minimum(composed["duration"], distance)
    since = keys - np.append(of_kept, -(2**40))[place - 1]  # the last of them stands before the first
    is_down = since < np.append(kept["duration"], 0)[place - 1]
    return composed[~is_down]


def _voice_keys(notes: np.ndarray) -> np.ndarray:
    """Numbers that order notes by track, pitch and onset; those of one key of a track differ by steps."""
    return (notes["track"].astype(np.int64) << 7 | notes["pitch"]) << 32 | notes["onset"]


def _keys(rows: np.ndarray) -> np.ndarray:
    """A number for each row by which it is known."""
    return rows["onset"].astype(np.int64) << 16 | rows["track"].astype(np.int64) << 8 | rows["pitch"]
