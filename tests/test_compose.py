"""Compositions: reproducible, closed softly, watched, and saved in every form."""

import json
import re

import numpy as np
import pytest

import melodyforge
from melodyforge.bundle import Model, find_model, load_model
from melodyforge.compose import compose, reproduce, stream
from melodyforge.composing import redraw
from melodyforge.composing.judging import Judged
from melodyforge.composing.ranking import nats_by_wishes, rank
from melodyforge.composing.task import MAX_DRAWS, make_task
from melodyforge.composing.wishes import default_settings
from melodyforge.composition import read_origin
from melodyforge.errors import ModelFolderError, OutputError, SettingsError
from melodyforge.music.audio import render_small
from melodyforge.music.habits import Fault, Habits
from melodyforge.music.midi import read_midi, write_midi
from melodyforge.music.piece import Piece, Track, make_notes
from melodyforge.recipe import load_recipe
from melodyforge.tokens import EventsRepresentation
from tests.music_samples import gridded_piece, tune
from tests.test_decoding import UniformNetwork


@pytest.fixture(scope="module")
def model(tiny_model_dir):
    return load_model(tiny_model_dir / "tiny")


def test_the_same_seed_gives_the_same_file(model):
    settings = default_settings(model, num_notes=60, seed=7)
    first, again = (compose(model, settings)[0].to_midi() for _ in range(2))
    assert first == again
    assert compose(model, settings.changed(seed=8))[0].to_midi() != first


def test_drums_alone_are_for_those_who_ask_for_them():
    starter = melodyforge.load("starter")
    made = compose(starter, default_settings(starter, num_notes=4, num_pieces=24, seed=1))
    assert not any(one.piece.is_drum_track.all() for one in made)
    asked = compose(starter, default_settings(starter, num_notes=4, seed=1, style="drums"))
    assert asked[0].piece.is_drum_track.all()


def test_reproduce_makes_the_very_file_again_also_out_of_a_batch(model):
    compositions = compose(model, default_settings(model, num_notes=50, num_pieces=3, seed=3, temperature=1.1))
    for composition in compositions:
        data = composition.to_midi()
        assert reproduce(model, read_origin(data)).to_midi() == data


def test_reproduce_asks_for_the_primer_and_the_model_that_were_used(model):
    data = compose(model, default_settings(model, num_notes=20, seed=0), tune())[0].to_midi()
    origin = read_origin(data)
    with pytest.raises(SettingsError, match="--primer"):
        reproduce(model, origin)
    with pytest.raises(SettingsError, match="--primer"):
        reproduce(model, origin, tune(1))
    assert reproduce(model, origin, tune()).to_midi() == data
    with pytest.raises(SettingsError, match="hash"):
        reproduce(model, origin | {"model_hash": "0"})


def test_a_file_of_somebody_else_cannot_be_reproduced():
    with pytest.raises(SettingsError, match="Melody Forge composed"):
        read_origin(write_midi(tune()))


def test_the_settings_are_in_the_file(model):
    composition = compose(model, default_settings(model, num_notes=20, seed=5, temperature=0.5))[0]
    piece = read_midi(composition.to_midi())[0]
    origin = json.loads(piece.text.removeprefix("Melody Forge "))
    assert origin["settings"]["temperature"] == 0.5
    assert origin["model_hash"] == model.hash
    assert np.array_equal(piece.notes, composition.piece.notes)


def test_a_primer_stands_at_the_beginning_and_can_be_cut(model):
    primer = tune()
    composed = compose(model, default_settings(model, num_notes=30, primer_notes=12, seed=0), primer)[0].piece
    expected = {(int(note["onset"]), int(note["pitch"])) for note in primer.notes[:12]}
    assert {(int(note["onset"]), int(note["pitch"])) for note in composed.notes[:12]} == expected
    assert 12 < len(composed) <= 42


def test_a_primer_without_usable_notes_is_refused(model):
    drums = Piece(make_notes([(0, 12, 0, 36, 80)]), (Track(0, True),))
    with pytest.raises(SettingsError, match="primer"):
        compose(model, default_settings(model, num_notes=10, seed=0), drums)


def test_full_length_is_reached(model):
    assert 630 <= len(compose(model, default_settings(model, num_notes=700, seed=1))[0].piece) <= 700


