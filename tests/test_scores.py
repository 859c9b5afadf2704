"""Reading MusicXML, ABC and kern, and writing scores that others can open."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from melodyforge.errors import MusicReadError
from melodyforge.music import musicxml_read
from melodyforge.music.keys import Key, estimate_key, spell
from melodyforge.music.piece import Meter, Piece, Tempo, Track, make_notes
from melodyforge.music.scores import read_score, split_tunes, write_musicxml
from tests.music_samples import gridded_piece, performed_piece, tune

QUARTER = 24
VALUE_STEPS = {"breve": 192, "whole": 96, "half": 48, "quarter": 24, "eighth": 12, "16th": 6, "32nd": 3}


def note_xml(pitch: str, duration: int = 1, extra: str = "") -> str:
    """A MusicXML note such as "C4"; durations in quarters."""
    step, octave = pitch[0], pitch[-1]
    return (
        f"<note><pitch><step>{step}</step><octave>{octave}</octave></pitch>"
        f"<duration>{duration}</duration>{extra}</note>"
    )


def score_xml(*measures: str, head: str = "", beats: int = 2, instrument: str = "") -> bytes:
    """A MusicXML score of one part; each measure is what stands between its tags."""
    attributes = (
        f"<attributes><divisions>1</divisions>{head}"
        f"<time><beats>{beats}</beats><beat-type>4</beat-type></time></attributes>"
    )
    body = "".join(
        f'<measure number="{number}">{attributes if number == 1 else ""}{measure}</measure>'
        for number, measure in enumerate(measures, start=1)
    )
    return (
        '<score-partwise version="4.0"><part-list>'
        f'<score-part id="P1"><part-name>Line</part-name>{instrument}</score-part></part-list>'
        f'<part id="P1">{body}</part></score-partwise>'
    ).encode()


def read_bytes(tmp_path: Path, data: bytes, name: str = "score.musicxml") -> tuple[Piece, list[str]]:
    (tmp_path / name).write_bytes(data)
    return read_score(tmp_path / name)[0]


def pitches_of(piece: Piece) -> list[int]:
    return piece.notes["pitch"].tolist()


def read_abc(tmp_path: Path, text: str) -> list[tuple[Piece, list[str]]]:
    (tmp_path / "tunes.abc").write_text(text, "utf-8")
    return read_score(tmp_path / "tunes.abc")


def round_trip(tmp_path: Path, piece: Piece) -> Piece:
    return read_bytes(tmp_path, write_musicxml(piece))[0]


def mxl(**entries: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), data)
    return packed.getvalue()


# Reading


def test_notes_come_in_steps(tmp_path: Path) -> None:
    piece, repairs = read_bytes(tmp_path, score_xml(note_xml("C4") + note_xml("E4"), note_xml("G4", 2)))
    assert piece.notes.tolist() == [(0, 24, 0, 60, 80, 0), (24, 24, 0, 64, 80, 0), (48, 48, 0, 67, 80, 0)]
    assert piece.meters == (Meter(0, 2, 4),)
    assert piece.tracks == (Track(0, False, "Line"),)
    assert repairs == []


def test_tied_notes_are_one_and_repeated_notes_are_two(tmp_path: Path) -> None:
    tied = note_xml("C4", 2, '<tie type="start"/>'), note_xml("C4", 1, '<tie type="stop"/>') + note_xml("C4")
    piece, _ = read_bytes(tmp_path, score_xml(*tied))
    assert [row[:2] for row in piece.notes.tolist()] == [(0, 72), (72, 24)]


def test_repeat_with_two_endings_is_played_out(tmp_path: Path) -> None:
    first = '<barline location="left"><ending number="1" type="start"/></barline>'
    first_end = '<barline location="right"><ending number="1" type="stop"/><repeat direction="backward"/></barline>'
    second = '<barline location="left"><ending number="2" type="start"/></barline>'
    second_end = '<barline location="right"><ending number="2" type="stop"/></barline>'
    score = score_xml(note_xml("C4", 2), first + note_xml("D4", 2) + first_end, second + note_xml("E4", 2) + second_end)
    piece, _ = read_bytes(tmp_path, score)
    assert pitches_of(piece) == [60, 62, 60, 64]
    assert piece.notes["onset"].tolist() == [0, 48, 96, 144]


def test_repeat_sign_that_is_never_closed_spoils_no_other_repeat(tmp_path: Path) -> None:
    back = '<barline location="right"><repeat direction="backward"/></barline>'
    forward = '<barline location="left"><repeat direction="forward"/></barline>'
    piece, repairs = read_bytes(
        tmp_path, score_xml(note_xml("C4", 2) + back, forward + note_xml("D4", 2), note_xml("E4", 2))
    )
    assert pitches_of(piece) == [60, 60, 62, 64]
    assert repairs == []


def test_da_capo_al_fine_goes_back_to_the_start(tmp_path: Path) -> None:
    fine = "<direction><direction-type><words>Fine</words></direction-type></direction>"
    jump = "<direction><direction-type><words>D.C. al Fine</words></direction-type></direction>"
    piece, _ = read_bytes(tmp_path, score_xml(note_xml("C4", 2) + fine, note_xml("D4", 2) + jump))
    assert pitches_of(piece) == [60, 62, 60]


def test_grace_notes_take_no_time_and_are_reported(tmp_path: Path) -> None:
    grace = "<note><grace/><pitch><step>B</step><octave>3</octave></pitch><type>eighth</type></note>"
    piece, repairs = read_bytes(tmp_path, score_xml(grace + note_xml("C4", 2)))
    assert pitches_of(piece) == [60]
    assert repairs == ["1 grace note was left out"]


def test_upbeat_keeps_its_place_before_the_bar_line(tmp_path: Path) -> None:
    piece, _ = read_bytes(tmp_path, score_xml(note_xml("G4"), note_xml("C5", 4), beats=4))
    assert piece.notes["onset"].tolist() == [72, 96]
    assert piece.bars_at(piece.notes["onset"])[1].tolist() == [72, 0]


def test_bar_that_misses_its_length_by_a_32nd_is_mended(tmp_path: Path) -> None:
    ((piece, repairs),) = read_abc(tmp_path, "X:1\nM:2/4\nL:1/8\nK:C\nC2 D2|E2 FG/G1/4|A4|\n")
    assert piece.notes["onset"].tolist() == [0, 24, 48, 72, 84, 90, 96]
    assert piece.notes["duration"].tolist() == [24, 24, 24, 12, 6, 6, 48]
    assert piece.meters == (Meter(0, 2, 4),)
    assert repairs == ["1 bar a little too long or short put right"]


def test_part_that_lacks_a_rest_stays_with_the_others(tmp_path: Path) -> None:
    full = score_xml(note_xml("C4", 2), note_xml("D4", 2), note_xml("E4", 2)).decode()
    short = full.replace(note_xml("D4", 2), note_xml("D4", 1)).replace("P1", "P2")
    head, tail = full.split("</part-list>")
    head += short[short.index("<score-part ") : short.index("</part-list>")] + "</part-list>"
    both = head + tail.replace("</score-partwise>", short[short.index("<part id") :])
    piece, _ = read_bytes(tmp_path, both.encode())
    assert [row[:3] for row in piece.notes.tolist()] == [
        (0, 48, 0), (0, 48, 1), (48, 48, 0), (48, 24, 1), (96, 48, 0), (96, 48, 1)
    ]  # fmt: skip


def test_transposing_instrument_sounds_as_it_sounds(tmp_path: Path) -> None:
    clarinet = "<transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose>"
    score = score_xml(note_xml("D4", 2)).replace(b"</time>", b"</time>" + clarinet.encode())
    assert pitches_of(read_bytes(tmp_path, score)[0]) == [60]


def test_two_staves_of_a_piano_are_one_track(tmp_path: Path) -> None:
    hands = note_xml("C5", 2, "<staff>1</staff>") + "<backup><duration>2</duration></backup>"
    piece, _ = read_bytes(tmp_path, score_xml(hands + note_xml("C3", 2, "<staff>2</staff>"), head="<staves>2</staves>"))
    assert piece.notes.tolist() == [(0, 48, 0, 48, 80, 0), (0, 48, 0, 72, 80, 0)]


def test_program_that_music21_has_no_class_for_survives(tmp_path: Path) -> None:
    chorused = '<midi-instrument id="P1-I1"><midi-program>6</midi-program></midi-instrument>'
    piece, _ = read_bytes(tmp_path, score_xml(note_xml("C4", 2), instrument=chorused))
    assert piece.tracks[0].program == 5


def test_each_drum_of_a_kit_stays_itself(tmp_path: Path) -> None:
    rows = [(index * 12, 12, 0, pitch, 90) for index, pitch in enumerate((36, 42, 38, 46))]
    piece = round_trip(tmp_path, Piece(make_notes(rows), (Track(0, True, "kit"),)))
    assert pitches_of(piece) == [36, 42, 38, 46]
    assert piece.tracks == (Track(0, True, "kit"),)


def test_chord_symbols_make_no_sound(tmp_path: Path) -> None:
    ((piece, _),) = read_abc(tmp_path, 'X:1\nT:Tune\nM:2/4\nL:1/4\nK:C\n"Am"C2|"G7"D2|]\n')
    assert pitches_of(piece) == [60, 62]
    assert piece.name == "Tune"


def test_tempo_and_triplets_are_exact(tmp_path: Path) -> None:
    ((piece, _),) = read_abc(tmp_path, "X:1\nQ:1/4=90\nM:2/4\nL:1/4\nK:C\n(3C/D/E/ F|\n")
    assert [row[:2] for row in piece.notes.tolist()] == [(0, 8), (8, 8), (16, 8), (24, 24)]
    assert piece.tempos == (Tempo(0, 90.0),)


def test_slurs_change_no_rhythm(tmp_path: Path) -> None:
    slurred = read_abc(tmp_path, 'X:1\nT:A (slurred) tune\nM:2/4\nL:1/8\nK:C\nC>(D E)>F|"(C)"(3(CDE) (FG)|\n')
    plain = read_abc(tmp_path, "X:1\nT:A (slurred) tune\nM:2/4\nL:1/8\nK:C\nC>D E>F|(3CDE FG|\n")
    assert str(slurred) == str(plain)
    assert slurred[0][0].name == "A (slurred) tune"


def test_many_tunes_in_one_file_share_its_header(tmp_path: Path) -> None:
    pieces = read_abc(tmp_path, "M:3/4\nL:1/4\n\nX:1\nT:One\nK:C\nCDE|\n\nX:2\nT:Two\nK:G\nFGA|\n")
    assert [(piece.name, pitches_of(piece)) for piece, _ in pieces] == [("One", [60, 62, 64]), ("Two", [66, 67, 69])]
    assert {piece.meters for piece, _ in pieces} == {(Meter(0, 3, 4),)}


def test_tune_without_notes_costs_itself_only(tmp_path: Path) -> None:
    ((piece, repairs),) = read_abc(tmp_path, "X:1\nT:Empty\nK:C\n\nX:2\nT:Full\nL:1/4\nK:C\nCDEF|\n")
    assert piece.name == "Full"
    assert repairs == ["1 of 2 tunes could not be read and were left out"]


def test_split_tunes_without_number_is_one_tune() -> None:
    assert split_tunes("K:C\nCDE|") == ["K:C\nCDE|"]
    assert split_tunes("just prose") == []


def test_kern_is_read_with_its_upper_part_first(tmp_path: Path) -> None:
    kern = "**kern\t**kern\n*M2/4\t*M2/4\n=1\t=1\n2C\t4e\n.\t4g\n==\t==\n*-\t*-\n"
    piece, _ = read_bytes(tmp_path, kern.encode(), "duet.krn")
    assert piece.notes.tolist() == [(0, 24, 0, 64, 80, 0), (0, 48, 1, 48, 80, 0), (24, 24, 0, 67, 80, 0)]
    assert piece.name == "duet"


def test_compressed_score_is_found_by_its_container(tmp_path: Path) -> None:
    container = b'<container><rootfiles><rootfile full-path="b.xml"/></rootfiles></container>'
    packed = mxl(
        **{
            "META-INF__container_xml": container,
            "a_xml": score_xml(note_xml("C4", 2)),
            "b_xml": score_xml(note_xml("D4", 2)),
        }
    )
    assert pitches_of(read_bytes(tmp_path, packed, "score.mxl")[0]) == [62]


def test_utf16_score_is_read(tmp_path: Path) -> None:
    text = '<?xml version="1.0" encoding="UTF-16"?>' + score_xml(note_xml("C4", 2)).decode()
    assert pitches_of(read_bytes(tmp_path, text.encode("utf-16"))[0]) == [60]


ENTITY_BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE score-partwise [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    b"<score-partwise>&b;</score-partwise>"
)
EXTERNAL_ENTITY = (
    b'<?xml version="1.0"?><!DOCTYPE score-partwise [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    b"<score-partwise>&a;</score-partwise>"
)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("bomb.xml", ENTITY_BOMB, 'defines the entity "a"'),
        ("thief.xml", EXTERNAL_ENTITY, 'defines the entity "a"'),
        ("page.xml", b"<html><body/></html>", "<html>"),
        ("cut.musicxml", score_xml(note_xml("C4", 2))[:-40], "damaged XML"),
        ("empty.xml", b"", "damaged XML"),
        ("silent.xml", score_xml(""), "without any"),
        ("timewise.xml", b"<score-timewise/>", "<score-timewise>"),
        ("zip.mxl", b"PK\x03\x04 and no more", "damaged archive"),
        ("other.mxl", mxl(readme_txt=b"hello"), "Received none"),
        ("lying.mxl", mxl(**{"META-INF__container_xml": b'<rootfile full-path="c.xml"/>'}), "damaged archive"),
        ("prose.abc", b"Dear diary", "Received none"),
        ("prose.krn", b"Dear diary", "without **kern"),
    ],
)
def test_what_is_no_score_is_refused_with_the_reason(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    with pytest.raises(MusicReadError) as caught:
        read_bytes(tmp_path, data, name)
    assert reason in str(caught.value)


def test_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(musicxml_read, "MAX_SCORE_BYTES", 1000)
    bomb = mxl(score_xml=b"<score-partwise>" + b" " * 100_000 + b"</score-partwise>")
    assert len(bomb) < 1000
    with pytest.raises(MusicReadError, match="at most 1,000 bytes"):
        read_bytes(tmp_path, bomb, "bomb.mxl")


def test_reading_says_nothing_on_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    odd = '<midi-instrument id="P1-I1"><midi-program>999</midi-program></midi-instrument>'
    read_bytes(tmp_path, score_xml(note_xml("C4", 2), instrument=odd))
    assert capfd.readouterr() == ("", "")


# Writing


COMMON_TIME = Meter(0, 4, 4)


def written_line(rows: list[tuple[int, int, int]], meter: Meter = COMMON_TIME) -> Piece:
    """A flute's notes from (onset, duration, pitch)."""
    return Piece(
        make_notes([(onset, duration, 0, pitch, 80) for onset, duration, pitch in rows]),
        (Track(73, False, "Flute"),),
        meters=(meter,),
        name="line",
    )


