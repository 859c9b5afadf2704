"""What reading many files costs on a Ray cluster beside one machine, and whether anything is lost with a worker.

    python -m benchmarks.many_files --midi-dir DIR [--files N] [--workers N] [--kill-every SECONDS]

The files are made from those in DIR with a seed: other keys and some other notes, every tenth a copy, every twentieth
cut short. The cluster has two nodes on this machine. Its files are read twice, first few to start all processes; then
once more, while a worker is killed now and then. Processor seconds are those of the command and of all processes that
read for it; those of Ray's own services are told apart. Datasets must be equal to the byte.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.growth import changed
from benchmarks.measure import machine, write_results
from benchmarks.samples import midi_files
from melodyforge.cli import Parser, run, whole_number
from melodyforge.cluster import QUIET, connect
from melodyforge.corpus.prepare import prepare_corpus
from melodyforge.guard import Pool
from melodyforge.music.load import load_piece
from melodyforge.music.midi import write_midi

NAME = "many_files"
SEED = 0
COPY_EVERY, CUT_EVERY = 10, 20  # files
WARM_UP_FILES = 200
WORKERS, GUARDED = ("ray::_serve", "ray::IDLE"), "melodyforge.guard"  # of which are the processes that read


def main() -> None:
    """Measures both and reports it."""
    parser = Parser(prog="-m benchmarks.many_files", description="Reading many files on a cluster.")
    parser.add_argument("--midi-dir", type=Path, required=True, metavar="DIR", help="music to make files from")
    parser.add_argument("--files", type=whole_number(1, 1_000_000), default=2000, metavar="N", help="how many")
    parser.add_argument("--workers", type=whole_number(2, 256), default=2, metavar="N", help="processes that read")
    parser.add_argument("--kill-every", type=float, default=5.0, metavar="SECONDS", help="of the last run")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="r") as name:
        report(compare(arguments.midi_dir, Path(name), arguments.files, arguments.workers, arguments.kill_every))


def compare(midi_dir: Path, folder: Path, num_files: int, num_workers: int, kill_every: float) -> dict[str, Any]:
    """Reads the same files here, on a cluster, and on one that loses workers."""
    make_files(midi_dir, folder / "few", WARM_UP_FILES)
    make_files(midi_dir, folder / "many", num_files)
    here = timed(folder / "many", folder / "here", num_workers, None)
    with nodes(folder, num_workers) as address, connect(address) as cluster:
        timed(folder / "few", folder / "warm", None, cluster)
        there = timed(folder / "many", folder / "there", None, cluster)
        with killing(kill_every) as killed:
            timed(folder / "many", folder / "harassed", None, cluster)
    for other in ("there", "harassed"):
        if contents(folder / other) != contents(folder / "here"):
            raise RuntimeError(f"Expected the dataset of a single machine. Received another from the cluster: {other}.")
    return {
        "files": num_files,
        "workers": num_workers,
        "here": here,
        "cluster": there,
        "share": here["processor_seconds"] / there["processor_seconds"],
        "killed": len(killed),
    }


def make_files(midi_dir: Path, folder: Path, number: int) -> None:
    """Writes the music that is read."""
    tunes, rng, data = [load_piece(path) for path in midi_files(midi_dir, number)], np.random.default_rng(SEED), b""
    folder.mkdir()
    for index in range(number):
        if index % COPY_EVERY or not data:
            data = write_midi(changed(tunes[rng.integers(len(tunes))], rng))
        is_cut = index % CUT_EVERY == CUT_EVERY - 1
        (folder / f"{index}.mid").write_bytes(data[: len(data) // 2] if is_cut else data)


def timed(music: Path, dataset: Path, num_workers: int | None, pool: Pool | None) -> dict[str, float]:
    """Makes a dataset; seconds of the clock and of all processors."""
    began, clock = processor_seconds(), time.perf_counter()
    prepare_corpus(music, dataset, num_workers=num_workers, pool=pool)
    seconds, ended = time.perf_counter() - clock, processor_seconds()
    return {"seconds": seconds, "processor_seconds": ended[0] - began[0], "standing_seconds": ended[1] - began[1]}


def processor_seconds() -> tuple[float, float]:
    """Of this process and those that read for it, ended or not; and of Ray's others, which take some even when idle."""
    seconds = {True: sum(os.times()[:4]), False: 0.0}
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            does_read = process.name().startswith(WORKERS) or GUARDED in " ".join(process.cmdline())
            seconds[does_read] += sum(process.cpu_times()[:4])
    return seconds[True], seconds[False]


@contextlib.contextmanager
def nodes(folder: Path, num_workers: int) -> Iterator[str]:
    """A cluster of two nodes on this machine."""
    os.environ.update(QUIET | {"RAY_worker_niceness": "0"})  # as what it is compared with
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    try:
        for number in (num_workers // 2, num_workers - num_workers // 2):
            cluster.add_node(num_cpus=number, include_dashboard=False, temp_dir=str(folder))
        yield cluster.address
    finally:
        cluster.shutdown()


@contextlib.contextmanager
def killing(seconds: float) -> Iterator[list[int]]:
    """Kills a process of the cluster that is at work, again and again; their numbers."""
    killed: list[int] = []
    is_over = threading.Event()

    def kill() -> None:
        while not is_over.wait(seconds):
            at_work = [one for one in psutil.Process().children(recursive=True) if one.name().startswith(WORKERS[0])]
            if at_work:
                at_work[len(killed) % len(at_work)].kill()
                killed.append(at_work[len(killed) % len(at_work)].pid)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        is_over.set()
        thread.join()


def contents(folder: Path) -> dict[str, bytes]:
    """All that a dataset consists of."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def report(found: dict[str, Any]) -> None:
    """Prints and keeps the figures."""
    seen = machine()
    print(f"{found['files']:,} files, {found['workers']} workers, {seen['num_cores']} cores of {seen['processor']}")
    for name in ("here", "cluster"):
        print(f"{name}: {found[name]}")
    print(f"files a second and core beside the single machine: {found['share']:.2f}; {found['killed']} workers killed")
    write_results(NAME, found)


if __name__ == "__main__":
    raise SystemExit(run(main))