def test_the_last_notes_ring_to_the_end_of_their_bar(model):
    piece = compose(model, default_settings(model, num_notes=37, seed=0))[0].piece
    last = piece.notes["onset"] == piece.notes["onset"].max()
    _, position, bar_steps = piece.bars_at(piece.notes["onset"][last])
    assert (piece.notes["duration"][last] >= bar_steps - position).all()


def test_streaming_ends_with_the_notes_that_composing_gives(model):
    settings = default_settings(model, num_notes=40, seed=2)
    *_, last = stream(model, settings)
    composed = compose(model, settings)[0].piece
    assert np.array_equal(last.notes[["onset", "pitch"]], composed.notes[["onset", "pitch"]])


def test_degenerate_takes_are_drawn_again_and_the_user_is_told(model, monkeypatch):
    strict = Habits(loop_onsets=0.0, gap_quarters=9, note_quarters=99, polyphony=99)
    monkeypatch.setitem(model.config, "habits", {"": strict.to_dict()})
    (composition,) = compose(model, default_settings(model, num_notes=40, seed=0))
    assert sum("drawn again because it loops" in notice for notice in composition.notices) == MAX_DRAWS - 1
    assert "kept although" in composition.notices[-1]


def test_when_every_take_has_a_flaw_the_first_that_only_misses_a_wish_is_kept(model, monkeypatch):
    loops = Fault("it loops", 2.0)
    flaws = [(loops, None), (None, "its key is C"), (None, "its key is D"), *[(loops, None)] * 3]
    takes = []

    def judge(task, take):
        takes.append(take)
        return Judged(take, *flaws[len(takes) - 1])

    monkeypatch.setattr(redraw, "judge", judge)
    (composition,) = compose(model, default_settings(model, num_notes=10, seed=0))
    assert np.array_equal(composition.piece.notes, takes[1].piece.notes)
    assert not np.array_equal(takes[1].piece.notes, takes[0].piece.notes)
    again = ["it loops", "its key is C", "its key is D", "it loops", "it loops"]
    assert composition.notices[:-1] == [f"drawn again because {flaw}" for flaw in again]
    assert composition.notices[-1].startswith("kept although its key is C;")


def test_when_every_take_is_degenerate_the_least_so_is_kept(model, monkeypatch):
    takes = []

    def judge(task, take):
        takes.append(take)
        return Judged(take, Fault(f"fault {len(takes)}", (9.0, 4.0, 2.0, 3.0, 2.0, 7.0)[len(takes) - 1]), None)

    monkeypatch.setattr(redraw, "judge", judge)
    (composition,) = compose(model, default_settings(model, num_notes=10, seed=0))
    assert np.array_equal(composition.piece.notes, takes[2].piece.notes)
    assert composition.notices[-1].startswith("kept although fault 3;")


def test_only_the_pieces_that_are_rejected_are_drawn_again(model, monkeypatch):
    judged = []

    def judge(task, take):
        judged.append(take)
        return Judged(take, Fault("it loops", 2.0) if len(judged) == 2 else None, None)

    monkeypatch.setattr(redraw, "judge", judge)
    compositions = compose(model, default_settings(model, num_notes=10, num_pieces=3, seed=0))
    assert [len(composition.notices) for composition in compositions] == [0, 1, 0]
    assert len(judged) == 4


def test_the_best_of_several_takes_is_the_one_that_ranks_highest():
    starter = melodyforge.load("starter")
    settings = default_settings(starter, style="bach-chorales", num_notes=60, seed=5, effort="quick")
    takes = [one.piece for one in compose(starter, settings.changed(num_pieces=4))]
    (best,) = compose(starter, settings.changed(best_of=4))
    ranks = rank(make_task(starter, settings, None), takes)
    assert np.array_equal(best.piece.notes, takes[ranks.argmax()].notes)
    assert len({take.notes.tobytes() for take in takes}) == len(set(ranks)) == 4
    assert best.notices == ["chosen: it is more like real music and what was asked for than 3 other takes, all in all"]
    assert reproduce(starter, read_origin(best.to_midi())).to_midi() == best.to_midi()


