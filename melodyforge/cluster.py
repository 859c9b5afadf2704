"""A Ray cluster of machines, as a pool that calls functions for many items. Nothing else knows Ray; knows no music.

Ray starts one process a processor; in each a `Guard` has strangers' files read in yet another, as on one machine. What
is lost with a process or a machine is called again elsewhere. Nothing of Ray is printed, and nothing of it is left
behind: the processes of a job end with the connection, however that ends.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import re
import socket
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from melodyforge import __version__
from melodyforge.errors import ClusterError, MelodyForgeError
from melodyforge.guard import CALLS_AHEAD, Guard
from melodyforge.words import how_to_install

MAX_LOSSES = 20  # processes that may be lost one after the other over one call
KNOCK_SECONDS = 5.0
MAX_REFUSED = 3  # times in a row that a head may not answer, or have no processors
QUIET = {  # read by Ray when it is imported
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
START = "Start one with `ray start --head --disable-usage-stats`."
# Ray speaks HTTP/2: its greeting with an empty frame of settings, which is answered by another.
_GREETING, _SETTINGS = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 4

_T = TypeVar("_T")
_Item = TypeVar("_Item")


class Cluster:
    """A cluster that this process is connected to; a `Pool`."""

    def __init__(self, ray: Any, head: str) -> None:
        self._ray, self._head = ray, head
        remote = ray.remote(num_cpus=1, max_retries=MAX_LOSSES)
        self._serve, self._compute, self._add = remote(_serve), remote(_compute), remote(_add)
        self._looked, self._num_troubled = time.monotonic(), 0
        self.num_processors = int(ray.cluster_resources().get("CPU", 0))

    def each(self, call: Callable[[Guard, _Item], _T], items: Iterable[_Item]) -> Generator[_T, None, None]:
        """See `Pool`; `call` is sent once to each machine.

        Raises:
            ClusterError: the cluster was lost, or cannot run the calls.
            MelodyForgeError: as the calls say.
        """
        sent = self._ray.put(call)
        items = iter(items)
        running = deque(self._start(sent, item) for item in islice(items, CALLS_AHEAD * max(1, self.num_processors)))
        while running:
            yield self._result(running.popleft())
            running.extend(self._start(sent, item) for item in islice(items, 1))

    def send(self, value: Any) -> Any:
        """Sends a value once to each machine that needs it; arrays are shared by the processes there, to be read."""
        return self._ray.put(value)

    def total(self, call: Callable[..., _T], items: Iterable[_Item], *sent: Any) -> _T:
        """The sum of what a function returns for each of some items, at least one.

        It is added up in pairs, and the sums in pairs, where they are: nobody has to receive all of it, and the order
        does not depend on who computes.

        Args:
            call: is given an item, and what was sent.
            items: of which each is computed by whatever processor is free.
            sent: what `send` gave.

        Raises:
            ClusterError, MelodyForgeError: as `each`.
        """
        parts = [self._compute.remote(__version__, call, item, *sent) for item in items]
        while len(parts) > 1:
            odd = parts[len(parts) // 2 * 2 :]
            parts = [self._add.remote(*pair) for pair in zip(parts[::2], parts[1::2], strict=False)] + odd
        return self._result(parts[0])

    def _start(self, sent: Any, item: Any) -> Any:
        return self._serve.remote(__version__, sent, item)

    def _result(self, started: Any) -> Any:
        """What a call returned."""
        errors = self._ray.exceptions
        while not self._ray.wait([started], timeout=KNOCK_SECONDS)[0]:
            self._require_life()
        self._require_life()  # short calls go on without a head, until Ray ends this process after a minute
        try:
            return self._ray.get(started)
        except errors.RayTaskError as error:
            if isinstance(error.cause, MelodyForgeError):
                raise error.cause from None
            if isinstance(error.cause, ModuleNotFoundError):
                raise ClusterError(_lacking(error.cause.name or "")) from None
            raise
        except errors.RayError as error:
            raise ClusterError(f"The cluster was lost: {_first_sentence(error)}. Run the command again.") from error

    def _require_life(self) -> None:
        """Looks now and then whether the cluster is there.

        Raises:
            ClusterError: several times in a row it was not.
        """
        if time.monotonic() - self._looked < KNOCK_SECONDS:
            return
        trouble = self._trouble()
        self._looked = time.monotonic()
        self._num_troubled = self._num_troubled + 1 if trouble else 0
        if self._num_troubled == MAX_REFUSED:
            raise ClusterError(f"The cluster was lost: {trouble}. Run the command again.")

    def _trouble(self) -> str:
        """Why nothing may ever come back; "" when nothing speaks against it."""
        if not _answers(self._head):
            return "its head no longer answers"
        return "" if self._ray.cluster_resources().get("CPU") else "no processor is left"


def _serve(version: str, call: Callable[[Guard, _Item], _T], item: _Item) -> _T:
    """Runs in a process of the cluster."""
    _require_version(version)
    return call(_own_guard(), item)


def _compute(version: str, call: Callable[..., _T], item: _Item, *sent: Any) -> _T:
    """Runs in a process of the cluster."""
    _require_version(version)
    return call(item, *sent)


def _add(one: Any, other: Any) -> Any:
    """Runs in a process of the cluster."""
    return one + other


def _require_version(version: str) -> None:
    if version != __version__:
        raise ClusterError(_versions(f"Melody Forge {version}", f"Melody Forge {__version__}"))


@functools.cache
def _own_guard() -> Guard:
    return Guard(1)


@contextlib.contextmanager
def connect(address: str) -> Iterator[Cluster]:
    """Connects this process to a cluster while the block runs.

    Args:
        address: host and port of its head; "auto" for the cluster that this machine is in.

    Raises:
        ClusterError: there is none, it is of another version, or has no processors.
        ModuleNotFoundError: Ray is not installed.
    """
    os.environ.update({name: value for name, value in QUIET.items() if name not in os.environ})
    import ray

    try:
        cluster = Cluster(ray, _open(ray, address))
        if not cluster.num_processors:
            raise ClusterError(f"Expected a cluster with processors at {address}. Received none. Add machines to it.")
        yield cluster
    finally:
        ray.shutdown()


def _open(ray: Any, address: str) -> str:
    """Connects; gives host and port of the head."""
    try:
        place = ray._private.services.canonicalize_bootstrap_address(address) or address
        _knock(place)
        ray._private.worker._worker_logs_enabled = False  # news of every process that is lost, which is called again
        ray.init(place, log_to_driver=False, logging_level=logging.CRITICAL)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ClusterError(_explain(address, error)) from None
    return place


def _answers(head: str) -> bool:
    try:
        _knock(head)
    except ConnectionError:
        return False
    return True


def _knock(address: str) -> None:
    """Makes sure that a cluster may be at an address, for Ray itself waits for minutes.

    Raises:
        ConnectionError: nothing answers, or something else.
    """
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), KNOCK_SECONDS) as connection:
            connection.sendall(_GREETING)
            answer = connection.recv(9)
    except (OSError, OverflowError) as error:
        raise ConnectionError(getattr(error, "strerror", None) or str(error)) from None
    if len(answer) < 9 or answer[3] != _SETTINGS:
        raise ConnectionError("something else answers there")


def _explain(address: str, error: BaseException) -> str:
    """Why there is no connection, in one line."""
    text = f"{error} {error.__cause__ or ''}"
    found = re.findall(r"(Ray|Python): (\S+)", text)
    if "ersion mismatch" in text and len(found) == 4:
        theirs, ours = (" and ".join(" ".join(pair) for pair in pairs) for pairs in (found[:2], found[2:]))
        return _versions(ours, theirs)
    return f"Expected a Ray cluster at {address}. Received: {_first_sentence(error)}. {START}"


def _versions(expected: str, received: str) -> str:
    return f"Expected a cluster of {expected}. Received one of {received}. Install the same on all machines."


def _lacking(module: str) -> str:
    package = module.partition(".")[0]
    return (
        f"Expected all machines of the cluster to have the package {package}. Received one without. Install there "
        f"what is installed here. {how_to_install(package)}"
    )


def _first_sentence(error: BaseException) -> str:
    return re.split(r"\.?(?:\s*\n|\.\s|\.?$)", str(error).strip())[0]
