"""What a network has to beat: the best n-gram model on the same tokens. A network that does not has learnt nothing."""

from __future__ import annotations

from itertools import islice

from melodyforge.evaluation.ngram import fit_ngrams, nats_per_token
from melodyforge.training.data import TrainingData

MAX_PIECES = 5_000  # keeps counting within seconds and memory flat on large folders
MAX_ORDER = 5


def best_ngram(data: TrainingData) -> dict[str, float]:
    """Held-out nats a note of the best n-gram model of order 1 to 5, and its order.

    It is fitted to the training spans and measured on the held-out ones. As with networks, the ends of pieces
    count in the nats, not in the notes.
    """
    nats = ngram_nats(data)
    order = min(nats, key=lambda number: nats[number])
    return {"best_ngram_nats": nats[order], "best_ngram_order": order}


def ngram_nats(data: TrainingData) -> dict[int, float]:
    """Held-out nats a note of n-gram models, by their order."""
    sizes = [head.size for head in data.representation.heads]
    models = fit_ngrams(islice(data.targets(data.train), MAX_PIECES), MAX_ORDER, sizes)
    return nats_per_token(models, islice(data.targets(data.held_out), MAX_PIECES))
