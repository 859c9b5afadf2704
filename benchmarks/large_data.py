"""Whether data as large as MAESTRO (1,276 performances, 7 million notes) can be learnt from within 4 GB of memory.

    python -m benchmarks.large_data --midi-dir DIR [--recipe NAME] [--minutes M]

The files are made from those in DIR: each strings together passages of random pieces, so that none is another's copy.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measure import Figure, report, run_alone, run_command
from melodyforge.cli import Parser, run

NUM_FILES = 1_276
NUM_NOTES = 7_000_000
PASSAGE_NOTES = 200
SCRIPTS_DIR = Path(__file__).parents[1]


def main() -> None:
    """Makes the files, trains on them, and reports."""
    parser = Parser(prog="-m benchmarks.large_data", description="Time and memory with data as large as MAESTRO.")
    parser.add_argument("--midi-dir", type=Path, required=True, metavar="DIR", help="piano music to make it from")
    parser.add_argument("--recipe", default="classic", help="default: %(default)s")
    parser.add_argument("--minutes", type=float, default=1.0, metavar="M", help="of training (default: %(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        num_notes, _ = run_alone(make_files, arguments.midi_dir, home)
        in_home = ["-c", IN_HOME.format(home=str(home), scripts=str(SCRIPTS_DIR))]
        read = run_command(*in_home, "preprocess")
        trained = run_command(
            *in_home, "train_model", "--recipe", arguments.recipe, "--minutes", f"{arguments.minutes:g}"
        )
    print(trained.output[-600:], file=sys.stderr)
    report(
        "large_data",
        f"{NUM_FILES:,} files, {num_notes:,} notes",
        [
            Figure("reading and sifting", read.seconds, "s"),
            Figure("reading and sifting, memory", read.peak_mb, "MB", "<= 4000"),
            Figure(f"training, {arguments.minutes:g} minutes and what comes before and after", trained.seconds, "s"),
            Figure("training, memory", trained.peak_mb, "MB", "<= 4000"),
        ],
        recipe=arguments.recipe,
        midi_dir=arguments.midi_dir.name,
    )


# Runs a script of the project with another home, so that the user's own data stay as they are.
IN_HOME = """
import os, sys
os.environ["MELODY_FORGE_HOME"] = {home!r}
sys.path.insert(0, {scripts!r})
if __name__ == "__main__":
    from importlib import import_module
    import_module(sys.argv[1]).main(sys.argv[2:])
"""


def make_files(midi_dir: Path, home: Path) -> int:
    """Writes the files, and gives the number of their notes."""
    from melodyforge.corpus.prepare import prepare_corpus
    from melodyforge.music.midi import write_midi
    from melodyforge.music.piece import NOTE_DTYPE, Piece

    store = prepare_corpus(midi_dir, home / "source")
    pieces = [store[index].notes for index in range(len(store)) if len(store[index]) > PASSAGE_NOTES]
    rng, total = np.random.default_rng(0), 0
    music = home / "data" / "midi_files"
    music.mkdir(parents=True)
    for number in range(NUM_FILES):
        passages, clock = [], 0
        while sum(map(len, passages)) < NUM_NOTES / NUM_FILES:
            notes = pieces[rng.integers(len(pieces))]
            start = int(rng.integers(len(notes) - PASSAGE_NOTES))
            passage = notes[start : start + PASSAGE_NOTES].copy()
            passage["onset"] += clock - passage["onset"][0]
            passage["track"] = 0
            clock = int((passage["onset"] + passage["duration"]).max())
            passages.append(passage)
        joined = np.concatenate(passages).astype(NOTE_DTYPE)
        total += len(joined)
        (music / f"{number}.mid").write_bytes(write_midi(Piece(joined)))
    return total


if __name__ == "__main__":
    raise SystemExit(run(main))
