"""Training: it learns, it can be interrupted anywhere, and it works from one piece on."""

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from melodyforge.bundle import HISTORY_FILE, INDEX_FILE, METRICS_FILE, MODEL_FILES, list_models, load_model
from melodyforge.errors import CorpusError, ModelFolderError
from melodyforge.model_state import checkpoint_path
from melodyforge.music.form import NO_FORM
from melodyforge.music.piece import Piece, Track, make_notes
from melodyforge.recipe import load_recipe
from melodyforge.settings import TrainingSettings
from melodyforge.training.checkpoint import FORMAT as CHECKPOINT_FORMAT
from melodyforge.training.checkpoint import read_facts, save_checkpoint
from melodyforge.training.data import RandomChange, num_rows, prepare_data
from melodyforge.training.feeding import Feeder
from melodyforge.training.plan import Plan, describe_plan, make_plan
from melodyforge.training.train import Progress, Watcher, learning_rate, resume_training, train_model
from tests.conftest import small, write_store
from tests.music_samples import tune

pytestmark = pytest.mark.slow


class Interrupt(Watcher):
    """Presses Ctrl-C at a step."""

    def __init__(self, at_step):
        self.at_step = at_step

    def stepped(self, progress, plan, nats, rows_per_second):
        if progress.step == self.at_step:
            raise KeyboardInterrupt


def history(model_dir):
    return list(csv.DictReader(io.StringIO((model_dir / HISTORY_FILE).read_text())))


def test_a_trained_folder_holds_the_five_files_and_falling_losses(tiny_model_dir):
    folder = tiny_model_dir / "tiny"
    assert {path.name for path in folder.iterdir()} == {*MODEL_FILES, INDEX_FILE}
    rows = history(folder)
    assert float(rows[-1]["held_out_nats"]) < 0.5 * float(rows[0]["held_out_nats"])
    metrics = json.loads((folder / METRICS_FILE).read_text())
    assert metrics["held_out_nats"] == pytest.approx(sum(metrics["held_out_nats_by_head"].values()))


def test_the_figure_in_the_metrics_is_the_likelihood_of_the_network_that_composes(tiny_model_dir, tune_store):
    """Keras measured it on windows; the NumPy network must find the same, note by note."""
    model = load_model(tiny_model_dir / "tiny")
    data = prepare_data(tune_store, small("forge"))
    nats, num_notes = 0.0, 0
    for piece in data.held_out["piece"].tolist():
        rows = data.rows[piece]
        window = model.representation.window(rows, 0, len(rows) + 1)
        heading = replace(model.representation.headings[0], form=NO_FORM)
        context, state = model.representation.begin([heading]), model.network.start(1)
        num_notes += len(rows)
        for index in range(len(rows) + 1):
            state = model.network.advance(state, context.inputs())
            for head in model.representation.heads:
                logits = model.network.logits(state, head, context.told(head))[0].astype(float)
                target = window[f"target_{head.name}"][index]
                nats += np.log(np.exp(logits).sum()) - logits[target]
                context.choose(head, np.array([target]))
                if context.has_ended.all():
                    break
            context.commit()
    assert nats / num_notes == pytest.approx(model.metrics["held_out_nats"], abs=1e-3)


def test_an_interrupted_training_goes_on_where_it_stopped(tune_store, tmp_path):
    recipe = small("classic", epochs=2)
    first = train_model(tune_store, recipe, tmp_path / "model", Interrupt(at_step=30))
    assert first.is_interrupted
    seen = []

    class Listener(Watcher):
        def stepped(self, progress, plan, nats, rows_per_second):
            seen.append(progress.step)

    second = resume_training(tune_store, tmp_path / "model", Listener())
    assert not second.is_interrupted
    assert (seen[0], seen[-1]) == (31, 50)
    assert len(history(tmp_path / "model")) == 2


