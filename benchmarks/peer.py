"""What a user would pick instead, beside Melody Forge: MidiTok's REMI tokens and a Llama of five million weights.

    python -m benchmarks.peer [--midi-dir DIR] [--style NAME] [--minutes M] [--compositions N] [--keep DIR]

Same MIDI files, same split by piece, same minutes of training on all processors, one after the other on the same
machine. Both compose as many pieces of 300 notes with their own defaults, and a quarter as many that end when they
like. Each is held beside the same real pieces, as its own notes say them, by what `evaluate_model.py --heard` hears.
The peer runs in an environment of its own, `benchmarks/.venv`, which is made from `peer_requirements.txt` when it is
missing: about 1 GB, or more where PyTorch brings along what graphics cards need.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import tempfile
import time
import venv
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import machine, run_alone, write_results
from benchmarks.samples import midi_files
from melodyforge.cli import Parser, run, whole_number
from melodyforge.errors import CorpusError
from melodyforge.places import PROJECT_DIR

if TYPE_CHECKING:
    from melodyforge.corpus.store import PieceStore
    from melodyforge.evaluation.heard import Beside, Heard, Takes
    from melodyforge.evaluation.real_music import RealMusic
    from melodyforge.music.piece import Piece
    from melodyforge.recipe import Recipe

HERE = Path(__file__).parent
ENVIRONMENT, REQUIREMENTS = HERE / ".venv", HERE / "peer_requirements.txt"
STAMP = "requirements.txt"  # in the environment: what is installed there
CORPUS, CORPUS_DIR = "bach-chorales", PROJECT_DIR / "data" / "benchmark_corpora"
MINUTES = 10.0  # of training, for each side
NUM_COMPOSITIONS = 60
MAX_COMPOSITIONS, MAX_VOCABULARY = 4096, 100_000
TIMED_NOTES = 500
JOB_FILE, OUTCOME_FILE = "job.json", "outcome.json"  # of `remi_llama.py`, which cannot be imported here
OURS, THEIRS, REAL = "Melody Forge", "REMI and Llama", "real music"

Columns = dict[str, dict[str, float]]  # figures by name, of each column of the table


@dataclass(frozen=True)
class Side:
    """What was measured of one side.

    Attributes:
        heard: in its compositions.
        costs: figures of training and composing, by name.
    """

    heard: Heard
    costs: dict[str, float]


def main() -> None:
    """Runs both sides and reports."""
    arguments = parse_arguments()
    python = environment()
    corpus, files = chosen_files(arguments.midi_dir, arguments.style)
    load = os.getloadavg()[0]
    if load > 1:
        print(
            f"Other programs use {load:.1f} processors: of the same minutes the Llama makes far less then.", flush=True
        )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        job, _ = run_alone(read, files, folder, arguments)
        seconds_of_choosing, _ = run_alone(train_ours, folder, arguments.minutes)
        ours, _ = run_alone(hear_ours, folder, arguments.compositions)
        ours.costs["seconds of learning what to choose"] = seconds_of_choosing
        outcome = run_peer(python, folder)
        theirs, _ = run_alone(hear_theirs, folder, arguments.compositions)
        if arguments.keep:
            keep(folder, arguments.keep)
    columns = columns_of(ours, theirs)
    show(columns, f"{corpus}, {arguments.minutes:g} minutes of training each")
    conditions = {
        "corpus": corpus,
        "minutes": arguments.minutes,
        "compositions": arguments.compositions,
        **{part: len(job[part]) for part in ("train", "held_out", "real")},
        "threads": job["threads"],
        "vocabulary": arguments.vocabulary,
        "load_before": load,
    }
    sides = {OURS: asdict(ours), THEIRS: asdict(theirs) | {"outcome": outcome}}
    joined = f"_{arguments.vocabulary}_tokens" if arguments.vocabulary else ""
    write_results(f"peer_{corpus}{joined}", {"conditions": conditions, "table": columns, "sides": sides})


def parse_arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = Parser(prog="-m benchmarks.peer", description="Melody Forge beside REMI tokens and a small Llama.")
    parser.add_argument("--midi-dir", type=Path, metavar="DIR", help=f"music (default: {CORPUS}, from music21)")
    parser.add_argument("--style", metavar="NAME", help="learn from this subfolder alone")
    parser.add_argument(
        "--minutes", type=float, default=MINUTES, metavar="M", help="for each side (default: %(default)s)"
    )
    parser.add_argument(
        "--compositions",
        type=whole_number(1, MAX_COMPOSITIONS),
        default=NUM_COMPOSITIONS,
        metavar="N",
        help="of each side (default: %(default)s)",
    )
    parser.add_argument(
        "--vocabulary",
        type=whole_number(0, MAX_VOCABULARY),
        default=0,
        metavar="N",
        help="the peer's tokens are joined by byte pair encoding until there are so many (default: they are not)",
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where the compositions of both sides are kept")
    return parser.parse_args(argv)


def python_of(environment: Path) -> Path:
    """The Python of a virtual environment."""
    return environment / "bin" / "python"


def is_ready() -> bool:
    """Whether the peer's environment holds what its requirements ask for."""
    stamp = ENVIRONMENT / STAMP
    return stamp.is_file() and stamp.read_bytes() == REQUIREMENTS.read_bytes()


