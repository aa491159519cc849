"""Means over what is valid, weighted by query_weight."""

import pytest
import torch

from retrieval_kd.losses.mean import log_shares, upcast, weighted_mean
from tests.losses.numbers import LN3, flags, rows


def test_a_mean_is_over_valid_items_alone() -> None:
    assert weighted_mean(rows([1.0, 5.0], [3.0, 7.0]), flags([1, 0], [1, 0])).item() == 2


def test_a_paced_mean_weighs_items_by_their_query() -> None:
    items, query_weight = torch.tensor([2.0, 10.0]), torch.tensor([1.0, 3.0])
    assert weighted_mean(items, torch.tensor([True, True]), query_weight).item() == 8


def test_every_item_of_a_query_carries_its_pace() -> None:
    items = rows([1.0, 3.0], [5.0, 100.0])
    loss = weighted_mean(items, flags([1, 1], [1, 0]), torch.tensor([1.0, 2.0]))
    assert loss.item() == pytest.approx((1 + 3 + 2 * 5) / (1 + 1 + 2))


def test_pace_reaches_items_of_three_axes() -> None:
    items, valid = torch.ones(2, 3, 4), torch.ones(2, 3, 4, dtype=torch.bool)
    items[1] = 5
    assert weighted_mean(items, valid, torch.tensor([3.0, 1.0])).item() == 2


@pytest.mark.parametrize(("valid", "query_weight"), [([False, False], [1.0, 1.0]), ([True, True], [0.0, 0.0])])
def test_without_any_item_or_pace_it_is_zero_with_a_graph(valid: list[bool], query_weight: list[float]) -> None:
    items = torch.tensor([2.0, 3.0], requires_grad=True)
    loss = weighted_mean(items, torch.tensor(valid), torch.tensor(query_weight))
    assert loss.item() == 0
    loss.backward()
    assert items.grad is not None
    assert items.grad.tolist() == [0, 0]


def test_what_is_not_valid_may_be_no_number() -> None:
    items = torch.tensor([4.0, torch.nan], requires_grad=True)
    loss = weighted_mean(items, torch.tensor([True, False]))
    loss.backward()
    assert loss.item() == 4
    assert items.grad is not None
    assert items.grad.tolist() == [1, 0]


def test_shares_are_among_what_is_present() -> None:
    scores = rows([LN3, 0.0, 50.0])
    assert log_shares(scores, flags([1, 1, 0])).exp().tolist() == [pytest.approx([0.75, 0.25, 1.0])]
    assert log_shares(scores, flags([0, 0, 0])).tolist() == [[0, 0, 0]]


def test_an_unknown_absent_score_gives_no_gradient_and_no_nan() -> None:
    scores = rows([LN3, 0.0, float("nan")])
    log_shares(scores, flags([1, 1, 0]))[0, 0].backward()
    assert scores.grad.tolist() == [pytest.approx([0.25, -0.25, 0.0])]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_becomes_float32_and_other_precisions_stay(dtype: torch.dtype) -> None:
    assert upcast(torch.ones(2, dtype=dtype)).dtype == torch.float32
    assert upcast(torch.ones(2, dtype=torch.float64)).dtype == torch.float64
