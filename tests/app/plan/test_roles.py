"""Who is named by a training, and who is not, though their word stands there."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from retrieval_kd.app.check.training import untaught_problems
from retrieval_kd.app.plan import roles
from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.errors import UserError

Planned = Callable[..., Plan]


def config(**weights: float) -> Mapping[str, Any]:
    """A student that follows a late teacher, which follows a cross-encoder."""
    ends = {"kl": ("student", "late"), "cross_kl": ("late", "cross")}
    terms = {name: {"learner": one, "guide": other, "weight": 1.0} for name, (one, other) in ends.items()}
    weighed = {name: {**term, "weight": weights.get(name, 1.0)} for name, term in terms.items()}
    late = {"_target_": "retrieval_kd.scorers.late.Late", "checkpoint": None, "projection": 8}
    cross = {"_target_": "retrieval_kd.scorers.cross.Cross", "checkpoint": "there"}
    return {"loss": {"terms": weighed, "echoes": {}}, "teacher": {"late": late, "cross": cross}}


def test_a_term_of_weight_0_names_nobody() -> None:
    assert roles.read(config()) == {"late", "cross"}
    assert roles.read(config(cross_kl=0)) == {"late"}
    assert set(roles.terms(config(cross_kl=0.0))) == {"kl"}
    assert roles.read(config(kl=0.0, cross_kl=0.0)) == set()


def test_a_term_of_weight_0_teaches_nobody() -> None:
    assert list(untaught_problems(config())) == []
    assert any(
        "teacher.late has a head that was never trained" in problem for problem in untaught_problems(config(cross_kl=0))
    )


def test_a_teacher_whose_terms_are_switched_off_is_outside_the_plan(plan: Planned) -> None:
    def stages(*words: str) -> set[str]:
        return {stage.name for stage in plan("teacher=cascade", "loss=cascade", "student.dropout=0.1", *words).stages}

    assert "cross" in stages()
    assert "cross" not in stages("loss.terms.cross_kl.weight=0.0")


def test_a_loss_of_which_all_is_switched_off_is_refused(plan: Planned) -> None:
    with pytest.raises(UserError, match=r"no term has a weight above 0: give at least one under loss\.terms"):
        plan("teacher=none", "loss=contrastive", "loss.terms.contrastive.weight=0.0")


def test_a_weight_below_0_is_refused_by_name(plan: Planned) -> None:
    with pytest.raises(UserError, match=r"loss\.terms\.kl\.weight=-1\.0: give a number from 0 on"):
        plan("loss.terms.kl.weight=-1.0")
