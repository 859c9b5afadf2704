"""Pictures: a piece as a piano roll in PNG.

Long pieces are wrapped like a score. Draws only; `roll_layout` knows where everything goes.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from melodyforge.music.form import read_form, sections
from melodyforge.music.instruments import instrument_name
from melodyforge.music.piece import Piece, Track
from melodyforge.music.roll_layout import (
    CHORD_LABEL_HEIGHT,
    DRUM_ROW_HEIGHT,
    HEADER_HEIGHT,
    LEGEND_CELL_WIDTH,
    LEGEND_ROW_HEIGHT,
    MARGIN,
    MARK_LABEL_HEIGHT,
    PITCHES_PER_OCTAVE,
    Layout,
    System,
    lay_out,
    legend_columns,
)
from melodyforge.words import counted

Color = tuple[int, int, int]

PAPER, INK, FAINT_INK = (255, 255, 255), (38, 43, 56), (116, 124, 140)
BLACK_KEY_ROW, BEAT_LINE, MARK_LINE, OCTAVE_LINE = (240, 243, 248), (228, 232, 239), (190, 197, 209), (206, 212, 222)
KEY_EDGE, BLACK_KEY = (170, 177, 190), (58, 64, 78)
BLACK_PITCH_CLASSES = {1, 3, 6, 8, 10}
# Okabe and Ito, "Color Universal Design" (2008), without the yellow that white paper swallows; then three darker ones
# from Tol's "muted" scheme. Told apart by colour-blind readers too.
TRACK_COLORS: tuple[Color, ...] = (
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (230, 159, 0),
    (86, 180, 233),
    (51, 34, 136),
    (136, 34, 85),
    (153, 153, 51),
)
DRUM_COLOR: Color = (84, 92, 110)
MIN_STRENGTH = 0.3  # of a colour at velocity 0; full at 127
EDGE_STRENGTH = 0.72  # of a note's outline against its colour
MIN_NOTE_WIDTH, MIN_ROUND_WIDTH, NOTE_GAP, NOTE_RADIUS = 4, 12, 2, 3
DRUM_HIT_WIDTH = 9
MIN_BEAT_WIDTH = 22  # beats closer than this get no line
MAX_TITLE_LENGTH, MAX_NAME_LENGTH = 100, 20

# General MIDI level 1, the percussion key map.
# fmt: off
DRUM_NAMES = (
    "kick 2", "kick", "side stick", "snare", "clap", "snare 2", "low tom", "closed hat", "floor tom", "pedal hat",
    "tom 4", "open hat", "tom 3", "tom 2", "crash", "tom 1", "ride", "china", "ride bell", "tambourine", "splash",
    "cowbell", "crash 2", "vibraslap", "ride 2", "bongo hi", "bongo lo", "conga mute", "conga hi", "conga lo",
    "timbale hi", "timbale lo", "agogo hi", "agogo lo", "cabasa", "maracas", "whistle", "whistle 2", "guiro",
    "guiro 2", "claves", "block hi", "block lo", "cuica mute", "cuica", "triangle mute", "triangle",
)
# fmt: on
FIRST_NAMED_DRUM = 35


def draw_roll(piece: Piece, width: int = 2000, max_height: int = 8000) -> bytes:
    """Draws a piece as a piano roll.

    Args:
        piece: may be without notes.
        width: of the picture in pixels, at least 400; shown at half the size it is sharp on every screen.
        max_height: in pixels; time is squeezed rather than exceed it. A single row is always drawn in full.

    Returns:
        A PNG file.
    """
    page = lay_out(piece, width, max_height)
    image = Image.new("RGB", (page.width, page.height), PAPER)
    pen = ImageDraw.Draw(image)
    colors = _track_colors(piece)
    _draw_header(pen, piece)
    if len(colors) > 1:
        _draw_legend(pen, piece, colors, legend_columns(width))
    groups = _group_notes(piece, colors)
    first = page.systems[0].marks[0].number if page.systems and page.systems[0].marks else 1
    letters = {first + part.bar: part.letter for part in sections(read_form(piece))}  # by the number of the bar
    for system in page.systems:
        _draw_rows(pen, page, system)
        _draw_time(pen, page, system, piece.is_performed)
        _draw_sections(pen, page, system, letters)
        _draw_chords(pen, page, system, piece)
        for group in groups:
            _draw_notes(pen, page, system, group)
        _draw_keyboard(pen, page, system)
        _draw_drum_names(pen, page, system)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


@dataclass(frozen=True)
class _NoteGroup:
    """Notes of one track with the colours that they are drawn in, by velocity: uint8, shape (128, 3)."""

    notes: np.ndarray
    is_drum: bool
    shades: np.ndarray


def _track_colors(piece: Piece) -> dict[int, Color]:
    """A colour for each track that has notes."""
    colors: dict[int, Color] = {}
    for index in np.unique(piece.notes["track"]).tolist():
        num_pitched = sum(color != DRUM_COLOR for color in colors.values())
        is_drum = piece.tracks[index].is_drum
        colors[index] = DRUM_COLOR if is_drum else TRACK_COLORS[num_pitched % len(TRACK_COLORS)]
    return colors


def _group_notes(piece: Piece, colors: dict[int, Color]) -> list[_NoteGroup]:
    """The notes of each track; the first track comes last, on top of the others."""
    strength = np.linspace(MIN_STRENGTH, 1, 128)[:, None]
    groups = []
    for index, color in reversed(colors.items()):
        shades = np.array(PAPER) * (1 - strength) + np.array(color) * strength
        notes = piece.notes[piece.notes["track"] == index]
        groups.append(_NoteGroup(notes, piece.tracks[index].is_drum, shades.astype(np.uint8)))
    return groups


def _draw_header(pen: ImageDraw.ImageDraw, piece: Piece) -> None:
    pen.text((MARGIN, 22), _plain(piece.name, MAX_TITLE_LENGTH) or "Untitled", INK, _font(34))
    pen.text((MARGIN, 64), _facts(piece), FAINT_INK, _font(20))


def _facts(piece: Piece) -> str:
    """Length, tempo and time signature in one line."""
    minutes, seconds = divmod(math.ceil(piece.seconds), 60)
    facts = [counted(len(piece), "note"), f"{minutes}:{seconds:02d} minutes"]
    if not piece.is_performed:
        meter = piece.meters[0]
        facts += [f"{piece.tempo_qpm:.0f} quarters per minute", f"{meter.numerator}/{meter.denominator}"]
    return "   ·   ".join(facts)


def _draw_legend(pen: ImageDraw.ImageDraw, piece: Piece, colors: dict[int, Color], num_columns: int) -> None:
    names = _track_names([piece.tracks[index] for index in colors])
    for cell, (name, color) in enumerate(zip(names, colors.values(), strict=True)):
        row, column = divmod(cell, num_columns)
        x, y = MARGIN + column * LEGEND_CELL_WIDTH, HEADER_HEIGHT + row * LEGEND_ROW_HEIGHT + 4
        pen.rounded_rectangle((x, y, x + 26, y + 15), NOTE_RADIUS, color)
        pen.text((x + 36, y + 8), name, INK, _font(19), anchor="lm")


def _track_names(tracks: list[Track]) -> list[str]:
    """What the file calls each track, or its instrument; numbered where one name stands for several."""
    names = [_plain(track.name, MAX_NAME_LENGTH) or instrument_name(track.program, track.is_drum) for track in tracks]
    counts = [names[: index + 1].count(name) for index, name in enumerate(names)]
    return [f"{name} {count}" if count > 1 else name for name, count in zip(names, counts, strict=True)]


def _draw_rows(pen: ImageDraw.ImageDraw, page: Layout, system: System) -> None:
    """The paper behind the notes: black keys shaded, a line under every C and around the whole."""
    right = int(page.x(system.end, system))
    for pitch in page.pitches:
        y = page.y(pitch, system)
        if pitch % PITCHES_PER_OCTAVE in BLACK_PITCH_CLASSES:
            pen.rectangle((page.left, y, right, y + page.semitone_height - 1), BLACK_KEY_ROW)
        if pitch % PITCHES_PER_OCTAVE == 0:
            pen.line((page.left, y + page.semitone_height, right, y + page.semitone_height), OCTAVE_LINE, 2)
    for number, pitch in enumerate(page.drum_pitches):
        if number % 2 == 0:
            y = page.drum_y(pitch, system)
            pen.rectangle((page.left, y, right, y + DRUM_ROW_HEIGHT - 1), BLACK_KEY_ROW)


def _draw_time(pen: ImageDraw.ImageDraw, page: Layout, system: System, is_performed: bool) -> None:
    """Beats, bars or seconds, and their numbers."""
    bottom = system.top + page.area_height
    for mark, next_step in zip(system.marks, [*(m.step for m in system.marks[1:]), system.end], strict=True):
        if mark.beat_steps * page.step_width >= MIN_BEAT_WIDTH:
            for x in page.x(np.arange(mark.step, next_step, mark.beat_steps), system)[1:].tolist():
                pen.line((x, system.top, x, bottom), BEAT_LINE)
        x = int(page.x(mark.step, system))
        has_label = (mark.number - (not is_performed)) % page.label_stride == 0
        if has_label or not is_performed or page.label_stride == 1:
            pen.line((x, system.top, x, bottom), MARK_LINE if has_label else OCTAVE_LINE, 2 if has_label else 1)
        if has_label:
            label = f"{mark.number // 60}:{mark.number % 60:02d}" if is_performed else str(mark.number)
            pen.text((x + 4, system.top - MARK_LABEL_HEIGHT + 4), label, FAINT_INK, _font(17))
    right = int(page.x(system.end, system))
    for top, height in ((0, page.pitch_area_height), (page.drum_top, page.area_height - page.drum_top)):
        if height:
            pen.rectangle((page.left, system.top + top, right, system.top + top + height), outline=MARK_LINE)


def _draw_sections(pen: ImageDraw.ImageDraw, page: Layout, system: System, letters: dict[int, str]) -> None:
    """The letters of the parts, where they begin."""
    for mark in system.marks:
        if mark.number in letters:
            x = int(page.x(mark.step, system))
            pen.line((x, system.top - MARK_LABEL_HEIGHT + 4, x, system.top + page.area_height), FAINT_INK, 2)
            pen.text((x + 36, system.top - MARK_LABEL_HEIGHT), letters[mark.number], INK, _font(21))


def _draw_chords(pen: ImageDraw.ImageDraw, page: Layout, system: System, piece: Piece) -> None:
    """The chords that hold in this system, those left out that have no room; the first even if it began before."""
    before = [one for one in piece.chords if one.onset <= system.start][-1:]
    free, font = page.left, _font(20)
    for placed in [*before, *(one for one in piece.chords if system.start < one.onset < system.end)]:
        x = int(page.x(max(placed.onset, system.start), system))
        text = _plain(placed.chord.text, MAX_NAME_LENGTH)
        if x >= free:
            pen.text((x + 4, system.top - MARK_LABEL_HEIGHT - CHORD_LABEL_HEIGHT + 4), text, INK, font)
            free = x + 8 + int(pen.textlength(text, font))


def _draw_notes(pen: ImageDraw.ImageDraw, page: Layout, system: System, group: _NoteGroup) -> None:
    """What of one track sounds in this system."""
    notes = group.notes[(group.notes["onset"] < system.end)]
    notes = notes[notes["onset"] + notes["duration"] > system.start]
    lefts = page.x(np.maximum(notes["onset"], system.start), system)
    rights = page.x(np.minimum(notes["onset"] + notes["duration"], system.end), system) - NOTE_GAP
    fills = group.shades[notes["velocity"]]
    edges = (fills * EDGE_STRENGTH).astype(np.uint8)
    columns = (lefts, np.maximum(rights, lefts + MIN_NOTE_WIDTH), notes["pitch"], fills, edges)
    for left, right, pitch, fill, edge in zip(*(column.tolist() for column in columns), strict=True):
        if group.is_drum:
            _draw_drum_hit(pen, left, page.drum_y(pitch, system), tuple(fill), tuple(edge))
            continue
        y = page.y(pitch, system)
        box = (left + 1, y + 1, right, y + page.semitone_height - 1)
        if right - left > MIN_ROUND_WIDTH:  # small notes are faster and clearer as plain boxes
            pen.rounded_rectangle(box, min(NOTE_RADIUS, page.semitone_height // 4), tuple(fill), tuple(edge))
        else:
            pen.rectangle(box, tuple(fill), tuple(edge))


def _draw_drum_hit(pen: ImageDraw.ImageDraw, x: int, y: int, fill: tuple[int, ...], edge: tuple[int, ...]) -> None:
    """A lozenge whose left corner is the onset; how long a drum's note is held means nothing."""
    middle, half = y + DRUM_ROW_HEIGHT // 2, DRUM_ROW_HEIGHT // 2 - 2
    corners = [(x, middle), (x + DRUM_HIT_WIDTH, middle - half), (x + 2 * DRUM_HIT_WIDTH, middle)]
    pen.polygon([*corners, (x + DRUM_HIT_WIDTH, middle + half)], fill, edge)


