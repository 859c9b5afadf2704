"""The model folder: save, load, and refuse parts that do not belong together.

Loading never runs code from a file, nor takes more memory than recipe and vocabulary imply: `plain_pickle`,
`weights_file` and `facts` check what a file declares before it is read. Imports no Keras.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from melodyforge import __version__, folders
from melodyforge.decoding.attention import AttentionNetwork
from melodyforge.decoding.corrections import Corrections, pack_corrections, unpack_corrections
from melodyforge.decoding.lstm import LstmNetwork
from melodyforge.decoding.network import DecodingNetwork
from melodyforge.decoding.shapes import layer_shapes
from melodyforge.decoding.weights import Weights
from melodyforge.errors import MelodyForgeError, ModelFolderError, TooMuchError, UnpackError
from melodyforge.facts import FORMAT, read_config, read_metrics
from melodyforge.figures.critic import Critic, pack_critic, unpack_critic
from melodyforge.files import read_at_most
from melodyforge.model_state import (
    CONFIG_FILE,
    HISTORY_FILE,
    INDEX_FILE,
    METRICS_FILE,
    MODEL_FILES,
    VOCABULARY_FILE,
    WEIGHTS_FILE,
    hold_model,
    read_state,
)
from melodyforge.originality import index_file
from melodyforge.originality.index import MusicIndex
from melodyforge.places import MODELS_DIR, STARTER_DIR
from melodyforge.plain_pickle import read_plain_pickle
from melodyforge.recipe import Recipe
from melodyforge.tokens import representation_class
from melodyforge.tokens.headings import Passage, pack_passages, unpack_passages
from melodyforge.tokens.representation import Representation
from melodyforge.weights_file import most_bytes, read_weights
from melodyforge.words import command

STARTER_NAME = "starter"
WRITTEN_ANEW = ("format", "version", "recipe", "sizes", "sha256")  # of config.json, whenever a model is saved
MAX_VOCABULARY_BYTES = 8 * 2**20  # the largest that a recipe allows has 5
NETWORKS: dict[str, Callable[[Weights, Representation, Recipe], DecodingNetwork]] = {
    "lstm": LstmNetwork,
    "attention": AttentionNetwork,
}


@dataclass(frozen=True, kw_only=True)
class Model:
    """A trained model, ready to compose.

    Attributes:
        folder: where it lies; its name is the model's.
        recipe: how it was made.
        representation: with its vocabulary.
        config: what config.json holds.
        metrics: what was measured on held-out music.
        hash: of weights and vocabulary, 16 hexadecimal digits.
        passages: of training music, to start from; all of the same length.
        critic: of what it composes, if one has been taught.
        corrections: of what it does too often or too seldom, if that is known.
    """

    folder: Path
    recipe: Recipe
    representation: Representation
    config: dict[str, Any]
    metrics: dict[str, Any]
    hash: str
    passages: list[Passage] = field(default_factory=list)
    critic: Critic | None = None
    corrections: Corrections | None = None

    def __repr__(self) -> str:
        """In one line."""
        return f"<Model {self.name!r} of the recipe {self.recipe.name!r}, hash {self.hash}>"

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.folder.name

    @cached_property
    def network(self) -> DecodingNetwork:
        """The trained network in NumPy; made when it is first needed, which showing a model is not.

        Raises:
            ModelFolderError: weights and vocabulary do not fit together.
        """
        data = _read_weights_file(self.folder, self.representation, self.recipe)
        if hashlib.sha256(data).hexdigest() != self.config["sha256"][WEIGHTS_FILE]:
            raise ModelFolderError(f"The model {self.name!r} was saved anew since it was read. Load it again.")
        return read_network(data, self.representation, self.recipe)

    @property
    def has_index(self) -> bool:
        """Whether copies of its training music can be found."""
        return INDEX_FILE in self.config.get("sha256", {})

    @cached_property
    def index(self) -> MusicIndex | None:
        """By which copies of the training music are found; read when it is first needed, None if there is none.

        Raises:
            ModelFolderError: it is damaged.
        """
        if not self.has_index:
            return None
        return index_file.unpack_index(_read_index(self.folder, self.config))


@dataclass(frozen=True, kw_only=True)
class ModelParts:
    """What `save_model` writes.

    Attributes:
        write_weights: writes a Keras weights file to the path it is given.
        history: the text of history.csv.
        passages: of training music.
        critic: of what the model composes.
        corrections: of it.
        index: of the training music.
    """

    recipe: Recipe
    representation: Representation
    write_weights: Callable[[Path], None]
    config: dict[str, Any]
    metrics: dict[str, Any]
    history: str
    passages: tuple[Passage, ...] = ()
    critic: Critic | None = None
    corrections: Corrections | None = None
    index: MusicIndex | None = None


def list_models(models_dir: str | Path = MODELS_DIR) -> list[str]:
    """Names of the models, sorted; `find_model` gives their folders."""
    return sorted(_model_folders(Path(models_dir)))


def models_by_age(models_dir: Path = MODELS_DIR) -> list[Path]:
    """The folders of all models: the user's newest finished one first, the starter and those left unfinished last."""
    known = _model_folders(models_dir).values()
    unfinished = {folder for folder in known if not read_state(folder).is_finished}

    def rank(folder: Path) -> tuple[bool, bool, float]:
        return folder in unfinished, folder.name == STARTER_NAME, -saved_at(folder)

    return sorted(known, key=rank)


