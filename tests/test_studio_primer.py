"""What a visitor's file may do to the page that reads it."""

from __future__ import annotations

import pytest

pytest.importorskip("streamlit")

import streamlit as st
from streamlit.testing.v1 import AppTest

from melodyforge.music import load
from tests.midi_bytes import midi, off, on, track


@pytest.fixture(autouse=True)
def fresh_cache():
    st.cache_data.clear()
    yield
    st.cache_data.clear()


def show() -> None:
    from melodyforge.studio.primer import primer

    primer()


def upload(name: str, data: bytes) -> AppTest:
    page = AppTest.from_function(show)
    page.session_state["primer_way"] = "a file"
    page.run(timeout=240)
    page.file_uploader[0].set_value((name, data, "audio/midi")).run(timeout=240)
    assert not page.exception
    return page


def notes(number):
    """A MIDI file of so many notes."""
    return midi(track(*[event for one in range(number) for event in ((0, on(one % 100)), (1, off(one % 100)))]))


def test_file_that_takes_too_long_is_not_read_again_at_every_click(monkeypatch):
    monkeypatch.setattr(load, "READ_SECONDS", 0.0)  # in a thousandth, a process that runs already reads a few notes
    page = upload("tune.mid", notes(2000))
    assert "took too long" in page.error[0].value
    monkeypatch.setattr(load, "READ_SECONDS", 60.0)
    page.run(timeout=240)
    assert "took too long" in page.error[0].value


def test_more_music_than_a_composer_can_soon_read_is_refused():
    page = upload("many.mid", notes(6000))
    assert "Expected at most 5,000 notes" in page.error[0].value


def show_all() -> None:
    import streamlit as st

    from melodyforge.studio.primer import primer

    st.session_state["start"] = primer(can_keep=True)


@pytest.mark.parametrize(
    ("task", "keeps"),
    [("what follows", {}), ("bars", {"redo_bars": "5-8"}), ("tracks", {"keep_tracks": ["1"]})],
)
def test_what_is_done_with_a_file_is_said_as_a_setting(task, keeps):
    page = AppTest.from_function(show_all)
    page.session_state["primer_way"], page.session_state["primer_task"] = "a file", task
    page.run(timeout=240)
    file = (
        "tune.mid",
        midi(track(*[event for one in range(32) for event in ((0, on(60 + one % 7)), (480, off(60 + one % 7)))])),
    )
    page.file_uploader[0].set_value((*file, "audio/midi")).run(timeout=240)
    assert not page.exception
    assert page.session_state["start"].keeps == keeps
    if task == "tracks":
        page.multiselect[0].set_value([]).run(timeout=240)
        assert "Choose a track" in page.session_state["start"].problem
