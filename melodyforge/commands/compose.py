"""Composes new music with a trained model."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from melodyforge.cli import Parser, whole_number
from melodyforge.errors import MusicReadError, SettingsError
from melodyforge.flags import add_cluster_flag, add_flags, add_model_flag, flag
from melodyforge.places import OUTPUT_DIR
from melodyforge.settings import ComposeSettings, SamplingSettings, Topic
from melodyforge.words import command, counted

if TYPE_CHECKING:
    from melodyforge.bundle import Model
    from melodyforge.composing.manner import Manner
    from melodyforge.composing.takes import Growing
    from melodyforge.composition import Composition
    from melodyforge.music.piece import Piece

USUAL_OUTPUT = OUTPUT_DIR / "generated_music.mid"


def main(argv: list[str] | None = None) -> None:
    """Runs the command."""
    arguments = parse_arguments(argv)
    if any((arguments.play, arguments.play_to, arguments.midi_out, arguments.midi_in, arguments.turn_bars)):
        from melodyforge.commands.play import play

        play(arguments)
        return
    if arguments.cluster:
        compose_on_cluster(arguments)
        return
    started = time.perf_counter()
    compositions = compose_pieces(arguments)
    for path, composition in zip(output_paths(arguments.output, len(compositions)), compositions, strict=True):
        save(composition, path, arguments)
    print(f"{len(compositions)} composed in {time.perf_counter() - started:.1f} s")


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = Parser(prog=command("compose"), description=__doc__)
    basis = parser.topic(Topic.BASIS)
    add_model_flag(basis)
    basis.add_argument("--reproduce", type=Path, metavar="FILE", help="compose this composed MIDI file again")
    basis.add_argument("--primer", type=Path, metavar="FILE", help="music to continue: MIDI, MusicXML or ABC")
    basis.add_argument("--join", type=Path, metavar="FILE", help="music to follow behind the primer, by a bridge")
    basis.add_argument(
        "--like", type=Path, nargs="+", metavar="FILE", help="one to five pieces to compose like, or their style file"
    )
    basis.add_argument("--keep-like", type=Path, metavar="FILE", help="keep what --like learns in this style file")
    basis.add_argument(
        "--ask", metavar="TEXT", help='what to compose, in words: "a sad waltz in D minor, slow"; flags win over them'
    )
    add_flags(parser, ComposeSettings, defaults=dict.fromkeys(SamplingSettings.model_fields, "the model's own"))
    add_cluster_flag(parser)
    live = parser.topic("to listen while it is composed")
    live.add_argument("--play", action="store_true", help="play until Ctrl-C; wishes may be typed meanwhile")
    live.add_argument("--play-to", type=Path, metavar="FILE", help="play into this WAV file instead")
    live.add_argument("--midi-out", metavar="NAME", help="play on this MIDI port instead; a wrong name lists them")
    live.add_argument("--midi-in", metavar="NAME", help="answer what is played on this MIDI port, turn by turn")
    live.add_argument(
        "--turn-bars",
        type=whole_number(1, 64),
        metavar="N",
        help="bars that you play, and that are answered, with --midi-in (1 to 64; default: 4)",
    )
    files = parser.topic("files")
    files.add_argument(
        "--output",
        type=Path,
        default=USUAL_OUTPUT,
        metavar="FILE",
        help="where the MIDI file goes; several get numbers (default: %(default)s)",
    )
    files.add_argument("--wav", action="store_true", help="write sound beside it")
    files.add_argument("--musicxml", action="store_true", help="write a score beside it")
    return parser.parse_args(argv)


def compose_pieces(arguments: argparse.Namespace) -> list[Composition]:
    """Does what the command line asks for."""
    from melodyforge.compose import compose

    if arguments.reproduce:
        return [compose_again(arguments)]
    model, settings, primer, join = asked(arguments)
    require_outputs(arguments, settings.num_pieces)
    manner = manner_of(arguments, model)
    about = [f"temperature {settings.temperature:g}, random seed {settings.seed}"]

    def listener(_: Growing) -> None:
        if about:  # once there are notes: by then nothing can be wrong with the settings
            tell_composer(arguments, model, about.pop())

    return compose(model, settings, primer, listener, join, manner)


def manner_of(arguments: argparse.Namespace, model: Model) -> Manner | None:
    """What `--like` asks for, kept where `--keep-like` says.

    Raises:
        SettingsError: pieces or a style file cannot be used, or do not go together.
    """
    from melodyforge.composing.manner import SUFFIX, learn_manner, read_manner, require_few, require_style_file
    from melodyforge.files import require_writable
    from melodyforge.music.load import load_piece

    paths: list[Path] = arguments.like or []
    if arguments.keep_like:
        require_writable(require_style_file(arguments.keep_like))
    if any(path.suffix.lower() == SUFFIX for path in paths):
        if len(paths) > 1 or arguments.keep_like:
            raise SettingsError("A style file must stand alone behind --like. Received more. Leave the others out.")
        return read_manner(paths[0], model)
    if not paths:
        if arguments.keep_like:
            raise SettingsError("--keep-like has no effect without --like. Leave it out, or name pieces.")
        return None
    require_few(paths)
    try:
        pieces = [load_piece(path := one) for one in paths]
    except MusicReadError as error:
        raise MusicReadError(f"--like {path}: {error}") from None
    manner = learn_manner(model, pieces)
    if arguments.keep_like:
        manner.save(arguments.keep_like)
        print(f"{arguments.keep_like}: what was learnt of {counted(len(paths), 'piece')}; give it to --like again")
    return manner


def compose_again(arguments: argparse.Namespace) -> Composition:
    """Composes a composed file once more."""
    from melodyforge.compose import load, reproduce
    from melodyforge.composition import read_origin
    from melodyforge.files import read_bytes

    require_no_wishes(wishes_of(arguments) | {"ask": arguments.ask})
    origin = read_origin(read_bytes(arguments.reproduce))
    model = load(arguments.model or origin.get("model"))
    primer, join = given_music(arguments)
    require_outputs(arguments, 1)
    return reproduce(model, origin, primer, join, manner_of(arguments, model))


def asked(arguments: argparse.Namespace) -> tuple[Model, ComposeSettings, Piece | None, Piece | None]:
    """What is to be composed: the model, how, the primer and the take that is joined to it."""
    from melodyforge.compose import load
    from melodyforge.composing.wishes import wished_settings

    wishes, model = wishes_of(arguments), load(arguments.model)
    primer, join = given_music(arguments)
    if arguments.ask is not None:
        wishes |= asked_in_words(model, arguments.ask, wishes, primer is not None)
    return model, wished_settings(model, primer is not None, join is not None, **wishes), primer, join


def wishes_of(arguments: argparse.Namespace) -> dict[str, object]:
    """The settings that flags give, None where they give none."""
    return {name: getattr(arguments, name) for name in ComposeSettings.model_fields}


def given_music(arguments: argparse.Namespace) -> tuple[Piece | None, Piece | None]:
    """The primer, and the take that is joined to it."""
    from melodyforge.music.load import load_piece

    primer, join = (load_piece(path) if path else None for path in (arguments.primer, arguments.join))
    return primer, join


def compose_on_cluster(arguments: argparse.Namespace) -> None:
    """Composes what is not there yet on a cluster; an earlier run's seed holds where none is given."""
    from melodyforge.bulk import Bulk, Shelf, compose_in_bulk
    from melodyforge.cluster import connect
    from melodyforge.progress import show_progress

    if arguments.reproduce:
        raise SettingsError("--cluster does not go with --reproduce, which composes one file. Leave one of them out.")
    model, settings, primer, join = asked(arguments)
    require_outputs(arguments, 1)
    shelf = Shelf(arguments.output)
    known = shelf.begun_with()
    if known and arguments.seed is None:
        settings = settings.changed(seed=known["settings"]["seed"])
    suffixes = [form.suffix for form in forms(arguments.output, arguments)]
    bulk = Bulk(model, settings, suffixes, primer, join, manner_of(arguments, model))
    with connect(arguments.cluster) as cluster, show_progress("Composing", "pieces") as on_progress:
        print(f"model {model.name}, random seed {settings.seed}, {counted(cluster.num_processors, 'processor')}")
        started = time.perf_counter()
        tally = compose_in_bulk(bulk, shelf, cluster, on_progress)
        seconds = time.perf_counter() - started
    print(f"{shelf.file(0, suffixes[0])} to {shelf.file(settings.num_pieces - 1, suffixes[0]).name} are there")
    rate = tally.num_notes / seconds / cluster.num_processors
    print(
        f"{counted(tally.num_pieces, 'piece')} with {counted(tally.num_notes, 'note')} composed in {seconds:.1f} s, "
        f"{rate:,.0f} notes a second and processor; {tally.num_unsound:,} of them kept although not as asked"
    )


