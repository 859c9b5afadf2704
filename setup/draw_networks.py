"""Draws the networks of the recipes into docs/recipes.md, as Mermaid, from the Keras models themselves.

    python -m setup.draw_networks --midi-dir DIR

The music decides how many classes there are; everything else is the recipe's.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from melodyforge.cli import Parser, run
from melodyforge.files import write_bytes
from melodyforge.places import PROJECT_DIR
from melodyforge.recipe import list_recipes, load_recipe

if TYPE_CHECKING:
    import keras

PAGE = PROJECT_DIR / "docs" / "recipes.md"
MAX_NAMES = 4  # of features in one box
ROLE = re.compile(r"(heard|told)_")
AUTOMATIC = re.compile(r"(add|attend|concatenate|degrees|distances|number_logits|suggestions)(_\d+)?")
QUIET = ("Dropout", "Activation", "Flip", "Newest", "GetItem")  # drawn as a part of what comes before them


def main() -> None:
    """Draws every recipe that the page has a place for."""
    parser = Parser(prog="-m setup.draw_networks", description="Draws the recipes' networks into docs/recipes.md.")
    parser.add_argument("--midi-dir", type=Path, required=True, metavar="DIR", help="music with several instruments")
    arguments = parser.parse_args()
    text = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        for name in list_recipes():
            picture = (
                f"<!-- network {name} -->\n```mermaid\n{mermaid(network_of(name, arguments.midi_dir, folder))}\n```\n"
            )
            text = re.sub(
                rf"<!-- network {name} -->\n(```mermaid.*?```\n)?", lambda _, new=picture: new, text, flags=re.S
            )
    write_bytes(PAGE, text.encode())


def network_of(recipe_name: str, midi_dir: Path, folder: str) -> keras.Model:
    """The Keras model of a recipe, with the vocabulary of some music."""
    from melodyforge.corpus.prepare import prepare_corpus
    from melodyforge.networks import build_network, keras
    from melodyforge.tokens import representation_class

    recipe, store = load_recipe(recipe_name), prepare_corpus(midi_dir, Path(folder, "dataset"))
    keras.backend.clear_session()  # layers without a name of their own are numbered from the start
    kind = representation_class(recipe.representation)
    representation = kind.fit(recipe.representation, (store[index] for index in range(len(store))))
    return build_network(representation, recipe.network)


def mermaid(network: keras.Model) -> str:
    """Boxes and arrows; all features that are heard at one place stand in one box."""
    parents = {
        op.name: [t._keras_history.operation for t in op._inbound_nodes[0].input_tensors] for op in network.operations
    }
    boxes: dict[str, str] = {}
    features: dict[str, list[str]] = {}
    for op in network.operations:
        boxes[op.name] = box = _box(op, parents[op.name], boxes)
        if box.startswith("features"):
            features.setdefault(box, [])
            if ROLE.match(op.name):
                features[box].append(ROLE.sub("", op.name))
    lines, seen = ["flowchart TD"], set()
    for op in network.operations:
        box = boxes[op.name]
        if box == op.name or (box.startswith("features") and box not in seen):
            lines.append(f'  {box}["{_label(op, features.get(box))}"]')
        seen.add(box)
        arrows = {(boxes[parent.name], box) for parent in parents[op.name] if boxes[parent.name] != box}
        arrows = set() if box.startswith("features") else arrows  # what is told once may be heard twice
        lines += [f"  {one} --> {other}" for one, other in sorted(arrows) if f"  {one} --> {other}" not in lines]
    return "\n".join(lines)


def _box(op: Any, parents: list[Any], boxes: dict[str, str]) -> str:
    """The name of the box that a layer is drawn in."""
    kind = type(op).__name__
    if kind == "InputLayer" or kind in ("Levels", "ExpandDims", "SumOfSlots") or ROLE.match(op.name):
        return "features_told" if op.name.startswith(("told_", "new_", "own_")) else "features_heard"
    if kind in QUIET:
        return boxes[parents[0].name]
    return op.name


def _label(op: Any, features: list[str] | None) -> str:
    if features is not None:
        names = list(dict.fromkeys(features))
        shown = ", ".join(names[:MAX_NAMES]) + (f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else "")
        return f"embeddings of {shown}"
    kind = type(op).__name__.replace("FastLSTM", "LSTM")
    size = getattr(op, "units", None) or (op.output.shape[-1] if kind in ("NumberLogits", "Attend") else None)
    name = "" if AUTOMATIC.fullmatch(op.name) else op.name
    return " ".join(str(part) for part in (kind, size, name) if part)


if __name__ == "__main__":
    raise SystemExit(run(main))
