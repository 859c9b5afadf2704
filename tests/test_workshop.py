"""What the studio does behind its pages: jobs, the history, tasks, models and the folder of music."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import wave
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from melodyforge.bundle import MODEL_FILES, STARTER_NAME, load_model, read_model
from melodyforge.compose import compose
from melodyforge.composing.wishes import default_settings
from melodyforge.composition import Composition, read_origin
from melodyforge.corpus.files import find_music_files
from melodyforge.corpus.prepare import prepare_corpus
from melodyforge.errors import BusyError, CorpusError, ModelFolderError, SettingsError, TakeError, TaskError
from melodyforge.folders import hold, lock_path
from melodyforge.model_state import checkpoint_path
from melodyforge.music.midi import read_midi, write_midi
from melodyforge.music.mix import mix_of
from melodyforge.music.piece import Piece, Track, make_notes
from melodyforge.places import STARTER_DIR
from melodyforge.workshop import composers as composing
from melodyforge.workshop import sounds as rendered
from melodyforge.workshop import takes as takes_module
from melodyforge.workshop.cards import OF_THE_STARTER, cards_of, example_file
from melodyforge.workshop.composers import ENDED, NUM_FIRST_ROWS, Composers
from melodyforge.workshop.jobs import MAX_JOBS_OF_ONE, Job, JobQueue, State
from melodyforge.workshop.models import delete_model, export_model, import_model, rename_model
from melodyforge.workshop.music_folder import (
    DAYS_KEPT,
    REMOVED,
    add_files,
    list_removed,
    open_dataset,
    put_back,
    relabel_file,
    remove_file,
    summarise,
)
from melodyforge.workshop.sounds import KeptSound, Sounds
from melodyforge.workshop.takes import Take, Takes, title_of
from melodyforge.workshop.tasks import find_task, forget_task, list_tasks, start_task, take_back, tasks_before
from melodyforge.workshop.trainings import (
    QUEUE,
    Training,
    estimated_minutes,
    free_training_name,
    list_trainings,
    start_training,
)
from melodyforge.workshop.turns import Turns
from tests.music_samples import gridded_piece, tune

pytestmark = pytest.mark.slow

PATIENCE_S = 120


@pytest.fixture(scope="module")
def model(tiny_model_dir):
    return load_model(tiny_model_dir / "tiny")


@pytest.fixture
def takes(tmp_path):
    return Takes(tmp_path / "takes.sqlite")


@pytest.fixture
def models_dir(tiny_model_dir, tmp_path):
    shutil.copytree(tiny_model_dir / "tiny", tmp_path / "models" / "tiny")
    return tmp_path / "models"


def wait_until(is_so):
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)


def job_for(model, keep=lambda composition: 1, primer=None, owner="", **wishes):
    return Job(model, default_settings(model, **{"seed": 0} | wishes), primer, keep, owner)


def composition(index: int = 0) -> Composition:
    return Composition(gridded_piece(index))


# ---- jobs -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def composers():
    """One process that composes, for all tests that leave it whole: it takes seconds to start."""
    return Composers(1)


@pytest.fixture
def queue(composers):
    """A queue with one process; what a test leaves in it is stopped."""
    queue = JobQueue()
    queue.composers = composers
    yield queue
    for job in [*queue._jobs]:
        job.stop()
    wait_until(lambda: not queue.num_at_work)


def test_a_job_composes_and_keeps_every_take(queue, model):
    kept = []
    job = job_for(model, lambda one: kept.append(one) or len(kept), num_notes=20, num_pieces=3)
    queue.submit(job)
    wait_until(lambda: job.is_over)
    assert (job.state, job.take_ids, job.error) == (State.DONE, [1, 2, 3], "")
    assert kept == job.compositions
    assert len(job.piece()) == len(kept[0].piece)


def test_a_job_can_be_watched_and_stopped(queue, model):
    job = job_for(model, num_notes=50_000)
    queue.submit(job)
    wait_until(lambda: job.num_notes > 20)
    assert 0 < len(job.piece()) < 50_000
    job.stop()
    wait_until(lambda: job.is_over)
    assert job.state == State.DONE
    assert 20 < len(job.compositions[0].piece) < 50_000


def test_what_cannot_be_composed_is_said(composers, model):
    job = job_for(model, num_notes=10, style="jazz")
    job.run(composers)
    assert job.state == State.FAILED
    assert "jazz" in job.error


def test_a_bug_does_not_leave_the_user_waiting(composers, model, capsys):
    def keep(_):
        raise ZeroDivisionError

    job = job_for(model, keep, num_notes=10)
    job.run(composers)
    assert job.state == State.FAILED
    assert "ZeroDivisionError" in job.error
    assert "Traceback" in capsys.readouterr().err


def test_the_queue_is_bounded(composers, model):
    queue = JobQueue(max_jobs=2)
    queue.composers = composers
    first, second, third = (job_for(model, num_notes=50_000) for _ in range(3))
    queue.submit(first)
    queue.submit(second)
    with pytest.raises(BusyError, match="At most 2"):
        queue.submit(third)
    first.stop()
    wait_until(lambda: first.is_over)
    wait_until(lambda: queue.num_at_work < 2)
    queue.submit(third)
    second.stop()
    third.stop()


def test_one_visitor_cannot_fill_the_queue(queue, model):
    jobs = [job_for(model, owner="me", num_notes=50_000) for _ in range(MAX_JOBS_OF_ONE)]
    for job in jobs:
        queue.submit(job)
    with pytest.raises(BusyError, match="of your pieces"):
        queue.submit(job_for(model, owner="me", num_notes=5))
    short = job_for(model, owner="you", num_notes=5)
    queue.submit(short)
    wait_until(lambda: short.is_over)


def test_everybody_gets_first_notes_before_anybody_gets_the_rest(queue, model):
    jobs = [job_for(model, num_notes=50_000) for _ in range(5)]
    for job in jobs:
        queue.submit(job)
    wait_until(lambda: all(job.num_notes >= NUM_FIRST_ROWS for job in jobs))
    wait_until(lambda: jobs[0].num_notes > 500)
    assert max(job.num_notes for job in jobs[1:]) < 5 * NUM_FIRST_ROWS  # a turn more where a starved one was away


def test_short_pieces_come_before_long_ones_and_first_ones_before_second_ones(queue, model):
    ended = []
    wanted = {"long": ("me", 20_000), "mine": ("me", 300), "yours": ("you", 300), "short": ("you", 60)}
    jobs = {
        name: job_for(model, lambda _, name=name: ended.append(name) or 1, owner=owner, num_notes=number)
        for name, (owner, number) in wanted.items()
    }
    for job in jobs.values():
        queue.submit(job)
    wait_until(lambda: len(ended) == 3)
    assert ended == ["short", "yours", "mine"]


def test_who_waits_sees_place_and_time(queue, model):
    jobs = [job_for(model, num_notes=50_000) for _ in range(3)]
    for job in jobs:
        queue.submit(job)
    outlooks = [queue.outlook(job) for job in jobs]
    assert [outlook.num_before for outlook in outlooks] == [0, 1, 2]
    assert outlooks[0].seconds < outlooks[1].seconds < outlooks[2].seconds
    wait_until(lambda: jobs[1].num_notes >= NUM_FIRST_ROWS)
    wait_until(lambda: jobs[0].is_growing and not jobs[1].is_growing)
    jobs[0].stop()
    wait_until(lambda: queue.num_at_work == 2)
    assert queue.outlook(jobs[1]).num_before == 0


def test_what_nobody_looks_at_comes_after_what_somebody_waits_for(queue, model, monkeypatch):
    monkeypatch.setattr("melodyforge.workshop.jobs.LOOKED_AT_S", 0.5)
    left, watched = job_for(model, num_notes=50_000), job_for(model, num_notes=50_000)
    for job in (left, watched):
        queue.submit(job)

    def watched_has_more():
        watched.wait_for_notes(0)
        return watched.num_notes > 1000

    wait_until(watched_has_more)
    seen = left.num_notes
    wait_until(lambda: watched.wait_for_notes(0) or watched.num_notes > 2000)
    assert left.num_notes <= seen + 1  # what was on its way


def test_a_job_that_waits_is_stopped_at_once(queue, model):
    jobs = [job_for(model, num_notes=50_000) for _ in range(2)]
    for job in jobs:
        queue.submit(job)
    wait_until(lambda: jobs[0].num_notes > NUM_FIRST_ROWS)
    jobs[1].stop()
    wait_until(lambda: jobs[1].is_over)
    assert (jobs[0].is_over, jobs[1].error) == (False, "")


def test_a_process_that_dies_is_replaced_and_the_music_composed_after_all(model):
    composers = Composers(1)
    job = job_for(model, num_notes=600)
    thread = threading.Thread(target=job.run, args=(composers,))
    thread.start()
    wait_until(lambda: job.num_notes > 0)
    composers._processes[0]._process.kill()
    thread.join(PATIENCE_S)
    assert (job.state, job.error) == (State.DONE, "")
    assert len(job.compositions) == 1


def test_a_process_that_dies_again_and_again_gives_a_line(model):
    composers = Composers(1)
    job = job_for(model, num_notes=50_000)
    thread = threading.Thread(target=job.run, args=(composers,))
    thread.start()
    for _ in range(composing.NUM_TRIES):
        job.growing = None
        wait_until(lambda: job.num_notes > 0)
        composers._processes[0]._process.kill()
    thread.join(PATIENCE_S)
    assert job.state == State.FAILED
    assert job.error.startswith("The process that composes ended twice")


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs a signal that holds a process up")
def test_nobody_waits_for_ever_for_a_process_that_hangs(model, monkeypatch):
    composers = Composers(1)
    job_for(model, num_notes=5).run(composers)  # it is there, and has loaded the model
    hanging = composers._processes[0]
    os.kill(hanging._process.pid, signal.SIGSTOP)
    monkeypatch.setattr(composing, "MAX_SILENT_S", 1.0)
    job = job_for(model, num_notes=5)
    thread = threading.Thread(target=job.run, args=(composers,))
    thread.start()
    wait_until(lambda: hanging.mail.is_closed)
    monkeypatch.undo()
    thread.join(PATIENCE_S)
    assert (job.state, job.error) == (State.DONE, "")


def test_nobody_waits_for_a_process_that_ended_while_it_was_asked(model):
    process = Composers(1)._running(0)
    process._process.kill()
    wait_until(lambda: process.mail.is_closed)
    _, answers = process.ask(job_for(model, num_notes=5))
    assert answers.get(timeout=PATIENCE_S) == (ENDED,)


def test_a_thread_that_does_not_come_back_holds_nobody_up():
    turns = Turns()
    turns.enter(1, due=1.0)
    turns.enter(2, due=2.0)
    turns.wait(1)  # and never again: it reads a long primer
    assert turns.must_wait(2)
    turns.wait(2)
    assert not turns.must_wait(2)


def test_two_at_once_get_what_each_gets_alone(model):
    jobs = [job_for(model, num_notes=60, seed=seed) for seed in range(4)]
    queue = JobQueue()
    for job in jobs:
        queue.submit(job)
    wait_until(lambda: all(job.is_over for job in jobs))
    for job in jobs:
        assert job.compositions[0].to_midi() == compose(model, job.settings)[0].to_midi()


# ---- takes ----------------------------------------------------------------------------------------------------------


def test_a_take_comes_back_as_it_was(model, takes):
    (made,) = compose(model, default_settings(model, num_notes=30, seed=5), tune())
    number = takes.add("me", made, tune())
    (take,) = Takes(takes._path).of("me")  # as after a restart
    assert take.id == number
    assert take.midi == made.to_midi()
    assert take.origin["settings"]["seed"] == 5
    assert [notice for notice in take.notices if notice not in take.originality] == made.notices
    assert len(take.originality) == 2
    assert take.primer.notes.tolist() == tune().notes.tolist()


@pytest.mark.parametrize(
    ("notes", "style", "title"),
    [
        ([(0, 96, 1, 36, 80)], "", "Drums, at 120 beats a minute"),
        ([(0, 96, 1, 36, 80)], "rock", "Rock, at 120 beats a minute"),
        ([(0, 96, 0, 60, 80), (0, 96, 0, 64, 80), (0, 96, 0, 67, 80)], "string-quartets", "String quartets, "),
        ([], "", "Music, at 120 beats a minute"),
    ],
    ids=["drums", "drums-with-style", "pitched", "empty"],
)
def test_what_has_no_pitch_has_neither_key_nor_mood(notes, style, title):
    named = title_of(Piece(make_notes(notes), (Track(), Track(is_drum=True)), style=style))
    assert named.startswith(title)
    assert (named == title) is not ("in C major" in named)


def test_nobody_sees_or_changes_the_takes_of_others(takes):
    number = takes.add("me", composition())
    takes.rename("you", number, "mine now")
    takes.rate("you", number, 5)
    takes.delete("you", number)
    assert takes.of("you") == []
    with pytest.raises(TakeError, match="one of yours"):
        takes.get("you", number)
    with pytest.raises(TakeError, match="one of yours"):
        takes.zip("you", [number])
    take = takes.get("me", number)
    assert (take.rating, "mine" in take.name) == (0, False)


def test_takes_are_named_rated_and_deleted(takes):
    numbers = [takes.add("me", composition(index)) for index in range(3)]
    takes.rename("me", numbers[0], "  The \n best " + "x" * 200)
    takes.rate("me", numbers[0], 5)
    takes.delete("me", numbers[1])
    assert [take.id for take in takes.of("me")] == [numbers[2], numbers[0]]
    take = takes.get("me", numbers[0])
    assert take.name.startswith("The best xxx")
    assert (len(take.name), take.rating) == (80, 5)
    with pytest.raises(TakeError, match="name"):
        takes.rename("me", numbers[0], " \n ")
    with pytest.raises(TakeError, match="0 to 5"):
        takes.rate("me", numbers[0], 6)


def test_keys_that_differ_by_a_sign_alone_give_files_of_different_names():
    keys = ("B minor", "B♭ minor", "F♯ minor")
    names = {Take(id=1, created_at=0.0, name=f"Folk, in {key}", midi=b"").file_name for key in keys}
    assert names == {"Folk_in_B_minor", "Folk_in_B-flat_minor", "Folk_in_F-sharp_minor"}


def test_a_zip_holds_every_take_under_a_name_of_its_own(takes):
    numbers = [takes.add("me", composition(index)) for index in range(3)]
    for number in numbers:
        takes.rename("me", number, "../same: name?")
    with zipfile.ZipFile(io.BytesIO(takes.zip("me", numbers))) as archive:
        assert archive.namelist() == ["same_name.mid", f"same_name-{numbers[1]}.mid", f"same_name-{numbers[2]}.mid"]
        assert archive.read("same_name.mid") == takes.get("me", numbers[0]).midi


def spoilt(kind, path):
    """Makes a file that is no sound history of takes; gives its bytes."""
    if kind == "a diary":
        path.write_text("my diary, " * 200)
    elif kind == "another database":
        with contextlib.closing(sqlite3.connect(path)) as database, database:
            database.execute("CREATE TABLE addresses (name TEXT)")
    else:
        takes = Takes(path)
        for index in range(30):
            takes.add("me", composition(index))
        data = bytearray(path.read_bytes())
        if kind == "cut off":
            data = data[: len(data) // 2]
        elif kind == "garbage in the middle":
            data[4096 : len(data) - 4096] = os.urandom(len(data) - 8192)
        elif kind == "of a newer version":
            data[60:64] = (99).to_bytes(4)  # user_version (SQLite's file format, section 1.3)
        path.write_bytes(data)
    return path.read_bytes()


@pytest.mark.parametrize(
    "kind", ["a diary", "another database", "cut off", "garbage in the middle", "of a newer version"]
)
def test_a_file_that_is_no_sound_history_gives_a_line_and_is_left_alone(tmp_path, kind):
    path = tmp_path / "takes.sqlite"
    before = spoilt(kind, path)
    takes = Takes(path)
    for read in (lambda: takes.of("me"), lambda: takes.get("me", 1), lambda: takes.rate("me", 1, 3)):
        with pytest.raises(TakeError, match=r"history of takes.*Move the file away to begin a new one") as caught:
            read()
        assert "\n" not in str(caught.value)
        assert ("Use the newer Melody Forge that wrote it" in str(caught.value)) is (kind == "of a newer version")
    number = takes.add("me", composition())
    held = takes.get("me", number)
    assert "Nothing in it was changed" in held.not_kept
    assert path.read_bytes() == before
    path.rename(tmp_path / "aside")  # as the line says; without a new start
    later = takes.add("me", composition(1))
    assert [take.midi for take in Takes(path).of("me")] == [takes.get("me", n).midi for n in (later, number)]
    assert takes.get("me", number).not_kept == ""


@contextlib.contextmanager
def held_by_another_program(path):
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


@contextlib.contextmanager
def nothing_can_grow(path):
    """What the system answers is not what a full disk does, but it is as final."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def folder_in_the_way(path):
    path.rename(path.with_suffix(".aside"))
    path.mkdir()
    yield
    path.rmdir()
    path.with_suffix(".aside").rename(path)