def tell_composer(arguments: argparse.Namespace, model: Model, about: str) -> None:
    """Says what composes."""
    from melodyforge.bundle import STARTER_NAME

    if not arguments.model and model.name == STARTER_NAME:
        print(f"No model of your own yet: the starter composes. `{command('train')} --from starter` makes one.")
    print(f"model {model.name}, {about}")


def asked_in_words(model: Model, text: str, given: dict[str, object], has_primer: bool) -> dict[str, object]:
    """What words ask for beside the flags that are given; says what was understood.

    Raises:
        SettingsError: nothing was.
    """
    from melodyforge.asking.ask import understand
    from melodyforge.composing.wishes import default_settings, without_effect

    asked = understand(model, text).beside(given)
    settings = default_settings(model, **given | asked.settings)
    idle = without_effect(model, settings, has_primer)
    asked = asked.without({name: f"has no effect {why}" for name, why in idle.items()})
    print(asked)
    return asked.settings


def require_no_wishes(wishes: dict[str, object]) -> None:
    """Refuses settings for what is to be composed as before.

    Raises:
        SettingsError: there are some.
    """
    for name, value in wishes.items():
        if value is not None:
            raise SettingsError(
                f"{flag(name)} does not go with --reproduce, which composes a file as it was. Leave one of them out."
            )


