"""Trains a network on a folder of music; prepares the dataset first when it is missing or stale."""

from __future__ import annotations

import argparse
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from melodyforge.cli import Parser, run
from melodyforge.errors import SettingsError
from melodyforge.settings import (
    DATASET_DIR,
    DEFAULT_RECIPE,
    MIDI_DIR,
    MODELS_DIR,
    NETWORK_FLAGS,
    REPRESENTATION_FLAGS,
    Recipe,
    add_recipe_flags,
    check_model_name,
    list_recipes,
    load_recipe,
)
from melodyforge.words import counted

if TYPE_CHECKING:
    from melodyforge.training.train import Result

RESUMABLE = ("epochs", "minutes", "patience")  # what may change when a training goes on


def main(argv: list[str] | None = None) -> None:
    """Runs the script."""
    arguments = parse_arguments(argv)
    recipe = chosen_recipe(arguments)
    name = chosen_name(arguments, recipe)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite end is handled like Ctrl-C
    result = train(arguments, recipe, name)
    print_result(result, name)
    if result.is_interrupted:
        raise KeyboardInterrupt


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = Parser(prog="train_model.py", description=__doc__)
    parser.add_argument(
        "--midi-dir", type=Path, default=MIDI_DIR, metavar="DIR", help="music files (default: %(default)s)"
    )
    parser.add_argument(
        "--recipe", help=f"a recipe's name, or a .toml file (default: {DEFAULT_RECIPE}, with --from the model's)"
    )
    parser.add_argument("--name", help="the model's name (default: the recipe's, or FOLDER-from-MODEL)")
    parser.add_argument(
        "--from",
        dest="start_from",
        metavar="MODEL",
        help="start from what this model knows, such as `starter`; best for up to a few hundred files",
    )
    parser.add_argument("--resume", action="store_true", help="go on with a training that was interrupted")
    add_recipe_flags(parser)
    return parser.parse_args(argv)


def chosen_recipe(arguments: argparse.Namespace) -> Recipe:
    """The recipe with what the command line changes in it."""
    if not arguments.start_from:
        return load_recipe(arguments.recipe or DEFAULT_RECIPE).with_flags(vars(arguments))
    from melodyforge.bundle import find_model, read_model
    from melodyforge.training.plan import for_tuning

    source = read_model(find_model(arguments.start_from, MODELS_DIR)).recipe
    known = source.name if source.name in list_recipes() else DEFAULT_RECIPE
    recipe = load_recipe(arguments.recipe or known)
    if arguments.recipe:
        require_same_recipe(recipe, source, arguments)
    require_same_network(arguments)
    return for_tuning(recipe).with_flags(vars(arguments))


def require_same_recipe(recipe: Recipe, source: Recipe, arguments: argparse.Namespace) -> None:
    """Refuses a recipe with another network than that of the model that is trained further.

    Raises:
        SettingsError: it has one.
    """
    if recipe.shape != source.shape:
        raise SettingsError(
            f"--recipe must have the network of the model that --from names: {arguments.start_from!r} is of the recipe "
            f"{source.name!r}. Received {arguments.recipe!r}. Leave one of them out."
        )


def require_same_network(arguments: argparse.Namespace) -> None:
    """Refuses to change the network of a model that is trained further.

    Raises:
        SettingsError: a flag would change it.
    """
    for name in (*REPRESENTATION_FLAGS, *NETWORK_FLAGS):
        if getattr(arguments, name) is not None:
            raise SettingsError(
                f"--{name.replace('_', '-')} needs a training from the beginning: --from keeps the model's network. "
                "Leave one of them out."
            )


def chosen_name(arguments: argparse.Namespace, recipe: Recipe) -> str:
    """What the model will be called; without --name never so that --from overwrites the model it starts from.

    Raises:
        SettingsError: a folder cannot have this name, or it is the starter's.
    """
    from melodyforge.bundle import STARTER_NAME

    name = arguments.name or recipe.name
    if arguments.start_from and not arguments.name:
        folder = "my-music" if arguments.midi_dir == MIDI_DIR else arguments.midi_dir.resolve().name
        name = re.sub(r"[^A-Za-z0-9_.]+", "-", f"{folder}-from-{Path(arguments.start_from).name}").lstrip("-.")
    if name == STARTER_NAME:
        raise SettingsError(f"--name must differ from the model that ships with the project. Received {name!r}.")
    return check_model_name(name)


def train(arguments: argparse.Namespace, recipe: Recipe, name: str) -> Result:
    """Prepares the data and trains."""
    from melodyforge.bundle import CONFIG_FILE
    from melodyforge.corpus.prepare import prepare_corpus
    from melodyforge.files import require_writable
    from melodyforge.progress import show_progress

    require_writable(MODELS_DIR / name / CONFIG_FILE)
    with show_progress("Reading", "files") as on_progress:
        store = prepare_corpus(arguments.midi_dir, DATASET_DIR, on_progress=on_progress)
    print(f"{counted(len(store), 'piece')} with {counted(store.num_notes, 'note')}. Starting Keras ...", flush=True)

    from melodyforge.bundle import find_model, progress_path
    from melodyforge.evaluation.baseline import best_ngram
    from melodyforge.evaluation.watch_training import ConsoleWatcher
    from melodyforge.training.train import resume_training, train_model

    model_dir = MODELS_DIR / name
    with ConsoleWatcher(name, progress_file=progress_path(model_dir)) as watcher:
        if arguments.resume:
            changes = {setting: getattr(arguments, setting) for setting in RESUMABLE}
            return resume_training(store, model_dir, watcher, changes)
        start_from = find_model(arguments.start_from, MODELS_DIR) if arguments.start_from else None
        return train_model(store, recipe, model_dir, watcher, start_from, best_ngram)


def print_result(result: Result, name: str) -> None:
    """Says what came out and what can be done next."""
    if result.is_interrupted:
        print(f"Saved. `python train_model.py --resume --name {name}` goes on.")
        return
    nats, ngram, before = (result.metrics.get(figure) for figure in ("held_out_nats", "best_ngram_nats", "start_nats"))
    print(f"Done: {result.reason}. Held-out music costs {nats:.3f} nats a note.")
    if before is not None:
        print(f"The model that it started from pays {before:.3f}.")
    if ngram is not None:
        verdict = "better than" if nats < ngram else "no better than: more music or more training is needed;"
        print(f"That is {verdict} the best n-gram model, {ngram:.3f}.")
    print(f"Model: {result.model_dir}. `python generate_music.py --model {name}` composes.")


if __name__ == "__main__":
    sys.exit(run(main))
