"""What several tests share: a small real model, trained once for all of them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from melodyforge import cluster as cluster_module
from melodyforge.cluster import Cluster, connect
from melodyforge.corpus.store import PieceStore, PieceStoreWriter, pack_piece
from melodyforge.music.piece import Piece
from melodyforge.recipe import load_recipe
from melodyforge.settings import NetworkSettings
from tests.music_samples import tune

COMPILED_DIR = Path(tempfile.gettempdir(), f"melody-forge-compiled-{os.getpid()}")


def pytest_configure(config: pytest.Config) -> None:
    """Trainings of the same network, also in processes of their own, have it compiled once: half of a short one."""
    if is_worker(config):  # it has the folder from who started it
        return
    os.environ["TF_XLA_FLAGS"] = f"--tf_xla_persistent_cache_directory={COMPILED_DIR}"
    COMPILED_DIR.mkdir()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leaves nothing behind."""
    if is_worker(config):
        return
    shutil.rmtree(COMPILED_DIR)


# Most of the time of all tests, the longest first.
HEAVY = (
    "studio_browser",
    "studio",
    "scripts",
    "benchmarks",
    "studio_walk",
    "starter",
    "notebooks",
    "shared_training",
    "training",
    "api",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deals the heavy files to the workers, which get equal parts of all tests: what is left to the end is short."""
    if not is_worker(config):
        return
    num_workers = config.workerinput["workercount"]
    piles: list[list[pytest.Item]] = [[] for _ in range(num_workers)]
    for index, name in enumerate(HEAVY):
        round_, turn = divmod(index, num_workers)
        pile = piles[-1 - turn if round_ % 2 else turn]  # there and back
        pile += [item for item in items if item.path.stem == f"test_{name}"]
    light = [item for item in items if item.path.stem.removeprefix("test_") not in HEAVY]
    for index, pile in enumerate(piles):
        size = (len(items) + index) // num_workers
        pile += [light.pop() for _ in range(min(len(light), size - len(pile)))]
    items[:] = [item for pile in piles for item in pile] + light


def is_worker(config: pytest.Config) -> bool:
    """Whether this is one of several processes that pytest-xdist runs."""
    return hasattr(config, "workerinput")


def made_once(factory: pytest.TempPathFactory, config: pytest.Config, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first worker that wants it has `make` fill, for all of them; tests change copies only."""
    base = factory.getbasetemp().parent if is_worker(config) else factory.getbasetemp()
    folder = base / name
    with FileLock(base / f"{name}.lock"):
        if not folder.exists():
            unfinished = factory.mktemp(name)
            make(unfinished)
            unfinished.rename(folder)
    return folder


def write_store(folder: Path, pieces: list[Piece]) -> PieceStore:
    """A dataset of these pieces."""
    writer = PieceStoreWriter(folder)
    for piece in pieces:
        writer.append(pack_piece(piece))
    writer.finish()
    return PieceStore(folder)


def small(recipe_name: str, **training: object):
    """A recipe with a network that learns a tune within seconds."""
    recipe = load_recipe(recipe_name)
    network = NetworkSettings(units=48, num_layers=1, dropout=0.0, head_units=48 if recipe_name == "forge" else 0)
    usual = {"window": 32, "batch_size": 8, "learning_rate": 0.01, "transpose": 3}
    return recipe.model_copy(update={"network": network, "training": recipe.training.changed(**usual | training)})


@pytest.fixture(scope="session")
def tunes() -> list[Piece]:
    """Eight tunes in different keys and of different lengths."""
    return [tune(index % 6 - 3, 8 + 2 * index) for index in range(8)]


@pytest.fixture(scope="session")
def tune_store(tmp_path_factory: pytest.TempPathFactory, tunes: list[Piece]) -> PieceStore:
    """A dataset of the tunes."""
    return write_store(tmp_path_factory.mktemp("dataset") / "dataset", tunes)


@pytest.fixture(scope="session")
def tiny_model_dir(tmp_path_factory: pytest.TempPathFactory, tune_store: PieceStore, request) -> Path:
    """A models folder that holds one model, `tiny`, trained with the recipe `forge` on a few tunes."""

    def train(models_dir: Path) -> None:
        from melodyforge.training.train import train_model

        result = train_model(tune_store, small("forge", epochs=6), models_dir / "tiny")
        assert not result.is_interrupted

    return made_once(tmp_path_factory, request.config, "tiny_models", train)


@pytest.fixture(scope="module")
def add_node() -> Iterator[Callable[[int], str]]:
    """Adds a node with so many processors to a cluster of one, and gives the address of its head."""
    pytest.importorskip("ray", reason="needs the extra cluster: pip install -e '.[cluster]'")
    os.environ.update(cluster_module.QUIET | {"RAY_worker_niceness": "0"})  # tests beside these make them wait enough
    from ray.cluster_utils import Cluster as Nodes

    folder = tempfile.mkdtemp(prefix="r")  # short, for sockets stand in it
    nodes = Nodes()

    def add(num_cpus: int) -> str:
        nodes.add_node(num_cpus=num_cpus, include_dashboard=False, temp_dir=folder)
        return nodes.address

    try:
        add(1)
        yield add
    finally:
        nodes.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def address(add_node: Callable[[int], str]) -> str:
    """Of the cluster, once it has two nodes."""
    return add_node(1)


@pytest.fixture
def cluster(address: str) -> Iterator[Cluster]:
    """The cluster, connected."""
    with connect(address) as cluster:
        assert cluster.num_processors >= 2  # a test may have added some
        yield cluster
