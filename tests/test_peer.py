"""The benchmark beside REMI tokens and a Llama: what is ours of it, and where its environment is there, the peer."""

import json
import os
import subprocess

import numpy as np
import pytest

from benchmarks import measure, peer
from melodyforge.corpus.prepare import prepare_corpus
from melodyforge.corpus.split import split_pieces
from melodyforge.errors import CorpusError
from melodyforge.evaluation.told_apart import LEAST_PIECES
from melodyforge.music.midi import read_midi, write_midi
from melodyforge.places import PROJECT_DIR
from melodyforge.training import plan
from tests.conftest import small
from tests.music_samples import gridded_piece, tune

OUTCOME = {
    "num_weights": 5_000_000, "held_out_nats_per_note": 3.0, "notes_per_second": 700.0, "seconds_to_compose": 9.0
}  # fmt: skip
needs_environment = pytest.mark.skipif(
    not peer.is_ready(), reason="benchmarks/.venv is missing: `python -m benchmarks.peer` makes it"
)


@pytest.fixture
def music(tmp_path):
    """A folder of pieces, one of them twice, and a tune of another style."""
    folder = tmp_path / "music"
    (folder / "other").mkdir(parents=True)
    for index in range(26):
        (folder / f"{index:02d}.mid").write_bytes(write_midi(gridded_piece(index, 190 + index)))
    (folder / "05-again.mid").write_bytes((folder / "05.mid").read_bytes())
    (folder / "other" / "tune.mid").write_bytes(write_midi(tune()))
    return folder


@pytest.fixture
def here(monkeypatch, tmp_path):
    """All runs in this process, with a network that learns within seconds; the peer composes real music."""

    def answer(python, folder):
        job = json.loads((folder / peer.JOB_FILE).read_text())
        (folder / peer.OUTCOME_FILE).write_text(json.dumps(OUTCOME))
        for part in ("composed", "natural", "real"):
            (folder / part).mkdir()
            for index, path in enumerate(job["real"]):
                piece, _ = read_midi(peer.Path(path).read_bytes())
                (folder / part / f"{index:04d}.mid").write_bytes(write_midi(piece))
        return OUTCOME

    monkeypatch.setattr(peer, "run_alone", lambda function, *arguments: (function(*arguments), 0.0))
    monkeypatch.setattr(peer, "environment", lambda: None)
    monkeypatch.setattr(peer, "run_peer", answer)
    monkeypatch.setattr(peer, "recipe_of", lambda minutes: small("forge", epochs=1))
    monkeypatch.setattr(plan, "MIN_STEPS_PER_EPOCH", 1)
    monkeypatch.setattr(peer, "TIMED_NOTES", 20)
    monkeypatch.setattr(measure, "RESULTS_DIR", tmp_path / "results")


def test_each_piece_knows_its_file_though_doubles_are_left_out(music, tmp_path):
    copies = peer.copy_flat(sorted(music.rglob("*.mid")), tmp_path / "flat")
    store = prepare_corpus(tmp_path / "flat", tmp_path / "dataset")
    names = peer.files_of_pieces(store)
    assert len(names) == len(store) == len(set(names)) < len(copies)
    for index, name in enumerate(names):
        piece, _ = read_midi(copies[name].read_bytes())
        assert np.array_equal(piece.notes, store[index].notes)


def test_both_sides_learn_from_the_same_files(music, tmp_path):
    arguments = peer.parse_arguments(["--minutes", "2", "--compositions", "10", "--vocabulary", "700"])
    job = peer.read(sorted(music.rglob("*.mid")), tmp_path, arguments)
    assert json.loads((tmp_path / peer.JOB_FILE).read_text()) == job
    store = prepare_corpus(tmp_path / "midi", tmp_path / "dataset")
    train, held_out = split_pieces(store, 0.1, 0)
    assert [len(job["train"]), len(job["held_out"])] == [len(train), len(held_out)]
    assert not set(job["train"]) & set(job["held_out"])
    assert set(job["real"]) <= {*job["train"], *job["held_out"]}
    assert len(job["real"]) >= LEAST_PIECES
    assert job["compositions"]["composed"] == {"number": 10, "num_notes": 300}
    assert job["compositions"]["natural"]["number"] == 3
    assert (job["minutes"], job["vocabulary"], job["threads"]) == (2, 700, os.cpu_count())


def test_a_style_is_a_subfolder(music):
    name, files = peer.chosen_files(music, "other")
    assert (name, [path.name for path in files]) == ("other", ["tune.mid"])
    assert len(peer.chosen_files(music, None)[1]) == 28
    with pytest.raises(CorpusError, match="holds none"):
        peer.chosen_files(music, "jazz")


