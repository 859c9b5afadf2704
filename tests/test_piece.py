"""`Piece`: where things lie in bars and in time."""

import numpy as np
import pytest

from melodyforge.music.piece import Meter, Piece, Tempo, Track, make_notes, without_doubles

NOTES = make_notes([(0, 24, 0, 60, 80), (960, 24, 0, 62, 80)])


def test_notes_are_ordered_by_onset_track_and_pitch():
    notes = make_notes([(24, 1, 0, 60, 80), (0, 1, 1, 60, 80), (0, 1, 0, 64, 80), (0, 1, 0, 60, 80)])
    assert notes[["onset", "track", "pitch"]].tolist() == [(0, 0, 60), (0, 0, 64), (0, 1, 60), (24, 0, 60)]


def test_end_and_seconds_follow_the_tempo_map():
    piece = Piece(NOTES, tempos=(Tempo(0, 60.0), Tempo(480, 120.0)))
    assert piece.end == 984
    assert piece.seconds_at(np.array([0, 24, 480, 504])).tolist() == [0.0, 1.0, 20.0, 20.5]
    assert piece.seconds == pytest.approx(20 + 504 / 48)
    assert Piece(NOTES[:0]).seconds == 0.0


def test_the_tempo_of_an_expressive_map_is_its_middle():
    rubato = tuple(Tempo(24 * beat, qpm) for beat, qpm in enumerate([90.0, 95.0, 100.0, 105.0, 300.0] * 8))
    assert Piece(NOTES, tempos=rubato).tempo_qpm == 100.0
    assert Piece(NOTES, tempos=(Tempo(0, 60.0), Tempo(900, 240.0))).tempo_qpm == 60.0
    assert Piece(NOTES).tempo_qpm == 120.0


def test_bars_follow_the_meter_map():
    piece = Piece(NOTES, meters=(Meter(0, 3, 4), Meter(150, 2, 4)))
    bar, position, bar_steps = piece.bars_at(np.array([0, 71, 72, 149, 150, 198]))
    assert bar.tolist() == [0, 0, 1, 2, 3, 4]  # the third bar is cut short by the change of meter
    assert position.tolist() == [0, 71, 0, 5, 0, 0]
    assert bar_steps.tolist() == [72, 72, 72, 72, 48, 48]


@pytest.mark.parametrize(("meter", "steps"), [((4, 4), 96), ((6, 8), 72), ((3, 2), 144), ((1, 64), 1)])
def test_length_of_a_bar(meter, steps):
    assert Meter(0, *meter).bar_steps == steps


def test_of_notes_alike_the_longest_or_the_loudest_is_kept():
    rows = [(24, 6, 0, 60, 80), (0, 6, 1, 60, 90), (0, 6, 0, 60, 70), (0, 9, 0, 60, 60), (0, 9, 0, 60, 99)]
    notes = make_notes(rows)
    assert without_doubles(notes).tolist() == [(0, 9, 0, 60, 60, 0), (0, 6, 1, 60, 90, 0), (24, 6, 0, 60, 80, 0)]
    each_length = ("onset", "track", "pitch", "duration")
    assert without_doubles(notes, each_length, most="velocity").tolist() == [
        (0, 6, 0, 60, 70, 0), (0, 9, 0, 60, 99, 0), (0, 6, 1, 60, 90, 0), (24, 6, 0, 60, 80, 0)
    ]  # fmt: skip
    assert len(without_doubles(notes[:0])) == 0


def test_drums_are_told_from_pitched_notes():
    piece = Piece(make_notes([(0, 24, 0, 60, 80), (0, 24, 1, 36, 80)]), (Track(), Track(0, True)))
    assert piece.is_drum_track.tolist() == [False, True]
    assert piece.pitched_notes["pitch"].tolist() == [60]
    assert len(Piece(NOTES[:0], ()).pitched_notes) == 0


def test_transposing_leaves_drums_where_they_are():
    notes = make_notes([(0, 24, 0, 60, 80), (0, 24, 1, 36, 80)])
    piece = Piece(notes, (Track(), Track(0, True)))
    assert piece.transposed(-5).notes["pitch"].tolist() == [55, 36]
    with pytest.raises(ValueError, match="0 to 127"):
        piece.transposed(70)
