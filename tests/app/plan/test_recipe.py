"""Precedence, word by word: which option and which value a stage ends up with."""

from collections.abc import Callable

import pytest

from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.errors import UserError

Planned = Callable[..., Plan]
LADDER = "experiment=ladder"
NO_REINFORCED = ("data.dark.reinforced_negatives=0",)  # they are made of listed negatives
KEPT = "+stages.kept={run: evaluate, with: ['student.checkpoint=${artifact:warm_up}']}"  # so that warm_up stays


def names(plan: Plan) -> list[str]:
    return [stage.name for stage in plan.stages]


@pytest.mark.slow
def test_the_command_line_chooses_over_the_recipe(plan: Planned) -> None:
    assert plan(LADDER).named("distil").config["student"]["shared"] is None
    assert plan(LADDER, "student=dual_untied").named("distil").config["student"]["shared"] is False


def test_a_stage_chooses_over_the_command_line(plan: Planned) -> None:
    made = plan(LADDER, "student=dual_untied")
    assert made.named("teacher").config["student"]["_target_"].endswith(".Late")


def test_a_stage_sets_a_value_over_the_option_file(plan: Planned) -> None:
    assert plan(LADDER).named("warm_up").config["optim"]["lr"] == 0.5
    assert plan(LADDER).named("distil").config["optim"]["lr"] != 0.5


def test_the_command_line_sets_a_value_over_the_stage(plan: Planned) -> None:
    made = plan(LADDER, "optim.lr=0.25", "optim.steps=7")
    assert [made.named(name).config["optim"]["lr"] for name in ("teacher", "warm_up", "distil")] == [0.25] * 3
    assert made.named("teacher").config["optim"]["steps"] == 7


def test_a_word_for_one_stage_stands_over_all_others(plan: Planned) -> None:
    made = plan(LADDER, "optim.steps=7", "+at.distil.optim.steps=9", "+at.distil.student.checkpoint=minilm", KEPT)
    assert [made.named(name).config["optim"]["steps"] for name in ("teacher", "warm_up", "distil")] == [7, 7, 9]
    assert made.named("distil").config["student"]["checkpoint"] == "minilm"


def test_a_word_for_one_stage_may_choose_an_option_there(plan: Planned) -> None:
    made = plan(LADDER, "+at.warm_up.curriculum=constant", "+at.warm_up.loss=margin_mse")
    assert set(made.named("warm_up").config["loss"]["terms"]) == {"margin"}
    assert set(made.named("distil").config["loss"]["terms"]) == {"contrastive", "kl"}


def test_a_word_for_one_stage_needs_no_plus(plan: Planned) -> None:
    assert plan(LADDER, "at.warm_up.optim.steps=9").named("warm_up").config["optim"]["steps"] == 9


def test_two_pluses_add_a_key_for_one_stage(plan: Planned) -> None:
    made = plan(LADDER, "++at.distil.optim.learners.student.lr=0.5")
    assert made.named("distil").config["optim"]["learners"] == {"student": {"lr": 0.5}}
    assert made.named("teacher").config["optim"]["learners"] == {}


def test_words_about_the_student_are_set_aside_where_a_stage_names_its_own(plan: Planned) -> None:
    made = plan(LADDER, "student.layers=[0,5]")
    assert made.named("warm_up").config["student"]["layers"] == [0, 5]
    assert made.named("teacher").config["student"]["layers"] is None
    assert "student.layers=[0,5] is ignored in teacher, which sets its own student" in made.notes


def test_a_key_that_the_stages_own_option_lacks_is_set_aside_there(plan: Planned) -> None:
    made = plan(LADDER, "loss.terms.kl.weight=0.3")
    assert made.named("distil").config["loss"]["terms"]["kl"]["weight"] == 0.3
    assert set(made.named("teacher").config["loss"]["terms"]) == {"contrastive"}
    assert "loss.terms.kl.weight=0.3 is ignored in teacher, which sets its own loss" in made.notes


def test_a_key_that_the_stages_own_option_has_too_is_set_there_as_well(plan: Planned) -> None:
    made = plan(LADDER, "data.negatives=4")
    assert [made.named(name).config["data"]["negatives"] for name in ("teacher", "distil")] == [4, 4]


def test_a_student_that_is_wired_to_an_earlier_stage_stays_wired(plan: Planned) -> None:
    made = plan(LADDER, "student.checkpoint=minilm")
    assert made.named("warm_up").config["student"]["checkpoint"] == "minilm"
    assert made.named("distil").config["student"]["checkpoint"] == "${artifact:warm_up}"


def test_a_start_that_every_stage_wires_for_itself_reaches_no_stage(plan: Planned) -> None:
    with pytest.raises(UserError, match=r"student\.checkpoint=minilm has no effect: .*warm_up"):
        plan(LADDER, "stages.warm_up.with=['student.checkpoint=${artifact:teacher}']", "student.checkpoint=minilm")


def test_a_given_teacher_makes_the_stage_that_trains_one_leave(plan: Planned) -> None:
    made = plan(LADDER, "teacher.late.checkpoint=minilm")
    assert "teacher" not in names(made)
    assert [left.name for left in made.left_out] == ["teacher"]


def test_an_optional_word_applies_where_its_key_is(plan: Planned) -> None:
    assert plan(LADDER).named("distil").config["teacher"]["late"]["checkpoint"] == "${artifact:teacher}"
    assert "cross" not in plan(LADDER).named("distil").config["teacher"]


