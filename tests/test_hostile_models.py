"""Model folders of strangers: every part is checked before it is used, and ends in one line or in music."""

from __future__ import annotations

import hashlib
import json
import pickle
import pickletools
import resource
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from melodyforge.bundle import CONFIG_FILE, METRICS_FILE, VOCABULARY_FILE, WEIGHTS_FILE, load_model, read_model
from melodyforge.compose import compose
from melodyforge.composing.wishes import default_settings
from melodyforge.decoding.shapes import layer_shapes
from melodyforge.errors import ModelFolderError, SettingsError, UnpackError, VocabularyError
from melodyforge.facts import HISTORY_FILE, read_history
from melodyforge.plain_pickle import read_plain_pickle
from melodyforge.recipe import Recipe, load_recipe
from melodyforge.settings import NetworkSettings, RepresentationSettings
from melodyforge.tokens import EventsRepresentation, FieldsRepresentation, NotesRepresentation
from melodyforge.tokens.headings import Passage, heading_of, pack_passages
from melodyforge.weights_file import read_weights
from tests.music_samples import gridded_piece, performed_piece, tune

pytestmark = pytest.mark.slow

PLAIN = {"a": [1, -2, 300, 70_000, 1.5, True, "é", "é" * 300, (1, 2, 3, 4), {}], "b": ["same", "same"]}
LAYER = "layers/table/vars"


@pytest.fixture
def model_dir(tiny_model_dir, tmp_path):
    shutil.copytree(tiny_model_dir / "tiny", tmp_path / "tiny")
    return tmp_path / "tiny"


def sign(folder: Path) -> None:
    """Writes the checksums of the files as they are now, as somebody with an aim would."""
    config = json.loads((folder / CONFIG_FILE).read_text())
    for name in (WEIGHTS_FILE, VOCABULARY_FILE):
        config["sha256"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / CONFIG_FILE).write_text(json.dumps(config))


# ---- the vocabulary -------------------------------------------------------------------------------------------------


def test_plain_data_comes_back_as_it_was():
    assert read_plain_pickle(pickle.dumps(PLAIN, 4)) == PLAIN


def pickled(*instructions: bytes) -> bytes:
    return b"\x80\x04" + b"".join(instructions) + b"."


@pytest.mark.parametrize(
    "data",
    [
        pickled(b"Nr" + struct.pack("<I", 2**29 - 1)),  # a memo of 4 GB
        pickled(b"\x96" + struct.pack("<Q", 2**40)),  # a bytearray of 1 TB
        pickled(b"\x8e" + struct.pack("<Q", 2**40)),
        pickled(b"\x8d" + struct.pack("<Q", 2**40)),
        pickled(b"X" + struct.pack("<I", 2**31)),
        pickled(b"\x8b" + struct.pack("<i", 2**30)),  # an integer of 1 GB
        pickled(b"I" + b"9" * 10_000 + b"\n"),
        pickled(b"cos\nsystem\n"),
        pickled(b"\x8c\x02os\x8c\x06system\x93"),
        pickled(b"K\x01Q"),
        pickled(b"(]\x85", b"\x85" * 200_000, b"K\x01d"),  # a key whose hash overflows the stack
        pickled(b"(", b"(" * 200_000, b"t" * 200_000, b"K\x01d"),
        pickled(b"]]K\x01u"),
        pickled(b"a"),
        pickled(b"h\x05"),
        pickled(b"\x8c\xffshort"),
        pickle.dumps(PLAIN, 4) + b"more",
        pickle.dumps(PLAIN, 4)[:-1],
        b"",
    ],
    ids=range(19),
)
def test_a_pickle_that_is_not_plain_is_refused(data):
    with pytest.raises(UnpackError):
        read_plain_pickle(data)


