"""N-gram models: the baseline that a trained network has to beat to have learnt anything.

Counts runs of tokens and mixes all orders by interpolated Witten-Bell smoothing. A token is a row of integers, such
as the fields of a note. Knows nothing of music, pieces or networks.

For a token w after the context h of n - 1 tokens, and h' without the oldest of them:

    p(w | h) = (c(h w) + T(h) p(w | h')) / (c(h) + T(h))

c counts how often, T how many different tokens followed h (Witten and Bell, "The zero-frequency problem", IEEE
Transactions on Information Theory 37(4), 1991; in this form Chen and Goodman, "An empirical study of smoothing
techniques for language modeling", 1998, section 2.5). Below order 1 stands the model of unseen tokens: the product
of add-one unigrams of the fields, times an add-one estimate that the sequence has not ended. So the probabilities of
all tokens and of the end sum to one at every order.

Contexts are looked up by 64-bit hashes; among a million of them two collide with a chance of 3 in 100 million.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from melodyforge.hashing import take_in

_BEGIN, _END = np.uint64(1), np.uint64(2)  # stand before and after every sequence


@dataclass(frozen=True)
class _Order:
    """What was counted at one order; keys are ascending hashes.

    Attributes:
        ngrams: hashes of context and token, uint64, shape (num_ngrams,).
        ngram_counts: c(h w), shape (num_ngrams,).
        contexts: hashes of contexts, uint64, shape (num_contexts,).
        context_counts: c(h), shape (num_contexts,).
        context_types: T(h), shape (num_contexts,).
    """

    ngrams: np.ndarray
    ngram_counts: np.ndarray
    contexts: np.ndarray
    context_counts: np.ndarray
    context_types: np.ndarray


@dataclass(frozen=True)
class _Unseen:
    """The model of tokens that were never seen.

    Attributes:
        fields: for every field the probability of each of its values.
        end: probability that a sequence ends.
    """

    fields: list[np.ndarray]
    end: float


@dataclass(frozen=True)
class NgramModels:
    """Models of the orders 1 to `max_order` on the same training sequences."""

    orders: list[_Order]
    unseen: _Unseen

    @property
    def max_order(self) -> int:
        """The highest order; it sees one token fewer than this."""
        return len(self.orders)


def fit_ngrams(
    sequences: Iterable[np.ndarray], max_order: int = 5, field_sizes: Sequence[int] | None = None
) -> NgramModels:
    """Counts all n-grams of the training sequences.

    Args:
        sequences: integers >= 0, each of shape (num_tokens, num_fields); at least one sequence.
        max_order: the highest order, >= 1.
        field_sizes: number of values of every field. When left out, all values above the largest of the training
            sequences share one class, which favours these models a little.
    """
    tokens = list(sequences)
    rows = np.concatenate(tokens)
    sizes = field_sizes or [int(largest) + 2 for largest in rows.max(axis=0, initial=0)]
    hashes = [_hash_sequence(sequence, max_order) for sequence in tokens]
    orders = [_count(*_ngrams(hashes, order, max_order)) for order in range(1, max_order + 1)]
    return NgramModels(orders, _fit_unseen(rows, len(tokens), sizes))


def predict(models: NgramModels, sequences: Iterable[np.ndarray]) -> np.ndarray:
    """The probability of every token and every end of sequence, in order.

    Args:
        models: what was counted.
        sequences: as in `fit_ngrams`.

    Returns:
        float64, shape (max_order, num_tokens + num_sequences).
    """
    tokens = list(sequences)
    hashes = [_hash_sequence(sequence, models.max_order) for sequence in tokens]
    probability = np.concatenate([_unseen_probability(models.unseen, sequence) for sequence in tokens])
    result = []
    for number, order in enumerate(models.orders, start=1):
        context, ngram = _ngrams(hashes, number, models.max_order)
        look_up = partial(_look_up, order.contexts, context)
        count, types = look_up(order.context_counts), look_up(order.context_types)
        seen = _look_up(order.ngrams, ngram, order.ngram_counts)
        mixed = (seen + types * probability) / np.maximum(count + types, 1)
        probability = np.where(count > 0, mixed, probability)
        result.append(probability)
    return np.stack(result)


def nats_per_token(models: NgramModels, sequences: Iterable[np.ndarray]) -> dict[int, float]:
    """Mean surprise of the models of every order.

    Args:
        models: what was counted.
        sequences: held-out sequences as in `fit_ngrams`, with at least one token in all.

    Returns:
        For every order the negative log-likelihood of all tokens and ends of sequence, divided by the number of
        tokens alone, in nats: what it costs to tell the music, per token.
    """
    tokens = list(sequences)
    nats = -np.log(predict(models, tokens)).sum(axis=1) / sum(map(len, tokens))
    return {order: float(value) for order, value in enumerate(nats, start=1)}


def _fit_unseen(rows: np.ndarray, num_sequences: int, sizes: Sequence[int]) -> _Unseen:
    counts = [
        np.bincount(np.minimum(field, size - 1), minlength=size) for field, size in zip(rows.T, sizes, strict=True)
    ]
    fields = [(count + 1) / (count.sum() + len(count)) for count in counts]
    return _Unseen(fields, (num_sequences + 1) / (len(rows) + num_sequences + 2))


def _unseen_probability(unseen: _Unseen, sequence: np.ndarray) -> np.ndarray:
    """Shape (num_tokens + 1,), the end last."""
    probability = np.full(len(sequence) + 1, 1 - unseen.end)
    for field, values in zip(unseen.fields, sequence.T, strict=True):
        probability[:-1] *= field[np.minimum(values, len(field) - 1)]
    probability[-1] = unseen.end
    return probability


def _hash_sequence(sequence: np.ndarray, max_order: int) -> np.ndarray:
    """One hash a token, after as many beginnings as the longest context holds, and before an end."""
    hashes = np.zeros(len(sequence), np.uint64)
    for values in sequence.T:
        hashes = take_in(hashes, values.astype(np.uint64))
    return np.concatenate([np.full(max_order - 1, _BEGIN), hashes, [_END]])


def _ngrams(hashes: list[np.ndarray], order: int, max_order: int) -> tuple[np.ndarray, np.ndarray]:
    """Hashes of the context before every token and end, and of both together."""
    contexts, ngrams = [], []
    for sequence in hashes:
        num_predicted = len(sequence) - max_order + 1
        context = np.zeros(num_predicted, np.uint64)
        for distance in range(1, order):
            start = max_order - 1 - distance
            context = take_in(context, sequence[start : start + num_predicted])
        contexts.append(context)
        ngrams.append(take_in(context, sequence[max_order - 1 :]))
    return np.concatenate(contexts), np.concatenate(ngrams)


def _count(context: np.ndarray, ngram: np.ndarray) -> _Order:
    ngrams, first, ngram_counts = np.unique(ngram, return_index=True, return_counts=True)
    contexts, context_counts = np.unique(context, return_counts=True)
    _, context_types = np.unique(context[first], return_counts=True)  # one n-gram, one type of its context
    return _Order(ngrams, ngram_counts, contexts, context_counts, context_types)


def _look_up(keys: np.ndarray, wanted: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The value of each wanted key, 0 where there is no such key."""
    index = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[index] == wanted, values[index], 0)
