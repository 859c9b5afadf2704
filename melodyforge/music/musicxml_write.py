"""`Piece` to MusicXML 4.0: what `notation` and `note_values` decide on, as any score program opens it.

Knows elements, clefs, accidentals and drum staves. Decides no rhythm.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from melodyforge.music.chord_symbols import NAME, PLAIN, ChordSymbol, PlacedChord
from melodyforge.music.instruments import instrument_name
from melodyforge.music.keys import Key, estimate_key, spell
from melodyforge.music.notation import Bar, Part, Staff, write_down
from melodyforge.music.note_values import Symbol
from melodyforge.music.piece import STEPS_PER_QUARTER, Piece, Track

HEADER = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
    b'"http://www.musicxml.org/dtds/partwise.dtd">\n'
)
FORTE_VELOCITY = 90  # what the `dynamics` attribute is a percentage of
LOWEST_BASS_MEAN, LOWEST_TREBLE_MEAN, HIGHEST_TREBLE_MEAN = 36, 57, 86  # mean pitches that a clef suits
VIOLA, LOWEST_ALTO_MEAN, HIGHEST_ALTO_MEAN = 41, 48, 77  # a program of General MIDI, which reads the alto clef
MIN_TEMPO_CHANGE = 0.1  # as a share; smaller ones are expression, not new tempos
VOICES_PER_STAFF = 4  # numbering that score programs expect: 1-4 on the first staff, 5-8 on the second
DRUM_CHANNEL = 10  # MusicXML counts MIDI channels and drum pitches from 1
MELODIC_CHANNELS = tuple(channel for channel in range(1, 17) if channel != DRUM_CHANNEL)
SHARPS_ORDER, FLATS_ORDER = "FCGDAEB", "BEADGCF"
ACCIDENTALS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}

# Where drum sounds stand on a five-line staff (Weinberg, "Guide to Standardized Drumset Notation", 1998), and whether
# the notehead is a cross. General MIDI pitch -> line or space as in the treble clef.
DRUM_PLACES = {
    35: ("E4", False), 36: ("F4", False), 37: ("C5", True), 38: ("C5", False), 39: ("C5", True), 40: ("C5", False),
    41: ("G4", False), 42: ("G5", True), 43: ("A4", False), 44: ("D4", True), 45: ("B4", False), 46: ("G5", True),
    47: ("B4", False), 48: ("D5", False), 49: ("A5", True), 50: ("E5", False), 51: ("F5", True), 52: ("B5", True),
    53: ("F5", True), 55: ("B5", True), 57: ("A5", True), 59: ("F5", True),
}  # fmt: skip
OTHER_DRUM_PLACE = ("E5", True)


@dataclass
class _Accidentals:
    """Which accidentals a reader remembers inside a bar."""

    fifths: int
    seen: dict[tuple[str, int], int] = field(default_factory=dict)  # letter, octave -> sharps in force

    def needed(self, letter: str, octave: int, alter: int) -> bool:
        """Whether a sign has to be written; from here on it is remembered."""
        known = self.seen.get((letter, octave), self._signature(letter))
        self.seen[letter, octave] = alter
        return known != alter

    def _signature(self, letter: str) -> int:
        """What the key signature does to a letter."""
        if self.fifths >= 0:
            return int(letter in SHARPS_ORDER[: self.fifths])
        return -int(letter in FLATS_ORDER[: -self.fifths])


@dataclass(frozen=True)
class _Place:
    """Where in the score something is written: one staff of one part, in one key."""

    part: Part
    part_id: str
    staff_index: int
    key: Key

    def add_voice(self, element: Element, voice_index: int) -> None:
        """Names the voice."""
        _add(element, "voice", self.staff_index * VOICES_PER_STAFF + voice_index + 1)

    def add_staff(self, element: Element) -> None:
        """Names the staff where there are several."""
        if len(self.part.staves) > 1:
            _add(element, "staff", self.staff_index + 1)


def write_musicxml(piece: Piece) -> bytes:
    """Writes a piece as a score for people.

    Rhythm is rounded to 32nds and 16th triplets, freely performed music to 16ths and eighth triplets; more than
    two overlapping lines on a staff are cut short. The key is estimated.

    Args:
        piece: any; without notes it becomes one bar of rest.

    Returns:
        An uncompressed MusicXML file (`.musicxml`).
    """
    bars, parts = write_down(piece)
    parts = parts or [Part(piece.tracks[0] if piece.tracks else Track(), [Staff([[] for _ in bars], 60.0)])]
    key = estimate_key(piece)
    score = Element("score-partwise", version="4.0")
    _write_heading(score, piece)
    _write_part_list(score, parts)
    tempos, chords = _tempos_at_bars(piece, bars), _chords_of_bars(piece, bars)
    with_chords = next((index for index, part in enumerate(parts) if not part.track.is_drum), 0)
    for index, part in enumerate(parts):
        element = SubElement(score, "part", id=f"P{index + 1}")
        _write_bars(element, part, bars, key, tempos if index == 0 else {}, chords if index == with_chords else [])
    indent(score, space=" ")
    return HEADER + tostring(score, encoding="utf-8") + b"\n"


def _add(parent: Element, path: str, text: object = None) -> Element:
    """Adds an element, or one inside another: `path` names them from the outside in."""
    for name in path.split("/"):
        parent = SubElement(parent, name)
    if text is not None:
        parent.text = _printable(str(text))
    return parent


def _printable(text: str) -> str:
    """Text without the control characters and lone surrogates that XML forbids."""
    return "".join(character for character in text if character.isprintable()).encode("utf-8", "replace").decode()


def _write_heading(score: Element, piece: Piece) -> None:
    if piece.name:
        _add(score, "movement-title", piece.name)
    _add(score, "identification/encoding/software", "Melody Forge")


def _write_part_list(score: Element, parts: list[Part]) -> None:
    """Names, instruments and MIDI channels of the parts."""
    part_list = _add(score, "part-list")
    for index, part in enumerate(parts):
        part_id = f"P{index + 1}"
        element = SubElement(part_list, "score-part", id=part_id)
        name = _part_name(part.track)
        _add(element, "part-name", name)
        for drum in part.drum_pitches or (None,):
            named = SubElement(element, "score-instrument", id=_instrument_id(part_id, drum))
            _add(named, "instrument-name", name if drum is None else drum)
        channel = DRUM_CHANNEL if part.track.is_drum else MELODIC_CHANNELS[index % len(MELODIC_CHANNELS)]
        for drum in part.drum_pitches or (None,):
            midi = SubElement(element, "midi-instrument", id=_instrument_id(part_id, drum))
            _add(midi, "midi-channel", channel)
            _add(midi, "midi-program", part.track.program + 1)
            if drum is not None:
                _add(midi, "midi-unpitched", drum + 1)


def _instrument_id(part_id: str, drum: int | None) -> str:
    return f"{part_id}-I{1 if drum is None else drum + 1}"


def _part_name(track: Track) -> str:
    """The track's own name, or its instrument."""
    return track.name.strip() or instrument_name(track.program, track.is_drum).capitalize()


