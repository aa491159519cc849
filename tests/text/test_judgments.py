"""Grades, and files of them."""

from pathlib import Path

import pytest

from retrieval_kd.errors import UserError
from retrieval_kd.text.judgments import Judgments

GRADES = {"q": {"a": 2, "b": 0}, "r": {"a": 1}}


def test_nobody_looked_is_not_irrelevant() -> None:
    judgments = Judgments(GRADES)
    assert [judgments.grade("q", passage_id) for passage_id in "abc"] == [2, 0, None]
    assert judgments.grade("s", "a") is None
    assert (judgments.judged("q"), judgments.relevant("q"), judgments.relevant("s")) == (GRADES["q"], {"a": 2}, {})
    assert (list(judgments.queries), len(judgments)) == (["q", "r"], 3)


def test_only_keeps_the_queries_asked_for() -> None:
    assert Judgments(GRADES).only(["r", "s"]) == Judgments({"r": {"a": 1}})


def test_what_was_written_is_read(tmp_path: Path) -> None:
    Judgments(GRADES).write(tmp_path / "x.tsv")
    assert (tmp_path / "x.tsv").read_text().splitlines()[:2] == ["query-id\tcorpus-id\tscore", "q\ta\t2"]
    assert Judgments.read(tmp_path / "x.tsv") == Judgments(GRADES)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["q\ta\t1"], "x.tsv:1 is not the header"),
        ([], "x.tsv:1 is not the header"),
        (["query-id\tcorpus-id\tscore", "q\ta\t1", "q a 1"], "x.tsv:3 has 1 columns"),
        (["query-id\tcorpus-id\tscore", "q\ta\thigh"], "x.tsv:2 grades with 'high'; give a whole number"),
        (["query-id\tcorpus-id\tscore", "q\ta\t--1"], "x.tsv:2 grades with '--1'; give a whole number"),
        (["query-id\tcorpus-id\tscore", "q\ta\t1.0"], "x.tsv:2 grades with '1.0'; give a whole number"),
        (["query-id\tcorpus-id\tscore", "q\ta\t1_0"], "x.tsv:2 grades with '1_0'; give a whole number"),
        (["query-id\tcorpus-id\tscore", f"q\ta\t{10**21}"], "x.tsv:2 grades with 10{21}; give at most 1000"),
        (["query-id\tcorpus-id\tscore", f"q\ta\t{'9' * 5000}"], "x.tsv:2 grades with '9{60}'; give a whole number"),
        (["query-id\tcorpus-id\tscore", "q\ta b\t1"], "x.tsv:2 has the passage id 'a b'; give an id"),
        (["query-id\tcorpus-id\tscore", "\ta\t1"], "x.tsv:2 has the query id ''; give an id"),
        (["query-id\tcorpus-id\tscore", "q\ta\t1", "", "q\ta\t2"], "x.tsv:4 grades 'q' with 'a' again and differently"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, lines: list[str], message: str) -> None:
    (tmp_path / "x.tsv").write_text("\n".join(lines))
    with pytest.raises(UserError, match=message):
        Judgments.read(tmp_path / "x.tsv")