def require_outputs(arguments: argparse.Namespace, num_pieces: int) -> None:
    """Makes sure that all can be written before it is composed.

    Raises:
        SettingsError: a name stands for no form of music, or is that of the primer.
        OutputError: a file cannot be written.
    """
    from melodyforge.composition import require_output

    require_output(arguments.output)
    for form in forms(arguments.output, arguments):
        require_output(form)
    written = [form for path in output_paths(arguments.output, num_pieces) for form in forms(path, arguments)]
    given = [path.resolve() for path in (arguments.primer, arguments.join) if path]
    if any(path.resolve() in given for path in written):
        raise SettingsError(
            f"--output must leave the primer as it is. Received {arguments.output}. Choose another name."
        )


def output_paths(path: Path, num_pieces: int) -> list[Path]:
    """The path itself for one piece; numbered ones for several."""
    if num_pieces == 1:
        return [path]
    return [path.with_name(f"{path.stem}_{index + 1}{path.suffix}") for index in range(num_pieces)]


def forms(path: Path, arguments: argparse.Namespace) -> list[Path]:
    """All files that a composition is written to; what stands beside something stands beside MIDI."""
    from melodyforge.music.load import MIDI_SUFFIXES

    suffixes = [".wav"] * arguments.wav + [".musicxml"] * arguments.musicxml
    midi = [] if not suffixes or path.suffix.lower() in MIDI_SUFFIXES else [path.with_suffix(".mid")]
    return list(dict.fromkeys([*midi, path, *(path.with_suffix(suffix) for suffix in suffixes)]))


def save(composition: Composition, path: Path, arguments: argparse.Namespace) -> None:
    """Writes one composition in every form asked for, and says where."""
    from melodyforge.composition import Composition

    piece = composition.piece
    for notice in composition.notices:
        print(f"{path.name}: {notice}")
    if composition.primer:
        primer = path.with_name(f"{path.stem}_primer{path.suffix}")
        Composition(composition.primer).save(primer)
        print(f"{primer}: the passage of training music that it starts from")
    for form in forms(path, arguments):
        for notice in composition.save(form):
            print(notice)
        print(f"{form}: {counted(len(piece), 'note')}, {piece.seconds:.0f} s")
    if composition.originality:
        print(f"{path.name}: {composition.originality}")
        print(f"{path.name}: {composition.originality.details}")
