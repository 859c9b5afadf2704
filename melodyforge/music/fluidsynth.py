"""FluidSynth, by the package midi2audio; knows the options of its command line."""

from __future__ import annotations

import subprocess

import midi2audio

# Large blocks, and only the samples that the piece needs: a third less time, the same sound.
FLUIDSYNTH_OPTIONS = ("-z", "4096", "-o", "synth.dynamic-sample-loading=1")


class FluidSynth(midi2audio.FluidSynth):
    """midi2audio's FluidSynth with the options first, a time limit, and silent.

    midi2audio 0.1.1 puts options after the file names. Only glibc's option parser reads them there: on macOS and
    Windows FluidSynth takes them for files, and plays aloud instead of writing.
    """

    def __init__(self, sound_font: str, sample_rate: int, form: str = "") -> None:
        """`form` is one of those that `fluidsynth -T help` lists; "" for what the file's name says."""
        super().__init__(sound_font, sample_rate)
        self._form = ["-T", form] if form else []

    def midi_to_audio(self, midi_file: str, audio_file: str, max_seconds: float | None = None) -> None:
        """Plays a MIDI file into an audio file; whether that worked shows in the audio file only.

        Raises:
            subprocess.TimeoutExpired: FluidSynth was stopped after `max_seconds`.
            OSError: it cannot be started.
        """
        command = [
            "fluidsynth",
            "-ni",
            "-F",
            audio_file,
            *FLUIDSYNTH_OPTIONS,
            *self._form,
            "-r",
            str(self.sample_rate),
            self.sound_font,
            midi_file,
        ]
        quiet = subprocess.DEVNULL
        subprocess.run(command, stdin=quiet, stdout=quiet, stderr=quiet, timeout=max_seconds, check=False)
