"""Composes the pieces of docs/listen.md by the starter: sound, MIDI and a small piano roll of each, into docs/listen/.

    python -m setup.make_listening [--only NAME ...]

Nobody chooses: every piece has the same seed, and what comes is kept. To be run again whenever the starter is another
one; what docs/listen.md says of each piece must then be written anew.
"""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path

from melodyforge.bundle import STARTER_NAME
from melodyforge.cli import Parser, run
from melodyforge.commands.compose import compose_pieces, parse_arguments
from melodyforge.errors import OutputError
from melodyforge.files import write_bytes
from melodyforge.music.audio import find_soundfont
from melodyforge.music.fluidsynth import FluidSynth
from melodyforge.music.midi import write_midi
from melodyforge.music.piece import Piece
from melodyforge.music.small_roll import small_roll
from melodyforge.places import PROJECT_DIR

FOLDER = PROJECT_DIR / "docs" / "listen"
SEED = 1  # of every piece
FLAGS = {  # name of a piece -> what it is asked for on the command line
    "chorale": "--style bach-chorales --ending natural",
    "fiddle-tune": "--style fiddle-tunes --ending natural",
    "quartet": "--style string-quartets --num-notes 300",
    "song": "--style songs --num-notes 300",
    "mozart": "--style mozart --num-notes 300",
    "chopin": "--style chopin --num-notes 300",
    "debussy": "--style debussy --num-notes 300",
    "pop": "--style pop --form verse-chorus",
    "drums": "--style drums --num-bars 12",
    "aaba": "--style fiddle-tunes --form AABA --num-bars 32",
    "sad-waltz": "--ask 'a sad waltz in D minor like Chopin' --num-notes 300",
    "harmonised": "--primer {fiddle-tune} --keep-tracks melody --style bach-chorales",
}
SOUND_RATE_HZ = 22_050  # half of the usual: half the size
WIDTH_PIXELS = 860  # of a drawing


def main() -> None:
    """Composes one after the other, and says what became of each."""
    parser = Parser(prog="-m setup.make_listening", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", nargs="+", choices=FLAGS, default=FLAGS, metavar="NAME", help="some of the pieces")
    for name in parser.parse_args().only:
        flags = FLAGS[name]
        words = shlex.split(flags.format_map({one: shlex.quote(str(FOLDER / f"{one}.mid")) for one in FLAGS}))
        (made,) = compose_pieces(parse_arguments(["--model", STARTER_NAME, "--seed", str(SEED), *words]))
        write_bytes(FOLDER / f"{name}.mid", made.to_midi())
        write_bytes(FOLDER / f"{name}.ogg", sound_of(made.piece))
        write_bytes(FOLDER / f"{name}.svg", drawing_of(made.piece))
        print(f"{name}: {made}{''.join(f'; {notice}' for notice in made.notices)}", flush=True)


def drawing_of(piece: Piece) -> bytes:
    """The small roll as a file of its own, which has a width."""
    drawing = small_roll(piece).replace("<svg", "<svg xmlns='http://www.w3.org/2000/svg'", 1)
    return drawing.replace("width='100%'", f"width='{WIDTH_PIXELS}'", 1).encode()


def sound_of(piece: Piece) -> bytes:
    """A small Ogg Vorbis file.

    Raises:
        OutputError: FluidSynth or its sounds are missing.
    """
    font = find_soundfont([])
    with tempfile.TemporaryDirectory() as folder:
        midi, sound = Path(folder) / "piece.mid", Path(folder) / "piece.ogg"
        midi.write_bytes(write_midi(piece))
        FluidSynth(str(font), SOUND_RATE_HZ, "oga").midi_to_audio(str(midi), str(sound))
        if font is None or not sound.exists():
            raise OutputError("To make sound, FluidSynth and a SoundFont are needed.")
        return sound.read_bytes()


if __name__ == "__main__":
    run(main)
