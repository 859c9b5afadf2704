"""What was understood of a sentence, and how that is told. Knows neither words that ask for music nor models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from melodyforge.composing.wishes import LENGTHS

MAX_QUOTED = 60  # letters of what is quoted
MOST_QUOTED = 6  # parts


@dataclass(frozen=True)
class Asked:
    """What a sentence asks for.

    Attributes:
        settings: by name, values that the model can be asked for.
        notices: what was read in another way than it was written, or could not be followed, a clause each.
        not_understood: words that nothing is known of.
        words: that each setting comes from.
    """

    settings: dict[str, Any]
    notices: tuple[str, ...] = ()
    not_understood: tuple[str, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """In one line, such as "understood: key D minor, meter 3/4; not understood: 'purple'"."""
        parts = [f"{_label(name)} {_shown(value)}" for name, value in self.settings.items()]
        understood = [f"understood: {', '.join(parts)}"] if parts else []
        unknown = [quoted(words) for words in self.not_understood[:MOST_QUOTED]]
        unknown += ["and more"] * (len(self.not_understood) > MOST_QUOTED)
        missed = [f"not understood: {', '.join(unknown)}"] if unknown else []
        return "; ".join([*understood, *self.notices, *missed]) or "understood: nothing new"

    def without(self, reasons: Mapping[str, str]) -> Asked:
        """The same without some settings, and with the reason why for each: a part of a sentence."""
        told = [f"{quoted(self.words[name])} {why}" for name, why in reasons.items() if name in self.settings]
        kept = {name: value for name, value in self.settings.items() if name not in reasons}
        return replace(self, settings=kept, notices=(*self.notices, *told))

    def fitted(self, values: Mapping[str, Any]) -> Asked:
        """The same with the nearest values that can be had; where these are others, that is said."""
        others = {name: value for name, value in values.items() if value != self.settings[name]}
        told = [
            f"{quoted(self.words[name])} becomes {_label(name)} {_shown(value)} here" for name, value in others.items()
        ]
        return replace(self, settings={**self.settings, **others}, notices=(*self.notices, *told))

    def beside(self, given: Mapping[str, Any]) -> Asked:
        """The same beside settings that are given outright, which win: what says otherwise is left out, and said."""
        lengths = [name for name in LENGTHS if given.get(name) is not None]
        won = {name: name for name in self.settings if given.get(name) is not None}
        won |= {name: lengths[0] for name in self.settings if name in LENGTHS and lengths}
        differs = {name: by for name, by in won.items() if name != by or given[by] != self.settings[name]}
        left = self.without({name: f"gives way to {_label(by)} {_shown(given[by])}" for name, by in differs.items()})
        return replace(left, settings={name: one for name, one in left.settings.items() if name not in won})


def _label(name: str) -> str:
    return name.removeprefix("num_").replace("_", " ")


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def quoted(text: str) -> str:
    """A part of what somebody wrote, cut where it is long."""
    short = text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]} ..."
    return "'" + short.replace("'", "’") + "'"
