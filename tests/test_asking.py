"""Music asked for in words: what sentences come to, and what is said of those that come to nothing."""

from __future__ import annotations

import pytest

from melodyforge.asking.ask import MAX_LETTERS, understand
from melodyforge.asking.asked import Asked
from melodyforge.asking.text import Text
from melodyforge.asking.vocabulary import phrases, table, vocabulary_of
from melodyforge.bundle import read_model
from melodyforge.commands import compose as generate_music
from melodyforge.composing.wishes import default_settings
from melodyforge.errors import SettingsError
from melodyforge.places import STARTER_DIR
from melodyforge.settings import ComposeSettings


@pytest.fixture(scope="module")
def starter():
    return read_model(STARTER_DIR)


QUARTET = ["violin", "viola", "cello"]
LULLABY = {"mood": "calm", "density": "sparse"}

SENTENCES = {
    "a sad waltz in D minor for violin": {"mood": "sad", "meter": "3/4", "key": "D minor", "instruments": ["violin"]},
    "A SAD WALTZ IN A MINOR": {"mood": "sad", "meter": "3/4", "key": "A minor"},
    "sad, like Chopin": {"mood": "sad", "style": "chopin"},
    "a waltzz by Shopin": {"meter": "3/4", "style": "chopin"},
    "melancoly Bethoven": {"mood": "sad", "style": "beethoven"},
    "a chorale by J. S. Bach": {"style": "bach-chorales"},
    "Frédéric Chopin": {"style": "chopin"},
    "bach chorales": {"style": "bach-chorales"},
    "a minor waltz": {"key": "minor", "meter": "3/4"},
    "something in a minor key": {"key": "minor"},
    "in A, please": {"key": "A"},
    "in a happy mood": {"mood": "happy"},
    "in Dm": {"key": "D minor"},
    "in C sharp minor": {"key": "C# minor"},
    "the key of E flat major": {"key": "Eb major"},
    "in F♯, minor": {"key": "F# minor"},
    "major": {"key": "major"},
    "not major": {"key": "minor"},
    "two minutes": {"num_seconds": 120},
    "half a minute": {"num_seconds": 30},
    "a minute and a half": {"num_seconds": 90},
    "1:30 long": {"num_seconds": 90},
    "1 minute 30 seconds": {"num_seconds": 90},
    "melancoly chello, not oboee": {"mood": "sad", "instruments": ["cello"]},
    "16 bars": {"num_bars": 16},
    "thirty-two bars of AABA": {"num_bars": 32, "form": "AABA"},
    "1,000 notes": {"num_notes": 1000},
    "a rondo": {"form": "rondo"},
    "three pieces": {"num_pieces": 3},
    "tempo 90": {"tempo": 90},
    "at 144 bpm": {"tempo": 144},
    "string quartet": {"style": "string-quartets", "instruments": QUARTET},
    "string quartet without viola": {"style": "string-quartets", "instruments": ["violin", "cello"]},
    "pop, no drums": {"style": "pop", "instruments": ["no drums"]},
    "without drums, with piano": {"instruments": ["piano"]},
    "no violin or cello": {"instruments": ["no violin", "no cello"]},
    "grand piano and violins": {"instruments": ["piano", "violin"]},
    "piano and drums": {"instruments": ["piano", "drums"]},
    "a drum solo": {"style": "drums", "instruments": ["drums"]},
    "a lullaby at 70": LULLABY | {"tempo": 70},
    "a sad lullaby at 70": LULLABY | {"mood": "sad", "tempo": 70},
    "march": {"meter": "2/4", "polyphony": "full"},
    "in 6/8 time": {"meter": "6/8"},
    "in two four time": {"meter": "2/4"},
    "busy": {"density": "dense"},
    "not busy": {"density": "sparse"},
    "not too busy": {"density": "medium"},
    "less busy": {"density": "medium"},
    "sparse but rich": {"density": "sparse", "polyphony": "full"},
    "not sad": {"mood": "happy"},
    "don't make it sad": {"mood": "happy"},
    "it should not be sad or tense, in G": {"mood": "calm", "key": "G"},
    "chords: C G Am F": {"chords": "C G Am F"},
    "in D dorian": {"scale": "D dorian"},
    "dorian mode, in D": {"scale": "D dorian"},
    "between C3 and C6, C3-C6": {"range": "C3-C6"},
    "only a melody": {"most_at_once": 1},
    "ein trauriger Walzer in d-moll": {"mood": "sad", "meter": "3/4", "key": "D minor"},
    "une valse triste pour violon": {"mood": "sad", "meter": "3/4", "instruments": ["violin"]},
    "🎻 😢": {"instruments": ["violin"], "mood": "sad"},
    "mood sad": {"mood": "sad"},
    "daring, with an amen cadence": {"temperature": 1.15, "cadence": "plagal"},
}


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_sentence_is_understood(starter, sentence):
    assert understand(starter, sentence).settings == SENTENCES[sentence]