def test_a_vocabulary_of_nine_bytes_takes_no_memory(model_dir):
    (model_dir / VOCABULARY_FILE).write_bytes(b"\x80\x02Nr\xff\xff\xff\x1f.")
    sign(model_dir)
    code = f"from melodyforge.bundle import load_model; load_model({str(model_dir)!r})"
    limit = 2 * 2**30

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, preexec_fn=limited)
    assert "ModelFolderError" in done.stderr
    assert "LONG_BINPUT" in done.stderr or "NONE" in done.stderr


def test_every_instruction_that_is_let_through_is_scanned_at_its_true_length():
    data = pickle.dumps(PLAIN, 4)
    names = {opcode.name for opcode, _, _ in pickletools.genops(data)}
    assert {"BININT", "BININT1", "BININT2", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "TUPLE", "BINGET"} <= names
    for place in range(len(data)):
        for byte in (0, 40, 255):
            changed = data[:place] + bytes([byte]) + data[place + 1 :]
            try:
                read_plain_pickle(changed)
            except UnpackError:
                continue


def vocabularies():
    pieces = [gridded_piece(), performed_piece(), tune()]
    notes, events, fields = (RepresentationSettings(kind=kind, min_count=1) for kind in ("notes", "events", "fields"))
    return {
        "notes": (notes, NotesRepresentation.fit(notes, pieces)),
        "events": (events, EventsRepresentation.fit(events, pieces)),
        "fields": (fields, FieldsRepresentation.fit(fields, pieces)),
    }


KNOWN = vocabularies()


def state_of(kind: str) -> dict:
    _, representation = KNOWN[kind]
    passages = pack_passages([Passage(heading_of(tune()), representation.encode(tune())[:20])] * 2)
    return pickle.loads(pickle.dumps({"kind": kind, "passages": passages} | representation.state()))


def places(value, path=()):
    """The path of every value inside a state."""
    yield path
    if isinstance(value, dict | list | tuple):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value[:3]):
            yield from places(inner, (*path, key))


def with_value(state, path, new):
    if not path:
        return new
    changed = dict(state) if isinstance(state, dict) else list(state)
    changed[path[0]] = with_value(state[path[0]], path[1:], new)
    return changed


@pytest.mark.parametrize("kind", ["notes", "events", "fields"])
def test_a_vocabulary_with_any_value_replaced_is_refused_or_composes(kind, model_dir):
    """Each value in turn, by ones of other types and by numbers far outside."""
    settings, representation = KNOWN[kind]
    state = state_of(kind)
    num_accepted, complaints = 0, []
    for path in places(state):
        for new in (-1, 2**31 - 1, 1.5, float("nan"), "x", [], {}, [[]], ()):
            try:
                known = representation.from_state(settings, with_value(state, path, new))
            except VocabularyError as error:
                complaints.append(str(error))
                continue
            num_accepted += 1
            context = known.begin(known.headings[:2])
            for head in known.heads:
                context.inputs(), context.told(head), context.illegal(head)
                context.choose(head, np.full(context.num_pieces, head.size - 1 - (head.size - 1 == known.end_class)))
            context.commit()
    assert len(complaints) > max(100, num_accepted)
    assert all("\n" not in complaint and len(complaint) < 1000 for complaint in complaints)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("notes", {"shifts": [10**30]}),
        ("notes", {"shifts": [5, 3]}),
        ("notes", {"ranges": [[0, 127]]}),
        ("notes", {"headings": []}),
        ("notes", {"tracks": [[999, False, 0]]}),
        ("notes", {"controls": None}),
        ("notes", {"unknown": 1}),
        ("events", {"tokens": ["end"]}),
        ("events", {"tokens": ["end", "C#4:0"]}),
        ("events", {"tokens": ["end", "C#99:12"]}),
        ("events", {"tokens": ["end", "²:12"]}),
        ("events", {"tokens": ["C4:12", "end"]}),
        ("fields", {"bins": {}}),
        ("fields", {"program": 128}),
    ],
)
def test_a_vocabulary_that_cannot_compose_is_refused_before_anything_is_made(kind, change):
    settings, representation = KNOWN[kind]
    with pytest.raises(VocabularyError, match=f"`{kind}` model"):
        representation.from_state(settings, state_of(kind) | change)


