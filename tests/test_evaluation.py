"""Statistics, copies, styles, obedience and the report: hand-made cases, real chorales, a real small model."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from melodyforge.bundle import load_model
from melodyforge.commands.evaluate import words_of
from melodyforge.errors import CorpusError
from melodyforge.evaluation.evaluate import evaluate_model
from melodyforge.evaluation.heard import Beside, Heard
from melodyforge.evaluation.overlap import overlap_areas
from melodyforge.evaluation.report import verdicts, write_report
from melodyforge.evaluation.style_classifier import StyleClassifier
from melodyforge.evaluation.told_apart import ToldApart
from melodyforge.figures.originality import Known, measure_originality
from melodyforge.figures.statistics import (
    describe_pieces,
    empty_beat_rate,
    groove_consistency,
    pitch_class_entropy,
    scale_consistency,
)
from melodyforge.music.piece import Piece, make_notes
from tests.conftest import write_store
from tests.music_samples import gridded_piece, tune

pytestmark = pytest.mark.slow

CHORALES = Path(__file__).parents[1].parent / "shared" / "data" / "jsb_chorales" / "Jsb16thSeparated.json"


def melody(pitches, duration=24):
    return Piece(make_notes([(index * duration, duration, 0, pitch, 80) for index, pitch in enumerate(pitches)]))


def test_entropy_and_scale_of_simple_melodies():
    assert pitch_class_entropy(melody([60, 72, 48])) == 0
    assert pitch_class_entropy(melody(range(60, 72))) == pytest.approx(np.log2(12))
    assert scale_consistency(melody([60, 62, 64, 65, 67, 69, 71])) == 1.0
    assert scale_consistency(melody(range(60, 72))) == pytest.approx(7 / 12)


def test_the_same_rhythm_in_every_bar_is_a_groove():
    assert groove_consistency(melody([60] * 16)) == 1.0
    uneven = Piece(make_notes([(0, 12, 0, 60, 80), (96 + 6, 12, 0, 60, 80)]))
    assert groove_consistency(uneven) == pytest.approx(1 - 2 / 16)


def test_beats_in_which_nothing_sounds_are_counted():
    assert empty_beat_rate(Piece(make_notes([(0, 24, 0, 60, 80), (72, 24, 0, 60, 80)]))) == 0.5


def test_pieces_overlap_with_their_like_and_not_with_others():
    likes = [melody(np.random.default_rng(seed).integers(60, 72, 40)) for seed in range(40)]
    others = [melody(np.random.default_rng(seed).integers(30, 100, 40), 6) for seed in range(40)]
    same, different = overlap_areas(likes[:20], likes[20:]), overlap_areas(likes[:20], others)
    assert min(same.values()) > 0.7
    assert different["pitch range"] < 0.1


@pytest.mark.skipif(not CHORALES.is_file(), reason="the shared development data is not here")
def test_real_chorales_have_the_published_statistics():
    from benchmarks.cells import piece_of_cells

    table = json.loads(CHORALES.read_text())
    train, test = ([piece_of_cells(np.array(one), 6) for one in table[name]] for name in ("train", "test"))
    measured = describe_pieces(train)
    assert measured["pitch-class entropy"] == pytest.approx(3.03, abs=0.01)
    assert measured["scale consistency"] == pytest.approx(0.93, abs=0.01)
    assert measured["groove consistency"] == pytest.approx(0.80, abs=0.02)
    assert overlap_areas(test, train)["pitch classes"] == pytest.approx(0.952, abs=0.01)


def test_a_copy_is_found_also_when_transposed_and_a_new_piece_is_not():
    rng = np.random.default_rng(0)
    known = Known([melody(rng.integers(50, 80, 100)), melody(rng.integers(50, 80, 100))])
    first = np.random.default_rng(0).integers(50, 80, 100)
    copy = measure_originality([melody(first[20:60] + 3)], known)
    assert copy.shares == {4: 1.0, 8: 1.0, 16: 1.0, 32: 1.0}
    assert copy.longest_run == [32]
    new = measure_originality([melody(np.random.default_rng(9).integers(50, 80, 100))], known)
    assert new.shares[8] == 0
    assert measure_originality([melody([60, 62])], known).shares[4] == 0


def test_styles_are_told_apart():
    rng = np.random.default_rng(0)
    pieces = [
        dataclasses.replace(melody(60 + np.cumsum(rng.choice(steps, 60)) % 24, duration), style=style)
        for _ in range(10)
        for style, steps, duration in (("steps", [1, 2], 12), ("leaps", [5, 7], 24))
    ]
    classifier = StyleClassifier(pieces[:10])
    assert classifier.styles == ["leaps", "steps"]
    assert classifier.accuracy(pieces[10:]) == 1.0


@pytest.fixture(scope="module")
def evaluation(tiny_model_dir, tune_store):
    return evaluate_model(load_model(tiny_model_dir / "tiny"), tune_store, num_compositions=4, num_wishes=4)


def test_held_out_nats_are_those_of_the_training(evaluation, tiny_model_dir):
    metrics = load_model(tiny_model_dir / "tiny").metrics
    assert sum(evaluation.nats.values()) == pytest.approx(metrics["held_out_nats"], rel=1e-3)
    assert evaluation.best_ngram_nats > 0
    assert set(evaluation.obedience) == {"key", "tempo", "mood", "density", "polyphony", "instruments"}
    assert evaluation.obedience["tempo"].share == 1.0
    assert evaluation.obedience["instruments"].share == 1.0


def test_the_evaluation_can_be_written_down_and_looked_at(evaluation):
    assert json.loads(json.dumps(evaluation.to_dict()))["model"] == "tiny"
    history = [{"epoch": 1.0, "train_nats": 2.0, "held_out_nats": 2.1}]
    page = write_report(evaluation, history, {"recipe": "forge"})
    assert page.count("<svg") == 4
    assert page.count("data:audio/wav;base64,") == page.count("data:image/png;base64,") == 4
    assert "http" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    ).replace("https://matplotlib.org", "")
    assert len(verdicts(evaluation)) == 4


def test_what_is_heard_is_printed_and_in_the_report(evaluation):
    told = ToldApart(auc=0.93, by_group={"pitch": 0.6, "velocity": 0.5}, floor=None, variety=0.9, num_notes=150)
    figures = {
        "parallel fifths and octaves": Beside(0.069, 0.002, 0.0, 0.011),
        "time with a bass": Beside(0.5, 0.5, 0, 1),
    }
    one = Heard("chorales", 20, 60, 12, told, 0.8, figures)
    heard = dataclasses.replace(evaluation, heard=[one])
    assert json.loads(json.dumps(heard.to_dict()))["heard"][0]["figures"]["time with a bass"]["low"] == 0
    is_good, verdict = verdicts(heard)[-1]
    assert (is_good, "chorales: AUC 0.93" in verdict) == (False, True)
    page = write_report(heard, [], {})
    assert "Told from real music" in page
    assert page.count('class="unusual"') == 1
    assert "<td>6.9%</td>" in page
    first, variety, groups, *unusual = words_of(one)
    assert "90% as different from each other as real pieces" in variety
    assert "0.930 told from real by 150 notes" in first
    assert "halves" not in first
    assert "pitch 0.60" in groups
    assert len(unusual) == 1
    assert "6.9% parallel fifths and octaves; real music 0.2%, from 0.0% to 1.1%" in unusual[0]


def test_other_music_is_refused_unless_it_is_meant(tiny_model_dir, tmp_path):
    model = load_model(tiny_model_dir / "tiny")
    store = write_store(tmp_path / "other", [gridded_piece(seed) for seed in range(5)] + [tune(1)])
    with pytest.raises(CorpusError, match="--against"):
        evaluate_model(model, store, 2, 0)
    assert evaluate_model(model, store, 2, 0, is_new=True).num_compositions == 2
