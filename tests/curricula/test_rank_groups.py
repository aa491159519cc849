"""Labels by the rank in a teacher's list."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from retrieval_kd.curricula.rank_groups import RankGroups
from retrieval_kd.errors import UserError
from tests.steps import step

GROUPS = [{"last": 2, "label": "reciprocal"}, {"last": 5, "label": -0.25}, {"last": 9, "label": -0.5}]


def weigh(ranks: list[int], *, positive: int = 0, groups: list[dict[str, Any]] = GROUPS, **batch: Any) -> Any:
    made = replace(step([[1] * len(ranks)], positive=[positive], **batch), rank=torch.tensor([ranks]))
    return RankGroups(groups=groups).weigh(made, {}, 0.0)


def test_the_first_group_is_in_exact_order_and_the_others_are_coarse() -> None:
    weighed = weigh([0, 1, 2, 3, 5, 6, 9])
    assert weighed.labels.tolist() == [pytest.approx([1, 1 / 2, 1 / 3, -0.25, -0.25, -0.5, -0.5])]
    assert weighed.keep.all()
    assert weighed.query_weight.tolist() == [1]


def test_without_a_positive_the_first_rank_has_1() -> None:
    assert weigh([1, 2, 3], positive=-1).labels.tolist() == [pytest.approx([1, 1 / 2, -0.25])]


def test_what_lies_below_the_last_group_and_a_dark_example_are_dropped() -> None:
    assert weigh([0, 1, 10, 0], dark=[[0, 0, 0, 1]]).keep.tolist() == [[True, True, False, False]]


def test_the_published_lists_have_their_labels() -> None:
    # 10 + 20: the positive and 9 in order, then two groups of ten
    groups = [{"last": 9, "label": "reciprocal"}, {"last": 50, "label": -0.25}, {"last": 200, "label": -0.5}]
    weighed = weigh([*range(10), *range(11, 31, 2), *range(51, 71, 2)], groups=groups)
    assert weighed.labels.tolist() == [pytest.approx([1 / n for n in range(1, 11)] + [-0.25] * 10 + [-0.5] * 10)]


def test_it_needs_no_judge() -> None:
    assert RankGroups(groups=GROUPS).wants() == {}


@pytest.mark.parametrize(
    "groups",
    [
        [],
        [{"last": 5, "label": 1.0}, {"last": 5, "label": 0.5}],
        [{"last": 0, "label": 1.0}],
        [{"last": 5, "label": "best"}],
        [{"last": 5}],
        [{"last": "5", "label": 1.0}],
    ],
)
def test_groups_that_do_not_fall_down_the_list_are_refused(groups: list[dict[str, Any]]) -> None:
    with pytest.raises(UserError, match=r"curriculum\.groups=.*: give each group its last rank, rising from 1"):
        RankGroups(groups=groups)
