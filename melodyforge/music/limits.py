"""How much music a piece may hold, and which numbers in it mean anything: the same for MIDI and for scores.

Beyond these bounds lie typing errors, tricks, and files made to choke their readers. Does not read files.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from melodyforge.errors import MusicReadError

MAX_NOTES = 200_000  # Mahler's longest symphony has about 100,000
MAX_QUARTERS = 40_000  # 5.5 hours at 120 quarters per minute
MAX_BARS = 20_000
MAX_TRACKS = 256  # what NOTE_DTYPE can number
MAX_TIMES = 32  # that a passage is repeated
MAX_REPEATS = 50  # in one piece: music21 takes seconds to play so many, and more than the square of it
TEMPO_RANGE_QPM = (5.0, 1000.0)  # inclusive; slower and faster are typing errors or time-stretch tricks
MAX_METER_NUMERATOR = 64
MAX_SIGNS = 14  # sharps or flats in a key signature, all of them double
MAX_METER_DENOMINATOR = 32  # finer beats would fall between the steps of the grid

DROPPED_TEMPOS = "impossible tempos were dropped"
DROPPED_METERS = "impossible time signatures were dropped"
DROPPED_KEYS = "impossible key signatures were dropped"
DROPPED_NOTES = "notes lower or higher than MIDI knows were dropped"
DROPPED_REPEATS = "impossible repeats were dropped"

_MAX_DIGITS = 3  # of a number in a time signature
_MAX_NUMBERS = 32  # in one time signature or ending
_COUNTABLE_DENOMINATORS = {1, 2, 4, 8, 16, 32, 64, 128}  # music21 knows no others
_COUNTABLE_TEMPOS = (1.0, 4000.0)  # beats per minute, of any length


def check_num_notes(num_notes: int) -> None:
    """Raises `MusicReadError` for too many notes."""
    if num_notes > MAX_NOTES:
        raise MusicReadError(f"Expected at most {MAX_NOTES:,} notes. Received {num_notes:,}. Remove the file.")


def check_num_tracks(num_tracks: int) -> None:
    """Raises `MusicReadError` for too many tracks, parts or voices."""
    if num_tracks > MAX_TRACKS:
        raise MusicReadError(f"Expected at most {MAX_TRACKS} tracks. Received {num_tracks:,}. Remove the file.")


def check_num_bars(num_bars: int) -> None:
    """Raises `MusicReadError` for too many bars."""
    if num_bars > MAX_BARS:
        raise MusicReadError(f"Expected at most {MAX_BARS:,} bars. Received {num_bars:,}. Remove the file.")


def check_quarters(first: float | Fraction, last: float | Fraction) -> None:
    """Raises `MusicReadError` unless all times, in quarter notes, lie within a piece; not a number lies nowhere."""
    if not 0 <= first <= last <= MAX_QUARTERS:
        raise MusicReadError(
            f"Expected times up to {MAX_QUARTERS:,} quarter notes. Received later or negative ones. "
            "Delete the stray events or remove the file."
        )


def is_meter(numerator: Any, denominator: Any) -> Any:
    """Whether bars and beats of time signatures, one or an array of them, fall on the grid."""
    is_countable = (numerator >= 1) & (numerator <= MAX_METER_NUMERATOR)
    return is_countable & (denominator >= 1) & (denominator <= MAX_METER_DENOMINATOR)


def is_tempo(qpm: Any) -> Any:
    """Whether music can be played at so many quarter notes a minute; one number or an array."""
    return (qpm >= TEMPO_RANGE_QPM[0]) & (qpm <= TEMPO_RANGE_QPM[1])


def is_countable_meter(text: str) -> bool:
    """Whether a time signature such as "3+2/8" is one, so that music21 can divide it; one without numbers is."""
    text = _without_separators(text)
    numbers = re.findall(r"-?\d+", text)
    if len(numbers) > _MAX_NUMBERS or any(number[0] == "-" or len(number) > _MAX_DIGITS for number in numbers):
        return False
    denominators = [int(number) for number in re.findall(r"/\s*(\d+)", text)]
    beats = sum(map(int, numbers)) - sum(denominators)
    return not numbers or (1 <= beats <= MAX_METER_NUMERATOR and _COUNTABLE_DENOMINATORS.issuperset(denominators))


def is_countable_tempo(text: str) -> bool:
    """Whether the last number of a tempo mark such as "1/4=120" is a tempo; one without numbers is."""
    numbers = re.findall(r"-?\d[\d.e+-]*", _without_separators(text))
    try:
        return not numbers or _COUNTABLE_TEMPOS[0] <= float(numbers[-1]) <= _COUNTABLE_TEMPOS[1]
    except ValueError:
        return False


def _without_separators(text: str) -> str:
    """Python reads "1_000" as a thousand."""
    return text.replace("_", "")


def is_countable_key(text: str) -> bool:
    """Whether the number of sharps, or of flats if negative, is one that music21 can count; no number is."""
    number = _without_separators(text.strip())
    return not re.fullmatch(r"[-+]?\d+", number) or (len(number) <= _MAX_DIGITS and abs(int(number)) <= MAX_SIGNS)


def are_countable_times(text: str) -> bool:
    """Whether the numbers of an ending, such as "1, 2" or "1-3", or of a repeat are few and small."""
    numbers = re.findall(r"\d+", _without_separators(text))
    is_short = len(numbers) <= _MAX_NUMBERS and all(len(number) <= _MAX_DIGITS for number in numbers)
    return is_short and all(int(number) <= MAX_TIMES for number in numbers)
