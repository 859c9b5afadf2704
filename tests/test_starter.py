"""The starter: found wherever models are looked for, built from what its plan says, and a good place to start from."""

from __future__ import annotations

import importlib.util
import io
import os
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pretty_midi
import pytest

from melodyforge import bundle
from melodyforge.bundle import CONFIG_FILE, WEIGHTS_FILE, find_model, list_models, load_model
from melodyforge.commands import train as script
from melodyforge.compose import generate_music, reproduce
from melodyforge.decoding.shapes import layer_shapes
from melodyforge.errors import CorpusError, ModelFolderError, SettingsError
from melodyforge.music.instruments import instrument_name
from melodyforge.music.midi import write_midi
from melodyforge.music.piece import Meter, Piece, Tempo, Track, make_notes
from melodyforge.recipe import load_recipe
from melodyforge.settings import RepresentationSettings
from melodyforge.tokens.adapt import adapt_vocabulary, relabel_tracks, share_changed
from melodyforge.tokens.bins import LONGEST_STEPS, fit_time_bins
from melodyforge.tokens.notes import NotesRepresentation
from melodyforge.training.train import Watcher, train_model
from melodyforge.weights_file import read_weights
from tests.conftest import small, write_store
from tests.music_samples import gridded_piece, performed_piece, tune

PIANO, VIOLIN, VIOLA, FLUTE, DRUMS = (0, False, 0), (40, False, 0), (41, False, 0), (73, False, 0), (0, True, 0)
pytestmark = pytest.mark.slow

SETUP_DIR = Path(__file__).parents[1] / "setup"


def put_config(folder: Path, seconds: int) -> Path:
    """A folder that passes for a model as long as nobody loads it, last changed at a time."""
    folder.mkdir(parents=True)
    (folder / CONFIG_FILE).write_text("{}")
    os.utime(folder / CONFIG_FILE, (seconds, seconds))
    return folder


@pytest.fixture(scope="module")
def starter() -> bundle.Model:
    return load_model(bundle.STARTER_DIR)


def test_music_that_goes_on_from_a_style_keeps_to_it_unless_another_is_wished(starter):
    (first,) = generate_music(starter, style="chopin", num_notes=30, seed=1)
    (further,) = generate_music(starter, first.piece, num_notes=10, seed=1)
    (wished,) = generate_music(starter, first.piece, num_notes=10, seed=1, style="grieg")
    assert [one.piece.style for one in (first, further, wished)] == ["chopin", "chopin", "grieg"]
    assert [one.origin["settings"]["style"] for one in (first, further, wished)] == ["chopin", "chopin", "grieg"]
    unlabelled = replace(first.piece, style="")  # as in its MIDI file
    assert reproduce(starter, further.origin, unlabelled).to_midi() == further.to_midi()


def test_tracks_of_exported_midi_are_called_by_their_instruments(starter):
    (made,) = generate_music(starter, style="string-quartets", num_notes=60, seed=2)
    exported = pretty_midi.PrettyMIDI(io.BytesIO(made.to_midi()))
    assert len(exported.instruments) > 1
    for track in exported.instruments:
        name = "Drums" if track.is_drum else instrument_name(track.program).capitalize()
        assert track.name.startswith(name)
    assert len({track.name for track in exported.instruments}) == len(exported.instruments)


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The folder of the user's models, and that of the project with a starter that is newer than all of them."""
    user, project = tmp_path / "user", tmp_path / "project"
    monkeypatch.setattr(bundle, "MODELS_DIR", user)
    monkeypatch.setattr(bundle, "STARTER_DIR", put_config(project / "starter", 9000))
    return user, project


def test_the_starter_is_found_where_the_user_has_no_model(homes: tuple[Path, Path]) -> None:
    user, project = homes
    assert find_model(None, user) == project / "starter"
    assert find_model("starter", user) == project / "starter"
    assert list_models(user) == ["starter"]


def test_the_users_newest_model_goes_before_a_newer_starter(homes: tuple[Path, Path]) -> None:
    user, _ = homes
    put_config(user / "old", 10)
    put_config(user / "new", 20)
    assert find_model(None, user) == user / "new"
    assert list_models(user) == ["new", "old", "starter"]


def test_a_starter_in_the_users_own_folder_is_not_named_twice(homes: tuple[Path, Path]) -> None:
    _, project = homes
    put_config(project / "mine", 10)
    assert list_models(project) == ["mine", "starter"]
    assert find_model(None, project) == project / "mine"