def _tempos_at_bars(piece: Piece, bars: list[Bar]) -> dict[int, float]:
    """The bars that get a tempo mark, by number, with quarter notes per minute."""
    marks: dict[int, float] = {}
    qpm = 0.0
    onsets = [tempo.onset for tempo in piece.tempos]
    for number, bar in enumerate(bars):
        current = piece.tempos[bisect_right(onsets, bar.onset) - 1].qpm
        if abs(current - qpm) > MIN_TEMPO_CHANGE * qpm:
            qpm = marks[number] = current
    return marks


def _chords_of_bars(piece: Piece, bars: list[Bar]) -> list[list[PlacedChord]]:
    """The chords that begin in each bar; of those before the first bar line the last, where the bar begins."""
    of_bars: list[list[PlacedChord]] = [[] for _ in bars]
    onsets = [bar.onset for bar in bars]
    for placed in piece.chords:
        bar = max(0, bisect_right(onsets, placed.onset) - 1)
        if placed.onset <= onsets[bar]:
            of_bars[bar].clear()
        if placed.onset < onsets[bar] + bars[bar].length:
            of_bars[bar].append(placed)
    return of_bars


def _write_bars(
    element: Element,
    part: Part,
    bars: list[Bar],
    key: Key,
    tempos: dict[int, float],
    chords: list[list[PlacedChord]],
) -> None:
    """All measures of a part."""
    places = [_Place(part, element.get("id", ""), index, key) for index in range(len(part.staves))]
    first_number = 0 if bars[0].is_upbeat else 1
    for index, bar in enumerate(bars):
        measure = SubElement(element, "measure", number=str(index + first_number))
        if bar.is_upbeat:
            measure.set("implicit", "yes")
        _write_attributes(measure, part, bars, index, key)
        if index in tempos:
            _write_tempo(measure, tempos[index])
        for placed in chords[index] if chords else ():
            _write_chord(measure, placed.chord, max(0, placed.onset - bar.onset), places[0])
        for place in places:
            if place.staff_index:
                _add(measure, "backup/duration", bar.length)
            _write_staff_bar(measure, place, part.staves[place.staff_index].bars[index], bar)
        if index == len(bars) - 1:
            _add(SubElement(measure, "barline", location="right"), "bar-style", "light-heavy")


