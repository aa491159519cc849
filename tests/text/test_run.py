"""Ranked lists, in memory and in files."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from retrieval_kd.errors import UserError
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.records import Passage, Ranked
from retrieval_kd.text.run import Run

LISTS = {"q": [("a", 1.0), ("b", 2.0), ("c", 1.0)], "none": [], "p": [("c", 0.1)]}


def test_lists_are_best_first_and_ties_by_id() -> None:
    run = Run.of({"q": [("c", 1.0), ("a", 1.0), ("b", 2.0)]})
    assert run.lists["q"] == [Ranked("b", 2.0), Ranked("a", 1.0), Ranked("c", 1.0)]
    assert run.ranks.tolist() == [1, 2, 3]


def test_a_query_without_a_list_is_left_out() -> None:
    assert list(Run.of(LISTS).lists) == ["q", "p"]
    assert "none" not in Run.of(LISTS).lists
    assert dict(Run.of({}).lists) == {}
    with pytest.raises(KeyError):
        Run.of(LISTS).lists["none"]


def test_arrays_of_a_search_become_a_run() -> None:
    numbers = np.array([[3, 0, -1], [1, -1, -1], [-1, -1, -1]], np.int32)
    scores = np.array([[0.5, 0.5, -np.inf], [2, 0, 0], [0, 0, 0]], np.float32)
    run = Run.of_arrays(["q", "p", "none"], ["z", "y", "x", "w"], numbers, scores)
    assert dict(run.lists) == {"q": [Ranked("w", 0.5), Ranked("z", 0.5)], "p": [Ranked("y", 2.0)]}
    assert run.scores.dtype == np.float32


def test_only_ids_that_are_listed_are_looked_up(tmp_path: Path) -> None:
    collection = Collection.write(tmp_path / "c", [Passage(f"p{number}", "", "") for number in range(50)])
    run = Run.of_arrays(["q"], collection.ids, np.array([[40, 7]]), np.array([[1.0, 2.0]]))
    assert run.passage_ids == ("p40", "p7")
    assert run.lists["q"] == [Ranked("p7", 2.0), Ranked("p40", 1.0)]


def test_a_run_file_has_six_columns(tmp_path: Path) -> None:
    Run.of(LISTS).write(tmp_path / "run.trec", name="bm25")
    assert (tmp_path / "run.trec").read_text().splitlines() == [
        "q Q0 b 1 2.0 bm25",
        "q Q0 a 2 1.0 bm25",
        "q Q0 c 3 1.0 bm25",
        "p Q0 c 1 0.1 bm25",
    ]
    assert Run.read(tmp_path / "run.trec") == Run.of(LISTS)


def test_lines_in_any_order_are_read_as_lists(tmp_path: Path) -> None:
    path = tmp_path / "run.trec"
    path.write_text("p\tQ0\tc\t9\t.1\tx\nq Q0 c 1 1 x\n\nq Q0 b 9 2 x\nq Q0 a 7 1e0 x\n")
    read = Run.read(path)
    assert {query_id: list(read.lists[query_id]) for query_id in "qp"} == dict(Run.of(LISTS).lists)


@given(
    some.lists(some.floats(width=32, allow_nan=False), min_size=1, max_size=20),
    some.sampled_from([np.float32, np.float64]),
)
def test_scores_survive_the_file_exactly(
    tmp_path_factory: pytest.TempPathFactory, scores: list[float], kind: type
) -> None:
    path = tmp_path_factory.mktemp("run") / "x"
    numbers = np.arange(len(scores))[None]
    run = Run.of_arrays(["q"], [f"p{number}" for number in range(len(scores))], numbers, np.array([scores], kind))
    run.write(path)
    assert Run.read(path).scores.astype(kind).tolist() == run.scores.tolist()
    assert Run.read(path) == run


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["q Q0 a 1 2.0 x", "q Q0 b 2 1.0"], "x:2 has 5 columns"),
        (["q Q0 a 1 high x"], "x:1 scores 'high'; give a number"),
        (["q Q0 a 1 1e400 x"], "x:1 scores 1e400; give a finite number"),
        (["q Q0 a 1 1_0 x"], "x:1 scores 1_0; give a finite number"),
        (["q Q0 a 1 nan x"], "x:1 scores nan; give a finite number"),
        (["q Q0 a 1 2 x", "r Q0 a 1 2 x", "q Q0 b 2 2 x", "q Q0 a 3 1 x"], "x:4 lists passage 'a' for query 'q' again"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, lines: list[str], message: str) -> None:
    (tmp_path / "x").write_text("\n".join(lines))
    with pytest.raises(UserError, match=message):
        Run.read(tmp_path / "x")


def test_what_is_no_run_is_refused() -> None:
    with pytest.raises(UserError, match="query 'q' lists passage 'a' twice"):
        Run.of({"q": [("a", 1.0), ("b", 1.5), ("a", 2.0)]})
    with pytest.raises(UserError, match="passage 'a' scores NaN for query 'q'"):
        Run.of({"q": [("a", float("nan"))]})
    with pytest.raises(UserError, match="a query id is given twice"):
        Run.of_arrays(["q", "q"], ["a"], np.array([[0], [0]]), np.ones((2, 1)))
    with pytest.raises(UserError, match="names one passage twice"):
        Run.of_arrays(["q"], ["a", "a"], np.array([[0, 1]]), np.ones((1, 2)))


def test_top_and_only_keep_rows() -> None:
    run = Run.of(LISTS)
    assert dict(run.top(1).lists) == {"q": [Ranked("b", 2.0)], "p": [Ranked("c", 0.1)]}
    assert dict(run.only(["p", "unknown"]).lists) == {"p": [Ranked("c", 0.1)]}
    assert dict(run.top(0).lists) == dict(run.only([]).lists) == {}


def test_positions_are_those_of_the_collection(tmp_path: Path) -> None:
    collection = Collection.write(tmp_path / "c", [Passage(name, "", "") for name in ("c", "b", "a")])
    query_ids, offsets, positions, scores = Run.of(LISTS).positions(collection)
    assert query_ids == ("q", "p")
    assert (offsets.tolist(), positions.tolist()) == ([0, 3, 4], [1, 2, 0, 0])
    assert scores.tolist() == [2.0, 1.0, 1.0, np.float32(0.1)]
    assert (offsets.dtype, positions.dtype, scores.dtype) == (np.int64, np.int32, np.float32)


def test_a_passage_of_another_collection_is_refused(tmp_path: Path) -> None:
    collection = Collection.write(tmp_path / "c", [Passage("a", "", ""), Passage("b", "", "")])
    with pytest.raises(UserError, match="the run names passage 'c'"):
        Run.of(LISTS).positions(collection)
    assert Run.of(LISTS).top(1).only(["q"]).positions(collection)[2].tolist() == [1]
