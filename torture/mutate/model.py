"""Mutants of zipped models: of JSON, of the pickled vocabulary, of the weights in HDF5, and of the archive around them.

Checksums are made anew most often: whoever means harm would do so, too.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import pickletools
import struct
from random import Random
from typing import Any

from melodyforge.bundle import CONFIG_FILE, HISTORY_FILE, METRICS_FILE, VOCABULARY_FILE, WEIGHTS_FILE
from torture.mutate import archive, weights
from torture.mutate.raw import spoiled
from torture.mutate.values import INTEGERS, replaced, word

# Opcodes that name, call or fetch something, announce sizes, or leave the stack in disorder.
STRANGE_OPCODES = (
    *(b"cos\nsystem\n", b"c__builtin__\neval\n", b"\x8c\x02os\x8c\x06system\x93", b"R", b"\x81", b"\x92", b"b", b"o"),
    *(b"ios\nsystem\n", b"Q", b"P1\n", b"\x82\x01", b"\x83\x01\x00", b"\x84\x01\x00\x00\x00", b"\x97", b"\x98"),
    *(
        b"r\xff\xff\xff\x7f",
        b"r\xff\xff\xff\x0f",
        b"p99999999\n",
        b"q\xff",
        b"\x94",
        b"j\xff\xff\xff\x7f",
        b"h\xff",
        b"g9\n",
    ),
    *(
        b"\x8e" + struct.pack("<Q", 2**40),
        b"\x8d" + struct.pack("<Q", 2**62),
        b"B\xff\xff\xff\x7f",
        b"X\xff\xff\xff\x7f",
    ),
    *(b"\x96" + struct.pack("<Q", 2**33), b"\x95" + struct.pack("<Q", 2**33), b"\x8b\xff\xff\xff\x7f", b"\x8a\xff"),
    *(
        b"L" + b"9" * 9000 + b"L\n",
        b"I" + b"9" * 9000 + b"\n",
        b"Fnan\n",
        b"F1e999\n",
        b"S'a'\n",
        b"V\\ud800\n",
        b"\x8b\xff\xff\xff\xff",
    ),
    *(
        b"(",
        b"0",
        b"1",
        b"2",
        b".",
        b"a",
        b"e",
        b"s",
        b"u",
        b"t",
        b"l",
        b"d",
        b"]",
        b"}",
        b")",
        b"N",
        b"\x88",
        b"\x85",
        b"\x90",
        b"\x91",
    ),
    *(b"]" * 20_000, b"(" * 20_000, b"]2" * 50, b"]2a" * 50, b"\x85" * 20_000, b"}" + b"\x85" * 500),
)

OFTEN = (CONFIG_FILE, VOCABULARY_FILE, WEIGHTS_FILE) * 2 + (METRICS_FILE,)


def mutant(seed: dict[str, bytes], rng: Random) -> bytes:
    """A zipped model with a few things wrong."""
    files = dict(seed)
    for name in {rng.choice(OFTEN) for _ in range(rng.choice([1, 1, 1, 2, 3]))}:  # each once: see `_state_changed`
        files[name] = CHANGES[name](seed[name], rng)
    if rng.random() < 0.05:
        files[HISTORY_FILE] = spoiled(files[HISTORY_FILE], rng)
    if rng.random() < 0.95:
        files[CONFIG_FILE] = _with_checksums(files)
    folder = rng.choice(["", "tiny/", "a/b/"])
    return archive.mutant([(folder + name, data) for name, data in files.items()], rng, share_whole=0.8)


def _with_checksums(files: dict[str, bytes]) -> bytes:
    """The config.json with the checksums of the files as they are now; one that is no JSON object stays."""
    try:
        config = json.loads(files[CONFIG_FILE])
    except (ValueError, RecursionError):
        return files[CONFIG_FILE]
    if not isinstance(config, dict):
        return files[CONFIG_FILE]
    config["sha256"] = {name: hashlib.sha256(files[name]).hexdigest() for name in (WEIGHTS_FILE, VOCABULARY_FILE)}
    return json.dumps(config).encode()


def _json_changed(data: bytes, rng: Random) -> bytes:
    if rng.random() < 0.1:
        return rng.choice([spoiled(data, rng), b"[" * 100_000, b'{"a":' * 50_000, b"null", b"[]", b"9" * 9000, b"NaN"])
    tree = json.loads(data)
    for _ in range(rng.choice([1, 1, 2, 4])):
        tree = replaced(tree, rng)
    return json.dumps(tree).encode("utf-8", "replace")


def _vocabulary_changed(data: bytes, rng: Random) -> bytes:
    how = rng.random()
    return (spoiled if how < 0.1 else _opcodes_changed if how < 0.5 else _state_changed)(data, rng)


def _state_changed(data: bytes, rng: Random) -> bytes:
    """The pickle of a vocabulary that says something else; only ever given our own, so that nothing strange is run."""
    state: Any = pickle.loads(data)
    for _ in range(rng.choice([1, 1, 2, 4])):
        state = replaced(_in_lists(state), rng)
    if rng.random() < 0.05:
        state = {"kind": state}
    return pickle.dumps(state, protocol=rng.choice([0, 1, 2, 4, 5]))


def _in_lists(tree: Any) -> Any:
    """Tuples as lists, so that what is inside can be changed."""
    if isinstance(tree, dict):
        return {key: _in_lists(value) for key, value in tree.items()}
    return [_in_lists(value) for value in tree] if isinstance(tree, list | tuple) else tree


def _opcodes_changed(data: bytes, rng: Random) -> bytes:
    """The pickle with opcodes dropped, doubled, exchanged or put in."""
    starts = [place or 0 for _, _, place in pickletools.genops(data)]
    operations = [data[first:last] for first, last in zip(starts, [*starts[1:], len(data)], strict=True)]
    for _ in range(rng.choice([1, 1, 2, 4])):
        index = rng.randrange(len(operations) or 1)
        what = rng.randrange(5)
        if what == 0:
            del operations[index : index + rng.choice([1, 1, 5])]
        elif what == 1:
            operations[index:index] = operations[index : index + 3] * rng.choice([1, 2, 1000])
        elif what == 2 and operations:
            other = rng.randrange(len(operations))
            operations[index], operations[other] = operations[other], operations[index]
        else:
            strange = rng.choice(STRANGE_OPCODES) if what == 3 else _constant(rng)
            operations[index : index + rng.randrange(2)] = [strange]
    return b"".join(operations)


def _constant(rng: Random) -> bytes:
    """A number or a text in place of whatever stood there."""
    value = rng.choice([*INTEGERS, 0.5, float("nan"), None, word(rng)])
    return pickle.dumps(value, protocol=2)[2:-1]


CHANGES = {
    CONFIG_FILE: _json_changed,
    METRICS_FILE: _json_changed,
    VOCABULARY_FILE: _vocabulary_changed,
    WEIGHTS_FILE: weights.mutant,
}
