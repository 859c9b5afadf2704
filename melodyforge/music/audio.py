"""Sound: a piece as a WAV file.

Plays it through FluidSynth and a SoundFont where both are installed, and through our own tone generator where they
are not, so that there is always something to hear. Knows where SoundFonts usually lie. Plays nothing aloud: for sound
while a piece is still being composed, FluidSynth is better driven note by note with pyfluidsynth.
"""

from __future__ import annotations

import importlib.util
import io
import os
import shutil
import subprocess
import tempfile
import wave
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from melodyforge.errors import OutputError
from melodyforge.music.midi import write_midi
from melodyforge.music.piece import Piece
from melodyforge.music.tones import SAMPLE_RATE_HZ, render_tones

MAX_SECONDS = 30 * 60.0  # of sound in one WAV; 320 MB in stereo
PEAK = 0.89  # share of full height that the loudest sample gets: 1 dB of room
FULL_HEIGHT = 2**15 - 1  # of 16-bit samples
BLOCK_SAMPLES = 2**15  # scaled at a time
WAV_HEADER_BYTES = 44
FORMS = {"ogg": "oga"}  # FluidSynth's name for a form, where it is not the file's ending
FLUIDSYNTH, TONES, SILENCE = "FluidSynth", "built-in tones", "silence"  # what plays
SILENT_PEAK = 1  # FluidSynth's dither: what it writes when nothing sounds

SOUNDFONT_VARIABLE = "SOUNDFONT"
# Best first. General MIDI sets of all 128 instruments and drums only.
SOUNDFONTS = (
    "~/.fluidsynth/default_sound_font.sf2",
    "/usr/share/sounds/sf2/FluidR3_GM.sf2",  # Debian, Ubuntu: fluid-soundfont-gm
    "/usr/share/sounds/sf2/default-GM.sf2",
    "/usr/share/sounds/sf3/default-GM.sf3",
    "/usr/share/sounds/sf2/TimGM6mb.sf2",
    "/usr/share/soundfonts/FluidR3_GM.sf2",  # Fedora, Arch
    "/usr/share/soundfonts/default.sf2",
    "/opt/homebrew/share/soundfonts/default.sf2",  # macOS with Homebrew: Apple's and Intel's processors
    "/usr/local/share/soundfonts/default.sf2",
    "~/Library/Audio/Sounds/Banks/FluidR3_GM.sf2",
    "C:/soundfonts/default.sf2",  # where FluidSynth itself looks on Windows
    "C:/ProgramData/soundfonts/default.sf2",
)
HOW_TO_INSTALL = (
    "For real instruments install FluidSynth: `sudo apt install fluidsynth` (Debian, Ubuntu), "
    "`brew install fluid-synth` (macOS), `choco install fluidsynth` (Windows)."
)


@dataclass(frozen=True)
class Sound:
    """A piece that can be heard.

    Attributes:
        wav: a WAV file, 44.1 kHz, 16 bit.
        engine: what played it.
        notices: what the user should be told, a sentence or two each.
        gain: by which what it played was brought to full height.
    """

    wav: bytes
    engine: str
    notices: list[str]
    gain: float = 1.0


class _NoSoundError(Exception):
    """FluidSynth cannot be used; the message says why, as a sentence without its full stop."""


def render_wav(piece: Piece) -> Sound:
    """Plays a piece into a WAV file, as loud as 16 bits allow.

    Args:
        piece: may be without notes. What comes after `MAX_SECONDS` is left out.

    Returns:
        The WAV, with a notice whenever the piece was cut, a SoundFont was not there, or real instruments were not.
    """
    notices: list[str] = []
    piece = _shorten(piece, notices)
    if not len(piece):
        return _as_loud_as_can_be(render_tones(piece), SILENCE, ["There are no notes to hear."])
    try:
        return _as_loud_as_can_be(_play_with_fluidsynth(piece, notices), FLUIDSYNTH, notices)
    except _NoSoundError as reason:
        notices.append(f"{reason}, so simple tones stand in. {HOW_TO_INSTALL}")
    return _as_loud_as_can_be(render_tones(piece), TONES, notices)


