"""The scripts as users run them: each in a process of its own, on a home of its own."""

from __future__ import annotations

import functools
import os
import pickle
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from melodyforge.bundle import CONFIG_FILE, INDEX_FILE, MODEL_FILES, VOCABULARY_FILE, load_model
from melodyforge.music.load import load_piece
from melodyforge.music.midi import write_midi
from melodyforge.music.piece import Piece, make_notes
from tests.many_calls import Caller
from tests.music_samples import gridded_piece, tune

pytestmark = pytest.mark.slow

PROJECT_DIR = Path(__file__).parents[1]
SCRIPTS = ("preprocess.py", "train_model.py", "generate_music.py", "evaluate_model.py")
SMALL = ["--units", "32", "--num-layers", "1", "--window", "32", "--batch-size", "8"]
STARTED: list[subprocess.Popen] = []


@pytest.fixture(autouse=True)
def nothing_goes_on():
    """A test that fails leaves no training behind, which would take a processor from all others."""
    yield
    while STARTED:
        STARTED.pop().kill()


def start(home, script, *arguments, **options):
    command = [sys.executable, str(PROJECT_DIR / script), *map(str, arguments)]
    environment = os.environ | {"MELODY_FORGE_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **options
    )
    STARTED.append(process)
    return process


def call(home, script, *arguments, **options):
    """Runs a script to its end: (exit status, what it printed, its lines on stderr)."""
    process = start(home, script, *arguments, **options)
    printed, errors = process.communicate(timeout=300)
    return process.returncode, printed, errors.splitlines()


def wait_for(process, text):
    """Reads lines until one holds the text."""
    for line in process.stdout:
        if text in line:
            return
    pytest.fail(f"ended without {text!r}: {process.stderr.read()}")


def put_tunes(home, number):
    folder = home / "data" / "midi_files" / "tunes"
    folder.mkdir(parents=True)
    for index in range(number):
        (folder / f"tune {index}.mid").write_bytes(write_midi(tune(index % 6, 8 + index)))


def half_written(home):
    """What lies about under a name that a file or a folder has only while it is being written."""
    return [path for path in home.rglob(".*") if path.name not in {".locks", ".training"}]


