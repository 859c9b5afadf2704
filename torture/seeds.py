"""Valid inputs of every kind, small, from which mutants are made: built here, or taken from a folder of real files."""

from __future__ import annotations

from functools import cache
from itertools import islice
from pathlib import Path

from melodyforge.music.midi import write_midi
from melodyforge.music.midi_container import meta_event
from melodyforge.music.piece import Meter, Piece, Tempo, Track, make_notes
from melodyforge.music.scores import write_musicxml
from melodyforge.places import RECIPES_DIR
from torture.mutate.midi import written

MAX_REAL_FILES, MAX_REAL_BYTES = 200, 20_000  # of each kind

ABC = (
    "X:1\nT:A reel\nM:4/4\nL:1/8\nQ:1/4=120\nK:D\n|:D2FA dAFD|G2BG A2FA|[1 dfed cABc:|[2 d2d2 d4|]\n",
    "X:2\nT:Waltz, two voices\nM:3/4\nL:1/4\nK:Gm transpose=-2\nV:1 clef=treble\nV:2 clef=bass\n"
    "V:1\n|:(3GAB c d|[GBd]2 z|!f!B>A G-|G3:|\nV:2\nG,2 D,|G,,3|z D, D,|{A,}G,3|\n",
    'X:3\nT:A jig\nR:jig\nM:6/8\nL:1/8\nP:A2B\nK:Amix\nP:A\n|:e2a aga|"G"b2g ged|[M:9/8]c3 z2 A (3ABc|[K:D]A6:|\n'
    "P:B\n~f2d ecA|.B(AG)|x4 Z1|]\nw:one two three\n",
)
KERN = (
    "**kern\t**kern\n*clefF4\t*clefG2\n*M4/4\t*M4/4\n*MM96\t*MM96\n*k[f#]\t*k[f#]\n=1\t=1\n4GG\t8g 8b\n.\t8a\n4D\t4.b\n"
    "2G;\t8dd\n.\t[2g\n=2\t=2\n1G\t4g]\n.\t12a\n.\t12b\n.\t12cc\n.\t2r\n==\t==\n*-\t*-\n",
    "!!!OTL: Spines\n**kern\t**dynam\n*Iflt\t*\n*>[A,A,B]\t*>[A,A,B]\n*>A\t*>A\n*M3/4\t*M3/4\n"
    "=1\t=1\n4c\tf\n4e\tp\n4g\t.\n=2\t=2\n*>B\t*>B\n*^\t*\n2.cc\t4e\tf\n.\t2f\t.\n*v\t*v\t*\n=:|!\t=:|!\n4qB\t.\n2.c\t.\n==\t==\n*-\t*-\n",
)
_PART = (
    '<score-part id="{0}"><part-name>{1}</part-name><score-instrument id="{0}-I1"><instrument-name>x</instrument-name>'
    '</score-instrument><midi-instrument id="{0}-I1"><midi-channel>{2}</midi-channel><midi-program>{3}</midi-program>'
    "<midi-unpitched>39</midi-unpitched></midi-instrument></score-part>"
)
_NOTE = "<note><pitch><step>{}</step><octave>4</octave></pitch><duration>{}</duration>{}</note>"
MUSICXML = (
    '<score-partwise version="4.0"><work><work-title>Seed</work-title></work><part-list>'
    + _PART.format("P1", "Clarinet", 1, 72)
    + _PART.format("P2", "Drums", 10, 1)
    + '</part-list><part id="P1"><measure number="1"><attributes><divisions>2</divisions><key><fifths>1</fifths></key>'
    "<time><beats>2</beats><beat-type>4</beat-type></time><transpose><diatonic>-1</diatonic><chromatic>-2</chromatic>"
    '</transpose></attributes><direction><sound tempo="90"/></direction>'
    '<barline><repeat direction="forward"/></barline>'
    + _NOTE.format("C", 2, '<tie type="start"/><voice>1</voice>')
    + _NOTE.format("E", 2, "")
    + "<backup><duration>4</duration></backup>"
    + _NOTE.format("G", 4, "<voice>2</voice>")
    + '</measure><measure number="2"><barline><ending number="1" type="start"/></barline>'
    + _NOTE.format("C", 1, '<tie type="stop"/>')
    + "<note><grace/><pitch><step>D</step><octave>5</octave></pitch></note>"
    + _NOTE.format(
        "B", 3, "<time-modification><actual-notes>3</actual-notes><normal-notes>2</normal-notes></time-modification>"
    )
    + '<barline><ending number="1" type="stop"/><repeat direction="backward"/></barline></measure><measure number="3">'
    + _NOTE.format("A", 4, "<dot/>")
    + '</measure></part><part id="P2"><measure number="1"><note><unpitched/><duration>2</duration>'
    '<instrument id="P2-I1"/></note><forward><duration>2</duration></forward></measure><measure number="2"/>'
    '<measure number="3"><note><rest measure="yes"/><duration>4</duration></note></measure></part></score-partwise>'
).encode()