def find_model(name: str | Path | None, models_dir: str | Path = MODELS_DIR) -> Path:
    """The folder of a model: by its name or its path; without a name the first of `models_by_age`.

    Raises:
        ModelFolderError: there is none, or a file is named.
    """
    models_dir = Path(models_dir)
    if name is not None:
        known = _model_folders(models_dir)
        folder, path = known.get(str(name), models_dir / name), Path(name)
        try:
            if str(name) and not path.is_file():
                return folder if folders.version(folder) or not path.is_dir() else path
        except (OSError, ValueError):  # no file can have this name
            pass
        raise ModelFolderError(
            f"Expected a model's name or folder. Received {str(name)!r}. Models there are: {', '.join(known)}."
        )
    found = models_by_age(models_dir)
    if not found:
        raise ModelFolderError(
            f"Model not found: expected a trained model in {models_dir}. Received none. Run `{command('train')}` first."
        )
    return found[0]


def saved_at(folder: Path) -> float:
    """When a model was saved, in seconds since 1970; 0 where there is none."""
    try:
        return folders.read_steadily(folder, lambda: (folder / CONFIG_FILE).stat().st_mtime)
    except OSError:
        return 0.0


def _model_folders(models_dir: Path) -> dict[str, Path]:
    """Models by name; the starter stands beside the user's own, but not beside other collections."""
    names = _names(models_dir)
    while (again := _names(models_dir)) != names:  # one was just being replaced, and stood under neither name
        names = again
    found = {name: models_dir / name for name in names}
    if models_dir == MODELS_DIR and (STARTER_DIR / CONFIG_FILE).is_file():
        found[STARTER_NAME] = STARTER_DIR
    return found


def _names(models_dir: Path) -> set[str]:
    names = {config.parent.name for config in models_dir.glob(f"*/{CONFIG_FILE}")}
    return {name for name in names | folders.names_being_replaced(models_dir) if not name.startswith(".")}


def save_model(folder: Path, parts: ModelParts) -> None:
    """Writes a model folder as a whole; the one that stood there before is replaced only once all is written.

    Raises:
        BusyError: another process trains or changes the model.
        OutputError: the folder cannot be written.
    """
    with hold_model(folder), folders.replacing(folder) as new:
        _write_parts(new, parts)


def add_critic(folder: Path, critic: Critic, corrections: Corrections | None = None) -> None:
    """Gives a model a critic, and corrections; all else stays as it is. The caller holds the model.

    Raises:
        ModelFolderError: there is no such model.
        OutputError: the folder cannot be written.
    """
    model = read_model(folder)
    parts = ModelParts(
        recipe=model.recipe,
        representation=model.representation,
        write_weights=partial(_copy, folder / WEIGHTS_FILE),
        config={name: value for name, value in model.config.items() if name not in WRITTEN_ANEW},
        metrics=model.metrics,
        history=(folder / HISTORY_FILE).read_text(encoding="utf-8"),
        passages=tuple(model.passages),
        critic=critic,
        corrections=corrections,
        index=model.index,
    )
    with folders.replacing(folder) as new:
        _write_parts(new, parts)


