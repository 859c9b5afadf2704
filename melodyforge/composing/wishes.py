"""What is asked of a model: settings with its own sampling, and wishes that it has learnt to follow."""

from __future__ import annotations

from typing import Any

import numpy as np

from melodyforge.bundle import Model
from melodyforge.composing.forms import asks_for_sections
from melodyforge.errors import SettingsError
from melodyforge.settings import OF_A_PRIMER, ComposeSettings, Wishes
from melodyforge.tokens.wishes import TempoWish

# Given by a primer of which parts stay.
OF_WHOLE_PIECES = (
    *("num_notes", "num_bars", "num_seconds", "ending", "form", "start", "passage_notes"),
    *("primer_notes", "primer_bars", "tempo", "meter"),
)
OF_FREE_RHYTHM = ("instruments", "density", "polyphony", "grid", "most_at_once")  # given by a rhythm that is kept
LENGTHS = ("num_notes", "num_bars", "num_seconds")  # of which people give one


def default_settings(model: Model, **values: Any) -> ComposeSettings:
    """Settings with the sampling that the model's recipe recommends; values that are None are left as they are.

    Raises:
        SettingsError: a value cannot be used.
    """
    controls = model.representation.controls
    spelled = controls.spelled(values) if controls else values
    return ComposeSettings().changed(**model.recipe.sampling.model_dump()).changed(**spelled)


def wished_settings(model: Model, has_primer: bool, joins: bool = False, **wishes: Any) -> ComposeSettings:
    """As `default_settings`, for wishes that people write by hand: refuses those that would have no effect.

    Args:
        model: that is asked.
        has_primer: whether there is music to go on from.
        joins: whether other music is joined to it.
        wishes: settings by their names; None for what is left open.

    Raises:
        SettingsError: a wish cannot be used, or not together with the others.
    """
    settings = default_settings(model, **wishes)
    given = {name for name, value in wishes.items() if value is not None}
    lengths = [name for name in LENGTHS if name in given]
    if len(lengths) > 1:
        raise SettingsError(f"`{lengths[0]}` must stand alone. Received `{lengths[1]}`, too. Leave one of them out.")
    for name, reason in without_effect(model, settings, has_primer, joins).items():
        if name in given:
            raise SettingsError(f"`{name}` has no effect {reason}. Leave it out, or change that.")
    return settings


def without_effect(model: Model, settings: ComposeSettings, has_primer: bool, joins: bool = False) -> dict[str, str]:
    """Settings that do nothing here, and why; see `wished_settings`."""
    reasons = {}
    no_passage = "" if model.passages else "with a model that has learnt no passages"
    no_passage = "beside a primer" if has_primer else no_passage
    if settings.start == "passage" and no_passage:
        reasons["start"] = reasons["passage_notes"] = no_passage
    elif settings.start == "nothing":
        reasons["passage_notes"] = "unless the music starts from a passage"
    is_asked = asked_controls(model, settings).any()
    if not model.critic:
        reasons["effort"] = "with a model that has no critic to choose by: train it for a minute or more"
        if not is_asked:
            reasons["best_of"] = "without a wish, and with a model that has no critic to choose by"
    if has_primer or settings.start == "passage":
        reasons["form"] = "where music is gone on from"
    if not has_primer:
        reasons |= dict.fromkeys(OF_A_PRIMER, "without a primer")
    elif settings.keeps_parts or joins:
        reasons |= dict.fromkeys(OF_WHOLE_PIECES, "where parts of the primer stay as they are")
    if not joins:
        reasons["bridge_bars"] = "unless another take is joined to a primer"
    if has_primer and not settings.vary:
        reasons["vary_keeps"] = "unless the primer is varied"
    elif settings.keeps_rhythm:
        reasons |= dict.fromkeys(OF_FREE_RHYTHM, "where the rhythm is kept")
    if not is_asked:
        reasons["guidance"] = "without a wish to be followed, such as a style"
    return reasons


def asked_controls(model: Model, settings: ComposeSettings) -> np.ndarray:
    """What the settings ask for, as the model's controls; empty for a model that has learnt none.

    Raises:
        SettingsError: the model has not learnt what is asked for.
    """
    controls = model.representation.controls
    if asks_for_sections(settings) and not model.representation.knows_forms:
        raise SettingsError(
            f"`form` needs a model that has learnt forms, such as one of the recipe forge. Received the model "
            f"{model.name!r}, which has not. Train it anew, or leave the form out."
        )
    known = list(controls.wishes) if controls else [TempoWish.name]  # which takes no learning
    for name in Wishes.model_fields:
        if getattr(settings, name) is not None and name not in known:
            raise SettingsError(
                f"`{name}` needs a model that has learnt it, such as one of the recipe forge. Received the model "
                f"{model.name!r} of the recipe {model.recipe.name!r}, which can be asked for: {', '.join(known)}."
            )
    return controls.asked(settings) if controls else np.zeros(0, np.int16)


def require_index(model: Model, settings: ComposeSettings) -> None:
    """Makes sure that copies can be found where they are not wanted.

    Raises:
        SettingsError: the model has no index of its training music.
    """
    if settings.max_shared_notes is not None and not model.has_index:
        raise SettingsError(
            f"`max_shared_notes` needs a model that has an index of its training music. Received the model "
            f"{model.name!r}, which has none. Train it anew, add one with setup/add_index.py, or leave that out."
        )
