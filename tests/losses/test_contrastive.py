"""The judged passage against its negatives."""

import math

import pytest
import torch

from retrieval_kd.losses.contrastive import Contrastive, contrastive
from retrieval_kd.scorers.view import View, Want
from tests.losses.numbers import LN2, LN3, flags, rows
from tests.steps import step

FIRST = torch.tensor([0])


def test_it_is_the_negative_log_share_of_the_positive() -> None:
    scores = rows([LN3, 0.0, 0.0])
    assert contrastive(scores, FIRST).item() == pytest.approx(math.log(5 / 3))
    assert contrastive(scores, torch.tensor([2])).item() == pytest.approx(math.log(5))


def test_what_is_absent_does_not_compete() -> None:
    assert contrastive(rows([LN3, 0.0, 9.0]), FIRST, present=flags([1, 1, 0])).item() == pytest.approx(math.log(4 / 3))


def test_the_positive_counts_whatever_the_mask_says_of_it() -> None:
    assert contrastive(rows([LN3, 0.0, 9.0]), FIRST, present=flags([0, 1, 0])).item() == pytest.approx(math.log(4 / 3))


def test_scores_are_divided_by_the_temperature() -> None:
    assert contrastive(rows([2 * LN3, 0.0]), FIRST, temperature=2.0).item() == pytest.approx(math.log(4 / 3))


def test_a_query_without_a_positive_is_left_out_of_the_mean() -> None:
    scores = rows([LN3, 0.0], [7.0, -7.0], [0.0, 0.0])
    loss = contrastive(scores, torch.tensor([0, -1, 1]))
    assert loss.item() == pytest.approx((math.log(4 / 3) + LN2) / 2)
    loss.backward()
    assert scores.grad[1].tolist() == [0, 0]


def test_queries_weigh_by_their_pace() -> None:
    loss = contrastive(rows([LN3, 0.0], [0.0, 0.0]), torch.tensor([0, 0]), query_weight=torch.tensor([1.0, 3.0]))
    assert loss.item() == pytest.approx((math.log(4 / 3) + 3 * LN2) / 4)


def test_without_any_positive_it_is_zero_with_a_graph() -> None:
    scores = rows([LN3, 0.0])
    loss = contrastive(scores, torch.tensor([-1]), present=flags([1, 1]))
    loss.backward()
    assert loss.item() == 0
    assert scores.grad.tolist() == [[0, 0]]


def test_a_constant_added_to_a_querys_scores_changes_nothing() -> None:
    scores, shift = rows([LN3, 0.0, 1.0], [2.0, -1.0, 0.5]), torch.tensor([[7.0], [-3.0]], dtype=torch.float64)
    column = torch.tensor([0, 2])
    assert contrastive(scores + shift, column).item() == pytest.approx(contrastive(scores, column).item())


def test_its_gradient_is_the_shares_less_the_positive() -> None:
    scores = rows([LN3, 0.0])
    contrastive(scores, FIRST).backward()
    assert scores.grad.tolist() == [pytest.approx([-0.25, 0.25])]


def term(over: str, **options: object) -> Contrastive:
    return Contrastive(
        **{"learner": "student", "over": over, "temperature": 1.0, "paced": False, "weight": 1.0, **options}
    )


def test_the_term_over_the_pool_leaves_out_what_is_judged_relevant_to_the_query() -> None:
    batch = step([[1, 1], [1, 1]], known_positives=[[1, 0, 1, 0], [0, 0, 1, 0]])
    pool = torch.tensor([[LN3, 0.0, 50.0, -1e9], [0.0, 0.0, 0.0, 0.0]])
    loss = term("pool")({"student": View(pool=pool)}, batch)
    assert loss.item() == pytest.approx((math.log(4 / 3) + math.log(4)) / 2, rel=1e-5)


def test_the_term_over_the_list_leaves_it_out_of_the_own_columns() -> None:
    known_positives = [
        [1, 0, 1, 0, 0, 0],
        [0, 0, 0, 0, 1, 0],
    ]  # the first query's third candidate is judged relevant as well
    batch = step([[1, 1, 1], [1, 1, 0]], positive=[0, 4], known_positives=known_positives)
    scores = torch.tensor([[LN3, 0.0, 50.0], [0.0, LN3, 50.0]])
    assert term("list")({"student": View(scores=scores)}, batch).item() == pytest.approx(math.log(4 / 3))


def test_the_term_wants_what_it_reads() -> None:
    assert term("pool").wants(0) == {"student": {Want("pool")}}
    assert term("list", learner="late").wants(0) == {"late": {Want("scores")}}
