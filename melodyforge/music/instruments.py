"""The names of the 128 General MIDI programs and of their 16 families, and how people call them."""

from __future__ import annotations

from melodyforge.errors import SettingsError

DRUMS = "drums"
FAMILY_SIZE = 8
FAMILIES = (
    ("piano", "acoustic grand piano, bright acoustic piano, electric grand piano, honky-tonk piano, electric piano 1, "
     "electric piano 2, harpsichord, clavinet"),
    ("chromatic percussion", "celesta, glockenspiel, music box, vibraphone, marimba, xylophone, tubular bells, "
     "dulcimer"),
    ("organ", "drawbar organ, percussive organ, rock organ, church organ, reed organ, accordion, harmonica, "
     "bandoneon"),
    ("guitar", "acoustic guitar (nylon), acoustic guitar (steel), electric guitar (jazz), electric guitar (clean), "
     "electric guitar (muted), overdriven guitar, distortion guitar, guitar harmonics"),
    ("bass", "acoustic bass, electric bass (finger), electric bass (pick), fretless bass, slap bass 1, slap bass 2, "
     "synth bass 1, synth bass 2"),
    ("strings", "violin, viola, cello, contrabass, tremolo strings, pizzicato strings, orchestral harp, timpani"),
    ("ensemble", "string ensemble 1, string ensemble 2, synth strings 1, synth strings 2, choir aahs, voice oohs, "
     "synth voice, orchestra hit"),
    ("brass", "trumpet, trombone, tuba, muted trumpet, french horn, brass section, synth brass 1, synth brass 2"),
    ("reed", "soprano sax, alto sax, tenor sax, baritone sax, oboe, english horn, bassoon, clarinet"),
    ("pipe", "piccolo, flute, recorder, pan flute, blown bottle, shakuhachi, whistle, ocarina"),
    ("synth lead", "square lead, sawtooth lead, calliope lead, chiff lead, charang lead, voice lead, fifths lead, "
     "bass + lead"),
    ("synth pad", "new age pad, warm pad, polysynth pad, choir pad, bowed pad, metallic pad, halo pad, sweep pad"),
    ("synth effects", "rain effect, soundtrack effect, crystal effect, atmosphere effect, brightness effect, "
     "goblins effect, echoes effect, sci-fi effect"),
    ("ethnic", "sitar, banjo, shamisen, koto, kalimba, bagpipe, fiddle, shanai"),
    ("percussive", "tinkle bell, agogo, steel drums, woodblock, taiko drum, melodic tom, synth drum, reverse cymbal"),
    ("sound effects", "guitar fret noise, breath noise, seashore, bird tweet, telephone ring, helicopter, applause, "
     "gunshot"),
)  # fmt: skip
NAMES = tuple(name.strip() for _, names in FAMILIES for name in names.split(","))


def instrument_name(program: int, is_drum: bool = False) -> str:
    """Such as "violin"."""
    return DRUMS if is_drum else NAMES[program]


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
    if wanted in NAMES:
        return [(NAMES.index(wanted), False)]
    for family, (title, _) in enumerate(FAMILIES):
        if wanted == title:
            return [(program, False) for program in range(family * FAMILY_SIZE, (family + 1) * FAMILY_SIZE)]
    found = [(program, False) for program, known in enumerate(NAMES) if wanted and wanted in known]
    if not found:
        families = ", ".join(title for title, _ in FAMILIES)
        raise SettingsError(
            f"{flag} must be General MIDI names such as violin, families ({families}), or drums. Received {name!r}."
        )
    return found
