"""Training shared out: the same model whoever computes the shares, and whatever is lost on the way."""

from __future__ import annotations

import functools
import operator
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from melodyforge.bundle import HISTORY_FILE, WEIGHTS_FILE, load_model
from melodyforge.cluster import connect
from melodyforge.corpus.store import PieceStore
from melodyforge.decoding.shapes import layer_shapes
from melodyforge.errors import ClusterError, SettingsError
from melodyforge.training import backend, shared_steps, sharing
from melodyforge.training.data import prepare_data
from melodyforge.training.feeding import BatchMaker
from melodyforge.training.plan import make_plan
from melodyforge.training.sharing import Lesson, Part, Share, cut
from melodyforge.training.train import Watcher, resume_training, train_model
from melodyforge.weights_file import read_weights
from tests.conftest import small, write_store
from tests.music_samples import tune

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:::ray", "ignore::ResourceWarning", "ignore::FutureWarning"),
]


class Here:
    """A team of one: this process."""

    num_processors = 1

    def send(self, value):
        return value

    def total(self, call: Callable[..., Part], items: list[Share], *sent) -> Part:
        return functools.reduce(operator.add, (call(item, *sent) for item in items))


def recipe_for_shares(dropout: float = 0.0, **training):
    """Eight units; each step in four shares."""
    recipe = small("classic", batch_size=32, **{"epochs": 2} | training)
    return recipe.model_copy(update={"network": recipe.network.changed(units=8, dropout=dropout)})


def learnt(model_dir: Path) -> dict[str, object]:
    """The weights of a model, bit for bit, and its history without what the clock says."""
    model = load_model(model_dir)
    shapes = layer_shapes(model.representation, model.recipe.network)
    weights = read_weights((model_dir / WEIGHTS_FILE).read_bytes(), shapes)
    rows = [line.split(",") for line in (model_dir / HISTORY_FILE).read_text().splitlines()]
    found = {f"weights of {name}": b"".join(array.tobytes() for array in arrays) for name, arrays in weights.items()}
    return found | {"history": [",".join([*row[:2], *row[3:6]]) for row in rows]}


def test_a_part_of_a_batch_is_that_part_of_it(tune_store):
    recipe = recipe_for_shares()
    data = prepare_data(tune_store, recipe)
    make = BatchMaker.of(data, make_plan(data, recipe), recipe)
    whole, part = make(3), make(3, slice(8, 16))
    assert all(np.array_equal(part[name], whole[name][8:16]) for name in whole)


def test_a_machine_without_tensorflow_can_say_so():
    code = "import sys, melodyforge.training.sharing; sys.exit('keras' in sys.modules or 'tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_shares_cover_a_batch_once():
    assert [(share.first, share.stop) for share in cut(7, 20)] == [(0, 8), (8, 16), (16, 20)]
    assert len(cut(0, 100_000)) <= sharing.MOST_SHARES


@pytest.mark.parametrize("operations_to_compile", [2e12, 0])
def test_shared_steps_learn_what_a_training_on_one_machine_learns(
    tune_store, tmp_path, monkeypatch, operations_to_compile
):
    monkeypatch.setattr(backend, "LEAST_OPERATIONS_TO_COMPILE", operations_to_compile)
    recipe = recipe_for_shares()
    alone = train_model(tune_store, recipe, tmp_path / "alone")
    shared = train_model(tune_store, recipe, tmp_path / "shared", team=Here())
    assert shared.metrics["held_out_nats"] == pytest.approx(alone.metrics["held_out_nats"], rel=1e-4)


class Crash(Watcher):
    """Ends a training at a step as a machine that fails does: nothing is saved."""

    def stepped(self, progress, plan, nats, rows_per_second):
        if progress.step == 30:
            raise MemoryError


def test_a_shared_training_goes_on_as_if_its_head_had_not_failed_with_dropout_too(tune_store, tmp_path):
    recipe = recipe_for_shares(dropout=0.2)
    train_model(tune_store, recipe, tmp_path / "whole", team=Here())
    with pytest.raises(MemoryError):
        train_model(tune_store, recipe, tmp_path / "parts", Crash(), team=Here())
    resume_training(tune_store, tmp_path / "parts", team=Here())
    assert learnt(tmp_path / "parts") == learnt(tmp_path / "whole")