def add_index(folder: Path, index: MusicIndex) -> None:
    """Gives a model an index of its training music, in place of the one that it may have; no other file changes.

    The caller holds the model.

    Raises:
        ModelFolderError: there is no such model.
        OutputError: the folder cannot be written.
    """
    config = read_model(folder).config
    with folders.replacing(folder) as new:
        shutil.copytree(folder, new, dirs_exist_ok=True)
        config["sha256"] |= _write_index(new, index)
        (new / CONFIG_FILE).write_text(json.dumps(config, indent=1), encoding="utf-8")


def load_model(folder: Path) -> Model:
    """Loads a model folder for composing.

    Raises:
        ModelFolderError: it is missing, incomplete, of another version, or its parts do not fit together.
    """
    return folders.read_steadily(Path(folder), lambda: _complete(_read_once(Path(folder))))


def read_model(folder: Path) -> Model:
    """As `load_model`, but what weights and index hold shows only when they are used."""
    return folders.read_steadily(Path(folder), lambda: _read_once(Path(folder)))


def _complete(model: Model) -> Model:
    try:
        _ = model.network, model.index
    except ModelFolderError as error:
        raise ModelFolderError(f"The model {model.folder} cannot be used: {error}") from None
    return model


def _read_once(folder: Path) -> Model:
    """Reads a model folder; what goes wrong may be due to its being replaced meanwhile."""
    _require_files(folder)
    config, metrics = read_config(folder), read_metrics(folder)
    try:
        recipe = Recipe.check(config["recipe"])
        vocabulary_bytes = read_at_most(folder / VOCABULARY_FILE, MAX_VOCABULARY_BYTES)
        vocabulary = read_vocabulary(vocabulary_bytes)
        packed = vocabulary.pop("critic", None)
        critic = None if packed is None else unpack_critic(packed)
        packed = vocabulary.pop("corrections", None)
        corrections = None if packed is None else unpack_corrections(packed)
        representation = _representation(recipe, vocabulary)
        weights = _read_weights_file(folder, representation, recipe)
        files = {WEIGHTS_FILE: weights, VOCABULARY_FILE: vocabulary_bytes}
        _require_unchanged(config, files, representation, recipe)
        if INDEX_FILE in config["sha256"]:
            _read_index(folder, config)
    except (MelodyForgeError, OSError) as error:
        raise ModelFolderError(f"The model {folder} cannot be used: {error}") from None
    passages = unpack_passages(vocabulary.get("passages", []), representation.row_dtype)
    digest = hashlib.sha256(weights + vocabulary_bytes).hexdigest()[:16]
    return Model(
        folder=folder,
        recipe=recipe,
        representation=representation,
        config=config,
        metrics=metrics,
        hash=digest,
        passages=passages,
        critic=critic,
        corrections=corrections,
    )


def read_vocabulary(data: bytes) -> dict[str, Any]:
    """Unpickles a vocabulary; nothing but plain lists, strings and numbers is admitted.

    Raises:
        ModelFolderError: the file holds anything else, or is no pickle.
    """
    try:
        state = read_plain_pickle(data)
    except UnpackError as error:
        raise ModelFolderError(
            f"{VOCABULARY_FILE} must hold plain lists, strings and numbers. Received {error}. Do not use this model."
        ) from None
    if not isinstance(state, dict):
        raise ModelFolderError(f"{VOCABULARY_FILE} must hold a dict. Received a {type(state).__name__}.")
    return state


def read_network(weights: bytes, representation: Representation, recipe: Recipe) -> DecodingNetwork:
    """The network of a Keras weights file.

    Raises:
        ModelFolderError: it is damaged, or holds other weights than vocabulary and recipe need.
    """
    arrays = read_weights(weights, layer_shapes(representation, recipe.network))
    return NETWORKS[recipe.network.kind](arrays, representation, recipe)


