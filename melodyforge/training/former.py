"""What becomes of a model that a newer training has replaced: removed when the new one is better, kept otherwise."""

from __future__ import annotations

from pathlib import Path

from melodyforge import folders
from melodyforge.bundle import Model, read_model
from melodyforge.errors import BusyError, ModelFolderError
from melodyforge.model_state import UNFINISHED, hold_model


def settle_former(model_dir: Path, former: Path) -> str:
    """Removes the former model if the new one is better on the very same held-out music.

    Returns:
        What became of it, in a sentence; "" when it is not there.
    """
    if not former.is_dir():
        return ""
    kept = f"The former model is kept as {former.name!r}"
    try:
        new, old = read_model(model_dir), read_model(former)
    except ModelFolderError as error:
        return f"{kept}: {error}"
    if not _are_comparable(new, old):
        return f"{kept}: it was not measured on the same music."
    nats = old.metrics["held_out_nats"]
    if nats <= new.metrics["held_out_nats"]:
        return f"{kept}: its validation loss on the same music is {nats:.3f}."
    try:
        with hold_model(former):
            folders.remove(former)
    except BusyError as error:
        return f"{kept}: {error}"
    return f"The former model is removed: its validation loss on the same music was {nats:.3f}."


def _are_comparable(new: Model, old: Model) -> bool:
    """Whether both were measured to the end on the same held-out music, written down in the same way."""
    ours, theirs = new.recipe.training, old.recipe.training
    return (
        new.config.get("data_fingerprint") == old.config.get("data_fingerprint")
        and new.config.get("sizes") == old.config.get("sizes")
        and new.recipe.representation == old.recipe.representation
        and (ours.held_out, ours.seed, ours.style) == (theirs.held_out, theirs.seed, theirs.style)
        and UNFINISHED not in (new.metrics.get("ended_because"), old.metrics.get("ended_because"))
        and isinstance(old.metrics.get("held_out_nats"), float)
    )
