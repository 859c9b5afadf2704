"""Melody Forge: train a network on a folder of music and compose in that style.

    import melodyforge
    model = melodyforge.load("forge")
    composition = melodyforge.generate_music(model, num_notes=200, seed=1)[0]
    composition.save("output/mine.mid")

In a notebook, a composition shows itself: a piano roll and a player. Composing imports no TensorFlow.
"""

import importlib
import os
from typing import Any

__version__ = "0.1.0"

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: its notices help no musician

_HOME_OF = {  # loaded when first asked for, so that scripts answer at once
    "Composition": "melodyforge.composition",
    "default_settings": "melodyforge.composing.wishes",
    "generate_music": "melodyforge.compose",
    "learn_manner": "melodyforge.composing.manner",
    "load": "melodyforge.compose",
    "stream": "melodyforge.compose",
    "ComposeSettings": "melodyforge.settings",
    "PieceStore": "melodyforge.corpus.store",
    "understand": "melodyforge.asking.ask",
    "load_piece": "melodyforge.music.load",
    "read_manner": "melodyforge.composing.manner",
    "load_recipe": "melodyforge.recipe",
    "list_models": "melodyforge.bundle",
    "prepare_corpus": "melodyforge.corpus.prepare",
    "train_model": "melodyforge.training.train",
}
__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    """Loads what the package offers."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """What the package offers, loaded or not."""
    return sorted({*globals(), *__all__})
