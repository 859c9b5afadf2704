"""What the scripts refuse before they begin: flags without effect, places that cannot be written, wrong numbers."""

import re

import pytest

from melodyforge.cli import Parser
from melodyforge.commands import compose as generate_music
from melodyforge.commands import evaluate as evaluate_model
from melodyforge.commands import prepare as preprocess
from melodyforge.commands import studio
from melodyforge.commands import train as train_model
from melodyforge.compose import compose
from melodyforge.composing.wishes import default_settings
from melodyforge.errors import CorpusError, MelodyForgeError, SettingsError
from melodyforge.flags import RECIPE_FLAGS, add_flags
from melodyforge.music.midi import write_midi
from melodyforge.settings import (
    ComposeSettings,
    NetworkSettings,
    RepresentationSettings,
    SamplingSettings,
    TrainingSettings,
    Wishes,
    bounds,
    kind_of,
    shown,
    topic_of,
)
from tests.music_samples import tune


@pytest.fixture
def generate(tiny_model_dir, tmp_path, monkeypatch):
    """Runs generate_music.py in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *flags: generate_music.main(["--model", str(tiny_model_dir / "tiny"), *map(str, flags)])


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--num-bars 3 --num-notes 5", "`num_notes` must stand alone"),
        ("--num-bars 3 --num-seconds 5", "`num_bars` must stand alone"),
        ("--primer-notes 3", "`primer_notes` has no effect without a primer"),
        ("--primer tune.mid --start passage", "`start` has no effect beside a primer"),
        ("--start passage", "has learnt no passages"),
        ("--passage-notes 9", "`passage_notes` has no effect"),
        ("--guidance 3", "`guidance` has no effect without a wish"),
        ("--reproduce composed.mid --num-notes 5", "--num-notes does not go with --reproduce"),
        ("--reproduce composed.mid --seed 0", "--seed does not go with --reproduce"),
    ],
)
def test_flags_that_would_have_no_effect_are_refused(generate, tiny_model_dir, tmp_path, flags, words):
    (tmp_path / "tune.mid").write_bytes(write_midi(tune()))
    generate("--num-notes", 10, "--seed", 1, "--output", "composed.mid")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(SettingsError) as refusal:
        generate(*flags.split())
    assert words in str(refusal.value)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("output", [".", "x.txt", "folder", "folder.mid", "file/x.mid", "/dev/null/x.mid"])
@pytest.mark.parametrize("beside", [[], ["--wav", "--num-pieces", "2"]])
def test_where_nothing_can_be_written_nothing_is_composed(generate, tmp_path, capsys, output, beside):
    for name in ("folder", "folder.mid"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MelodyForgeError, match=r"output must end in|Expected to write"):
        generate("--output", output, *beside)
    assert "temperature" not in capsys.readouterr().out  # what it says when it begins to compose
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "folder.mid"]


def test_the_primer_is_never_written_over(generate, tmp_path):
    data = write_midi(tune())
    (tmp_path / "tune_2.mid").write_bytes(data)
    for flags in (["tune_2.mid"], ["tune.mid", "--num-pieces", 2], ["../" + tmp_path.name + "/tune_2.wav", "--wav"]):
        with pytest.raises(SettingsError, match="leave the primer as it is"):
            generate("--primer", "tune_2.mid", "--output", *flags)
    assert (tmp_path / "tune_2.mid").read_bytes() == data


@pytest.mark.parametrize(
    ("flags", "written"),
    [
        ("--output a.wav --wav", {"a.mid", "a.wav"}),
        ("--output a.png --musicxml", {"a.mid", "a.png", "a.musicxml"}),
        ("--output a.png", {"a.png"}),
        ("--output a.midi --musicxml", {"a.midi", "a.musicxml"}),
    ],
)
def test_what_stands_beside_stands_beside_midi_and_each_is_written_once(generate, tmp_path, capsys, flags, written):
    generate("--num-notes", 10, *flags.split())
    assert {path.name for path in tmp_path.iterdir()} == written
    assert len(re.findall(r": \d+ notes, ", capsys.readouterr().out)) == len(written)


def test_words_may_be_in_any_case(generate, tiny_model_dir, tmp_path):
    wishes = "--mood HAPPY --density Dense --polyphony thin --key d --instruments Flute PIANO --ending Natural"
    generate("--num-notes", 10, "--seed", 1, *wishes.split(), "--output", "a.mid")
    generate("--num-notes", 10, "--seed", 1, *wishes.lower().split(), "--output", "b.mid")
    texts = [(tmp_path / name).read_bytes().lower() for name in ("a.mid", "b.mid")]
    assert texts[0] == texts[1]
    assert preprocess.chosen_corpora(["Bach-CHORALES"]) == ["bach-chorales"]
    assert preprocess.load_recipe("Classic").name == "classic"


@pytest.mark.parametrize(
    ("script", "flags"),
    [
        (evaluate_model, "--compositions 0"),
        (evaluate_model, "--compositions -3"),
        (evaluate_model, f"--compositions {10**30}"),
        (evaluate_model, "--wishes -2"),
        (evaluate_model, "--wishes nan"),
        (evaluate_model, "--heard -1"),
        (evaluate_model, "--midi-dir a --against b"),
        (preprocess, "--workers 0"),
        (preprocess, "--workers ²"),
    ],
)
def test_numbers_are_checked_before_anything_is_done(script, flags, capsys):
    with pytest.raises(SystemExit) as ended:
        script.parse_arguments(flags.split())
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    ("script", "flags"),
    [
        (generate_music, ["--model", ""]),
        (generate_music, ["--output="]),
        (generate_music, ["--output=--"]),
        (generate_music, ["--instruments=--"]),
        (train_model, ["--from", "", "--name", "a"]),
        (train_model, ["--style="]),
        (evaluate_model, ["--output", ""]),
        (preprocess, ["--midi-dir", ""]),
    ],
)
def test_an_empty_value_is_no_value(script, flags, capsys):
    with pytest.raises(SystemExit) as ended:
        script.parse_arguments(flags)
    assert ended.value.code == 2
    assert f"{flags[0].partition('=')[0]}: expected a value" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["epochs", "patience", "keep_every", "minutes", "clip_norm", "units", "window"])
def test_no_number_of_a_training_is_without_bounds(name):
    arguments = train_model.parse_arguments([f"--{name.replace('_', '-')}={10**30}"])
    with pytest.raises(SettingsError, match=rf"`{name}` must be less"):
        train_model.chosen_recipe(arguments)


def test_names_that_no_file_can_have_are_refused(generate, tmp_path):
    with pytest.raises(MelodyForgeError, match="model's name or folder"):
        generate("--model", "a" * 300)
    with pytest.raises(SettingsError, match="at most 100 characters"):
        train_model.chosen_name(train_model.parse_arguments(["--name", "a" * 101]), preprocess.load_recipe("forge"))
    for name in ("a" * 300, "readme.md"):
        (tmp_path / "readme.md").write_text("# a comment, which is TOML, too")
        with pytest.raises(SettingsError, match=r"or a \.toml file"):
            preprocess.load_recipe(name)


def test_a_primer_of_another_kind_is_named_with_what_could_be_read(generate, tmp_path):
    (tmp_path / "readme.md").write_text("# Music")
    with pytest.raises(MelodyForgeError, match=r"\.mxl, \.xml, .*Received readme\.md, which is neither"):
        generate("--primer", "readme.md")
    with pytest.raises(SettingsError, match="--reproduce must be given a MIDI file"):
        generate("--reproduce", "readme.md")


def test_what_preprocess_cannot_do_is_said_before_it_reads(tmp_path, monkeypatch):
    (tmp_path / "tune.mid").write_bytes(write_midi(tune()))
    monkeypatch.setattr(preprocess, "DATASET_DIR", tmp_path / "dataset")
    folder = ["--midi-dir", str(tmp_path)]
    with pytest.raises(SettingsError, match="--track has no effect without --recipe"):
        preprocess.main([*folder, "--track", "3"])
    with pytest.raises(SettingsError, match="--recipe must be one of"):
        preprocess.main([*folder, "--recipe", "jazz"])
    with pytest.raises(CorpusError, match="must be one of bach-chorales"):
        preprocess.main([*folder, "--corpus", "bach-chorales", "nonsense"])
    with pytest.raises(CorpusError, match="nowhere: No such file or directory"):
        preprocess.main(["--midi-dir", str(tmp_path / "nowhere")])
    with pytest.raises(CorpusError, match=r"tune\.mid: Not a directory"):
        preprocess.main(["--midi-dir", str(tmp_path / "tune.mid")])
    assert [path.name for path in tmp_path.iterdir()] == ["tune.mid"]


def test_an_unwritable_place_for_models_or_reports_is_said_before_the_work(
    tiny_model_dir, tmp_path, monkeypatch, capsys
):
    (tmp_path / "tune.mid").write_bytes(write_midi(tune()))
    (tmp_path / "models").write_text("a file in the way")
    monkeypatch.setattr(train_model, "MODELS_DIR", tmp_path / "models")
    monkeypatch.setattr(train_model, "DATASET_DIR", tmp_path / "dataset")
    with pytest.raises(MelodyForgeError, match=r"Expected to write .*models"):
        train_model.main(["--midi-dir", str(tmp_path)])
    with pytest.raises(MelodyForgeError, match=r"Expected to write .*models"):
        evaluate_model.main(["--model", str(tiny_model_dir / "tiny"), "--output", str(tmp_path / "models")])
    assert capsys.readouterr().out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["models", "tune.mid"]


COMMANDS = [generate_music, train_model, preprocess, evaluate_model, studio]
SECTIONS = [RepresentationSettings, NetworkSettings, TrainingSettings, SamplingSettings, Wishes, ComposeSettings]


@pytest.fixture
def help_of(capsys, monkeypatch):
    """What `--help` of a command prints."""
    monkeypatch.setenv("COLUMNS", "200")  # no word is broken

    def printed(command):
        with pytest.raises(SystemExit) as ended:
            command.main(["--help"])
        assert ended.value.code == 0
        return capsys.readouterr().out

    return printed


def by_flag(text):
    """What is said of each flag, on one line."""
    _, *parts = re.split(r"\n  (--[a-z0-9-]+)", text)
    return {
        flag: " ".join(about.partition("\n\n")[0].split()) for flag, about in zip(parts[::2], parts[1::2], strict=True)
    }


def numbers_of(section):
    return [name for name in section.model_fields if kind_of(section, name) in (int, float)]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_every_flag_once_under_a_heading(command, help_of):
    text = help_of(command)
    headings = re.findall(r"^(\w.*):$", text, re.MULTILINE)
    assert len(headings) == len(set(headings)) >= 1
    assert "options" not in headings  # where argparse puts what stands in no group
    assert len(by_flag(text)) == len(re.findall(r"^  --", text, re.MULTILINE))
    if command is not studio:
        names = vars(command.parse_arguments([])) | {"from": None}
        names.pop("start_from", None)
        assert set(by_flag(text)) - {"--from"} == {f"--{name.replace('_', '-')}" for name in names} - {"--from"}


@pytest.mark.parametrize(
    ("command", "section", "names"),
    [
        (generate_music, ComposeSettings, ComposeSettings.model_fields),
        (train_model, TrainingSettings, RECIPE_FLAGS["training"]),
        (train_model, NetworkSettings, RECIPE_FLAGS["network"]),
    ],
)
def test_help_shows_what_each_number_may_be_its_unit_and_its_default(command, section, names, help_of):
    said = by_flag(help_of(command))
    for name in set(numbers_of(section)) & set(names):
        about = said[f"--{name.replace('_', '-')}"]
        assert f"({bounds(section, name)}" in about
        assert shown(section, name).unit in about
        assert "default: " in about or name in ("num_bars", "num_seconds")


@pytest.mark.parametrize("section", SECTIONS)
def test_flags_of_any_section_show_bounds_and_stand_under_the_topic_of_each_setting(section):
    parser = Parser(prog="x")
    add_flags(parser, section)
    said = by_flag(parser.format_help())
    for name in section.model_fields:
        assert f"\n{topic_of(section, name)}:\n" in parser.format_help()
        assert str(bounds(section, name)) in said[f"--{name.replace('_', '-')}"]
    assert all(str(bounds(section, name)) for name in numbers_of(section))


@pytest.mark.parametrize(
    ("section", "name", "words"),
    [
        (ComposeSettings, "num_notes", "1 to 100,000"),
        (SamplingSettings, "temperature", "0 to 5"),
        (SamplingSettings, "top_p", "above 0 to 1"),
        (SamplingSettings, "min_p", "0 to below 1"),
        (SamplingSettings, "top_k", "0 or more"),
        (TrainingSettings, "held_out", "above 0 to below 0.9"),
        (Wishes, "mood", ""),
    ],
)
def test_bounds_are_said_in_words(section, name, words):
    assert str(bounds(section, name)) == words


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_the_defaults_that_are_in_force(command, help_of):
    text = help_of(command)
    assert "(default: )" not in text
    assert "None" not in text
    assert "Undefined" not in text
    said = by_flag(text)
    if command is generate_music:
        assert said["--temperature"].endswith("(0 to 5; default: the model's own)")
        assert said["--seed"].endswith("default: a new one each time)")
        assert said["--tempo"].endswith("(10 to 400 quarter notes per minute; default: any)")
        assert said["--num-notes"].endswith("(1 to 100,000 notes; default: 500)")
    if command is train_model:
        assert said["--num-layers"].endswith("(1 to 12; default: 3)")
        assert said["--epochs"].endswith("default: chosen from the music)")
        assert "The defaults are those of the recipe forge" in text


def test_each_composition_without_a_seed_is_another_and_tells_its_seed(tiny_model_dir):
    import melodyforge

    model = melodyforge.load(tiny_model_dir / "tiny")
    first, second = (melodyforge.generate_music(model, num_notes=30)[0] for _ in range(2))
    assert first.seed != second.seed
    assert first.to_midi() != second.to_midi()
    assert melodyforge.generate_music(model, num_notes=30, seed=first.seed)[0].to_midi() == first.to_midi()
    assert compose(model, default_settings(model, num_notes=30, seed=first.seed))[0].seed == first.seed
