"""Ray's own several-node cluster on one machine: the same results as without, whatever is lost on the way."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from melodyforge import cluster as cluster_module
from melodyforge.bulk import Bulk, Shelf, compose_in_bulk
from melodyforge.cli import run
from melodyforge.cluster import Cluster, connect
from melodyforge.commands import compose as compose_command
from melodyforge.commands import prepare as prepare_command
from melodyforge.commands import train as train_command
from melodyforge.compose import load
from melodyforge.composing.wishes import default_settings
from melodyforge.corpus import reading
from melodyforge.corpus.files import find_music_files
from melodyforge.corpus.prepare import prepare_corpus
from melodyforge.corpus.reading import FileResult, read_files
from melodyforge.errors import ClusterError, CorpusError, MelodyForgeError, MusicReadError
from melodyforge.guard import Guard
from melodyforge.recipe import load_recipe
from tests.midi_bytes import tune

COMPOSED = ["--model", "starter", "--num-notes", "12", "--effort", "quick", "--num-pieces"]

pytestmark = pytest.mark.filterwarnings("ignore:::ray", "ignore::ResourceWarning", "ignore::FutureWarning")


def refuse_odd(_: Guard, number: int) -> int:
    if number % 2:
        raise MusicReadError(f"Expected an even number. Received {number}.")
    return number


def fail(_: Guard, number: int) -> None:
    raise KeyError(number)


def die_once(_: Guard, item: tuple[int, Path]) -> int:
    number, marks = item
    mark = marks / str(number)
    if number == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def add_once(item: tuple[int, Path]) -> int:
    return refuse_odd(Guard(1), 2 * die_once(Guard(1), item))


def refuse_alone(number: int) -> int:
    return refuse_odd(Guard(1), number)


def lack(_: int) -> int:
    import melodyforge_of_tomorrow.networks

    return melodyforge_of_tomorrow.networks


def read_guarded(guard: Guard, text: str) -> int:
    return guard.run(len, text, seconds=30)


def results(cluster: Cluster, call, items) -> list:
    with closing(cluster.each(call, items)) as found:
        return list(found)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["127.0.0.1:1", "nowhere", "http://a.b:1"])
def test_where_no_cluster_is_one_line_says_so(place):
    pytest.importorskip("ray", reason="needs the extra cluster")
    with pytest.raises(ClusterError, match=rf"^Expected a Ray cluster at {place}\. Received: .*ray start --head"):
        connect(place).__enter__()


@pytest.mark.slow
def test_another_server_is_no_cluster():
    pytest.importorskip("ray", reason="needs the extra cluster")
    with socket.create_server(("0.0.0.0", 0)) as server:
        threading.Thread(target=lambda: server.accept()[0].sendall(b"HTTP/1.1 400 No\r\n\r\n"), daemon=True).start()
        with pytest.raises(ClusterError, match="something else answers there"):
            connect(f"127.0.0.1:{server.getsockname()[1]}").__enter__()


@pytest.mark.slow
def test_a_cluster_of_another_ray_is_refused_in_one_line(address, monkeypatch):
    import ray

    monkeypatch.setattr(ray, "__version__", "2.1.0")
    with pytest.raises(ClusterError, match=r"^Expected a cluster of Ray 2\.1\.0 and Python .* Received one of Ray"):
        connect(address).__enter__()


@pytest.mark.slow
def test_the_command_goes_on_where_another_run_stopped_with_its_seed_and_composes_what_one_machine_does(
    address, tmp_path, capsys
):
    compose_command.main([*COMPOSED, "3", "--seed", "4", "--output", str(tmp_path / "tune.mid")])
    many = tmp_path / "many"
    model = load("starter")
    settings = default_settings(model, num_notes=12, effort="quick", num_pieces=2, seed=4)
    compose_in_bulk(Bulk(model, settings, [".mid"]), Shelf(many / "tune.mid"), Guard(1))
    compose_command.main([*COMPOSED, "3", "--output", str(many / "tune.mid"), "--cluster", address])
    assert "\n1 piece with " in capsys.readouterr().out
    assert (many / "tune_3.mid").read_bytes() == (tmp_path / "tune_3.mid").read_bytes()


@pytest.mark.slow
def test_what_is_lost_is_called_again_in_order_and_errors_come_as_they_are(cluster, tmp_path, monkeypatch, capfd):
    assert results(cluster, die_once, [(number, tmp_path) for number in range(4)]) == list(range(4))
    assert len(list(tmp_path.iterdir())) == 1
    assert capfd.readouterr() == ("", "")
    assert results(cluster, read_guarded, ["a", "bc"]) == [1, 2]
    with pytest.raises(MusicReadError, match=r"^Expected an even number\. Received 1\.$"):
        results(cluster, refuse_odd, range(4))
    with pytest.raises(KeyError, match="in fail"):
        results(cluster, fail, [7])
    monkeypatch.setattr(cluster_module, "__version__", "9.9")
    with pytest.raises(ClusterError, match=r"^Expected a cluster of Melody Forge 9\.9\. Received one of"):
        results(cluster, read_guarded, ["a"])


@pytest.mark.slow
def test_what_is_added_up_is_whole_whatever_is_lost_and_errors_come_as_they_are(cluster, tmp_path):
    assert cluster.total(add_once, [(number, tmp_path) for number in range(5)]) == 20
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(MusicReadError, match=r"^Expected an even number\. Received 5\.$"):
        cluster.total(refuse_alone, [2, 4, 5])
    with pytest.raises(ClusterError, match=r"^Expected all machines .* the package melodyforge_of_tomorrow\. Received"):
        cluster.total(lack, [1, 2])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lost", "said"), [("_answers", "its head no longer answers"), ("cluster_resources", "no processor is left")]
)
def test_a_cluster_that_is_lost_is_noticed_although_calls_are_short(cluster, monkeypatch, lost, said):
    monkeypatch.setattr(cluster_module if lost == "_answers" else cluster._ray, lost, lambda *_: {})
    for number in (2, 4):
        cluster._looked = 0.0  # long ago
        assert cluster.total(refuse_alone, [number, number]) == 2 * number
    cluster._looked = 0.0
    with pytest.raises(ClusterError, match=f"^The cluster was lost: {said}. Run the command again.$"):
        cluster.total(refuse_alone, [2])


@pytest.fixture
def music(tmp_path) -> Path:
    """A folder of good, doubled and broken files."""
    (tmp_path / "music" / "folk").mkdir(parents=True)
    for number in range(6):
        melody = np.random.default_rng(number).integers(55, 80, 40).tolist()
        (tmp_path / "music" / "folk" / f"{number}.mid").write_bytes(tune(melody))
    shutil.copy(tmp_path / "music" / "folk" / "1.mid", tmp_path / "music" / "again.mid")
    (tmp_path / "music" / "page.mid").write_bytes(b"<html>")
    return tmp_path / "music"


@pytest.mark.slow
def test_a_dataset_is_the_same_whatever_the_number_of_workers(cluster, add_node, music, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "CHUNK_FILES", 1)
    monkeypatch.setitem(reading.read_files.__kwdefaults__, "midi_seconds", 120.0)  # processes start slowly beside tests
    alone = prepare_corpus(music, tmp_path / "alone", num_workers=1)
    assert len(alone) == 6
    for name in ("of two", "of four"):
        many = prepare_corpus(music, tmp_path / name, pool=cluster)
        assert contents(many.folder) == contents(alone.folder)
        add_node(2)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_machine_that_does_not_share_the_music_is_told_from_files_that_are_gone(music):
    class Elsewhere:
        def each(self, call, items):
            return ([FileResult(error="not found", is_missing=True) for _ in chunk] for chunk in items)

    with pytest.raises(CorpusError, match=r"^Expected all machines of the cluster to find .*again\.mid\. Received one"):
        list(read_files(find_music_files(music), pool=Elsewhere()))
    files = find_music_files(music)
    shutil.rmtree(music)
    assert {result.error for _, result in read_files(files, pool=Elsewhere())} == {"not found"}


def test_without_the_extra_one_line_says_how_to_install_it(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    asked = [*COMPOSED, "2", "--cluster", "auto", "--output", str(tmp_path / "tune.mid")]
    assert run(lambda: compose_command.main(asked)) == 2
    assert "lacks the package ray" in (said := capsys.readouterr().err)
    assert "[cluster]" in said
    training = train_command.parse_arguments(["--cluster", "auto", "--midi-dir", str(tmp_path)])
    assert run(lambda: train_command.train(training, load_recipe("classic"), "never")) == 2
    assert "lacks the package ray" in capsys.readouterr().err


def test_what_does_not_go_together_is_refused(tmp_path):
    with pytest.raises(MelodyForgeError, match="at most 4,096 without a cluster"):
        compose_command.main([*COMPOSED, "5000", "--output", str(tmp_path / "tune.mid")])
    with pytest.raises(MelodyForgeError, match="--cluster does not go with --reproduce"):
        compose_command.main(["--cluster", "auto", "--reproduce", "tune.mid"])
    with pytest.raises(MelodyForgeError, match="--workers does not go with --cluster"):
        prepare_command.main(["--cluster", "auto", "--workers", "2"])
