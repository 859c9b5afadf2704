"""Copies of the training music are found and told, wherever they hide; what is damaged is refused."""

import hashlib
import io
import json
import shutil
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from melodyforge.bundle import CONFIG_FILE, INDEX_FILE, add_index, load_model, read_model
from melodyforge.commands import compose as generate_music
from melodyforge.compose import compose
from melodyforge.composing.wishes import default_settings
from melodyforge.composition import KEPT
from melodyforge.corpus.split import split_pieces
from melodyforge.errors import ModelFolderError, SettingsError
from melodyforge.music.notation import bar_numbers
from melodyforge.music.piece import Piece, Track, make_notes
from melodyforge.originality.index import build_index, merged
from melodyforge.originality.index_file import MAX_FACTS_BYTES, pack_index, unpack_index
from melodyforge.originality.report import LEAST_REAL, longest_passage, report_on, with_real
from melodyforge.settings import TrainingSettings
from melodyforge.training import music_index
from melodyforge.training.music_index import index_music
from melodyforge.workshop.models import export_model, import_model
from tests.conftest import write_store


def melody(seed, num_notes=60, name="song", style=""):
    """Notes one after the other, in a rhythm of their own."""
    rng = np.random.default_rng(seed)
    onsets = 24 + np.cumsum(rng.choice([12, 24, 36], num_notes))
    rows = [
        (int(when), 6, 0, int(what), 80) for when, what in zip(onsets, rng.integers(55, 80, num_notes), strict=True)
    ]
    return Piece(make_notes(rows), (Track(73),), name=name, style=style)


@pytest.fixture(scope="module")
def songs():
    return [melody(seed, name=f"song-{seed}", style="songs") for seed in range(30)]


@pytest.fixture(scope="module")
def index(songs):
    return build_index(songs)


def hidden(song, first, number=12, semitones=0, times=1, divisor=1, in_chords=False):
    """Other music, and some notes of a song behind it, with random notes above and below them if wanted."""
    rng, notes = np.random.default_rng(first), song.notes[first : first + number]
    start = 96 * 40
    onset = (notes["onset"] - notes["onset"][0]) * times // divisor + start
    rows = [tuple(row)[:5] for row in melody(999, 40).notes.tolist()]
    for when, what in zip(onset.tolist(), (notes["pitch"].astype(int) + semitones).tolist(), strict=True):
        others = [what + 3 + int(rng.integers(9)), what - 3 - int(rng.integers(9))][: int(rng.integers(1, 3))]
        rows += [(when, 6, 0, pitch, 80) for pitch in [what, *(others if in_chords else [])]]
    return Piece(make_notes(rows), (Track(0),), name="mine")


@pytest.mark.parametrize("first", range(0, 48, 7))
@pytest.mark.parametrize(
    "change",
    [{}, {"semitones": -7}, {"divisor": 2, "semitones": 2}, {"times": 2}, {"in_chords": True, "semitones": 5}],
    ids=str,
)
def test_twelve_notes_of_a_song_are_found_and_where_they_stand(songs, index, first, change):
    song = songs[first % len(songs)]
    piece = hidden(song, first, **change)
    found = longest_passage(piece, index)
    bar = int(song.bars_at(song.notes["onset"][first : first + 1])[0][0]) + bar_numbers(song)[0]
    assert (found.num_notes, found.source, found.source_bar) == (12, f"songs/{song.name}", bar)
    assert found.bar == 40 + bar_numbers(piece)[0]


def test_what_merely_resembles_is_not_found(songs, index):
    piece = hidden(songs[3], 5, number=60)
    piece.notes["pitch"][np.arange(0, len(piece), 5)] += 1
    found = report_on(piece, index)
    assert found.longest is None
    assert found.share_8 < 0.1
    assert found.share_16 == 0


def test_scales_and_repeated_notes_are_common_property():
    scale = make_notes([(12 * step, 12, 0, 40 + step, 80) for step in range(40)])
    found = report_on(Piece(scale), build_index([Piece(scale, name="scale")]))
    assert found.longest is None


def test_a_whole_song_in_another_key_is_recognised_and_all_of_it_is_found(songs, index):
    found = report_on(songs[4].transposed(3), index)
    assert (found.longest.num_notes, found.share_8, found.share_16) == (60, 1.0, 1.0)
    assert (found.likest, round(found.likeness, 2)) == ("songs/song-4", 1.0)


