"""The learner's vector lies where the guide's does."""

from typing import Any

import pytest
import torch

from retrieval_kd.losses.embedding import Embedding, embedding
from retrieval_kd.scorers.scorer import Size
from retrieval_kd.scorers.view import View, Want
from tests.losses.numbers import rows
from tests.steps import step


def test_it_is_the_mean_squared_distance_of_unit_vectors() -> None:
    learner, guide = rows([2.0, 0.0], [0.0, 3.0]), rows([0.0, 5.0], [0.0, 1.0])
    assert embedding(learner, guide).item() == pytest.approx((2 + 0) / 2)


def test_vectors_may_be_taken_as_they_are() -> None:
    assert embedding(rows([2.0, 0.0]), rows([0.0, 1.0]), normalize=False).item() == 5


def test_absent_texts_are_left_out_and_texts_weigh_by_pace() -> None:
    learner, guide = rows([1.0, 0.0], [1.0, 0.0], [9.0, 9.0]), rows([0.0, 1.0], [1.0, 0.0], [0.0, 0.0])
    present = torch.tensor([True, True, False])
    assert embedding(learner, guide, present=present).item() == 1
    query_weight = torch.tensor([1.0, 3.0, 5.0])
    assert embedding(learner, guide, present=present, query_weight=query_weight).item() == pytest.approx(2 / 4)


def term(**options: Any) -> Embedding:
    rest = {"detach_guide": True, "paced": True, "weight": 1.0}
    return Embedding(**{"learner": "student", "guide": "dual", "normalize": False, **rest, **options})


def vectors(query: list[list[float]], passage: list[list[list[float]]]) -> View:
    return View(vectors={"query": torch.tensor(query), "passage": torch.tensor(passage)})


def test_the_term_is_the_mean_over_queries_plus_the_mean_over_listed_passages() -> None:
    student = vectors([[1.0], [3.0]], [[[1.0], [9.0]], [[2.0], [4.0]]])
    guide = vectors([[0.0], [0.0]], [[[0.0], [0.0]], [[0.0], [2.0]]])
    loss = term()({"student": student, "dual": guide}, step([[1, 0], [1, 1]]))
    assert loss.item() == pytest.approx((1 + 9) / 2 + (1 + 4 + 4) / 3)
    assert term().wants(0) == {"student": {Want("vectors")}, "dual": {Want("vectors")}}


def test_a_linear_map_leads_the_learners_width_to_the_guides() -> None:
    mapped = term()
    mapped.setup({"student": Size(3, 1), "dual": Size(6, 2)})
    with torch.no_grad():
        mapped.map.weight.copy_(torch.tensor([[1.0], [2.0]]))
        mapped.map.bias.zero_()
    student, guide = vectors([[3.0]], [[[1.0]]]), vectors([[3.0, 5.0]], [[[0.0, 2.0]]])
    assert mapped({"student": student, "dual": guide}, step([[1]])).item() == pytest.approx(1 + 1)


def test_the_map_is_drawn_alike_whatever_was_drawn_before_and_draws_nothing_from_others() -> None:
    maps, after = [], []
    for seed in (1, 2):
        torch.manual_seed(seed)
        made = term()
        made.setup({"student": Size(3, 4), "dual": Size(6, 2)})
        maps.append(made.map.weight)
        after.append(torch.rand(1))
    assert torch.equal(*maps)
    assert not torch.equal(*after)


def test_equal_widths_need_no_map() -> None:
    made = term()
    made.setup({"student": Size(3, 4), "dual": Size(6, 4)})
    assert list(made.parameters()) == []