def listing(home):
    paths = (path.relative_to(home) for path in home.rglob("*") if path.is_file())
    return sorted(str(path) for path in paths if not {"dataset", ".locks"} & {*path.parts})


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with five tunes and a model that learnt from them."""
    folder = tmp_path_factory.mktemp("home")
    put_tunes(folder, 5)
    status, printed, errors = call(folder, "train_model.py", *SMALL, "--epochs", 2)
    assert status == 0, errors
    assert "Done: all 2 epochs are done" in printed
    assert "best n-gram model" in printed
    return folder


@pytest.fixture(scope="module")
def calls(home):
    """Like `call` on this home, for the many calls that are over at once."""
    caller = Caller(home)
    yield caller
    caller.close()


def test_training_leaves_model_samples_and_logs(home):
    assert {path.name for path in (home / "models" / "forge").iterdir()} == {*MODEL_FILES, INDEX_FILE}
    assert len(load_piece(home / "output" / "samples" / "forge-epoch-002.mid")) > 50
    assert list((home / "models" / ".training" / "tensorboard" / "forge").iterdir())


def test_composing_writes_every_form_and_says_where(home, tmp_path):
    output = tmp_path / "piece.mid"
    status, printed, errors = call(home, "generate_music.py", "--num-notes", 40, "--seed", 3, "--wav", "--musicxml",
                                   "--output", output)  # fmt: skip
    assert (status, errors) == (0, [])
    for path in (output, output.with_suffix(".wav"), output.with_suffix(".musicxml")):
        assert path.stat().st_size > 100
        assert str(path) in printed
    assert 30 <= len(load_piece(output)) <= 40


def test_several_pieces_get_numbers_and_each_is_reproduced_to_the_byte(calls, tmp_path):
    calls("generate_music.py", "--num-notes", 30, "--num-pieces", 3, "--output", tmp_path / "a.mid")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a_1.mid", "a_2.mid", "a_3.mid"]
    for number in (1, 3):
        original, again = tmp_path / f"a_{number}.mid", tmp_path / "again.mid"
        assert calls("generate_music.py", "--reproduce", original, "--output", again)[0] == 0
        assert again.read_bytes() == original.read_bytes()


def test_a_primer_is_gone_on_from_with_every_way_of_sampling(home, tmp_path):
    primer = tmp_path / "primer.mid"
    primer.write_bytes(write_midi(tune()))
    flags = "--primer-notes 12 --num-notes 20 --ending natural --temperature 0.8 --top-k 20 --top-p 0.9 --min-p 0.02"
    status, _, errors = call(
        home, "generate_music.py", "--primer", primer, *flags.split(), "--output", tmp_path / "b.mid"
    )
    assert (status, errors) == (0, [])
    assert 12 < len(load_piece(tmp_path / "b.mid")) <= 32


def test_classic_works_with_one_file_from_preprocessing_to_sound(tmp_path):
    put_tunes(tmp_path, 1)
    status, printed, _ = call(tmp_path, "preprocess.py", "--recipe", "classic")
    assert status == 0
    assert "1 piece " in printed
    assert "events to learn from" in printed
    assert (tmp_path / "data" / "dataset" / "report.json").is_file()
    flags = ["--recipe", "classic", *SMALL, "--epochs", 1]
    assert call(tmp_path, "train_model.py", *flags)[0] == 0
    assert call(tmp_path, "generate_music.py", "--model", "classic", "--num-notes", 20, "--wav")[0] == 0
    assert (tmp_path / "output" / "generated_music.wav").is_file()


def test_after_kill_9_the_training_goes_on_and_nothing_is_half_written(tmp_path):
    put_tunes(tmp_path, 5)
    flags = ["--recipe", "classic", "--name", "forge", "--epochs", 400, "--patience", 400]
    process = start(tmp_path, "train_model.py", *SMALL, *flags)
    wait_for(process, "epoch 2:")
    status, _, errors = call(tmp_path, "train_model.py", "--resume")
    assert (status, len(errors)) == (2, 1)
    assert "being trained" in errors[0]
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    status, printed, _ = call(tmp_path, "generate_music.py", "--model", "forge", "--num-notes", 10)
    assert status == 0, printed
    status, _, errors = call(tmp_path, "train_model.py")
    assert (status, len(errors)) == (2, 1)
    assert "nothing is replaced unasked" in errors[0]
    status, printed, errors = call(tmp_path, "train_model.py", "--resume", "--units", 32, "--epochs", 4)
    assert status == 0, errors
    assert "epoch 1:" not in printed
    assert "epoch 2:" not in printed
    assert "Done" in printed


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_stopping_politely_saves_and_says_how_to_go_on(tmp_path, how):
    put_tunes(tmp_path, 5)
    music = tmp_path / "my music"
    (tmp_path / "data" / "midi_files").rename(music)
    flags = ["--midi-dir", music, "--recipe", "classic", "--epochs", 400, "--patience", 400]
    process = start(tmp_path, "train_model.py", *SMALL, *flags)
    wait_for(process, "epoch 1:")
    process.send_signal(how)
    printed, errors = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert load_model(tmp_path / "models" / "classic").metrics["epochs"] >= 1
    assert half_written(tmp_path) == []
    (line,) = re.findall("`(.*)` continues", printed)
    program, script, *flags = shlex.split(line)
    assert (program, flags) == ("python", ["--resume", "--name", "classic", "--midi-dir", str(music)])
    status, printed, errors = call(tmp_path, script, *flags, "--epochs", 3)
    assert status == 0, errors
    assert "epoch 1:" not in printed
    assert "Done" in printed


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_names_the_flags(calls, script):
    status, printed, errors = calls(script, "--help")
    assert (status, errors) == (0, [])
    promised = {
        "preprocess.py": "--midi-dir --corpus --list-corpora --recipe --workers",
        "train_model.py": "--midi-dir --recipe --name --epochs --batch-size --minutes --from --resume --seed",
        "generate_music.py": "--model --num-notes --num-pieces --output --wav --musicxml --temperature --top-k --top-p "
        "--seed --primer --primer-notes --reproduce --style --key --tempo --meter --mood --density --polyphony "
        "--instruments --guidance --like --keep-like --midi-in",
        "evaluate_model.py": "--model --midi-dir --against --compositions --wishes --heard --output",
    }
    assert [flag for flag in promised[script].split() if flag not in printed] == []
    headings = {
        "preprocess.py": ["music to learn from", "how it is read", "on several machines"],
        "train_model.py": ["music to learn from", "the model", "how long to learn", "how to learn", "the network",
                           "on several machines"],
        "generate_music.py": ["what to compose with", "how long, and how many", "what it is to be like",
                              "what every note keeps to", "how notes are drawn", "on several machines",
                              "to listen while it is composed", "files"],
        "evaluate_model.py": ["what is judged", "how much is composed for it", "files"],
    }  # fmt: skip
    assert re.findall(r"^(\w.*):$", printed, re.MULTILINE) == headings[script]


def test_composing_loads_no_tensorflow(home):
    code = (
        "import sys; sys.argv = ['generate_music.py', '--num-notes', '5']; "
        "import generate_music; generate_music.main(); "
        "sys.exit(bool({'tensorflow', 'keras', 'music21', 'streamlit'} & set(sys.modules)))"
    )
    environment = os.environ | {"MELODY_FORGE_HOME": str(home)}
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT_DIR, env=environment).returncode == 0


def assert_refused(home, words, call, *arguments):
    """One line, exit 2, nothing written."""
    before = listing(home)
    status, _, errors = call(*arguments)
    assert status == 2, errors
    assert len(errors) == 1, errors
    assert errors[0].startswith("error: ")
    assert words in errors[0]
    assert listing(home) == before


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--temperature", "-1"], "--temperature must be greater than or equal to 0"),
        (["--temperature", "nan"], "finite"),
        (["--temperature", "hot"], "--temperature"),
        (["--top-p", "1.4"], "--top-p must be less than or equal to 1"),
        (["--num-notes", "0"], "--num-notes"),
        (["--num-notes", "9999999999"], "--num-notes"),
        (["--seed", "-3"], "--seed"),
        (["--ending", "happy"], "'full' or 'natural'"),
        (["--model", "none"], "Models there are: forge"),
        (["--primer", "missing.mid"], "missing.mid"),
        (["--reproduce", "missing.mid"], "missing.mid"),
        (["--output", "piece.mp3"], ".mid"),
        (["--output", "/dev/null/piece.mid"], "Expected to write"),
        (["--nonsense"], "--nonsense"),
        (["--style", "opera"], "learnt: tunes"),
        (["--key", "H minor"], "--key must be a key"),
        (["--mood", "hungry"], "happy, tense, sad, calm"),
        (["--instruments", "violin"], "flute"),
        (["--instruments", "kazoo"], "General MIDI"),
        (["--tempo", "4"], "--tempo"),
    ],
)
def test_composing_refuses_nonsense_in_one_line(home, calls, flags, words):
    assert_refused(home, words, calls, "generate_music.py", *flags)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--recipe", "jazz"], "--recipe must be one of attention, classic, composer, forge, melody"),
        (["--recipe", "."], "--recipe must be"),
        (["--epochs", "0"], "--epochs"),
        (["--dropout", "1"], "--dropout"),
        (["--name", "../elsewhere"], "--name"),
        (["--from", "none"], "Model not found"),
        (["--from", "starter", "--units", "64"], "--units needs a training from the beginning"),
        (["--from", "starter", "--recipe", "attention"], "'starter' is of the recipe 'forge'. Received 'attention'"),
        (["--resume", "--name", "none"], "unfinished training"),
        (["--midi-dir", "nowhere", "--name", "new"], "nowhere"),
        (["--precision", "int3"], "--precision"),
        ([], "There is a model 'forge' already"),
        (["--resume", "--units", "64"], "--units cannot change when a training continues"),
        (["--resume", "--name", "forge", "--recipe", "classic"], "--recipe cannot change"),
        (["--resume", "--from", "starter", "--name", "forge"], "--from cannot change"),
        (["--resume", "--learning-rate", "0.1"], "--learning-rate cannot change"),
        (["--resume", "--window", "16"], "it began with, 32. Received 16"),
        (["--resume", "--replace"], "--replace cannot change"),
    ],
)
def test_training_refuses_nonsense_in_one_line(home, calls, flags, words):
    assert_refused(home, words, calls, "train_model.py", *flags)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[network\n", "TOML"),
        ("[network]\nuints = 3\n", "`network.uints` is not a setting"),
        ('[network]\nunits = "many"\n', "`network.units`"),
        ('[representation]\nkind = "pictures"\n', "`representation.kind`"),
        ('[representation]\nkind = "notes"\n', "`head_units` must be at least 1"),
    ],
)
def test_a_recipe_with_an_error_is_refused(home, calls, tmp_path, text, words):
    recipe = tmp_path / "mine.toml"
    recipe.write_text(text)
    assert_refused(home, words, calls, "train_model.py", "--recipe", recipe)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        (None, b"", "No MIDI files found"),
        ("page.mid", b"<!DOCTYPE html><html></html>", "web page"),
        ("one.mid", write_midi(Piece(make_notes([(0, 24, 0, 60, 80)]))), "at least 8 notes"),
    ],
)
def test_a_folder_without_music_is_refused(tmp_path, name, data, words):
    (tmp_path / "data" / "midi_files").mkdir(parents=True)
    if name:
        (tmp_path / "data" / "midi_files" / name).write_bytes(data)
    assert_refused(tmp_path, words, call, tmp_path, "train_model.py")


def test_a_primer_that_is_no_music_is_refused(home, calls, tmp_path):
    (tmp_path / "page.mid").write_bytes(b"<!DOCTYPE html>")
    assert_refused(home, "web page", calls, "generate_music.py", "--primer", tmp_path / "page.mid")
    (tmp_path / "foreign.mid").write_bytes(write_midi(tune()))
    assert_refused(home, "--reproduce", calls, "generate_music.py", "--reproduce", tmp_path / "foreign.mid")


def test_a_broken_model_folder_is_refused(home, calls, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(home / "models" / "forge", broken)
    (broken / VOCABULARY_FILE).write_bytes(pickle.dumps({"kind": "notes", "run": os.system}))
    assert_refused(home, "could run code", calls, "generate_music.py", "--model", broken)
    (broken / CONFIG_FILE).write_text('{"format": 0, "version": "0.0.1"}')
    assert_refused(home, "format", calls, "generate_music.py", "--model", broken)


def limit_file_size():
    """As on a full disk: no file may grow beyond 1000 bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))


