"""The starter composes the very same for the same seed, however the code around it is rebuilt.

When what it composes is changed on purpose (other weights, another way of drawing or of writing MIDI), the digests
change with it: `python -m tests.test_same_notes` prints those of today.
"""

import hashlib
from dataclasses import replace

import pytest

from melodyforge.compose import generate_music, load
from tests.music_samples import tune

DIGESTS = {
    "nothing": "75468d74ea967ca6",
    "two at once, in a style": "e814de54dca73f8f",
    "key, mood and tempo": "21b74a2fd046e052",
    "bars and meter": "7e5e458fce4c3e3f",
    "instruments and density": "198bd8eca1930b9e",
    "a primer": "779281be7e2b0d60",
}
ASKED = {
    "nothing": {},
    "two at once, in a style": {"style": "chopin", "num_pieces": 2},
    "key, mood and tempo": {"key": "D minor", "mood": "sad", "tempo": 90.0},
    "bars and meter": {"num_bars": 8, "meter": "3/4"},
    "instruments and density": {"instruments": ["violin"], "density": "dense"},
    "a primer": {"primer": tune(), "primer_notes": 30},
}


def digest(asked) -> str:
    """Of the MIDI files, without the text that tells the version."""
    length = {} if "num_bars" in asked else {"num_notes": 60}
    made = generate_music(load("starter"), seed=5, **length, **asked)
    files = [replace(one, piece=replace(one.piece, text="")).to_midi() for one in made]
    return hashlib.sha256(b"".join(files)).hexdigest()[:16]


@pytest.mark.parametrize("asked", ASKED)
def test_the_starter_composes_the_same_bytes(asked):
    assert digest(ASKED[asked]) == DIGESTS[asked]


if __name__ == "__main__":
    for name, asked in ASKED.items():
        print(f'    "{name}": "{digest(asked)}",')
