"""The 128 General MIDI programs: their names, their 16 families, and how people call them.

All that goes by the instrument, such as how it sounds or is written down, follows from this table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from melodyforge.errors import SettingsError

DRUMS = "drums"
NO = "no"

# General MIDI level 1: the families in order, eight programs in each.
_NAMES_BY_FAMILY = {
    "piano": "acoustic grand piano, bright acoustic piano, electric grand piano, honky-tonk piano, electric piano 1, "
        "electric piano 2, harpsichord, clavinet",
    "chromatic percussion": "celesta, glockenspiel, music box, vibraphone, marimba, xylophone, tubular bells, "
        "dulcimer",
    "organ": "drawbar organ, percussive organ, rock organ, church organ, reed organ, accordion, harmonica, "
        "bandoneon",
    "guitar": "acoustic guitar (nylon), acoustic guitar (steel), electric guitar (jazz), electric guitar (clean), "
        "electric guitar (muted), overdriven guitar, distortion guitar, guitar harmonics",
    "bass": "acoustic bass, electric bass (finger), electric bass (pick), fretless bass, slap bass 1, slap bass 2, "
        "synth bass 1, synth bass 2",
    "strings": "violin, viola, cello, contrabass, tremolo strings, pizzicato strings, orchestral harp, timpani",
    "ensemble": "string ensemble 1, string ensemble 2, synth strings 1, synth strings 2, choir aahs, voice oohs, "
        "synth voice, orchestra hit",
    "brass": "trumpet, trombone, tuba, muted trumpet, french horn, brass section, synth brass 1, synth brass 2",
    "reed": "soprano sax, alto sax, tenor sax, baritone sax, oboe, english horn, bassoon, clarinet",
    "pipe": "piccolo, flute, recorder, pan flute, blown bottle, shakuhachi, whistle, ocarina",
    "synth lead": "square lead, sawtooth lead, calliope lead, chiff lead, charang lead, voice lead, fifths lead, "
        "bass + lead",
    "synth pad": "new age pad, warm pad, polysynth pad, choir pad, bowed pad, metallic pad, halo pad, sweep pad",
    "synth effects": "rain effect, soundtrack effect, crystal effect, atmosphere effect, brightness effect, "
        "goblins effect, echoes effect, sci-fi effect",
    "ethnic": "sitar, banjo, shamisen, koto, kalimba, bagpipe, fiddle, shanai",
    "percussive": "tinkle bell, agogo, steel drums, woodblock, taiko drum, melodic tom, synth drum, reverse cymbal",
    "sound effects": "guitar fret noise, breath noise, seashore, bird tweet, telephone ring, helicopter, applause, "
        "gunshot",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Instrument:
    """What a program plays, such as the name "violin" of the family "strings"."""

    name: str
    family: str


FAMILIES = tuple(_NAMES_BY_FAMILY)
INSTRUMENTS = tuple(  # by program
    Instrument(name, family) for family, names in _NAMES_BY_FAMILY.items() for name in names.split(", ")
)


def instrument_name(program: int, is_drum: bool = False) -> str:
    """Such as "violin"."""
    return DRUMS if is_drum else INSTRUMENTS[program].name


def refused(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Names of instruments that are wanted, and those behind a "no ", such as "drums" of "no drums"."""
    parted: tuple[list[str], list[str]] = ([], [])
    for name in names:
        first, _, rest = name.strip().partition(" ")
        is_refused = first.lower() == NO and bool(rest)
        parted[is_refused].append(rest if is_refused else name)
    return parted


def is_plain_name(name: str, program: int, is_drum: bool = False) -> bool:
    """Whether a track's name says no more than its instrument, such as "Violin (2)", or nothing."""
    plain = re.sub(r" \(\d+\)$", "", " ".join(name.split())).lower()
    return plain in ("", instrument_name(program, is_drum))


def instruments_named(name: str, flag: str = "--instruments") -> list[tuple[int, bool]]:
    """The instruments that a name, a family or a part of a name stands for, as (program, is_drum).

    Args:
        name: as people write it.
        flag: what the user gave it with, for messages.

    Raises:
        SettingsError: no instrument is called so.
    """
    wanted = name.strip().lower()
    if wanted == DRUMS:
        return [(0, True)]
    names = [one.name for one in INSTRUMENTS]
    if wanted in names:
        return [(names.index(wanted), False)]
    if wanted in FAMILIES:
        return [(program, False) for program, one in enumerate(INSTRUMENTS) if one.family == wanted]
    found = [(program, False) for program, name in enumerate(names) if wanted and wanted in name]
    if not found:
        raise SettingsError(
            f"{flag} must be General MIDI names such as violin, families ({', '.join(FAMILIES)}), or drums. "
            f"Received {name!r}."
        )
    return found