def test_a_full_disk_leaves_what_was_there(home):
    output = home / "output" / "kept.mid"
    output.write_bytes(b"kept")
    limited = functools.partial(call, home, preexec_fn=limit_file_size)
    assert_refused(home, "Expected to write", limited, "generate_music.py", "--num-notes", 300, "--output", output)
    assert output.read_bytes() == b"kept"


def test_training_ends_in_time(tmp_path):
    put_tunes(tmp_path, 5)
    status, printed, _ = call(tmp_path, "train_model.py", *SMALL, "--recipe", "classic", "--epochs", 9999, "--patience",
                              9999, "--minutes", 0.1)  # fmt: skip
    assert status == 0
    assert "time limit reached" in printed


def test_an_evaluation_prints_a_verdict_and_writes_a_report(home):
    status, printed, errors = call(home, "evaluate_model.py", "--compositions", 3, "--wishes", 2)
    assert status == 0, errors
    assert "nats per note" in printed
    folder = home / "output" / "evaluation" / "forge"
    assert {path.name for path in folder.iterdir()} == {"evaluation.json", "report.html"}


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--model", "none"], "Models there are: forge"),
        (["--against", "nowhere"], "nowhere"),
        (["--wishes", "many"], "--wishes"),
    ],
)
def test_evaluating_refuses_nonsense_in_one_line(home, calls, flags, words):
    assert_refused(home, words, calls, "evaluate_model.py", *flags)


def test_other_music_than_that_of_the_training_is_refused(home, tmp_path):
    for seed in range(3):
        (tmp_path / f"{seed}.mid").write_bytes(write_midi(gridded_piece(seed)))
    status, _, errors = call(home, "evaluate_model.py", "--midi-dir", tmp_path)
    assert (status, len(errors)) == (2, 1), errors
    assert "--against" in errors[0]


def test_before_the_first_step_an_end_comes_at_once(tmp_path):
    put_tunes(tmp_path, 5)
    process = start(tmp_path, "train_model.py", *SMALL)
    wait_for(process, "Compiling")
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=300)
    assert process.returncode == -signal.SIGINT  # by the system, for Python itself hears of it only after compiling
    assert (printed, errors) == ("", "")
    assert not (tmp_path / "models" / "forge").exists()


def test_models_that_cannot_be_written_are_found_out_before_training(tmp_path):
    put_tunes(tmp_path, 5)
    (tmp_path / "models").write_text("a file")
    assert_refused(tmp_path, "Expected to write", call, tmp_path, "train_model.py", *SMALL)
    assert not (tmp_path / "data" / "dataset").exists()