@pytest.mark.parametrize(
    "piece",
    [
        tune(),
        written_line([(0, 36, 60), (36, 12, 62), (48, 200, 64), (248, 40, 65)]),  # dots, ties over two bar lines
        written_line([(0, 8, 60), (8, 8, 62), (16, 8, 64), (24, 4, 65), (28, 8, 67), (36, 12, 69)]),  # triplets
        written_line([(72, 24, 67), (96, 96, 72)]),  # upbeat
        written_line([(0, 96, 60), (0, 48, 72), (48, 24, 74), (72, 24, 76)]),  # two voices
        written_line([(0, 96, 60), (0, 8, 72), (8, 16, 74)]),  # a held note over triplets
        written_line([(0, 12, 60), (12, 12, 62), (24, 12, 64), (36, 36, 65)], Meter(0, 3, 8)),
        written_line([(0, 33, 60), (33, 3, 61), (36, 24, 66), (60, 60, 70)], Meter(0, 5, 8)),
        written_line([(0, 96, 60), (0, 96, 64), (0, 96, 67)]),  # chord
        written_line([(500, 24, 60)]),  # bars of rest
    ],
    ids=lambda piece: f"{piece.name}-{len(piece)}-{piece.meters[0].numerator}",
)
def test_written_music_comes_back_unchanged(tmp_path: Path, piece: Piece) -> None:
    again = round_trip(tmp_path, piece)
    assert again.notes.tolist() == piece.notes.tolist()
    assert (again.tracks, again.meters, again.tempos) == (piece.tracks, piece.meters, piece.tempos)
    assert again.name == piece.name


