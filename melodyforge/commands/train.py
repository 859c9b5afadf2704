"""Trains a network on a folder of music; prepares the dataset first when it is missing or stale."""

from __future__ import annotations

import argparse
import re
import shlex
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from melodyforge.cli import Parser
from melodyforge.commands.prepare import pool_at
from melodyforge.errors import SettingsError
from melodyforge.flags import RECIPE_FLAGS, add_cluster_flag, add_midi_dir_flag, add_recipe_flags, flag, with_flags
from melodyforge.places import DATASET_DIR, MIDI_DIR, MODELS_DIR
from melodyforge.recipe import DEFAULT_RECIPE, Recipe, list_recipes, load_recipe
from melodyforge.settings import Topic
from melodyforge.words import command, counted

if TYPE_CHECKING:
    from melodyforge.cluster import Cluster
    from melodyforge.corpus.store import PieceStore
    from melodyforge.training.train import Result

LEAST_SECONDS_TAUGHT = 60.0  # a shorter training is a try: what it composes is chosen by nobody
RESUMABLE = ("epochs", "minutes", "patience")  # what may change when a training goes on


def main(argv: list[str] | None = None) -> None:
    """Runs the command."""
    arguments = parse_arguments(argv)
    recipe = chosen_recipe(arguments)
    name = chosen_name(arguments, recipe)
    end_politely()
    from melodyforge.model_state import hold_model

    with hold_model(MODELS_DIR / name):
        require_possible(arguments, MODELS_DIR / name)
        result = train(arguments, recipe, name)
    print_result(result, name, arguments)
    if result.is_interrupted:
        raise KeyboardInterrupt


def end_politely() -> None:
    """From now on an end that others ask for is handled like Ctrl-C: what has been done can be saved."""
    for number in (signal.SIGINT, signal.SIGTERM):
        _set_signal(number, signal.default_int_handler)


def end_at_once() -> None:
    """From now on an end comes at once, also amid compiling: there is nothing to save."""
    for number in (signal.SIGINT, signal.SIGTERM):
        _set_signal(number, signal.SIG_DFL)


class EndAfterStep:
    """Once steps are taken, an end that is asked for comes after the step under way; asked for again, at once.

    What Python raises amid TensorFlow's own code may be lost there, or crash the process.
    """

    def __init__(self) -> None:
        self._is_asked: bool | None = None  # None before the first step

    def after_step(self) -> None:
        """Ends the training, by KeyboardInterrupt, where that was asked for."""
        if self._is_asked:
            raise KeyboardInterrupt
        if self._is_asked is None:
            self._is_asked = False
            for number in (signal.SIGINT, signal.SIGTERM):
                _set_signal(number, self._ask)

    def _ask(self, *_: Any) -> None:
        if self._is_asked:
            end_politely()
            raise KeyboardInterrupt
        self._is_asked = True


def _set_signal(number: signal.Signals, handler: Any) -> None:
    if signal.getsignal(number) != signal.SIG_IGN:  # `nohup` and the like
        signal.signal(number, handler)


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = Parser(prog=command("train"), description=__doc__)
    add_midi_dir_flag(parser.topic(Topic.MUSIC))
    model = parser.topic("the model")
    model.add_argument(
        "--recipe",
        metavar="NAME",
        help=f"a recipe's name, or a .toml file (default: {DEFAULT_RECIPE}, with --from the model's)",
    )
    model.add_argument(
        "--name", metavar="NAME", help="what it is called (default: as the recipe; with --from, FOLDER-from-MODEL)"
    )
    model.add_argument(
        "--from",
        dest="start_from",
        metavar="MODEL",
        help="start from what this model knows, such as `starter`; best for up to a few hundred files",
    )
    model.add_argument("--resume", action="store_true", help="continue a training that was interrupted")
    model.add_argument(
        "--replace", action="store_true", help="replace a model of this name; it is kept until the new one is better"
    )
    add_recipe_flags(parser)
    add_cluster_flag(parser)
    return parser.parse_args(argv)