@pytest.mark.parametrize("trouble", [held_by_another_program, nothing_can_grow, folder_in_the_way])
def test_what_the_history_does_not_take_is_held_and_written_later(takes, monkeypatch, trouble):
    monkeypatch.setattr("melodyforge.workshop.takes.SECONDS_TO_WAIT", 0.1)
    first = takes.add("me", composition(0))
    with trouble(takes._path):
        numbers = [takes.add("me", composition(index)) for index in range(1, 10)]
        held = [takes.get("me", number) for number in numbers[-3:]]
        assert all(take.not_kept.startswith("Expected a history of takes") for take in held)
        takes.rename("me", numbers[-1], "loud")
        takes.rate("me", numbers[-1], 4)
        takes.delete("me", numbers[-2])
        with pytest.raises(TakeError):
            takes.get("you", numbers[-1])
    takes.write_held()
    kept = Takes(takes._path).of("me")
    assert len(kept) == 9
    assert (kept[0].name, kept[0].rating, kept[0].midi) == ("loud", 4, held[2].midi)
    assert kept[-1].id == first
    assert takes.get("me", numbers[-1]).id == kept[0].id


def test_a_history_of_an_older_version_is_backed_up_before_it_is_changed(takes, monkeypatch):
    takes.add("me", composition())
    before = Takes(takes._path).of("me")
    newer = (*takes_module.STEPS, ("ALTER TABLE takes ADD COLUMN color TEXT",))
    monkeypatch.setattr(takes_module, "STEPS", newer)
    monkeypatch.setattr(takes_module, "VERSION", len(newer))
    backup = takes._path.with_name("takes.sqlite.v2.bak")
    backup.write_text("of another time")
    assert Takes(takes._path).of("me") == before
    with contextlib.closing(sqlite3.connect(takes._path)) as database:
        assert database.execute("SELECT color FROM takes").fetchall() == [(None,)]
    monkeypatch.undo()
    assert backup.read_text() == "of another time"
    assert Takes(takes._path.with_name("takes.sqlite.v2-2.bak")).of("me") == before
    assert not list(takes._path.parent.glob("*.unfinished"))


