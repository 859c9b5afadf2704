"""A composed piece, in every form that it can be kept in, and how it was made. Knows no model."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from melodyforge.errors import MusicReadError, SettingsError
from melodyforge.files import require_writable, write_bytes
from melodyforge.music import midi_container
from melodyforge.music.midi import write_midi
from melodyforge.music.piece import Piece
from melodyforge.originality.report import Originality
from melodyforge.words import counted

if TYPE_CHECKING:
    from melodyforge.music.audio import Sound

TEXT_MARK = "Melody Forge "  # begins the text event that tells how a file was made
KEPT = "kept although "  # begins the notice of a take that is not as it was asked for, or not as music should be


@dataclass(frozen=True)
class Composition:
    """A composed piece.

    Attributes:
        piece: the music; its text tells how to make it again.
        notices: what the user should be told.
        origin: model, settings and place in the batch, as written into the MIDI file.
        primer: the passage of training music that it starts from, without being a part of it; None if there is none.
        originality: how much of it stands in the training music; None where that is not known.
    """

    piece: Piece
    notices: list[str] = field(default_factory=list)
    origin: dict[str, Any] = field(default_factory=dict)
    primer: Piece | None = None
    originality: Originality | None = None

    @property
    def seed(self) -> int | None:
        """The random seed that it was composed with; None for music that was not composed here."""
        return self.origin.get("settings", {}).get("seed")

    def __repr__(self) -> str:
        """In one line."""
        return f"<Composition {self.piece.name!r}: {counted(len(self.piece), 'note')}, {self.piece.seconds:.0f} s>"

    def with_origin(self, origin: dict[str, Any]) -> Composition:
        """The same, with another story of how it was made, which its MIDI file will tell, too."""
        text = TEXT_MARK + json.dumps(origin, separators=(",", ":"))
        return replace(self, piece=replace(self.piece, text=text), origin=origin)

    def to_midi(self) -> bytes:
        """A standard MIDI file."""
        return write_midi(self.piece)

    def to_sound(self) -> Sound:
        """Sound, by FluidSynth or the built-in tone generator, and what there is to say about it."""
        from melodyforge.music.audio import render_wav

        return render_wav(self.piece)

    def to_musicxml(self) -> bytes:
        """A readable score."""
        from melodyforge.music.scores import write_musicxml

        return write_musicxml(self.piece)

    def to_png(self) -> bytes:
        """A piano roll."""
        from melodyforge.music.roll import draw_roll

        return draw_roll(self.piece)

    def save(self, path: str | Path) -> list[str]:
        """Writes the music in the form that the name asks for: .mid, .wav, .musicxml or .png.

        Returns:
            What the user should be told, such as how to get better sound.

        Raises:
            SettingsError: another ending.
            OutputError: it cannot be written there.
        """
        path = Path(path)
        require_output(path)
        data, notices = self.rendered(path.suffix)
        write_bytes(path, data)
        return notices

    def rendered(self, suffix: str) -> tuple[bytes, list[str]]:
        """The file in the form of an ending of `FORMS`, and what the user should be told."""
        return FORMS[suffix.lower()](self)

    def _repr_html_(self) -> str:
        """Shows piano roll and player in a notebook."""
        from melodyforge.music.audio import render_small

        sound, media_type = render_small(self.piece)
        roll, sound_text = (base64.b64encode(data).decode() for data in (self.to_png(), sound))
        return (
            f'<img style="max-width: 100%" src="data:image/png;base64,{roll}"><br>'
            f'<audio controls src="data:{media_type};base64,{sound_text}"></audio>'
        )


def _as_sound_file(composition: Composition) -> tuple[bytes, list[str]]:
    sound = composition.to_sound()
    return sound.wav, sound.notices


# What a composition can be saved as, by the ending of the name; each gives the file and what the user should be told.
FORMS: dict[str, Callable[[Composition], tuple[bytes, list[str]]]] = {
    ".mid": lambda composition: (composition.to_midi(), []),
    ".midi": lambda composition: (composition.to_midi(), []),
    ".wav": _as_sound_file,
    ".musicxml": lambda composition: (composition.to_musicxml(), []),
    ".png": lambda composition: (composition.to_png(), []),
}


def require_output(path: Path) -> None:
    """Makes sure that a composition can be saved there, before it is composed; writes nothing.

    Raises:
        SettingsError: the name has an ending that stands for no form.
        OutputError: the place cannot be written.
    """
    if path.suffix.lower() not in FORMS:
        raise SettingsError(f"The output must end in {', '.join(FORMS)}. Received {path.name!r}.")
    require_writable(path)


def read_origin(midi: bytes) -> dict[str, Any]:
    """How a composed MIDI file was made.

    Raises:
        SettingsError: it is no MIDI file, or was not composed by Melody Forge.
    """
    try:
        texts = midi_container.opening_texts(midi_container.unwrap(midi, []))
    except MusicReadError as error:
        raise SettingsError(f"--reproduce must be given a MIDI file that Melody Forge composed. {error}") from None
    origin = origin_told_by(texts.get(midi_container.SEQUENCE_TEXT, ""))
    if not origin:
        raise SettingsError(
            "--reproduce must be given a MIDI file that Melody Forge composed. This one does not say how."
        )
    return origin


def origin_told_by(text: str) -> dict[str, Any]:
    """How music was composed, by the text that came with it; empty where that does not tell."""
    try:
        origin = json.loads(text.removeprefix(TEXT_MARK)) if text.startswith(TEXT_MARK) else None
    except (ValueError, RecursionError):
        origin = None
    if not isinstance(origin, dict) or not {"model", "model_hash", "settings", "index"} <= origin.keys():
        return {}
    return origin if isinstance(origin["settings"], dict) else {}
