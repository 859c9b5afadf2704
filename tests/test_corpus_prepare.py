"""A folder becomes a dataset, and every file's fate is told."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from rich.console import Console

from melodyforge.commands import prepare as preprocess
from melodyforge.corpus.prepare import prepare_corpus
from melodyforge.corpus.report import CorpusReport, Fate, FileReport, print_report
from melodyforge.errors import CorpusError, OutputError
from tests.midi_bytes import tune

ROOT = Path(__file__).parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"
MELODY = [60, 62, 64, 65, 67, 64, 60, 67, 72, 71, 69, 67, 65, 62, 59, 60, 55, 57, 59, 62, 66, 61, 70, 58, 63]

ABC_TUNES = (
    (1, "CDEF|GEcA|BGAF|DEB,C|GAFB|cdAG|FDEC|G,CEG|"),
    (2, "CDEF|GEcA|BGAF|DEB,C|GAFB|cdAG|FDEC|G,CEG|"),
    (3, "cAGE|DCDE|GAcd|ecdA|GEDC|A,CDE|DCA,G,|CDEG|"),
)


@pytest.fixture
def midi_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "midi"
    (folder / "folk").mkdir(parents=True)
    (folder / "folk" / "a tune.mid").write_bytes(tune(MELODY))
    (folder / "folk" / "b other.mid").write_bytes(tune(MELODY[::-1]))
    (folder / "c transposed.mid").write_bytes(tune([pitch + 3 for pitch in MELODY], ticks=480))
    (folder / "d prefixed.mid").write_bytes(b"\xef\xbb\xbf" + tune([60, 61, 60]))
    (folder / "e page.mid").write_bytes(b"<html>not found</html>")
    return folder


def fates(dataset_dir: Path) -> dict[str, tuple[Fate, str]]:
    report = CorpusReport.load(dataset_dir / "report.json")
    return {file.name: (file.fate, file.explain()) for file in report.files}


def test_every_file_has_its_fate(midi_dir: Path, tmp_path: Path) -> None:
    progress: list[tuple[int, int]] = []
    store = prepare_corpus(
        midi_dir, tmp_path / "set", num_workers=1, on_progress=lambda done, total: progress.append((done, total))
    )
    found = fates(tmp_path / "set")
    assert found["folk/a tune.mid"] == (Fate.DUPLICATE, "duplicate of c transposed.mid")
    assert found["folk/b other.mid"] == (Fate.USED, "")
    assert found["c transposed.mid"] == (Fate.USED, "")
    assert found["d prefixed.mid"] == (Fate.REPAIRED, "bytes before the MIDI header were dropped")
    assert found["e page.mid"][0] == Fate.SKIPPED
    assert store.names == ["c transposed", "d prefixed", "b other"]
    assert [store.style_names[style] for style in store.styles] == ["", "", "folk"]
    assert progress == [(number, 5) for number in range(1, 6)]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".locks", "midi", "set"]


def test_pieces_of_one_score_file_have_their_fates_together(tmp_path: Path) -> None:
    (tmp_path / "midi").mkdir()
    tunes = (f"X:{number}\nT:Tune\nM:4/4\nL:1/4\nK:C\n{notes}\n" for number, notes in ABC_TUNES)
    (tmp_path / "midi" / "book.abc").write_text("\n".join(tunes))
    store = prepare_corpus(tmp_path / "midi", tmp_path / "set", num_workers=1)
    (file,) = CorpusReport.load(tmp_path / "set" / "report.json").files
    assert (file.num_pieces, file.duplicate_of, len(store)) == (2, ["book.abc"], 2)


def test_unchanged_folder_is_not_read_twice_and_a_changed_one_is(midi_dir: Path, tmp_path: Path) -> None:
    def num_files_read() -> int:
        calls: list[int] = []
        prepare_corpus(midi_dir, tmp_path / "set", num_workers=1, on_progress=lambda done, total: calls.append(done))
        return len(calls)

    assert [num_files_read(), num_files_read()] == [5, 0]
    (midi_dir / "f new.mid").write_bytes(tune([50, 40, 50]))
    assert [num_files_read(), num_files_read()] == [6, 0]
    (tmp_path / "set" / "report.json").unlink()
    assert num_files_read() == 6


def test_folder_without_music_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"No MIDI files found in .*--list-corpora"):
        prepare_corpus(tmp_path / "missing", tmp_path / "set")


def test_nothing_usable_names_the_reasons_and_leaves_the_old_dataset(midi_dir: Path, tmp_path: Path) -> None:
    fingerprint = prepare_corpus(midi_dir, tmp_path / "set", num_workers=1).fingerprint
    shutil.rmtree(midi_dir)
    midi_dir.mkdir()
    (midi_dir / "page.mid").write_bytes(b"<html>")
    with pytest.raises(CorpusError, match=r"1 file of which none can be used\. 1 x: .*a web page"):
        prepare_corpus(midi_dir, tmp_path / "set", num_workers=1)
    assert json.loads((tmp_path / "set" / "dataset.json").read_text())["fingerprint"] == fingerprint
    assert sorted(path.name for path in tmp_path.iterdir()) == [".locks", "midi", "set"]


def test_interrupted_run_leaves_nothing(midi_dir: Path, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_corpus(midi_dir, tmp_path / "set", num_workers=1, on_progress=interrupt)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".locks", "midi"]


def test_folder_with_other_things_is_not_replaced(midi_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("irreplaceable")
    with pytest.raises(OutputError, match="Choose another"):
        prepare_corpus(midi_dir, tmp_path, num_workers=1)
    assert (tmp_path / "thesis.txt").exists()


def test_unfinished_folder_of_a_killed_run_is_removed(midi_dir: Path, tmp_path: Path) -> None:
    abandoned, other = tmp_path / ".set.new.abcdefgh", tmp_path / ".set.new.s.new.abcdefgh"
    for folder in (abandoned, other):
        folder.mkdir()
    prepare_corpus(midi_dir, tmp_path / "set", num_workers=1)
    assert (abandoned.exists(), other.exists()) == (False, True)


def test_a_second_preparing_waits_says_so_and_reads_nothing_again(midi_dir: Path, tmp_path: Path) -> None:
    said: list[str] = []
    is_reading, may_go_on = threading.Event(), threading.Event()

    def pause(done: int, total: int) -> None:
        is_reading.set()
        may_go_on.wait(60)

    def wait() -> None:
        said.append("waiting")
        may_go_on.set()

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(prepare_corpus, midi_dir, tmp_path / "set", num_workers=1, on_progress=pause)
        is_reading.wait(60)
        second = prepare_corpus(
            midi_dir, tmp_path / "set", on_wait=wait, on_progress=lambda done, total: said.append("reading")
        )
    assert said == ["waiting"]
    assert second.fingerprint == first.result().fingerprint


def test_terminal_report_cuts_long_lists_and_names_the_file(tmp_path: Path) -> None:
    files = [FileReport(f"[b]{number:03}.mid", Fate.SKIPPED, ["broken"]) for number in range(50)]
    files.append(
        FileReport(
            "mended.mid", Fate.REPAIRED, ["3 notes without length got the shortest one"], num_pieces=1, num_notes=10
        )
    )
    files.append(
        FileReport("too.mid", Fate.REPAIRED, ["1 note without length got the shortest one"], num_pieces=1, num_notes=10)
    )
    console = Console(record=True, width=100, file=open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
    print_report(CorpusReport(files), tmp_path / "report.json", console)
    console.file.close()
    text = console.export_text()
    assert "50  broken" in text
    assert "2  notes without length got the shortest one" in text
    assert "[b]000.mid: broken" in text
    assert "[b]020.mid" not in text
    assert "and 30 more" in text
    assert str(tmp_path / "report.json") in text


def test_script_prints_the_report(
    midi_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(preprocess, "DATASET_DIR", tmp_path / "set")
    preprocess.main(["--midi-dir", str(midi_dir), "--workers", "1"])
    output = capsys.readouterr().out
    assert "3 pieces with 53 notes" in output
    assert "duplicate of c transposed.mid" in output


def test_script_ends_with_one_line_and_status_2(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "preprocess.py"), "--midi-dir", str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("error: No MIDI files found")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("workers", ["0", "-1", "two"])
def test_wrong_number_of_workers_is_refused(workers: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        preprocess.main([f"--workers={workers}"])


def test_hostile_files_are_all_named(tmp_path: Path) -> None:
    folder = SHARED_DATA / "nasty"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    prepare_corpus(folder, tmp_path / "set")
    report = CorpusReport.load(tmp_path / "set" / "report.json")
    assert {file.name for file in report.files} == {path.name for path in folder.iterdir()}
    assert all(file.explain() for file in report.files if file.fate != Fate.USED)