def test_a_newer_version_that_shares_the_home_takes_nothing_from_an_older_one_at_work(takes, tmp_path):
    kept = takes.add("me", composition(1))
    newer = f"""
from pathlib import Path
from melodyforge.workshop import takes
takes.STEPS = (*takes.STEPS, ("ALTER TABLE takes ADD COLUMN color TEXT",))
takes.VERSION += 1
print(*[take.id for take in takes.Takes(Path({str(takes._path)!r})).of("me")])
"""
    done = subprocess.run([sys.executable, "-c", newer], capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.stdout.split() == [str(kept)], done.stderr
    with pytest.raises(TakeError, match="newer Melody Forge") as caught:
        takes.of("me")
    assert "\n" not in str(caught.value)
    before = takes._path.read_bytes()
    number = takes.add("me", composition(2))  # there until this process ends
    assert "Nothing in it was changed" in takes.get("me", number).not_kept
    assert takes._path.read_bytes() == before


def test_a_step_that_fails_leaves_the_older_version(takes, monkeypatch):
    takes.add("me", composition())
    newer = (*takes_module.STEPS, ("ALTER TABLE takes ADD COLUMN color TEXT", "nonsense"))
    monkeypatch.setattr(takes_module, "STEPS", newer)
    monkeypatch.setattr(takes_module, "VERSION", len(newer))
    with pytest.raises(TakeError, match="nonsense"):
        Takes(takes._path).of("me")
    monkeypatch.undo()
    assert len(Takes(takes._path).of("me")) == 1


def test_a_row_of_nonsense_is_read_as_well_as_can_be(takes):
    takes.add("me", composition())
    row = ("me", "yesterday", b"\xff\xfe", "many", 7, "no MIDI", 5)
    with contextlib.closing(sqlite3.connect(takes._path)) as database, database:
        columns = "owner, created_at, name, rating, notices, midi, primer"
        database.execute(f"INSERT INTO takes ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    bad, good = takes.of("me")
    assert (bad.created_at, bad.rating, bad.notices, bad.midi, bad.primer_midi) == (0, 0, ["7"], b"no MIDI", b"5")
    assert len(good.piece)


def test_many_who_begin_a_history_at_once_lose_nothing(tmp_path):
    path = tmp_path / "takes.sqlite"
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda index: Takes(path).add(f"visitor {index}", composition(index)), range(8)))
    assert all(len(Takes(path).of(f"visitor {index}")) == 1 for index in range(8))


