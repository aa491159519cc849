"""Paired blocks, weighed by how informative the guide's is."""

import math

import pytest
import torch

from retrieval_kd.losses.layer_kl import layer_kl
from tests.losses.numbers import LN3, flags, kl

FIRST = torch.tensor([0])
QUARTERS, HALVES = (0.75, 0.25), (0.5, 0.5)


def blocks(*values: list[list[float]]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def test_a_block_weighs_by_its_share_of_the_guides_contrastive_losses() -> None:
    # the guide's losses are log 4/3 and log 2, so the blocks weigh 3/4 to 1/2: .6 and .4
    guide, learner = blocks([[LN3, 0.0]], [[0.0, 0.0]]), blocks([[0.0, 0.0]], [[LN3, 0.0]])
    expected = 0.6 * kl(QUARTERS, HALVES) + 0.4 * kl(HALVES, QUARTERS)
    assert layer_kl(learner, guide, FIRST, weight_temperature=1.0).item() == pytest.approx(expected)


def test_a_higher_temperature_evens_the_weights_out() -> None:
    guide, learner = blocks([[LN3, 0.0]], [[0.0, 0.0]]), blocks([[0.0, 0.0]], [[LN3, 0.0]])
    ratio = math.exp(-(math.log(4 / 3) - math.log(2)) / 10)
    share = ratio / (1 + ratio)
    expected = share * kl(QUARTERS, HALVES) + (1 - share) * kl(HALVES, QUARTERS)
    assert layer_kl(learner, guide, FIRST).item() == pytest.approx(expected)


def test_one_block_is_its_divergence_alone() -> None:
    found = layer_kl(blocks([[0.0, 0.0], [0.0, 0.0]]), blocks([[LN3, 0.0], [0.0, 0.0]]), torch.tensor([0, 1]))
    assert found.item() == pytest.approx(kl(QUARTERS, HALVES) / 2)


def test_the_weights_carry_no_gradient() -> None:
    # the second block's divergence is least, so all that could move its guide is its weight
    guide, learner = blocks([[LN3, 0.0]], [[0.0, 1.0]]), blocks([[0.0, 0.0]], [[0.0, 1.0]])
    layer_kl(learner, guide, FIRST, weight_temperature=1.0).backward()
    assert guide.grad[1].abs().max() < 1e-12
    assert guide.grad[0].abs().max() > 1e-3


def test_what_is_absent_takes_no_part_in_divergence_or_weight() -> None:
    guide = blocks([[LN3, 0.0, 50.0]], [[0.0, 0.0, -3.0]])
    learner = blocks([[0.0, 0.0, 7.0]], [[LN3, 0.0, 2.0]])
    expected = 0.6 * kl(QUARTERS, HALVES) + 0.4 * kl(HALVES, QUARTERS)
    found = layer_kl(learner, guide, FIRST, present=flags([1, 1, 0]), weight_temperature=1.0)
    assert found.item() == pytest.approx(expected)


def test_pace_weighs_the_divergence_of_queries() -> None:
    found = layer_kl(
        blocks([[0.0, 0.0], [0.0, 0.0]]),
        blocks([[LN3, 0.0], [0.0, 0.0]]),
        torch.tensor([0, 0]),
        pace=torch.tensor([1.0, 3.0]),
    )
    assert found.item() == pytest.approx(kl(QUARTERS, HALVES) / 4)


def test_without_any_positive_the_blocks_weigh_alike() -> None:
    guide, learner = blocks([[LN3, 0.0]], [[0.0, 0.0]]), blocks([[0.0, 0.0]], [[LN3, 0.0]])
    expected = (kl(QUARTERS, HALVES) + kl(HALVES, QUARTERS)) / 2
    assert layer_kl(learner, guide, torch.tensor([-1])).item() == pytest.approx(expected)
