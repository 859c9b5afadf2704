"""Where things lie: what ships with the package, and the user's music, models and output. Imports nothing of ours."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE_DIR = Path(__file__).parent
PROJECT_DIR = PACKAGE_DIR.parent
IS_CHECKOUT = (PROJECT_DIR / "train_model.py").is_file()  # else it is installed
RECIPES_DIR = PACKAGE_DIR / "recipes"
STARTER_DIR = PACKAGE_DIR / "starter"  # a model that ships with the package, wherever the user's models lie


HOME_VARIABLE = "MELODY_FORGE_HOME"
USUAL_HOME = Path.home() / "melody-forge"


def _home_dir() -> Path:
    """Where the user's music, models and output lie: here if they do, else in a folder of their own."""
    if os.environ.get(HOME_VARIABLE):
        return Path(os.environ[HOME_VARIABLE]).absolute()
    if IS_CHECKOUT:
        return PROJECT_DIR
    here = Path.cwd()
    return here if any((here / name).is_dir() for name in ("data/midi_files", "models")) else USUAL_HOME


HOME_DIR = _home_dir()
os.environ[HOME_VARIABLE] = str(HOME_DIR)  # for processes of ours, which start elsewhere
MIDI_DIR = HOME_DIR / "data" / "midi_files"
DATASET_DIR = HOME_DIR / "data" / "dataset"
MODELS_DIR = HOME_DIR / "models"
OUTPUT_DIR = HOME_DIR / "output"
