"""What becomes of that which is done on a roll."""

import pytest

pytest.importorskip("streamlit")

import streamlit as st

from melodyforge.composition import Composition
from melodyforge.errors import MelodyForgeError
from melodyforge.studio import editing, shared
from melodyforge.workshop.takes import Takes
from tests.music_samples import tune

ORIGIN = {"model": "tiny", "model_hash": "", "settings": {"seed": 1}, "index": 0}


@pytest.fixture
def takes(tmp_path, monkeypatch):
    kept = Takes(tmp_path / "takes.sqlite")
    monkeypatch.setattr(shared, "takes", lambda: kept)
    return kept


@pytest.fixture
def told(monkeypatch):
    words = []
    monkeypatch.setattr(st, "toast", lambda text, **_: words.append(text))
    return words


@pytest.fixture
def take(takes):
    return takes.get("me", takes.add("me", Composition(tune(0, 4)).with_origin(ORIGIN)))


def send(take, number: int, /, *changes, **other) -> None:
    message = {"id": "1", "take": take.id, "created_at": take.created_at, "version": number, "changes": [*changes]}
    editing._receive("me", message | other)


def higher(take) -> dict:
    """The first note a semitone higher."""
    row = list(take.piece.notes[0].tolist())
    return {"kind": "moved", "removed": [row], "added": [[*row[:3], row[3] + 1, *row[4:]]]}


def test_an_edit_is_what_is_downloaded_and_gone_on_from_until_it_is_undone(takes, take, told):
    send(take, 0, higher(take))
    edited = takes.get("me", take.id)
    assert edited.piece.notes["pitch"].sum() == take.piece.notes["pitch"].sum() + 1
    assert edited.origin == ORIGIN | {"edited": True}
    assert edited.piece.name == take.name
    send(take, 1, {"turn": "undo"})
    assert takes.get("me", take.id).midi == take.midi
    send(take, 0, {"turn": "redo"}, higher(edited))
    assert takes.get("me", take.id).version == 2
    assert not told


def test_who_comes_later_of_two_tabs_is_told_and_both_versions_stay(takes, take, told):
    send(take, 0, {"bars": [0, 0], "act": "copy"})
    assert not told
    send(take, 0, higher(take))
    assert len(told) == 1
    assert "another tab" in told[0]
    known = takes.versions("me", take.id)
    assert [(one.number, one.parent) for one in known] == [(0, None), (1, 0), (2, 0)]
    assert len(takes.get("me", take.id).piece) == len(take.piece)


@pytest.mark.parametrize(
    ("change", "other"),
    [
        ({"turn": "around"}, {}),
        ("all", {}),
        ({"removed": []}, {"version": 7}),
        ({"turn": "undo"}, {"take": 99}),
        ({"turn": "undo"}, {"created_at": 5.0}),
        ({"turn": "undo"}, {"changes": None}),
        ({"turn": "undo"}, {"version": "newest"}),
    ],
)
def test_what_no_page_sends_and_what_is_gone_changes_nothing(takes, take, told, change, other):
    with pytest.raises(MelodyForgeError, match=r"reload the page|any more"):
        send(take, 0, change, **other)
    assert takes.get("me", take.id) == take


def test_a_player_is_told_what_it_may_do(takes, take, told, monkeypatch):
    monkeypatch.setattr(st, "session_state", {})
    assert {way: editing.editing("me", take, take.piece)[way] for way in ("undo", "redo")} == {"undo": "", "redo": ""}
    send(take, 0, higher(take), {"bars": [0, 0], "act": "copy"})
    send(take, 2, {"turn": "undo"})
    now = takes.get("me", take.id)
    about = editing.editing("me", now, now.piece)
    assert (about["undo"], about["redo"], about["version"]) == ("1 note changed", "1 bar copied", 1)
    assert about["notes"] == [list(row) for row in now.piece.notes.tolist()]
    assert about["tempos"][0][:2] == [0, 0.0]
