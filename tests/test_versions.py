"""The versions of takes: what was changed, undone and done instead."""

import contextlib
import sqlite3
import threading

import pytest

from melodyforge.composition import Composition
from melodyforge.errors import TakeError
from melodyforge.workshop import versions as versions_module
from melodyforge.workshop.takes import STEPS, Takes
from melodyforge.workshop.versions import after, before
from tests.music_samples import gridded_piece


@pytest.fixture
def takes(tmp_path):
    return Takes(tmp_path / "takes.sqlite")


@pytest.fixture
def take(takes):
    return takes.add("me", Composition(gridded_piece()))


def tree(takes: Takes, take: int) -> list[tuple[int, int | None, str]]:
    return [(one.number, one.parent, one.made) for one in takes.versions("me", take)]


def test_a_take_that_was_never_changed_is_its_only_version(takes, take):
    assert tree(takes, take) == [(0, None, "")]
    assert takes.version("me", take, 0) == takes.get("me", take).midi
    assert takes.get("me", take).version == 0


def test_changes_are_undone_redone_and_done_otherwise_and_nothing_is_lost(takes, take):
    first = takes.get("me", take).midi
    assert takes.change("me", take, 0, "1 note added", b"one") == 1
    assert takes.change("me", take, 1, "1 note moved", b"two") == 2
    known = Takes(takes._path).versions("me", take)  # as after a restart
    assert [before(known, number) for number in range(3)] == [None, 0, 1]
    assert [after(known, number) for number in range(3)] == [1, 2, None]
    takes.turn_to("me", take, 0)
    assert (takes.get("me", take).midi, takes.get("me", take).version) == (first, 0)
    assert takes.change("me", take, 0, "2 notes deleted", b"other") == 3
    assert tree(takes, take)[1:] == [(1, 0, "1 note added"), (2, 1, "1 note moved"), (3, 0, "2 notes deleted")]
    assert [takes.version("me", take, number) for number in range(4)] == [first, b"one", b"two", b"other"]
    assert after(takes.versions("me", take), 0) == 3


def test_what_was_composed_anew_begins_with_what_it_was_before(takes, take):
    old = takes.get("me", take)
    made = Composition(gridded_piece(2)).with_origin(
        {
            "model": "",
            "model_hash": "",
            "settings": {},
            "index": 0,
            "continues": {"take": take, "name": "A", "anew": "2-3"},
        }
    )
    number = takes.add("me", made, changed=old)
    assert tree(takes, number) == [(0, None, old.name), (1, 0, "new bars 2-3")]
    takes.turn_to("me", number, 0)
    assert takes.get("me", number).midi == old.midi
    takes.delete("me", take)
    takes.turn_to("me", number, 1)
    assert takes.get("me", number).midi == made.to_midi()


def test_nobody_changes_the_takes_of_others_or_what_is_gone(takes, take):
    for number, owner in ((take, "you"), (take + 1, "me")):
        for act in (takes.versions, lambda *who: takes.change(*who, 0, "", b""), lambda *who: takes.turn_to(*who, 0)):
            with pytest.raises(TakeError, match="not there any more"):
                act(owner, number)
    with pytest.raises(TakeError, match="not any more"):
        takes.turn_to("me", take, 5)
    takes.change("me", take, 0, "", b"one")
    takes.delete("you", take)
    assert len(takes.versions("me", take)) == 2
    takes.delete("me", take)
    assert takes.add("me", Composition(gridded_piece(1))) == take  # the number is free again
    assert len(takes.versions("me", take)) == 1


def test_the_oldest_of_very_many_versions_go(takes, take, monkeypatch):
    monkeypatch.setattr(versions_module, "MAX_VERSIONS", 3)
    for parent in range(5):
        takes.change("me", take, parent, "", b"%d" % parent)
    known = takes.versions("me", take)
    assert [one.number for one in known] == [3, 4, 5]
    assert before(known, 3) is None


def test_many_changes_at_once_are_all_kept(takes, take):
    threads = [threading.Thread(target=takes.change, args=("me", take, 0, "", b"%d" % index)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = {takes.version("me", take, number) for number in range(1, 9)}
    assert kept == {b"%d" % index for index in range(8)}


def test_takes_of_before_there_were_versions_are_their_own(tmp_path):
    path = tmp_path / "takes.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as database:
        for statement in STEPS[0]:
            database.execute(statement)
        values = ("me", 1.0, "Old", Composition(gridded_piece()).to_midi())
        database.execute("INSERT INTO takes (owner, created_at, name, midi) VALUES (?, ?, ?, ?)", values)
        database.execute("PRAGMA user_version = 1")
        database.commit()
    takes = Takes(path)
    (old,) = takes.of("me")
    assert (old.name, old.version, tree(takes, old.id)) == ("Old", 0, [(0, None, "")])
    takes.change("me", old.id, 0, "1 note added", b"one")
    assert takes.version("me", old.id, 0) == old.midi
