"""Two readings agree."""

import pytest
import torch

from retrieval_kd.losses.agreement import Agreement, agreement
from retrieval_kd.scorers.view import View, Want
from tests.losses.numbers import LN3, flags, kl, rows
from tests.steps import step

QUARTERS, HALVES = (0.75, 0.25), (0.5, 0.5)
BOTH = (kl(QUARTERS, HALVES) + kl(HALVES, QUARTERS)) / 2


def test_it_is_half_the_symmetric_divergence() -> None:
    one, other = rows([LN3, 0.0]), rows([0.0, 0.0])
    assert agreement(one, other).item() == pytest.approx(BOTH)
    assert agreement(other, one).item() == pytest.approx(BOTH)


def test_equal_distributions_agree() -> None:
    scores = rows([0.3, 2.0, -1.0])
    assert agreement(scores, scores.detach() + 4).item() == pytest.approx(0, abs=1e-12)


def test_shares_are_among_what_is_present() -> None:
    assert agreement(rows([LN3, 0.0, 5.0]), rows([0.0, 0.0, -5.0]), present=flags([1, 1, 0])).item() == pytest.approx(
        BOTH
    )


def test_queries_weigh_by_their_pace() -> None:
    loss = agreement(rows([LN3, 0.0], [0.0, 0.0]), rows([0.0, 0.0], [0.0, 0.0]), query_weight=torch.tensor([1.0, 3.0]))
    assert loss.item() == pytest.approx(BOTH / 4)


def test_with_nothing_present_it_is_zero_with_a_graph() -> None:
    one = rows([LN3, 0.0])
    loss = agreement(one, rows([0.0, 0.0]), present=flags([0, 0]))
    loss.backward()
    assert loss.item() == 0
    assert one.grad.tolist() == [[0, 0]]


def test_the_term_moves_both_readings() -> None:
    term = Agreement(learner="student", guide="again", over="pool", detach_guide=False, paced=False, weight=1.0)
    views = {"student": View(pool=rows([LN3, 0.0])), "again": View(pool=rows([0.0, 0.0]))}
    loss = term(views, step([[1, 1]]))
    loss.backward()
    assert loss.item() == pytest.approx(BOTH)
    assert views["student"].pool.grad.abs().sum() > 0
    assert views["again"].pool.grad.abs().sum() > 0
    assert term.wants(0) == {"student": {Want("pool")}, "again": {Want("pool")}}


def test_the_term_over_the_list_leaves_out_what_is_absent() -> None:
    term = Agreement(learner="student", guide="again", over="list", detach_guide=False, paced=False, weight=1.0)
    views = {"student": View(scores=rows([LN3, 0.0, 5.0])), "again": View(scores=rows([0.0, 0.0, -5.0]))}
    assert term(views, step([[1, 1, 0]])).item() == pytest.approx(BOTH)