def test_real_pieces_stand_beside(songs, index):
    beside = with_real(index, [hidden(songs[seed], 3, number=20 + seed) for seed in range(LEAST_REAL)])
    real = report_on(melody(77), beside).real
    assert (real.num_pieces, real.longest) == (LEAST_REAL, 22)
    assert "real pieces share 22" in str(report_on(melody(77), beside))


def test_drums_alone_are_not_compared(index):
    assert report_on(Piece(make_notes([(0, 6, 0, 36, 80)] * 30), (Track(0, True),)), index) is None


def test_the_file_holds_what_was_put_in_and_two_indexes_go_together(songs, index):
    one, other = build_index(songs[:9]), with_real(build_index(songs[9:]), songs[:6])
    for known in (unpack_index(pack_index(index)), merged(unpack_index(pack_index(other)), one)):
        for song in (songs[2], songs[20]):
            found = longest_passage(song, known)
            assert (found.num_notes, found.source, found.source_bar) == (60, f"songs/{song.name}", found.bar)
    assert unpack_index(pack_index(other)).real == other.real


def test_a_file_of_the_index_holds_no_notes(songs, index):
    with zipfile.ZipFile(io.BytesIO(pack_index(index))) as archive:
        data = b"".join(archive.read(name) for name in archive.namelist())
    pitches = songs[0].notes["pitch"]
    for numbers in (pitches, np.diff(pitches.astype(np.int8))):
        assert numbers[:6].tobytes() not in data


def changed(data, name, array):
    """The file with another array in it."""
    with np.load(io.BytesIO(data)) as file:
        arrays = dict(file) | {name: array}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("places", np.full((4, 10), 255, np.uint8)),
        ("lengths", np.array([2**32 - 1], np.uint32)),
        ("lines", np.full(30, 4_000_000, np.uint32)),
        ("facts", np.full(MAX_FACTS_BYTES + 1, ord("["), np.uint8)),
        ("checks", np.zeros(3, np.uint8)),
        ("checks", np.array(["text"])),
        ("facts", np.frombuffer(b"[" * 100_000, np.uint8)),
        ("facts", np.frombuffer(b'{"format": 1, "names": ["\\u001b[2J"], "real": {}}', np.uint8)),
        ("more", np.zeros(1)),
    ],
)
def test_a_file_whose_parts_do_not_fit_is_refused(index, name, array):
    with pytest.raises(ModelFolderError, match="index of training music"):
        unpack_index(changed(pack_index(index), name, array))


def test_a_file_that_claims_to_hold_a_terabyte_is_refused(index):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, zipfile.ZipFile(io.BytesIO(pack_index(index))) as source:
        for entry in source.infolist():
            data = source.read(entry)
            if entry.filename == "checks.npy":
                data = data.replace(b"(", b"(9999999999", 1).replace(b" " * 10, b"", 1)
            archive.writestr(entry.filename, data)
    for damaged in (buffer.getvalue(), pack_index(index)[:-100], b""):
        with pytest.raises(ModelFolderError, match="index of training music"):
            unpack_index(damaged)


def test_a_file_that_ends_within_its_last_array_is_refused(index):
    with np.load(io.BytesIO(pack_index(index))) as file:
        arrays = dict(file)
    arrays["windows_low"] = arrays.pop("windows_low").repeat(200)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    data, missing = buffer.getvalue(), 200_000
    start = data.index(b"PK\x01\x02")
    end = data[start:-6] + (start - missing).to_bytes(4, "little") + data[-2:]
    with pytest.raises(ModelFolderError, match="index of training music"):
        unpack_index(data[: start - missing] + end)


def test_lines_of_no_piece_are_refused(index):
    nobodys = replace(index, names=(), signatures=index.signatures[:0], lines=np.zeros_like(index.lines))
    with pytest.raises(ModelFolderError, match="do not fit together"):
        unpack_index(pack_index(nobodys))


def test_a_header_that_ends_in_the_middle_is_refused(index):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, zipfile.ZipFile(io.BytesIO(pack_index(index))) as source:
        for entry in source.infolist():
            archive.writestr(entry.filename, source.read(entry).replace(b"'descr': '", b"'descr':(('", 1))
    with pytest.raises(ModelFolderError, match="index of training music"):
        unpack_index(buffer.getvalue())


