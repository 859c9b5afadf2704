"""A small tone generator: sound for a piece when no synthesiser is installed.

Adds up overtones for pitched instruments, and noise and falling tones for drums, in NumPy. The instruments of a family
sound alike. Knows neither WAV files nor other synthesisers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from melodyforge.music.instruments import INSTRUMENTS
from melodyforge.music.piece import Piece

SAMPLE_RATE_HZ = 44_100
TAIL_SECONDS = 1.0  # of ringing after the last note's end
MAX_TONE_SECONDS = 20  # longer notes die away, which bounds the memory that one note takes
A4_HZ, A4_PITCH = 440.0, 69
MIDDLE_C = 60

TABLE_BITS = 12  # one wave in 4096 samples: reading the nearest one is 70 dB below the tone
PHASE_BITS = 32  # the phase wraps round as an unsigned integer of this many bits does
NUM_AUDIBLE_HALF_LIVES = 10  # after them a tone is 60 dB down
ROOM_ECHOES = ((1_499, 0.14), (2_251, 0.11), (3_571, 0.09), (5_003, 0.07))  # (delay in samples, gain), 34 to 113 ms


@dataclass(frozen=True, slots=True)
class Timbre:
    """How a family of pitched instruments sounds.

    Attributes:
        steady: loudness of the overtones 1, 2, 3, ... for as long as the tone lasts.
        bright: the same for what is heard only at the start, such as a hammer or a bow that bites.
        attack_s: seconds until the tone is there.
        half_life_s: seconds in which the steady part at middle C loses half its height.
        release_s: seconds from the end of the note to silence.
    """

    steady: tuple[float, ...]
    bright: tuple[float, ...] = (0.0,)
    attack_s: float = 0.004
    half_life_s: float = 60.0
    release_s: float = 0.12


@dataclass(frozen=True, slots=True)
class Drum:
    """A drum: a tone that falls in pitch, and noise; both die away.

    Attributes:
        tone_hz: where the tone comes to rest; it starts an octave and a half above. 0 for no tone.
        tone_half_life_s: seconds in which the tone loses half its height.
        noise: loudness of the noise, the tone's being 1.
        noise_half_life_s: seconds in which the noise loses half its height.
        is_metal: whether the noise is thin and bright, as of cymbals.
    """

    tone_hz: float
    tone_half_life_s: float
    noise: float
    noise_half_life_s: float
    is_metal: bool = False


TIMBRES = {  # one for each family
    "piano": Timbre((1, 0.5, 0.25, 0.12, 0.06), (0.3, 0.4, 0.4, 0.3, 0.25, 0.15), half_life_s=0.55, release_s=0.15),
    "chromatic percussion": Timbre((1, 0, 0.1), (0.2, 0.2, 0.2, 0.5, 0, 0.2), half_life_s=0.45, release_s=0.5),
    "organ": Timbre((1, 0.6, 0.35, 0.3, 0, 0.15, 0, 0.12), attack_s=0.012, release_s=0.06),
    "guitar": Timbre((1, 0.45, 0.3, 0.1, 0.08), (0.2, 0.5, 0.4, 0.4, 0.3, 0.2, 0.1), half_life_s=0.4, release_s=0.12),
    "bass": Timbre((1, 0.6, 0.3, 0.1), (0.2, 0.3, 0.3, 0.2, 0.1), half_life_s=0.5, release_s=0.08),
    "strings": Timbre((1, 0.6, 0.4, 0.3, 0.2, 0.12, 0.08), attack_s=0.06, release_s=0.18),
    "ensemble": Timbre((1, 0.5, 0.3, 0.15, 0.08), attack_s=0.09, release_s=0.25),
    "brass": Timbre((1, 0.6, 0.45, 0.3, 0.2, 0.12), (0, 0.1, 0.2, 0.3, 0.2, 0.1), attack_s=0.03, release_s=0.09),
    "reed": Timbre((1, 0.1, 0.6, 0.08, 0.3, 0.05, 0.1), attack_s=0.03, release_s=0.09),
    "pipe": Timbre((1, 0.15, 0.08, 0.02), (0, 0.2, 0.15), attack_s=0.04, release_s=0.1),
    "synth lead": Timbre((1, 0.4, 0.3, 0.2, 0.15, 0.1, 0.08), (0, 0.2, 0.2, 0.2), attack_s=0.008, release_s=0.1),
    "synth pad": Timbre((1, 0.5, 0.2, 0.15, 0.05), attack_s=0.15, release_s=0.4),
    "synth effects": Timbre((1, 0.3, 0, 0.2, 0, 0.1), attack_s=0.05, half_life_s=1.5, release_s=0.4),
    "ethnic": Timbre((1, 0.6, 0.4, 0.25, 0.2, 0.1), (0.2, 0.3, 0.4, 0.4, 0.3, 0.2), half_life_s=0.35),
    "percussive": Timbre((1, 0, 0.25, 0, 0.1), (0.3, 0, 0.4, 0, 0.3), half_life_s=0.2, release_s=0.2),
    "sound effects": Timbre((1, 0.2, 0.1), attack_s=0.05, half_life_s=0.8, release_s=0.2),
}
BRIGHT_SHARE = 0.25  # half-life of the bright part as a share of the steady one's,
MAX_BRIGHT_HALF_LIFE_S = 0.12  # and at most this

KICK = Drum(50, 0.06, 0.15, 0.008)
SNARE = Drum(185, 0.03, 0.9, 0.045)
CLICK = Drum(800, 0.012, 0.35, 0.006)
SHAKER = Drum(0, 0.01, 0.45, 0.02, is_metal=True)
CLOSED_HAT = Drum(0, 0.01, 0.5, 0.016, is_metal=True)
OPEN_HAT = Drum(0, 0.01, 0.5, 0.11, is_metal=True)
CYMBAL = Drum(0, 0.01, 0.6, 0.3, is_metal=True)
TOM_PITCHES = (41, 43, 45, 47, 48, 50)  # from low to high
DRUMS = {
    **dict.fromkeys((35, 36), KICK),
    **dict.fromkeys((37, 38, 39, 40), SNARE),
    **dict.fromkeys((42, 44), CLOSED_HAT),
    46: OPEN_HAT,
    **dict.fromkeys((49, 51, 52, 53, 55, 57, 59), CYMBAL),
    **dict.fromkeys((54, 58, 69, 70, 82), SHAKER),
    **{pitch: Drum(75 * 1.15**index, 0.1, 0.12, 0.02) for index, pitch in enumerate(TOM_PITCHES)},
}
DRUM_BEND = 2.8  # a drum's tone starts this many times above its rest,
DRUM_BEND_HALF_LIFE_S = 0.012  # and falls half-way in this time


def render_tones(piece: Piece) -> np.ndarray:
    """Plays a piece.

    Args:
        piece: may be without notes. Takes memory for all of its length.

    Returns:
        Samples at `SAMPLE_RATE_HZ`, one channel, float32, shape (num_samples,); not yet brought to full height.
    """
    notes = piece.notes
    onsets = piece.played_onsets
    starts = np.rint(piece.seconds_at(onsets) * SAMPLE_RATE_HZ).astype(np.int64)
    ends = np.rint(piece.seconds_at(onsets + notes["duration"]) * SAMPLE_RATE_HZ).astype(np.int64)
    gains = (notes["velocity"] / np.float32(127)) ** 2  # General MIDI level 2: 40 dB x log10(velocity / 127)
    samples = np.zeros(round((piece.seconds + TAIL_SECONDS) * SAMPLE_RATE_HZ), np.float32)
    columns = (starts, ends - starts, notes["track"], notes["pitch"], gains)
    for start, length, track_index, pitch, gain in zip(*(column.tolist() for column in columns), strict=True):
        track = piece.tracks[track_index]
        timbre = TIMBRES[INSTRUMENTS[track.program].family]
        tone = _drum_hit(pitch) if track.is_drum else _tone(timbre, pitch, length)
        heard = samples[start : start + len(tone)]
        heard += np.float32(gain) * tone[: len(heard)]
    for delay, gain in ROOM_ECHOES:
        samples[delay:] += np.float32(gain) * samples[:-delay]
    return samples


def _tone(timbre: Timbre, pitch: int, length: int) -> np.ndarray:
    """One note, held for `length` samples and then released; float32, shape (num_samples,)."""
    hertz = A4_HZ * 2 ** ((pitch - A4_PITCH) / 12)
    half_life_s = timbre.half_life_s * 2 ** ((MIDDLE_C - pitch) / 24)  # high strings die sooner than low ones
    release = round(timbre.release_s * SAMPLE_RATE_HZ)
    num_samples = min(length, _num_audible(half_life_s), MAX_TONE_SECONDS * SAMPLE_RATE_HZ) + release
    phase = np.arange(num_samples, dtype=np.uint32)
    phase *= np.uint32(round(hertz / SAMPLE_RATE_HZ * 2**PHASE_BITS))
    phase >>= np.uint32(PHASE_BITS - TABLE_BITS)
    num_overtones = int(SAMPLE_RATE_HZ / 2 / hertz)  # any higher one would fold back as a wrong pitch
    tone = _wave(timbre.steady[:num_overtones])[phase]
    tone *= _decay(num_samples, half_life_s)
    bright_half_life_s = min(half_life_s * BRIGHT_SHARE, MAX_BRIGHT_HALF_LIFE_S)
    num_bright = min(num_samples, _num_audible(bright_half_life_s))
    bright = _wave(timbre.bright[:num_overtones])[phase[:num_bright]]
    tone[:num_bright] += bright * _decay(num_bright, bright_half_life_s)
    _fade(tone, round(timbre.attack_s * SAMPLE_RATE_HZ), release)
    return tone


@lru_cache(maxsize=256)
def _wave(overtones: tuple[float, ...]) -> np.ndarray:
    """One wave with these overtones, float32, shape (2 ** TABLE_BITS,)."""
    phase = np.arange(2**TABLE_BITS) * (2 * np.pi / 2**TABLE_BITS)
    return sum(
        (loudness * np.sin(number * phase) for number, loudness in enumerate(overtones, start=1)), np.zeros_like(phase)
    ).astype(np.float32)


def _num_audible(half_life_s: float) -> int:
    """Samples after which something that dies away is no longer heard."""
    return round(NUM_AUDIBLE_HALF_LIVES * half_life_s * SAMPLE_RATE_HZ)


def _decay(num_samples: int, half_life_s: float) -> np.ndarray:
    """A curve that starts at 1 and halves every `half_life_s`; float32, shape (num_samples,)."""
    time = np.arange(num_samples, dtype=np.float32)
    return np.exp2(time * np.float32(-1 / (half_life_s * SAMPLE_RATE_HZ)))


def _fade(tone: np.ndarray, attack: int, release: int) -> None:
    """Lets a tone rise in `attack` samples and vanish in its last `release` ones, in place and without a click."""
    attack = min(attack, len(tone))
    tone[:attack] *= np.linspace(0, 1, attack, dtype=np.float32)
    tone[len(tone) - release :] *= np.linspace(1, 0, release, dtype=np.float32) ** 2


@lru_cache(maxsize=128)
def _drum_hit(pitch: int) -> np.ndarray:
    """One hit on a drum, float32, shape (num_samples,)."""
    drum = DRUMS.get(pitch, CLICK)
    num_samples = _num_audible(max(drum.tone_half_life_s, drum.noise_half_life_s))
    time = np.arange(num_samples) / SAMPLE_RATE_HZ
    hertz = drum.tone_hz * (1 + (DRUM_BEND - 1) * np.exp2(-time / DRUM_BEND_HALF_LIFE_S))
    tone = np.sin(2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE_HZ) * np.exp2(-time / drum.tone_half_life_s)
    noise = np.random.default_rng(pitch).uniform(-1, 1, num_samples + 1)
    noise = np.diff(noise) if drum.is_metal else (noise[1:] + noise[:-1]) / 2  # high or low frequencies only
    hit = (tone + drum.noise * noise * np.exp2(-time / drum.noise_half_life_s)).astype(np.float32)
    _fade(hit, 30, len(hit) // 4)
    return hit