def test_a_resumed_training_ends_like_one_that_ran_through(tune_store, tmp_path):
    recipe = small("classic", epochs=2)
    train_model(tune_store, recipe, tmp_path / "whole")
    train_model(tune_store, recipe, tmp_path / "parts", Interrupt(at_step=25))
    resume_training(tune_store, tmp_path / "parts")
    whole, parts = (history(tmp_path / name)[-1] for name in ("whole", "parts"))
    assert float(whole["held_out_nats"]) == pytest.approx(float(parts["held_out_nats"]), rel=1e-3)


def test_a_model_is_replaced_only_when_told_to_and_kept_until_the_new_one_is_better(tune_store, tmp_path):
    folder, kept = tmp_path / "model", tmp_path / "model-before"
    train_model(tune_store, small("classic", epochs=2), folder)
    first = load_model(folder)
    with pytest.raises(ModelFolderError, match="nothing is replaced unasked"):
        train_model(tune_store, small("classic", epochs=2), folder)
    stopped = train_model(tune_store, small("classic", epochs=1), folder, Interrupt(at_step=2), replace=True)
    assert stopped.is_interrupted
    assert (load_model(folder).hash, load_model(kept).hash) == (first.hash, first.hash)
    worse = train_model(tune_store, small("classic", epochs=1, learning_rate=1e-5), folder, replace=True)
    assert "kept as 'model-before': its validation loss" in worse.former
    assert load_model(folder).hash != first.hash
    assert load_model(kept).hash == first.hash
    better = train_model(tune_store, small("classic", epochs=2), folder, replace=True)
    assert "is removed: its validation loss" in better.former  # the worse one; the first is the user's to delete
    assert list_models(tmp_path) == ["model", "model-before"]


def test_a_model_that_was_kept_along_the_way_is_not_overwritten(tune_store, tmp_path):
    (tmp_path / "model-epoch-1").mkdir()
    with pytest.raises(ModelFolderError, match="'model-epoch-1' already"):
        train_model(tune_store, small("classic", keep_every=1), tmp_path / "model")


def test_minutes_that_are_too_few_to_learn_anything_are_exceeded_and_that_is_said(tune_store, tmp_path):
    class Listener(Watcher):
        def __init__(self):
            self.lines, self.shares = [], []

        def noticed(self, line):
            self.lines.append(line)

        def stepped(self, progress, plan, nats, rows_per_second):
            self.shares.append((progress.learning_share(plan), progress.share(plan)))

    watcher = Listener()
    result = train_model(tune_store, small("classic", epochs=9, minutes=1e-4), tmp_path / "model", watcher)
    assert result.reason == "time limit reached"
    assert len(watcher.shares) == 25  # an epoch
    assert watcher.shares[9][0] == pytest.approx(10 / 25)  # the rate falls over the steps that are taken
    assert all(share < 1 for _, share in watcher.shares[:-1])
    (line,) = watcher.lines
    assert "too few to learn anything: training continues to step 25" in line


def test_share_and_time_left_agree_and_leave_room_for_the_last_measuring():
    plan = Plan(window=32, batch_size=8, transpose=3, steps_per_epoch=10, epochs=10, minutes=None)
    progress = Progress(step=50, seconds=100.0, seconds_to_finish=20.0)
    assert progress.seconds_left(plan) == 120.0
    assert progress.share(plan) == pytest.approx(100 / 220)
    assert Progress(step=100, seconds=180.0, seconds_to_finish=20.0).share(plan) == pytest.approx(0.9)
    short = replace(plan, minutes=2.0)
    assert progress.seconds_left(short) == 40.0
    late = Progress(step=5, seconds=125.0)
    assert late.seconds_left(short) == 125.0  # five more of the least ten steps
    assert Progress().share(plan) == 0.0


def test_resuming_refuses_other_music_a_missing_and_a_damaged_checkpoint(tune_store, tmp_path):
    with pytest.raises(ModelFolderError, match="unfinished training"):
        resume_training(tune_store, tmp_path / "never")
    train_model(tune_store, small("classic", epochs=1), tmp_path / "model", Interrupt(at_step=2))
    other = write_store(tmp_path / "other", [tune(1), tune(2)])
    with pytest.raises(CorpusError, match="other music"):
        resume_training(other, tmp_path / "model")
    path = checkpoint_path(tmp_path / "model")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelFolderError, match="damaged"):
        resume_training(tune_store, tmp_path / "model")


