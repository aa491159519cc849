"""What every curriculum promises, asked of every option in conf/curriculum/ as it comes."""

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch

from retrieval_kd.app.plan.instantiate import build
from retrieval_kd.app.plan.roles import with_roles_named
from retrieval_kd.batch.candidates import Candidates, StepWeights
from retrieval_kd.curricula.curriculum import Curriculum
from retrieval_kd.scorers.view import View, Want
from tests.contracts import made_steps as steps
from tests.contracts.options import names, option


def curriculum(name: str) -> Curriculum:
    node: dict[str, Any] = with_roles_named({"curriculum": option("curriculum", name), "teacher": {"judge": {}}})
    made = build(node["curriculum"], "curriculum")
    assert isinstance(made, Curriculum)
    return made


def situation(made: Curriculum, step: int) -> tuple[Candidates, dict[str, View]]:
    """A batch that was not weighed, and what the curriculum wants to see of it."""
    chance = torch.Generator().manual_seed(step)
    views = {role: steps.view(wants, chance, dtype=torch.float32) for role, wants in sorted(made.wants().items())}
    return replace(steps.batch(), step=step, step_weights=None), views


def weighings(made: Curriculum, first: int, last: int) -> list[StepWeights]:
    """The weighings of some steps of twelve."""
    return [made.weigh(*situation(made, step), step / 12) for step in range(first, last)]


def equal(one: list[StepWeights], two: list[StepWeights]) -> bool:
    pairs = zip(one, two, strict=True)
    return all(torch.equal(a, b) for first, second in pairs for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("name", names("curriculum"))
def test_a_curriculum_names_its_judge_and_looks_at_nobody_else(name: str) -> None:
    made = curriculum(name)
    assert set(made.wants()) <= {made.judge}
    assert all(isinstance(want, Want) for wants in made.wants().values() for want in wants)


@pytest.mark.parametrize("name", names("curriculum"))
def test_the_weights_are_of_every_query_and_candidate_of_the_step(name: str) -> None:
    for step_weights in weighings(curriculum(name), 0, 12):
        assert step_weights.keep.shape == step_weights.labels.shape == (steps.QUERIES, steps.LISTED)
        assert step_weights.keep.dtype == torch.bool
        assert step_weights.query_weight.shape == (steps.QUERIES,)
        assert bool(step_weights.query_weight.isfinite().all())
        assert bool((step_weights.query_weight >= 0).all())
        assert bool(step_weights.labels.isfinite().all())
        assert not any(value.requires_grad for value in step_weights)


@pytest.mark.parametrize("name", names("curriculum"))
def test_every_rank_weighs_alike(name: str) -> None:
    here, there = curriculum(name), curriculum(name)
    for step in range(4):
        batch, views = situation(here, step)
        local = [replace(batch, first=first, local=2) for first in (0, 2)]
        one, two = here.weigh(local[0], views, step / 12), there.weigh(local[1], views, step / 12)
        assert equal([one], [two])


@pytest.mark.parametrize("name", names("curriculum"))
def test_the_state_of_a_curriculum_is_its_buffers(name: str) -> None:
    unbroken = curriculum(name)
    weighings(unbroken, 0, 6)
    resumed = curriculum(name)
    resumed.load_state_dict(copy.deepcopy(unbroken.state_dict()))
    assert equal(weighings(resumed, 6, 12), weighings(unbroken, 6, 12))
    assert list(unbroken.state_dict()) == list(curriculum(name).state_dict())


@pytest.mark.parametrize("name", names("curriculum"))
def test_weighing_does_not_change_the_views_it_goes_by(name: str) -> None:
    made = curriculum(name)
    batch, views = situation(made, 0)
    before = [leaf.clone() for view in views.values() for leaf in steps.leaves(view)]
    made.weigh(batch, views, 0.5)
    after = [leaf for view in views.values() for leaf in steps.leaves(view)]
    assert all(torch.equal(one, two) for one, two in zip(before, after, strict=True))
