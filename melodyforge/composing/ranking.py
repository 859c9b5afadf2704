"""Ranks compositions: by how much they sound like real music of their style, and by how well the wishes explain them.

Both count in standard deviations among those that are ranked. The critic says the first; the second is log p(notes |
wishes) - log p(notes), as the network hears it (Li et al., 2016, choose answers in dialogue by it).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from threadpoolctl import threadpool_limits

from melodyforge.composing.task import Task
from melodyforge.decoding.weights import Twice
from melodyforge.figures.critic import SIZES
from melodyforge.music.form import NO_FORM
from melodyforge.music.piece import Piece
from melodyforge.tokens.features import NOT_ASKED
from melodyforge.tokens.headings import heading_of

HEARD_ROWS = 256  # of each piece, its first ones, in which the wishes are looked for
NOTES_BETWEEN = 64  # stretches that the critic hears end so far apart
WEIGHT_OF_WISHES = 0.5  # of a standard deviation, beside one of the critic


def rank(task: Task, pieces: Sequence[Piece]) -> np.ndarray:
    """How good each piece is beside the others; the best has the highest number. Float, shape (num_pieces,)."""
    liking = _standardised(np.array([_liking(task, piece) for piece in pieces]))
    return liking + WEIGHT_OF_WISHES * _standardised(nats_by_wishes(task, pieces))


def nats_by_wishes(task: Task, pieces: Sequence[Piece]) -> np.ndarray:
    """How much likelier wishes make each piece, in nats a note; 0 where nothing is asked for. Shape (num_pieces,)."""
    representation, network = task.model.representation, task.network
    rows = [representation.encode(piece)[:HEARD_ROWS] for piece in pieces]
    num_rows = min(map(len, rows))
    if not task.asked.any() or not num_rows:
        return np.zeros(len(pieces))
    windows = [representation.window(one[:num_rows], 0, num_rows) for one in rows]
    headings = [replace(heading_of(piece), form=NO_FORM) for piece in pieces]
    context = representation.begin(headings, np.repeat(task.asked[None], len(pieces), axis=0))
    state, gained = network.start(2 * len(pieces)), np.zeros(len(pieces))
    with threadpool_limits(1):
        for index in range(num_rows):
            state = network.advance(state, Twice(context.inputs()))
            for head in representation.heads:
                target = np.array([window[f"target_{head.name}"][index] for window in windows])  # (num_pieces,)
                logits = network.logits(state, head, Twice(context.told(head))).astype(float)
                told, untold = np.split(_log_likelihood(logits, np.tile(target, 2)), 2)
                gained += told - untold
                context.choose(head, target)
            context.commit()
    return gained / num_rows


def _liking(task: Task, piece: Piece) -> float:
    """What the critic says on average of stretches of a piece, and of its end."""
    stops = [*range(SIZES[-1], len(piece), NOTES_BETWEEN), len(piece)]
    *inner, last = (piece.with_notes(piece.notes[:stop]) for stop in stops)
    return float(np.mean([*(task.score(one, has_ended=False) for one in inner), task.score(last, has_ended=True)]))


def _log_likelihood(logits: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Of classes; 0 where none is asked for. Shapes (n, num_classes), (n,) -> (n,)."""
    is_asked = target != NOT_ASKED
    chosen = np.take_along_axis(logits, np.where(is_asked, target, 0)[:, None], axis=1)[:, 0]
    return np.where(is_asked, chosen - np.logaddexp.reduce(logits, axis=1), 0.0)


def _standardised(values: np.ndarray) -> np.ndarray:
    """In standard deviations from the mean; 0 where all are alike."""
    deviation = values.std()
    return (values - values.mean()) / deviation if deviation > 0 else np.zeros(len(values))
