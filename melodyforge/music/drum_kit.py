"""Drum sounds that General MIDI does not know, as the ones that it knows. Knows numbers only."""

from __future__ import annotations

import numpy as np

from melodyforge.music.piece import NUM_PITCHES

# What electronic kits send for the edge of a hi-hat: silent on other synthesisers.
_BEYOND_GENERAL_MIDI = {22: 42, 26: 46}  # closed, open
_KNOWN = np.arange(NUM_PITCHES, dtype=np.uint8)
_KNOWN[list(_BEYOND_GENERAL_MIDI)] = list(_BEYOND_GENERAL_MIDI.values())


def in_general_midi(pitch: np.ndarray) -> np.ndarray:
    """Drum sounds that any synthesiser plays, uint8, any shape."""
    return _KNOWN.take(pitch)