@pytest.mark.parametrize(
    ("sentence", "left"),
    [
        ("a purple sad song", ("purple",)),
        ("sad, not like Chopin, happy dog", ("not like Chopin", "dog")),
        ("sad, but not in D minor", ("not in D minor",)),
        ("happy 🦄 悲しい", ("🦄 悲しい",)),
        ("sad, tempoo blimey", ("tempoo blimey",)),
        ("organic, but fast", ("organic",)),
        ("a romantic spring story, slow", ("romantic spring story",)),
        ("hello, sad because these strong chords are right", ("hello", "because these strong chords", "right")),
    ],
)
def test_what_is_not_understood_is_told_as_it_was_written(starter, sentence, left):
    asked = understand(starter, sentence)
    assert asked.not_understood == left
    assert all(one in str(asked) for one in left)


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("", "Received nothing"),
        (" \n", "Received nothing"),
        ("purple", "'purple': nothing of it was understood"),
        ("悲しいワルツ", "nothing of it was understood"),
        ("not a waltz", "nothing of it was understood"),
        ("tuba solo", "has not learnt 'tuba' (it knows acoustic grand piano, violin"),
        ("in 7/8", "has not learnt '7/8'"),
        ("0 bars", "out of bounds (1 to 10,000)"),
        ("drums but without drums", "drums cannot both play and not play"),
        ("blues", "needs the note that it begins on"),
        ("sad " * 25_000, f"at most {MAX_LETTERS:,} letters. Received 100,000"),
    ],
)
def test_a_sentence_of_which_nothing_can_be_done_is_refused(starter, sentence, words):
    with pytest.raises(SettingsError, match="`ask` must") as refusal:
        understand(starter, sentence)
    assert words in str(refusal.value)


def test_how_slow_something_is_goes_by_the_music_that_was_learnt_and_by_the_words(starter):
    tempos = [understand(starter, f"{words} Chopin").settings["tempo"] for words in _SLOW_TO_FAST]
    assert tempos == sorted(set(tempos))
    usual = tempos[_SLOW_TO_FAST.index("not too fast")]
    assert usual == understand(starter, "moderato, Chopin").settings["tempo"]
    assert understand(starter, "slow pop").settings["tempo"] != understand(starter, "slow Chopin").settings["tempo"]


_SLOW_TO_FAST = ("very slow", "slow", "quite slow", "not too fast", "quite fast", "fast", "very fast")


def test_comparisons_go_by_what_was_asked_for_before(starter):
    before = default_settings(starter, tempo=100.0)
    assert understand(starter, "faster", before).settings == {"tempo": 118.0}
    assert understand(starter, "sadder, slower", before).settings == {"mood": "sad", "tempo": 85.0}


def test_contradictions_are_told_and_the_later_word_holds(starter):
    asked = understand(starter, "happy, then sad, 8 bars, ten seconds")
    assert asked.settings == {"mood": "sad", "num_seconds": 10}
    assert "'happy' and 'sad' do not go together" in str(asked)
    assert "'8 bars' and 'ten seconds' do not go together" in str(asked)


def test_what_is_given_outright_wins_over_words(starter):
    asked = understand(starter, "sad, 8 bars, in D minor").beside({"mood": "happy", "num_notes": 9, "key": "D minor"})
    assert asked.settings == {}
    assert "'sad' gives way to mood happy" in str(asked)
    assert "'8 bars' gives way to notes 9" in str(asked)
    assert "D minor" not in str(asked)


def test_what_cannot_be_had_as_it_is_becomes_the_nearest_and_that_is_told(starter):
    asked = understand(starter, "sad, three takes, 10 bars").fitted({"num_pieces": 4, "num_bars": 10})
    assert asked.settings == {"mood": "sad", "num_bars": 10, "num_pieces": 4}
    assert asked.notices == ("'three takes' becomes pieces 4 here",)


def test_only_what_a_model_has_learnt_is_asked_of_it(tiny_model_dir):
    tiny = read_model(tiny_model_dir / "tiny")
    asked = understand(tiny, "a happy waltz like Chopin for flute, with violin")
    assert asked.settings == {"mood": "happy", "instruments": ["flute"]}
    for words in ("'waltz'", "'Chopin'", "'violin'"):
        assert f"has not learnt {words}" in str(asked)


def test_every_value_in_the_table_is_one_that_can_be_set_and_every_phrase_is_found():
    for name, lines in table().items():
        for value, words in lines.items():
            assert all(phrases(value if name == "kinds" else words)), (name, value)  # none is empty
            if name in ComposeSettings.model_fields and name not in ("tempo", "instruments"):
                ComposeSettings.check({name: value})
    known = {one for name in ("mood", "density", "polyphony", "mode") for one in table()[name]}
    assert set(table()["opposites"].values()) <= known


def test_every_word_of_the_table_is_read_as_itself(starter):
    vocabulary = vocabulary_of(starter)
    for line in [*table()["mood"].values(), *table()["instruments"].values(), *table()["kinds"]]:
        for phrase in phrases(line):
            assert vocabulary.meanings(phrase)
            assert tuple(word.plain for word in Text(" ".join(phrase)).words) == phrase


def test_the_script_says_what_it_understood_and_composes_it(tiny_model_dir, tmp_path, capsys):
    output = tmp_path / "asked.mid"
    flags = ["--model", str(tiny_model_dir / "tiny"), "--output", str(output), "--seed", "1"]
    generate_music.main([*flags, "--ask", "happy, tempo 90, 4 bars, purple", "--tempo", "100"])
    printed = capsys.readouterr().out
    assert "understood: mood happy, bars 4; 'tempo 90' gives way to tempo 100; not understood: 'purple'" in printed
    assert generate_music.parse_arguments(["--ask", "x"]).ask == "x"
    again = tmp_path / "again.mid"
    generate_music.main([*flags[:2], "--reproduce", str(output), "--output", str(again)])
    assert again.read_bytes() == output.read_bytes()
    with pytest.raises(SettingsError, match="--ask does not go with --reproduce"):
        generate_music.main([*flags[:2], "--reproduce", str(output), "--ask", "sad"])


def test_a_sentence_is_shown_in_one_line():
    assert str(Asked({"num_bars": 4}, (), tuple("abcdefghi"))).count("\n") == 0
    assert str(Asked({}, ("'slow' gives way to tempo 100",))) == "'slow' gives way to tempo 100"
    assert str(Asked({})) == "understood: nothing new"