@pytest.mark.parametrize("kind", ["notes", "events"])
def test_passages_of_unknown_classes_are_refused(kind):
    settings, representation = KNOWN[kind]
    state = state_of(kind)
    heading, rows = state["passages"][0]
    unknown = (*rows[0][:2], 31, *rows[0][3:]) if kind == "notes" else 10_000
    for passages in ([[heading, [unknown, *rows[1:]]]], [[heading, rows], [heading, rows[:3]]]):
        with pytest.raises(VocabularyError, match="passages"):
            representation.from_state(settings, state | {"passages": passages})


# ---- the weights ----------------------------------------------------------------------------------------------------


def replaced(make: Callable[[h5py.Group, np.ndarray], None]) -> Callable[[h5py.File], None]:
    """Puts something else in the place of an array."""

    def change(file: h5py.File) -> None:
        group = file[LAYER]
        array = group["0"][()]
        del group["0"]
        make(group, array)

    return change


def external(group, array):
    raw = Path(group.file.filename).with_name("secret")
    raw.write_bytes(bytes(array.nbytes))
    group.create_dataset("0", array.shape, "f4", external=[(str(raw), 0, array.nbytes)])


def virtual(group, array):
    source = Path(group.file.filename).with_name("source.h5")
    with h5py.File(source, "w") as file:
        file["x"] = array
    layout = h5py.VirtualLayout(array.shape, "f4")
    layout[:] = h5py.VirtualSource(source, "x", array.shape)
    group.create_virtual_dataset("0", layout)


def linked_file(group, array):
    source = Path(group.file.filename).with_name("source.h5")
    with h5py.File(source, "w") as file:
        file["x"] = array
    group["0"] = h5py.ExternalLink(str(source), "x")


def linked_name(group, array):
    group["other"] = array
    group["0"] = h5py.SoftLink(f"/{LAYER}/other")


def huge(group, array):
    group.create_dataset("0", (2**15, 2**15), "f4", chunks=(1, 2**12))


def huge_chunk(group, array):
    group.create_dataset("0", array.shape, "f4", chunks=(2**14, 2**14), maxshape=(None, None))


def packed(group, array):
    group.create_dataset("0", data=array, compression="gzip")


def never_written(group, array):
    group.create_dataset("0", array.shape, "f4")


def of_another_type(dtype):
    return lambda group, array: group.create_dataset("0", array.shape, dtype)


def not_finite(value):
    def change(file: h5py.File) -> None:
        file[f"{LAYER}/0"][1, 1] = value

    return change


def one_more_layer(file):
    file["layers/more/vars/0"] = np.zeros((4, 4), "f4")
    file["layers/more/vars"].attrs["name"] = "more"


def one_layer_twice(file):
    file.copy("layers/table", "layers/again")


def a_layer_less(file):
    del file["layers/table"]


def a_circle(file):
    file["layers/circle"] = file["layers"]


def name_is(value):
    def change(file: h5py.File) -> None:
        file[LAYER].attrs["name"] = value

    return change