def test_sound_is_rendered_once_and_forgotten_in_time(monkeypatch):
    rendered = []
    render = Sounds._render.__globals__["render_wav"]
    monkeypatch.setitem(
        Sounds._render.__globals__, "render_wav", lambda piece: rendered.append(piece.name) or render(piece)
    )
    sounds = Sounds(max_bytes=1)  # keeps the newest only
    first, second = gridded_piece(1, 10), gridded_piece(2, 10)
    assert sounds.of(first).file.read_bytes() == sounds.of(first).file.read_bytes()
    sounds.of(second)
    gone = sounds.of(first).file
    assert rendered == [first.name, second.name, first.name]
    sounds.of(read_midi(write_midi(first))[0])
    assert len(rendered) == 3  # a file sounds like the piece that it was made from
    sounds.of(second)
    assert not gone.exists()
    assert sounds.named(gone.name) is None
    sounds.of(second).file.unlink()  # as by who clears the folder of temporary files
    assert sounds.of(second).file.is_file()


def test_what_is_promised_takes_no_more_memory_than_it_may(monkeypatch):
    monkeypatch.setattr(rendered, "MAX_PROMISED_NOTES", 250)
    kept = Sounds()
    pieces = [tune(key, 8) for key in range(-3, 3)]
    for piece in [*pieces, *pieces[-2:]]:
        kept.promise(piece)
    assert kept._num_promised == sum(map(len, kept._promised.values())) <= 250
    assert list(kept._promised.values())[-1] is pieces[-1]
    kept.promise(tune(0, 40))  # is more than that alone
    assert len(kept._promised) == 1