def test_of_several_takes_those_that_are_rejected_are_not_chosen_and_the_user_is_told(model, monkeypatch):
    takes = []

    def judge(task, take):
        takes.append(take)
        return Judged(take, None if len(takes) in (5, 8) else Fault("it loops", 2.0), None)

    monkeypatch.setattr(redraw, "judge", judge)
    first, second = compose(model, default_settings(model, num_notes=10, num_pieces=2, best_of=3, seed=0))
    assert np.array_equal(second.piece.notes, takes[4].piece.notes)
    assert second.notices == ["rejected 2 takes because it loops"]
    assert np.array_equal(first.piece.notes, takes[7].piece.notes)  # all three of the first draw were rejected
    assert first.notices == ["rejected 5 takes because it loops"]


def test_nobody_is_told_that_music_was_chosen_by_what_the_model_cannot_judge(tiny_model_dir):
    tiny = load_model(tiny_model_dir / "tiny")
    assert tiny.critic is None
    (best,) = compose(tiny, default_settings(tiny, num_notes=20, mood="happy", best_of=4, seed=1))
    told = [notice for notice in best.notices if notice.startswith("chosen")]
    assert all("real music" not in notice for notice in told)
    (best,) = compose(tiny, default_settings(tiny, num_notes=20, best_of=4, seed=1))
    assert not [notice for notice in best.notices if notice.startswith("chosen")]


def test_wishes_make_pieces_that_follow_them_likelier():
    starter = melodyforge.load("starter")
    chorale, dance = (
        compose(starter, default_settings(starter, style=style, num_notes=80, seed=2, effort="quick"))[0].piece
        for style in ("bach-chorales", "fiddle-tunes")
    )
    task = make_task(starter, default_settings(starter, style="bach-chorales"), None)
    of_chorale, of_dance = nats_by_wishes(task, [chorale, dance])
    assert of_chorale > 0 > of_dance


def test_progress_is_told_for_every_note(model):
    seen = []
    compose(
        model, default_settings(model, num_notes=20, seed=0), listener=lambda growing: seen.append(growing.num_rows)
    )
    assert seen[:17] == list(range(1, 18))


def test_a_listener_ends_composing_and_what_is_there_is_kept(model):
    (composition,) = compose(
        model, default_settings(model, num_notes=50, seed=0), listener=lambda growing: growing.num_rows == 12
    )
    assert len(composition.piece) == 12
    assert composition.notices == []
    data = composition.to_midi()
    assert reproduce(model, read_origin(data)).to_midi() == data


def test_the_growing_music_can_be_heard_at_any_time(model):
    heard = []
    compose(
        model,
        default_settings(model, num_notes=20, num_pieces=2, seed=0),
        listener=lambda growing: heard.append(growing.piece(1)) if growing.draw == 0 else None,
    )
    assert [len(piece) for piece in heard[:17]] == list(range(1, 18))


@pytest.fixture(scope="module")
def chord_model(tmp_path_factory):
    """A model of the recipe `classic` that expects chords, notes and rests alike."""
    recipe = load_recipe("classic").changed(representation={"kind": "events", "min_count": 1})
    representation = EventsRepresentation.fit(recipe.representation, [gridded_piece(), tune()])
    folder = tmp_path_factory.mktemp("chords")
    model = Model(folder=folder, recipe=recipe, representation=representation, config={}, metrics={}, hash="0")
    model.__dict__["network"] = UniformNetwork()
    return model


@pytest.mark.parametrize("primer", [None, tune(num_bars=2)])
@pytest.mark.parametrize("num_notes", [1, 20, 40])
def test_chords_count_as_the_notes_that_they_are(chord_model, num_notes, primer):
    settings = default_settings(chord_model, num_notes=num_notes, num_pieces=3, ending="full", primer_notes=11, seed=0)
    told = []
    pieces = [one.piece for one in compose(chord_model, settings, primer, lambda now: told.append(now.num_notes))]
    lengths = [len(piece) - (0 if primer is None else 11) for piece in pieces]
    assert max(lengths) <= num_notes
    assert min(lengths) >= 0.9 * num_notes - 8  # an ending is welcome in the last tenth, and events have several notes
    assert max(told) <= num_notes


@pytest.mark.parametrize("primer", [None, tune(num_bars=2)])
def test_length_is_counted_in_bars(model, primer):
    piece = compose(model, default_settings(model, num_bars=6, seed=3), primer)[0].piece
    begins = 0 if primer is None else int(primer.notes["onset"].max())
    last = int(piece.notes["onset"].max())
    assert begins + 5 * 96 <= last < begins + 6 * 96


