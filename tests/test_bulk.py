"""Composing many pieces: what is there is not composed again, and nothing is mixed."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

import melodyforge
from melodyforge import bulk as bulk_module
from melodyforge.bulk import Bulk, Shelf, compose_in_bulk
from melodyforge.compose import compose
from melodyforge.composing.wishes import default_settings
from melodyforge.errors import BusyError, SettingsError
from melodyforge.folders import hold
from melodyforge.guard import Guard


@pytest.fixture(scope="module")
def starter():
    return melodyforge.load("starter")


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(bulk_module, "SHARD_PIECES", 2)


def asked(model, num_pieces: int = 5, **settings) -> Bulk:
    usual = {"num_notes": 8, "effort": "quick", "seed": 3}
    return Bulk(model, default_settings(model, num_pieces=num_pieces, **usual | settings), [".mid"])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.mid")}


def test_a_run_that_was_stopped_goes_on_with_the_very_pieces(starter, tmp_path):
    alone = compose(starter, asked(starter).settings)
    shelf = Shelf(tmp_path / "tune.mid")

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compose_in_bulk(asked(starter), shelf, Guard(1), stop)
    before = contents(tmp_path)
    assert sorted(before) == ["tune_1.mid", "tune_2.mid", "tune_3.mid"]
    assert compose_in_bulk(asked(starter), shelf, Guard(1)).num_pieces == 2
    assert contents(tmp_path) == {f"tune_{number}.mid": one.to_midi() for number, one in enumerate(alone, start=1)}
    assert compose_in_bulk(asked(starter, 6), shelf, Guard(1)).num_pieces == 1


def test_files_of_other_runs_are_not_taken_for_pieces_of_this_one(starter, tmp_path):
    (tmp_path / "tune_1.mid").write_bytes(b"old")
    shelf = Shelf(tmp_path / "tune.mid")
    assert compose_in_bulk(asked(starter, 2), shelf, Guard(1)).num_pieces == 2
    assert b"old" not in contents(tmp_path).values()
    with pytest.raises(SettingsError, match=r"another temperature\. Give the same as in tune\.json"):
        compose_in_bulk(asked(starter, 2, temperature=0.5), shelf, Guard(1))
    shelf.settings_path.write_text(json.dumps(["mine"]))
    with pytest.raises(SettingsError, match="another --output"):
        compose_in_bulk(asked(starter, 2), shelf, Guard(1))


def test_two_runs_do_not_fill_one_shelf(starter, tmp_path):
    shelf, is_held, is_over = Shelf(tmp_path / "tune.mid"), threading.Event(), threading.Event()

    def occupy() -> None:
        with hold(shelf.path):
            is_held.set()
            is_over.wait(30)

    other = threading.Thread(target=occupy)
    other.start()
    is_held.wait(30)
    with pytest.raises(BusyError, match="Another process composes"):
        compose_in_bulk(asked(starter), shelf, Guard(1))
    is_over.set()
    other.join()
