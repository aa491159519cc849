"""Which rows stay."""

from typing import Any

import pytest

from retrieval_kd.errors import UserError
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.run import Run
from retrieval_kd.text.select import confusing, only_judged, window, without


def ranked(**lists: str) -> Run:
    """A run whose lists are the letters in order."""
    return Run.of(
        {query_id: [(name, -float(at)) for at, name in enumerate(names)] for query_id, names in lists.items()}
    )


def letters(run: Run) -> dict[str, str]:
    return {query_id: "".join(passage.passage_id for passage in listed) for query_id, listed in run.lists.items()}


JUDGMENTS = Judgments({"q": {"b": 1, "d": 2, "c": 0}, "p": {"x": 1}})


def test_a_window_holds_both_its_ends() -> None:
    assert letters(window(ranked(q="abcd", p="a"), 2, 3)) == {"q": "bc"}
    with pytest.raises(UserError, match=r"the window of ranks is \[3, 2\]"):
        window(ranked(q="abcd"), 3, 2)
    with pytest.raises(UserError, match="1 ≤ first"):
        window(ranked(q="abcd"), 0, 2)


def test_every_judged_positive_is_dropped_and_no_judged_negative() -> None:
    assert letters(without(ranked(q="abcd", p="bx", r="b"), JUDGMENTS)) == {"q": "ac", "p": "b", "r": "b"}


def test_only_judged_keeps_what_somebody_looked_at() -> None:
    assert letters(only_judged(ranked(q="abcde", p="b"), JUDGMENTS)) == {"q": "bcd"}


def test_nothing_is_judged_without_judgments() -> None:
    run = ranked(q="ab")
    assert letters(without(run, Judgments({}))) == {"q": "ab"}
    assert letters(only_judged(run, Judgments({}))) == {}


def test_confusing_keeps_queries_the_teacher_gets_right_and_the_student_does_not() -> None:
    judgments = Judgments(
        {query_id: {"x": 1, "y": 1} for query_id in ("second", "first", "deep", "lost", "wrong", "away")}
    )
    student = ranked(second="axbyc", first="xab", deep="abcx", lost="abc", wrong="axb", away="axb")
    teacher = ranked(second="yxa", first="xab", deep="xab", lost="xab", wrong="axb")
    chosen = confusing(student, teacher, judgments, student_window=(2, 3), teacher_window=(1, 1), k=2)
    assert letters(chosen) == {"second": "ab"}


def test_a_deeper_teacher_window_lets_more_queries_in() -> None:
    judgments = Judgments({"q": {"x": 1}})
    student, teacher = ranked(q="axbc"), ranked(q="axb")
    assert letters(confusing(student, teacher, judgments)) == {}
    assert letters(confusing(student, teacher, judgments, teacher_window=(1, 2))) == {"q": "abc"}


def test_a_teacher_ahead_ranks_a_relevant_passage_better_than_the_student_does() -> None:
    judgments = Judgments({query_id: {"x": 1} for query_id in ("ahead", "level", "behind")})
    student = ranked(ahead="abxc", level="axb", behind="xab")
    teacher = ranked(ahead="axbc", level="axb", behind="axb")

    def chosen(**options: Any) -> list[str]:
        selected = confusing(student, teacher, judgments, student_window=(1, 9), teacher_window=(1, 2), **options)
        return list(letters(selected))

    assert chosen() == ["ahead", "level", "behind"]
    assert chosen(teacher_ahead=True) == ["ahead"]
    assert chosen(teacher_ahead=True, fewest=2) == ["ahead", "level"]


def test_what_only_the_teachers_run_has_gives_no_rank() -> None:
    judgments = Judgments({"q": {"x": 1, "y": 1}})
    student, teacher = ranked(q="axb"), ranked(q="yaxb")
    assert letters(confusing(student, teacher, judgments)) == {}
    assert letters(confusing(student, teacher, judgments, teacher_window=(2, 2))) == {"q": "ab"}


def test_where_too_few_queries_confuse_the_student_alone_the_nearest_join() -> None:
    judgments = Judgments({query_id: {"x": 1} for query_id in ("confuses", "near", "far", "lost")})
    student = ranked(confuses="axb", near="axb", far="axb", lost="abc")
    teacher = ranked(confuses="xab", near="axb", far="abx", lost="xab")
    chosen = {n: list(letters(confusing(student, teacher, judgments, fewest=n))) for n in range(5)}
    assert chosen[0] == chosen[1] == ["confuses"]
    assert chosen[2] == ["confuses", "near"]
    assert chosen[3] == chosen[4] == ["confuses", "near", "far"]  # a list without a relevant passage says no rank
