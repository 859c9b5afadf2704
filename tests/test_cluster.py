"""Ray's own several-node cluster on one machine: the same results as without, whatever is lost on the way."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from melodyforge import cluster as cluster_module
from melodyforge.cli import run
from melodyforge.cluster import Cluster, connect
from melodyforge.commands import compose as compose_command
from melodyforge.errors import ClusterError, MelodyForgeError, MusicReadError
from melodyforge.guard import Guard

COMPOSED = ["--model", "starter", "--num-notes", "12", "--effort", "quick", "--num-pieces"]

pytestmark = pytest.mark.filterwarnings("ignore:::ray", "ignore::ResourceWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a cluster of two nodes with a processor each."""
    pytest.importorskip("ray", reason="needs the extra cluster: pip install -e '.[cluster]'")
    with started_cluster(1, 1) as address:
        yield address


@contextlib.contextmanager
def started_cluster(*processors: int) -> Iterator[str]:
    """A cluster of nodes with so many processors each, which leaves no process behind."""
    os.environ.update(cluster_module.QUIET)
    from ray.cluster_utils import Cluster as Nodes

    folder = tempfile.mkdtemp(prefix="r")  # short, for sockets stand in it
    nodes = Nodes()
    try:
        for number in processors:
            nodes.add_node(num_cpus=number, include_dashboard=False, temp_dir=folder)
        yield nodes.address
    finally:
        nodes.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def refuse_odd(_: Guard, number: int) -> int:
    if number % 2:
        raise MusicReadError(f"Expected an even number. Received {number}.")
    return number


def fail(_: Guard, number: int) -> None:
    raise KeyError(number)


def die_once(_: Guard, item: tuple[int, Path]) -> int:
    number, marks = item
    mark = marks / str(number)
    if number % 3 == 0 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def read_guarded(guard: Guard, text: str) -> int:
    return guard.run(len, text, seconds=30)


def results(cluster: Cluster, call, items) -> list:
    with closing(cluster.each(call, items)) as found:
        return list(found)


@pytest.mark.slow
def test_what_is_lost_is_called_again_in_order_and_errors_come_as_they_are(address, tmp_path, monkeypatch):
    with connect(address) as cluster:
        assert cluster.num_processors == 2
        assert results(cluster, die_once, [(number, tmp_path) for number in range(6)]) == list(range(6))
        assert len(list(tmp_path.iterdir())) == 2
        assert results(cluster, read_guarded, ["a", "bc"]) == [1, 2]
        with pytest.raises(MusicReadError, match=r"^Expected an even number\. Received 1\.$"):
            results(cluster, refuse_odd, range(4))
        with pytest.raises(KeyError, match="in fail"):
            results(cluster, fail, [7])
        monkeypatch.setattr(cluster_module, "__version__", "9.9")
        with pytest.raises(ClusterError, match=r"^Expected a cluster of Melody Forge 9\.9\. Received one of"):
            results(cluster, read_guarded, ["a"])


@pytest.mark.slow
def test_pieces_are_those_of_a_single_machine_and_a_second_run_goes_on(address, tmp_path, capsys):
    compose_command.main([*COMPOSED, "3", "--seed", "4", "--output", str(tmp_path / "alone" / "tune.mid")])
    many = tmp_path / "many"
    output = ["--output", str(many / "tune.mid"), "--cluster", address]
    compose_command.main([*COMPOSED, "3", "--seed", "4", *output])
    (many / "tune_2.mid").unlink()
    compose_command.main([*COMPOSED, "3", *output])  # the seed is that of before
    assert "1 piece with " in capsys.readouterr().out
    for number in (1, 2, 3):
        one, other = (tmp_path / folder / f"tune_{number}.mid" for folder in ("alone", "many"))
        assert one.read_bytes() == other.read_bytes()
    with pytest.raises(MelodyForgeError, match="another temperature"):
        compose_command.main([*COMPOSED, "3", "--temperature", "0.5", *output])


@pytest.mark.slow
def test_a_cluster_of_another_ray_is_refused_in_one_line(address, monkeypatch):
    import ray

    monkeypatch.setattr(ray, "__version__", "2.1.0")
    with pytest.raises(ClusterError, match=r"^Expected a cluster of Ray 2\.1\.0 and Python .* Received one of Ray"):
        connect(address).__enter__()


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


def test_without_the_extra_one_line_says_how_to_install_it(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    asked = [*COMPOSED, "2", "--cluster", "auto", "--output", str(tmp_path / "tune.mid")]
    assert run(lambda: compose_command.main(asked)) == 2
    assert "lacks the package ray" in (said := capsys.readouterr().err)
    assert "[cluster]" in said


def test_what_does_not_go_together_is_refused(tmp_path):
    with pytest.raises(MelodyForgeError, match="at most 4,096 without a cluster"):
        compose_command.main([*COMPOSED, "5000", "--output", str(tmp_path / "tune.mid")])
    with pytest.raises(MelodyForgeError, match="--cluster does not go with --reproduce"):
        compose_command.main(["--cluster", "auto", "--reproduce", "tune.mid"])