def _draw_keyboard(pen: ImageDraw.ImageDraw, page: Layout, system: System) -> None:
    """A piano's keys along the left edge, each C named."""
    left, right = MARGIN, page.left - 4
    if not page.pitches:
        return
    pen.rectangle((left, system.top, right, system.top + page.pitch_area_height), PAPER, KEY_EDGE)
    for pitch in page.pitches:
        y, pitch_class = page.y(pitch, system), pitch % PITCHES_PER_OCTAVE
        if pitch_class in (0, 5):  # C and F: where two white keys touch
            pen.line((left, y + page.semitone_height, right, y + page.semitone_height), KEY_EDGE)
        if pitch_class in BLACK_PITCH_CLASSES:
            pen.line((left, y + page.semitone_height // 2, right, y + page.semitone_height // 2), KEY_EDGE)
            key_right = left + (right - left) * 5 // 9
            pen.rectangle((left, y, key_right, y + page.semitone_height - 1), BLACK_KEY)
        if pitch_class == 0:
            label = f"C{pitch // PITCHES_PER_OCTAVE - 1}"
            pen.text((right - 4, y + page.semitone_height), label, INK, _font(15), anchor="rs")


def _draw_drum_names(pen: ImageDraw.ImageDraw, page: Layout, system: System) -> None:
    for pitch in page.drum_pitches:
        y = page.drum_y(pitch, system) + DRUM_ROW_HEIGHT // 2
        pen.text((page.left - 8, y), _drum_name(pitch), INK, _font(16), anchor="rm")


def _drum_name(pitch: int) -> str:
    """What a drum is called, or its number."""
    is_named = FIRST_NAMED_DRUM <= pitch < FIRST_NAMED_DRUM + len(DRUM_NAMES)
    return DRUM_NAMES[pitch - FIRST_NAMED_DRUM] if is_named else f"drum {pitch}"


def _plain(text: str, max_length: int) -> str:
    """Text on one line, cut where it is too long."""
    line = " ".join(text.split())
    return line if len(line) <= max_length else line[: max_length - 1].rstrip() + "…"


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font that comes with Pillow, so that pictures look the same everywhere."""
    return ImageFont.load_default(size)
