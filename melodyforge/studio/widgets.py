"""What sliders and inputs need to know of a setting, from its declaration. Draws nothing itself."""

from __future__ import annotations

from typing import Any

from melodyforge.settings import ComposeSettings, Section, bounds, default_of, kind_of, shown
from melodyforge.studio.words import label


def offered(section: type[Section], name: str, value: float | None = None) -> dict[str, Any]:
    """Label, lowest and highest number, value, step, format and help for a slider or an input.

    Args:
        section: that declares the setting.
        name: of the setting.
        value: at first, brought into the usual range; None for what the declaration says, which may be nothing.
    """
    kind, known = kind_of(section, name), bounds(section, name)
    about = shown(section, name)
    low, high = about.usual or (known.low, known.high)
    value = next((one for one in (value, about.start, default_of(section, name)) if one is not None), None)
    if about.usual and value is not None:
        value = min(max(value, about.usual[0]), about.usual[1])
    return {
        "label": label(name),
        "min_value": None if low is None else kind(low),
        "max_value": None if high is None else kind(high),
        "value": None if value is None else kind(value),
        "step": None if about.step is None else kind(about.step),
        "format": "%g" if kind is float else None,
        "help": explained(section, name),
    }


def explained(section: type[Section], name: str) -> str:
    """What a setting does, and in which unit its number is."""
    unit = shown(section, name).unit
    return f"{section.model_fields[name].description}{f' (in {unit})' if unit else ''}"


HELP = {name: explained(ComposeSettings, name) for name in ComposeSettings.model_fields}
