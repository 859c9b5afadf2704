"""Whether composed music ever breaks what every note is to keep to, and what keeping to it costs.

    python -m benchmarks.constraints [--model NAME] [--pieces 1000] [--notes 100] [--seed 0]

Composes pieces with random constraints, ten with each set, and counts notes that break one, by code of its own: there
must be none. The price is how much probability the network gave to what was forbidden: the mean of -log of what stayed
legal, in nats per note, beside all that is impossible anyway.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from benchmarks.measure import Figure, report
from melodyforge.cli import Parser, run
from melodyforge.compose import compose, load
from melodyforge.composing.wishes import wished_settings
from melodyforge.decoding.constraints import BASS_BELOW, BASS_PROGRAMS
from melodyforge.decoding.generate import Generation
from melodyforge.errors import SettingsError
from melodyforge.music.instruments import instruments_named
from melodyforge.music.keys import Key, key_named
from melodyforge.music.piece import Piece
from melodyforge.music.progression import read_progression
from melodyforge.music.scales import range_named, scale_named, scale_of
from melodyforge.settings import ComposeSettings, Limits

PIECES_OF_A_SET = 10
KEYS = {"C major": ("C G Am F", "I V vi IV", "C:2 G/B:2 Am7 F Gsus4:1 G7:3"), "D minor": ("Dm Gm A7 Dm", "i iv V7 i")}
SCALES = {"C major": ("C major", "G mixolydian", "C D E G A"), "D minor": ("D dorian", "D minor", "D harmonic minor")}
RANGES = ("C3-C6", "A2-E5", "violin:G3-E6, C2-C7")
GRIDS = ("1/4", "1/8", "1/16", "1/12")
CADENCES = ("authentic", "plagal", "half")


def violations(piece: Piece, settings: ComposeSettings, num_given: int = 0, chords_from: int = 0) -> Counter[str]:
    """How many notes of a piece break each constraint.

    Args:
        piece: the music.
        settings: it was composed with.
        num_given: notes at its beginning that were given, not composed.
        chords_from: the step at which the chords begin.
    """
    found: Counter[str] = Counter()
    programs = [None if track.is_drum else track.program for track in piece.tracks]
    notes = piece.notes
    ends = notes["onset"].astype(int) + notes["duration"]
    is_pitched = np.array([programs[track] is not None for track in notes["track"]], bool)
    meter, last = piece.meters[0], int(notes["onset"].max(initial=0))
    if settings.cadence and [one.onset for one in piece.chords[-1:]] != [last]:
        found["cadence"] += 1  # it has come to no close
        return found
    for index in range(num_given, len(notes)):
        onset, pitch = int(notes["onset"][index]), int(notes["pitch"][index])
        program = programs[notes["track"][index]]
        if settings.grid:
            over, under = map(int, settings.grid.split("/"))
            is_off = onset % meter.bar_steps % (96 * over / under) != 0
            found["grid"] += is_off or notes["micro"][index] != 0
        if program is None:
            continue
        if settings.scale:
            found["scale"] += pitch % 12 not in scale_named(settings.scale)[1]
        if settings.range:
            found["range"] += not _is_inside(pitch, program, settings.range)
        if settings.most_at_once:
            sounding = (notes["onset"] <= onset) & (onset < ends) & is_pitched
            found["most_at_once"] += sounding.sum() > settings.most_at_once
        is_close = settings.cadence is not None and onset >= last - meter.bar_steps
        if settings.chords and onset >= chords_from and not is_close:
            found["chords"] += not _fits_chords(pitch, program, onset - chords_from, piece, settings)
        if settings.cadence and onset == last:
            chord = piece.chords[-1].chord
            is_bass = program in BASS_PROGRAMS or pitch < BASS_BELOW
            found["cadence"] += pitch % 12 not in ([chord.root] if is_bass else chord.pitch_classes)
        elif settings.cadence and is_close and num_given == 0:
            chord, key = piece.chords[-2].chord, _key(settings)
            if key:
                found["cadence"] += pitch % 12 not in chord.pitch_classes | scale_of(key)
    return found


def _is_inside(pitch: int, program: int, text: str) -> bool:
    entries = [entry.strip().rpartition(":") for entry in text.split(",")]
    own = [words for name, _, words in entries if name and (program, False) in instruments_named(name)]
    low, high = range_named((own or [words for name, _, words in entries if not name])[0]) or (0, -1)
    return low <= pitch <= high


def _fits_chords(pitch: int, program: int, since: int, piece: Piece, settings: ComposeSettings) -> bool:
    meter, progression = piece.meters[0], read_progression(settings.chords or "", _key(settings))
    beat = meter.beat_steps
    *_, placed = progression.placed(0, since + 1, meter.bar_steps, beat)
    chord, is_bass = placed.chord, program in BASS_PROGRAMS or pitch < BASS_BELOW
    if since == placed.onset and is_bass:
        return pitch % 12 == chord.bass
    scale = scale_of(_key(settings) or progression.key)
    return pitch % 12 in (chord.pitch_classes if since % beat == 0 else chord.pitch_classes | scale)


def _key(settings: ComposeSettings) -> Key | None:
    if settings.key:
        tonic, is_minor = key_named(settings.key)
        return None if tonic is None else Key(tonic, bool(is_minor))
    if settings.scale:
        tonic, scale = scale_named(settings.scale)
        return None if tonic is None else Key(tonic, (tonic + 3) % 12 in scale and (tonic + 4) % 12 not in scale)
    return None


def random_constraints(rng: np.random.Generator, *wanted: str) -> dict[str, Any]:
    """Those constraints, or two to four that go together, with the key that they are in."""
    key = str(rng.choice(list(KEYS)))
    choices: dict[str, list[Any]] = {
        "scale": list(SCALES[key]),
        "range": list(RANGES),
        "most_at_once": [1, 2, 3, 4, 6],
        "grid": list(GRIDS),
        "chords": list(KEYS[key]),
        "cadence": list(CADENCES),
    }
    names = wanted or rng.choice(list(choices), int(rng.integers(2, 5)), replace=False).tolist()
    wishes = {"key": key} if {"scale", "chords", "cadence"} & {*names} else {}
    return wishes | {name: choices[name][rng.integers(len(choices[name]))] for name in names}


class Prices:
    """What keeping to constraints cost: nats, by the row in which they were paid."""

    def __init__(self) -> None:
        self.nats = self.num_rows = 0.0

    @property
    def a_note(self) -> float:
        """Nats per note."""
        return self.nats / max(1.0, self.num_rows)


@contextmanager
def measured_prices(prices: Prices) -> Iterator[None]:
    """While it lasts, all that is composed under constraints adds to the prices."""
    plain = Generation._constrained

    def measured(generation: Generation, constraints: Any, head: Any, illegal: Any, logits: np.ndarray) -> Any:
        before = logits.astype(float)
        if illegal is not None:
            before[illegal] = -np.inf
        forbidden = plain(generation, constraints, head, illegal, logits)
        goes_on = ~generation.context.has_ended
        prices.num_rows += goes_on.sum() if head.name == "shift" else 0
        if forbidden is None or forbidden is illegal:
            return forbidden
        chances = np.exp(before - before.max(axis=1, keepdims=True))
        legal = np.where(forbidden, 0, chances).sum(axis=1) / chances.sum(axis=1)
        can_go_on = goes_on & (legal > 0)
        prices.nats -= np.log(legal[can_go_on]).sum()
        return forbidden

    Generation._constrained = measured  # type: ignore[method-assign]
    try:
        yield
    finally:
        Generation._constrained = plain  # type: ignore[method-assign]


def measure(model_name: str, num_pieces: int, num_notes: int, seed: int) -> tuple[list[Figure], Counter[str]]:
    """Composes and counts; the figures, and the violations."""
    model, rng = load(model_name), np.random.default_rng(seed)
    alone: dict[str, Prices] = {name: Prices() for name in Limits.model_fields}
    together, broken = Prices(), Counter[str]()
    num_notes_made = num_made = num_short = 0
    for index in range(-(-num_pieces // PIECES_OF_A_SET)):
        one = list(alone)[index // 2 % len(alone)]  # every other set is of one alone, in turn
        wishes = random_constraints(rng, *([] if index % 2 else [one]))
        wishes |= {"num_notes": num_notes, "num_pieces": PIECES_OF_A_SET, "effort": "quick", "seed": seed + index}
        settings = wished_settings(model, False, **wishes)
        with measured_prices(together if index % 2 else alone[one]):
            made = compose(model, settings)
        for piece in (each.piece for each in made):
            broken += violations(piece, settings)
            num_short += len(piece) < num_notes / 2
            num_notes_made += len(piece)
        num_made += len(made)
    figures = [
        Figure("violations", broken.total(), f"of {num_notes_made:,} notes in {num_made:,} pieces"),
        Figure("pieces shorter than half of the length", num_short, ""),
        *(Figure(f"price of {name} alone", one.a_note, "nats per note") for name, one in alone.items() if one.num_rows),
        Figure("price of several together", together.a_note, "nats per note"),
    ]
    return figures, broken


def main() -> None:
    """Measures and reports."""
    parser = Parser(prog="-m benchmarks.constraints", description="Violations of constraints, and their price.")
    parser.add_argument("--model", default="starter", metavar="NAME", help="a model's name (default: %(default)s)")
    parser.add_argument("--pieces", type=int, default=1000, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument("--notes", type=int, default=100, metavar="N", help="of each (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="random seed (default: %(default)s)")
    arguments = parser.parse_args()
    figures, broken = measure(arguments.model, arguments.pieces, arguments.notes, arguments.seed)
    report("constraints", "Constraints that notes keep to", figures, **vars(arguments))
    if broken.total():
        raise SettingsError(f"Constraints must never be broken. They were: {dict(+broken)}.")


if __name__ == "__main__":
    raise SystemExit(run(main))
