"""A named sum of arrows."""

import math
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import nn

from retrieval_kd.batch.candidates import StepWeights
from retrieval_kd.losses.agreement import Agreement
from retrieval_kd.losses.contrastive import Contrastive
from retrieval_kd.losses.listwise_kl import ListwiseKL
from retrieval_kd.losses.objective import Objective
from retrieval_kd.losses.term import Term
from retrieval_kd.scorers.scorer import Size
from retrieval_kd.scorers.view import View, Want
from tests.losses.numbers import LN2, LN3, kl, rows
from tests.steps import step


def contrastive(learner: str, **options: Any) -> Term:
    return Contrastive(
        **{"learner": learner, "over": "pool", "temperature": 1.0, "paced": False, "weight": 1.0, **options}
    )


def listwise(learner: str, guide: str, **options: Any) -> Term:
    temperatures = {"learner_temperature": 1.0, "guide_temperature": 1.0, "scale": 1.0}
    rest = {"over": "pool", "detach_guide": True, "paced": True, "weight": 1.0}
    return ListwiseKL(**{"learner": learner, "guide": guide, **temperatures, **rest, **options})


def agree(learner: str, guide: str) -> Term:
    return Agreement(learner=learner, guide=guide, over="pool", detach_guide=False, paced=False, weight=1.0)


def test_every_loss_is_named_and_weighted() -> None:
    objective = Objective({"hard": contrastive("student", weight=2.0), "kl": listwise("student", "late", weight=0.5)})
    views = {"student": View(pool=rows([0.0, 0.0])), "late": View(pool=rows([LN3, 0.0]))}
    losses = objective(views, step([[1, 1]]))
    assert set(losses) == {"hard", "kl"}
    assert losses["hard"].item() == pytest.approx(2 * LN2)
    assert losses["kl"].item() == pytest.approx(0.5 * kl((0.75, 0.25), (0.5, 0.5)))


def test_pace_reaches_the_terms_that_are_paced_alone() -> None:
    objective = Objective({"hard": contrastive("student"), "kl": listwise("student", "late")})
    step_weights = StepWeights(torch.ones(2, 1, dtype=torch.bool), torch.tensor([1.0, 3.0]), torch.ones(2, 1))
    views = {"student": View(pool=rows([LN3, 0.0], [0.0, 0.0])), "late": View(pool=rows([0.0, 0.0], [0.0, 0.0]))}
    losses = objective(views, step([[1], [1]]).weighted(step_weights))
    assert losses["hard"].item() == pytest.approx((math.log(4 / 3) + LN2) / 2)
    assert losses["kl"].item() == pytest.approx(kl((0.5, 0.5), (0.75, 0.25)) / 4)


def test_who_learns_is_read_off_the_arrows() -> None:
    objective = Objective(
        {"hard": contrastive("late"), "kl": listwise("student", "late"), "x": listwise("student", "cross")}
    )
    assert objective.learners == {"student", "late"}
    assert objective.roles == {"student", "late", "cross"}


def test_wants_of_several_terms_are_joined_by_role() -> None:
    objective = Objective({"hard": contrastive("student"), "kl": listwise("student", "cross", over="list")})
    assert objective.wants(0) == {"student": {Want("pool"), Want("scores")}, "cross": {Want("scores")}}


def test_an_echo_is_its_scorer_read_again_under_a_pass_of_its_own() -> None:
    objective = Objective(
        {"hard": contrastive("student"), "agree": agree("student", "again"), "both": agree("student", "anew")},
        echoes={"again": {"of": "student", "redraw": "passage"}, "anew": {"of": "student", "redraw": "both"}},
    )
    assert objective.source("again") == objective.source("student") == "student"
    assert objective.roles == objective.learners == {"student"}
    assert set(objective.wants(0)) == {"student", "again", "anew"}
    assert [objective.pass_of("again", kind) for kind in ("query", "passage")] == [0, 1]
    assert [objective.pass_of("anew", kind) for kind in ("query", "passage")] == [2, 2]
    assert objective.pass_of("student", "passage") == 0


