"""Long work on the folder of music that the studio starts."""

from types import SimpleNamespace

import pytest

from melodyforge.studio import work


@pytest.fixture
def reading(monkeypatch):
    """A task that is at work, and the names of those that are started."""
    task, started = SimpleNamespace(is_running=True, error="", log=""), []
    monkeypatch.setattr(work, "find_task", lambda _: task)
    monkeypatch.setattr(work, "start_task", lambda name, _: started.append(name))
    monkeypatch.setattr(work.st, "rerun", lambda: None)
    return task, started


def test_what_changes_while_the_folder_is_read_is_read_afterwards(reading):
    task, started = reading
    work.start_reading()  # a file was put back
    work.start_reading()  # and another
    assert started == []
    task.is_running = False
    for _ in range(2):
        work.watch(work.READ, "Reading")
    assert started == [work.READ]
