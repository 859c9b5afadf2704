"""The evaluation as one HTML page that needs nothing else: verdict, tables, plots, piano rolls, sound.

Draws and writes words; measures nothing.
"""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np

from melodyforge.composition import Composition
from melodyforge.evaluation.evaluate import Evaluation
from melodyforge.evaluation.heard import COUNTS, Beside
from melodyforge.music.audio import shrink_wav
from melodyforge.words import counted

TEMPLATE = Path(__file__).with_name("report.html.jinja")
SAMPLE_SECONDS = 20.0  # of sound in the page
EASILY_TOLD = 0.75  # AUC; beyond, a listener would soon know, too
MEMORISED_NOTES = 16  # a stretch that is more than common property of a style
TOLERATED_COPIES = 0.02  # more than real held-out pieces have
BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#8a92a3"


def write_report(evaluation: Evaluation, history: list[dict[str, float]], model_facts: dict[str, Any]) -> str:
    """The page.

    Args:
        evaluation: what was found out.
        history: rows of history.csv.
        model_facts: what to say of the model at the top, by name.
    """
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        evaluation=evaluation,
        facts=model_facts,
        verdicts=verdicts(evaluation),
        plots=_plots(evaluation, history),
        samples=[_sample(one) for one in evaluation.samples],
        figure_words=figure_words,
    )


def verdicts(evaluation: Evaluation) -> list[tuple[bool, str]]:
    """What it all means, in plain sentences; whether each is good news."""
    total, ngram = sum(evaluation.nats.values()), evaluation.best_ngram_nats
    share = {name: one.shares[MEMORISED_NOTES] for name, one in evaluation.originality.items()}
    distance = {
        name: evaluation.overlap["training"][name] - area for name, area in evaluation.overlap["composed"].items()
    }
    farthest = max(distance, key=lambda name: distance[name])
    lines = [
        (
            total < ngram,
            f"Validation loss: {total:.3f} nats per note (best n-gram model: {ngram:.3f}): "
            + ("it has learnt more than simple statistics." if total < ngram else "no better than simple statistics."),
        ),
        (
            share["composed"] <= share["held out"] + TOLERATED_COPIES,
            f"{share['composed']:.1%} of its stretches of {MEMORISED_NOTES} notes stand in training pieces; of real "
            f"pieces that it has not seen, {share['held out']:.1%} do.",
        ),
        (
            distance[farthest] <= 0.05,
            f"Its statistics are farthest from real music in {farthest}: overlap "
            f"{evaluation.overlap['composed'][farthest]:.2f}, where real music reaches "
            f"{evaluation.overlap['training'][farthest]:.2f}.",
        ),
    ]
    if evaluation.obedience:
        weakest = min(evaluation.obedience, key=lambda name: evaluation.obedience[name].share)
        share_obeyed = evaluation.obedience[weakest].share
        lines.append((share_obeyed >= 0.85, f"It obeys least when asked for {weakest}: {share_obeyed:.0%} come true."))
    return lines + _told_apart(evaluation)


def _told_apart(evaluation: Evaluation) -> list[tuple[bool, str]]:
    """Which style is told from real music most easily, as a verdict; none where nothing was heard."""
    told = {heard.style: heard.told.auc for heard in evaluation.heard if heard.told is not None}
    if not told:
        return []
    plainest = max(told, key=lambda style: told[style])
    where = f" in {plainest}" if plainest else ""
    return [
        (
            told[plainest] <= EASILY_TOLD,
            f"It is told from real music most easily{where}: AUC {told[plainest]:.2f}, where 0.5 is guessing.",
        )
    ]


def figure_words(name: str, figure: Beside) -> tuple[str, str, str, str]:
    """A figure as people read it: of compositions, of real music, and its usual range there."""
    values = (figure.composed, figure.real, figure.low, figure.high)
    first, second, third, fourth = (f"{value:.1f}" if name in COUNTS else f"{value:.1%}" for value in values)
    return first, second, third, fourth


def _sample(composition: Composition) -> dict[str, str]:
    """Piano roll and sound of a composition as data addresses."""
    piece = composition.piece
    return {
        "title": f"{piece.name}: {counted(len(piece), 'note')}, {piece.tempo_qpm:.0f} quarter notes a minute",
        "roll": _data_address("image/png", composition.to_png()),
        "sound": _data_address("audio/wav", shrink_wav(composition.to_sound().wav, SAMPLE_SECONDS)),
    }


def _data_address(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def _plots(evaluation: Evaluation, history: list[dict[str, float]]) -> list[tuple[str, str]]:
    """Captions and pictures in SVG."""
    plots = [("Learning curve, in nats per note", _learning_curve(evaluation, history))] if history else []
    plots.append(("Overlap with real held-out music, 0 to 1", _overlap_bars(evaluation)))
    plots.append(("Share of stretches of notes that stand in training pieces", _copy_lines(evaluation)))
    if evaluation.obedience:
        plots.append(("Wishes that came true", _obedience_bars(evaluation)))
    return plots


def _learning_curve(evaluation: Evaluation, history: list[dict[str, float]]) -> str:
    figure, axes = _figure()
    epochs = [row["epoch"] for row in history]
    axes.plot(epochs, [row["train_nats"] for row in history], color=ORANGE, label="training")
    axes.plot(epochs, [row["held_out_nats"] for row in history], color=BLUE, label="validation")
    axes.axhline(evaluation.best_ngram_nats, color=GREY, linestyle="--", label="best n-gram")
    axes.set_xlabel("epoch")
    axes.legend(frameon=False, labelcolor=GREY)
    return _svg(figure)


def _overlap_bars(evaluation: Evaluation) -> str:
    figure, axes = _figure()
    names = list(evaluation.overlap["composed"])
    places = np.arange(len(names))
    for offset, kind, color, label in ((0.2, "training", GREY, "real"), (-0.2, "composed", BLUE, "composed")):
        axes.barh(places + offset, [evaluation.overlap[kind][name] for name in names], 0.38, color=color, label=label)
    axes.set_yticks(places, names)
    axes.set_xlim(0, 1)
    axes.legend(frameon=False, labelcolor=GREY, loc="lower left")
    return _svg(figure)


def _copy_lines(evaluation: Evaluation) -> str:
    figure, axes = _figure()
    for kind, color in (("held out", GREY), ("composed", BLUE)):
        shares = evaluation.originality[kind].shares
        label = "real held-out" if kind == "held out" else kind
        axes.plot([str(length) for length in shares], list(shares.values()), "o-", color=color, label=label)
    axes.set_xlabel("notes in the stretch")
    axes.set_ylim(0)
    axes.legend(frameon=False, labelcolor=GREY)
    return _svg(figure)


def _obedience_bars(evaluation: Evaluation) -> str:
    figure, axes = _figure()
    names = list(evaluation.obedience)
    axes.barh(names, [evaluation.obedience[name].share for name in names], color=BLUE)
    axes.set_xlim(0, 1)
    return _svg(figure)


def _figure() -> tuple[Any, Any]:
    """A small figure whose ink suits light and dark pages."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    inked = ("axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "text.color")
    settings: Any = dict.fromkeys(inked, GREY)
    with rc_context(settings):
        figure = Figure(figsize=(6, 3), layout="constrained")
        axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    for patch in (figure.patch, axes.patch):
        patch.set_alpha(0)
    return figure, axes


def _svg(figure: Any) -> str:
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None})
    text = stream.getvalue()
    return text[text.index("<svg") :]
