"""Words that people read and write: numbers with what they count, what to type, and what was typed in any case.

In a checkout the scripts at its top are named, as in the README; where the package is installed, its command.
"""

from __future__ import annotations

from collections.abc import Iterable

from melodyforge.places import IS_CHECKOUT

SCRIPTS = {
    "prepare": "preprocess.py",
    "train": "train_model.py",
    "compose": "generate_music.py",
    "evaluate": "evaluate_model.py",
}
_EXTRAS = {  # of pyproject.toml, by package
    **dict.fromkeys(("tensorflow", "keras", "tensorboard", "scipy", "sklearn", "matplotlib", "jinja2"), "train"),
    **dict.fromkeys(("streamlit", "starlette", "pandas", "verovio"), "studio"),
    "music21": "scores",
    **dict.fromkeys(("mido", "rtmidi"), "live"),
    **dict.fromkeys(("fluidsynth", "midi2audio"), "sound"),
    "ray": "cluster",
}
_APART = {"live", "cluster"}  # extras that a checkout does not install by itself


def command(name: str) -> str:
    """How to call one of the commands, such as "train"."""
    return f"python {SCRIPTS[name]}" if IS_CHECKOUT else f"melody-forge {name}"


def how_to_install(package: str) -> str:
    """What to do when a package is missing, as a sentence."""
    extra = _EXTRAS.get(package)
    if IS_CHECKOUT and extra in _APART:
        return f"Run `.venv/bin/pip install -e '.[{extra}]'` in the folder of Melody Forge."
    if IS_CHECKOUT:
        return (
            "Run `. .venv/bin/activate` first, in the folder of Melody Forge; if there is no .venv yet, `make setup` "
            "makes it."
        )
    return f"Run `pip install 'melodyforge[{extra}]'`." if extra else f"Run `pip install {package}`."


def counted(number: int, noun: str) -> str:
    """Such as "1 note" and "1,200 notes".

    Args:
        number: how many.
        noun: in the singular, with a plural in -s.
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def in_any_case(word: str, known: Iterable[str]) -> str:
    """The known word that this one is, whatever the case of its letters; the word itself when it is none of them."""
    known = list(known)
    return word if word in known else next((one for one in known if one.casefold() == word.casefold()), word)
