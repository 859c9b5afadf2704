"""Gives a model an index of the music that it was trained on, by which copies of that music are found.

    python setup/add_index.py --model NAME --midi-dir DIR
    python setup/add_index.py --model starter --dataset data/starter/dataset

Models that are trained anew have one. The music must be that which the model was trained on.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Python puts the folder of the script there

from melodyforge.cli import Parser, run
from melodyforge.errors import CorpusError
from melodyforge.flags import add_midi_dir_flag, add_model_flag
from melodyforge.places import DATASET_DIR, MODELS_DIR


def main(argv: list[str] | None = None) -> None:
    """Runs the script."""
    arguments = parse_arguments(argv)
    from melodyforge.bundle import INDEX_FILE, add_index, find_model, read_model
    from melodyforge.corpus.prepare import prepare_corpus
    from melodyforge.corpus.store import PieceStore
    from melodyforge.model_state import hold_model
    from melodyforge.progress import show_progress
    from melodyforge.training.music_index import MAX_NOTES, index_music

    folder = find_model(arguments.model, MODELS_DIR)
    if arguments.dataset:
        store = PieceStore(arguments.dataset)
    else:
        with show_progress("Reading", "files") as on_progress:
            store = prepare_corpus(arguments.midi_dir, DATASET_DIR, on_progress=on_progress)
    with hold_model(folder):  # nobody trains it on other music meanwhile
        model = read_model(folder)
        if store.fingerprint != model.config["data_fingerprint"] and not arguments.other:
            raise CorpusError(
                f"Expected the music that {model.name!r} was trained on. Received other music, or the same read by "
                "another version. Name its folder, or add --other to make an index of this music all the same."
            )
        index = index_music(store, model.recipe.training)
        if index is None:
            raise CorpusError(f"Expected music of at most {MAX_NOTES:,} notes. Received more, which has no index.")
        add_index(folder, index)
    size = (folder / INDEX_FILE).stat().st_size
    print(f"{folder / INDEX_FILE}: {len(index.names):,} pieces, {size / 1e6:.1f} MB")


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = Parser(prog="setup/add_index.py", description=__doc__.splitlines()[0] if __doc__ else "")
    add_model_flag(parser)
    music = parser.add_mutually_exclusive_group()
    add_midi_dir_flag(music, "what it was trained on")
    music.add_argument("--dataset", type=Path, metavar="DIR", help="the same as a prepared dataset")
    parser.add_argument("--other", action="store_true", help="also where it is not the music that it was trained on")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(run(main))
