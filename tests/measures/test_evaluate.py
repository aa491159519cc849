"""Measures of runs, against numbers one can work out."""

from math import log2
from pathlib import Path

import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as some

from retrieval_kd.errors import UserError
from retrieval_kd.measures.evaluate import Report, evaluate, parse
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.run import Run

JUDGMENTS = Judgments({"q": {"a": 2, "b": 1, "z": 0}, "p": {"c": 1}, "o": {"a": 0}})


def test_values_are_those_of_the_formulas() -> None:
    run = Run.of({"q": [("x", 3.0), ("b", 2.0), ("a", 1.0)], "p": [("c", 9.0)]})
    report = evaluate(run, JUDGMENTS)
    # linear gains: 1 / log2(3) + 2 / log2(4) of 2 / log2(2) + 1 / log2(3)
    ndcg = (1 / log2(3) + 1) / (2 + 1 / log2(3))
    assert report.per_query == {
        "nDCG@10": {"q": pytest.approx(ndcg), "p": 1.0},
        "RR@10": {"q": 0.5, "p": 1.0},
        "R@100": {"q": 1.0, "p": 1.0},
    }
    assert report.mean("RR@10") == 0.75
    assert report.means == {"nDCG@10": pytest.approx((ndcg + 1) / 2), "RR@10": 0.75, "R@100": 1.0}
    assert report.queries == 2


def test_a_query_without_a_list_scores_zero() -> None:
    report = evaluate(Run.of({"q": [("a", 1.0)]}), JUDGMENTS, ["RR@10", "AP"])
    assert report.per_query == {"RR@10": {"q": 1.0, "p": 0.0}, "AP": {"q": 0.5, "p": 0.0}}
    assert evaluate(Run.of({}), JUDGMENTS, ["RR@10"]).mean("RR@10") == 0.0


def test_a_constant_scorer_does_not_score_well() -> None:
    run = Run.of({"p": [(name, 7.0) for name in "cabdefghijklm"]})
    report = evaluate(run, JUDGMENTS, ["nDCG@10", "RR@10", "RR", "R@100"], queries=["p"])
    assert report.means == {"nDCG@10": 0.0, "RR@10": 0.0, "RR": pytest.approx(1 / 13), "R@100": 1.0}


def test_among_equal_scores_lower_grades_stand_first() -> None:
    tied = Run.of({"q": [("a", 1.0), ("b", 1.0), ("x", 1.0), ("y", 2.0)]})
    broken = Run.of({"q": [("y", 4.0), ("x", 3.0), ("b", 2.0), ("a", 1.0)]})
    measures = ["nDCG@10", "AP", "RR@10", "P@3"]
    assert evaluate(tied, JUDGMENTS, measures, queries=["q"]) == evaluate(broken, JUDGMENTS, measures, queries=["q"])


def test_scores_that_differ_by_little_are_no_ties() -> None:
    run = Run.of({"p": [("c", 1.0 + 2**-40), ("a", 1.0)]})
    assert evaluate(run, JUDGMENTS, ["RR@10"], queries=["p"]).mean("RR@10") == 1.0


def test_only_the_queries_asked_for_are_measured() -> None:
    run = Run.of({"q": [("a", 1.0)], "p": [("c", 1.0)]})
    assert evaluate(run, JUDGMENTS, ["RR@10"], queries=["p"]).per_query == {"RR@10": {"p": 1.0}}
    with pytest.raises(UserError, match="query 'o' has no relevant passage"):
        evaluate(run, JUDGMENTS, queries=["p", "o"])
    with pytest.raises(UserError, match="there is no query to measure"):
        evaluate(run, Judgments({"o": {"a": 0}}))


