"""What is normal for music of a style, and what is a fault."""

from melodyforge.music.habits import Fault, Habits, find_fault, learn_habits, measure_habits
from melodyforge.music.piece import Piece, Track, make_notes
from tests.music_samples import performed_piece


def repeated(pitches, times, steps=12):
    rows = [(i * steps, steps, 0, p, 80) for i, p in enumerate(list(pitches) * times)]
    return Piece(make_notes(rows))


def said(*args):
    fault = find_fault(*args)
    return fault and fault.words


def test_how_far_a_fault_goes_is_told():
    assert find_fault(repeated([60], 102), Habits(loop_onsets=20)) == Fault("it loops for 100 notes", 5.0, note=2)
    assert find_fault(repeated([60], 31), Habits(loop_onsets=20)) is None


def test_a_loop_is_a_fault_and_a_tune_is_none():
    assert "loops" in said(repeated([60, 62, 64], 40), Habits())
    assert "loops" in said(repeated([60], 100), Habits())
    assert find_fault(performed_piece(), Habits(note_quarters=20, polyphony=40)) is None


def test_a_strain_may_return_once_and_a_figure_may_not():
    strain = [20 + index**3 % 101 for index in range(100)]  # each pitch once
    melody = [20 + index * index % 97 for index in range(120)]
    assert find_fault(repeated(melody + strain + strain, 1), Habits()) is None
    thrice = find_fault(repeated(melody + 3 * strain, 1), Habits())
    assert thrice.words == "it loops for 100 notes"
    assert abs(thrice.note - 320) <= 1
    assert find_fault(repeated(melody + 8 * strain[:10], 1), Habits()).words == "it loops for 70 notes"


def test_where_a_fault_begins_is_told():
    scale = [(12 * index, 12, 0, 60 + index, 80) for index in range(20)]
    for rows, note in (
        ([(240 + 12 * index, 12, 0, 80, 80) for index in range(50)], 21),
        ([(900, 12, 0, 80, 80)], 20),
        ([(240, 12, 0, 80, 80), (252, 2000, 0, 81, 80)], 21),
        ([(240 + 12 * (index > 4), 99, 0, 80 + index, 80) for index in range(15)], 25),
    ):
        assert find_fault(Piece(make_notes(scale + rows)), Habits()).note == note


def test_silence_stuck_notes_and_crowds_are_faults():
    assert "silent" in said(Piece(make_notes([(0, 12, 0, 60, 80), (2400, 12, 0, 62, 80)])), Habits())
    assert "stuck" in said(Piece(make_notes([(0, 2400, 0, 60, 80)])), Habits())
    assert "at once" in said(Piece(make_notes([(0, 12, 0, p, 80) for p in range(40, 60)])), Habits())
    assert "no notes" in said(Piece(make_notes([])), Habits())


def test_what_real_pieces_do_is_no_fault():
    drone = repeated([60], 200)
    assert find_fault(drone, learn_habits([drone])) is None
    assert measure_habits(drone).loop_onsets == 198
    assert measure_habits(Piece(make_notes([]))).polyphony == 0


def after(given, composed):
    """A piece of given notes (onset, duration, pitch) and composed ones, and how many were given."""
    rows = [(onset, steps, 0, pitch, 80) for onset, steps, pitch in given + composed]
    return Piece(make_notes(rows)), len(given)


def test_the_faults_of_a_primer_are_not_those_of_what_follows():
    scale = [(4000 + 12 * index, 12, 60 + index) for index in range(12)]
    crowd = [(3900, 300, pitch) for pitch in range(40, 56)]
    stuck = [(0, 4000, 50)]
    loop = [(12 * index, 12, 60) for index in range(333)]
    silence = [(0, 12, 60), (3990, 12, 62)]
    for given in (crowd, stuck, loop, silence):
        piece, number = after(given, scale)
        assert find_fault(piece, Habits()) is not None
        assert find_fault(piece, Habits(), number) is None


def judged(piece, number):
    return said(piece, Habits(), number)


def test_what_is_composed_after_a_primer_is_judged():
    tune_before = [(12 * index, 12, 60 + index * 5 % 12 + index // 12) for index in range(24)]
    begins = 24 * 12
    bar_again = [(begins + 12 * index, 12, tune_before[16 + index % 8][2]) for index in range(50)]
    assert "loops for 50 notes" in judged(*after(tune_before, bar_again))
    assert judged(*after(tune_before, bar_again[:30])) is None
    late = [(begins + 800, 12, 60)]
    assert "silent" in judged(*after(tune_before, late))
    crowd = [(begins, 12, pitch) for pitch in range(40, 56)]
    assert "16 notes sound at once" in judged(*after(tune_before, crowd))
    assert "stuck" in judged(*after(tune_before, [(begins, 2000, 60)]))
    assert "no notes" in judged(*after(tune_before, []))


def test_music_may_go_on_as_densely_as_its_primer_but_not_repeat_itself_for_that():
    crowd = [(12 * beat, 12, pitch) for beat in range(70) for pitch in range(40, 56)]
    piece, number = after(crowd[:320], crowd[320:])
    assert "loops for 50 notes" in said(piece, Habits(), number)
    assert find_fault(piece, Habits(loop_onsets=60), number) is None


def together(melody, chords):
    """A melody in eighths that stands, and chords that were composed in another track; which notes stand."""
    rows = [(12 * index, 12, 0, pitch, 80) for index, pitch in enumerate(melody) if pitch]
    piece = Piece(make_notes(rows + [(onset, steps, 1, 48, 80) for onset, steps in chords]), (Track(73), Track(0)))
    return piece, piece.notes["track"] == 0


def around(melody, chords):
    """The fault of the chords."""
    piece, stands = together(melody, chords)
    return said(piece, Habits(), stands)


def test_what_is_composed_around_notes_that_stand_is_judged_and_those_are_not():
    tune = [60 + index * 7 % 12 + index // 24 for index in range(96)]
    resting = tune[:40] + [0] * 80 + tune[40:]
    halves = [(48 * index, 48) for index in range(24)]
    assert around(tune, halves) is None
    for melody, chords in (([60] * 96, halves), (resting, [*halves[:9], (1440, 48)])):
        assert said(together(melody, chords)[0], Habits()) is not None  # a loop, a silence: of what stands
        assert around(melody, chords) is None
    assert "it loops for" in around(resting, [(12 * index, 12) for index in range(40, 120)])
    assert "stuck" in around(tune, [(0, 1000)])
    assert "silent" in around(tune[:8], [(0, 48), (600, 48)])
    assert "no notes" in around(tune, [])