@pytest.mark.parametrize("written", [CHECKPOINT_FORMAT - 1, CHECKPOINT_FORMAT + 1, None])
def test_resuming_refuses_a_checkpoint_of_an_older_or_newer_format_in_a_line(tmp_path, written):
    path = tmp_path / "model.npz"
    save_checkpoint(path, [], {"format": written, "version": "7.0"})
    before = path.read_bytes()
    with pytest.raises(ModelFolderError, match=rf"Received {written}.*'7\.0'.*Go on with that version, or") as caught:
        read_facts(path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize("facts", [b"{", b"\xff", b""])
def test_resuming_refuses_a_checkpoint_that_says_nothing_of_itself(tmp_path, facts):
    path = tmp_path / "model.npz"
    with path.open("wb") as file:
        np.savez(file, **({"facts": np.frombuffer(facts, np.uint8)} if facts else {"0": np.zeros(3)}))
    with pytest.raises(ModelFolderError, match="damaged"):
        read_facts(path)


def test_a_model_is_trained_further_with_its_own_vocabulary(tiny_model_dir, tmp_path):
    store = write_store(tmp_path / "dataset", [tune(index) for index in range(5)])
    source = tiny_model_dir / "tiny"
    recipe = small("classic", epochs=1, learning_rate=1e-5)  # of which only the training counts
    result = train_model(store, recipe, tmp_path / "further", start_from=source)
    further, before = (load_model(folder) for folder in (tmp_path / "further", source))
    assert further.representation.features == before.representation.features
    assert further.representation.sizes == before.representation.sizes
    assert (further.recipe.name, further.recipe.sampling) == ("forge", before.recipe.sampling)
    assert result.metrics["start_nats"] < 3.0
    assert result.metrics["held_out_nats"] < 3.0  # from the beginning, one epoch at this rate would leave 9


@pytest.mark.parametrize("num_pieces", [1, 3])
def test_few_pieces_have_their_ends_held_out(num_pieces, tmp_path):
    store = write_store(tmp_path / "dataset", [tune(0, 24)] * num_pieces)
    data = prepare_data(store, load_recipe("forge"))
    assert not data.is_split_by_piece
    assert data.train["stop"].tolist() == data.held_out["start"].tolist()
    assert num_rows(data.held_out) / num_rows(data.train) == pytest.approx(1 / 9, rel=0.1)
    assert "ends of pieces" in describe_plan(make_plan(data, load_recipe("forge")), data)[0]


def test_among_few_pieces_one_that_holds_nothing_to_learn_is_passed_over(tmp_path):
    drums = Piece(make_notes([(24 * beat, 24, 0, 38, 80) for beat in range(64)]), (Track(0, True),))
    data = prepare_data(write_store(tmp_path / "dataset", [drums, tune(0, 24)]), load_recipe("classic"))
    assert not data.is_split_by_piece
    assert (set(data.train["piece"]), set(data.held_out["piece"])) == ({1}, {1})


def test_training_works_with_one_piece(tmp_path):
    store = write_store(tmp_path / "dataset", [tune(0, 12)])
    result = train_model(store, small("classic", epochs=1), tmp_path / "one")
    assert load_model(tmp_path / "one").metrics["ended_because"] == result.reason


def test_too_little_music_is_said_plainly(tmp_path):
    one_note = Piece(make_notes([(0, 24, 0, 60, 80)]))
    with pytest.raises(CorpusError, match="at least 8 notes"):
        prepare_data(write_store(tmp_path / "dataset", [one_note]), load_recipe("forge"))
    data = prepare_data(write_store(tmp_path / "tune", [tune()]), load_recipe("forge"))
    assert "too little" in describe_plan(make_plan(data, load_recipe("forge")), data)[-1]


def test_the_vocabulary_comes_from_training_pieces_only(tune_store):
    data = prepare_data(tune_store, load_recipe("forge"))
    train = [tune_store[index] for index in data.train["piece"].tolist()]
    assert set(data.representation.vocabulary.durations.values) <= {
        d for piece in train for d in piece.notes["duration"]
    }
    assert not set(data.train["piece"]) & set(data.held_out["piece"])


def test_batches_are_the_same_for_a_step_and_differ_between_steps(tune_store):
    data = prepare_data(tune_store, load_recipe("forge"))
    change = RandomChange(seed=1, max_semitones=3, max_stretch=0.05)
    first, again, other = (data.train_batch(step, 32, 4, change) for step in (5, 5, 6))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["target_pitch"], other["target_pitch"])