def _write_attributes(measure: Element, part: Part, bars: list[Bar], index: int, key: Key) -> None:
    """Divisions, key and clefs once; the time signature where it changes."""
    meter = bars[index].meter
    before = bars[index - 1].meter if index else None
    if before and (before.numerator, before.denominator) == (meter.numerator, meter.denominator):
        return
    attributes = _add(measure, "attributes")
    if not before:
        _add(attributes, "divisions", STEPS_PER_QUARTER)
        _add(attributes, "key/fifths", 0 if part.track.is_drum else key.fifths)
    time = _add(attributes, "time")
    _add(time, "beats", meter.numerator)
    _add(time, "beat-type", meter.denominator)
    if not before:
        _write_clefs(attributes, part)


def _write_clefs(attributes: Element, part: Part) -> None:
    """The number of staves, and for each the clef that needs few ledger lines."""
    if len(part.staves) > 1:
        _add(attributes, "staves", len(part.staves))
    for index, staff in enumerate(part.staves):
        clef = SubElement(attributes, "clef", number=str(index + 1))
        if part.track.is_drum:
            _add(clef, "sign", "percussion")
            continue
        if part.track.program == VIOLA and LOWEST_ALTO_MEAN <= staff.mean_pitch < HIGHEST_ALTO_MEAN:
            _add(clef, "sign", "C")
            _add(clef, "line", 3)
            continue
        is_bass = staff.mean_pitch < LOWEST_TREBLE_MEAN
        _add(clef, "sign", "F" if is_bass else "G")
        _add(clef, "line", 4 if is_bass else 2)
        if not LOWEST_BASS_MEAN <= staff.mean_pitch < HIGHEST_TREBLE_MEAN:
            _add(clef, "clef-octave-change", -1 if is_bass else 1)


def _write_tempo(measure: Element, qpm: float) -> None:
    """A metronome mark."""
    direction = SubElement(measure, "direction", placement="above")
    metronome = _add(direction, "direction-type/metronome")
    _add(metronome, "beat-unit", "quarter")
    _add(metronome, "per-minute", round(qpm))
    SubElement(direction, "sound", tempo=f"{qpm:g}")


def _write_chord(measure: Element, chord: ChordSymbol, offset: int, place: _Place) -> None:
    """A chord symbol over a bar, `offset` steps behind its beginning."""
    kind, text = chord.kind
    written = NAME.fullmatch(chord.text.translate(PLAIN))
    harmony = _add(measure, "harmony")
    _write_chord_pitch(harmony, "root", chord.root, (written["root"], written["sign"]) if written else None, place.key)
    _add(harmony, "kind", kind).set("text", _printable(text))
    if chord.bass != chord.root:
        named = (written["bass"], written["bass_sign"]) if written and written["bass"] else None
        _write_chord_pitch(harmony, "bass", chord.bass, named, place.key)
    if offset:
        _add(harmony, "offset", offset)
    place.add_staff(harmony)


def _write_chord_pitch(
    harmony: Element, name: str, pitch_class: int, written: tuple[str, str] | None, key: Key
) -> None:
    """Root or bass, spelt as it was written, or else as the key spells it."""
    letter, alter = (written[0], {"#": 1, "b": -1}.get(written[1], 0)) if written else spell(pitch_class, key.fifths)
    element = _add(harmony, name)
    _add(element, f"{name}-step", letter)
    if alter:
        _add(element, f"{name}-alter", alter)


def _write_staff_bar(measure: Element, place: _Place, voices: list[list[Symbol]], bar: Bar) -> None:
    """What one staff shows in one bar."""
    signs = _signs(voices, place.key)
    for voice_index, symbols in enumerate(voices):
        if voice_index:
            _add(measure, "backup/duration", bar.length)
        for symbol in symbols:
            if not symbol.pitches and voice_index:
                _write_gap(measure, symbol, place, voice_index)
            for pitch in symbol.pitches:
                sign = signs.get((voice_index, symbol.onset, pitch))
                _write_note(measure, symbol, pitch, place, voice_index, sign=sign)
            if not symbol.pitches and not voice_index:
                _write_rest(measure, symbol, place)
    if not voices:
        _write_silent_bar(measure, bar, place)


def _signs(voices: list[list[Symbol]], key: Key) -> dict[tuple[int, int, int], str]:
    """The accidentals of a bar, by voice, onset and pitch; a tied note keeps that of the note before."""
    accidentals = _Accidentals(key.fifths)
    heads = sorted(
        (symbol.onset, voice_index, pitch, symbol.is_tied)
        for voice_index, symbols in enumerate(voices)
        for symbol in symbols
        for pitch in symbol.pitches
    )
    signs: dict[tuple[int, int, int], str] = {}
    for onset, voice_index, pitch, is_tied in heads:
        letter, alter = spell(pitch, key.fifths)
        if accidentals.needed(letter, _octave(pitch, alter), alter) and not is_tied:
            signs[voice_index, onset, pitch] = ACCIDENTALS[alter]
    return signs


