"""The files that a take can be taken along as: what is heard, with the parts and instruments as they are mixed."""

from __future__ import annotations

import json
from collections.abc import Callable

import streamlit as st

from melodyforge.composition import Composition
from melodyforge.music.audio import render_ogg
from melodyforge.music.instruments import instrument_name
from melodyforge.music.mix import Fader, Mix, mix_of
from melodyforge.music.piece import FULL_VOLUME
from melodyforge.music.timeline import heard_with_names, parts_of
from melodyforge.studio.media import sound_address
from melodyforge.studio.words import plain
from melodyforge.workshop.sounds import KeptSound
from melodyforge.workshop.takes import Take

MUSICXML = "application/vnd.recordare.musicxml+xml"


def downloads(take: Take, sound: KeptSound, mix: str) -> None:
    """Buttons for the files of a take.

    Args:
        take: that is taken along.
        sound: of it as it is.
        mix: how it is heard (`mix_of`); "" as it is.
    """
    name, faders = take.file_name, mix_of(mix)
    composition = Composition(heard_with_names(take.piece, faders))
    midi = composition.to_midi() if mix else take.midi
    settings = json.dumps(take.origin, indent=1)
    files: list[tuple[str, str | bytes | Callable[[], bytes], str, str, str]] = [
        ("MIDI", midi, f"{name}.mid", "audio/midi", "Notes, for music programs and keyboards"),
        ("OGG", lambda: render_ogg(composition.piece), f"{name}.ogg", "audio/ogg", "Sound, a tenth of the size of WAV"),
        ("MusicXML", composition.to_musicxml, f"{name}.musicxml", MUSICXML, "A score, for notation programs"),
        ("Picture", composition.to_png, f"{name}.png", "image/png", "The piano roll"),
        ("Settings", settings, f"{name}.json", "application/json", "Model, wishes and random seed"),
    ]
    with st.container(horizontal=True):
        for label, data, file_name, mime, about in files:
            st.download_button(label, data, file_name, mime, key=f"get_{label.lower()}", on_click="ignore", help=about)
            if label == "MIDI":  # sound is a file already; Streamlit would hold it in memory, and for a moment only
                wav, parts = (sound_address(sound, f"{name}.{ending}", mix) for ending in ("wav", "zip"))
                st.link_button("WAV", wav, key="get_wav", help="Sound, as you hear it here")
                st.link_button("Parts", parts, key="get_parts", help="Each part alone, as WAV files in a zip")
    if faders:
        st.caption(f"As you hear it: {plain(_told(take, faders))}")


def _told(take: Take, mix: Mix) -> str:
    """What differs from the take as it is, such as "without alto · bass at 50 % · soprano played by flute"."""
    parts = [(one["name"], mix.get(one["part"], Fader())) for one in parts_of(take.piece)]
    silent = [name for name, fader in parts if not fader.volume]
    facts = [f"without {', '.join(silent)}"] if silent else []
    facts += [f"{name} at {fader.volume} %" for name, fader in parts if 0 < fader.volume < FULL_VOLUME]
    facts += [
        f"{name} played by {instrument_name(fader.program)}"
        for name, fader in parts
        if fader.volume and fader.program is not None
    ]
    return " · ".join(facts)
