"""Score files in the layouts that people have."""

import gzip
import math
from pathlib import Path

import pytest

from retrieval_kd.errors import UserError
from retrieval_kd.text.run import Run
from retrieval_kd.text.score_file import first_rows, layout_of, log_odds, look_like_probabilities, read_scores

LISTS = {"q": [("a", 2.5), ("b", -1.0)], "r": [("a", 0.25)]}
LAYOUTS = {
    "trec": "q Q0 b 2 -1.0 x\nq Q0 a 1 2.5 x\nr Q0 a 1 0.25 x\n",
    "triples": "2.5\t-1.0\tq\ta\tb\n0.25\t0.25\tr\ta\ta\n",
    "pairs": "q\tb\t-1.0\nq\ta\t2.5\n\nr\ta\t.25\n",
    "lists": '{"query_id": "q", "passage_ids": ["a", "b"], "scores": [2.5, -1]}\n'
    '{"query_id": "r", "passage_ids": ["a"], "scores": [0.25], "more": 1}\n',
}


def written(folder: Path, content: str) -> Path:
    path = folder / "x"
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_recognised_by_the_first_lines(tmp_path: Path, layout: str) -> None:
    path = written(tmp_path, LAYOUTS[layout])
    assert layout_of(path) == layout
    assert read_scores(path, "auto") == Run.of(LISTS)
    assert first_rows(path, "auto")[0][1] == "q"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_gzipped_file_is_read_as_it_is(tmp_path: Path, layout: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(LAYOUTS[layout].encode()))
    assert read_scores(path, layout) == Run.of(LISTS)  # type: ignore[arg-type]


def test_commas_do_for_tabs_and_a_header_is_none_of_the_pairs(tmp_path: Path) -> None:
    path = written(tmp_path, "query_id,passage_id,score\nq, b, -1.0\nq, a, 2.5\nr, a, 0.25\n")
    assert read_scores(path, "auto") == Run.of(LISTS)


def test_numbers_do_for_names_in_json(tmp_path: Path) -> None:
    path = written(tmp_path, '{"query_id": 7, "passage_ids": [3], "scores": [1]}')
    assert read_scores(path, "auto") == Run.of({"7": [("3", 1.0)]})


def test_a_positive_that_stands_in_many_triples_is_one_pair(tmp_path: Path) -> None:
    path = written(tmp_path, "2.5\t-1.0\tq\ta\tb\n2.5\t-2.0\tq\ta\tc\n2.5\t-1.0\tq\ta\tb\n")
    assert read_scores(path, "triples") == Run.of({"q": [("a", 2.5), ("b", -1.0), ("c", -2.0)]})