def test_other_collections_of_models_do_not_offer_the_starter(homes: tuple[Path, Path], tmp_path: Path) -> None:
    put_config(tmp_path / "others" / "one", 10)
    assert list_models(tmp_path / "others") == ["one"]
    with pytest.raises(ModelFolderError, match=r"Run `python train_model\.py` first"):
        find_model(None, tmp_path / "nowhere")


def test_without_starter_the_missing_model_is_said_as_before(
    homes: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bundle, "STARTER_DIR", tmp_path / "deleted")
    with pytest.raises(ModelFolderError, match=r"Run `python train_model\.py` first"):
        find_model(None, homes[0])


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        ([], "forge"),
        (["--from", "starter"], "my-music-from-starter"),
        (["--from", "ragtime", "--midi-dir", "music/My Tunes!"], "My-Tunes-from-ragtime"),
        (["--from", "/elsewhere/ragtime", "--midi-dir", "."], f"{Path.cwd().name}-from-ragtime"),
        (["--from", "starter", "--name", "mine"], "mine"),
    ],
)
def test_training_further_gets_a_name_of_its_own(flags: list[str], name: str) -> None:
    arguments = script.parse_arguments(flags)
    assert script.chosen_name(arguments, load_recipe("forge")) == name


def test_nobody_overwrites_the_starter_by_mistake() -> None:
    arguments = script.parse_arguments(["--from", "starter", "--name", "starter"])
    with pytest.raises(SettingsError, match="ships with the project"):
        script.chosen_name(arguments, script.chosen_recipe(arguments))


def test_training_further_is_gentle_unless_the_user_wants_otherwise() -> None:
    def rate(*flags: str) -> float:
        return script.chosen_recipe(script.parse_arguments([*flags])).training.learning_rate

    assert rate("--from", "starter") < rate()
    assert rate("--from", "starter", "--learning-rate", "0.005") == 0.005


def test_unknown_instruments_take_the_likest_classes_that_nobody_wants() -> None:
    known = [PIANO, VIOLIN, (73, False, 1), DRUMS]
    assert relabel_tracks(known, Counter({PIANO: 3, VIOLA: 2})) == [PIANO, VIOLA, (73, False, 1), DRUMS]
    assert relabel_tracks(known, Counter({FLUTE: 1, VIOLIN: 1})) == [PIANO, VIOLIN, FLUTE, DRUMS]
    assert relabel_tracks(known, Counter()) == known


def test_more_instruments_than_classes_leave_the_rarest_out_and_drums_in() -> None:
    wanted = Counter({FLUTE: 3, VIOLIN: 2, VIOLA: 1})
    assert sorted(relabel_tracks([PIANO, (1, False, 0), DRUMS], wanted)) == sorted([FLUTE, VIOLIN, DRUMS])


def test_two_unknown_instruments_stay_two() -> None:
    known = NotesRepresentation.fit(RepresentationSettings(), [gridded_piece()])
    rows = [(step * 12, 12, track, 60, 80) for step in range(8) for track in (0, 1)]
    duet = Piece(make_notes(rows), (Track(73), Track(68)))
    assert share_changed(known, [duet]) == 0.5  # both go to the nearest class, where the same pitch sounds once
    adapted = adapt_vocabulary(known, RepresentationSettings(), [duet])
    assert share_changed(adapted, [duet]) == 0
    assert {track.program for track in adapted.decode(adapted.encode(duet)).tracks} == {68, 73}
    assert (adapted.features, adapted.sizes) == (known.features, known.sizes)


def test_compositions_take_tempo_meter_and_style_of_the_new_music() -> None:
    known = NotesRepresentation.fit(RepresentationSettings(), [tune()])
    waltz = Piece(tune().notes, tune().tracks, (Tempo(0, 60.0),), (Meter(0, 3, 4),), style="waltzes")
    adapted = adapt_vocabulary(known, RepresentationSettings(), [waltz])
    assert {(heading.traits.tempo_qpm, heading.traits.meter) for heading in adapted.headings} == {(60.0, "3/4")}
    assert "waltzes" in adapted.controls.styles
    assert (adapted.features, adapted.sizes) == (known.features, known.sizes)
    assert adapted.from_state(RepresentationSettings(), adapted.state()).features == known.features


