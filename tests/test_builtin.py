"""The corpora to begin with: what is offered, and that music21's scores come out as they should."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from melodyforge.corpus import builtin
from melodyforge.corpus.builtin import fetch_corpus, list_corpora
from melodyforge.errors import CorpusError
from melodyforge.music.midi import read_midi
from melodyforge.music.piece import Track

PROJECT_DIR = Path(__file__).parents[1]


def built_in(name: str) -> builtin._BuiltIn:
    return next(corpus for corpus in builtin._BUILT_IN if corpus.corpus.name == name)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Corpora cut down to a few works."""
    small = [
        replace(built_in("bach-chorales"), patterns=("bach/bwv26[69].mxl", "bach/bwv846.mxl")),
        replace(built_in("fiddle-tunes"), patterns=("ryansMammoth/A[bc]*.abc",)),
        replace(built_in("folk-songs"), patterns=("essenFolksong/testd.abc",)),
    ]
    monkeypatch.setattr(builtin, "_BUILT_IN", small)


def test_list_names_at_least_these_with_licence_and_size() -> None:
    corpora = {corpus.name: corpus for corpus in list_corpora()}
    assert set(corpora) >= {
        "bach-chorales", "fiddle-tunes", "folk-songs", "palestrina", "string-quartets", "maestro", "groove"
    }  # fmt: skip
    assert all(
        corpus.licence and corpus.num_pieces and (corpus.seconds or corpus.num_bytes) for corpus in list_corpora()
    )
    assert "ommercial" in corpora["folk-songs"].licence
    assert "CC BY-NC-SA 4.0" in corpora["maestro"].licence


def test_listing_does_not_import_music21() -> None:
    code = "import sys; from melodyforge.corpus import builtin; builtin.list_corpora(); print('music21' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT_DIR, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("corpus", builtin._BUILT_IN, ids=lambda corpus: corpus.corpus.name)
def test_number_of_pieces_is_the_one_listed(corpus: builtin._BuiltIn, tmp_path: Path) -> None:
    tasks = list(builtin._list_tasks(corpus, tmp_path))
    assert len(tasks) == corpus.corpus.num_pieces
    assert len({task.target for task in tasks}) == len(tasks)


@pytest.mark.usefixtures("few")
def test_chorales_have_four_named_voices_and_other_works_are_left_out(tmp_path: Path) -> None:
    reports: list[tuple[int, int]] = []
    paths = fetch_corpus(
        "bach-chorales", tmp_path, num_workers=1, on_progress=lambda done, total: reports.append((done, total))
    )
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        "bach-chorales/bwv266.mid", "bach-chorales/bwv269.mid"
    ]  # fmt: skip
    piece, repairs = read_midi(paths[1].read_bytes())
    assert piece.tracks == tuple(Track(0, False, name) for name in ("Soprano", "Alto", "Tenor", "Bass"))
    assert piece.notes[:4].tolist() == [
        (48, 24, 0, 67, 80, 0),
        (48, 24, 1, 62, 80, 0),
        (48, 24, 2, 59, 80, 0),
        (48, 24, 3, 43, 80, 0),
    ]
    assert (piece.meters[0].numerator, repairs) == (3, [])
    assert reports == [(0, 2), (1, 2), (2, 2)]


@pytest.mark.usefixtures("few")
def test_files_already_there_are_not_made_again(tmp_path: Path) -> None:
    kept = tmp_path / "bach-chorales" / "bwv266.mid"
    kept.parent.mkdir()
    kept.write_bytes(b"mine")
    paths = fetch_corpus("bach-chorales", tmp_path, num_workers=1)
    assert len(paths) == 2
    assert kept.read_bytes() == b"mine"


@pytest.mark.usefixtures("few")
def test_each_tune_of_a_file_is_a_piece(tmp_path: Path) -> None:
    paths = fetch_corpus("folk-songs", tmp_path, num_workers=1)
    assert [path.name for path in paths] == [f"testd-{number:04d}.mid" for number in range(1, 9)]


@pytest.mark.usefixtures("few")
def test_score_that_fails_costs_itself_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus_dir = tmp_path / "corpus"
    (corpus_dir / "ryansMammoth").mkdir(parents=True)
    (corpus_dir / "ryansMammoth" / "AbFine.abc").write_text("X:1\nL:1/4\nK:C\nCDEF|\n")
    (corpus_dir / "ryansMammoth" / "AcBroken.abc").write_text("X:1\nK:C\n\n")
    monkeypatch.setattr(builtin, "_corpus_dir", lambda: corpus_dir)
    paths = fetch_corpus("fiddle-tunes", tmp_path, num_workers=1)
    assert [path.name for path in paths] == ["AbFine.mid"]
    assert capsys.readouterr().err.startswith("skipped AcBroken.abc: Expected notes")


def test_home_that_cannot_be_written_is_no_obstacle_and_nothing_is_left_behind(tmp_path: Path) -> None:
    home = tmp_path / "no-home"
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    code = (
        "from pathlib import Path\n"
        "from melodyforge.corpus import builtin\n"
        "task = next(iter(builtin._list_tasks(builtin._BUILT_IN[0], Path('midi').absolute())))\n"
        f"assert builtin._export_task(builtin.replace(task, target=Path({str(tmp_path / 'a.mid')!r}))) == ''\n"
    )
    environment = {**os.environ, "HOME": str(home), "TMPDIR": str(scratch)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_DIR, env=environment, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")
    assert (tmp_path / "a.mid").exists()
    assert not home.exists()
    assert list(scratch.iterdir()) == []


def test_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"must be one of bach-chorales, .*groove\. Received 'mozart'"):
        fetch_corpus("mozart", tmp_path)
