"""Judges a trained model: held-out music, n-grams, statistics, copies, obedience. Prints figures, writes a report."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from melodyforge.cli import Parser, whole_number
from melodyforge.flags import add_midi_dir_flag, add_model_flag
from melodyforge.places import DATASET_DIR, MODELS_DIR, OUTPUT_DIR
from melodyforge.words import command, counted

if TYPE_CHECKING:
    from melodyforge.bundle import Model
    from melodyforge.evaluation.evaluate import Evaluation
    from melodyforge.evaluation.heard import Heard

MAX_COMPOSITIONS = 4096  # composed side by side


def main(argv: list[str] | None = None) -> None:
    """Runs the command."""
    arguments = parse_arguments(argv)
    from melodyforge.bundle import find_model, load_model
    from melodyforge.evaluation.report import write_report
    from melodyforge.facts import read_history
    from melodyforge.files import require_writable, write_bytes

    folder = find_model(arguments.model, MODELS_DIR)
    model, history = load_model(folder), read_history(folder)
    output = arguments.output or OUTPUT_DIR / "evaluation" / model.name
    require_writable(output / "report.html")
    evaluation = evaluate(model, arguments)
    page = write_report(evaluation, history, facts(model))
    write_bytes(output / "evaluation.json", json.dumps(evaluation.to_dict(), indent=1).encode())
    write_bytes(output / "report.html", page.encode())
    print_tables(evaluation)
    print(f"{output / 'report.html'}: {len(page) / 1e6:.1f} MB, to be opened in a browser")


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = Parser(prog=command("evaluate"), description=__doc__)
    judged = parser.topic("what is judged")
    add_model_flag(judged)
    music = judged.add_mutually_exclusive_group()
    add_midi_dir_flag(music, "what it was trained on")
    music.add_argument("--against", type=Path, metavar="DIR", help="hold it against this music instead, all of it new")
    judged.add_argument("--style", metavar="STYLE", help="compare pieces and compositions of this style only")
    number = parser.topic("how much is composed for it")
    number.add_argument(
        "--compositions",
        type=whole_number(1, MAX_COMPOSITIONS),
        default=60,
        metavar="N",
        help=f"compositions to compare with real pieces (1 to {MAX_COMPOSITIONS:,}; default: %(default)s)",
    )
    number.add_argument(
        "--wishes",
        type=whole_number(0, MAX_COMPOSITIONS),
        default=200,
        metavar="N",
        help=f"compositions for each wish; 0: none (0 to {MAX_COMPOSITIONS:,}; default: %(default)s)",
    )
    number.add_argument(
        "--heard",
        type=whole_number(0, MAX_COMPOSITIONS),
        default=20,
        metavar="N",
        help="compositions for each style, to be told from real pieces; 60 tell more exactly, 0: none "
        f"(0 to {MAX_COMPOSITIONS:,}; default: %(default)s)",
    )
    parser.topic("files").add_argument(
        "--output", type=Path, metavar="DIR", help="folder of the report (default: output/evaluation/<model>)"
    )
    return parser.parse_args(argv)


def evaluate(model: Model, arguments: argparse.Namespace) -> Evaluation:
    """Prepares the music and evaluates."""
    from melodyforge.corpus.prepare import prepare_corpus
    from melodyforge.evaluation.evaluate import evaluate_model
    from melodyforge.progress import show_progress

    with tempfile.TemporaryDirectory() as temporary:
        is_new = arguments.against is not None
        music, dataset = (arguments.against, Path(temporary)) if is_new else (arguments.midi_dir, DATASET_DIR)
        with show_progress("Reading", "files") as on_progress:
            store = prepare_corpus(music, dataset, on_progress=on_progress)
        return evaluate_model(
            model,
            store,
            num_compositions=arguments.compositions,
            num_wishes=arguments.wishes,
            on_progress=lambda text: print(f"  {text} ...", flush=True),
            is_new=is_new,
            style=arguments.style,
            num_heard=arguments.heard,
        )


def facts(model: Model) -> dict[str, str]:
    """What to say of the model in one line."""
    network = model.recipe.network
    return {
        "recipe": model.recipe.name,
        "network": f"{network.num_layers} x {network.units}",
        "trained on": counted(model.metrics.get("num_train_rows", 0), "note"),
        "hash": model.hash,
    }


def print_tables(evaluation: Evaluation) -> None:
    """The verdict and the main figures."""
    from melodyforge.evaluation.report import verdicts

    for is_good, text in verdicts(evaluation):
        print(f"{'+' if is_good else '-'} {text}")
    for name, nats in evaluation.nats.items():
        print(f"{name:>24} {nats:8.3f} nats per note")
    for name, area in evaluation.overlap["composed"].items():
        print(f"{name:>24} {area:8.3f} overlap, real music {evaluation.overlap['training'][name]:.3f}")
    if evaluation.style_accuracy:
        alike = evaluation.style_accuracy[1]
        print(f"{'styles of real music':>24} {evaluation.style_accuracy[0]:8.1%} recognised; each alike {alike:.1%}")
    for name, one in evaluation.obedience.items():
        print(f"{name:>24} {one.share:8.1%} obeyed, of {one.number}")
    for heard in evaluation.heard:
        for line in words_of(heard):
            print(line)


def words_of(heard: Heard) -> Iterator[str]:
    """What is heard in a style, in lines: how well it is told from real music, and in what it is unusual."""
    from melodyforge.evaluation.report import figure_words

    told, title = heard.told, heard.style or "compositions"
    if told is not None:
        floor = "" if told.floor is None else f", halves of real music {told.floor:.3f}"
        yield f"{title:>24} {told.auc:8.3f} told from real by {told.num_notes} notes{floor}"
        yield f"{'':>24} {told.variety:8.0%} as different from each other as real pieces"
        yield " " * 34 + ", ".join(f"{name} {auc:.2f}" for name, auc in told.by_group.items())
    for name, one in heard.figures.items():
        if not one.is_usual:
            composed, real, low, high = figure_words(name, one)
            yield f"{title:>24} {composed:>8} {name}; real music {real}, from {low} to {high}"