def test_share_changed_counts_notes_off_the_known_times_and_not_played_music() -> None:
    known = NotesRepresentation.fit(RepresentationSettings(), [tune()])  # eighths and whole notes
    odd = Piece(make_notes([(0, 12, 0, 60, 80), (12, 12, 0, 62, 80), (24, 7, 0, 64, 80), (36, 12, 0, 65, 80)]))
    assert share_changed(known, [odd]) == 0.25
    assert share_changed(known, [performed_piece()]) == 0


def test_the_times_of_written_music_are_exact_beside_played_music() -> None:
    for exact_below in (48, 96):
        values = fit_time_bins(np.ones(LONGEST_STEPS + 1, int), exact_below).values.tolist()
        assert {6, 16, 48, 60, 64, 72, 84, 90, 96, 120, 144, 168, 192, 288, 384} <= {*values}


class _Rates(Watcher):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def planned(self, lines: list[str]) -> None:
        self.lines = lines


def test_training_further_never_ends_worse_and_says_what_is_lost(tiny_model_dir: Path, tmp_path: Path) -> None:
    swung = make_notes([(bar * 24 + at, 8, 0, 60 + bar % 7, 80) for bar in range(60) for at in (0, 16)])
    store = write_store(tmp_path / "dataset", [Piece(swung)] + [tune(index) for index in range(5)])
    ruinous, watcher = small("forge", epochs=1, learning_rate=0.9), _Rates()
    result = train_model(store, ruinous, tmp_path / "worse", watcher, start_from=tiny_model_dir / "tiny")
    assert result.metrics["held_out_nats"] == pytest.approx(result.metrics["start_nats"], rel=1e-4)
    assert any("of the notes are not learnt as they are" in line for line in watcher.lines)


@pytest.fixture(scope="module")
def train_starter():
    """The script, as a module."""
    spec = importlib.util.spec_from_file_location("train_starter", SETUP_DIR / "train_starter.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["train_starter"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["train_starter"]


@pytest.fixture
def workplace(train_starter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of its own, in which no corpus is fetched."""
    monkeypatch.setattr(train_starter, "WORK_DIR", tmp_path / "data" / "starter")
    monkeypatch.setattr(train_starter, "PROJECT_DIR", tmp_path)
    monkeypatch.setattr("melodyforge.corpus.builtin.fetch_corpus", lambda name, folder, **_: folder.mkdir(
        parents=True, exist_ok=True))  # fmt: skip
    for seed in range(6):
        path = tmp_path / "piano_midi" / ("beeth", "chopin")[seed % 2] / f"{seed}.mid"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(write_midi(gridded_piece(seed)))
    return tmp_path


def test_the_starter_is_trained_halved_and_described(train_starter, workplace: Path) -> None:
    flags = ["--midi-dir", str(workplace / "piano_midi"), "--epochs", "1", "--units", "16", "--num-layers", "1"]
    train_starter.main([*flags, "--batch-size", "8", "--window", "16"])
    model = load_model(workplace / "models" / "starter")
    shapes = layer_shapes(model.representation, model.recipe.network)
    weights = read_weights((workplace / "models" / "starter" / WEIGHTS_FILE).read_bytes(), shapes)
    assert {array.dtype for arrays in weights.values() for array in arrays} == {np.dtype("float32")}
    assert (workplace / "models" / "starter" / WEIGHTS_FILE).stat().st_size < 3 * sum(
        array.size for arrays in weights.values() for array in arrays
    )
    card = (workplace / "models" / "starter" / "MODEL_CARD.md").read_text()
    assert "| Classical piano by eighteen composers | beethoven 3, chopin 3 | 6 | " in card
    assert "Bernd Krueger" in card
    assert f"{model.metrics['held_out_nats']:.3f} nats" in card
    assert "$" not in card


def test_halved_weights_are_what_training_further_starts_from(
    train_starter, tiny_model_dir: Path, tmp_path: Path, tune_store
) -> None:
    source = tiny_model_dir / "tiny"
    train_starter.halve(source / WEIGHTS_FILE, tmp_path / WEIGHTS_FILE)
    model = load_model(source)
    whole, half = (train_starter.measure(model, folder, tune_store) for folder in (source, tmp_path))
    assert sum(half.values()) == pytest.approx(sum(whole.values()), abs=1e-3)
    assert half != whole


def test_music_without_a_known_licence_is_refused(train_starter, workplace: Path) -> None:
    (workplace / "downloads").mkdir()
    with pytest.raises(CorpusError, match="its licence"):
        train_starter.main(["--midi-dir", str(workplace / "downloads")])