def test_meter_and_tempo_changes_come_back(tmp_path: Path) -> None:
    notes = make_notes([(step, 24, 0, 60 + step % 7, 80) for step in range(0, 384, 24)])
    piece = Piece(notes, (Track(40),), (Tempo(0, 100.0), Tempo(96, 60.0)), (Meter(0, 4, 4), Meter(96, 3, 4)))
    again = round_trip(tmp_path, piece)
    assert (again.tempos, again.meters) == (piece.tempos, piece.meters)


def test_third_voice_on_a_staff_cuts_a_note_short_and_loses_none(tmp_path: Path) -> None:
    piece = written_line([(0, 96, 60), (24, 72, 64), (48, 48, 67)])
    again = round_trip(tmp_path, piece)
    assert [(row[0], row[3]) for row in again.notes.tolist()] == [(0, 60), (24, 64), (48, 67)]
    assert again.notes["duration"].tolist() == [48, 72, 48]


def test_performed_onsets_are_rounded_to_sixteenths_or_triplets(tmp_path: Path) -> None:
    rows = [(1, 22, 0, 60, 80), (24, 8, 0, 62, 80), (33, 7, 0, 64, 80), (40, 9, 0, 65, 80)]
    piece = Piece(make_notes(rows), (Track(73),), is_performed=True)
    assert [row[:2] for row in round_trip(tmp_path, piece).notes.tolist()] == [(0, 24), (24, 8), (32, 8), (40, 8)]


