"""The notebooks run from top to bottom, on a little music."""

import shutil
from pathlib import Path

import pytest

from melodyforge.music.midi import write_midi
from tests.music_samples import tune

nbformat = pytest.importorskip("nbformat", reason="needs nbclient and ipykernel")
nbclient = pytest.importorskip("nbclient", reason="needs nbclient and ipykernel")

pytestmark = pytest.mark.slow

PROJECT_DIR = Path(__file__).parents[1]
TIMEOUT_S = 240


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The project in a folder of its own, as after a download, and a folder of music."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("melodyforge", "train_model.py"):
        (folder / name).symlink_to(PROJECT_DIR / name)
    shutil.copytree(PROJECT_DIR / "notebooks", folder / "notebooks")
    music = tmp_path / "music"
    music.mkdir()
    for index in range(8):
        (music / f"tune {index}.mid").write_bytes(write_midi(tune(index % 6 - 3, 8 + 2 * index)))
    for name, value in {"MUSIC": str(music), "MINUTES": "0.1", "RECIPES": "classic composer"}.items():
        monkeypatch.setenv(name, value)
    return folder


def run(project: Path, name: str) -> str:
    """Executes a notebook; everything that it printed or showed."""
    notebook = nbformat.read(project / "notebooks" / name, 4)
    resources = {"metadata": {"path": str(project / "notebooks")}}
    nbclient.NotebookClient(notebook, timeout=TIMEOUT_S, resources=resources).execute()
    return str([cell.get("outputs") for cell in notebook.cells])


@pytest.mark.filterwarnings("default")  # Jupyter's own
def test_quickstart_trains_composes_and_saves(project):
    shown = run(project, "quickstart.ipynb")
    assert "nats per event" in shown
    assert "<audio" in shown
    assert {path.suffix for path in (project / "output").iterdir()} == {".mid", ".wav", ".musicxml"}


@pytest.mark.filterwarnings("default")
def test_recipes_are_compared(project):
    shown = run(project, "compare_recipes.ipynb")
    for name in ("classic", "composer"):
        assert f"{name}: " in shown
        assert f"### {name}" in shown