@pytest.mark.parametrize(
    ("layout", "content", "message"),
    [
        ("triples", "2\t1\tq\ta\tb\n2\t3\tq\ta\tc\n2\t1.5\tq\ta\tb\n", "x:3 scores passage 'b' for query 'q' again"),
        ("trec", "q Q0 a 1 2 x\nq Q0 b 2 1\n", "x:2 has 5 columns; trec has 6: query, Q0, passage, rank, score, name"),
        ("pairs", "q\ta\thigh\n", "x:1 scores 'high'; give a number"),
        ("pairs", "q\ta\t1\n\nq\tb\tnan\n", "x:3 scores nan; give a finite number"),
        ("pairs", "q\ta\tinf\n", "x:1 scores inf; give a finite number"),
        ("pairs", "", "holds no score"),
        ("pairs", "query,passage,score\n", "holds no score"),
        ("lists", '{"query_id": 1, "passage_ids": ["a"], "scores": []}', 'x:1 is no list of scores; give "query_id"'),
        ("lists", '{"passage_ids": ["a"], "scores": [1]}', "x:1 is no list of scores"),
        ("lists", '{"query_id": 1, "passage_ids": ["a"], "scores": [null]}', "x:1 scores None; give a number"),
        ("lists", '{"query_id": 1, "passage_ids": ["a"], "scores": [true]}', "x:1 scores True; give a finite number"),
        ("lists", '{"query_id": 1, "passage_ids": ["a"], "scores": [1%s]}' % ("0" * 400), "; give a number"),
        ("lists", '{"query_id": 1, "passage_ids": ["a"], "scores": [1%s]}' % ("0" * 5000), "x:1 is JSON too long"),
        ("lists", '{"query_id": %s}' % ("[" * 99999), "x:1 is JSON too long or too deep"),
        ("lists", '{"query_id": null, "passage_ids": ["a"], "scores": [1]}', "x:1 is no list of scores"),
        ("lists", '{"query_id": "q", "passage_ids": ["a", ""], "scores": [1, 2]}', "x:1 is no list of scores"),
        ("lists", '{"query_id": "q", "passage_ids": [["a"]], "scores": [1]}', "x:1 is no list of scores"),
        ("pairs", "q\ta\t1e300\n", "x:1 scores 1e300; give a finite number"),
        ("auto", "", "holds no score"),
        ("auto", "q a 1\n", "x:1 is 'q a 1', no layout that is known"),
        ("auto", "q\ta\t1\nq Q0 b 2 1 x\n", "x:2 looks like trec and what stands before it like pairs"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, layout: str, content: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        read_scores(written(tmp_path, content), layout)  # type: ignore[arg-type]
    assert message in str(error.value)


def test_a_broken_gzip_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(LAYOUTS["pairs"].encode() * 1000)[:-20])
    with pytest.raises(UserError, match="x is gzip that cannot be unpacked"):
        read_scores(path, "pairs")


def test_a_look_at_the_first_lines_finds_what_reading_would(tmp_path: Path) -> None:
    path = written(tmp_path, LAYOUTS["pairs"])
    with pytest.raises(UserError, match="x:1 has 3 columns; triples has 5"):
        first_rows(path, "triples")


def test_log_odds_are_those_of_probabilities() -> None:
    run = log_odds(Run.of({"q": [("a", 0.75), ("b", 0.5)], "r": [("a", 0.25)]}))
    assert dict(run.lists["q"]) == pytest.approx({"a": math.log(3), "b": 0.0})
    assert dict(run.lists["r"]) == pytest.approx({"a": -math.log(3)})


def test_certainty_is_held_off_infinity() -> None:
    run = log_odds(Run.of({"q": [("b", 1.0), ("a", 1 - 1e-9), ("c", 0.0)]}))
    most = math.log(1e6 - 1)
    assert [name for name, _ in run.lists["q"]] == ["a", "b", "c"]  # equal now, so by name
    assert [score for _, score in run.lists["q"]] == pytest.approx([most, most, -most])


def test_what_is_no_probability_is_refused() -> None:
    with pytest.raises(
        UserError, match=r"passage 'b' scores 1\.5 for query 'q': give numbers from 0 to 1, or set given=sco"
    ):
        log_odds(Run.of({"q": [("a", 0.5), ("b", 1.5)]}))


def test_scores_look_like_probabilities_if_all_lie_between_0_and_1() -> None:
    assert look_like_probabilities(Run.of({"q": [("a", 0.0), ("b", 1.0)]}))
    assert not look_like_probabilities(Run.of({"q": [("a", 0.5), ("b", -0.1)]}))
    assert not look_like_probabilities(Run.of({"q": [("a", 0.5), ("b", 1.1)]}))
    assert not look_like_probabilities(Run.of({}))


def test_a_byte_order_mark_is_no_part_of_an_id(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes("\ufeffq1\ta\t1\n".encode())
    assert read_scores(tmp_path / "x", "auto").query_ids == ("q1",)


@pytest.mark.parametrize("line", ["q1\t3.5\tp1", "q1\tp1\tnan"])
def test_a_look_at_a_file_looks_at_its_numbers(line: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"x:2 scores .*; give a"):
        first_rows(written(tmp_path, f"q0\tp0\t1\n{line}\n"), "auto")
