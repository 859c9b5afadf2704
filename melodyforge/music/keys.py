"""Keys: which one a piece is in, and how its pitches are spelt.

Works on the line of fifths, ... B♭ F C G D A ..., where C is 0, G is 1 and F is -1, and
neighbours share all but one note of their scales. Does not follow modulations.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

import numpy as np

from melodyforge.errors import SettingsError
from melodyforge.music.piece import Piece

NUM_PITCH_CLASSES = 12
LETTERS = "FCGDAEB"  # along the line of fifths, F at -1

# How well each pitch class fits a key on C: Temperley, "Music and Probability" (2007), from the Kostka-Payne corpus.
# Finds the key signature of 91 % of 128 chorales and quartet movements and 120 fiddle tunes, and misses the others by
# one sharp or flat; the profiles of Krumhansl and Kessler find 80 %.
MAJOR_PROFILE = (0.748, 0.060, 0.488, 0.082, 0.670, 0.460, 0.096, 0.715, 0.104, 0.366, 0.057, 0.400)
MINOR_PROFILE = (0.712, 0.084, 0.474, 0.618, 0.049, 0.460, 0.105, 0.747, 0.404, 0.067, 0.133, 0.330)


def _profiles(minor_tonic: int) -> np.ndarray:
    """Centred profiles of length 1 in all 12 transpositions, major then minor, shape (12, 24).

    Args:
        minor_tonic: of the first minor profile.
    """
    minor = np.roll(MINOR_PROFILE, minor_tonic)
    columns = [np.roll(profile, tonic) for profile in (MAJOR_PROFILE, minor) for tonic in range(NUM_PITCH_CLASSES)]
    centred = [column - column.mean() for column in columns]
    return np.stack([column / np.linalg.norm(column) for column in centred], axis=1)


_KEY_PROFILES = _profiles(minor_tonic=0)
# Minor keys stand under their relative majors, which have the same scale. In whole numbers, so that sums do not depend
# on their order.
SCALE_PROFILES = np.round(1000 * _profiles(minor_tonic=9)).astype(np.int64)

_KEY_PATTERN = re.compile(r"((?P<letter>[A-Ga-g])(?P<sign>[#♯b♭]?)(?P<m>m?))?\s*(?P<mode>(?i:major|minor))?")

# Spellings used in a key, as distances from its major tonic along the line of fifths: from the flat third
# (E♭ in C major) to the sharp fifth (G♯, the leading note of A minor).
SPELLING_RANGE = (-3, 8)


@dataclass(frozen=True, slots=True)
class Key:
    """A key.

    Attributes:
        tonic: pitch class, 0 = C.
        is_minor: minor rather than major.
    """

    tonic: int
    is_minor: bool = False

    @classmethod
    def named(cls, text: str) -> Self | None:
        """The key that a name stands for; None for "".

        Raises:
            SettingsError: it is no key, or lacks the tonic.
        """
        if not text:
            return None
        tonic, is_minor = key_named(text)
        if tonic is None:
            raise SettingsError(f"Expected a key with its tonic, such as D minor. Received {text!r}.")
        return cls(tonic, bool(is_minor))

    @property
    def fifths(self) -> int:
        """Sharps of the key signature, -5 to 6; flats count negative."""
        major_tonic = self.tonic + 3 if self.is_minor else self.tonic
        return (major_tonic * 7 + 5) % NUM_PITCH_CLASSES - 5

    @property
    def name(self) -> str:
        """Such as "F# minor", as people type it."""
        return self._named("#", "b")

    @property
    def title(self) -> str:
        """Such as "F♯ minor", as it is printed."""
        return self._named("♯", "♭")

    def _named(self, sharp: str, flat: str) -> str:
        letter, alter = spell(self.tonic, self.fifths)
        return f"{letter}{sharp * alter}{flat * -alter} {'minor' if self.is_minor else 'major'}"


def key_named(text: str) -> tuple[int | None, bool | None]:
    """Reads a key as people write it: "D minor", "F#", "Bb major", "Dm", "minor".

    Returns:
        The tonic's pitch class, None when only a mode is named; and whether it is minor.

    Raises:
        SettingsError: it is none.
    """
    found = _KEY_PATTERN.fullmatch(text.strip())
    if not found or not text.strip():
        raise SettingsError(f'--key must be a key such as "D minor", "Bb" or "minor". Received {text!r}.')
    letter, sign, minor, mode = found["letter"], found["sign"], found["m"], (found["mode"] or "").lower()
    is_minor = bool(minor) or mode == "minor"
    if not letter:
        return None, is_minor
    sharps = {"#": 1, "♯": 1, "b": -1, "♭": -1}.get(sign, 0)
    return ((LETTERS.index(letter.upper()) - 1) * 7 + sharps) % NUM_PITCH_CLASSES, is_minor


def estimate_key(piece: Piece) -> Key:
    """The key that fits the piece as a whole best, drums left out; C major without notes."""
    fits = key_fits(piece)
    best = int(fits.argmax())
    return Key(best % NUM_PITCH_CLASSES, best >= NUM_PITCH_CLASSES)


def key_fits(piece: Piece) -> np.ndarray:
    """How well each key fits the piece, drums left out: 12 major keys from C on, then 12 minor ones.

    Correlates how long each pitch class sounds with the profile of each key (Krumhansl, "Cognitive Foundations of
    Musical Pitch", 1990, chapter 4, with Schmuckler).

    Returns:
        Correlations from -1 to 1, shape (24,); zeros without notes.
    """
    notes = piece.pitched_notes
    return fits_of(np.bincount(notes["pitch"] % NUM_PITCH_CLASSES, notes["duration"], NUM_PITCH_CLASSES))


def fits_of(sounding: np.ndarray) -> np.ndarray:
    """How well each key fits what sounds, as in `key_fits`.

    Args:
        sounding: how long each pitch class does, shape (..., 12).

    Returns:
        Correlations, shape (..., 24); zeros where nothing sounds, or everything equally long.
    """
    centred = sounding - sounding.mean(axis=-1, keepdims=True)
    spread = np.sqrt((centred * centred).sum(axis=-1, keepdims=True))
    return centred @ _KEY_PROFILES / np.where(spread > 0, spread, 1)


def majorness(fits: np.ndarray) -> np.ndarray:
    """How much better the best major key fits than the best minor one; shapes (..., 24) -> (...)."""
    return fits[..., :NUM_PITCH_CLASSES].max(axis=-1) - fits[..., NUM_PITCH_CLASSES:].max(axis=-1)


def spell(pitch: int, fifths: int) -> tuple[str, int]:
    """How a pitch is written in a key.

    Args:
        pitch: pitch or pitch class.
        fifths: the key signature.

    Returns:
        The letter, and the sharps to raise it by; flats count negative.
    """
    lowest = fifths + SPELLING_RANGE[0]
    position = lowest + (pitch * 7 - lowest) % NUM_PITCH_CLASSES
    return LETTERS[(position + 1) % 7], (position + 1) // 7


TONIC_NAMES = tuple(Key(tonic).name.split()[0] for tonic in range(NUM_PITCH_CLASSES))
