"""Scores made harmless before music21 counts what they say: bars of a thousand million beats, a million repeats.

Knows how MusicXML, ABC and kern write numbers. What means nothing is dropped, as in MIDI; what is too much is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree.ElementTree import Element

from melodyforge.errors import MusicReadError
from melodyforge.music.limits import (
    DROPPED_KEYS,
    DROPPED_METERS,
    DROPPED_REPEATS,
    DROPPED_TEMPOS,
    are_countable_times,
    check_num_bars,
    check_num_notes,
    check_num_tracks,
    is_countable_key,
    is_countable_meter,
    is_countable_tempo,
)

MAX_ABC_DIGITS = 5  # of the length of a note; music21 divides a longer one into as many ties as fit into memory

# Letter, what is kept, what stands for the rest, what is said; music21 wants a meter before the first note.
_ABC_FIELDS = (("M", is_countable_meter, "M:none", DROPPED_METERS), ("Q", is_countable_tempo, "Q:", DROPPED_TEMPOS))
_KERN_MARKS = (
    (r"(?<![^\t\n])\*M(?!M)[^\t\n]*", is_countable_meter, DROPPED_METERS),
    (r"(?<![^\t\n])\*MM[^\t\n]*", is_countable_tempo, DROPPED_TEMPOS),
)


def tame_musicxml(root: Element, repairs: list[str]) -> None:
    """Takes out of a document what music21 could not count.

    Args:
        root: the document; changed.
        repairs: gets a phrase for each kind of thing that was dropped.

    Raises:
        MusicReadError: too many notes, parts or bars.
    """
    parts = root.findall("part")
    check_num_tracks(len(parts))
    check_num_bars(max((len(part.findall("measure")) for part in parts), default=0))
    check_num_notes(sum(1 for _ in root.iter("note")))
    if _drop(root, "attributes", "time", lambda time: is_countable_meter(_meter_text(time))):
        repairs.append(DROPPED_METERS)
    if _drop(root, "attributes", "key", lambda key: is_countable_key(key.findtext("fifths") or "")):
        repairs.append(DROPPED_KEYS)
    metronomes = _drop(
        root, "direction-type", "metronome", lambda one: is_countable_tempo(one.findtext("per-minute") or "")
    )
    sounds = [sound for sound in root.iter("sound") if not is_countable_tempo(sound.get("tempo", ""))]
    for sound in sounds:
        del sound.attrib["tempo"]
    if metronomes or sounds:
        repairs.append(DROPPED_TEMPOS)
    endings = _drop(root, "barline", "ending", lambda ending: are_countable_times(ending.get("number", "")))
    repeats = [repeat for repeat in root.iter("repeat") if not are_countable_times(repeat.get("times", ""))]
    for repeat in repeats:
        del repeat.attrib["times"]
    if endings or repeats:
        repairs.append(DROPPED_REPEATS)


def _drop(root: Element, parent_name: str, name: str, is_kept: Callable[[Element], bool]) -> int:
    """Removes children of this name from parents of that name; returns how many."""
    doomed = [
        (parent, child) for parent in root.iter(parent_name) for child in parent.findall(name) if not is_kept(child)
    ]
    for parent, child in doomed:
        parent.remove(child)
    return len(doomed)


def _meter_text(time: Element) -> str:
    """All beats and units of a time signature, such as "3+2/8/4"."""
    beats, units = ([child.text or "" for child in time.iter(name)] for name in ("beats", "beat-type"))
    return "+".join(beats) + "".join(f"/{unit}" for unit in units)


def tame_abc(tune: str, repairs: list[str]) -> str:
    """A tune without what music21 could not count; see `tame_musicxml`."""
    check_num_tracks(len(set(re.findall(r"^V:\s*(\S+)", tune, re.MULTILINE))))
    for letter, is_kept, nothing, dropped in _ABC_FIELDS:
        for pattern, substitute in ((rf"^{letter}:.*$", nothing), (rf"\[{letter}:[^\]\n]*\]", "")):
            tune = _keep(pattern, tune, is_kept, substitute=substitute, repairs=repairs, phrase=dropped)
    music = re.sub(r'^(?![KLV]:)[A-Za-z]:.*$|%.*$|"[^"\n]*"', "", tune, flags=re.MULTILINE)
    too_long = re.search(rf"\d{{{MAX_ABC_DIGITS + 1}}}", music)
    if too_long:
        raise MusicReadError(
            f"Expected numbers of at most {MAX_ABC_DIGITS} digits. Received {too_long[0]}... Remove the file."
        )
    return _without_slurs(tune)


def _without_slurs(tune: str) -> str:
    """A tune without slurs, which make no sound: music21 takes the square of the number of notes below one."""
    kept = r'"[^"\n]*"|^[A-Za-z]:.*$|\[[A-Za-z]:[^\]\n]*\]'
    return re.sub(rf"({kept})|\((?!\d)|\)", lambda match: match[1] or "", tune, flags=re.MULTILINE)


def tame_kern(text: str, repairs: list[str]) -> str:
    """Kern without what music21 could not count; see `tame_musicxml`."""
    check_num_tracks(max((line.count("**kern") for line in text.splitlines()), default=0))
    check_num_bars(len(re.findall(r"^=", text, re.MULTILINE)))
    for pattern, is_kept, dropped in _KERN_MARKS:
        text = _keep(pattern, text, is_kept, substitute="*", repairs=repairs, phrase=dropped)
    return text


def _keep(
    pattern: str, text: str, is_kept: Callable[[str], bool], *, substitute: str, repairs: list[str], phrase: str
) -> str:
    """The text with a substitute for those matches of a pattern that are not kept."""

    def kept(match: re.Match[str]) -> str:
        if is_kept(match[0]):
            return match[0]
        if phrase not in repairs:
            repairs.append(phrase)
        return substitute

    return re.sub(pattern, kept, text, flags=re.MULTILINE)