def test_other_music_of_the_same_names_gets_into_the_index_and_the_same_music_does_not_get_in_twice(tmp_path, songs):
    others = [melody(100 + number, name=song.name, style="songs") for number, song in enumerate(songs)]
    first, second = (write_store(tmp_path / name, pieces) for name, pieces in (("one", songs), ("other", others)))
    settings = TrainingSettings()
    before = index_music(first, settings)
    assert index_music(first, settings, before).names == before.names
    both = index_music(second, settings, before)
    learnt = split_pieces(second, settings.held_out, settings.seed)[0]
    assert all(longest_passage(others[number], both).num_notes == 60 for number in learnt.tolist())


def test_music_that_is_too_large_for_an_index_has_none(tmp_path, songs, monkeypatch):
    monkeypatch.setattr(music_index, "MAX_NOTES", 60 * len(songs) - 1)
    assert index_music(write_store(tmp_path / "store", songs), TrainingSettings()) is None


@pytest.fixture
def models_dir(tiny_model_dir, tmp_path, tunes):
    """Two models side by side: one with an index, one of before."""
    for name in ("known", "old"):
        shutil.copytree(tiny_model_dir / "tiny", tmp_path / name)
        (tmp_path / name / INDEX_FILE).unlink()
        config = json.loads((tmp_path / name / CONFIG_FILE).read_text())
        del config["sha256"][INDEX_FILE]
        (tmp_path / name / CONFIG_FILE).write_text(json.dumps(config))
    add_index(tmp_path / "known", build_index(tunes))
    return tmp_path


def test_a_trained_model_has_an_index_of_what_it_learnt_from(tiny_model_dir):
    index = load_model(tiny_model_dir / "tiny").index
    assert 0 < len(index.names) < 8  # of eight tunes some are held out


def test_compositions_of_both_models_are_the_same_and_only_one_can_tell_where_they_come_from(models_dir):
    known, old = (load_model(models_dir / name) for name in ("known", "old"))
    settings = default_settings(known, num_notes=60, seed=3)
    (told,), (untold,) = compose(known, settings), compose(old, settings)
    assert np.array_equal(told.piece.notes, untold.piece.notes)
    assert old.index is None
    assert untold.originality is None
    assert "longest passage shared with the training music" in str(told.originality)


def test_what_shares_too_much_is_drawn_again_and_told(models_dir):
    known = load_model(models_dir / "known")
    settings = default_settings(known, num_notes=100, seed=1, temperature=0.3)
    (free,) = compose(known, settings)
    (made,) = compose(known, settings.changed(max_shared_notes=11))
    assert free.originality.longest.num_notes > 11  # so few tunes are learnt by heart
    assert any("it shares" in notice and "as in tune" in notice for notice in made.notices)
    is_kept = any(notice.startswith(KEPT) for notice in made.notices)
    assert is_kept == (made.originality.longest is not None and made.originality.longest.num_notes > 11)
    (again,) = compose(known, settings.changed(max_shared_notes=11))
    assert np.array_equal(again.piece.notes, made.piece.notes)


def test_a_limit_needs_an_index(models_dir):
    old = read_model(models_dir / "old")
    with pytest.raises(SettingsError, match="'old', which has none"):
        compose(old, default_settings(old, max_shared_notes=12))


def test_an_error_in_settings_that_is_found_late_stands_alone(models_dir, capsys):
    for flags in (["--max-shared-notes", "12"], ["--form", "AABA", "--num-bars", "2"]):
        with pytest.raises(SettingsError):
            generate_music.main(["--model", str(models_dir / "old"), *flags])
    assert capsys.readouterr().out == ""


def test_an_index_that_is_damaged_or_missing_is_refused(models_dir):
    path = models_dir / "known" / INDEX_FILE
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    with pytest.raises(ModelFolderError, match="not the file that was saved with it"):
        read_model(models_dir / "known")
    config = json.loads((models_dir / "known" / CONFIG_FILE).read_text())
    config["sha256"][INDEX_FILE] = hashlib.sha256(data[:-1]).hexdigest()
    (models_dir / "known" / CONFIG_FILE).write_text(json.dumps(config))
    with pytest.raises(ModelFolderError, match="index of training music"):
        load_model(models_dir / "known")
    path.unlink()
    with pytest.raises(ModelFolderError, match="cannot be read"):
        read_model(models_dir / "known")


def test_a_zip_carries_the_index(models_dir):
    folder = import_model(io.BytesIO(export_model("known", models_dir)), "copy", models_dir)
    assert load_model(folder).index.names == load_model(models_dir / "known").index.names
    assert INDEX_FILE not in {
        path.name for path in import_model(io.BytesIO(export_model("old", models_dir)), "copy-2", models_dir).iterdir()
    }