def piece() -> Piece:
    """A short piece with all that a piece can have."""
    rows = [(24 * index + 12, 12 + index % 3 * 12, index % 3, 48 + 5 * index % 24, 60 + index) for index in range(20)]
    tracks = (Track(0, False, "right"), Track(33, False, "bass"), Track(0, True, "drums"))
    return Piece(
        make_notes(rows), tracks, (Tempo(0, 100.0), Tempo(96, 60.0)), (Meter(0, 3, 4), Meter(144, 6, 8)), name="x"
    )


@cache
def midi() -> list[bytes]:
    """MIDI of format 0 and 1: with pedals, running status, lyrics, sysex, several tempos and meters."""
    wait, now = b"\x60", b"\x00"
    head = [
        (now, meta_event(0x03, b"seed")),
        (now, meta_event(0x51, b"\x07\xa1\x20")),
        (now, meta_event(0x58, b"\x03\x02\x18\x08")),
    ]
    voice = [
        (now, b"\xc0\x28"),
        (now, b"\xb0\x40\x7f"),
        (now, b"\x90\x3c\x50"),
        (wait, b"\x3e\x50"),
        (wait, b"\x3c\x00"),
    ]
    voice += [(now, meta_event(0x05, b"la")), (wait, b"\x80\x3e\x00"), (now, b"\xb0\x40\x00"), (now, b"\xe0\x00\x50")]
    drums = [
        (now, b"\x99\x24\x64"),
        (wait, b"\x89\x24\x00"),
        (now, b"\xf0\x05\x7e\x7f\x09\x01\xf7"),
        (now, b"\xd9\x20"),
    ]
    end = [(now, meta_event(0x2F, b""))]
    return [
        written(0, 96, [head + voice + drums + end]),
        written(1, 480, [head + end, voice + voice + end, drums + end]),
        write_midi(piece()),
    ]


@cache
def musicxml() -> list[bytes]:
    """MusicXML as others write it, and as Melody Forge does."""
    return [MUSICXML, write_musicxml(piece())]


@cache
def abc() -> list[bytes]:
    """ABC: one tune or several, with repeats, voices, parts, tuplets and chords."""
    return [tune.encode() for tune in (*ABC, "\n".join(ABC))]


@cache
def kern() -> list[bytes]:
    """Kern: two spines, spines that split, repeats."""
    return [score.encode() for score in KERN]


@cache
def recipe() -> list[bytes]:
    """The recipes that come with the project."""
    return [path.read_bytes() for path in sorted(RECIPES_DIR.glob("*.toml"))]


def real(folder: Path | None, suffix: str) -> list[bytes]:
    """Some small files with this ending below a folder, the same ones each time."""
    paths = sorted(folder.rglob(f"*{suffix}")) if folder else []
    small = (path for path in paths[:: max(1, len(paths) // MAX_REAL_FILES)] if path.stat().st_size <= MAX_REAL_BYTES)
    return [path.read_bytes() for path in islice(small, MAX_REAL_FILES)]
