"""A pair weighs what exchanging it would change in reciprocal rank."""

import math

import pytest
import torch

from retrieval_kd.losses.lambda_rank import LambdaRank, lambda_ndcg, lambda_rank
from retrieval_kd.scorers.view import View, Want
from tests.losses.numbers import LN2, LN3, flags, rows
from tests.steps import step


def test_a_pair_weighs_the_difference_of_its_reciprocal_ranks() -> None:
    assert lambda_rank(rows([LN3, 0.0]), rows([1.0, 0.0])).item() == pytest.approx((1 - 1 / 2) * math.log(4 / 3))
    assert lambda_rank(rows([LN3, 0.0]), rows([0.0, 1.0])).item() == pytest.approx((1 - 1 / 2) * math.log(4))


def test_it_is_the_mean_over_all_pairs_of_different_labels() -> None:
    # ranks 2, 1, 3; the first is to stand before both others
    loss = lambda_rank(rows([0.0, LN3, -LN3]), rows([1.0, 0.0, 0.0]))
    assert loss.item() == pytest.approx((1 / 2 * math.log(4) + (1 / 2 - 1 / 3) * math.log(4 / 3)) / 2)


def test_a_rank_is_among_what_is_present() -> None:
    loss = lambda_rank(rows([50.0, LN3, 0.0]), rows([0.0, 1.0, 0.0]), present=flags([0, 1, 1]))
    assert loss.item() == pytest.approx((1 - 1 / 2) * math.log(4 / 3))


def test_pairs_weigh_by_their_querys_pace() -> None:
    scores, labels = rows([LN3, 0.0], [LN3, 0.0]), rows([1.0, 0.0], [0.0, 1.0])
    loss = lambda_rank(scores, labels, query_weight=torch.tensor([1.0, 3.0]))
    assert loss.item() == pytest.approx((0.5 * math.log(4 / 3) + 3 * 0.5 * math.log(4)) / 4)


def test_ranks_carry_no_gradient() -> None:
    scores = rows([LN3, 0.0])
    lambda_rank(scores, rows([1.0, 0.0])).backward()
    assert scores.grad.tolist() == [pytest.approx([-0.5 * 0.25, 0.5 * 0.25])]


def test_without_any_pair_it_is_zero_with_a_graph() -> None:
    scores = rows([LN3, 0.0])
    loss = lambda_rank(scores, rows([1.0, 0.0]), present=flags([1, 0]))
    loss.backward()
    assert loss.item() == 0
    assert scores.grad.tolist() == [[0, 0]]


def test_a_constant_added_to_a_querys_scores_changes_nothing() -> None:
    scores, labels = rows([0.3, 2.0, -1.0]), rows([1.0, 0.0, 2.0])
    assert lambda_rank(scores + 9, labels).item() == pytest.approx(lambda_rank(scores, labels).item())


def test_the_term_goes_by_the_curriculums_labels_on_the_own_list() -> None:
    term = LambdaRank(learner="student", metric="rr", others=None, paced=True, weight=1.0)
    batch = step([[1, 1, 0]], relevance=[[-1, 1, -1]])
    loss = term({"student": View(scores=rows([0.0, 0.0, 9.0]))}, batch)
    assert loss.item() == pytest.approx(0.5 * LN2)
    assert term.wants(0) == {"student": {Want("scores")}}


def test_by_ndcg_a_pair_weighs_the_difference_of_its_discounts_times_that_of_its_gains() -> None:
    # labels 2, 1 and 0 have gains 3, 1 and 0; the ideal DCG is 3 + 1 / log2(3); ranks are 2, 1, 3
    scores, labels = rows([0.0, LN3, -LN3]), rows([2.0, 1.0, 0.0])
    second, third, ideal = 1 / math.log2(3), 1 / 2, 3 + 1 / math.log2(3)
    pairs = [
        (1 - second) * 2 * math.log(4),  # the first two stand the wrong way round
        (second - third) * 3 * math.log(4 / 3),
        (1 - third) * 1 * math.log(10 / 9),
    ]
    assert lambda_ndcg(scores, labels).item() == pytest.approx(sum(pairs) / ideal / 3)


def test_by_ndcg_labels_below_0_have_no_gain() -> None:
    assert lambda_ndcg(rows([0.0, LN3]), rows([-0.25, -0.5])).item() == 0


def test_the_term_may_label_the_passages_of_other_queries() -> None:
    term = LambdaRank(learner="student", metric="rr", others=-0.5, paced=True, weight=1.0)
    batch = step([[1], [1]], relevance=[[1], [1]])
    loss = term({"student": View(pool=rows([LN3, 0.0], [0.0, LN3]))}, batch)
    assert loss.item() == pytest.approx(0.5 * math.log(4 / 3))
    assert term.wants(0) == {"student": {Want("pool")}}
    known = step(
        [[1], [1]], relevance=[[1], [1]], known_positives=[[1, 1], [0, 1]]
    )  # the second's positive is the first's too
    first = term({"student": View(pool=rows([LN3, 0.0], [LN3, 0.0]))}, known)
    assert first.item() == pytest.approx(0.5 * math.log(4))
