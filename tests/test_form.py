"""The form of pieces: which bars return, where music ends, and what is told of it."""

import numpy as np
import pytest

from melodyforge.composing.forms import with_form
from melodyforge.decoding.ending import Ending, Length
from melodyforge.errors import SettingsError
from melodyforge.music.form import NO_FORM, Form, form_of_letters, letters_of, read_form, section_bars, sections
from melodyforge.music.piece import Meter, Piece, make_notes
from melodyforge.settings import ComposeSettings, RepresentationSettings
from melodyforge.tokens import NotesRepresentation
from melodyforge.tokens.headings import Heading, heading_of, pack_headings, unpack_headings
from melodyforge.tokens.plan import EXACT, NEW, UNKNOWN, VARIED, Plan
from melodyforge.tokens.representation import Change
from tests.music_samples import performed_piece, tune

A, B, C = (60, 62, 64, 65), (72, 71, 69, 67), (50, 55, 53, 58)


def bars(*pitches_of_bars, bar_steps=96):
    rows = [
        (bar * bar_steps + 24 * place, 24, 0, pitch, 80)
        for bar, pitches in enumerate(pitches_of_bars)
        for place, pitch in enumerate(pitches)
    ]
    return Piece(make_notes(rows))


def test_bars_return_exactly_or_varied():
    varied = (60, 62, 64, 67)  # three of five different notes in common
    form = read_form(bars(A, B, A, varied, C, B))
    assert form.returns == (0, 0, 2, -1, 0, 4)
    assert form.last_step == 5 * 96 + 72
    assert form.num_notes == 24


def test_what_is_nearly_as_like_stays_as_far_back_as_the_bar_before():
    assert read_form(bars(A, B, B, C, A, B, B, C)).returns == (0, 0, 1, 0, 4, 4, 4, 4)


def test_bars_of_another_length_are_not_returned_to():
    piece = bars(A[:3], B[:3], bar_steps=72)
    notes = np.concatenate([piece.notes, bars(A[:3]).notes])
    notes["onset"][6:] += 144
    changed = Piece(notes, meters=(Meter(0, 3, 4), Meter(144, 4, 4)))
    assert read_form(changed).returns == (0, 0, 0)


def test_music_without_bars_has_only_an_end():
    piece = performed_piece()
    assert read_form(piece) == Form((), int(piece.notes["onset"][-1]), len(piece))
    assert read_form(Piece(make_notes([]))) == NO_FORM


def test_headings_keep_their_form():
    heading = heading_of(tune())
    assert heading.form.returns[4:8] == (1, 4, 4, 4)
    assert unpack_headings(pack_headings([heading])) == [heading]
    (row,) = pack_headings([heading])
    assert unpack_headings([row[:-3]])[0].form == NO_FORM  # of models that knew none
    with pytest.raises(ValueError, match="must be tempo"):
        unpack_headings([[*row[:-3], [10**9], 1, 1]])


def test_letters_say_which_sections_return():
    real = Form((0, 1, 0, 0, 4, -4, 0, 0))
    assert form_of_letters("ABa", 4, real).returns == (0, 1, 0, 0, 0, 0, 0, 0, -8, -8, -8, -8)
    assert letters_of("Rondo") == "ABACA"
    with pytest.raises(ValueError, match="'b' varies what did not stand before"):
        letters_of("AbA")


@pytest.mark.parametrize(
    ("letters", "num_bars", "expected"), [("AABA", 32, 8), ("AABA", 29, 6), ("ABA", 9, 3), ("ABA", 2, 0)]
)
def test_sections_are_whole_phrases_where_there_is_room(letters, num_bars, expected):
    assert section_bars(letters, num_bars) == expected


def test_a_form_is_fitted_to_the_length():
    heading = heading_of(tune())  # nine notes a bar
    form = with_form(heading, ComposeSettings(form="AABA", num_notes=300)).form
    assert len(form.returns) == 32
    assert form.last_step == 31 * 96 + 84
    assert with_form(heading, ComposeSettings(form="free")).form.returns == ()
    own = with_form(heading, ComposeSettings(ending="natural")).form
    assert own.returns[:-1] == heading.form.returns[:-1]
    assert own.returns[-1] == 0  # the close is composed, not repeated
    num_bars = len(own.returns)
    longer = with_form(heading, ComposeSettings(num_bars=2 * num_bars)).form
    assert longer.returns[: 2 * num_bars] == 2 * own.returns  # new music in the same form
    assert with_form(heading, ComposeSettings(num_bars=num_bars)).form == own
    with pytest.raises(SettingsError, match="needs a bar for each"):
        with_form(heading, ComposeSettings(form="ABCDEF", num_bars=5))
    with pytest.raises(SettingsError, match="must be letters such as AABA"):
        with_form(heading, ComposeSettings(form="aaba"))


