"""What a linear map makes of the learner's two vectors lies where the guide's state of the pair does."""

from typing import Any

import pytest
import torch
from torch import Tensor

from retrieval_kd.losses.pair_state import PairState, pair_state
from retrieval_kd.scorers.scorer import Size
from retrieval_kd.scorers.view import View, Want
from tests.losses.numbers import flags
from tests.steps import step


def states(*lists: list[list[float]]) -> Tensor:
    return torch.tensor(lists, dtype=torch.float64, requires_grad=True)


def test_it_is_a_mean_over_components_and_then_over_present_pairs() -> None:
    learner, guide = states([[1.0, 2.0], [5.0, 5.0]], [[0.0, 0.0], [1.0, 0.0]]), states(*[[[0.0, 0.0]] * 2] * 2)
    assert pair_state(learner, guide).item() == pytest.approx((2.5 + 25 + 0 + 0.5) / 4)
    assert pair_state(learner, guide, present=flags([1, 0], [1, 1])).item() == pytest.approx((2.5 + 0 + 0.5) / 3)
    query_weight = torch.tensor([1.0, 3.0])
    assert pair_state(learner, guide, present=flags([1, 0], [1, 1]), query_weight=query_weight).item() == pytest.approx(
        4 / 7
    )


def test_what_is_absent_reaches_no_gradient_and_nobody_is_zero_with_a_graph() -> None:
    learner, guide = states([[1.0], [float("nan")]]), states([[0.0], [float("inf")]])
    pair_state(learner, guide, present=flags([1, 0])).backward()
    assert learner.grad.tolist() == [[[2.0], [0.0]]]
    none = pair_state(learner, guide, present=flags([0, 0]))
    none.backward()
    assert none.item() == 0


def term(**options: Any) -> PairState:
    made = PairState(
        **{"learner": "student", "guide": "cross", "detach_guide": True, "paced": True, "weight": 1.0, **options}
    )
    made.setup({"student": Size(3, 1), "cross": Size(6, 2)})
    return made


def views() -> dict[str, View]:
    student = View(vectors={"query": torch.tensor([[3.0]]), "passage": torch.tensor([[[2.0], [9.0]]])})
    return {"student": student, "cross": View(states=torch.tensor([[[11.0, 6.0], [0.0, 0.0]]], requires_grad=True))}


def test_the_map_reads_the_query_the_passage_and_their_product() -> None:
    made, seen = term(), views()
    with torch.no_grad():
        made.map.weight.copy_(torch.tensor([[1.0, 1.0, 1.0], [0.0, 0.0, 1.0]]))
        made.map.bias.zero_()
    assert made(seen, step([[1, 0]])).item() == pytest.approx(0.0)  # 3 + 2 + 6 and 6
    seen["cross"] = View(states=torch.tensor([[[11.0, 8.0], [0.0, 0.0]]]))
    assert made(seen, step([[1, 0]])).item() == pytest.approx(2.0**2 / 2)
    assert made.wants(0) == {"student": {Want("vectors")}, "cross": {Want("states")}}


@pytest.mark.parametrize("detach", [True, False])
def test_the_map_learns_and_the_guide_only_without_detach_guide(detach: bool) -> None:
    made, seen = term(detach_guide=detach), views()
    made(seen, step([[1, 1]])).backward()
    assert made.map.weight.grad.abs().sum() > 0
    assert (seen["cross"].states.grad is None) is detach


def test_the_map_is_always_the_same_one_and_draws_nothing_from_others() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one, other = term(), term()
    assert torch.equal(one.map.weight, other.map.weight)
    assert torch.equal(before, torch.get_rng_state())
