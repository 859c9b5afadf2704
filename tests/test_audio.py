import io
import shutil
import stat
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from melodyforge.music import audio, tones
from melodyforge.music.audio import SAMPLE_RATE_HZ, find_soundfont, render_wav
from melodyforge.music.fluidsynth import FluidSynth
from melodyforge.music.instruments import FAMILIES, INSTRUMENTS
from melodyforge.music.piece import Piece, Tempo, Track, make_notes
from melodyforge.music.tones import DRUMS, TAIL_SECONDS, TIMBRES, render_tones

QUARTER = 24  # steps; half a second at 120 quarters a minute
A4 = 69

needs_fluidsynth = pytest.mark.skipif(
    not (shutil.which("fluidsynth") and find_soundfont([])), reason="needs the program fluidsynth and a SoundFont"
)


@pytest.fixture
def no_fluidsynth(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def fake_fluidsynth(monkeypatch, tmp_path):
    """Puts a program named fluidsynth first, which runs the Python code it is given."""

    def install(code: str) -> None:
        program = tmp_path / "fluidsynth"
        program.write_text(f"#!{sys.executable}\n{code}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(tmp_path))

    return install


def piece_of(
    *rows: tuple[int, int, int, int, int], tracks: tuple[Track, ...] = (Track(),), qpm: float = 120.0
) -> Piece:
    return Piece(make_notes(list(rows)), tracks, (Tempo(0, qpm),))


def held(pitch: int, program: int = 0) -> Piece:
    return piece_of((0, 4 * QUARTER, 0, pitch, 90), tracks=(Track(program),))


def first_of(family: str) -> int:
    """The first program of a family."""
    return [instrument.family for instrument in INSTRUMENTS].index(family)


def samples_of(wav: bytes) -> np.ndarray:
    """Samples between -1 and 1, channels mixed."""
    assert int.from_bytes(wav[4:8], "little") == len(wav) - 8  # the size that the RIFF header states
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getframerate(), file.getsampwidth()) == (SAMPLE_RATE_HZ, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return samples.reshape(-1, file.getnchannels()).mean(axis=1) / 2**15


def loudest_hz(samples: np.ndarray) -> float:
    window = samples[:SAMPLE_RATE_HZ] * np.hanning(len(samples[:SAMPLE_RATE_HZ]))
    return float(np.abs(np.fft.rfft(window)).argmax() * SAMPLE_RATE_HZ / len(window))


def power_at(samples: np.ndarray, hertz: float) -> float:
    """Share of the power within 2 % of a frequency."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE_HZ)
    return float(power[np.abs(frequencies / hertz - 1) < 0.02].sum() / power.sum())


@needs_fluidsynth
def test_fluidsynth_plays_the_pitch_for_the_time_at_full_height_and_says_nothing(capfd):
    sound = render_wav(held(A4, program=73))
    samples = samples_of(sound.wav)
    assert (sound.engine, sound.notices) == ("FluidSynth", [])
    assert loudest_hz(samples) == pytest.approx(440, rel=0.01)
    assert len(samples) / SAMPLE_RATE_HZ == pytest.approx(2 + 2, abs=2)
    assert 0.4 < np.abs(samples).max() < 0.95
    assert capfd.readouterr() == ("", "")


@needs_fluidsynth
def test_options_stand_before_files_as_parsers_other_than_glibcs_want_them(monkeypatch):
    monkeypatch.setenv("POSIXLY_CORRECT", "1")
    assert render_wav(held(A4)).engine == "FluidSynth"


def test_without_fluidsynth_tones_stand_in_and_the_user_learns_how_to_get_it(no_fluidsynth):
    sound = render_wav(held(A4))
    assert sound.engine == "built-in tones"
    assert loudest_hz(samples_of(sound.wav)) == pytest.approx(440, abs=1)
    [notice] = sound.notices
    assert "not installed" in notice
    assert all(command in notice for command in ("apt install", "brew install", "choco install"))


@needs_fluidsynth
def test_without_any_soundfont_tones_stand_in(monkeypatch):
    monkeypatch.setattr(audio, "_installed_soundfonts", lambda: iter(()))
    monkeypatch.delenv("SOUNDFONT", raising=False)
    sound = render_wav(held(A4))
    assert sound.engine == "built-in tones"
    assert "No SoundFont" in sound.notices[0]


@pytest.mark.parametrize("content", [None, b"", b"<html>not found</html>", b"RIFF\0\0\0\0WAVE"])
def test_a_chosen_soundfont_that_is_none_is_named_and_another_taken(content, monkeypatch, tmp_path):
    chosen, good = tmp_path / "chosen.sf2", tmp_path / "good.sf2"
    if content is not None:
        chosen.write_bytes(content)
    good.write_bytes(b"RIFF\0\0\0\0sfbk")
    monkeypatch.setenv("SOUNDFONT", str(chosen))
    monkeypatch.setattr(audio, "_installed_soundfonts", lambda: iter((tmp_path / "missing.sf2", good)))
    notices: list[str] = []
    assert find_soundfont(notices) == good
    assert str(chosen) in notices[0]
    assert "good.sf2 is used instead" in notices[0]


def test_a_chosen_soundfont_comes_before_installed_ones(monkeypatch, tmp_path):
    chosen = tmp_path / "mine.sf2"
    chosen.write_bytes(b"RIFF\0\0\0\0sfbk")
    monkeypatch.setenv("SOUNDFONT", str(chosen))
    assert find_soundfont([]) == chosen


def test_a_soundfont_inside_a_python_package_is_found_without_importing_it(monkeypatch):
    monkeypatch.setattr(audio, "SOUNDFONTS", ())
    monkeypatch.delenv("SOUNDFONT", raising=False)
    monkeypatch.delitem(sys.modules, "pretty_midi", raising=False)
    assert Path(str(find_soundfont([]))).suffix == ".sf2"
    assert "pretty_midi" not in sys.modules


@pytest.mark.parametrize(
    "code",
    [
        "raise SystemExit(1)",
        "import sys; open(sys.argv[sys.argv.index('-F') + 1], 'wb').write(bytes(99_999))",  # bare samples, no WAV
        "import sys, wave\nwith wave.open(sys.argv[sys.argv.index('-F') + 1], 'wb') as f:\n"
        "    f.setparams((2, 2, 44100, 0, 'NONE', '')); f.writeframes(bytes(99_996))",  # silence
    ],
    ids=["fails", "writes-raw-samples", "writes-silence"],
)
@needs_fluidsynth
def test_a_fluidsynth_that_gives_no_sound_is_noticed(code, fake_fluidsynth):
    fake_fluidsynth(code)
    sound = render_wav(held(A4))
    assert sound.engine == "built-in tones"
    assert "made no sound" in sound.notices[0]


@needs_fluidsynth
def test_a_fluidsynth_that_cannot_be_started_is_noticed(fake_fluidsynth, tmp_path):
    fake_fluidsynth("")
    (tmp_path / "fluidsynth").write_text("#!/no/such/interpreter\n")
    assert "cannot be started" in render_wav(held(A4)).notices[0]


def test_a_fluidsynth_that_never_ends_is_stopped(fake_fluidsynth):
    fake_fluidsynth("import time; time.sleep(60)")
    with pytest.raises(audio.subprocess.TimeoutExpired):
        FluidSynth("any.sf2", SAMPLE_RATE_HZ).midi_to_audio("any.mid", "any.wav", max_seconds=0.2)


def test_an_empty_piece_is_a_second_of_silence():
    sound = render_wav(piece_of())
    samples = samples_of(sound.wav)
    assert (len(samples), samples.any()) == (SAMPLE_RATE_HZ, False)
    assert sound.notices == ["There are no notes to hear."]


def test_a_piece_of_hours_is_cut_and_the_user_is_told(no_fluidsynth, monkeypatch):
    monkeypatch.setattr(audio, "MAX_SECONDS", 3.0)
    long = piece_of(
        (0, QUARTER, 0, 60, 90), (2 * QUARTER, 1000 * QUARTER, 0, 64, 90), (900 * QUARTER, QUARTER, 0, 67, 90)
    )
    sound = render_wav(long)
    assert len(samples_of(sound.wav)) / SAMPLE_RATE_HZ == pytest.approx(3.0 + TAIL_SECONDS, abs=0.05)
    assert "can be heard" in sound.notices[0]


def test_tones_of_a_chord_are_all_heard():
    chord = render_tones(piece_of(*((0, 4 * QUARTER, 0, pitch, 90) for pitch in (60, 64, 67))))
    for hertz in (261.63, 329.63, 392.0):
        assert power_at(chord, hertz) > 0.08
    assert power_at(chord, 293.66) < 0.01  # D, which nobody plays


def test_tones_follow_the_tempo():
    fast, slow = (piece_of((8 * QUARTER, QUARTER, 0, A4, 90), qpm=qpm) for qpm in (240.0, 60.0))
    first_heard = [int(np.abs(render_tones(piece)).argmax()) / SAMPLE_RATE_HZ for piece in (fast, slow)]
    assert first_heard == pytest.approx([2.0, 8.0], abs=0.05)


def test_loud_notes_are_louder():
    heights = [np.abs(render_tones(piece_of((0, QUARTER, 0, A4, velocity)))).max() for velocity in (20, 64, 127)]
    assert heights[0] < heights[1] / 4 < heights[2] / 8


@pytest.fixture
def dry(monkeypatch):
    """A room without echoes."""
    monkeypatch.setattr(tones, "ROOM_ECHOES", ())


def test_every_family_has_its_timbre():
    assert tuple(TIMBRES) == FAMILIES


@pytest.mark.parametrize("family", FAMILIES)
def test_every_tone_rises_from_silence_and_ends_in_it(family, dry):
    samples = np.abs(render_tones(held(A4, program=first_of(family))))
    last = int(np.flatnonzero(samples)[-1])
    assert samples[:20].max() < 0.2 * samples.max()
    assert samples[last - 20 : last].max() < 0.001 * samples.max()


def test_overtones_too_high_for_the_sample_rate_do_not_fold_back(dry):
    highest = render_tones(held(127, program=61))
    assert power_at(highest, 12543.85) > 0.99


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("pitch", [0, 36, 69, 127])
def test_every_instrument_plays_in_tune(family, pitch):
    samples = render_tones(held(pitch, program=first_of(family)))
    hertz = 440 * 2 ** ((pitch - A4) / 12)
    assert loudest_hz(samples) == pytest.approx(hertz, rel=0.02, abs=1)


def test_a_repeated_tone_never_jumps():
    steepest = np.abs(np.diff(render_tones(held(48)))).max()
    repeated = piece_of(*((step, 6, 0, 48, 90) for step in range(0, 96, 6)))
    assert np.abs(np.diff(render_tones(repeated))).max() < 3 * steepest


@pytest.mark.parametrize("pitch", [*sorted(DRUMS), 0, 127])
def test_every_drum_is_heard_and_dies_away(pitch):
    samples = render_tones(piece_of((0, 8 * QUARTER, 0, pitch, 90), tracks=(Track(is_drum=True),)))
    assert np.abs(samples[:4410]).max() > 0.1
    assert np.abs(samples[-100:]).max() < 1e-3


def test_drums_are_no_tones_of_their_pitch():
    kick = render_tones(piece_of((0, QUARTER, 0, 36, 90), tracks=(Track(is_drum=True),)))
    cymbal = render_tones(piece_of((0, QUARTER, 0, 49, 90), tracks=(Track(is_drum=True),)))
    assert loudest_hz(kick) < 150
    assert loudest_hz(cymbal) > 5000
