"""Trains the starter, the model that ships with the project, and writes its model card.

    python setup/train_starter.py --midi-dir DIR ... --minutes M [--resume]

Corpora of music21 are always learnt from; further folders must be described in setup/starter.toml. All of it is
gathered in data/starter/, a subfolder a style.
"""

from __future__ import annotations

import argparse
import string
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

SETUP_DIR = Path(__file__).resolve().parent
sys.path.insert(0, str(SETUP_DIR.parent))  # Python puts the folder of the script there, not the project

from melodyforge.cli import Parser, run  # noqa: E402
from melodyforge.commands.train import teach  # noqa: E402
from melodyforge.errors import CorpusError  # noqa: E402
from melodyforge.files import write_bytes  # noqa: E402
from melodyforge.flags import add_recipe_flags, with_flags  # noqa: E402
from melodyforge.model_state import check_model_name  # noqa: E402
from melodyforge.places import PROJECT_DIR, STARTER_DIR  # noqa: E402
from melodyforge.recipe import Recipe, load_recipe  # noqa: E402
from melodyforge.settings import Section  # noqa: E402

if TYPE_CHECKING:
    from melodyforge.bundle import Model
    from melodyforge.corpus.store import PieceStore

WORK_DIR = PROJECT_DIR / "data" / "starter"
CARD_FILE = "MODEL_CARD.md"


class Folder(Section):
    """A folder of music that others have made: what it is, on what terms, and which styles it holds.

    Attributes:
        style: of all of it; "" where each subfolder is a style.
        styles: of subfolders that do not give their style its name; "" leaves them out.
    """

    title: str
    licence: str
    attribution: str
    style: str = ""
    styles: dict[str, str] = Field(default_factory=dict)


class Plan(Section):
    """What setup/starter.toml holds."""

    corpora: list[str]
    network: dict[str, Any]
    training: dict[str, Any]
    folders: dict[str, Folder]