TRICKS = {
    "numbers that lie in another file": replaced(external),
    "virtual": replaced(virtual),
    "a link to a file": replaced(linked_file),
    "a link to a name": replaced(linked_name),
    "a huge shape": replaced(huge),
    "a huge chunk": replaced(huge_chunk),
    "compressed": replaced(packed),
    "never written": replaced(never_written),
    "strings": replaced(of_another_type(h5py.string_dtype())),
    "references": replaced(of_another_type(h5py.ref_dtype)),
    "double precision": replaced(of_another_type("f8")),
    "compound": replaced(of_another_type([("a", "f2"), ("b", "f2")])),
    "not a number": not_finite(np.nan),
    "infinite": not_finite(np.inf),
    "enormous": not_finite(-1e30),
    "one more layer": one_more_layer,
    "one layer twice": one_layer_twice,
    "a layer less": a_layer_less,
    "a circle": a_circle,
    "a name that is a number": name_is(3),
    "a name that is a list": name_is(["a"] * 100),
    "a name without end": name_is(np.bytes_(b"x" * 60_000)),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_weights_with_a_trick_are_refused(model_dir, trick):
    with h5py.File(model_dir / WEIGHTS_FILE, "r+") as file:
        TRICKS[trick](file)
    sign(model_dir)
    with pytest.raises(ModelFolderError, match="cannot be used") as caught:
        load_model(model_dir)
    assert "\n" not in str(caught.value)


def test_weights_cut_anywhere_or_with_any_bit_flipped_are_refused_or_load(model_dir):
    model, data = read_model(model_dir), (model_dir / WEIGHTS_FILE).read_bytes()
    shapes = layer_shapes(model.representation, model.recipe.network)
    rng = np.random.default_rng(0)
    num_refused = 0
    for number in range(300):
        damaged = bytearray(data)
        if number % 3:
            for place in rng.integers(min(len(data), 4096 if number % 3 == 1 else len(data)), size=4).tolist():
                damaged[place] = int(rng.integers(256))
        else:
            del damaged[int(rng.integers(len(data))) :]
        try:
            read_weights(bytes(damaged), shapes)
        except ModelFolderError:
            num_refused += 1
    assert num_refused > 100


@pytest.mark.parametrize("num_bytes", [2**64 - 16, 2**64 - 1, 2**63, 2**40])
def test_a_heap_of_names_that_hdf5_would_read_for_ever_is_refused(model_dir, num_bytes):
    data = bytearray((model_dir / WEIGHTS_FILE).read_bytes())
    third = data.index(b"GCOL") + 16 + 32 + 24  # the size of the third name
    data[third + 8 : third + 16] = num_bytes.to_bytes(8, "little")
    with pytest.raises(ModelFolderError, match="its names are cut"):
        read_weights(bytes(data), {})


def test_a_heap_of_names_whose_free_place_leads_nowhere_is_refused(model_dir):
    data = bytearray((model_dir / WEIGHTS_FILE).read_bytes())
    place = data.index(b"GCOL") + 16
    while int.from_bytes(data[place : place + 2], "little"):
        place += 16 + -(-int.from_bytes(data[place + 8 : place + 16], "little") // 8) * 8
    data[place + 8 : place + 16] = bytes(8)  # HDF5 would look for the next object at the same place, for ever
    with pytest.raises(ModelFolderError, match="its names are cut"):
        read_weights(bytes(data), {})


def test_a_weights_file_larger_than_recipe_and_vocabulary_need_is_not_read(model_dir):
    with (model_dir / WEIGHTS_FILE).open("r+b") as file:
        file.truncate(2**40)  # a hole: takes no place on the disk
    with pytest.raises(ModelFolderError, match="not of one model"):
        load_model(model_dir)


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        ("notes", {"head_units": 24}),
        ("events", {"num_layers": 3}),
        ("events", {"head_units": 16, "layer_norm": True}),
        ("fields", {"layer_norm": True}),
        ("attention", {"kind": "attention"}),
        ("numbers", {}),
    ],
)
def test_the_expected_shapes_are_those_of_keras(kind, shape, tmp_path):
    from melodyforge.networks import build_network

    known = {**KNOWN, "attention": KNOWN["fields"]}
    if kind == "numbers":
        settings = RepresentationSettings(kind="fields", numbers=True, velocity=True)
        known["numbers"] = settings, FieldsRepresentation.fit(settings, [gridded_piece(), tune()])
    representation = known[kind][1]
    network = NetworkSettings(units=16, **{"num_layers": 2} | shape)
    build_network(representation, network).save_weights(tmp_path / "a.weights.h5")
    shapes = layer_shapes(representation, network)
    weights = read_weights((tmp_path / "a.weights.h5").read_bytes(), shapes)  # refuses others
    assert {name: tuple(array.shape for array in arrays) for name, arrays in weights.items()} == shapes


