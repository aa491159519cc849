"""The queries that the judge is sure of come first."""

from typing import Any

import pytest
import torch

from retrieval_kd.curricula.constant import Constant
from retrieval_kd.curricula.curriculum import Curriculum
from retrieval_kd.curricula.self_paced import SelfPaced, confidence
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.view import View
from tests.losses.numbers import LN3, rows
from tests.losses.test_objective import listwise
from tests.steps import step


def paced(**options: Any) -> SelfPaced:
    return SelfPaced(
        **{"judge": "late", "first": 0.8, "last": 0.0, "schedule": "linear", "weighting": "hard", **options}
    )


def weights_of(made: Curriculum, scores: torch.Tensor, progress: float, **batch: Any) -> torch.Tensor:
    present = [[1] * scores.shape[1]] * len(scores)
    return made.weigh(step(present, **batch), {"late": View(scores=scores)}, progress).query_weight


def test_confidence_is_the_positives_share_of_its_own_list() -> None:
    scores = rows([LN3, 0.0], [0.0, LN3], [0.0, 0.0])
    assert confidence(scores, step([[1, 1]] * 3)).tolist() == pytest.approx([0.75, 0.25, 0.5])


def test_without_a_positive_it_is_the_largest_share() -> None:
    assert confidence(rows([0.0, LN3]), step([[1, 1]], positive=[-1])).tolist() == pytest.approx([0.75])


def test_absent_dark_and_unscored_candidates_take_no_share() -> None:
    nan = float("nan")
    batch = step([[1, 1, 0, 1, 1]], dark=[[0, 0, 0, 1, 0]], stored={"file": torch.tensor([[1, 1, 1, 1, nan]])})
    assert confidence(rows([LN3, 0.0, 9.0, 9.0, nan]), batch).tolist() == pytest.approx([0.75])


def test_a_positive_that_the_judge_never_scored_and_an_empty_list_have_no_confidence() -> None:
    nan = float("nan")
    batch = step([[1, 1], [0, 0]], positive=[0, -1], stored={"file": torch.tensor([[nan, 1.0], [1.0, 1.0]])})
    assert confidence(rows([nan, 1.0], [1.0, 1.0]), batch).tolist() == [0.0, 0.0]


def test_the_bar_falls_over_the_training_and_lets_more_and_more_take_part() -> None:
    scores = rows([LN3, 0.0], [0.0, 0.0], [0.0, LN3])  # confidence 3/4, 1/2, 1/4
    weights = [weights_of(paced(), scores, progress).tolist() for progress in (0.0, 0.25, 0.5, 0.75)]
    assert weights == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]]
    assert weights_of(paced(first=0.5, schedule="constant"), scores, 0.9).tolist() == [1, 1, 0]


def test_soft_pace_is_the_confidence_itself() -> None:
    scores = rows([LN3, 0.0], [0.0, LN3])
    assert weights_of(paced(weighting="soft"), scores, 0.0).tolist() == pytest.approx([0.75, 0.25])


def test_a_bar_of_0_is_plain_distillation() -> None:
    batch, scores = step([[1, 1], [1, 1]]), rows([LN3, 0.0], [-50.0, 50.0])
    views = {"late": View(scores=scores), "student": View(scores=rows([0.0, 1.0], [1.0, 0.0]))}
    term = listwise("student", "late", over="list")
    zero, plain = paced(first=0.0).weigh(batch, views, 0.3), Constant().weigh(batch, views, 0.3)
    assert torch.equal(term(views, batch.weighted(zero)), term(views, batch.weighted(plain)))
    assert torch.equal(zero.labels, plain.labels)
    assert zero.keep.all()


def test_a_constant_added_to_a_querys_scores_changes_nothing() -> None:
    scores = rows([LN3, 0.0], [0.0, LN3])
    there = step([[1, 1]] * 2)
    torch.testing.assert_close(confidence(scores + 40, there), confidence(scores, there))


@pytest.mark.parametrize("wrong", [{"first": 1.1}, {"last": -0.1}])
def test_a_bar_that_is_no_share_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UserError, match=r"curriculum\.first=.* are bars of a share: give 0 to 1"):
        paced(**wrong)
