"""What is kept of a ranking, and that a judged positive never is."""

from pathlib import Path

import pytest

from retrieval_kd.errors import UserError
from retrieval_kd.ranking.mining import All, Confusing, Hard
from retrieval_kd.ranking.ranker import mine
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.run import Run
from tests.ranking.conftest import Collect
from tests.ranking.fakes import Told, names

QUERIES = {"q": "a question", "r": "another"}
LISTS = {"q": {"a": 9.0, "b": 8.0, "c": 7.0, "d": 6.0}, "r": {"d": 5.0, "c": 4.0, "b": 3.0, "a": 2.0}}
JUDGMENTS = Judgments({"q": {"b": 1, "c": 0}, "r": {"d": 2}})


@pytest.fixture
def collection(collect: Collect):  # type: ignore[no-untyped-def]
    return collect({name: f"text of {name}" for name in "abcd"})


def test_everything_but_the_positives_is_kept(collection) -> None:  # type: ignore[no-untyped-def]
    run = mine(Told(LISTS), QUERIES, collection, JUDGMENTS, select=All(depth=10))
    assert names(run) == {"q": ["a", "c", "d"], "r": ["c", "b", "a"]}


def test_a_window_counts_the_ranks_that_the_ranker_gave(collection) -> None:  # type: ignore[no-untyped-def]
    ranker = Told(LISTS)
    run = mine(ranker, QUERIES, collection, JUDGMENTS, select=Hard(first=2, last=3, drop_judged=False))
    assert names(run) == {"q": ["c"], "r": ["c", "b"]}
    assert ranker.depths == [3]


def test_what_was_judged_irrelevant_goes_too_if_asked(collection) -> None:  # type: ignore[no-untyped-def]
    run = mine(Told(LISTS), QUERIES, collection, JUDGMENTS, select=Hard(first=1, last=4, drop_judged=True))
    assert names(run) == {"q": ["a", "d"], "r": ["c", "b", "a"]}


def test_a_query_is_kept_where_the_student_errs_and_the_teacher_does_not(collection, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    teacher = Run.of({"q": {"b": 3.0, "a": 2.0}.items(), "r": {"d": 1.0, "a": 0.5}.items()})
    teacher.write(tmp_path / "teacher.trec")
    select = Confusing(path=str(tmp_path / "teacher.trec"), depth=4, student_window=[2, 3], teacher_window=[1, 1], k=2)
    run = mine(Told(LISTS), QUERIES, collection, JUDGMENTS, select=select)
    assert names(run) == {"q": ["a", "c"]}  # r's positive is first for the student already


def test_a_teacher_ahead_is_asked_for_by_an_option(collection, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "teacher.trec"
    Run.of({"q": {"a": 3.0, "b": 2.0}.items(), "r": {"a": 2.0, "d": 1.0}.items()}).write(path)
    lists = {}
    for ahead in (False, True):
        select = Confusing(
            path=str(path), depth=4, student_window=[1, 4], teacher_window=[1, 4], teacher_ahead=ahead, k=2
        )
        lists[ahead] = list(names(mine(Told(LISTS), QUERIES, collection, JUDGMENTS, select=select)))
    assert lists == {False: ["q", "r"], True: []}  # the teacher has each positive second; the student too, or first


def test_the_teachers_run_may_be_over_other_queries(collection, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "teacher.trec"
    Run.of({"elsewhere": [("b", 2.0)], "r": [("d", 1.0)]}).write(path)
    select = Confusing(path=str(path), depth=4, student_window=[1, 4], teacher_window=[1, 1], k=2)
    assert names(mine(Told(LISTS), QUERIES, collection, JUDGMENTS, select=select)) == {"r": ["c", "b"]}
    assert select.unknown(QUERIES) == ["q"]
    assert All(depth=3).unknown(QUERIES) == []


@pytest.mark.parametrize(("first", "last"), [(0, 5), (3, 2)])
def test_a_window_without_ranks_is_refused(first: int, last: int) -> None:
    with pytest.raises(UserError, match=rf"first, last=\[{first}, {last}\]: give ranks from 1 on"):
        Hard(first=first, last=last, drop_judged=False)
