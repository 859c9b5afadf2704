"""What the two forms of a head that predicts a number agree on: a mixture of Laplace distributions and atoms.

The Keras form is `networks/layers.py`, the NumPy form `decoding/heads.py`.
"""

from __future__ import annotations

from typing import Any

from melodyforge.tokens.features import Head

NUM_COMPONENTS = 8
NUM_ATOMS = 16  # at most; of music on a grid they say nearly everything, of performed music a good part
SPREAD = 1.5  # locations start this far below and above the mean, in deviations
LEAST_WIDTH = 1e-3
LEAST_CHANCE = 1e-3  # shared out evenly, so that no class is impossible


def num_values(head: Head) -> int:
    """How many numbers a network says for such a head: weights of atoms and components, locations, widths."""
    return len(head.atoms) + 3 * NUM_COMPONENTS


def parts_of(values: Any, num_atoms: int) -> tuple[Any, Any, Any]:
    """What a network says for such a head, taken apart.

    Args:
        values: an array of NumPy or of Keras, shape (..., `num_values`).
        num_atoms: `len(head.atoms)`.

    Returns:
        The weights of atoms and then components, shape (..., num_atoms + NUM_COMPONENTS), and the locations and the
        widths of the components, shape (..., NUM_COMPONENTS); as said, not yet in their ranges.
    """
    num_weights = num_atoms + NUM_COMPONENTS
    return values[..., :num_weights], values[..., num_weights:-NUM_COMPONENTS], values[..., -NUM_COMPONENTS:]