def test_too_little_music_is_refused(music, tmp_path):
    with pytest.raises(CorpusError, match="ten pieces"):
        peer.read(sorted(music.glob("0*.mid"))[:6], tmp_path, peer.parse_arguments([]))


def test_the_table_has_every_figure_of_any_column():
    columns = {
        "ours": {"told": 0.91234, "weights": 1234567},
        "theirs": {"told": 0.5, "loops": 0.0},
        "real": {"told": 0.4},
    }
    assert peer.table_rows(columns) == [
        ["told", "0.912", "0.5", "0.4"],
        ["weights", "1,234,567", "", ""],
        ["loops", "", "0", ""],
    ]


def test_the_environment_is_made_again_when_its_requirements_change(monkeypatch, tmp_path):
    commands = []
    monkeypatch.setattr(peer, "ENVIRONMENT", tmp_path / ".venv")
    monkeypatch.setattr(peer, "REQUIREMENTS", tmp_path / "needed.txt")
    monkeypatch.setattr(peer.venv, "create", lambda folder, **_: folder.mkdir(exist_ok=True))
    monkeypatch.setattr(peer.subprocess, "run", lambda command, **_: commands.append(command))
    peer.REQUIREMENTS.write_text("miditok\n")
    assert not peer.is_ready()
    peer.environment()
    assert peer.is_ready()
    peer.environment()
    assert len(commands) == 1
    peer.REQUIREMENTS.write_text("miditok\ntorch\n")
    assert not peer.is_ready()


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_the_benchmark_runs_to_its_end(music, tmp_path, monkeypatch, capsys):
    flags = ["--midi-dir", str(music), "--minutes", "0.01", "--compositions", "12", "--keep", str(tmp_path / "kept")]
    monkeypatch.setattr("sys.argv", ["peer", *flags])
    peer.main()
    results = json.loads((tmp_path / "results" / "peer_music.json").read_text())
    ours, theirs, real = (results["table"][name] for name in (peer.OURS, peer.THEIRS, peer.REAL))
    assert theirs["told from real, AUC"] < 0.6  # it is real music
    assert 0 <= ours["told from real, AUC"] <= 1
    assert ours["weights"] > 1000
    assert theirs["weights"] == OUTCOME["num_weights"]
    assert theirs["onsets on the grid of sixteenths"] == pytest.approx(real["onsets on the grid of sixteenths"])
    assert results["sides"][peer.THEIRS]["heard"]["figures"]
    assert len(list((tmp_path / "kept" / "melody_forge" / "composed").glob("*.mid"))) == 12
    assert "told from real, AUC" in capsys.readouterr().out


@pytest.mark.slow
@needs_environment
def test_the_peer_does_its_job(music, tmp_path):
    job = peer.read(sorted(music.rglob("*.mid")), tmp_path, peer.parse_arguments(["--minutes", "0.001"]))
    job |= {"real": job["real"][:2], "vocabulary": 700, "timed_notes": 5}
    job["compositions"] = {
        "composed": {"number": 2, "num_notes": 12},
        "natural": {"number": 1, "num_notes": 12, "may_end": True},
    }
    (tmp_path / peer.JOB_FILE).write_text(json.dumps(job))
    outcome = peer.run_peer(peer.python_of(peer.ENVIRONMENT), tmp_path)
    assert set(OUTCOME) <= set(outcome)
    assert 4_500_000 < outcome["num_weights"] < 6_000_000
    assert outcome["vocabulary_size"] == 700
    assert [len(list((tmp_path / part).glob("*.mid"))) for part in ("composed", "natural", "real")] == [2, 1, 2]
    asked = peer.Path(job["real"][0])
    said, piece = (read_midi(path.read_bytes())[0] for path in (tmp_path / "real" / asked.name, asked))
    assert sorted(said.notes["pitch"]) == sorted(piece.notes["pitch"])


@pytest.mark.slow
@needs_environment
def test_voices_of_one_program_stay_apart(tmp_path):
    chorale = tmp_path / "voices.mid"
    voices = tune()
    chorale.write_bytes(write_midi(peer.replace(voices, tracks=(voices.tracks[1],) * 2)))
    code = "from pathlib import Path; from benchmarks.remi_llama import with_own_programs; "
    code += f"with_own_programs(Path({str(chorale)!r}), Path({str(tmp_path / 'own')!r}))"
    subprocess.run([peer.python_of(peer.ENVIRONMENT), "-c", code], check=True, cwd=PROJECT_DIR)
    piece, _ = read_midi((tmp_path / "own" / "voices.mid").read_bytes())
    assert [track.program for track in piece.tracks] == [0, 1]