def environment() -> Path:
    """The Python of the peer's environment, which is made when it is missing or its requirements have changed."""
    python = python_of(ENVIRONMENT)
    if not is_ready():
        print(f"Installing {REQUIREMENTS.name} into {ENVIRONMENT}: about 1 GB, a few minutes ...", flush=True)
        venv.create(ENVIRONMENT, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", REQUIREMENTS], check=True)
        shutil.copy(REQUIREMENTS, ENVIRONMENT / STAMP)
    return python


def chosen_files(midi_dir: Path | None, style: str | None) -> tuple[str, list[Path]]:
    """The music: its name, and its files.

    Raises:
        CorpusError: there is none.
    """
    if midi_dir is None:
        from melodyforge.corpus.builtin import fetch_corpus

        fetch_corpus(CORPUS, CORPUS_DIR)
        midi_dir = CORPUS_DIR / CORPUS
    folder = midi_dir / style if style else midi_dir
    return folder.resolve().name, midi_files(folder)


def read(files: list[Path], folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Makes a dataset of the files, and splits it as every training of Melody Forge does.

    Returns:
        The peer's job, which is also written down: the files of each part, and what is to be done with them.

    Raises:
        CorpusError: there is too little music.
    """
    from melodyforge.corpus.prepare import prepare_corpus
    from melodyforge.corpus.split import split_pieces
    from melodyforge.evaluation.heard import COMPOSED_NOTES, NATURAL_SHARE, natural_limit

    paths = copy_flat(files, folder / "midi")
    store, recipe = prepare_corpus(folder / "midi", folder / "dataset"), recipe_of(arguments.minutes)
    train, held_out = split_pieces(store, recipe.training.held_out, recipe.training.seed)
    music = real_pieces(store, recipe, arguments.compositions)
    file_of = [paths[name] for name in files_of_pieces(store)]
    number = arguments.compositions
    parts = {"train": train, "held_out": held_out, "real": music.indices}
    job = {
        **{part: [str(file_of[index]) for index in pieces.tolist()] for part, pieces in parts.items()},
        "minutes": arguments.minutes,
        "threads": os.cpu_count() or 1,
        "vocabulary": arguments.vocabulary,
        "timed_notes": TIMED_NOTES,
        "compositions": {
            "composed": {"number": number, "num_notes": COMPOSED_NOTES},
            "natural": {"number": -(-number // NATURAL_SHARE), "num_notes": natural_limit(music), "may_end": True},
        },
    }
    (folder / JOB_FILE).write_text(json.dumps(job, indent=1), encoding="utf-8")
    return job


def copy_flat(files: list[Path], folder: Path) -> dict[str, Path]:
    """Copies files into one folder, without subfolders: neither side is told styles. The copies by their names."""
    folder.mkdir()
    copies = {f"{index:06d}{path.suffix.lower()}": path for index, path in enumerate(files)}
    return {name: Path(shutil.copy(path, folder / name)) for name, path in copies.items()}


def files_of_pieces(store: PieceStore) -> list[str]:
    """The name of the file that each piece of a dataset is from."""
    from melodyforge.corpus.report import REPORT_FILE, CorpusReport

    report = CorpusReport.load(store.folder / REPORT_FILE)
    return [file.name for file in report.files for _ in range(file.num_pieces)]


def recipe_of(minutes: float) -> Recipe:
    """The recipe `forge`, as `train_model.py --minutes` trains it."""
    from melodyforge.recipe import load_recipe

    recipe = load_recipe("forge")
    return recipe.model_copy(update={"training": recipe.training.changed(minutes=minutes)})


def real_pieces(store: PieceStore, recipe: Recipe, number: int) -> RealMusic:
    """The real pieces that compositions are held beside, as Melody Forge's vocabulary says them.

    Raises:
        CorpusError: there are too few.
    """
    from melodyforge.evaluation.real_music import real_music
    from melodyforge.training.data import prepare_data

    data = prepare_data(store, recipe)
    music = real_music(store, data, store.style_names[0], number) if data.is_split_by_piece else None
    if music is None:
        raise CorpusError(f"--midi-dir must hold ten pieces of 33 notes or more. Received {len(store)} pieces.")
    return music


def train_ours(folder: Path, minutes: float) -> float:
    """Trains Melody Forge, as `train_model.py` does.

    Returns:
        Seconds, besides the minutes, in which its critic learnt what to choose.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from melodyforge.commands.train import teach
    from melodyforge.corpus.store import PieceStore
    from melodyforge.training.train import train_model

    store, recipe = PieceStore(folder / "dataset"), recipe_of(minutes)
    train_model(store, recipe, folder / "model")
    began = time.perf_counter()
    teach(store, recipe, folder / "model")
    return time.perf_counter() - began


def hear_ours(folder: Path, number: int) -> Side:
    """Composes with the model that was trained, as users do, without Keras, and listens."""
    from melodyforge.bundle import load_model
    from melodyforge.compose import compose
    from melodyforge.composing.wishes import default_settings
    from melodyforge.corpus.store import PieceStore
    from melodyforge.decoding.shapes import layer_shapes
    from melodyforge.evaluation.heard import compose_takes, listen
    from melodyforge.facts import read_history

    model, store = load_model(folder / "model"), PieceStore(folder / "dataset")
    shapes = layer_shapes(model.representation, model.recipe.network).values()
    num_weights = sum(math.prod(shape) for of_layer in shapes for shape in of_layer)
    music = real_pieces(store, model.recipe, number)
    takes = compose_takes(model, music, number)
    write_takes(takes, folder / "ours")
    began = time.perf_counter()
    compose(model, default_settings(model, num_notes=TIMED_NOTES, seed=0))
    seconds = time.perf_counter() - began
    rates = [row["rows_per_second"] for row in read_history(folder / "model")]
    return Side(
        listen(music, takes),
        costs(num_weights, model.metrics["held_out_nats"], sum(rates) / len(rates), seconds),
    )


def write_takes(takes: Takes, folder: Path) -> None:
    """Writes what our side composed, as the peer writes its own."""
    from melodyforge.music.midi import write_midi

    for part, pieces in (("composed", takes.composed), ("natural", takes.natural)):
        (folder / part).mkdir(parents=True)
        for index, piece in enumerate(pieces):
            (folder / part / f"{index:04d}.mid").write_bytes(write_midi(piece))


def run_peer(python: Path, folder: Path) -> dict[str, float]:
    """Has the peer do its job in its own environment; what it measured."""
    offline = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    subprocess.run(
        [python, "-m", "benchmarks.remi_llama", folder], check=True, cwd=PROJECT_DIR, env=os.environ | offline
    )
    return json.loads((folder / OUTCOME_FILE).read_text(encoding="utf-8"))


def hear_theirs(folder: Path, number: int) -> Side:
    """Reads what the peer wrote, and listens: beside real music as the peer's tokens say it."""
    from melodyforge.bundle import load_model
    from melodyforge.corpus.store import PieceStore
    from melodyforge.evaluation.heard import COMPOSED_NOTES, Takes, listen, natural_limit
    from melodyforge.figures.describe import beginning

    music = real_pieces(PieceStore(folder / "dataset"), load_model(folder / "model").recipe, number)
    said = [piece for piece in read_pieces(folder / "real") if len(piece) >= music.num_notes]
    composed = [beginning(piece, COMPOSED_NOTES) for piece in read_pieces(folder / "composed")]
    natural = [beginning(piece, natural_limit(music)) for piece in read_pieces(folder / "natural")]
    found = json.loads((folder / OUTCOME_FILE).read_text(encoding="utf-8"))
    return Side(
        listen(replace(music, pieces=said), Takes(composed, composed, natural)),
        costs(
            found["num_weights"],
            found["held_out_nats_per_note"],
            found["notes_per_second"],
            found["seconds_to_compose"],
        ),
    )


def read_pieces(folder: Path) -> list[Piece]:
    """The MIDI files of a folder in the order of their names; those without a note are left out."""
    from melodyforge.errors import MusicReadError
    from melodyforge.music.midi import read_midi

    pieces = []
    for path in sorted(folder.glob("*.mid")):
        try:
            pieces.append(read_midi(path.read_bytes())[0])
        except MusicReadError as error:
            print(f"{path.name}: {error}")
    return pieces


def costs(num_weights: int, nats: float, notes_per_second: float, seconds: float) -> dict[str, float]:
    """The figures of training and composing."""
    return {
        "weights": num_weights,
        "notes trained on a second": notes_per_second,
        "held-out nats a note, each in its own terms": nats,
        f"seconds for {TIMED_NOTES} notes": seconds,
    }


def columns_of(ours: Side, theirs: Side) -> Columns:
    """The table: what is heard on both sides and in real music, and what it costs.

    Real music is as our side says it; how the peer's tokens say it stands in the results.
    """
    told = ours.heard.told
    floor = {"told from real, AUC": told.floor} if told and told.floor is not None else {}
    return {
        OURS: heard_figures(ours.heard) | ours.costs,
        THEIRS: heard_figures(theirs.heard) | theirs.costs,
        REAL: floor | {name: one.real for name, one in ours.heard.figures.items()},
    }


def heard_figures(heard: Heard) -> dict[str, float]:
    """What is heard in compositions, by name."""
    figures: dict[str, float] = {}
    if heard.told:
        figures = {"told from real, AUC": heard.told.auc}
        figures |= {f"told by {group}": auc for group, auc in heard.told.by_group.items()}
    if heard.told_by_endings is not None:
        figures["told by endings"] = heard.told_by_endings
    beside: dict[str, Beside] = heard.figures
    return figures | {name: one.composed for name, one in beside.items()}


def table_rows(columns: Columns) -> list[list[str]]:
    """The rows of the table, "" where a column lacks a figure."""
    names = dict.fromkeys(name for column in columns.values() for name in column)
    return [[name, *(_said(column.get(name)) for column in columns.values())] for name in names]


def _said(value: float | None) -> str:
    """A figure in three digits, a whole number in full."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def show(columns: Columns, title: str) -> None:
    """Prints the table, with the machine."""
    from rich.console import Console
    from rich.table import Table

    seen = machine()
    table = Table(
        title=f"{title}, on {seen['num_cores']} cores of {seen['processor']}, {seen['date']}", title_justify="left"
    )
    table.add_column("figure")
    for name in columns:
        table.add_column(name, justify="right")
    for row in table_rows(columns):
        table.add_row(*row)
    Console().print(table)


def keep(folder: Path, target: Path) -> None:
    """Keeps what both sides composed."""
    for source, name in ((folder / "ours", "melody_forge"), (folder, "remi_llama")):
        for part in ("composed", "natural"):
            shutil.copytree(source / part, target / name / part, dirs_exist_ok=True)
    print(f"Kept the compositions in {target}")


if __name__ == "__main__":
    raise SystemExit(run(main))