def crowd(num_notes: int) -> Piece:
    """Twenty tracks of notes anywhere, and bar lines that make no sense."""
    rng = np.random.default_rng(1)
    columns = rng.integers([0, 1, 0, 0], [2000, 400, 20, 128], (num_notes, 4))
    rows = [(onset, duration, track, pitch, 100) for onset, duration, track, pitch in columns.tolist()]
    tracks = tuple(Track(6 * index, index == 9, "\x00odd\ud800 name") for index in range(20))
    meters = (Meter(0, 7, 16), Meter(50, 1, 32), Meter(51, 64, 1), Meter(1000, 3, 8), Meter(9000, 4, 4))
    return Piece(make_notes(rows), tracks, meters=meters)


def odd_pieces() -> list[Piece]:
    """Music that no composer would write down."""
    return [
        *(gridded_piece(seed) for seed in range(4)),
        *(performed_piece(seed, 100) for seed in range(4)),
        crowd(400),
        Piece(make_notes([]), ()),
        Piece(make_notes([(3, 1, 0, 127, 1)]), meters=(Meter(0, 1, 32),)),
    ]


@pytest.mark.parametrize("piece", odd_pieces(), ids=range(11))
def test_every_bar_of_odd_music_is_filled_exactly(piece: Piece) -> None:
    root = ElementTree.fromstring(write_musicxml(piece))
    for measures in zip(*(part.findall("measure") for part in root.findall("part")), strict=True):
        lengths = {length for measure in measures for length in voice_lengths(measure)}
        assert len(lengths) == 1


