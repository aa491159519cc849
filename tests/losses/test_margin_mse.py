"""Margins between the positive and the negatives."""

import pytest
import torch

from retrieval_kd.losses.margin_mse import MarginMSE, margin_mse, margin_mse_of_all
from retrieval_kd.scorers.view import View, Want
from tests.losses.numbers import flags, rows
from tests.steps import step

FIRST = torch.tensor([0])
LEARNER, GUIDE = [5.0, 3.0, 1.0], [4.0, 3.0, 2.0]  # margins 2 and 4 against 1 and 2: errors 1 and 4


def test_it_is_the_mean_squared_error_of_margins_over_the_negatives() -> None:
    assert margin_mse(rows(LEARNER), rows(GUIDE), FIRST).item() == 2.5


def test_the_positive_may_stand_anywhere() -> None:
    learner, guide = rows([3.0, 1.0, 5.0]), rows([3.0, 2.0, 4.0])
    assert margin_mse(learner, guide, torch.tensor([2])).item() == 2.5


def test_an_absent_negative_is_no_pair_even_where_its_score_is_unknown() -> None:
    learner, guide = rows(LEARNER), rows([4.0, 3.0, float("nan")])
    loss = margin_mse(learner, guide, FIRST, present=flags([1, 1, 0]))
    loss.backward()
    assert loss.item() == 1
    assert learner.grad.tolist() == [[2, -2, 0]]


def test_a_query_without_its_positive_has_no_pairs() -> None:
    learner, guide = rows(LEARNER, [9.0, 1.0, 7.0], [9.0, 1.0, 7.0]), rows(GUIDE, [0.0, 0.0, 0.0], [0.0, 0.0, 0.0])
    loss = margin_mse(learner, guide, torch.tensor([0, -1, 0]), present=flags([1, 1, 1], [1, 1, 1], [0, 1, 1]))
    loss.backward()
    assert loss.item() == 2.5
    assert not learner.grad[1:].any()


def test_pairs_are_the_mean_not_queries() -> None:
    learner, guide = rows(LEARNER, [4.0, 1.0, 0.0]), rows(GUIDE, [1.0, 1.0, 0.0])
    loss = margin_mse(learner, guide, torch.tensor([0, 0]), present=flags([1, 1, 1], [1, 1, 0]))
    assert loss.item() == pytest.approx((1 + 4 + 9) / 3)


def test_pairs_weigh_by_their_querys_pace() -> None:
    learner, guide = rows(LEARNER, [4.0, 1.0, 0.0]), rows(GUIDE, [1.0, 1.0, 0.0])
    present, query_weight = flags([1, 1, 1], [1, 1, 0]), torch.tensor([1.0, 3.0])
    assert (
        margin_mse(learner, guide, torch.tensor([0, 0]), present=present, query_weight=query_weight).item()
        == (1 + 4 + 3 * 9) / 5
    )


def test_a_constant_added_to_either_sides_scores_changes_nothing() -> None:
    assert margin_mse(rows(LEARNER) + 7, rows(GUIDE) - 2, FIRST).item() == 2.5


def test_without_any_pair_it_is_zero_with_a_graph() -> None:
    learner = rows([5.0, 3.0])
    loss = margin_mse(learner, rows([1.0, 2.0]), FIRST, present=flags([1, 0]))
    loss.backward()
    assert loss.item() == 0
    assert learner.grad.tolist() == [[0, 0]]


@pytest.mark.parametrize("detach", [True, False])
def test_the_term_reads_both_own_lists_and_the_positives_place_in_them(detach: bool) -> None:
    term = MarginMSE(learner="student", guide="cross", pairs="positive", detach_guide=detach, paced=True, weight=1.0)
    assert term.wants(0) == {"student": {Want("scores")}, "cross": {Want("scores")}}
    batch = step([[1, 1, 1]] * 2, positive=[0, 3])
    views = {"student": View(scores=rows(LEARNER, LEARNER)), "cross": View(scores=rows(GUIDE, GUIDE))}
    loss = term(views, batch)
    loss.backward()
    assert loss.item() == 2.5
    assert (views["cross"].scores.grad is None) is detach


def test_the_term_leaves_out_what_the_file_of_scores_does_not_know() -> None:
    known = torch.tensor([[4.0, 3.0, torch.nan]])
    learner = rows(LEARNER)
    views = {"student": View(scores=learner), "stored": View(scores=known.double())}
    term = MarginMSE(learner="student", guide="stored", pairs="positive", detach_guide=True, paced=True, weight=1.0)
    loss = term(views, step([[1, 1, 1]], stored={"file": known}))
    loss.backward()
    assert loss.item() == 1
    assert learner.grad.tolist() == [[2, -2, 0]]


def test_all_pairs_of_a_list_have_margins_without_any_judgment() -> None:
    # learner - guide is 1, 0, -1: six ordered pairs have errors 1, 1, 1, 1, 4, 4, three have none
    assert margin_mse_of_all(rows(LEARNER), rows(GUIDE)).item() == pytest.approx(12 / 9)
    two = margin_mse_of_all(rows(LEARNER), rows(GUIDE), present=flags([1, 0, 1]))
    assert two.item() == pytest.approx(8 / 4)
    term = MarginMSE(learner="student", guide="cross", pairs="all", detach_guide=True, paced=True, weight=1.0)
    views = {"student": View(scores=rows(LEARNER)), "cross": View(scores=rows(GUIDE))}
    assert term(views, step([[1, 1, 1]], positive=[-1])).item() == pytest.approx(12 / 9)