def test_length_is_counted_in_seconds(model):
    piece = compose(model, default_settings(model, num_seconds=20, tempo=60, seed=3))[0].piece
    assert 18 <= int(piece.notes["onset"].max()) / 24 < 20


@pytest.mark.parametrize("suffix", [".mid", ".wav", ".png", ".musicxml"])
def test_every_form_is_saved(model, tmp_path, suffix):
    path = tmp_path / "new" / f"piece{suffix}"
    compose(model, default_settings(model, num_notes=30, seed=0))[0].save(path)
    beginnings = {".mid": b"MThd", ".wav": b"RIFF", ".png": b"\x89PNG", ".musicxml": b"<?xml"}
    assert path.read_bytes().startswith(beginnings[suffix])


def test_what_cannot_be_written_is_said_plainly(model, tmp_path):
    composition = compose(model, default_settings(model, num_notes=10, seed=0))[0]
    with pytest.raises(SettingsError, match=r"must end in \.mid"):
        composition.save(tmp_path / "piece.mp4")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="Expected to write"):
        composition.save(tmp_path / "file" / "piece.mid")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_package_offers_the_same_in_python(tiny_model_dir):
    model = melodyforge.load(str(tiny_model_dir / "tiny"))
    (composition,) = melodyforge.generate_music(model, num_notes=10)
    shown = composition._repr_html_()
    assert "data:image/png;base64,iVBOR" in shown
    assert re.search("data:audio/(ogg;base64,T2dnU|wav;base64,UklGR)", shown)
    with pytest.raises(AttributeError):
        melodyforge.nothing  # noqa: B018


@pytest.mark.parametrize("has_fluidsynth", [True, False])
def test_sound_in_a_notebook_is_small(model, tmp_path, monkeypatch, has_fluidsynth):
    if not has_fluidsynth:
        monkeypatch.setenv("PATH", str(tmp_path))
    (composition,) = compose(model, default_settings(model, num_notes=100, seed=0))
    assert len(composition._repr_html_()) < 0.75 * len(composition.to_sound().wav)
    sound, media_type = render_small(composition.piece)
    assert sound[:4] == {"audio/ogg": b"OggS", "audio/wav": b"RIFF"}[media_type]


def test_public_functions_take_the_names_of_files_as_text(tiny_model_dir, tmp_path):
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "a.mid").write_bytes(write_midi(tune()))
    assert len(melodyforge.load_piece(str(tmp_path / "music" / "a.mid"))) == len(tune())
    assert melodyforge.list_models(str(tiny_model_dir)) == ["tiny"]
    store = melodyforge.prepare_corpus(str(tmp_path / "music"), str(tmp_path / "dataset"))
    assert len(melodyforge.PieceStore(str(store.folder))) == 1
    assert find_model("tiny", str(tiny_model_dir)) == tiny_model_dir / "tiny"
    assert load_model(str(tiny_model_dir / "tiny")).name == "tiny"
    (tmp_path / "in the way").write_text("")
    with pytest.raises(OutputError, match="Expected to write"):  # not: str has no attribute ...
        melodyforge.train_model(store, load_recipe("classic"), str(tmp_path / "in the way" / "model"))


def test_a_model_or_composition_shows_itself_in_a_line(model):
    assert set(melodyforge.__all__) <= set(dir(melodyforge))
    (composition,) = compose(model, default_settings(model, num_notes=10, seed=0))
    for shown in (repr(model), repr(composition)):
        assert "tiny" in shown
        assert len(shown) < 120


def test_a_file_is_no_model(tiny_model_dir):
    with pytest.raises(ModelFolderError, match="Models there are: tiny"):
        find_model(tiny_model_dir / "tiny" / "config.json", tiny_model_dir)
    with pytest.raises(ModelFolderError, match="Models there are: tiny"):
        find_model("", tiny_model_dir)


def test_saving_sound_tells_how_to_get_real_instruments(model, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))  # no FluidSynth
    (composition,) = compose(model, default_settings(model, num_notes=10, seed=0))
    assert "fluidsynth" in " ".join(composition.save(tmp_path / "piece.wav")).lower()
    assert composition.save(tmp_path / "piece.mid") == []