def render_part(part: Piece, engine: str, gain: float) -> bytes:
    """Plays a part of a piece as loud as it is in the whole, so that all parts add up to that.

    Args:
        part: some tracks of the piece, at their times.
        engine: what played the whole.
        gain: by which the whole was brought to full height.

    Returns:
        A WAV file.

    Raises:
        OutputError: what played the whole cannot be used any more.
    """
    part = _shorten(part, [])
    if engine != FLUIDSYNTH or not len(part):
        return _encode_wav(render_tones(part), gain)
    try:
        samples = _read_wav(_run_fluidsynth(part, "wav", []))
    except _NoSoundError as reason:
        raise OutputError(f"{reason}, so this part cannot be heard alone.") from None
    if samples is None:
        raise OutputError("FluidSynth made no sound of this part.")
    return _encode_wav(samples, gain)


def render_ogg(piece: Piece) -> bytes:
    """Plays a piece into an Ogg Vorbis file, a tenth as large as a WAV.

    Raises:
        OutputError: there is no FluidSynth here that writes such files.
    """
    try:
        data = _run_fluidsynth(_shorten(piece, []), "ogg", [])
    except _NoSoundError as reason:
        raise OutputError(f"{reason}, which OGG files need. Take the WAV, or: {HOW_TO_INSTALL}") from None
    if not data.startswith(b"OggS"):
        raise OutputError("FluidSynth was built here without OGG files. Take the WAV.")
    return data


def render_small(piece: Piece) -> tuple[bytes, str]:
    """Plays a piece into a file small enough to stand inside a page, such as a notebook.

    Returns:
        The file, Ogg Vorbis where FluidSynth writes it, else a WAV of less detail; and its media type.
    """
    try:
        return render_ogg(piece), "audio/ogg"
    except OutputError:
        return shrink_wav(render_wav(piece).wav), "audio/wav"