def test_what_many_ask_for_at_once_is_rendered_once(monkeypatch):
    rendered = []
    render = Sounds._render.__globals__["render_wav"]
    monkeypatch.setitem(Sounds._render.__globals__, "render_wav", lambda piece: rendered.append(1) or render(piece))
    sounds, piece = Sounds(), gridded_piece(1, 10)
    with ThreadPoolExecutor(8) as threads:
        files = set(threads.map(lambda _: sounds.of(piece).file, range(8)))
    assert (len(files), len(rendered)) == (1, 1)


def test_the_starters_cards_show_what_the_starter_composes():
    model = read_model(STARTER_DIR)
    for card in OF_THE_STARTER:
        origin = read_origin(example_file(model, card).read_bytes())
        assert origin["model_hash"] == model.hash, "run `python -m setup.make_cards`, then look and listen"
        assert {name: origin["settings"][name] for name in card.wishes} == card.wishes
    assert cards_of(model) == list(OF_THE_STARTER)


def test_a_missed_wish_is_told_in_a_few_words():
    told = {
        "kept although its mood is tense, not happy; train more": "asked happy, got tense",
        "kept although its key is D minor, not C major; train more": "asked C major, got D minor",
        "kept although it loops for 41 notes; train more": "it loops for 41 notes",
        "drawn again because its mood is tense, not happy": "",
    }
    for notice, words in told.items():
        assert Take(id=1, created_at=0.0, name="", midi=b"", notices=[notice]).shortcoming == words


def test_promised_sound_is_rendered_when_its_file_is_asked_for(monkeypatch):
    rendered = []
    render = Sounds._render.__globals__["render_wav"]
    monkeypatch.setitem(Sounds._render.__globals__, "render_wav", lambda piece: rendered.append(1) or render(piece))
    sounds, piece = Sounds(), gridded_piece(1, 10)
    name = sounds.promise(piece)
    assert (rendered, sounds.asked_for("0" * 64 + ".wav")) == ([], None)
    kept = sounds.asked_for(name)
    assert kept == sounds.of(piece) == sounds.asked_for(name)
    assert rendered == [1]


def test_parts_add_up_to_the_whole_and_come_in_a_zip():
    sounds = Sounds()
    rows = [(24 * beat, 24, track, 50 + 12 * track, 80) for beat in range(4) for track in range(2)]
    whole = sounds.of(Piece(make_notes(rows), (Track(0), Track(40))))

    def samples(kept: KeptSound) -> np.ndarray:
        with wave.open(str(kept.file)) as file:
            return np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(float)

    expected, both = samples(whole), [samples(sounds.part(whole, number)) for number in range(2)]
    total = sum(np.pad(one, (0, max(0, len(expected) - len(one))))[: len(expected)] for one in both)
    assert np.sqrt(np.mean((total - expected) ** 2)) < 0.05 * np.sqrt(np.mean(expected**2))
    assert min(np.abs(one).max() for one in both) > 1000
    with zipfile.ZipFile(sounds.parts(whole, mix_of("1v50p73")).file) as archive:
        assert archive.namelist() == ["1 Acoustic grand piano.wav", "2 Flute.wav"]
    assert sounds.parts(whole, mix_of("0v0")).file != sounds.parts(whole).file
    with pytest.raises(SettingsError, match="0 to 1"):
        sounds.part(whole, 2)