# ---- what a model says of itself ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [CONFIG_FILE, METRICS_FILE])
@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "1" * 5000, '{"a": "\ud800"}', "\xff" * 9, "null"])
def test_json_without_end_or_sense_gives_a_line(model_dir, name, text):
    (model_dir / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ModelFolderError, match=name):
        read_model(model_dir)


@pytest.mark.parametrize(
    "metrics",
    [
        {"held_out_nats": "low"},
        {"held_out_nats": float("nan")},
        {"num_train_rows": "many"},
        {"num_train_rows": 1.5},
        {"num_train_rows": -1},
        {"best_ngram_nats": [1]},
        {"epochs": {}},
        {"something": [[1]]},
        {"ended_because": "x" * 100_000},
    ],
)
def test_metrics_with_a_word_for_a_number_are_refused(model_dir, metrics):
    (model_dir / METRICS_FILE).write_text(json.dumps(metrics))
    with pytest.raises(ModelFolderError, match=r"metrics\.json"):
        read_model(model_dir)


@pytest.mark.parametrize(
    "config",
    [
        {"habits": "none"},
        {"habits": {"": {"polyphony": "many"}}},
        {"sha256": [1]},
        {"sha256": {}},
        {"version": ["x"] * 10_000, "format": 3},
        {"recipe": {"sampling": {"top_k": -1}}},
        {"recipe": {"sampling": {"top_k": 10**400}}},
        {"recipe": {"network": {"units": 10**9}}},
        {"recipe": {"training": {"epochs": 10**400}}},
        {"recipe": {"title": "x" * 1_000_000}},
        {"recipe": {"network": [[[[[[]]]]]]}},
    ],
)
def test_a_config_with_senseless_values_gives_a_short_line(model_dir, config):
    whole = json.loads((model_dir / CONFIG_FILE).read_text())
    (model_dir / CONFIG_FILE).write_text(json.dumps(whole | config))
    with pytest.raises(ModelFolderError) as caught:
        read_model(model_dir)
    assert len(str(caught.value)) < 1000


def test_a_file_as_large_as_a_disk_is_not_read(model_dir):
    for name in (CONFIG_FILE, METRICS_FILE, VOCABULARY_FILE):
        kept = (model_dir / name).read_bytes()
        with (model_dir / name).open("r+b") as file:
            file.truncate(2**40)
        with pytest.raises(ModelFolderError, match="at most"):
            read_model(model_dir)
        (model_dir / name).write_bytes(kept)


def test_a_history_of_words_gives_a_line(model_dir):
    assert read_history(model_dir)[0]["epoch"] == 1
    for text in ("epoch,train_nats\n1,low\n", "epoch\n1,2,3\n", "epoch,train_nats\n1\n", '"' + "x" * 200_000):
        (model_dir / HISTORY_FILE).write_text(text)
        with pytest.raises(ModelFolderError, match="table of numbers"):
            read_history(model_dir)


def test_a_model_whose_top_k_is_beyond_all_classes_composes(model_dir):
    config = json.loads((model_dir / CONFIG_FILE).read_text())
    config["recipe"]["sampling"]["top_k"] = 9999
    (model_dir / CONFIG_FILE).write_text(json.dumps(config))
    model = load_model(model_dir)
    assert len(compose(model, default_settings(model, num_notes=8))[0].piece) >= 8


# ---- recipes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 50_000,
        "a = " + "{b = " * 20_000,
        "a" + ".a" * 40_000 + " = 1",
        "epochs = " + "9" * 5000,
        "name = '''" + "x" * 2_000_000 + "'''",
        "[network]\nunits = 1e400",
        "network = 3",
        "[training]\nepochs = 99999999999999999999",
    ],
    ids=range(8),
)
def test_a_recipe_without_end_or_sense_gives_a_line(tmp_path, text):
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_recipe(str(tmp_path / "a.toml"))
    assert len(str(caught.value)) < 1000
    assert Recipe.check({}).name == ""