def shrink_wav(wav: bytes, max_seconds: float = MAX_SECONDS) -> bytes:
    """The first seconds, one channel, half the sample rate: a half to a quarter of the size."""
    with wave.open(io.BytesIO(wav)) as source:
        rate, channels = source.getframerate(), source.getnchannels()
        samples = np.frombuffer(source.readframes(int(rate * max_seconds)), np.int16)
    mono = samples.reshape(-1, channels).mean(axis=1)
    halved = mono[: len(mono) // 2 * 2].reshape(-1, 2).mean(axis=1)
    fade = np.minimum(1, np.arange(len(halved))[::-1] / (rate / 2))  # one second
    stream = io.BytesIO()
    with wave.open(stream, "wb") as target:
        target.setparams((1, 2, rate // 2, 0, "NONE", ""))
        target.writeframes((halved * fade).astype(np.int16).tobytes())
    return stream.getvalue()


def find_soundfont(notices: list[str]) -> Path | None:
    """The SoundFont that the user chose in the environment variable SOUNDFONT, or the best one installed.

    Args:
        notices: gets a sentence when the user's choice is not there.
    """
    chosen = os.environ.get(SOUNDFONT_VARIABLE)
    if chosen and _is_soundfont(_expand(chosen)):
        return _expand(chosen)
    found = next(filter(_is_soundfont, _installed_soundfonts()), None)
    if chosen:
        instead = f"{found.name} is used instead" if found else "Correct or unset it"
        notices.append(f"{SOUNDFONT_VARIABLE} must name a SoundFont file (.sf2). Received {chosen!r}. {instead}.")
    return found


def _installed_soundfonts() -> Iterator[Path]:
    """Where a SoundFont may be, best first."""
    for name in SOUNDFONTS:
        yield _expand(name)
    package = importlib.util.find_spec("pretty_midi")  # carries a small one; found without the time to import it
    for folder in (package.submodule_search_locations or []) if package else []:
        yield from sorted(Path(folder).glob("*.sf2"))


def _is_soundfont(path: Path) -> bool:
    """Whether a file begins as one (SoundFont 2.04, section 4.1); given any other, FluidSynth takes one of its own."""
    try:
        with path.open("rb") as file:
            start = file.read(12)
    except OSError:
        return False
    return start[:4] == b"RIFF" and start[8:] == b"sfbk"


def _expand(name: str) -> Path:
    return Path(os.path.expanduser(name))  # noqa: PTH111 - Path.expanduser raises for users without a home


def _shorten(piece: Piece, notices: list[str]) -> Piece:
    """The piece without what comes after `MAX_SECONDS`."""
    if piece.seconds <= MAX_SECONDS:
        return piece
    notices.append(f"Only the first {MAX_SECONDS / 60:.0f} of {piece.seconds / 60:.0f} minutes can be heard.")
    last_step = bisect_right(range(piece.end), MAX_SECONDS, key=lambda step: piece.seconds_at(np.array([step]))[0]) - 1
    notes = piece.notes[piece.notes["onset"] < last_step].copy()
    notes["duration"] = np.minimum(notes["duration"], last_step - notes["onset"])
    return piece.with_notes(notes)


def _play_with_fluidsynth(piece: Piece, notices: list[str]) -> np.ndarray:
    """The piece as FluidSynth plays it: int16, shape (num_samples, num_channels).

    Raises:
        _NoSoundError: it cannot, or what it gave is no sound.
    """
    samples = _read_wav(_run_fluidsynth(piece, "wav", notices))
    if samples is None or not _is_audible(samples):
        raise _NoSoundError("FluidSynth made no sound with its SoundFont")
    return samples


def _run_fluidsynth(piece: Piece, suffix: str, notices: list[str]) -> bytes:
    """The sound file that FluidSynth makes of a piece; empty when it makes none.

    Raises:
        _NoSoundError: it cannot be run.
    """
    soundfont = find_soundfont(notices)
    if not shutil.which("fluidsynth"):
        raise _NoSoundError("FluidSynth is not installed")
    if not soundfont:
        raise _NoSoundError(f"No SoundFont was found (set {SOUNDFONT_VARIABLE} to a .sf2 file)")
    try:
        from melodyforge.music.fluidsynth import FluidSynth
    except ImportError:
        raise _NoSoundError("The package midi2audio is not installed") from None
    max_seconds = 60 + piece.seconds / 4  # FluidSynth plays about 50 times faster than a listener hears
    with tempfile.TemporaryDirectory(prefix="melodyforge-", ignore_cleanup_errors=True) as folder:
        midi_file, sound_file = Path(folder, "piece.mid"), Path(folder, f"piece.{suffix}")
        midi_file.write_bytes(write_midi(piece))
        synth = FluidSynth(str(soundfont.absolute()), SAMPLE_RATE_HZ, FORMS.get(suffix, ""))
        try:
            synth.midi_to_audio(str(midi_file), str(sound_file), max_seconds)
        except subprocess.TimeoutExpired:
            raise _NoSoundError(f"FluidSynth took longer than {max_seconds:.0f} seconds") from None
        except OSError as error:
            raise _NoSoundError(f"FluidSynth cannot be started ({error})") from None
        return sound_file.read_bytes() if sound_file.is_file() else b""


def _read_wav(data: bytes) -> np.ndarray | None:
    """The samples of a 16-bit WAV, shape (num_samples, num_channels), or None when it is none.

    A FluidSynth without libsndfile writes bare samples under the name of a WAV, which is none.
    """
    try:
        with wave.open(io.BytesIO(data)) as file:
            if file.getsampwidth() != 2:
                return None
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
            return samples.reshape(-1, file.getnchannels())
    except (EOFError, wave.Error):
        return None


def _is_audible(samples: np.ndarray) -> bool:
    return samples.size > 0 and int(samples.max()) > SILENT_PEAK


def _as_loud_as_can_be(samples: np.ndarray, engine: str, notices: list[str]) -> Sound:
    """A sound whose loudest sample is at `PEAK`."""
    loudest = max(float(samples.max()), -float(samples.min()))
    gain = PEAK * FULL_HEIGHT / loudest if loudest else 0.0
    return Sound(_encode_wav(samples, gain), engine, notices, gain)


def _encode_wav(samples: np.ndarray, gain: float) -> bytes:
    """A WAV of 16 bits.

    Args:
        samples: any height, integers or floats, shape (num_samples,) or (num_samples, num_channels).
        gain: they are multiplied by this; what is too high then is cut.
    """
    buffer = io.BytesIO(bytes(WAV_HEADER_BYTES + 2 * samples.size))  # grown bit by bit it would leave holes in memory
    with wave.open(buffer, "wb") as file:
        file.setparams((1 if samples.ndim == 1 else samples.shape[1], 2, SAMPLE_RATE_HZ, 0, "NONE", ""))
        for start in range(0, len(samples), BLOCK_SAMPLES):
            block = samples[start : start + BLOCK_SAMPLES] * gain
            file.writeframesraw(np.clip(block, -FULL_HEIGHT, FULL_HEIGHT).astype("<i2").data)
    return buffer.getvalue()