def test_parts_that_take_too_much_are_refused(monkeypatch):
    monkeypatch.setattr("melodyforge.workshop.sounds.MAX_ZIP_BYTES", 1000)
    sounds = Sounds()
    with pytest.raises(SettingsError, match="Take the WAV of the whole"):
        sounds.parts(sounds.of(gridded_piece(1, 10)))


def test_sound_that_a_killed_server_left_is_swept(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / f"melodyforge-sounds-{2**22 + 1}-x").mkdir()  # no process has this number
    (tmp_path / f"melodyforge-sounds-{os.getpid()}-x").mkdir()
    sounds = Sounds()
    left = sorted(path.name for path in tmp_path.iterdir())
    assert len(left) == 2
    assert all(name.startswith(f"melodyforge-sounds-{os.getpid()}-") for name in left)
    del sounds
    assert len(list(tmp_path.iterdir())) == 1


# ---- tasks ----------------------------------------------------------------------------------------------------------


def script(folder: Path, code: str) -> list[str]:
    """A script as tasks run them, in a file of its own."""
    path = folder / f"{abs(hash(code))}.py"
    path.write_text(code)
    return [str(path)]


WORK = "import time; print('at work', flush=True); time.sleep(60)"


def is_at_work(name: str, tasks_dir: Path) -> bool:
    return "at work" in find_task(name, tasks_dir).log


def pid_of(name: str, tasks_dir: Path) -> int:
    return int(lock_path(tasks_dir / name).read_text().split()[0])


def test_tasks_of_a_queue_take_turns_in_their_order_and_can_be_taken_back(tmp_path):
    work = script(tmp_path, WORK)
    for name in ("first", "second", "third"):
        start_task(name, work, tmp_path, queue="q")
    start_task("other", work, tmp_path)
    wait_until(lambda: is_at_work("first", tmp_path) and is_at_work("other", tmp_path))
    waiting = find_task("third", tmp_path)
    assert [task.name for task in tasks_before(waiting)] == ["second", "first"]
    assert waiting.is_running
    assert waiting.log == ""
    take_back(find_task("second", tmp_path))
    assert {task.name for task in list_tasks(tmp_path)} == {"first", "third", "other"}
    os.kill(pid_of("first", tmp_path), signal.SIGKILL)  # who is killed holds up nobody
    wait_until(lambda: is_at_work("third", tmp_path))
    assert find_task("first", tmp_path).is_killed
    for name in ("third", "other"):
        find_task(name, tmp_path).stop()
    wait_until(lambda: not any(task.is_running for task in list_tasks(tmp_path)))


def test_a_killed_task_leaves_no_process_behind(tmp_path):
    code = "import os, pathlib; pathlib.Path('%s').write_text(str(os.getpid())); " % (tmp_path / "pid") + WORK
    start_task("work", script(tmp_path, code), tmp_path)
    wait_until(lambda: is_at_work("work", tmp_path))
    os.kill(pid_of("work", tmp_path), signal.SIGKILL)
    wait_until(lambda: not find_task("work", tmp_path).is_running)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    task = find_task("work", tmp_path)
    assert (task.is_interrupted, task.is_killed) == (True, True)


def test_stop_never_hits_a_process_that_took_over_the_number(tmp_path):
    task = start_task("done", script(tmp_path, "print('at work')"), tmp_path)
    wait_until(lambda: not find_task("done", tmp_path).is_alive)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        lock_path(task.folder).write_text(f"{stranger.pid} {task.started_at} listens")
        task.stop()
        with hold(task.folder):  # as somebody does who removes it at this moment
            (tmp_path / "done" / "stop").unlink(missing_ok=True)
            lock_path(task.folder).write_text(f"{stranger.pid} {task.started_at - 1} listens")
            task.stop()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_task_says_at_once_that_it_is_stopping_and_is_told_so_once(tmp_path):
    told = tmp_path / "told three times"
    code = f"""
import time
from pathlib import Path
try:
    print('at work', flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    while not Path({str(told)!r}).exists():
        time.sleep(0.01)
    print('saved')
"""
    start_task("slow", script(tmp_path, code), tmp_path)
    wait_until(lambda: is_at_work("slow", tmp_path))
    for _ in range(3):
        find_task("slow", tmp_path).stop()
        assert find_task("slow", tmp_path).is_stopping
    told.touch()
    wait_until(lambda: not find_task("slow", tmp_path).is_running)
    assert "saved" in find_task("slow", tmp_path).log


def test_a_task_that_was_just_started_can_be_stopped(tmp_path):
    start_task("early", script(tmp_path, WORK), tmp_path).stop()
    wait_until(lambda: not find_task("early", tmp_path).is_running)
    task = find_task("early", tmp_path)
    assert (task.is_interrupted, task.is_killed) == (True, False)


def test_a_task_runs_on_its_own_and_tells_how_it_ended(tmp_path):
    task = start_task(
        "say", script(tmp_path, "print('hello'); __import__('time').sleep(2); raise SystemExit(3)"), tmp_path
    )
    assert task.is_running
    wait_until(lambda: find_task("say", tmp_path).exit_status is not None)
    (task,) = list_tasks(tmp_path)
    assert (task.exit_status, task.is_running, task.is_interrupted) == (3, False, False)
    assert task.log == "hello\n"
    assert task.error == "hello"


def test_a_task_that_complains_gives_its_line(tmp_path):
    start_task("complain", ["preprocess.py", "--midi-dir", str(tmp_path / "nowhere")], tmp_path)
    wait_until(lambda: find_task("complain", tmp_path).exit_status is not None)
    assert find_task("complain", tmp_path).error.startswith("No MIDI files found")


