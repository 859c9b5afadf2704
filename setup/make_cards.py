"""Composes the examples of the starter's cards, which the studio's first page shows.

    python -m setup.make_cards [--seed S]

To be run again whenever the starter is another one; then look and listen, and choose other seeds.
"""

from __future__ import annotations

import argparse

from melodyforge.bundle import STARTER_NAME
from melodyforge.cli import Parser, run
from melodyforge.compose import compose, load
from melodyforge.composing.wishes import default_settings
from melodyforge.files import write_bytes
from melodyforge.workshop.cards import cards_of, example_file

SEEDS = {
    "chorale": 5,
    "fiddle-tune": 4,
    "nocturne": 4,
    "song": 8,
    "string-quartet": 1,
    "pop": 3,
    "beat": 2,
}


def main() -> None:
    """Composes one after the other, and says what became of each."""
    parser = Parser(prog="-m setup.make_cards", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seed", type=int, help="random seed for all of them (default: those that were chosen)")
    seed, model = parser.parse_args().seed, load(STARTER_NAME)
    for card in cards_of(model):
        (made,) = compose(
            model, default_settings(model, seed=SEEDS[card.name] if seed is None else seed, **card.wishes)
        )
        write_bytes(example_file(model, card), made.to_midi())
        print(f"{example_file(model, card)}: {made}{''.join(f'; {notice}' for notice in made.notices)}")


if __name__ == "__main__":
    run(main)