def main(argv: list[str] | None = None) -> None:
    """Runs the script."""
    arguments = parse_arguments(argv)
    plan = Plan.check(tomllib.loads((SETUP_DIR / "starter.toml").read_text(encoding="utf-8")))
    recipe = chosen_recipe(plan, arguments)
    model_dir = PROJECT_DIR / "models" / check_model_name(arguments.name)
    store = gather(plan, arguments.midi_dir)
    train(store, recipe, model_dir, arguments)
    store_in_half(model_dir, store)
    teach(store, recipe, model_dir)
    write_card(plan, arguments.midi_dir, store, model_dir)
    print(f"Model and card: {model_dir}. To have it ship with the project, move its files to {STARTER_DIR}.")


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = Parser(prog="setup/train_starter.py", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--midi-dir", type=Path, nargs="+", default=[], metavar="DIR", help="more music to learn from")
    parser.add_argument("--name", default="starter", help="the model's name (default: %(default)s)")
    parser.add_argument("--from", dest="start_from", metavar="MODEL", help="train this model further")
    parser.add_argument("--resume", action="store_true", help="go on with a training that was interrupted")
    add_recipe_flags(parser)
    return parser.parse_args(argv)


def chosen_recipe(plan: Plan, arguments: argparse.Namespace) -> Recipe:
    """The recipe `forge`, as the plan and the command line change it."""
    recipe = load_recipe("forge")
    changed = {"network": recipe.network.changed(**plan.network), "training": recipe.training.changed(**plan.training)}
    return with_flags(recipe.model_copy(update=changed), vars(arguments))


def gather(plan: Plan, midi_dirs: list[Path]) -> PieceStore:
    """Brings all music together and makes a dataset of it.

    Raises:
        CorpusError: a folder is missing, or its licence is not known.
    """
    from melodyforge.corpus.builtin import fetch_corpus
    from melodyforge.corpus.prepare import prepare_corpus
    from melodyforge.progress import show_progress

    music_dir = WORK_DIR / "midi_files"
    links = [one for folder in midi_dirs for one in styles_in(plan, folder)]
    for corpus in plan.corpora:
        with show_progress(f"Fetching {corpus}", "pieces") as on_progress:
            fetch_corpus(corpus, music_dir, on_progress=on_progress)
    link_all(links, music_dir)
    with show_progress("Reading", "files") as on_progress:
        store = prepare_corpus(music_dir, WORK_DIR / "dataset", on_progress=on_progress)
    print(f"{len(store):,} pieces with {store.num_notes:,} notes in {len(store.style_names)} styles")
    return store


def styles_in(plan: Plan, folder: Path) -> Iterator[tuple[str, Path]]:
    """The styles that a folder holds, and where the music of each lies."""
    if not folder.is_dir():
        raise CorpusError(f"--midi-dir must name folders. Received {folder}.")
    known = plan.folders.get(folder.resolve().name)
    if known is None:
        raise CorpusError(
            f"--midi-dir takes the folders that setup/starter.toml describes: {', '.join(plan.folders)}. "
            f"Received {folder}. Write down there what it holds and its licence."
        )
    if known.style:
        yield known.style, folder
        return
    for subfolder in sorted(path for path in folder.iterdir() if path.is_dir()):
        style = known.styles.get(subfolder.name, subfolder.name)
        if style:
            yield style, subfolder


def link_all(links: list[tuple[str, Path]], music_dir: Path) -> None:
    """Makes a subfolder for each style, with links to where its music lies; earlier links are dropped."""
    for path in [*music_dir.iterdir(), *music_dir.glob("*/*")]:
        if path.is_symlink():
            path.unlink()
    for style, source in links:
        (music_dir / style).mkdir(exist_ok=True)
        (music_dir / style / source.name).symlink_to(source.resolve(), target_is_directory=True)


def train(store: PieceStore, recipe: Recipe, model_dir: Path, arguments: argparse.Namespace) -> None:
    """Trains, or goes on training.

    Raises:
        KeyboardInterrupt: it was interrupted; `--resume` goes on.
    """
    from melodyforge.bundle import find_model
    from melodyforge.evaluation.baseline import best_ngram
    from melodyforge.evaluation.watch_training import ConsoleWatcher
    from melodyforge.training.train import resume_training, train_model

    with ConsoleWatcher(model_dir.name, WORK_DIR / "samples") as watcher:
        if arguments.resume:
            changes = {name: getattr(arguments, name) for name in ("epochs", "minutes", "patience")}
            result = resume_training(store, model_dir, watcher, changes)
        else:
            start_from = find_model(arguments.start_from) if arguments.start_from else None
            result = train_model(
                store, recipe, model_dir, watcher, start_from=start_from, baseline=best_ngram, replace=True
            )
    if result.is_interrupted:
        print("Saved. The same command with --resume goes on.")
        raise KeyboardInterrupt


def store_in_half(model_dir: Path, store: PieceStore) -> None:
    """Stores the weights as float16, half as large, and measures again what the model then reaches."""
    from melodyforge.bundle import HISTORY_FILE, WEIGHTS_FILE, ModelParts, load_model, save_model

    model = load_model(model_dir)
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder, WEIGHTS_FILE)
        halve(model_dir / WEIGHTS_FILE, weights)
        nats = measure(model, Path(folder), store)
        parts = ModelParts(
            recipe=model.recipe,
            representation=model.representation,
            write_weights=lambda path: write_bytes(path, weights.read_bytes()),
            config={name: model.config[name] for name in ("plan", "data_fingerprint", "habits", "keras")},
            metrics=model.metrics | {"held_out_nats": sum(nats.values()), "held_out_nats_by_head": nats},
            history=(model_dir / HISTORY_FILE).read_text(encoding="utf-8"),
            index=model.index,
        )
        save_model(model_dir, parts)
    lost = sum(nats.values()) - model.metrics["held_out_nats"]
    size = (model_dir / WEIGHTS_FILE).stat().st_size
    print(f"Weights stored as float16: {size / 1e6:.1f} MB, {lost:+.5f} nats per note held out")