def test_a_plan_tells_what_a_bar_is_and_how_far_the_end_is():
    plan = Plan([Form((0, 1, -2), 240), NO_FORM])
    bar = np.array([2, 2])
    assert plan.relation(bar).tolist() == [VARIED, UNKNOWN]
    assert plan.relation(bar - 1).tolist() == [EXACT, UNKNOWN]
    assert plan.relation(bar - 2).tolist() == [NEW, UNKNOWN]
    assert plan.relation(bar + 7).tolist() == [UNKNOWN, UNKNOWN]
    assert plan.returns(bar).tolist() == [-2, 0]
    near, nearer = plan.left(np.array([200, 200])), plan.left(np.array([240, 240]))
    assert near[1] == nearer[1] == 0
    assert near[0] > nearer[0] == 1
    assert plan.left(np.array([999, 0]))[0] == 1


def test_a_bar_that_is_to_return_is_suggested_however_far_back_it_stood():
    others = [tuple(int(one) for one in np.random.default_rng(bar).permutation(40)[:4] + 40) for bar in range(300)]
    piece = bars(A, *others, A)
    representation = NotesRepresentation.fit(RepresentationSettings(kind="notes"), [piece])
    rows = representation.encode(piece)
    assert rows["returns"][-1] == 301
    told = representation.window(rows, len(rows) - 4, 4, Change(tells_returns=True))
    assert told["plan_pitch"].tolist() == list(A)
    assert told["plan_shift"].tolist() == told["target_shift"].tolist()
    assert told["plan_duration"].tolist() == told["target_duration"].tolist()
    untold = representation.window(rows, len(rows) - 4, 4)
    assert set(untold["plan_pitch"].tolist()) == {128}
    assert set(untold["new_plan"].tolist()) == {UNKNOWN}


def planned_end(length, heading, num_notes, pace=None):
    """Where a piece is planned to end that has come so far, a note every so many steps."""
    representation = NotesRepresentation.fit(RepresentationSettings(kind="notes"), [tune()])
    context = representation.begin([heading])
    context.begin_composing()
    ending = Ending(length, [heading], context)
    ending.plan()
    rows = representation.encode(bars(*[A] * 200))[:num_notes]
    if len(rows):
        rows["onset"] = np.arange(len(rows)) * pace
        context.hear(rows)
        ending.plan()
    return int(context.plan.last_step[0])


def test_the_end_is_planned_by_the_pace_of_the_music():
    heading = Heading(form=Form((), 15 * 96, 192))  # closes a phrase of 16 bars on the first beat, 12 notes a bar
    assert planned_end(Length(214, True), heading, 0) == 15 * 96
    assert planned_end(Length(400, True), heading, 0) == 29 * 96
    assert planned_end(Length(400, True), heading, 160, pace=4) < 20 * 96  # it turned out denser
    assert planned_end(Length(400), heading, 0) == 15 * 96  # naturally as long as real music
    assert planned_end(Length(10_000, True, np.array([10 * 96])), heading, 0) == 9 * 96  # ten bars are asked for


def test_an_end_that_is_near_stays_where_it_is():
    heading = Heading(form=Form((), 15 * 96, 192))
    assert planned_end(Length(214, True), heading, 148, pace=8) == 15 * 96


@pytest.mark.parametrize(
    ("returns", "expected"),
    [
        ([0] * 8 + [8] * 8 + [0] * 8 + [24] * 8, ["1A", "9A", "17B", "25A"]),
        ([0] * 16 + [-16] * 8 + [16] * 8, ["1A", "17A"]),
        ([0] * 8 + [-8] * 8, ["1A", "9A'"]),
        ([0, 1, 1, 0] * 4, []),
        ([0] * 20 + [12] * 4 + [0] * 8, ["1A", "9B", "21B", "25C"]),
        ([], []),
    ],
)
def test_the_parts_of_a_piece_have_letters(returns, expected):
    assert [f"{part.bar + 1}{part.letter}" for part in sections(Form(tuple(returns)))] == expected