def voice_lengths(measure: ElementTree.Element) -> list[int]:
    """Steps that each voice of a measure fills; checks each note's value against its duration."""
    lengths = [0]
    for element in measure:
        duration = int(element.findtext("duration", "0"))
        if element.tag == "backup":
            assert duration == lengths[-1]
            lengths.append(0)
        elif element.find("chord") is None:
            lengths[-1] += duration
        if (name := element.findtext("type")) is not None:
            steps = VALUE_STEPS[name] * (2 - 0.5 ** len(element.findall("dot")))
            assert duration == (steps * 2 / 3 if element.find("time-modification") is not None else steps)
    return lengths


@pytest.mark.parametrize("piece", odd_pieces(), ids=range(11))
def test_odd_music_opens_in_verovio_with_all_its_notes(piece: Piece) -> None:
    verovio = pytest.importorskip("verovio", reason="draws the score")
    verovio.enableLog(verovio.LOG_OFF)
    written = write_musicxml(piece)
    toolkit = verovio.toolkit()
    assert toolkit.loadData(written.decode())
    drawn = ElementTree.fromstring(toolkit.getMEI()).iter("{http://www.music-encoding.org/ns/mei}note")
    heads = [note for note in ElementTree.fromstring(written).iter("note") if note.find("rest") is None]
    assert len(list(drawn)) == len(heads)


def test_large_piece_is_written_with_all_its_notes() -> None:
    assert write_musicxml(crowd(3000)).count(b"<pitch>") >= 3000


@pytest.mark.parametrize(
    ("track", "name"),
    [(Track(105), "Banjo"), (Track(47), "Timpani"), (Track(0, True), "Drums"), (Track(105, False, "Lead"), "Lead")],
)
def test_part_is_called_as_the_track_else_by_its_instrument(track: Track, name: str) -> None:
    root = ElementTree.fromstring(write_musicxml(Piece(make_notes([(0, 24, 0, 60, 80)]), (track,))))
    assert root.findtext("part-list/score-part/part-name") == name


