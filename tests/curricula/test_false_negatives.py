"""Candidates as relevant as positives are dropped, by a bar that moves at every re-mining."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.curricula.constant import Constant
from retrieval_kd.curricula.false_negatives import FalseNegatives
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.view import View
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.run import Run
from tests.losses.numbers import rows
from tests.losses.test_objective import listwise
from tests.steps import step


def logit(share: float) -> float:
    return math.log(share / (1 - share))


def scored(*shares: list[float]) -> torch.Tensor:
    return rows(*[[logit(share) for share in row] for row in shares])


def filtering(**options: Any) -> FalseNegatives:
    what = {"judge": "cross", "probability": "sigmoid", "statistic": "mean_positive", "quantile": 0.5}
    how = {"margin_first": 0.2, "margin_last": 0.0, "rounds": 2, "momentum": 0.5, "keep_at_least": 0}
    return FalseNegatives(**{**what, **how, **options})


def kept_candidates(made: FalseNegatives, scores: torch.Tensor, batch: Candidates | None = None) -> list[list[bool]]:
    batch = batch or step([[1] * scores.shape[1]] * len(scores))
    return made.weigh(batch, {"cross": View(scores=scores)}, 0.0).keep.tolist()


def mine_anew(made: FalseNegatives) -> None:
    made.refresh(Run.of({}), Judgments({}))


def test_the_first_step_sets_the_bar_from_its_own_positives_and_filters_by_it() -> None:
    made = filtering()
    assert made.bar.isnan()
    # positives .9 and .7, so the bar is .8 - .2
    assert kept_candidates(made, scored([0.9, 0.59, 0.61], [0.7, 0.95, 0.1])) == [
        [True, True, False],
        [True, False, True],
    ]
    assert made.bar.item() == pytest.approx(0.6)


def test_the_bar_stays_between_minings_and_moves_at_each_by_what_was_seen() -> None:
    made = filtering()
    kept_candidates(made, scored([0.8, 0.1]))
    kept_candidates(made, scored([0.6, 0.1]))  # the moving mean is now .7
    assert made.bar.item() == pytest.approx(0.6)
    mine_anew(made)
    assert made.bar.item() == pytest.approx(0.7 - 0.1)
    mine_anew(made)
    assert made.bar.item() == pytest.approx(0.7)
    mine_anew(made)
    assert made.bar.item() == pytest.approx(0.7), "after the last round the margin stays"


def test_the_bar_survives_a_resume() -> None:
    made, again = filtering(), filtering()
    kept_candidates(made, scored([0.8, 0.1]))
    mine_anew(made)
    again.load_state_dict(made.state_dict())
    assert (
        kept_candidates(again, scored([0.5, 0.69, 0.71]))
        == kept_candidates(made, scored([0.5, 0.69, 0.71]))
        == [[True, True, False]]
    )
    assert (again.round.item(), again.seen.item()) == (1, made.seen.item())


def test_against_the_positive_a_positive_is_one_half_and_a_constant_changes_nothing() -> None:
    made = filtering(probability="against_positive", margin_first=0.1)
    scores = rows([2.0, 2.0 + logit(0.39), 2.0 + logit(0.41)])
    assert kept_candidates(made, scores) == kept_candidates(made, scores - 30) == [[True, True, False]]
    assert made.bar.item() == pytest.approx(0.4)


def test_the_statistic_may_be_a_quantile_of_the_positives() -> None:
    made = filtering(statistic="quantile", quantile=0.0, margin_first=0.0)
    kept_candidates(made, scored([0.9, 0.1], [0.3, 0.1], [0.5, 0.1]))
    assert made.bar.item() == pytest.approx(0.3)


def test_the_lowest_negatives_of_a_list_always_stay() -> None:
    made = filtering(keep_at_least=2)
    assert kept_candidates(made, scored([0.5, 0.95, 0.8, 0.9, 0.99])) == [[True, False, True, True, False]]


def test_positives_dark_examples_and_queries_without_a_positive_are_not_filtered() -> None:
    made = filtering()
    scores = scored([0.5, 0.9, 0.9, 0.9], [0.1, 0.9, 0.9, 0.9])
    batch = step([[1, 1, 1, 0], [1, 1, 1, 1]], dark=[[0, 1, 0, 0], [0, 0, 0, 0]], positive=[0, -1])
    assert kept_candidates(made, scores, batch) == [[True, True, False, True], [True] * 4]


def test_a_step_without_a_scored_positive_leaves_the_bar_unset_and_filters_nothing() -> None:
    made = filtering()
    assert kept_candidates(made, scored([0.1, 0.9]), step([[1, 1]], positive=[-1])) == [[True, True]]
    nan = float("nan")
    unscored = step([[1, 1, 1]], stored={"file": torch.tensor([[nan, 1.0, nan]])})
    assert kept_candidates(made, rows([nan, 3.0, nan]), unscored) == [[True, True, True]]
    assert made.bar.isnan()
    assert made.seen.isnan()


def test_a_bar_above_every_score_filters_nothing() -> None:
    made, scores = filtering(margin_first=-2.0), scored([0.2, 0.999, 0.9], [0.9, 0.3, 0.99])
    batch, student = step([[1, 1, 1]] * 2), rows([0.0, 1.0, 2.0], [1.0, 0.0, 0.5])
    views = {"cross": View(scores=scores), "student": View(scores=student)}
    term = listwise("student", "cross", over="list")
    step_weights = made.weigh(batch, views, 0.0)
    assert step_weights.keep.all()
    assert torch.equal(
        term(views, batch.weighted(step_weights)), term(views, batch.weighted(Constant().weigh(batch, views, 0.0)))
    )


def test_what_is_dropped_is_no_rival_of_its_own_query_and_stays_one_of_others() -> None:
    batch = step([[1, 1], [1, 1]])
    step_weights = filtering().weigh(batch, {"cross": View(scores=scored([0.5, 0.9], [0.5, 0.1]))}, 0.0)
    assert batch.weighted(step_weights).negatives.tolist() == [[False, False, True, True], [True, True, False, True]]


def test_the_weights_are_the_same_on_every_rank() -> None:
    scores, batch = scored([0.9, 0.7], [0.7, 0.2]), step([[1, 1], [1, 1]])
    here, there = filtering(), filtering()
    assert kept_candidates(here, scores, replace(batch, local=1)) == kept_candidates(
        there, scores, replace(batch, first=1, local=1)
    )
    assert torch.equal(here.bar, there.bar)


@pytest.mark.parametrize("wrong", [{"quantile": 1.5}, {"momentum": 1.0}, {"rounds": 0}, {"keep_at_least": -1}])
def test_numbers_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"give a quantile from 0 to 1, a momentum from 0 to below 1"):
        filtering(**wrong)