def measure(model: Model, folder: Path, store: PieceStore) -> dict[str, float]:
    """Held-out nats by head with the weights in a folder, in Keras."""
    from melodyforge.networks import build_learner, build_network
    from melodyforge.training.data import prepare_data
    from melodyforge.training.train import held_out_nats, load_weights

    network = build_network(model.representation, model.recipe.network)
    load_weights(network, folder, model.representation, model.recipe)
    data = prepare_data(store, model.recipe, model.representation)
    return held_out_nats(build_learner(network, model.representation), data, model.config["plan"]["batch_size"])


def halve(whole: Path, half: Path) -> None:
    """Copies a Keras weights file with float16 in place of float32; all else stays as it is."""
    import h5py

    with h5py.File(whole, "r") as source, h5py.File(half, "w") as target:

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset):
                values = item[()]
                new = target.create_dataset(
                    name, data=values.astype("float16" if values.dtype == "float32" else values.dtype)
                )
            else:
                new = target.require_group(name)
            new.attrs.update(item.attrs)

        target.attrs.update(source.attrs)
        source.visititems(copy)


def write_card(plan: Plan, midi_dirs: list[Path], store: PieceStore, model_dir: Path) -> None:
    """Writes what the model is, what it learnt from, on what terms, how good it is and what it cannot do."""
    from melodyforge.bundle import load_model

    model = load_model(model_dir)
    metrics, folders = model.metrics, [folder.resolve().name for folder in midi_dirs]
    facts = {
        "recipe": model.recipe.name,
        "num_layers": model.recipe.network.num_layers,
        "units": model.recipe.network.units,
        "music": "\n".join(music_rows(plan, midi_dirs, store)),
        "held_out_nats": f"{metrics['held_out_nats']:.3f}",
        "best_ngram_nats": f"{metrics['best_ngram_nats']:.3f}",
        "num_held_out_rows": f"{metrics['num_held_out_rows']:,}",
        "num_train_rows": f"{metrics['num_train_rows']:,}",
        "minutes": f"{metrics['seconds'] / 60:.0f}",
        "folders": "".join([" --midi-dir", *(f" {name}" for name in folders)]) if folders else "",
    }
    template = (SETUP_DIR / "starter_card.md").read_text(encoding="utf-8")
    (model_dir / CARD_FILE).write_text(string.Template(template).substitute(facts), encoding="utf-8")


def music_rows(plan: Plan, midi_dirs: list[Path], store: PieceStore) -> Iterator[str]:
    """A line of the card for each corpus and folder."""
    from melodyforge.corpus.builtin import list_corpora

    sources = [([corpus.name], corpus.title, corpus.licence, "music21") for corpus in list_corpora()]
    for folder in midi_dirs:
        known = plan.folders[folder.resolve().name]
        styles = [style for style, _ in styles_in(plan, folder)]
        sources.append((styles, known.title, known.licence, known.attribution))
    told: set[str] = set()
    for styles, title, licence, attribution in sources:
        numbers = [number for number, style in enumerate(store.style_names) if style in styles]
        if not numbers:
            continue
        if told.issuperset(styles):
            yield f"| {title} | {', '.join(dict.fromkeys(styles))}, counted above | | | {licence} | {attribution} |"
            continue
        told.update(styles)
        is_part = np.isin(store.styles, numbers)
        names = ", ".join(f"{store.style_names[number]} {int((store.styles == number).sum())}" for number in numbers)
        pieces, notes = int(is_part.sum()), int(store.lengths[is_part].sum())
        yield f"| {title} | {names} | {pieces:,} | {notes:,} | {licence} | {attribution} |"


if __name__ == "__main__":
    sys.exit(run(main))
