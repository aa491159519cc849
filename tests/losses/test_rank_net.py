"""Every pair of a list in the order of its labels."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from retrieval_kd.losses.lambda_rank import lambda_rank
from retrieval_kd.losses.rank_net import RankNet, rank_net
from retrieval_kd.scorers.view import View, Want
from tests.losses.numbers import LN2, LN3, flags, rows
from tests.steps import step


def test_a_pair_in_order_costs_the_log_of_one_plus_its_odds() -> None:
    assert rank_net(rows([LN3, 0.0]), rows([1.0, 0.0])).item() == pytest.approx(math.log(4 / 3))
    assert rank_net(rows([LN3, 0.0]), rows([0.0, 1.0])).item() == pytest.approx(math.log(4))


def test_pairs_of_one_label_cost_nothing_and_do_not_count() -> None:
    loss = rank_net(rows([LN3, 0.0, 0.0]), rows([2.0, 1.0, 1.0]))
    assert loss.item() == pytest.approx(math.log(4 / 3))


def test_it_is_the_mean_over_all_pairs_of_the_batch() -> None:
    scores, labels = rows([LN3, 0.0, 0.0], [0.0, 0.0, 0.0]), rows([1.0, 0.0, 0.0], [1.0, 0.0, 1.0])
    assert rank_net(scores, labels).item() == pytest.approx((2 * math.log(4 / 3) + 2 * LN2) / 4)


def test_pairs_weigh_by_their_querys_pace() -> None:
    scores, labels = rows([LN3, 0.0], [0.0, 0.0]), rows([1.0, 0.0], [1.0, 0.0])
    loss = rank_net(scores, labels, query_weight=torch.tensor([1.0, 3.0]))
    assert loss.item() == pytest.approx((math.log(4 / 3) + 3 * LN2) / 4)


def test_what_is_absent_is_in_no_pair() -> None:
    scores, labels = rows([LN3, 0.0, 50.0]), rows([1.0, 0.0, -1.0])
    assert rank_net(scores, labels, present=flags([1, 1, 0])).item() == pytest.approx(math.log(4 / 3))


@pytest.mark.parametrize("absent", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("loss", [rank_net, lambda_rank])
def test_what_an_absent_candidate_scores_reaches_no_gradient(loss: Callable[..., Tensor], absent: float) -> None:
    scores = rows([LN3, 0.0, absent])
    loss(scores, rows([1.0, 0.0, 2.0]), present=flags([1, 1, 0])).backward()
    alone = rows([LN3, 0.0])
    loss(alone, rows([1.0, 0.0])).backward()
    assert scores.grad.tolist() == [[*alone.grad.tolist()[0], 0.0]]


def test_without_any_pair_it_is_zero_with_a_graph() -> None:
    scores = rows([LN3, 0.0])
    loss = rank_net(scores, rows([1.0, 1.0]))
    loss.backward()
    assert loss.item() == 0
    assert scores.grad.tolist() == [[0, 0]]


def test_a_constant_added_to_a_querys_scores_changes_nothing() -> None:
    scores, labels = rows([0.3, 2.0, -1.0]), rows([1.0, 0.0, 2.0])
    assert rank_net(scores + 9, labels).item() == pytest.approx(rank_net(scores, labels).item())


def test_a_wrong_pair_of_ten_thousand_apart_stays_finite() -> None:
    scores = rows([-1e4, 1e4])
    loss = rank_net(scores, rows([1.0, 0.0]))
    loss.backward()
    assert loss.item() == pytest.approx(2e4)
    assert scores.grad.tolist() == [[-1, 1]]


def term(guide: str | None) -> RankNet:
    return RankNet(learner="student", guide=guide, detach_guide=True, paced=True, weight=1.0)


def test_the_term_follows_the_order_of_its_guide() -> None:
    views = {"student": View(scores=rows([LN3, 0.0])), "cross": View(scores=rows([-8.0, 5.0]))}
    assert term("cross")(views, step([[1, 1]])).item() == pytest.approx(math.log(4))
    assert term("cross").wants(0) == {"student": {Want("scores")}, "cross": {Want("scores")}}


def test_the_term_without_a_guide_follows_the_grades() -> None:
    batch = step([[1, 1, 1]], relevance=[[2, 1, -1]])
    loss = term(None)({"student": View(scores=rows([LN3, 0.0, 0.0]))}, batch)
    assert loss.item() == pytest.approx((2 * math.log(4 / 3) + LN2) / 3)
    assert term(None).wants(0) == {"student": {Want("scores")}}


def test_the_term_leaves_out_labels_that_are_unknown() -> None:
    views = {"student": View(scores=rows([LN3, 0.0, 7.0])), "stored": View(scores=rows([2.0, 1.0, float("nan")]))}
    assert term("stored")(views, step([[1, 1, 1]])).item() == pytest.approx(math.log(4 / 3))
