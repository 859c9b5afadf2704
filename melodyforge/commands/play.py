"""Plays music while it is composed, until Ctrl-C; what is typed meanwhile changes it."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

from melodyforge.asking.ask import understand
from melodyforge.bundle import Model
from melodyforge.commands.compose import USUAL_OUTPUT, asked_in_words, manner_of, tell_composer
from melodyforge.compose import load
from melodyforge.composing.wishes import wished_settings
from melodyforge.composition import Composition, require_output
from melodyforge.errors import MelodyForgeError, SettingsError
from melodyforge.flags import flag
from melodyforge.live.duet import TURN_BARS, Duet
from melodyforge.live.endless import Endless
from melodyforge.live.player import Player
from melodyforge.live.ports import open_input, open_output
from melodyforge.live.sinks import Loudspeaker, MidiPort, NoDeviceError, Sink, WavFile
from melodyforge.music.load import MIDI_SUFFIXES, load_piece
from melodyforge.places import OUTPUT_DIR
from melodyforge.settings import ComposeSettings, Limits, SamplingSettings, Wishes
from melodyforge.words import counted

STOP_WORDS = ("stop", "quit", "exit", "end")
LINE_BYTES = 4096  # read at a time
# Flags and settings that mean nothing for music without an end.
WITHOUT_EFFECT = (
    "cluster",
    *("reproduce", "wav", "musicxml", "num_notes", "num_bars", "num_pieces", "form", "cadence", "ending", "effort"),
    *("start", "passage_notes", "redo_bars", "redo_tracks", "keep_tracks", "vary", "vary_keeps"),
    *("join", "bridge_bars", "primer_bars", "best_of", "max_shared_notes"),
)
CHANGEABLE = {*Wishes.model_fields, *Limits.model_fields, *SamplingSettings.model_fields} - {*WITHOUT_EFFECT}


def play(arguments: argparse.Namespace) -> None:
    """Does what the command line asks for; at the end what was played is written as MIDI, however it ends.

    Raises:
        SettingsError: flags do not go with playing.
        OutputError: there is no way to play, or a file cannot be written.
        KeyboardInterrupt: Ctrl-C ended it; all is written by then.
    """
    _require_playable(arguments)
    output = _output(arguments)
    require_output(output)
    model = load(arguments.model)
    primer = load_piece(arguments.primer) if arguments.primer else None
    wishes = {name: getattr(arguments, name) for name in ComposeSettings.model_fields}
    if arguments.ask is not None:
        wishes |= _changeable(asked_in_words(model, arguments.ask, wishes, primer is not None))
    settings = wished_settings(model, primer is not None, **wishes)
    endless = Endless(model, settings, primer, manner_of(arguments, model))
    port = open_input(arguments.midi_in) if arguments.midi_in else None
    sink = _sink(arguments, output)
    tell_composer(arguments, model, f"random seed {settings.seed}. Type wishes such as `sadder, slower`; Ctrl-C ends.")
    signal.signal(signal.SIGTERM, _interrupt)
    player = Player(endless, sink) if port is None else _duet(endless, sink, port, arguments)
    _listen_to_lines(player, model)
    _run(player, sink, wishes["num_seconds"], output)


def _duet(endless: Endless, sink: Sink, port: Any, arguments: argparse.Namespace) -> Duet:
    """Turn by turn with somebody who plays on a port; what is heard there sounds too, unless that goes to another."""
    return Duet(endless, sink, port, arguments.turn_bars or TURN_BARS, sounds_calls=not arguments.midi_out)


def _run(player: Player | Duet, sink: Sink, max_seconds: float | None, output: Path) -> None:
    try:
        player.run(max_seconds)
    finally:
        for one in (signal.SIGINT, signal.SIGTERM):  # from now on nothing may be lost
            signal.signal(one, signal.SIG_IGN)
        sink.close()
        _save(player, output)


def _save(player: Player | Duet, output: Path) -> None:
    piece, late = player.piece(), player.played.num_late
    if not len(piece):
        return
    Composition(piece).save(output)
    print(f"{output}: {counted(len(piece), 'note')}, {piece.seconds:.0f} s; {counted(late, 'note')} came late")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _require_playable(arguments: argparse.Namespace) -> None:
    for name in WITHOUT_EFFECT:
        if getattr(arguments, name) not in (None, False):
            raise SettingsError(f"{flag(name)} has no effect on music that is played without an end. Leave it out.")
    if arguments.midi_in and arguments.primer:
        raise SettingsError("--midi-in does not go with --primer: you begin. Leave one of them out.")
    if arguments.turn_bars and not arguments.midi_in:
        raise SettingsError("--turn-bars has no effect without --midi-in. Leave it out.")
    if arguments.play_to and arguments.midi_out:
        raise SettingsError("--play-to does not go with --midi-out. Leave one of them out.")
    if arguments.play_to and arguments.play_to.suffix.lower() != ".wav":
        raise SettingsError(f"--play-to must end in .wav. Received {str(arguments.play_to)!r}.")


def _output(arguments: argparse.Namespace) -> Path:
    """Where the MIDI file goes: nothing that was played before is replaced, unless it is named."""
    if arguments.output == USUAL_OUTPUT:
        return OUTPUT_DIR / time.strftime("played-%Y-%m-%d-%H-%M-%S.mid")
    if arguments.output.suffix.lower() not in MIDI_SUFFIXES:
        raise SettingsError(f"--output must end in .mid where music is played. Received {str(arguments.output)!r}.")
    output: Path = arguments.output
    return output


def _sink(arguments: argparse.Namespace, output: Path) -> Sink:
    if arguments.play_to:
        return WavFile(arguments.play_to)
    if arguments.midi_out:
        return MidiPort(open_output(arguments.midi_out))
    try:
        return Loudspeaker()
    except NoDeviceError:
        path = output.with_suffix(".wav")
        print(f"There is no audio device here: the sound goes to {path} as it is played.")
        return WavFile(path)


def _listen_to_lines(player: Player | Duet, model: Model) -> None:
    """Takes wishes from standard input, a line each, for as long as it plays."""
    threading.Thread(target=_take_lines, args=(player, model), daemon=True).start()


def _take_lines(player: Player | Duet, model: Model) -> None:
    """Reads without Python's buffer: a thread that holds its lock would keep the program from ending."""
    rest = b""
    try:
        while chunk := os.read(sys.stdin.fileno() if sys.stdin else 0, LINE_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                take_line(line.decode(errors="replace").strip(), player, model)
            rest = rest[-LINE_BYTES:]
    except (OSError, ValueError):  # there is no standard input
        return


def take_line(line: str, player: Player | Duet, model: Model) -> None:
    """Changes what is played as a line says, and says how that was understood."""
    if line.lower() in STOP_WORDS:
        player.stop()
    elif line:
        try:
            asked = understand(model, line, player.settings.changed(tempo=player.tempo_qpm))
            fixed = [name for name in asked.settings if name not in CHANGEABLE]
            asked = asked.without(dict.fromkeys(fixed, "cannot change while it plays"))
            player.change(player.settings.changed(**asked.settings))
            print(asked, flush=True)
        except MelodyForgeError as error:
            print(str(error).replace("`ask`", "What is typed"), flush=True)


def _changeable(asked: dict[str, object]) -> dict[str, object]:
    """What words ask for that has a meaning here."""
    return {name: value for name, value in asked.items() if name in CHANGEABLE or name in ("num_seconds", "seed")}
