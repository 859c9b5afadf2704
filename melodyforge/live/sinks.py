"""Where sound goes: the loudspeaker or a WAV file, both by FluidSynth, or a MIDI port.

Knows neither clocks nor music.
"""

from __future__ import annotations

import contextlib
import os
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from melodyforge.errors import OutputError
from melodyforge.files import require_writable
from melodyforge.music.audio import HOW_TO_INSTALL, find_soundfont
from melodyforge.music.tones import SAMPLE_RATE_HZ
from melodyforge.words import how_to_install

GAIN = 1.2  # leaves room for many notes at once
DRUM_CHANNEL, DRUM_BANK = 9, 128
MOST_BYTES = 2**32 - 2**16  # of a WAV file: what its header can say
BYTES_A_SAMPLE = 4  # two channels of 16 bits
ALL_NOTES_OFF = 123


class NoDeviceError(OutputError):
    """There is nothing to play aloud with."""


class Sink(Protocol):
    """Takes notes as they begin and end."""

    def program(self, channel: int, program: int) -> None:
        """Gives a channel another instrument; channel 9 plays drums."""

    def note_on(self, channel: int, pitch: int, velocity: int) -> None:
        """Begins a note."""

    def note_off(self, channel: int, pitch: int) -> None:
        """Ends a note."""

    def until(self, seconds: float) -> None:
        """Comes to a time since the beginning."""

    def close(self) -> None:
        """Ends; nothing sounds any more."""


class _Synth:
    """FluidSynth, note by note."""

    def __init__(self) -> None:
        fluidsynth, soundfont = _fluidsynth(), find_soundfont([])
        if soundfont is None:
            raise OutputError(f"To play, a SoundFont is needed. Received none. {HOW_TO_INSTALL}")
        with _quiet():
            self._synth = fluidsynth.Synth(gain=GAIN, samplerate=float(SAMPLE_RATE_HZ))
            self._font = self._synth.sfload(str(soundfont.absolute()))

    def program(self, channel: int, program: int) -> None:
        """Gives a channel another instrument."""
        self._synth.program_select(channel, self._font, DRUM_BANK if channel == DRUM_CHANNEL else 0, program)

    def note_on(self, channel: int, pitch: int, velocity: int) -> None:
        """Begins a note."""
        self._synth.noteon(channel, pitch, velocity)

    def note_off(self, channel: int, pitch: int) -> None:
        """Ends a note."""
        self._synth.noteoff(channel, pitch)


class Loudspeaker(_Synth):
    """The audio device of this machine."""

    def __init__(self) -> None:
        """Opens it.

        Raises:
            NoDeviceError: there is none.
            OutputError: there is no FluidSynth.
        """
        super().__init__()
        with _quiet():
            self._synth.start()
        if not self._synth.audio_driver:
            self._synth.delete()
            raise NoDeviceError("There is no audio device here.")

    def until(self, seconds: float) -> None:
        """Nothing to do: it plays by itself."""

    def close(self) -> None:
        """Lets what sounds die away at once."""
        with _quiet():
            self._synth.delete()


class WavFile(_Synth):
    """A WAV file that grows as it is played; at any time what is there can be heard."""

    def __init__(self, path: Path) -> None:
        """Begins the file.

        Raises:
            OutputError: it cannot be written, or there is no FluidSynth.
        """
        require_writable(path)
        super().__init__()
        self._num_samples = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._bytes = path.open("wb")
        except OSError as error:
            raise OutputError(f"Expected to write to {path}. Received: {error.strerror}.") from None
        self._file = wave.open(self._bytes, "wb")  # noqa: SIM115 - open as long as it plays
        self._file.setparams((2, 2, SAMPLE_RATE_HZ, 0, "NONE", ""))

    def until(self, seconds: float) -> None:
        """Writes the sound up to a time.

        Raises:
            OutputError: there is no room for more in the file.
        """
        number = int(seconds * SAMPLE_RATE_HZ) - self._num_samples
        if number <= 0:
            return
        if (self._num_samples + number) * BYTES_A_SAMPLE > MOST_BYTES:
            raise OutputError("Expected at most 6 hours of sound in a WAV file. They are over.")
        self._num_samples += number
        try:
            self._file.writeframes(self._synth.get_samples(number).tobytes())
        except OSError as error:
            raise OutputError(f"Expected to write sound as it is played. Received: {error.strerror}.") from None

    def close(self) -> None:
        """Ends the file."""
        self._file.close()
        self._bytes.close()
        self._synth.delete()


class MidiPort:
    """A MIDI port, for other programs and instruments."""

    def __init__(self, port: Any) -> None:
        """`port` is one of mido's."""
        import mido

        self._port, self._message = port, mido.Message
        self._channels: set[int] = set()

    def program(self, channel: int, program: int) -> None:
        """Gives a channel another instrument."""
        self._channels.add(channel)
        self._port.send(self._message("program_change", channel=channel, program=program))

    def note_on(self, channel: int, pitch: int, velocity: int) -> None:
        """Begins a note."""
        self._port.send(self._message("note_on", channel=channel, note=pitch, velocity=velocity))

    def note_off(self, channel: int, pitch: int) -> None:
        """Ends a note."""
        self._port.send(self._message("note_off", channel=channel, note=pitch))

    def until(self, seconds: float) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Says on every channel that nothing sounds."""
        for channel in sorted(self._channels):
            self._port.send(self._message("control_change", channel=channel, control=ALL_NOTES_OFF, value=0))
        self._port.close()


def _fluidsynth() -> Any:
    """The module; its import says what is missing.

    Raises:
        OutputError: it, or the library behind it, is not there.
    """
    try:
        import fluidsynth
    except ModuleNotFoundError:
        raise OutputError(f"To play, pyfluidsynth is needed. Received none. {how_to_install('fluidsynth')}") from None
    except ImportError:
        raise OutputError(f"To play, the library of FluidSynth is needed. Received none. {HOW_TO_INSTALL}") from None
    return fluidsynth


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """FluidSynth's own words about drivers are kept from the terminal."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
