"""A penalty on the size of scores."""

import pytest
import torch

from retrieval_kd.losses.score_norm import ScoreNorm, score_norm
from retrieval_kd.scorers.view import View
from tests.losses.numbers import flags, rows
from tests.steps import step


def test_it_is_the_norm_of_all_present_scores_of_the_step() -> None:
    assert score_norm(rows([3.0, 100.0], [0.0, -4.0]), present=flags([1, 0], [1, 1])).item() == pytest.approx(5)


def test_a_querys_squares_weigh_by_its_pace() -> None:
    assert score_norm(rows([3.0], [4.0]), query_weight=torch.tensor([4.0, 0.0])).item() == pytest.approx(6)


def test_without_any_score_it_is_zero_with_a_graph() -> None:
    scores = rows([3.0])
    loss = score_norm(scores, present=flags([0]))
    loss.backward()
    assert loss.item() == 0
    assert scores.grad.tolist() == [[0]]


def test_the_term_reads_the_own_list() -> None:
    term = ScoreNorm(learner="student", paced=False, weight=0.1)
    assert term({"student": View(scores=rows([3.0, 4.0, 9.0]))}, step([[1, 1, 0]])).item() == pytest.approx(5)