def chosen_recipe(arguments: argparse.Namespace) -> Recipe:
    """The recipe with what the command line changes in it."""
    if not arguments.start_from:
        return with_flags(load_recipe(arguments.recipe or DEFAULT_RECIPE), vars(arguments))
    from melodyforge.bundle import find_model, read_model
    from melodyforge.training.plan import for_tuning

    source = read_model(find_model(arguments.start_from, MODELS_DIR)).recipe
    known = source.name if source.name in list_recipes() else DEFAULT_RECIPE
    recipe = load_recipe(arguments.recipe or known)
    if arguments.recipe:
        require_same_recipe(recipe, source, arguments)
    require_same_network(arguments)
    return with_flags(for_tuning(recipe), vars(arguments))


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
    for name in (*RECIPE_FLAGS["representation"], *RECIPE_FLAGS["network"]):
        if getattr(arguments, name) is not None:
            raise SettingsError(
                f"{flag(name)} needs a training from the beginning: --from keeps the model's network. "
                "Leave one of them out."
            )


def chosen_name(arguments: argparse.Namespace, recipe: Recipe) -> str:
    """What the model will be called; without --name never so that --from overwrites the model it starts from.

    Raises:
        SettingsError: a folder cannot have this name, or it is the starter's.
    """
    from melodyforge.bundle import STARTER_NAME
    from melodyforge.model_state import check_model_name

    name = arguments.name or recipe.name
    if arguments.start_from and not arguments.name:
        folder = "my-music" if arguments.midi_dir == MIDI_DIR else arguments.midi_dir.resolve().name
        name = re.sub(r"[^A-Za-z0-9_.]+", "-", f"{folder}-from-{Path(arguments.start_from).name}").lstrip("-.")
    if name == STARTER_NAME:
        raise SettingsError(f"--name must differ from the model that ships with the project. Received {name!r}.")
    return check_model_name(name)


def require_possible(arguments: argparse.Namespace, model_dir: Path) -> None:
    """Refuses what could not be done, before anything takes long.

    Raises:
        SettingsError: --resume with what cannot change when a training goes on.
        ModelFolderError: the name is taken, or there is nothing to go on with.
    """
    from melodyforge.model_state import checkpoint_path, require_free

    if arguments.resume:
        from melodyforge.training.checkpoint import read_facts

        require_same_training(arguments, read_facts(checkpoint_path(model_dir)))
        return
    require_free(model_dir, arguments.replace)


def require_same_training(arguments: argparse.Namespace, facts: dict[str, Any]) -> None:
    """Refuses flags that a training which goes on could not follow; those that change nothing may stand.

    Raises:
        SettingsError: a flag asks for something else than the training began with.
    """
    begun = Recipe.check(facts["recipe"])
    chosen = begun.representation.model_dump() | begun.network.model_dump() | begun.training.model_dump()
    chosen |= {name: facts["plan"][name] for name in ("window", "batch_size", "transpose")}
    chosen |= {"recipe": begun.name, "from": None, "replace": False}
    given = vars(arguments) | {"recipe": arguments.recipe and Path(arguments.recipe).stem, "from": arguments.start_from}
    fixed = {name for names in RECIPE_FLAGS.values() for name in names} | {"recipe", "from", "replace"}
    for name in sorted(fixed - {*RESUMABLE}):
        if given[name] is not None and given[name] != chosen[name]:
            raise SettingsError(
                f"{flag(name)} cannot change when a training continues: --resume keeps what it "
                f"began with, {chosen[name]!r}. Received {given[name]!r}. Leave one of them out."
            )


