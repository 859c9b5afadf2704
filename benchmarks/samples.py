"""MIDI files to measure on: the user's own, or fiddle tunes from the corpus that music21 brings along."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from melodyforge.errors import CorpusError
from melodyforge.music.load import MIDI_SUFFIXES
from melodyforge.places import PROJECT_DIR

TUNES_DIR = PROJECT_DIR / "data" / "benchmark_tunes"


def midi_files(folder: Path | None, num_files: int | None = None) -> list[Path]:
    """The first files of a folder in the order of their names, or all; without a folder, of fiddle tunes.

    Raises:
        CorpusError: the folder holds no MIDI files.
    """
    if folder is None:
        return _fiddle_tunes(num_files)
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in MIDI_SUFFIXES)
    if not files:
        raise CorpusError(f"--midi-dir must be a folder with MIDI files. Received {folder}, which holds none.")
    return files[:num_files]


def _fiddle_tunes(num_files: int | None) -> list[Path]:
    """Exports tunes of Ryan's Mammoth Collection (Boston, 1883; public domain), as far as not done before."""
    from music21 import corpus

    TUNES_DIR.mkdir(parents=True, exist_ok=True)
    paths = (_export(Path(source)) for source in sorted(corpus.getComposer("ryansMammoth")))
    return list(islice((path for path in paths if path), num_files))


def _export(source: Path) -> Path | None:
    """The tune as MIDI; None where music21 cannot tell how its repeats are meant."""
    from music21 import converter, repeat

    path = TUNES_DIR / f"{source.stem}.mid"
    if not path.exists():
        try:
            converter.parse(source).write("midi", path)
        except repeat.ExpanderException:
            return None
    return path