def test_weights_that_differ_are_found(tune_store, tmp_path, monkeypatch):
    monkeypatch.setattr(shared_steps, "put", lambda variables, values: None)
    with pytest.raises(RuntimeError, match="the same weights"):
        train_model(tune_store, recipe_for_shares(), tmp_path / "model", team=Here())


def learn_marked(marks: Path, share: Share, *sent) -> Part:
    """Says which process computes; dies once, where it is told to."""
    (marks / str(os.getpid())).touch()
    if share.step == 20 and share.first == 8 and (marks / "die").exists():
        (marks / "die").unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    return sharing.learn(share, *sent)


def test_one_two_and_four_processors_learn_the_same_though_one_is_killed(
    add_node, tune_store, tmp_path, monkeypatch, capfd
):
    recipe, found = recipe_for_shares(dropout=0.2, epochs=1), {}

    def train(name: str, *, is_killing: bool = False) -> int:
        marks = tmp_path / f"marks of {name}"
        marks.mkdir()
        if is_killing:
            (marks / "die").touch()
        monkeypatch.setattr(shared_steps, "learn", functools.partial(learn_marked, marks))
        train_model(tune_store, recipe, tmp_path / name, team=cluster)
        assert not (marks / "die").exists()
        found[name] = learnt(tmp_path / name)
        return len(list(marks.iterdir()))

    with connect(add_node(0)) as cluster:
        assert train("one") == 1
        add_node(1)
        assert train("two", is_killing=True) == 3
        add_node(2)
        assert train("four") == 4
    assert found["one"] == found["two"] == found["four"]
    assert capfd.readouterr() == ("", "")


def lesson_of(store: PieceStore, keras_version: str) -> Lesson:
    recipe = recipe_for_shares()
    data = prepare_data(store, recipe)
    return Lesson.of(BatchMaker.of(data, make_plan(data, recipe), recipe), recipe, False, keras_version)


def test_a_machine_without_the_dataset_is_told_in_one_line(tmp_path):
    store = write_store(tmp_path / "dataset", [tune(index) for index in range(5)])
    lesson = lesson_of(store, shared_steps.keras.__version__)
    for rows in store.folder.glob("rows-*"):
        shutil.rmtree(rows)
    with pytest.raises(ClusterError, match=r"^Expected all machines of the cluster to find the dataset .*MELODY_FORGE"):
        sharing.learn(Share(0, 0, 8), lesson, np.zeros(0, np.float32))


def test_a_machine_with_another_keras_is_told_in_one_line(tune_store):
    with pytest.raises(ClusterError, match=r"^Expected Keras 1\.2\.3 on all machines of the cluster"):
        sharing.learn(Share(0, 0, 8), lesson_of(tune_store, "1.2.3"), np.zeros(0, np.float32))


def test_a_team_that_is_lost_leaves_what_was_learnt_to_resume(tune_store, tmp_path):
    class Lost(Here):
        def total(self, call, items, *sent):
            if items[0].step == 25:  # the first of an epoch
                raise ClusterError("The cluster was lost: no processor is left. Run the command again.")
            return super().total(call, items, *sent)

    recipe = recipe_for_shares(dropout=0.2)
    train_model(tune_store, recipe, tmp_path / "whole", team=Here())
    with pytest.raises(ClusterError, match=r"no processor is left\..* With --resume it goes on after step 25\.$"):
        train_model(tune_store, recipe, tmp_path / "parts", team=Lost())
    resume_training(tune_store, tmp_path / "parts", team=Here())
    assert learnt(tmp_path / "parts") == learnt(tmp_path / "whole")


def test_half_precision_is_refused(tune_store, tmp_path):
    with pytest.raises(SettingsError, match="does not go with --precision float16"):
        train_model(tune_store, recipe_for_shares(precision="float16"), tmp_path / "model", team=Here())
