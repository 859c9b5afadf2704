"""Scores of a few bytes that would keep a reader busy for hours, and files that are none."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from melodyforge.composition import read_origin
from melodyforge.errors import MusicReadError, OutputError, SettingsError
from melodyforge.music import load
from melodyforge.music.limits import DROPPED_KEYS, DROPPED_METERS, DROPPED_NOTES, DROPPED_REPEATS, DROPPED_TEMPOS
from melodyforge.music.load import load_piece
from melodyforge.music.piece import Piece, make_notes
from melodyforge.music.scores import read_score
from melodyforge.music.sheet import engrave
from tests import midi_bytes

PROJECT_DIR = Path(__file__).parents[1]
NOTE = "<note><pitch><step>C</step><octave>4</octave></pitch><duration>1</duration></note>"
BACK = '<barline location="right"><repeat direction="backward" {}/></barline>'
KEY = "<attributes><key><fifths>{}</fifths></key></attributes>"
ENDING = '<barline location="{}"><ending number="1-100000000" type="{}"/>{}</barline>'


def xml(*measures: str, beats: str = "4", num_parts: int = 1) -> str:
    head = (
        f"<attributes><divisions>1</divisions><time><beats>{beats}</beats><beat-type>4</beat-type></time></attributes>"
    )
    names = "".join(f'<score-part id="P{part}"><part-name>a</part-name></score-part>' for part in range(num_parts))
    body = "".join(f"<measure>{head if number == 0 else ''}{text}</measure>" for number, text in enumerate(measures))
    parts = "".join(f'<part id="P{part}">{body}</part>' for part in range(num_parts))
    return f"<score-partwise><part-list>{names}</part-list>{parts}</score-partwise>"


def abc(body: str, head: str = "M:4/4") -> str:
    return f"X:1\n{head}\nK:C\n{body}\n"


def kern(*lines: str) -> str:
    return "\n".join(["**kern", *lines, "*-", ""])


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text", "repair"),
    [
        ("billion beats.abc", abc("CDEF|", "M:1000000000/4"), DROPPED_METERS),
        ("a million beats with underscores.abc", abc("CDEF|", "M:1_000_000/4"), DROPPED_METERS),
        ("4096 beats.abc", abc("CDEF|GABc|", "M:4096/4"), DROPPED_METERS),
        ("billion beats inside.abc", abc("CDEF|[M:1000000000/4]GABc|"), DROPPED_METERS),
        ("billionth beats.abc", abc("CDEF|", "M:4/1000000000"), DROPPED_METERS),
        ("4096th beats.abc", abc("CDEF|", "M:4/4096"), DROPPED_METERS),
        ("many terms.abc", abc("CDEF|", f"M:{'+'.join(['3'] * 2000)}/8"), DROPPED_METERS),
        ("no tempo.abc", abc("CDEF|", "M:4/4\nQ:1/4=0"), DROPPED_TEMPOS),
        ("billion beats.musicxml", xml(NOTE * 4, beats="1000000000"), DROPPED_METERS),
        ("less than no beats.musicxml", xml(NOTE * 4, beats="-4"), DROPPED_METERS),
        ("many terms.musicxml", xml(NOTE * 4, beats="+".join(["3"] * 2000)), DROPPED_METERS),
        ("many pairs.musicxml", xml(NOTE * 4, beats="4</beats><beat-type>4</beat-type><beats>" * 2000), DROPPED_METERS),
        ("million times.musicxml", xml(NOTE * 4 + BACK.format('times="1000000"')), DROPPED_REPEATS),
        (
            "endless endings.musicxml",
            xml(NOTE * 4, ENDING.format("left", "start", "") + NOTE * 4 + ENDING.format("right", "stop", ""), NOTE * 4),
            DROPPED_REPEATS,
        ),
        ("no tempo.musicxml", xml('<direction><sound tempo="0.000000001"/></direction>' + NOTE * 4), DROPPED_TEMPOS),
        ("billion beats.krn", kern("*M1000000000/4", "4c", "4d", "=2", "4e"), DROPPED_METERS),
        ("4096 beats.krn", kern("*M4096/4", "=1", "4c", "4d", "=2", "4e"), DROPPED_METERS),
        ("billion sharps.musicxml", xml(KEY.format(10**9) + NOTE * 4), DROPPED_KEYS),
        ("billion flats.musicxml", xml(KEY.format(-(10**9)) + NOTE * 4), DROPPED_KEYS),
        ("too high.musicxml", xml(NOTE * 4 + NOTE.replace("4<", "15<")), DROPPED_NOTES),
        ("no tempo.krn", kern("*MM0.000000001", "4c", "4d", "4e"), DROPPED_TEMPOS),
    ],
)
def test_numbers_that_mean_nothing_are_dropped_before_anybody_counts_them(tmp_path, name, text, repair):
    ((piece, repairs),) = read_score(write(tmp_path, name, text))
    assert len(piece) >= 3
    assert repairs.count(repair) == 1
    assert piece.meters[0].bar_steps == 96


def test_what_stands_in_a_bar_that_is_too_long_is_kept(tmp_path):
    ((piece, _),) = read_score(write(tmp_path, "long bar.abc", abc("C256 D|E4|", "M:4/4\nL:1/4")))
    assert list(zip(piece.notes["onset"] // 24, piece.notes["pitch"], strict=True)) == [(0, 60), (256, 62), (257, 64)]


def test_more_repeats_than_anybody_writes_are_not_played(tmp_path):
    ((piece, repairs),) = read_score(write(tmp_path, "again and again.abc", abc("|:CDEF|[1GABc:|[2GABc|" * 60)))
    assert len(piece) == 60 * 12
    assert repairs == ["repeats were not played, for there are more than 50"]


def test_music_of_more_bars_than_can_be_engraved_is_refused_at_once():
    notes = make_notes([(0, 24, 0, 60, 80), (24, 8_000 * 96, 0, 62, 80)])
    with pytest.raises(OutputError, match=r"at most 8,000 bars .* Received 8,001"):
        engrave(Piece(notes))


@pytest.mark.parametrize("head", ["M:3+2/8", "M:C|", "M:none", 'M:3/8\nQ:"Allegro" 3/8=96', "M:12/16"])
def test_usual_meters_and_tempos_are_kept(tmp_path, head):
    ((_, repairs),) = read_score(write(tmp_path, "tune.abc", abc("CDEF|GABc|", head)))
    assert not {DROPPED_METERS, DROPPED_TEMPOS} & set(repairs)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("note.abc", abc("C1000000000|C4|"), "at most 5 digits"),
        ("rest.abc", abc("C4|z1000000000|C4|"), "at most 5 digits"),
        ("unit.abc", abc("CDEF|", "L:1000000000/1"), "at most 5 digits"),
        ("voices.abc", abc("\n".join(f"V:{voice}\nCDEF|" for voice in range(300))), "at most 256 tracks"),
        ("far.musicxml", xml(NOTE + "<forward><duration>80000000</duration></forward>" + NOTE), "40,000 quarter"),
        ("long.musicxml", xml(NOTE.replace("<duration>1<", "<duration>80000000<"), NOTE), "40,000 quarter"),
        ("parts.musicxml", xml(NOTE, num_parts=300), "at most 256 tracks"),
        ("bars.musicxml", xml(*[NOTE] * 20_001), "at most 20,000 bars"),
        ("spines.krn", "\n".join("\t".join([cell] * 300) for cell in ("**kern", "4c", "*-")), "at most 256 tracks"),
        ("bars.krn", kern(*["4c\n="] * 20_001), "at most 20,000 bars"),
        ("large.abc", abc("CDEF|\n" * 400_000), "at most 2,097,152 bytes"),
    ],
)
def test_scores_beyond_what_a_piece_may_hold_are_refused(tmp_path, name, text, reason):
    with pytest.raises(MusicReadError, match=reason):
        read_score(write(tmp_path, name, text))


def test_numbers_in_words_are_no_lengths(tmp_path):
    words = 'X:1\nT:1234567890\nN:1234567890\nM:4/4\nK:C\n% 1234567890\n"1234567890"CDEF|\nw:1234567890\n'
    assert len(read_score(write(tmp_path, "tune.abc", words))[0][0]) == 4


def test_repeats_multiply_into_no_more_notes_than_a_piece_may_hold(tmp_path):
    with pytest.raises(MusicReadError, match="40,000 quarter"):
        read_score(write(tmp_path, "a.musicxml", xml(*[NOTE * 400 + BACK.format('times="32"')] * 4)))


def test_repeats_without_a_start_go_back_to_the_repeat_before_not_twice_as_far_each_time(tmp_path):
    ((piece, repairs),) = read_score(write(tmp_path, "a.abc", abc("C8|C8:|D8|D8:|E8|E8:|" + "F8|F8:|" * 40)))
    assert piece.notes["pitch"].tolist() == [60] * 4 + [62] * 4 + [64] * 4 + [65] * 160
    assert repairs == []


def test_repeats_inside_repeats_go_back_to_the_nearest_start(tmp_path):
    ((piece, _),) = read_score(write(tmp_path, "a.abc", abc("|:C8" * 20 + "|:D8|E8:|" + "F8|F8:|" * 20)))
    assert piece.notes["pitch"].tolist() == [60] * 20 + [62, 64] * 2 + [65] * 80


def test_a_section_behind_two_endings_repeats_from_behind_them(tmp_path):
    ((piece, _),) = read_score(write(tmp_path, "a.abc", abc("|:C4C4|[1 D4D4:|[2 E4E4|F4F4|G4G4:|")))
    assert piece.notes["pitch"].tolist() == [60, 60, 62, 62, 60, 60, 64, 64, 65, 65, 67, 67, 65, 65, 67, 67]


@pytest.mark.parametrize("place", [45, 60, 100])
def test_damaged_archive_gives_a_line(tmp_path, place):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("score.xml", xml(*[NOTE * 4] * 9))
    data = bytearray(packed.getvalue())
    data[place : place + 20] = b"\xff" * 20
    (tmp_path / "a.mxl").write_bytes(data)
    with pytest.raises(MusicReadError, match="damaged"):
        load_piece(tmp_path / "a.mxl")


def test_devices_pipes_folders_and_huge_files_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.mid")
    with (tmp_path / "huge.mid").open("wb") as file:
        file.truncate(2**34)
    for path, reason in ((Path("/dev/zero"), "device"), (tmp_path / "pipe.mid", "pipe"), (tmp_path, "folder")):
        with pytest.raises(MusicReadError, match=f"Received a.*{reason}"):
            load_piece(path)
    with pytest.raises(MusicReadError, match="Received 17,179,869,184"):
        load_piece(tmp_path / "huge.mid")


def test_slow_score_is_given_up_in_time(tmp_path, monkeypatch):
    monkeypatch.setattr(load, "READ_SECONDS", 1.0)
    chord = NOTE + NOTE.replace("<note>", "<note><chord/>") * 20_000  # music21 compares each note with all before
    with pytest.raises(MusicReadError, match="took too long"):
        load_piece(write(tmp_path, "chord.musicxml", xml(chord)))


def test_first_tune_is_read_without_the_thousands_behind_it(tmp_path):
    tunes = "X:1\nT:First\nM:4/4\nK:C\nCDEF|\n" + "X:2\nM:4/4\nK:C\nGABc|GABc|GABc|\n" * 20_000
    assert load_piece(write(tmp_path, "tunes.abc", tunes)).name == "First"


def test_plain_script_without_a_main_guard_reads_and_prepares(tmp_path):
    (tmp_path / "midi").mkdir()
    (tmp_path / "midi" / "a.mid").write_bytes(midi_bytes.tune(list(range(40, 80))))
    script = write(
        tmp_path,
        "plain.py",
        "from pathlib import Path\nimport melodyforge\n"
        "print(len(melodyforge.load_piece(Path('midi/a.mid'))))\n"
        "print(len(melodyforge.prepare_corpus(Path('midi'), Path('dataset'))))\n",
    )
    done = subprocess.run(
        [sys.executable, script],
        env=os.environ | {"PYTHONPATH": str(PROJECT_DIR)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("40\n1\n", "")


def test_excerpt_of_a_piece_with_distant_notes_takes_no_memory_for_the_silence():
    piece = Piece(make_notes([(0, 24, 0, 60, 64), (2_000_000_000, 24, 0, 62, 64)]))
    last_bar = 2_000_000_000 // 96
    excerpt = piece.excerpt(last_bar, last_bar + 1)
    assert excerpt.notes.tolist() == [(2_000_000_000 % 96, 24, 0, 62, 64, 0)]


def test_origin_of_endless_depth_gives_a_line():
    text = b"Melody Forge " + b"[" * 200_000
    with pytest.raises(SettingsError, match="does not say how"):
        read_origin(midi_bytes.midi(midi_bytes.track((0, midi_bytes.meta(1, text)))))
