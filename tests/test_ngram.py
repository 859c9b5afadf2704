"""The n-gram baseline: probabilities, a case computed by hand, and what its orders can and cannot see."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from melodyforge.evaluation.ngram import fit_ngrams, nats_per_token, predict


def column(*values: int) -> np.ndarray:
    """A sequence of tokens of one field."""
    return np.array(values).reshape(-1, 1)


def test_first_orders_equal_what_is_computed_by_hand():
    models = fit_ngrams([column(0, 1)], max_order=2, field_sizes=[2])
    order_1, order_2 = predict(models, [column(0, 1)])
    unseen_token, unseen_end = 0.6 * 0.5, 0.4  # one end in three, add-one: 2 / 5; each value one of two
    token = (1 + 3 * unseen_token) / (3 + 3)
    end = (1 + 3 * unseen_end) / (3 + 3)
    assert order_1 == pytest.approx([token, token, end])
    assert order_2 == pytest.approx([(1 + token) / 2, (1 + token) / 2, (1 + end) / 2])


@pytest.mark.parametrize("context", [[], [(0, 0)], [(2, 1), (0, 1), (1, 1)], [(1, 0), (1, 0), (1, 0)]])
def test_probabilities_of_all_tokens_and_the_end_sum_to_one(context):
    rng = np.random.default_rng(0)
    training = [np.column_stack([rng.integers(0, 2, 30), rng.integers(0, 2, 30)]) for _ in range(3)]
    models = fit_ngrams(training, max_order=4, field_sizes=[3, 2])
    before = np.array(context, dtype=int).reshape(-1, 2)
    total = predict(models, [before])[:, -1]
    for token in product(range(3), range(2)):
        total = total + predict(models, [np.vstack([before, token])])[:, len(before)]
    assert total == pytest.approx(np.ones(4))


def test_order_2_beats_order_1_on_alternating_tokens():
    nats = nats_per_token(fit_ngrams([column(*[0, 1] * 50)], max_order=2), [column(*[0, 1] * 20)])
    assert nats[1] > np.log(2)
    assert nats[2] < 0.3


def test_a_dependence_on_three_tokens_back_is_seen_by_order_4_alone():
    bits = np.random.default_rng(1).integers(0, 2, 4000)
    for index in range(3, len(bits)):
        bits[index] = bits[index - 3] ^ (index % 17 == 0)
    nats = nats_per_token(fit_ngrams([column(*bits[:3000])], max_order=5), [column(*bits[3000:])])
    assert nats[4] < 0.6 * nats[3]


def test_contexts_do_not_reach_into_the_sequence_before():
    models = fit_ngrams([column(0, 0), column(1, 1)], max_order=3)
    alone = predict(models, [column(1, 1)])
    after_another = predict(models, [column(0, 0), column(1, 1)])
    assert np.array_equal(alone, after_another[:, 3:])


def test_values_never_seen_in_training_keep_a_probability():
    nats = nats_per_token(fit_ngrams([column(3, 4, 5)], max_order=3), [column(9, 200)])
    assert all(np.isfinite(value) for value in nats.values())


def test_the_cost_of_the_end_is_counted_but_not_as_a_token():
    models = fit_ngrams([column(0, 1, 2)], max_order=1)
    held_out = [column(2, 0)]
    assert nats_per_token(models, held_out)[1] == pytest.approx(-np.log(predict(models, held_out)[0]).sum() / 2)


def test_fields_that_trade_values_are_different_tokens():
    models = fit_ngrams([np.array([[1, 2]] * 9)], max_order=1, field_sizes=[3, 3])
    as_trained, swapped = predict(models, [np.array([[1, 2], [2, 1]])])[0, :2]
    assert as_trained > 10 * swapped
