"""Makes a folder of music files into a dataset, and says what became of every file."""

from __future__ import annotations

import argparse
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from melodyforge.cli import Parser, whole_number
from melodyforge.errors import SettingsError
from melodyforge.flags import add_cluster_flag, add_flags, add_midi_dir_flag
from melodyforge.places import DATASET_DIR
from melodyforge.recipe import Recipe, load_recipe
from melodyforge.settings import RepresentationSettings, Topic
from melodyforge.words import command, counted

if TYPE_CHECKING:
    from melodyforge.cluster import Cluster
    from melodyforge.corpus.store import PieceStore

MAX_WORKERS = 256  # more only cost memory


def main(argv: list[str] | None = None) -> None:
    """Runs the command."""
    arguments = parse_arguments(argv)
    if arguments.list_corpora:
        print_corpora()
        return
    if arguments.cluster and arguments.workers:
        raise SettingsError("--workers does not go with --cluster, which uses all of its processors. Leave one out.")
    recipe = chosen_recipe(arguments)
    for corpus in chosen_corpora(arguments.corpus):
        fetch_named_corpus(corpus, arguments.midi_dir, arguments.workers)
    store = prepare(arguments.midi_dir, arguments.workers, arguments.cluster)
    if recipe:
        print_recipe_view(store, recipe)


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = Parser(prog=command("prepare"), description=__doc__)
    music = parser.topic(Topic.MUSIC)
    add_midi_dir_flag(music)
    music.add_argument("--corpus", nargs="+", default=[], metavar="NAME", help="fetch these corpora into DIR first")
    music.add_argument("--list-corpora", action="store_true", help="show the corpora that can be fetched")
    music.add_argument(
        "--recipe", metavar="NAME", help="encode the dataset for this recipe too, and say what it will learn from"
    )
    add_flags(parser, RepresentationSettings, "track")
    parser.topic("how it is read").add_argument(
        "--workers",
        type=whole_number(1, MAX_WORKERS),
        metavar="N",
        help=f"processes that read side by side (1 to {MAX_WORKERS}; default: one a processor)",
    )
    add_cluster_flag(parser)
    return parser.parse_args(argv)


def chosen_recipe(arguments: argparse.Namespace) -> Recipe | None:
    """What the dataset is to be encoded for, if anything.

    Raises:
        SettingsError: there is no such recipe, or it takes no track.
    """
    if not arguments.recipe:
        if arguments.track:
            raise SettingsError("--track has no effect without --recipe. Leave it out, or add `--recipe melody`.")
        return None
    recipe = load_recipe(arguments.recipe)
    track = recipe.representation.changed(track=arguments.track)
    return recipe.model_copy(update={"representation": track})


def chosen_corpora(names: list[str]) -> list[str]:
    """The corpora to fetch, as they are spelled; all known before the first is fetched."""
    from melodyforge.corpus.builtin import corpus_named

    return [corpus_named(name).name for name in names]


def print_corpora() -> None:
    """Shows what can be fetched."""
    from rich.console import Console
    from rich.table import Table

    from melodyforge.corpus.builtin import list_corpora

    table = Table("name", "what it is", "pieces", "licence", box=None)
    for corpus in list_corpora():
        table.add_row(corpus.name, corpus.title, f"{corpus.num_pieces:,}", corpus.licence)
    Console().print(table)


def fetch_named_corpus(name: str, midi_dir: Path, workers: int | None) -> None:
    """Puts a corpus among the user's files."""
    from melodyforge.corpus.builtin import fetch_corpus
    from melodyforge.progress import show_progress

    with show_progress(f"Fetching {name}", "pieces") as on_progress:
        paths = fetch_corpus(name, midi_dir, num_workers=workers, on_progress=on_progress)
    print(f"{name}: {counted(len(paths), 'file')} in {midi_dir}")


def prepare(midi_dir: Path, workers: int | None, cluster: str | None) -> PieceStore:
    """Makes the dataset, here or on a cluster, and prints the report."""
    from rich.console import Console

    from melodyforge.corpus.prepare import prepare_corpus
    from melodyforge.corpus.report import REPORT_FILE, CorpusReport, print_report
    from melodyforge.progress import say_waiting, show_progress

    started = time.perf_counter()
    with pool_at(cluster) as pool, show_progress("Reading", "files") as on_progress:
        store = prepare_corpus(
            midi_dir, DATASET_DIR, num_workers=workers, pool=pool, on_progress=on_progress, on_wait=say_waiting
        )
    seconds = time.perf_counter() - started
    report_path = store.folder / REPORT_FILE
    print_report(CorpusReport.load(report_path), report_path, Console())
    print(f"{counted(len(store), 'piece')} with {counted(store.num_notes, 'note')} in {store.folder} ({seconds:.1f} s)")
    return store


def pool_at(cluster: str | None) -> AbstractContextManager[Cluster | None]:
    """The cluster at an address, if any; one that is not there shows before the music is looked at."""
    if cluster is None:
        return nullcontext()
    from melodyforge.cluster import connect

    return connect(cluster)


def print_recipe_view(store: PieceStore, recipe: Recipe) -> None:
    """Says what a recipe makes of the dataset."""
    if recipe.representation.voices == "melody":
        print_melodies(store, recipe.representation.track)
    from melodyforge.training.data import num_rows, prepare_data

    data = prepare_data(store, recipe)
    classes = ", ".join(f"{size:,} of {name}" for name, size in data.representation.sizes.items())
    print(
        f"{recipe.name}: {data.num_train_rows:,} {recipe.representation.kind} to learn from, "
        f"{num_rows(data.held_out):,} to measure on; classes: {classes}"
    )


def print_melodies(store: PieceStore, track: str) -> None:
    """Says where the melody was found; the choice in every piece goes into a file."""
    from melodyforge.corpus.melodies import choose_melodies, write_choices

    choices = choose_melodies(store, track)
    path = store.folder.with_name("melodies.csv")
    write_choices(path, choices)
    found = [choice for choice in choices if choice.melody]
    several = sum(choice.num_tracks > 1 for choice in found)
    print(
        f"melody found in {len(found):,} of {counted(len(choices), 'piece')}, {several:,} of them with several tracks"
    )
    print(f"Which track it is in every piece: {path}")