@pytest.mark.parametrize("name", ["nDCG@x", "ndcg 10", "foo", "", "R@", "__import__('os')"])
def test_an_unknown_measure_is_refused_with_examples(name: str) -> None:
    with pytest.raises(UserError, match="give such as nDCG@10, RR@10, R@100"):
        evaluate(Run.of({}), JUDGMENTS, [name])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nDCG@0", "cutoff=0 is below 1"),
        ("P@-1", "there is no measure"),
        ("R@1e2", "cutoff=100.0 cannot be"),
        ("R@True", "cutoff=True cannot be"),
        ("RR(rel=0)", "rel=0 is below 1"),
        ("AP(rel='x')", "rel='x' cannot be"),
        ("AP(rel=1001)", "rel is above 1000"),
        ("nDCG(gains={1: 10000})@10", "gains is above 1000"),
        ("nDCG(gains={1: 'a'})@10", "gains is no mapping of grades to whole numbers"),
        ("nDCG(dcg='exp')@10", "dcg='exp' cannot be"),
        ("nDCG(dcg=exp-log2)@10", "there is no measure"),
        ("nDCG(foo=1)@10", "has no parameter foo; it has cutoff, dcg"),
        ("P", "needs cutoff: give such as P@10"),
        ("SDCG@10", r"needs max_rel: give such as SDCG\(max_rel=3\)@10"),
        ("SDCG(max_rel=3)@10", "cwl_eval is not installed .*ir-measures.cwl_eval"),
        ("RBP", "cannot be computed here"),
        ("RBP(p=0.8)", "cannot be computed here"),
        ("alpha_nDCG@10", "pyndeval is not installed"),
        ("NumRet", "is no mean over queries"),
        ("ndcg@10", "there is no measure 'ndcg@10'; give such as nDCG@10"),
    ],
)
def test_a_measure_that_cannot_be_is_refused_in_one_sentence(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        parse([name])
    assert "\n" not in str(error.value)


def test_no_measure_at_all_is_refused() -> None:
    with pytest.raises(UserError, match="there is no measure; give such as"):
        evaluate(Run.of({}), JUDGMENTS, [])


def test_measures_of_other_programs_than_trec_eval_are_worked_out_too() -> None:
    run = Run.of({"q": [("x", 3.0), ("b", 2.0), ("a", 1.0)], "p": [("c", 9.0)]})
    report = evaluate(run, JUDGMENTS, ["ERR@10", "nDCG(dcg='exp-log2')@10", "P@5", "Rprec", "Judged@10", "SetP"])
    # gains 2^grade - 1: b has 1, a has 3; gdeval's probabilities are gains of 16, its values have five digits
    ideal = 3 + 1 / log2(3)
    assert report.per_query["nDCG(dcg='exp-log2')@10"]["q"] == pytest.approx((1 / log2(3) + 3 / 2) / ideal, abs=1e-5)
    assert report.per_query["ERR@10"]["q"] == pytest.approx(1 / 16 / 2 + 15 / 16 * 3 / 16 / 3, abs=1e-5)
    assert report.per_query["ERR@10"]["p"] == pytest.approx(1 / 16, abs=1e-5)
    assert report.per_query["P@5"] == {"q": 0.4, "p": 0.2}
    assert report.per_query["Rprec"] == {"q": 0.5, "p": 1.0}
    assert report.per_query["Judged@10"] == {"q": pytest.approx(2 / 3), "p": 1.0}
    assert report.per_query["SetP"] == {"q": pytest.approx(2 / 3), "p": 1.0}


def test_a_grade_that_gdeval_does_not_take_is_named() -> None:
    judgments = Judgments({"q": {"a": 5}})
    assert evaluate(Run.of({"q": [("a", 1.0)]}), judgments, ["nDCG@10"]).mean("nDCG@10") == 1.0
    with pytest.raises(
        UserError, match="ERR@5 is computed by TREC's gdeval, which takes grades up to 4, and 'a' has 5"
    ):
        evaluate(Run.of({"q": [("a", 1.0)]}), judgments, ["ERR@5"])


def test_a_measure_of_judged_passages_alone_looks_below_its_cut_off() -> None:
    run = Run.of({"p": [(name, 9.0 - at) for at, name in enumerate("xyc")]})
    assert evaluate(run, JUDGMENTS, ["nDCG(judged_only=True)@1"], queries=["p"]).means == {
        "nDCG(judged_only=True)@1": 1.0
    }


@given(some.lists(some.tuples(some.integers(0, 5), some.integers(0, 3)), min_size=1, max_size=30))
def test_runs_without_ties_measure_as_in_trec_eval(rows: list[tuple[int, int]]) -> None:
    grades: dict[str, dict[str, int]] = {}
    for number, (query, grade) in enumerate(rows):
        grades.setdefault(f"q{query}", {})[f"p{number}"] = grade
    lists = {q: {p: float((7 * at) % 31) for at, p in enumerate([*of, "x", "y"])} for q, of in grades.items()}
    judged = {query_id: of for query_id, of in grades.items() if any(of.values())}
    names = {"nDCG@5": "ndcg_cut_5", "R@5": "recall_5", "AP": "map", "RR": "recip_rank", "P@5": "P_5"}
    if not judged:
        return
    expected = pytrec_eval.RelevanceEvaluator(judged, {"ndcg_cut.5", "recall.5", "map", "recip_rank", "P.5"})
    values = expected.evaluate({query_id: lists[query_id] for query_id in judged})
    report = evaluate(Run.of({q: of.items() for q, of in lists.items()}), Judgments(grades), list(names))
    for name, theirs in names.items():
        assert report.per_query[name] == pytest.approx({query_id: of[theirs] for query_id, of in values.items()})


def test_a_report_survives_its_file(tmp_path: Path) -> None:
    report = evaluate(Run.of({"q": [("b", 2.0), ("a", 1.0)]}), JUDGMENTS)
    report.write(tmp_path / "report.jsonl")
    assert Report.read(tmp_path / "report.jsonl") == report
    assert (tmp_path / "report.jsonl").read_text().splitlines()[
        1
    ] == '{"query": "p", "nDCG@10": 0.0, "RR@10": 0.0, "R@100": 0.0}'