def test_of_a_group_only_the_term_with_the_largest_loss_counts() -> None:
    terms = {"hard": contrastive("student"), "one": listwise("student", "cross"), "two": listwise("student", "late")}
    objective = Objective(terms, largest_of=[["one", "two"]])
    student = rows([0.0, 0.0])
    views = {"student": View(pool=student), "cross": View(pool=rows([0.5, 0.0])), "late": View(pool=rows([2.0, 0.0]))}
    losses = objective(views, step([[1, 1]]))
    alone = Objective(terms)(views, step([[1, 1]]))
    assert losses["one"].item() == 0 < alone["one"].item() < alone["two"].item()
    assert losses["two"].item() == alone["two"].item()
    assert losses["hard"].item() == alone["hard"].item()


@pytest.mark.parametrize("group", [["one"], ["one", "three"], ["one", "one"]])
def test_a_group_of_no_two_terms_is_refused(group: list[str]) -> None:
    with pytest.raises(ValueError, match="give groups of two or more terms"):
        Objective({"one": listwise("student", "cross"), "two": listwise("student", "late")}, largest_of=[group])


def test_an_objective_without_terms_is_refused() -> None:
    with pytest.raises(ValueError, match=r"give at least one under loss\.terms"):
        Objective({})


@pytest.mark.parametrize("weight", [-0.1, math.inf, math.nan])
def test_a_weight_below_0_or_without_end_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match=rf"loss\.terms\.hard\.weight={weight}: give a number from 0 on"):
        Objective({"hard": contrastive("student", weight=weight)})


def test_a_term_of_weight_0_is_as_if_it_were_not_there() -> None:
    off = {"x": listwise("late", "cross", weight=0.0, detach_guide=False), "hard": contrastive("student")}
    objective = Objective(off)
    assert set(objective.terms) == set(objective({"student": View(pool=rows([0.0, 0.0]))}, step([[1, 1]]))) == {"hard"}
    assert objective.roles == objective.learners == set(objective.wants(0)) == {"student"}
    with pytest.raises(ValueError, match=r"detach_guide=false moves student"):
        Objective(
            off | {"hard": contrastive("student", weight=0.0), "kl": listwise("late", "student", detach_guide=False)}
        )


def test_an_objective_of_which_all_is_switched_off_is_refused() -> None:
    with pytest.raises(ValueError, match=r"give at least one under loss\.terms"):
        Objective({"hard": contrastive("student", weight=0.0)})


def test_terms_meet_the_scorers_under_all_their_names() -> None:
    class Meeting(Contrastive):
        def setup(self, sizes: Mapping[str, Size]) -> None:
            self.met = sizes

    asks, off = (Meeting(learner="student", over="pool", temperature=1.0, paced=False, weight=w) for w in (1.0, 0.0))
    echoes = {"again": {"of": "student", "redraw": "passage"}}
    Objective({"hard": asks, "off": off}, echoes=echoes).setup({"student": Size(4, 384)})
    assert asks.met == {"student": Size(4, 384), "again": Size(4, 384)}
    assert "met" not in vars(off)


def test_a_guide_that_may_move_must_be_somebodys_learner() -> None:
    moved = listwise("student", "late", detach_guide=False)
    with pytest.raises(ValueError, match=r"loss\.terms\.kl: detach_guide=false moves late.* give true"):
        Objective({"kl": moved})
    assert Objective({"kl": moved, "hard": contrastive("late")}).learners == {"student", "late"}


def test_an_echo_of_a_learner_may_be_moved() -> None:
    echoes = {"again": {"of": "student", "redraw": "passage"}}
    assert Objective({"agree": agree("student", "again")}, echoes=echoes).learners == {"student"}


@pytest.mark.parametrize(
    "options", [{"tied": ["student", "late"]}, {"echoes": {"again": {"of": "late", "redraw": "passage"}}}]
)
def test_a_role_that_no_term_reads_cannot_be_tied_or_echoed(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"ties or echoes 'late'.* give one of \['student'\]"):
        Objective({"hard": contrastive("student")}, **options)


def test_the_parameters_of_terms_are_the_objectives() -> None:
    class Weighted(Contrastive):
        def __init__(self) -> None:
            super().__init__(learner="student", over="pool", temperature=1.0, paced=False, weight=1.0)
            self.bias = nn.Parameter(torch.zeros(1))

    assert [name for name, _ in Objective({"hard": Weighted()}).named_parameters()] == ["terms.hard.bias"]


def test_reading_what_no_term_wanted_is_a_broken_promise() -> None:
    with pytest.raises(AssertionError, match="pool was read but not wanted"):
        Objective({"hard": contrastive("student")})({"student": View(scores=rows([0.0, 0.0]))}, step([[1, 1]]))
