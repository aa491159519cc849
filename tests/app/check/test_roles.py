"""What is refused of who does what, and what a student with a query tower alone reads outside training."""

from collections.abc import Callable
from pathlib import Path

import pytest

from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.errors import UserError

pytestmark = pytest.mark.slow

Planned = Callable[..., Plan]
SMALL_TOWER = ("student=asymmetric", "teacher=dual", "loss=listwise_kl")


def keys(plan: Plan) -> dict[str, str]:
    return {stage.name: stage.key for stage in plan.stages}


def test_a_student_with_a_query_tower_alone_is_mined_and_judged_through_a_teacher_trained_first(plan: Planned) -> None:
    made = plan(*SMALL_TOWER)
    assert [stage.name for stage in made.stages] == [
        "lexical",
        "dual",
        "mined",
        "bm25",
        "start",
        "train",
        "student",
        "teacher",
    ]
    for name in ("mined", "start", "train"):
        assert made.named(name).config["teacher"]["dual"]["checkpoint"] == "${artifact:dual}"


def test_a_trained_one_brings_its_tower_along(plan: Planned) -> None:
    made = plan(*SMALL_TOWER)
    assert "teacher" not in made.named("student").config
    assert made.named("student").inputs == ("train",)


def test_any_other_student_reads_no_teacher_outside_training(plan: Planned) -> None:
    dual, late = (plan(f"teacher={teacher}", "loss=listwise_kl") for teacher in ("dual", "colbert"))
    for name in ("mined", "start"):
        assert "teacher" not in dual.named(name).config
        assert keys(dual)[name] == keys(late)[name]


@pytest.mark.parametrize("teacher", ["colbert", "none"])
def test_passages_of_a_role_that_is_nobody_are_refused_once(plan: Planned, teacher: str) -> None:
    with pytest.raises(
        UserError,
        match=r"passages_of=dual: there is no teacher named dual; available: .*; set teacher=dual, or student=dual",
    ) as refused:
        plan("student=asymmetric", f"teacher={teacher}", "loss=contrastive")
    assert str(refused.value).count("passages_of") == 1


def test_passages_of_a_teacher_without_one_vector_each_are_refused(plan: Planned) -> None:
    with pytest.raises(UserError, match=r"student.passages_of=late: that is a late scorer, and only a dual encoder's"):
        plan("student=asymmetric", "student.passages_of=late", "teacher=colbert", "loss=tight_coupling")


def test_a_student_that_reads_through_another_cannot_be_tied(plan: Planned) -> None:
    with pytest.raises(UserError, match=r"loss.tied=\['student', 'late'\]: this student reads passages through late"):
        plan("student=asymmetric", "student.passages_of=late", "teacher=colbert", "loss=self_otf")


def test_it_is_ranked_as_a_dual_student_is(plan: Planned) -> None:
    with pytest.raises(UserError, match="ranks by a late student, and this one is dual: give ranker=dense"):
        plan(*SMALL_TOWER, "ranker=late")


def test_an_ensembles_members_are_trained_first_where_none_is_given(plan: Planned) -> None:
    made = plan("teacher=ensemble", "loss=listwise_kl")
    members = made.named("train").config["teacher"]["ensemble"]["members"]
    assert {name: member["checkpoint"] for name, member in members.items()} == {
        "late": "${artifact:late}",
        "cross": "${artifact:cross}",
    }
    assert "teacher" in keys(made)


def test_a_member_that_was_never_trained_is_refused(plan: Planned) -> None:
    path = "teacher.ensemble.members.cross"
    with pytest.raises(
        UserError, match=rf"{path} has a head that was never trained.* give\s+{path}.checkpoint=<folder>"
    ):
        plan("teacher=ensemble", "loss=listwise_kl", f"{path}.checkpoint=null")


@pytest.mark.parametrize("teacher", ["ensemble", "stored"])
def test_a_scorer_that_cannot_learn_is_no_learner(plan: Planned, tmp_path: Path, teacher: str) -> None:
    (tmp_path / "scores.tsv").write_text("q0\tp0\t1.5\n")
    file = () if teacher == "ensemble" else (f"teacher.stored.file={tmp_path / 'scores.tsv'}",)
    words = (f"teacher={teacher}", "loss=listwise_kl", "loss.terms.contrastive.over=list", *file)
    with pytest.raises(UserError, match=rf"terms.contrastive.learner={teacher}: {teacher} scorers do not learn"):
        plan(*words, "loss.terms.contrastive.learner=teacher")


def test_the_student_as_it_began_is_a_frozen_teacher_with_the_students_node(plan: Planned) -> None:
    made = plan("teacher=cross_and_previous", "loss=progressive", "student.layers=[0,5]")
    config = made.named("train").config
    assert config["teacher"]["previous"] == config["student"]
    assert config["teacher"]["cross"]["checkpoint"] == "${artifact:cross}"
    other = plan("teacher=cross_and_previous", "loss=progressive", "student.layers=[0,3]")
    assert keys(made)["train"] != keys(other)["train"]