def test_an_optional_word_leaves_a_tied_role_alone(plan: Planned) -> None:
    made = plan(LADDER, "+at.distil.loss=self_otf")
    assert made.named("distil").config["teacher"]["late"]["checkpoint"] is None


def test_a_word_of_a_stage_that_is_not_optional_must_have_its_key(plan: Planned) -> None:
    with pytest.raises(UserError, match=r"stage warm_up: teacher\.late\.checkpoint.*there is no key"):
        plan(LADDER, "teacher=cross_encoder", "loss=listwise_kl")


def test_a_key_that_only_a_stages_option_has_reaches_it(plan: Planned) -> None:
    made = plan(LADDER, "ranker.k1=1.5")
    assert made.named("lexical").config["ranker"]["k1"] == 1.5


def test_a_word_about_a_teacher_that_nobody_reads_reaches_no_stage(plan: Planned) -> None:
    with pytest.raises(UserError, match=r"teacher\.late\.scale=2 has no effect: .*train.* do(es)? not use it"):
        plan("loss=contrastive", "teacher.late.scale=2")


def test_a_choice_that_every_stage_makes_for_itself_reaches_no_stage(plan: Planned) -> None:
    every = "stages.evaluate.with=['ranker=dense', 'student.checkpoint=${artifact:distil}']"
    with pytest.raises(UserError, match="ranker=rerank has no effect: lexical, evaluate set their own ranker"):
        plan(LADDER, every, "ranker=rerank")


def test_a_teacher_that_no_term_names_is_told_and_not_loaded(plan: Planned) -> None:
    made = plan("teacher=colbert", "loss=contrastive")
    assert made.named("train").config["teacher"] == {}
    assert any("train does not load late" in note for note in made.notes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "idle"),
    [
        (["teacher=colbert", "loss=margin_mse", "data=in_batch"], "loss.terms.margin"),
        (["loss=contrastive_list", "data=sampled", "data.negatives=0"], "loss.terms.contrastive"),
        (["teacher=cross_encoder", "loss=word_and_sentence", "data=in_batch"], "loss.terms.kl"),
        (["teacher=colbert", "loss=tight_coupling", "data=in_batch"], None),
        (["teacher=colbert", "loss=margin_mse", "data=sampled"], None),
        (["teacher=colbert", "loss=margin_mse", "data=dark", "data.negatives=0", *NO_REINFORCED], None),
    ],
)
def test_a_term_that_compares_lists_of_one_candidate_is_told(plan: Planned, words: list[str], idle: str | None) -> None:
    notes = [note for note in plan(*words).notes if "learns nothing" in note]
    assert [note.partition(":")[0] for note in notes] == ([f"train learns nothing of {idle}"] if idle else [])


def test_the_word_teacher_means_the_only_role(plan: Planned) -> None:
    made = plan("teacher=cross_encoder", "loss=listwise_kl")
    assert made.named("train").config["loss"]["terms"]["kl"]["guide"] == "cross"


def test_the_command_line_may_wire_a_stage_too(plan: Planned) -> None:
    made = plan("data.candidates='${artifact:lexical}'")
    assert made.named("train").inputs == ("lexical",)
    assert "mined" not in names(made)


def test_the_default_trains_no_teacher_where_it_is_tied(plan: Planned) -> None:
    assert names(plan("teacher=colbert", "loss=self_otf")) == ["mined", "bm25", "start", "train", "student", "teacher"]


def test_the_default_trains_a_teacher_first_where_one_is_asked_for_and_none_given(plan: Planned) -> None:
    asked = ("teacher=cross_encoder", "loss=listwise_kl")
    assert names(plan(*asked))[:5] == ["lexical", "cross", "mined", "bm25", "start"]
    assert "cross" not in names(plan(*asked, "teacher.cross.checkpoint=minilm"))


def test_the_default_judges_no_teacher_where_none_is_read(plan: Planned) -> None:
    assert names(plan("teacher=none", "loss=contrastive"))[-1] == "student"


def test_stages_may_be_deleted_and_added_on_the_command_line(plan: Planned) -> None:
    assert "start" not in names(plan("~stages.start"))
    assert names(plan("+stages.again={run: evaluate, with: ['student.checkpoint=${artifact:train}']}"))[-1] == "again"


def test_the_last_stage_of_a_recipe_stays_whatever_its_verb(plan: Planned) -> None:
    assert names(plan(LADDER, "~stages.evaluate"))[-1] == "distil"


@pytest.mark.slow
@pytest.mark.parametrize(("student", "ranker"), [("dual", "dense"), ("colbert", "late"), ("cross_encoder", "rerank")])
def test_the_ranker_follows_from_the_student_where_nobody_names_one(plan: Planned, student: str, ranker: str) -> None:
    loss = ("loss=contrastive", "loss.terms.contrastive.over=list")
    made = plan(f"student={student}", "teacher=none", *loss)
    for name in ("mined", "start", "student"):
        assert f"ranking.{ranker}." in made.named(name).config["ranker"]["_target_"]
    assert "ranking.lexical." in made.named("bm25").config["ranker"]["_target_"]
    note = f"mined, start, student: ranker={ranker}, which reads such a student"
    assert (note in made.notes) == (student != "dual")


def test_a_ranker_that_is_named_stays(plan: Planned) -> None:
    made = plan("student=colbert", "teacher=none", "loss=contrastive", "ranker=rerank")
    assert "ranking.rerank." in made.named("mined").config["ranker"]["_target_"]