def _representation(recipe: Recipe, state: dict[str, Any]) -> Representation:
    if state.get("kind") != recipe.representation.kind:
        raise ModelFolderError(
            f"{VOCABULARY_FILE} must be of kind {recipe.representation.kind!r}. Received {state.get('kind')!r}."
        )
    return representation_class(recipe.representation).from_state(recipe.representation, state)


def _read_weights_file(folder: Path, representation: Representation, recipe: Recipe) -> bytes:
    try:
        return read_at_most(folder / WEIGHTS_FILE, most_bytes(layer_shapes(representation, recipe.network)))
    except TooMuchError as error:
        raise ModelFolderError(f"Weights, vocabulary and recipe are not of one model: {error}") from None


def _read_index(folder: Path, config: dict[str, Any]) -> bytes:
    """The bytes of the index that was saved with the model.

    Raises:
        ModelFolderError: it is missing, too large, or another.
    """
    try:
        data = read_at_most(folder / INDEX_FILE, index_file.MAX_BYTES)
    except (OSError, TooMuchError) as error:
        raise ModelFolderError(f"{INDEX_FILE}, which belongs to the model, cannot be read: {error}") from None
    if hashlib.sha256(data).hexdigest() != config["sha256"][INDEX_FILE]:
        raise ModelFolderError(f"{INDEX_FILE} is not the file that was saved with it. Copy the whole folder again.")
    return data


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)


def _write_parts(folder: Path, parts: ModelParts) -> None:
    parts.write_weights(folder / WEIGHTS_FILE)
    known: dict[str, Any] = {"kind": parts.representation.kind, "passages": pack_passages(parts.passages)}
    if parts.critic:
        known["critic"] = pack_critic(parts.critic)
    if parts.corrections:
        known["corrections"] = pack_corrections(parts.corrections)
    vocabulary = pickle.dumps(known | parts.representation.state(), protocol=4)
    (folder / VOCABULARY_FILE).write_bytes(vocabulary)
    index = _write_index(folder, parts.index) if parts.index else {}
    config = {
        "format": FORMAT,
        "version": __version__,
        "recipe": parts.recipe.model_dump(),
        "sizes": parts.representation.sizes,
        "sha256": {
            WEIGHTS_FILE: hashlib.sha256((folder / WEIGHTS_FILE).read_bytes()).hexdigest(),
            VOCABULARY_FILE: hashlib.sha256(vocabulary).hexdigest(),
        }
        | index,
    } | parts.config
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=1), encoding="utf-8")
    (folder / METRICS_FILE).write_text(json.dumps(parts.metrics, indent=1), encoding="utf-8")
    (folder / HISTORY_FILE).write_text(parts.history, encoding="utf-8")
    folder.chmod(0o755)
    for name in (*MODEL_FILES, *index):
        with (folder / name).open("rb") as file:
            os.fsync(file.fileno())


def _write_index(folder: Path, index: MusicIndex) -> dict[str, str]:
    """Writes an index; gives its checksum by its name."""
    data = index_file.pack_index(index)
    (folder / INDEX_FILE).write_bytes(data)
    return {INDEX_FILE: hashlib.sha256(data).hexdigest()}


def _require_files(folder: Path) -> None:
    if not folder.is_dir():
        known = ", ".join(list_models(folder.parent) or list_models()) or "none"
        raise ModelFolderError(
            f"Model not found: expected the folder {folder}. Models there are: {known}. Run `{command('train')}` first."
        )
    missing = [name for name in MODEL_FILES if not (folder / name).is_file()]
    if missing:
        raise ModelFolderError(
            f"The model {folder} must hold {', '.join(MODEL_FILES)}. Missing: {', '.join(missing)}. Train it again."
        )


def _require_unchanged(
    config: dict[str, Any], files: dict[str, bytes], representation: Representation, recipe: Recipe
) -> None:
    for name, data in files.items():
        if config["sha256"].get(name) != hashlib.sha256(data).hexdigest():
            read_network(files[WEIGHTS_FILE], representation, recipe)  # names sizes where they differ
            raise ModelFolderError(
                f"{name} is not the file that was saved with it. Copy the whole folder again, or train it again."
            )
