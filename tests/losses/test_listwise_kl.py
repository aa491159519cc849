"""The learner's distribution follows the guide's."""

import math

import pytest
import torch

from retrieval_kd.losses.listwise_kl import ListwiseKL, listwise_kl
from retrieval_kd.scorers.view import View, Want
from tests.losses.numbers import LN3, flags, kl, rows
from tests.steps import step

QUARTERS, HALVES = (0.75, 0.25), (0.5, 0.5)


def test_it_is_the_divergence_of_the_learner_from_the_guide() -> None:
    assert listwise_kl(rows([0.0, 0.0]), rows([LN3, 0.0])).item() == pytest.approx(kl(QUARTERS, HALVES))
    assert listwise_kl(rows([LN3, 0.0]), rows([0.0, 0.0])).item() == pytest.approx(kl(HALVES, QUARTERS))


def test_each_side_is_divided_by_its_own_temperature_and_all_is_scaled() -> None:
    loss = listwise_kl(
        rows([4 * LN3, 0.0]), rows([0.5 * LN3, 0.0]), learner_temperature=2.0, guide_temperature=0.5, scale=10.0
    )
    assert loss.item() == pytest.approx(10 * kl(QUARTERS, (0.9, 0.1)))


def test_it_is_zero_where_both_sides_agree_up_to_their_temperatures() -> None:
    guide = rows([3.0, -1.0, 0.5])
    assert listwise_kl(guide * 4, guide, learner_temperature=4.0).item() == pytest.approx(0, abs=1e-12)


def test_shares_are_among_what_is_present() -> None:
    loss = listwise_kl(rows([0.0, 9.0, 0.0]), rows([LN3, float("nan"), 0.0]), present=flags([1, 0, 1]))
    assert loss.item() == pytest.approx(kl(QUARTERS, HALVES))


def test_an_absent_score_has_no_gradient() -> None:
    learner = rows([0.0, 9.0, 0.0])
    listwise_kl(learner, rows([LN3, float("nan"), 0.0]), present=flags([1, 0, 1])).backward()
    assert learner.grad.tolist() == [pytest.approx([-0.25, 0.0, 0.25])]


def test_a_query_with_nothing_present_is_left_out_of_the_mean() -> None:
    learner, guide = rows([0.0, 0.0], [5.0, 1.0]), rows([LN3, 0.0], [0.0, 3.0])
    assert listwise_kl(learner, guide, present=flags([1, 1], [0, 0])).item() == pytest.approx(kl(QUARTERS, HALVES))


def test_with_nothing_present_at_all_it_is_zero_with_a_graph() -> None:
    learner = rows([1.0, 2.0])
    loss = listwise_kl(learner, rows([2.0, 1.0]), present=flags([0, 0]))
    loss.backward()
    assert loss.item() == 0
    assert learner.grad.tolist() == [[0, 0]]


def test_queries_weigh_by_their_pace() -> None:
    learner, guide = rows([0.0, 0.0], [LN3, 0.0]), rows([LN3, 0.0], [0.0, 0.0])
    loss = listwise_kl(learner, guide, query_weight=torch.tensor([1.0, 3.0]))
    assert loss.item() == pytest.approx((kl(QUARTERS, HALVES) + 3 * kl(HALVES, QUARTERS)) / 4)


def test_a_constant_added_to_a_querys_scores_changes_nothing() -> None:
    learner, guide = rows([0.3, 2.0, -1.0]), rows([1.0, 0.0, 0.5])
    assert listwise_kl(learner + 5, guide - 8).item() == pytest.approx(listwise_kl(learner, guide).item())


def test_the_guide_is_not_detached_by_the_function() -> None:
    guide = rows([LN3, 0.0])
    listwise_kl(rows([0.0, 0.0]), guide).backward()
    assert guide.grad.abs().sum() > 0


def test_logits_of_ten_thousand_stay_finite() -> None:
    learner = rows([1e4, -1e4])
    loss = listwise_kl(learner, rows([-1e4, 1e4]))
    loss.backward()
    assert loss.item() == pytest.approx(2e4)
    assert learner.grad.tolist() == [[1, -1]]


def term(**options: object) -> ListwiseKL:
    temperatures = {"learner_temperature": 1.0, "guide_temperature": 1.0, "scale": 1.0}
    roles = {"learner": "student", "guide": "late", "over": "pool"}
    return ListwiseKL(**{**temperatures, **roles, "detach_guide": True, "paced": True, "weight": 1.0, **options})


@pytest.mark.parametrize("detach", [True, False])
def test_the_term_moves_the_guide_only_without_detach_guide(detach: bool) -> None:
    views = {"student": View(pool=rows([0.0, 0.0])), "late": View(pool=rows([LN3, 0.0]))}
    term(detach_guide=detach)(views, step([[1, 1]])).backward()
    assert views["student"].pool.grad.abs().sum() > 0
    assert (views["late"].pool.grad is None) is detach


def test_the_term_over_the_pool_sees_clashes_and_no_dark_ones() -> None:
    batch = step([[1, 1, 1]], known_positives=[[1, 1, 0]], dark=[[0, 0, 1]])
    views = {"student": View(pool=rows([0.0, 0.0, 3.0])), "late": View(pool=rows([LN3, 0.0, 8.0]))}
    assert term()(views, batch).item() == pytest.approx(kl(QUARTERS, HALVES))


def test_the_term_over_the_list_sees_dark_ones() -> None:
    batch = step([[1, 1, 0]], dark=[[0, 1, 0]])
    views = {"student": View(scores=rows([0.0, 0.0, 3.0])), "late": View(scores=rows([LN3, 0.0, 8.0]))}
    assert term(over="list")(views, batch).item() == pytest.approx(kl(QUARTERS, HALVES))


def test_the_term_wants_the_same_of_both_sides() -> None:
    assert term().wants(3) == {"student": {Want("pool")}, "late": {Want("pool")}}
    assert term(over="list", guide="cross").wants(3) == {"student": {Want("scores")}, "cross": {Want("scores")}}
    assert term().roles == {"student", "late"}


def test_half_precision_is_read_in_float32() -> None:
    half = {
        name: View(pool=torch.tensor([row], dtype=torch.bfloat16))
        for name, row in (("student", [0.0, 0.0]), ("late", [1.0, 0.0]))
    }
    loss = term()(half, step([[1, 1]]))
    share = math.e / (1 + math.e)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(kl((share, 1 - share), HALVES), rel=1e-5)


def test_what_the_guide_rules_out_has_no_share_and_the_learner_still_learns() -> None:
    learner = rows([0.0, 0.0, 0.0]).requires_grad_()
    loss = listwise_kl(learner, rows([LN3, 0.0, -math.inf]))
    loss.backward()
    assert loss.item() == pytest.approx(kl((0.75, 0.25, 1e-300), (1 / 3, 1 / 3, 1 / 3)))
    assert learner.grad is not None
    assert bool(learner.grad.isfinite().all())
    assert learner.grad[0, 2] > 0