def test_a_task_is_stopped_politely_and_cannot_run_twice(tmp_path):
    code = """
import time
try:
    print('at work', flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print('saved')
    raise
"""
    start_task("long", script(tmp_path, code), tmp_path)
    wait_until(lambda: "at work" in find_task("long", tmp_path).log)
    with pytest.raises(TaskError, match="at work"):
        start_task("long", script(tmp_path, ""), tmp_path)
    find_task("long", tmp_path).stop()
    wait_until(lambda: not find_task("long", tmp_path).is_running)
    task = find_task("long", tmp_path)
    assert task.is_interrupted
    assert task.error == ""
    assert "saved" in task.log
    forget_task(task)
    assert list_tasks(tmp_path) == []


def training(nats, ngram=3.0):
    rows = [{"epoch": number, "held_out_nats": value} for number, value in enumerate(nats, start=1)]
    return Training("mine", None, {"history": rows, "baseline": {"best_ngram_nats": ngram}})


@pytest.mark.parametrize(
    ("nats", "words"),
    [
        ([], ""),
        ([3.5], "Still undertrained: counting"),
        ([2.5], "After one epoch it is too early"),
        ([2.97, 2.96], "Still undertrained: it is hardly better"),
        ([2.9, 2.5], "Still undertrained: it is learning fast"),
        ([2.5, 2.495], "It has learnt more"),
        ([2.5, 2.6, 2.7, 2.8, 2.9], "It has stopped getting better"),
    ],
)
def test_a_training_is_judged_in_words(nats, words):
    assert training(nats).verdict.startswith(words)


def test_a_training_replaces_nothing_unasked_and_is_offered_a_free_name(models_dir, tmp_path):
    places = {"models_dir": models_dir, "tasks_dir": tmp_path / "tasks"}
    assert free_training_name("tiny", **places) == "tiny-2"
    with pytest.raises(ModelFolderError, match="nothing is replaced unasked"):
        start_training("tiny", **places)
    with hold(models_dir / "tiny-2"), pytest.raises(TaskError, match="is being trained"):
        start_training("tiny-2", **places)
    start_task("train-tiny-2", script(tmp_path, WORK), tmp_path / "tasks", QUEUE)
    assert free_training_name("tiny", **places) == "tiny-3"
    with pytest.raises(TaskError, match="is being trained"):
        start_training("tiny-2", replace=True, **places)
    start_task("train-tiny-3", script(tmp_path, WORK), tmp_path / "tasks", QUEUE)
    wait_until(lambda: is_at_work("train-tiny-2", tmp_path / "tasks"))
    checkpoint_path(models_dir / "tiny-2").parent.mkdir()
    checkpoint_path(models_dir / "tiny-2").write_bytes(b"")
    assert [one.state for one in list_trainings(**places)] == ["waits for tiny-2", "training"]
    for one in list_trainings(**places):
        one.task.stop()
    wait_until(lambda: not any(one.task.is_running for one in list_trainings(**places)))
    assert [(one.state, one.can_go_on) for one in list_trainings(**places)] == [("stopped", False), ("stopped", True)]


# ---- models ---------------------------------------------------------------------------------------------------------


def test_a_model_travels_as_a_zip(models_dir):
    data = export_model("tiny", models_dir)
    import_model(io.BytesIO(data), "copy", models_dir)
    assert load_model(models_dir / "copy").hash == load_model(models_dir / "tiny").hash
    with pytest.raises(ModelFolderError, match="'copy' already"):
        import_model(io.BytesIO(data), "copy", models_dir)
    rename_model("copy", "other", models_dir)
    delete_model("tiny", models_dir)
    assert names_in(models_dir) == ["other"]


@pytest.mark.parametrize("how", ["absolute", "climbing", "link"])
def test_a_path_is_no_model_to_delete(models_dir, tmp_path, how):
    other = tmp_path / "other"
    shutil.copytree(models_dir / "tiny", other)
    (models_dir / "link").symlink_to(other)
    name = {"absolute": str(other), "climbing": os.path.relpath(other, models_dir), "link": "link"}[how]
    with pytest.raises((ModelFolderError, SettingsError)):
        delete_model(name, models_dir)
    assert (other / "config.json").is_file()


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".locks")


def zip_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "spoil", ["no zip", "a file missing", "damaged inside", "weights of another", "code in the vocabulary"]
)
def test_a_bad_zip_is_refused_and_nothing_is_left(models_dir, spoil):
    files = {f"../../{name}": (models_dir / "tiny" / name).read_bytes() for name in MODEL_FILES}
    if spoil == "a file missing":
        files.popitem()
    elif spoil == "weights of another":
        files[f"../../{MODEL_FILES[0]}"] = b"something else"
    elif spoil == "code in the vocabulary":
        files[f"../../{MODEL_FILES[1]}"] = b"cos\nsystem\n(S'touch owned'\ntR."
    data = b"PK no zip" if spoil == "no zip" else zip_of(files)
    if spoil == "damaged inside":
        data = data[:2000] + bytes(200) + data[2200:]
    with pytest.raises(ModelFolderError):
        import_model(io.BytesIO(data), "new", models_dir)
    assert names_in(models_dir) == ["tiny"]
    assert not Path("owned").exists()