def _octave(pitch: int, alter: int) -> int:
    """The octave that a pitch is written in: C flat 4 sounds as B 3."""
    return (pitch - alter) // 12 - 1


def _write_note(
    measure: Element, symbol: Symbol, pitch: int, place: _Place, voice_index: int, *, sign: str | None
) -> None:
    """One head of a note or chord. The order of elements is fixed by the format."""
    note = SubElement(measure, "note", dynamics=f"{100 * symbol.velocity / FORTE_VELOCITY:.2f}")
    is_first = pitch == symbol.pitches[0]
    is_drum = place.part.track.is_drum
    if not is_first:
        _add(note, "chord")
    (_write_drum if is_drum else _write_pitch)(note, pitch, place.key)
    _add(note, "duration", symbol.duration)
    _write_ties(note, symbol, "tie")
    if is_drum:
        SubElement(note, "instrument", id=_instrument_id(place.part_id, pitch))
    place.add_voice(note, voice_index)
    _write_value(note, symbol, None if is_drum else sign)
    if is_drum and DRUM_PLACES.get(pitch, OTHER_DRUM_PLACE)[1]:
        _add(note, "notehead", "x")
    place.add_staff(note)
    _write_beams(note, symbol if is_first else replace(symbol, tuplet="", beams=()))


def _write_rest(measure: Element, symbol: Symbol, place: _Place) -> None:
    """A rest of the first voice."""
    note = _add(measure, "note")
    _add(note, "rest")
    _add(note, "duration", symbol.duration)
    place.add_voice(note, 0)
    _write_value(note, symbol, None)
    place.add_staff(note)
    _write_beams(note, symbol)


def _write_gap(measure: Element, symbol: Symbol, place: _Place, voice_index: int) -> None:
    """Silence that is not shown: rests of a second voice only clutter the staff."""
    forward = _add(measure, "forward")
    _add(forward, "duration", symbol.duration)
    place.add_voice(forward, voice_index)
    place.add_staff(forward)


def _write_silent_bar(measure: Element, bar: Bar, place: _Place) -> None:
    """A rest for the whole bar. A short bar gets one without that mark, which readers take for a full bar's time."""
    note = _add(measure, "note")
    rest = _add(note, "rest")
    if bar.length == bar.meter.bar_steps:
        rest.set("measure", "yes")
    _add(note, "duration", bar.length)
    place.add_voice(note, 0)
    place.add_staff(note)


def _write_pitch(note: Element, pitch: int, key: Key) -> None:
    """A pitch as it is spelt in the key."""
    letter, alter = spell(pitch, key.fifths)
    element = _add(note, "pitch")
    _add(element, "step", letter)
    if alter:
        _add(element, "alter", alter)
    _add(element, "octave", _octave(pitch, alter))


def _write_drum(note: Element, pitch: int, _: Key) -> None:
    """A drum's place on the staff."""
    line, _is_cross = DRUM_PLACES.get(pitch, OTHER_DRUM_PLACE)
    unpitched = _add(note, "unpitched")
    _add(unpitched, "display-step", line[0])
    _add(unpitched, "display-octave", line[1])


def _write_ties(parent: Element, symbol: Symbol, name: str) -> None:
    """Ties as heard (`tie`) or as drawn (`tied`)."""
    if symbol.is_tied:
        SubElement(parent, name, type="stop")
    if symbol.ties_on:
        SubElement(parent, name, type="start")


def _write_value(note: Element, symbol: Symbol, sign: str | None) -> None:
    """Type, dots, accidental and triplet."""
    _add(note, "type", symbol.value.name)
    for _ in range(symbol.value.num_dots):
        _add(note, "dot")
    if sign:
        _add(note, "accidental", sign)
    if symbol.value.is_triplet:
        modification = _add(note, "time-modification")
        _add(modification, "actual-notes", 3)
        _add(modification, "normal-notes", 2)


def _write_beams(note: Element, symbol: Symbol) -> None:
    """Beams, drawn ties and triplet brackets."""
    for level, state in enumerate(symbol.beams, start=1):
        SubElement(note, "beam", number=str(level)).text = state
    if symbol.is_tied or symbol.ties_on or symbol.tuplet:
        notations = _add(note, "notations")
        _write_ties(notations, symbol, "tied")
        if symbol.tuplet:
            SubElement(notations, "tuplet", type=symbol.tuplet)
