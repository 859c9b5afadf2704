"""Draws a chorale beside variations of it into docs/images/varied.png, with the starter.

    python -m setup.draw_variations

To be run again whenever the starter is another one.
"""

from __future__ import annotations

import io
from dataclasses import replace

from PIL import Image

from melodyforge.bundle import STARTER_NAME
from melodyforge.cli import run
from melodyforge.compose import generate_music, load
from melodyforge.files import write_bytes
from melodyforge.music.load import load_piece
from melodyforge.music.piece import Piece
from melodyforge.music.roll import draw_roll
from melodyforge.places import PROJECT_DIR
from melodyforge.workshop.cards import EXAMPLES_DIR

PICTURE = PROJECT_DIR / "docs" / "images" / "varied.png"
BARS, WIDTH, SEED, SHARE = 7, 933, 1, 0.5
KEEPS = {
    "Varied": None,
    "Varied, rhythm and harmony kept": "rhythm,harmony",
    "Varied, contour kept": "contour",
}


def main() -> None:
    """Composes, draws, and says what stands of each."""
    primer = load_piece(EXAMPLES_DIR / "chorale.mid").excerpt(0, BARS)
    model, drawn = load(STARTER_NAME), [_drawn(primer, "A chorale")]
    for title, keeps in KEEPS.items():
        (made,) = generate_music(model, primer, vary=SHARE, vary_keeps=keeps, style="bach-chorales", seed=SEED)
        drawn.append(_drawn(made.piece, title))
        print(f"{title}: {'; '.join(made.notices)}")
    picture = Image.new("RGB", (WIDTH, sum(one.height for one in drawn)), "white")
    top = 0
    for one in drawn:
        picture.paste(one, (0, top))
        top += one.height
    data = io.BytesIO()
    picture.quantize(128).save(data, "PNG", optimize=True)
    write_bytes(PICTURE, data.getvalue())


def _drawn(piece: Piece, title: str) -> Image.Image:
    """A piano roll of the usual width."""
    roll = Image.open(io.BytesIO(draw_roll(replace(piece, name=title))))
    return roll.resize((WIDTH, round(roll.height * WIDTH / roll.width)))


if __name__ == "__main__":
    run(main)
