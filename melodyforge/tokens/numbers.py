"""What the two forms of a head that predicts a number agree on: a mixture of Laplace distributions and atoms.

The Keras form is `networks/layers.py`, the NumPy form `decoding/heads.py`.
"""

from __future__ import annotations

from melodyforge.tokens.features import Head

NUM_COMPONENTS = 8
NUM_ATOMS = 16  # at most; of music on a grid they say nearly everything, of performed music a good part
SPREAD = 1.5  # locations start this far below and above the mean, in deviations
LEAST_WIDTH = 1e-3
LEAST_CHANCE = 1e-3  # shared out evenly, so that no class is impossible


def num_values(head: Head) -> int:
    """How many numbers a network says for such a head: weights of atoms and components, locations, widths."""
    return len(head.atoms) + 3 * NUM_COMPONENTS