def test_paths_in_a_zip_mean_nothing(models_dir):
    files = {f"../../{path.name}": path.read_bytes() for path in (models_dir / "tiny").iterdir() if path.is_file()}
    folder = import_model(io.BytesIO(zip_of(files)), "new", models_dir)
    assert folder == models_dir / "new"
    assert load_model(folder).recipe.name == "forge"


@pytest.mark.parametrize(
    "act", [lambda where: delete_model(STARTER_NAME, where), lambda where: rename_model(STARTER_NAME, "mine", where)]
)
def test_the_starter_stays(models_dir, act):
    with pytest.raises(ModelFolderError, match="one of your own"):
        act(models_dir)


@pytest.mark.parametrize("name", ["", "../up", ".hidden", "a b"])
def test_a_model_gets_no_name_that_lies_elsewhere(models_dir, name):
    with pytest.raises(SettingsError):
        rename_model("tiny", name, models_dir)


# ---- the folder of music --------------------------------------------------------------------------------------------


def sent(*files: tuple[str, bytes]) -> list[tuple[str, io.BytesIO]]:
    return [(name, io.BytesIO(data)) for name, data in files]


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def test_uploads_land_in_the_folder_of_their_style(tmp_path):
    midi = write_midi(tune())
    packed = zip_of({"album/one.mid": midi, "album/one.txt": b"notes", "../../two.MID": midi})
    added = add_files(sent(("C:\\music\\song?.mid", midi), ("song_.mid", midi), ("all.zip", packed)), "folk", tmp_path)
    assert added.refused == []
    assert added.names == ["folk/song_.mid", "folk/song_-2.mid", "folk/one.mid", "folk/two.mid"]
    assert sorted(path.name for path in (tmp_path / "folk").iterdir()) == [
        "one.mid",
        "song_-2.mid",
        "song_.mid",
        "two.mid",
    ]
    assert not (tmp_path.parent / "two.MID").exists()


@pytest.mark.parametrize(
    ("files", "style"),
    [
        ([], ""),
        ([("words.txt", b"la la")], ""),
        ([("broken.zip", b"PK")], ""),
        ([("song.mid", b"MThd")], "../up"),
        ([("song.mid", b"MThd")], ".hidden"),
    ],
)
def test_what_is_no_music_is_refused(tmp_path, files, style):
    with pytest.raises(CorpusError):
        add_files(sent(*files), style, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_files_are_relabelled_and_removed(tmp_path):
    add_files(sent(("a.mid", b"MThd"), ("b.mid", b"MThd")), "", tmp_path)
    assert relabel_file("a.mid", "waltz", tmp_path) == "waltz/a.mid"
    remove_file("b.mid", tmp_path)
    assert [file.name for file in find_music_files(tmp_path)] == ["waltz/a.mid"]
    for name in ("b.mid", "../outside.mid", "/etc/passwd"):
        with pytest.raises(CorpusError, match="not there"):
            remove_file(name, tmp_path)


def test_a_removed_file_is_read_by_nobody_and_can_be_put_back_for_a_week(tmp_path):
    add_files(sent(("a.mid", b"first"), ("b.mid", b"other")), "waltz", tmp_path)
    remove_file("waltz/a.mid", tmp_path)
    add_files(sent(("a.mid", b"second")), "waltz", tmp_path)
    remove_file("waltz/a.mid", tmp_path)
    assert [file.name for file in find_music_files(tmp_path)] == ["waltz/b.mid"]
    newest, oldest = list_removed(tmp_path)
    assert put_back(oldest, tmp_path) == "waltz/a.mid"
    assert put_back(newest, tmp_path) == "waltz/a-2.mid"  # nothing is replaced
    assert [(tmp_path / "waltz" / name).read_bytes() for name in ("a.mid", "a-2.mid")] == [b"first", b"second"]
    for gone in (newest, "1/../../outside.mid"):
        with pytest.raises(CorpusError, match="is gone"):
            put_back(gone, tmp_path)
    remove_file("waltz/a.mid", tmp_path)
    (removed,) = list_removed(tmp_path)
    week_ago = time.time() - (DAYS_KEPT * 24 + 1) * 3600
    os.utime((tmp_path / REMOVED / removed).parents[1], (week_ago, week_ago))
    remove_file("waltz/b.mid", tmp_path)
    assert [name.split("/", 1)[1] for name in list_removed(tmp_path)] == ["waltz/b.mid"]


def test_a_dataset_is_summarised(tmp_path):
    files = [(f"{index}.mid", write_midi(gridded_piece(index))) for index in range(3)]
    add_files(sent(*files), "odd", tmp_path / "music")
    add_files(sent(("tune.mid", write_midi(tune())), ("broken.mid", b"MThd")), "folk", tmp_path / "music")
    assert open_dataset(tmp_path / "dataset") is None
    prepare_corpus(tmp_path / "music", tmp_path / "dataset", num_workers=1)
    store, report = open_dataset(tmp_path / "dataset")
    summary = summarise(store)
    assert (summary.num_pieces, summary.num_read, len(report.files)) == (4, 4, 5)
    assert summary.styles == {"odd": 3, "folk": 1}
    assert summary.meters["4/4"] == 1
    assert summary.instruments["drums"] == 3
    assert summary.tempos_qpm.count(100.0) == 3


def test_more_notes_take_longer_and_going_on_takes_less():
    minutes = [estimated_minutes(10_000_000, False), estimated_minutes(10_000, False), estimated_minutes(10_000, True)]
    assert minutes[0] > minutes[1] > minutes[2] > 0.5