def test_processes_make_the_batches_that_would_be_made_without_them(tune_store):
    recipe = load_recipe("forge")
    data = prepare_data(tune_store, recipe)
    plan = make_plan(data, recipe)
    with closing(Feeder(data, plan, recipe)) as here, closing(Feeder(data, plan, recipe, num_processes=2)) as beside:
        with ThreadPoolExecutor(beside.num_threads) as threads:
            made = list(threads.map(beside.batch, range(4)))
        for step, batch in enumerate(made):
            expected = here.batch(step)
            assert batch.keys() == expected.keys()
            assert all(np.array_equal(batch[name], expected[name]) for name in batch)


def test_the_end_of_a_piece_is_learnt_nearly_as_often_as_its_middle(tmp_path):
    data = prepare_data(write_store(tmp_path / "dataset", [tune(num_bars=60)] * 2), load_recipe("forge"))
    window, num_windows = 64, 20_000
    (span,) = {(first, stop) for _, first, stop in data.train.tolist()}
    rng, asked = np.random.default_rng(0), np.zeros(span[1])
    for _ in range(num_windows):
        start = data._random_start(rng, *span, window)
        assert span[0] <= start < span[1]
        asked[start : start + window] += 1
    middle = asked[2 * window : -2 * window].mean()
    assert asked[span[0]] > middle  # beginnings more often
    assert asked[-1] > 0.6 * middle
    assert asked[-window:].mean() > 0.8 * middle


def test_held_out_batches_are_smaller_where_a_network_says_a_lot(tune_store, monkeypatch):
    data = prepare_data(tune_store, load_recipe("forge"))
    asked = sum((batch["target_shift"] >= 0).sum() for batch in data.held_out_batches(3))
    monkeypatch.setattr("melodyforge.training.data.MAX_LOGITS", 1)
    batches = list(data.held_out_batches(3))
    assert all(len(batch["target_shift"]) == 1 for batch in batches)
    assert sum((batch["target_shift"] >= 0).sum() for batch in batches) == asked


def test_held_out_batches_ask_for_every_row_once(tune_store):
    data = prepare_data(tune_store, load_recipe("forge"))
    asked = sum((batch["target_shift"] >= 0).sum() for batch in data.held_out_batches(3))
    assert asked == num_rows(data.held_out)


def test_encoded_rows_are_read_again_and_not_made_again(tune_store):
    prepare_data(tune_store, load_recipe("forge"))
    (folder,) = tune_store.folder.glob("rows-*")
    before = folder.stat().st_mtime_ns
    prepare_data(tune_store, load_recipe("forge"))
    assert folder.stat().st_mtime_ns == before


def test_the_learning_rate_rises_then_falls():
    settings = TrainingSettings(learning_rate=1.0, warmup=0.1)
    rates = [learning_rate(settings, share) for share in (0.0, 0.05, 0.1, 0.5, 1.0)]
    assert rates[0] < rates[1] < rates[2] == 1.0
    assert rates[2] > rates[3] > rates[4] == pytest.approx(0.02)


def test_the_plan_suits_the_number_of_notes_and_wishes_come_first(tune_store):
    data = prepare_data(tune_store, load_recipe("forge"))
    plan = make_plan(data, load_recipe("forge"))
    assert plan.window <= 128
    assert plan.steps_per_epoch == 25
    wished = load_recipe("forge").training.changed(window=20, batch_size=3, epochs=7, transpose=0)
    plan = make_plan(data, load_recipe("forge").model_copy(update={"training": wished}))
    assert (plan.window, plan.batch_size, plan.epochs, plan.transpose) == (20, 3, 7, 0)
