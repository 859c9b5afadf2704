"""Music that is played while it is composed: it has no end, can be changed, and nothing of it goes on sounding."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from melodyforge.bundle import load_model
from melodyforge.commands import compose as generate_music
from melodyforge.commands.play import take_line
from melodyforge.composing.wishes import default_settings
from melodyforge.errors import OutputError, SettingsError
from melodyforge.live.endless import SECTION_NOTES, Endless, seconds_at, step_at
from melodyforge.live.player import Player
from melodyforge.music.load import load_piece
from melodyforge.music.midi import read_midi, write_midi
from melodyforge.music.piece import Tempo, Track
from tests.music_samples import tune

PROJECT_DIR = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def tiny_model(tiny_model_dir):
    return load_model(tiny_model_dir / "tiny")


@pytest.fixture
def endless(tiny_model):
    return Endless(tiny_model, default_settings(tiny_model, seed=1))


class Notebook:
    """A sink that writes down what it is sent."""

    def __init__(self):
        self.on, self.sounding, self.programs, self.is_closed = [], set(), {}, False

    def program(self, channel, program):
        self.programs[channel] = program

    def note_on(self, channel, pitch, velocity):
        assert channel in self.programs
        assert (channel, pitch) not in self.sounding
        assert velocity > 0
        self.sounding.add((channel, pitch))
        self.on.append((channel, pitch))

    def note_off(self, channel, pitch):
        self.sounding.remove((channel, pitch))

    def until(self, seconds):
        pass

    def close(self):
        self.is_closed = True


def composed(endless, number):
    while len(endless.piece()) < number:
        next(endless)
    return endless.piece()


def test_music_goes_on_past_any_section_in_order_and_the_same_for_the_same_seed(tiny_model, endless):
    piece = composed(endless, 2 * SECTION_NOTES + 50)
    onsets = piece.notes["onset"]
    assert np.diff(onsets).min() >= 0
    assert np.diff(onsets).max() <= 4 * 96
    assert endless._num_sections > 2
    again = composed(Endless(tiny_model, default_settings(tiny_model, seed=1)), 2 * SECTION_NOTES + 50)
    assert np.array_equal(again.notes, piece.notes)
    assert len(read_midi(write_midi(piece))[0]) == len(piece)


def test_a_change_keeps_what_comes_before_and_changes_what_follows(endless):
    before = composed(endless, 120)
    step = endless.next_bar(int(before.notes["onset"][60]))
    assert step % 96 == 0
    endless.change(endless.settings.changed(tempo=60.0, instruments=["flute"]), step)
    after = composed(endless, 160)
    assert np.array_equal(after.notes[after.notes["onset"] < step], before.notes[before.notes["onset"] < step])
    assert after.tempos[-1] == Tempo(step, 60.0)
    new = after.notes[after.notes["onset"] >= step]
    assert {after.tracks[track].program for track in new["track"]} == {73}


def test_what_cannot_be_asked_for_changes_nothing(endless):
    before = composed(endless, 60)
    with pytest.raises(SettingsError, match="must be one that the model has learnt"):
        endless.change(endless.settings.changed(style="none"), 96)
    assert np.array_equal(endless.piece().notes, before.notes)
    assert endless.settings.style is None
    assert len(composed(endless, 90)) >= 90


def test_a_primer_is_gone_on_from(tiny_model):
    primer = tune(0, 4)
    piece = composed(Endless(tiny_model, default_settings(tiny_model, seed=1), primer), 80)
    assert np.array_equal(piece.notes[: len(primer)]["pitch"], primer.notes["pitch"])
    assert (np.diff(piece.notes["onset"]) >= 0).all()


def test_of_a_primer_only_as_much_is_gone_on_from_as_is_asked_for_and_of_what_follows_all(tiny_model):
    primer, settings = tune(0, 12), default_settings(tiny_model, seed=1)
    endless = Endless(tiny_model, settings.changed(primer_notes=5), primer)
    beginning = Endless(tiny_model, settings, primer.with_notes(primer.notes[:5]))
    assert np.array_equal(composed(endless, SECTION_NOTES + 40).notes, composed(beginning, SECTION_NOTES + 40).notes)


def test_steps_and_seconds_are_each_others_inverse():
    tempos = (Tempo(0, 120.0), Tempo(96, 60.0), Tempo(120, 240.0))
    assert [seconds_at(tempos, step) for step in (0, 48, 96, 120, 168)] == [0, 1, 2, 3, 3.5]
    assert [step_at(tempos, seconds) for seconds in (0, 1, 2, 3, 3.5)] == [0, 48, 96, 120, 168]


def test_every_note_that_was_begun_is_ended_and_what_sounded_is_kept(endless, capsys, tiny_model):
    sink = Notebook()
    player = Player(endless, sink)
    threading.Timer(0.3, take_line, ("faster, 8 bars, blimey", player, tiny_model)).start()
    threading.Timer(0.6, take_line, ("purple", player, tiny_model)).start()
    threading.Timer(4.5, take_line, ("stop", player, tiny_model)).start()
    player.run()
    assert sink.on
    assert not sink.sounding
    piece = player.piece()
    assert abs(len(piece) - len(sink.on)) <= 4  # on the very last step
    assert len(sink.on) == player.played.num_notes
    assert piece.tempos[-1].qpm > piece.tempos[0].qpm
    printed = capsys.readouterr().out
    assert "'8 bars' cannot change while it plays; not understood: 'blimey'" in printed
    assert "What is typed must say in words" in printed


def test_where_the_sink_fails_nothing_is_left_waiting(endless):
    class Broken(Notebook):
        def until(self, seconds):
            raise SettingsError("broken")

    with pytest.raises(SettingsError, match="broken"):
        Player(endless, Broken()).run()
    assert not [one for one in threading.enumerate() if one.name.endswith("(_compose)")]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--play --form AABA", "--form has no effect on music that is played"),
        ("--play --num-notes 3", "--num-notes has no effect"),
        ("--play --best-of 3", "--best-of has no effect"),
        ("--play --max-shared-notes 12", "--max-shared-notes has no effect"),
        ("--play --wav", "--wav has no effect"),
        ("--play --output x.wav", "--output must end in .mid"),
        ("--play-to x.mp3", "--play-to must end in .wav"),
    ],
)
def test_what_means_nothing_without_an_end_is_refused(flags, words):
    with pytest.raises(SettingsError, match=words):
        generate_music.main(flags.split())


def test_a_midi_port_gets_every_note_and_its_end(tiny_model_dir, tmp_path, monkeypatch):
    mido = pytest.importorskip("mido")
    from tests import midi_ports

    mido.set_backend("tests.midi_ports")
    midi_ports.sent.clear()
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # they belong to pytest here
    flags = ["--model", str(tiny_model_dir / "tiny"), "--output", str(tmp_path / "a.mid"), "--num-seconds", "2"]
    with pytest.raises(OutputError, match=r"one of these ports: Test Synth 20:0. Received 'none such'"):
        generate_music.main([*flags, "--midi-out", "none such"])
    generate_music.main([*flags, "--midi-out", "test synth"])
    sent = midi_ports.sent
    on, off = ([one for one in sent if one.type == kind] for kind in ("note_on", "note_off"))
    assert sorted((one.channel, one.note) for one in on) == sorted((one.channel, one.note) for one in off)
    assert abs(len(on) - len(load_piece(tmp_path / "a.mid"))) <= 4  # on the very last step
    assert {one.channel for one in on} == {one.channel for one in sent if one.type == "program_change"}
    assert sent[-1].is_cc(123)


def played(mido, *notes):
    """What comes from a port where notes are played: pitch, and the seconds at which the key goes down and up."""
    on = [(begin, mido.Message("note_on", note=pitch, velocity=70)) for pitch, begin, _ in notes]
    off = [(end, mido.Message("note_on", note=pitch, velocity=0)) for pitch, _, end in notes if end]
    return sorted(on + off, key=lambda one: one[0])


def test_a_call_is_answered_at_the_bar_line_and_both_are_kept(tiny_model_dir, tmp_path, monkeypatch, capsys):
    mido = pytest.importorskip("mido")
    from tests import midi_ports

    mido.set_backend("tests.midi_ports")
    midi_ports.sent.clear()
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    flags = ["--model", str(tiny_model_dir / "tiny"), "--output", str(tmp_path / "a.mid"), "--tempo", "200"]
    flags += ["--midi-out", "test", "--turn-bars", "1", "--num-seconds", "6.6", "--seed", "1"]
    with pytest.raises(OutputError, match=r"--midi-in must be one of these ports: Test Keys 24:0. Received 'none'"):
        generate_music.main([*flags, "--midi-in", "none"])
    # At 200 a minute a bar takes 1.2 s: clicks, a call, its answer, a call in which nothing comes, another.
    midi_ports.to_come[:] = played(mido, (60, 1.2, 1.45), (64, 1.5, 1.75), (67, 1.8, 2.2), (72, 3.6, None))
    generate_music.main([*flags, "--midi-in", "test keys"])
    piece = load_piece(tmp_path / "a.mid")
    calls, answers = piece.notes[piece.notes["track"] == 0], piece.notes[piece.notes["track"] > 0]
    assert piece.tracks[0].name == "You"
    assert calls["pitch"].tolist()[:4] == [60, 64, 67, 72]
    assert np.abs(calls["onset"][:3] - np.array([0, 24, 48])).max() <= 6  # the file begins with the first full bar
    assert len(answers)
    assert {*(answers["onset"] // 96).tolist()} <= {1, 3}
    on, off = ([one for one in midi_ports.sent if one.type == kind] for kind in ("note_on", "note_off"))
    assert sorted((one.channel, one.note) for one in on) == sorted((one.channel, one.note) for one in off)
    assert [one.note for one in on][:4] == [37] * 4
    printed = capsys.readouterr().out
    assert "After the clicks, play 1 bar" in printed
    assert "It answers." in printed
    assert "came late" in printed


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--midi-in x --primer y.mid", "--midi-in does not go with --primer"),
        ("--play --turn-bars 2", "--turn-bars has no effect without --midi-in"),
    ],
)
def test_what_means_nothing_in_a_duet_is_refused(flags, words):
    with pytest.raises(SettingsError, match=words):
        generate_music.main(flags.split())


@pytest.mark.parametrize("step", [204, 960])  # soon, and after a silence that the model cannot say
def test_an_answer_goes_on_from_what_was_played_and_waits_for_its_turn(endless, step):
    call = tune(0, 2).notes
    endless.answer(call, Track(0), step)
    notes = next(endless)
    while len(notes) < 20:
        notes = np.concatenate([notes, next(endless)])
    assert notes["onset"].min() >= step
    assert np.array_equal(endless.piece().notes["onset"][: len(call)], call["onset"])


@pytest.mark.slow
def test_ctrl_c_leaves_a_wav_that_begins_with_sound_and_a_midi_file(tiny_model_dir, tmp_path):
    pytest.importorskip("fluidsynth")
    sound, midi = tmp_path / "sub" / "live.wav", tmp_path / "live.mid"
    flags = ["--model", tiny_model_dir / "tiny", "--play-to", sound, "--output", midi, "--seed", 1]
    command = [sys.executable, PROJECT_DIR / "generate_music.py", *flags]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([*map(str, command)], text=True, env=environment, **pipes) as process:
        try:
            process.stdin.write("tempo 200\n")
            process.stdin.flush()
            printed = next(line for line in process.stdout if "understood: tempo 200" in line)
            while not sound.exists() or sound.stat().st_size < 2 * 44_100 * 4:
                assert process.poll() is None
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            printed, errors = process.communicate(timeout=300)
        finally:
            process.kill()  # a test that fails leaves nothing that plays on
    assert (process.returncode, errors) == (130, "")
    assert f"{midi}: " in printed
    assert len(load_piece(midi)) > 3
    with wave.open(str(sound)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    assert len(samples) >= 44_100
    assert np.abs(samples[: int(0.3 * 44_100)]).max() > 100
