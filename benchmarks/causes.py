"""What each thing that the network is told or taught brings: equal minutes of training, one of them left out each time.

    python -m benchmarks.causes --midi-dir DIR [--minutes M] [--compositions N] [--causes NAME ...]

Nobody chooses among candidates and nothing is corrected: what is heard is the network's own. The music has one style.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.measure import run_alone, write_results
from benchmarks.recipes import print_columns, read
from melodyforge.cli import Parser, run, whole_number
from melodyforge.errors import CorpusError

MINUTES, NUM_COMPOSITIONS, MAX_COMPOSITIONS = 4.0, 60, 1000
NATURAL_SHARE = 2  # one more composition with a natural ending for so many
NOTHING = "nothing"
LEFT_OUT: dict[str, dict[str, Any]] = {  # by what is left out: attributes of modules, and what stands in their place
    NOTHING: {},
    "ends as often as other rows": {"melodyforge.training.data.LEAST_SHARE": 1.0},
    "repetition": {"melodyforge.tokens.signals._repeats": lambda: []},
    "voices beside": {"melodyforge.tokens.signals._voices": lambda: []},
    "intervals of what sounds": {"melodyforge.tokens.signals._intervals": lambda: []},
    "form": {  # what a bar that returns suggests is told all the same
        "melodyforge.tokens.signals._form": lambda num_shifts: [],
        "melodyforge.tokens.signals._form_then": lambda num_tracks: [],
    },
}
FIGURES = (
    "loops over 100 onsets in first takes",
    "neighbouring bars alike",
    "time with voices crossed",
    "parallel fifths and octaves",
    "triads and sevenths",
    "returns with contrast",
    "ends by itself at a usual length",
    "last bass on the tonic",
)


def main() -> None:
    """Trains without each of them, and reports."""
    parser = Parser(prog="-m benchmarks.causes", description="What each thing that the network is told brings.")
    parser.add_argument("--midi-dir", type=Path, required=True, metavar="DIR", help="music of one style")
    parser.add_argument("--minutes", type=float, default=MINUTES, metavar="M", help="for each (default: %(default)s)")
    parser.add_argument(
        "--compositions",
        type=whole_number(1, MAX_COMPOSITIONS),
        default=NUM_COMPOSITIONS,
        metavar="N",
        help="for each (default: %(default)s)",
    )
    parser.add_argument("--recipe", default="forge", metavar="NAME", help="default: %(default)s")
    parser.add_argument("--causes", nargs="+", choices=LEFT_OUT, default=list(LEFT_OUT), help="default: all")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        run_alone(read, arguments.midi_dir, Path(name))
        columns = dict[str, dict[str, float]]()
        for cause in arguments.causes:
            (columns[cause], real), _ = run_alone(
                judge, cause, arguments.recipe, Path(name), arguments.minutes, arguments.compositions
            )
            columns["real music"] = real
            print_columns(columns, f"{arguments.midi_dir.name}, {arguments.minutes:g} minutes each, left out:")
    conditions = {"minutes": arguments.minutes, "compositions": arguments.compositions}
    write_results(f"causes_{arguments.midi_dir.name}", {"conditions": conditions, "left out": columns})


@contextmanager
def without(cause: str) -> Iterator[None]:
    """The package, but for one of `LEFT_OUT`."""
    with ExitStack() as stack:
        for name, instead in LEFT_OUT[cause].items():
            stack.enter_context(mock.patch(name, instead))
        yield


def judge(
    cause: str, recipe_name: str, folder: Path, minutes: float, number: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Trains without something; figures of what is composed then, and of real music."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from melodyforge.bundle import load_model
    from melodyforge.corpus.store import PieceStore
    from melodyforge.recipe import load_recipe
    from melodyforge.training.train import train_model

    recipe = load_recipe(recipe_name)
    recipe = recipe.model_copy(update={"training": recipe.training.changed(minutes=minutes)})
    with without(cause):
        metrics = train_model(PieceStore(folder / "dataset"), recipe, folder / cause.replace(" ", "_")).metrics
        heard = hear(load_model(folder / cause.replace(" ", "_")), folder, number)
    composed, real = (
        {name: getattr(one, side) for name, one in heard.figures.items() if name in FIGURES}
        for side in ("composed", "real")
    )
    return {
        "validation loss, nats a note": metrics["held_out_nats"],
        "told from real, AUC": heard.told.auc if heard.told else float("nan"),
        "by endings, AUC": float("nan") if heard.told_by_endings is None else heard.told_by_endings,
        **composed,
    }, real


def hear(model: Any, folder: Path, number: int) -> Any:
    """First takes, and some with a natural ending, beside real music."""
    from melodyforge.compose import first_takes
    from melodyforge.composing.wishes import default_settings
    from melodyforge.corpus.store import PieceStore
    from melodyforge.evaluation.heard import COMPOSED_NOTES, Takes, listen, natural_limit
    from melodyforge.evaluation.real_music import real_music
    from melodyforge.training.data import prepare_data

    store = PieceStore(folder / "dataset")
    music = real_music(store, prepare_data(store, model.recipe, model.representation), store.style_names[0], number)
    if music is None:
        raise CorpusError(f"--midi-dir must hold ten pieces of 33 notes or more. Received {len(store)} pieces.")

    def takes(**values: Any) -> list[Any]:
        return first_takes(model, default_settings(model, seed=0, effort="quick", **values))

    natural = takes(num_notes=natural_limit(music), num_pieces=-(-number // NATURAL_SHARE), ending="natural")
    first = takes(num_notes=COMPOSED_NOTES, num_pieces=number)
    return listen(music, Takes(first, first, natural))


if __name__ == "__main__":
    raise SystemExit(run(main))