def test_wide_piano_gets_two_staves_and_two_pianos_one_each() -> None:
    rows = [(0, 24, 0, 40, 80), (0, 24, 0, 80, 80)]
    one = ElementTree.fromstring(write_musicxml(Piece(make_notes(rows))))
    assert [clef.findtext("sign") for clef in one.iter("clef")] == ["G", "F"]
    two = Piece(make_notes([*rows, (0, 24, 1, 40, 80)]), (Track(), Track()))
    assert [clef.findtext("sign") for clef in ElementTree.fromstring(write_musicxml(two)).iter("clef")] == ["G", "F"]


@pytest.mark.parametrize(("program", "pitch", "clef"), [(41, 60, "C3"), (41, 80, "G2"), (40, 60, "G2")])
def test_a_viola_reads_the_alto_clef_where_it_plays_in_its_middle(program: int, pitch: int, clef: str) -> None:
    root = ElementTree.fromstring(write_musicxml(Piece(make_notes([(0, 24, 0, pitch, 80)]), (Track(program),))))
    (found,) = root.iter("clef")
    assert f"{found.findtext('sign')}{found.findtext('line')}" == clef


def test_accidentals_are_written_once_a_bar_and_taken_back() -> None:
    rows = [(0, 24, 60), (24, 24, 61), (48, 24, 61), (72, 24, 60), (96, 24, 61), (120, 72, 64)]
    scale = [(192 + 24 * index, 24, pitch) for index, pitch in enumerate((60, 62, 64, 65, 67, 69, 71, 72))]
    root = ElementTree.fromstring(write_musicxml(written_line(rows + scale)))
    signs = [note.findtext("accidental") for note in root.iter("note")][:6]
    assert signs == [None, "sharp", None, "natural", "sharp", None]


def test_short_notes_of_a_beat_are_beamed_together() -> None:
    root = ElementTree.fromstring(write_musicxml(written_line([(0, 12, 60), (12, 6, 62), (18, 6, 64), (24, 24, 65)])))
    beams = [[beam.text for beam in note.findall("beam")] for note in root.iter("note")]
    assert beams[:4] == [["begin"], ["continue", "begin"], ["end", "end"], []]


# Keys


@pytest.mark.parametrize(("tonic", "is_minor", "fifths", "name"), [
    (0, False, 0, "C major"), (2, True, -1, "D minor"), (6, False, 6, "F# major"), (1, False, -5, "Db major"),
    (8, True, 5, "G# minor"), (3, True, 6, "D# minor"), (10, True, -5, "Bb minor"),
])  # fmt: skip
def test_key_signature_and_name(tonic: int, is_minor: bool, fifths: int, name: str) -> None:
    assert (Key(tonic, is_minor).fifths, Key(tonic, is_minor).name) == (fifths, name)


@pytest.mark.parametrize("tonic", range(12))
def test_key_of_a_scale_is_found_in_every_transposition(tonic: int) -> None:
    major = [(24 * index, 24, 60 + tonic + step) for index, step in enumerate((0, 2, 4, 5, 7, 9, 11, 12, 7, 0))]
    minor = [(24 * index, 24, 60 + tonic + step) for index, step in enumerate((0, 2, 3, 5, 7, 8, 11, 12, 7, 0))]
    assert estimate_key(written_line(major)) == Key(tonic)
    assert estimate_key(written_line(minor)) == Key(tonic, is_minor=True)


def test_key_ignores_drums_and_silence() -> None:
    assert estimate_key(Piece(make_notes([(0, 24, 0, 38, 80)]), (Track(0, True),))) == Key(0)


def test_pitches_are_spelt_as_the_key_does() -> None:
    assert [spell(pitch, 0) for pitch in (61, 63, 66, 68, 70)] == [("C", 1), ("E", -1), ("F", 1), ("G", 1), ("B", -1)]
    assert [spell(pitch, -5) for pitch in (61, 63, 66, 68, 70)] == [
        ("D", -1), ("E", -1), ("G", -1), ("A", -1), ("B", -1)
    ]  # fmt: skip


def test_each_pitch_class_has_one_spelling_in_every_key() -> None:
    for fifths in range(-5, 7):
        assert max(Counter(spell(pitch, fifths) for pitch in range(12)).values()) == 1
