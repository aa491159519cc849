"""Paired blocks, weighed by how informative the guide's is."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from retrieval_kd.losses.layer_kl import LayerKL, layer_kl
from retrieval_kd.scorers.scorer import Size
from retrieval_kd.scorers.view import View, Want
from tests.losses.numbers import LN3, flags, kl
from tests.steps import step

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
    loss = layer_kl(blocks([[0.0, 0.0], [0.0, 0.0]]), blocks([[LN3, 0.0], [0.0, 0.0]]), torch.tensor([0, 1]))
    assert loss.item() == pytest.approx(kl(QUARTERS, HALVES) / 2)


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
    loss = layer_kl(learner, guide, FIRST, present=flags([1, 1, 0]), weight_temperature=1.0)
    assert loss.item() == pytest.approx(expected)


def test_what_is_no_rival_of_the_positive_is_distilled_and_weighs_nothing() -> None:
    # the third candidate is listed for the divergence; of the weights it is kept out
    guide, learner = blocks([[LN3, 0.0, LN3]], [[0.0, 0.0, 0.0]]), blocks([[0.0, 0.0, 0.0]], [[LN3, 0.0, LN3]])
    views = {role: View(pool_layers=dict(enumerate(some))) for role, some in (("student", learner), ("late", guide))}
    third, sevenths = (1 / 3, 1 / 3, 1 / 3), (3 / 7, 1 / 7, 3 / 7)
    expected = 0.6 * kl(sevenths, third) + 0.4 * kl(third, sevenths)
    loss = term((2, 2), pairs=2)(views, step([[1, 1, 1]], known_positives=[[1, 0, 1]]))
    assert loss.item() == pytest.approx(expected)


def test_pace_weighs_the_divergence_of_queries() -> None:
    loss = layer_kl(
        blocks([[0.0, 0.0], [0.0, 0.0]]),
        blocks([[LN3, 0.0], [0.0, 0.0]]),
        torch.tensor([0, 0]),
        query_weight=torch.tensor([1.0, 3.0]),
    )
    assert loss.item() == pytest.approx(kl(QUARTERS, HALVES) / 4)


def test_without_any_positive_the_blocks_weigh_alike() -> None:
    guide, learner = blocks([[LN3, 0.0]], [[0.0, 0.0]]), blocks([[0.0, 0.0]], [[LN3, 0.0]])
    expected = (kl(QUARTERS, HALVES) + kl(HALVES, QUARTERS)) / 2
    assert layer_kl(learner, guide, torch.tensor([-1])).item() == pytest.approx(expected)


def term(depths: tuple[int, int] | None = (6, 12), **options: Any) -> LayerKL:
    ends = {"learner": "student", "guide": "late", "over": "pool", "pairs": 3, "choose": "random", "every": 10}
    rest = {
        "seed": 0,
        "weight_temperature": 1.0,
        "guide_temperature": 1.0,
        "detach_guide": False,
        "paced": True,
        "weight": 1.0,
    }
    made = LayerKL(**{**ends, **rest, **options})
    if depths is not None:
        made.setup({"student": Size(depths[0], 32), "late": Size(depths[1], 64)})
    return made


def test_before_it_has_met_the_scorers_it_wants_the_last_block_of_each() -> None:
    assert term(None).wants(7) == {role: {Want("pool_layers", -1)} for role in ("student", "late")}
    assert term(None, over="list").wants(7)["late"] == {Want("layers", -1)}


def test_blocks_are_drawn_on_each_side_in_order_and_anew_every_so_many_steps() -> None:
    drawn = [term().blocks(step) for step in range(0, 400, 10)]
    for learner, guide in drawn:
        assert learner == sorted(set(learner))
        assert guide == sorted(set(guide))
        assert (len(learner), len(guide)) == (3, 3)
    assert {layer for learner, _ in drawn for layer in learner} == set(range(6))
    assert {layer for _, guide in drawn for layer in guide} == set(range(12))
    assert len({str(blocks) for blocks in drawn}) > 30
    assert all(term().blocks(step) == drawn[step // 10] for step in range(400))
    assert [term(seed=1).blocks(step) for step in range(0, 400, 10)] != drawn


def test_there_are_no_more_pairs_than_the_shallower_side_has_blocks() -> None:
    assert term((2, 12)).blocks(0)[0] == [0, 1]
    assert len(term((2, 12)).blocks(0)[1]) == 2


def test_the_last_blocks_may_be_asked_for() -> None:
    assert term((4, 12), choose="last").blocks(5) == ([1, 2, 3], [9, 10, 11])


@pytest.mark.parametrize(
    ("depths", "pairs", "blocks"),
    [
        ((6, 12), 5, ([1, 2, 3, 4, 5], [0, 2, 4, 6, 8])),  # as published, for passages
        ((6, 12), 6, ([0, 1, 2, 3, 4, 5], [0, 2, 4, 6, 8, 10])),  # and for documents
        ((4, 12), 3, ([1, 2, 3], [0, 3, 6])),
        ((4, 6), 3, ([1, 2, 3], [0, 1, 2])),
        ((6, 3), 5, ([3, 4, 5], [0, 1, 2])),
    ],
)
def test_a_guide_may_be_read_skipping(depths: tuple[int, int], pairs: int, blocks: tuple[list[int], list[int]]) -> None:
    assert term(depths, choose="skip", pairs=pairs).blocks(5) == blocks


@pytest.mark.parametrize("wrong", [{"pairs": 0}, {"every": 0}, {"weight_temperature": 0.0}])
def test_numbers_that_mean_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"{next(iter(wrong))}=.*: give a number above 0"):
        term(**wrong)


@pytest.mark.parametrize(("over", "feature"), [("pool", "pool_layers"), ("list", "layers")])
def test_the_term_pairs_the_blocks_of_the_step_over_pool_or_list(over: Any, feature: str) -> None:
    made = term((2, 2), pairs=2, over=over)
    halves, quarters = blocks([[0.0, 0.0]], [[LN3, 0.0]]), blocks([[LN3, 0.0]], [[0.0, 0.0]])
    views = {
        "student": View(**{feature: {0: halves[0], 1: halves[1]}}),
        "late": View(**{feature: {0: quarters[0], 1: quarters[1]}}),
    }
    loss = made(views, replace(step([[1, 1]]), step=3))
    assert loss.item() == pytest.approx(0.6 * kl(QUARTERS, HALVES) + 0.4 * kl(HALVES, QUARTERS))
    loss.backward()
    assert halves.grad.abs().min() > 0
    assert quarters.grad.abs().sum() > 0


def test_over_the_own_list_another_querys_passages_take_no_part() -> None:
    made = term((1, 1), pairs=1, over="list", choose="last")
    scores = {"student": blocks([[0.0, 0.0], [0.0, 0.0]]), "late": blocks([[LN3, 0.0], [LN3, 0.0]])}
    views = {role: View(layers={0: some[0]}) for role, some in scores.items()}
    assert made(views, step([[1, 1], [1, 1]])).item() == pytest.approx(kl(QUARTERS, HALVES))


def test_a_temperature_flattens_the_targets_and_leaves_the_weights() -> None:
    cold, warm = (term(None, guide_temperature=value) for value in (1.0, 2.0))
    views = {
        "student": View(pool_layers={-1: torch.zeros(1, 2)}),
        "late": View(pool_layers={-1: torch.tensor([[2 * LN3, 0.0]])}),
    }
    assert warm(views, step([[1, 1]])).item() == pytest.approx(kl(QUARTERS, HALVES))
    assert cold(views, step([[1, 1]])).item() == pytest.approx(kl((9 / 10, 1 / 10), HALVES))
