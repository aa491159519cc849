"""Arrows between words' attention: the same words on both sides, and attention to see."""

from types import SimpleNamespace
from typing import Any

import pytest

from retrieval_kd.app.check.attention import attention_problems, refuse_other_words
from retrieval_kd.app.plan.forms import with_forms
from retrieval_kd.errors import UserError
from retrieval_kd.losses.attention_kl import AttentionKL
from retrieval_kd.losses.objective import Objective
from tests.contracts.options import option

KEYS = ("distance", "per", "soften_guide", "heads", "learner_temperature", "detach_guide", "paced")
HOW = {key: value for key, value in option("loss", "word_and_sentence")["terms"]["words"].items() if key in KEYS}


def arrow(guide: str = "cross") -> Objective:
    """The student's attention follows a teacher's."""
    words = AttentionKL(learner="student", guide=guide, **HOW, weight=1.0)
    return Objective({"words": words})


def problems_of(student: dict[str, Any], *, guide: str = "cross", **values: Any) -> list[str]:
    """What is said of a dual student with a teacher of conf/scorer."""
    nodes = {
        "student": {**option("student", "dual"), **student},
        "teacher": {guide: {**option("scorer", guide), **values}},
    }
    return list(attention_problems(arrow(guide), with_forms(nodes, {})))


def test_a_cross_encoder_must_show_its_attention() -> None:
    assert problems_of({}) == problems_of({}, word_attention=True) == []
    (problem,) = problems_of({}, word_attention=False)
    assert problem == "loss.terms.words reads the attention of cross: set teacher.cross.word_attention=true"


def test_a_guide_must_not_cut_what_the_learner_reads() -> None:
    assert problems_of({"query_length": 32}, word_attention=True, query_length=32) == []
    (problem,) = problems_of({"query_length": 32}, word_attention=True, query_length=31)
    assert "teacher.cross.query_length=31 cuts a query shorter than student.query_length=32" in problem
    assert "set teacher.cross.query_length=32" in problem


def test_a_passage_joined_to_a_query_has_one_special_token_less() -> None:
    assert problems_of({"passage_length": 32}, word_attention=True, passage_length=31) == []
    (problem,) = problems_of({"passage_length": 32}, word_attention=True, passage_length=30)
    assert problem.endswith("set teacher.cross.passage_length=31")


def test_both_read_titles_alike() -> None:
    assert problems_of({"join": "separator"}, word_attention=True, join="separator") == []
    (problem,) = problems_of({"join": "separator"}, word_attention=True)
    assert problem.endswith("part titles from texts differently, so their words may: set teacher.cross.join=separator")


def test_markers_take_room_from_words_and_an_open_end_gives_some() -> None:
    marked = {"query_length": 32, "query_marker": "[Q]"}
    assert problems_of(marked, word_attention=True, query_length=31) == []
    (problem,) = problems_of({"query_length": 32, "close": False}, word_attention=True, query_length=32)
    assert problem.endswith("set teacher.cross.query_length=33")


def test_a_marker_in_the_place_of_the_first_piece_takes_no_room() -> None:
    marked = {"query_length": 32, "query_marker": "[Q]", "marker_at": "first"}
    (problem,) = problems_of(marked, word_attention=True, query_length=31)
    assert problem.endswith("set teacher.cross.query_length=32")


def test_late_interaction_shows_its_attention_and_is_held_to_its_lengths() -> None:
    assert problems_of({}, guide="late") == []
    assert len(problems_of({}, guide="late", query_length=16, passage_length=16)) == 2


def test_masks_that_fill_a_query_are_no_words_to_the_guide() -> None:
    (problem,) = problems_of({"pad_queries": True}, word_attention=True)
    assert "student.pad_queries=true fills queries with [MASK]" in problem
    assert problem.endswith("set student.pad_queries=false")


def test_an_arrow_of_weight_0_asks_for_nothing() -> None:
    off = AttentionKL(learner="student", guide="cross", **HOW, weight=0.0)
    on = AttentionKL(learner="student", guide="late", **HOW, weight=1.0)
    nodes = {
        "student": option("student", "dual"),
        "teacher": {"cross": option("scorer", "cross"), "late": option("scorer", "late")},
    }
    assert list(attention_problems(Objective({"off": off, "on": on}), with_forms(nodes, {}))) == []


def test_tokenizers_must_be_one() -> None:
    def reading(tokenizer: str) -> Any:
        return SimpleNamespace(tokenisations=lambda: (SimpleNamespace(tokenizer=tokenizer),))

    refuse_other_words(arrow(), {"student": reading("a"), "cross": reading("a")})
    with pytest.raises(UserError, match=r"compares the attention of student and cross, and their tokenizers differ"):
        refuse_other_words(arrow(), {"student": reading("a"), "cross": reading("b")})
