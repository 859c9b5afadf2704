"""Notes <-> rows, and the twin ways of telling a network about them."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from melodyforge.errors import CorpusError, VocabularyError
from melodyforge.music.form import NO_FORM
from melodyforge.music.piece import Piece, Track, make_notes
from melodyforge.music.traits import Traits
from melodyforge.settings import RepresentationSettings
from melodyforge.tokens.bins import Bins, fit_time_bins
from melodyforge.tokens.features import NOT_ASKED
from melodyforge.tokens.headings import MAX_HEADINGS, Heading, heading_of, some_headings
from melodyforge.tokens.neighbours import WIDEST_MOVE
from melodyforge.tokens.notes import LOOKBACK_ROWS, NotesRepresentation
from melodyforge.tokens.past import NO_PITCH
from melodyforge.tokens.representation import Change
from tests.music_samples import gridded_piece, performed_piece, played_piece, tune

SETTINGS = RepresentationSettings(kind="notes")


def fit(*pieces):
    return NotesRepresentation.fit(SETTINGS, pieces)


def test_round_trip_is_exact_on_gridded_music():
    piece = gridded_piece()
    representation = fit(piece)
    decoded = representation.decode(representation.encode(piece), heading_of(piece))
    assert np.array_equal(decoded.notes, piece.notes)
    assert [(t.program, t.is_drum) for t in decoded.tracks] == [(t.program, t.is_drum) for t in piece.tracks]
    assert decoded.meters == piece.meters
    assert decoded.tempo_qpm == piece.tempo_qpm


def test_micro_timing_comes_back_within_half_a_step_and_is_predicted_only_where_there_is_some():
    piece = played_piece()
    representation = fit(piece)
    decoded = representation.decode(representation.encode(piece), heading_of(piece)).notes
    assert decoded["onset"].tolist() == piece.notes["onset"].tolist()
    assert np.abs(decoded["micro"].astype(int) - piece.notes["micro"]).max() <= 1
    assert [head.name for head in representation.heads][-1] == "micro"
    assert [head.name for head in fit(gridded_piece()).heads][-1] == "velocity"


def test_a_vocabulary_of_before_is_told_what_it_was_told_then():
    representation = fit(gridded_piece())
    state = representation.state()
    del state["version"], state["micros"]
    before = NotesRepresentation.from_state(SETTINGS, state)
    gone = {one.name for one in representation.features} - {one.name for one in before.features}
    assert "copied" in gone
    assert "above_parallel" in gone
    later = (
        "parallel",
        "copy",
        "copied",
        "_move",
        "_distance",
        "low_",
        "high_",
        "bars_so_far",
        "_track",
        "plan",
        "left",
        "held",
        "chord",
    )
    assert all(any(part in name for part in later) for name in gone)


def test_neighbours_tell_what_would_be_parallel_fifths():
    rows = [(0, 24, 0, 67, 80), (0, 24, 1, 60, 80), (24, 24, 0, 69, 80), (24, 24, 1, 62, 80)]
    piece = Piece(make_notes(rows), (Track(40), Track(42)))
    representation = fit(piece)
    window = representation.window(representation.encode(piece), 0, 4)
    assert window["above_parallel"][3] == 62  # both a tone up: the fifth stays a fifth
    assert window["above_move"][3] == WIDEST_MOVE + 2
    assert window["above_distance"][3] == 1 + 9  # 69 above 60
    assert window["below_distance"][3] == 0
    assert window["outer_parallel"][2] == NO_PITCH  # the lower voice has not moved yet


def test_repetition_is_counted():
    piece = Piece(make_notes([(12 * i, 12, 0, 60 + i % 4, 80) for i in range(20)]))
    representation = fit(piece)
    window = representation.window(representation.encode(piece), 0, 20)
    assert window["copy_times"].tolist()[-1] == 3  # 15 of 19 notes repeat those four before
    assert window["copied"][4] == 0


def test_round_trip_of_performed_music_stays_within_half_a_bin_and_does_not_drift():
    piece = performed_piece()
    representation = fit(piece)
    decoded = representation.decode(representation.encode(piece), heading_of(piece)).notes
    assert np.abs(decoded["onset"] - piece.notes["onset"]).max() <= 0.5
    relative = np.abs(decoded["duration"] / piece.notes["duration"] - 1)
    assert relative.max() <= 0.03
    assert np.array_equal(decoded["pitch"], piece.notes["pitch"])


def test_hand_made_rows_are_as_expected():
    piece = Piece(make_notes([(0, 24, 0, 60, 80), (0, 24, 0, 64, 80), (24, 48, 0, 62, 90)]))
    window = fit(piece).window(fit(piece).encode(piece), 0, 5)
    assert window["target_shift"].tolist() == [0, 0, 1, 2, NOT_ASKED]  # 0, 0, 24, end
    assert window["target_pitch"].tolist() == [60, 64, 62, NOT_ASKED, NOT_ASKED]
    assert window["target_duration"].tolist() == [0, 0, 1, NOT_ASKED, NOT_ASKED]
    assert window["pitch"][:4].tolist() == [128, 60, 64, 62]
    assert window["position"][:4].tolist() == [0, 0, 0, 24]
    assert window["sounding"][1][60] == 24
    assert window["new_sounding"][2].max() == 0  # both notes of the chord end as the third note begins
    assert window["last_pitch"][:4, 0].tolist() == [128, 60, 64, 62]


@pytest.mark.parametrize("is_planned", [False, True])
@pytest.mark.parametrize("piece", [gridded_piece(num_notes=700), performed_piece(), played_piece(), tune()])
def test_window_and_context_tell_the_same(piece, is_planned):
    representation = fit(piece)
    rows = representation.encode(piece)
    window = representation.window(rows, 0, len(rows) + 1, Change(tells_returns=is_planned, tells_end=is_planned))
    heading = heading_of(piece)
    context = representation.begin([heading if is_planned else replace(heading, form=NO_FORM)] * 2)
    for index in range(len(rows) + 1):
        told = context.inputs()
        for head in representation.heads:
            told |= context.told(head)
            target = window[f"target_{head.name}"][index]
            if target == NOT_ASKED:
                break
            illegal = context.illegal(head)
            assert illegal is None or not illegal[0, target]
            context.choose(head, np.array([target, target]))
        for name, values in told.items():
            if index < len(rows):
                assert np.array_equal(values[1], window[name][index]), (index, name)
        if index < len(rows):
            context.commit()
    assert context.has_ended.all()
    unknown = {"chord"} if is_planned else {"chord", "returns"}
    fields = [name for name in rows.dtype.names if name not in unknown]
    assert np.array_equal(context.rows(1)[fields], rows[fields])


@pytest.mark.parametrize("piece", [gridded_piece(num_notes=1000), played_piece(num_notes=1200)])
def test_window_in_the_middle_equals_the_whole_piece_there(piece):
    representation = fit(piece)
    rows = representation.encode(piece)
    planned = Change(tells_returns=True, tells_end=True)
    whole = representation.window(rows, 0, len(rows) + 1, planned)
    start = LOOKBACK_ROWS + 77
    part = representation.window(rows, start, 50, planned)
    for name, values in part.items():
        assert np.array_equal(values, whole[name][start : start + 50]), name


def test_transposition_moves_pitches_but_not_drums():
    piece = gridded_piece()
    representation = fit(piece)
    rows = representation.encode(piece)
    plain, moved = representation.window(rows, 0, 60), representation.window(rows, 0, 60, Change(semitones=3))
    is_drum = representation.vocabulary.tracks.is_drum[plain["target_track"]]
    assert np.array_equal(moved["target_pitch"], plain["target_pitch"] + 3 * ~is_drum)
    assert np.array_equal(moved["sounding"][:, 3:], plain["sounding"][:, :-3])


def test_transposition_never_leaves_the_range_of_midi():
    piece = Piece(make_notes([(0, 24, 0, 2, 80), (24, 24, 0, 126, 80)]))
    representation = fit(piece)
    window = representation.window(representation.encode(piece), 0, 2, Change(semitones=-6))
    assert window["target_pitch"].tolist() == [0, 124]


def test_stretching_moves_performed_music_and_leaves_the_grid_alone():
    performed, gridded = performed_piece(), gridded_piece()
    representation = fit(performed, gridded)
    change = Change(stretch=1.5)
    for piece, is_moved in ((performed, True), (gridded, False)):
        rows = representation.encode(piece)
        plain, stretched = representation.window(rows, 0, 80), representation.window(rows, 0, 80, change)
        assert np.array_equal(plain["target_shift"], stretched["target_shift"]) is not is_moved


def test_an_unknown_instrument_becomes_its_nearest_kin():
    representation = fit(tune())  # flute and piano
    other = Piece(make_notes([(0, 12, 0, 60, 80)]), (Track(75),))  # pan flute
    decoded = representation.decode(representation.encode(other))
    assert decoded.tracks[0].program == 73


def test_drums_do_not_become_pitches_where_the_model_knows_none():
    representation = fit(tune())
    drums = Piece(make_notes([(0, 12, 0, 36, 80)]), (Track(0, True),))
    assert len(representation.encode(drums)) == 0


def test_a_primer_off_the_grid_is_put_in_order_without_doubles():
    representation = fit(tune())
    loose = Piece(make_notes([(0, 12, 0, 64, 80), (1, 12, 0, 60, 80), (2, 14, 0, 60, 80)]), (Track(73),))
    rows = representation.encode(loose)
    assert rows["onset"].tolist() == [0, 0]
    assert rows["pitch"].tolist() == [60, 64]


def test_state_is_plain_and_comes_back_the_same():
    representation = fit(gridded_piece())
    again = NotesRepresentation.from_state(SETTINGS, representation.state())
    rows = representation.encode(gridded_piece())
    assert np.array_equal(again.encode(gridded_piece()), rows)
    assert again.heads == representation.heads
    with pytest.raises(VocabularyError, match="notes"):
        NotesRepresentation.from_state(SETTINGS, {"tokens": []})


def test_nothing_to_learn_from_is_said():
    with pytest.raises(CorpusError, match="at least one piece"):
        fit(Piece(make_notes([])))


def test_time_bins_are_exact_for_few_values_and_logarithmic_for_many():
    counts = np.zeros(24 * 64 + 1, int)
    counts[[0, 6, 12, 500]] = 3
    assert fit_time_bins(counts, 48).values.tolist() == [0, 6, 12, 500]
    counts[:900] = 1
    values = fit_time_bins(counts, 48).values
    assert values[:48].tolist() == list(range(48))
    assert values[-1] <= 899
    assert (np.diff(values[48:]) / values[48:-1]).max() < 0.05
    assert Bins([0, 6, 12]).classes(np.array([2, 4, 100])).tolist() == [0, 1, 2]


def test_rare_styles_keep_all_their_headings():
    headings = [
        Heading(traits=Traits(style="rare" if index % 500 == 0 else f"style {index % 3}")) for index in range(5000)
    ]
    kept = Counter(one.traits.style for one in some_headings(headings))
    assert kept["rare"] == 10
    assert 900 < kept.total() <= MAX_HEADINGS
    assert some_headings(headings[:900]) == headings[:900]