def train(arguments: argparse.Namespace, recipe: Recipe, name: str) -> Result:
    """Prepares the data and trains, both on a cluster where that is asked for."""
    with pool_at(arguments.cluster) as cluster:
        store = read(arguments, cluster)
        print(f"{counted(len(store), 'piece')} with {counted(store.num_notes, 'note')}. Starting Keras ...", flush=True)
        end_at_once()
        result = learn(arguments, recipe, name, store, cluster)
    if not result.is_interrupted and result.metrics["seconds"] >= LEAST_SECONDS_TAUGHT:
        end_politely()
        teach(store, recipe, MODELS_DIR / name)
    return result


def read(arguments: argparse.Namespace, cluster: Cluster | None) -> PieceStore:
    """The dataset, made when it is missing or stale."""
    from melodyforge.corpus.prepare import prepare_corpus
    from melodyforge.progress import say_waiting, show_progress

    with show_progress("Reading", "files") as on_progress:
        return prepare_corpus(
            arguments.midi_dir, DATASET_DIR, pool=cluster, on_progress=on_progress, on_wait=say_waiting
        )


def learn(
    arguments: argparse.Namespace, recipe: Recipe, name: str, store: PieceStore, cluster: Cluster | None
) -> Result:
    """Trains, from the beginning or where another run stopped."""
    from melodyforge.bundle import find_model
    from melodyforge.evaluation.baseline import best_ngram
    from melodyforge.evaluation.ear import Ear
    from melodyforge.evaluation.watch_training import ConsoleWatcher
    from melodyforge.model_state import progress_path
    from melodyforge.training.train import resume_training, train_model

    model_dir = MODELS_DIR / name
    progress_file, on_step = progress_path(model_dir), EndAfterStep().after_step
    with ConsoleWatcher(name, progress_file=progress_file, on_step=on_step, ear=Ear(store, recipe)) as watcher:
        if arguments.resume:
            changes = {setting: getattr(arguments, setting) for setting in RESUMABLE}
            return resume_training(store, model_dir, watcher, changes, team=cluster)
        return train_model(
            store,
            recipe,
            model_dir,
            watcher,
            start_from=find_model(arguments.start_from, MODELS_DIR) if arguments.start_from else None,
            baseline=best_ngram,
            replace=arguments.replace,
            team=cluster,
        )


def teach(store: PieceStore, recipe: Recipe, model_dir: Path) -> None:
    """Teaches the model what it composes too often or too seldom, and its critic, by whom it chooses."""
    from melodyforge.bundle import add_critic, load_model
    from melodyforge.corpus.split import split_pieces
    from melodyforge.evaluation import school

    print("Listening to what it composes by itself, to learn what to choose ...", flush=True)
    settings = recipe.training
    pieces, _ = split_pieces(store, settings.held_out, settings.seed, settings.style)
    add_critic(model_dir, *school.teach(load_model(model_dir), store, pieces))


def print_result(result: Result, name: str, arguments: argparse.Namespace) -> None:
    """Says what came out and what can be done next."""
    if result.is_interrupted:
        flags = ["--resume", "--name", name]
        flags += [] if arguments.midi_dir == MIDI_DIR else ["--midi-dir", str(arguments.midi_dir)]
        flags += ["--cluster", arguments.cluster] if arguments.cluster else []
        print(f"Saved. `{command('train')} {shlex.join(flags)}` continues.")
        return
    nats, ngram, before = (result.metrics.get(figure) for figure in ("held_out_nats", "best_ngram_nats", "start_nats"))
    others = [f"the model it started from: {before:.3f}"] if before is not None else []
    others += [f"best n-gram model: {ngram:.3f}"] if ngram is not None else []
    beside = f" ({', '.join(others)})" if others else ""
    print(f"Done: {result.reason}. Validation loss: {nats:.3f} nats per note{beside}.")
    if ngram is not None and nats >= ngram:
        print("That is no better than an n-gram model: add music or train longer.")
    if result.former:
        print(result.former)
    print(f"Model: {result.model_dir}. `{command('compose')} --model {name}` composes.")
