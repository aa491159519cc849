"""Scores of several runs brought to one scale."""

import pytest

from retrieval_kd.text.fuse import standardised
from retrieval_kd.text.run import Run


def run(**lists: dict[str, float]) -> Run:
    return Run.of({query_id: scores.items() for query_id, scores in lists.items()})


def fused(of: Run, query_id: str = "q") -> dict[str, float]:
    return {passage.passage_id: passage.score for passage in of.lists[query_id]}


def test_scores_are_standardised_by_list_and_their_mean_is_taken() -> None:
    # 1, 3: mean 2, sd 1; 10, 50: mean 30, sd 20; 5, 5: all alike
    combined = standardised(
        [run(q={"a": 1, "b": 3}, p={"a": 10, "b": 50}), run(q={"a": 50, "b": 10}, p={"a": 5, "b": 5})]
    )
    assert fused(combined) == {"a": 0.0, "b": 0.0}
    assert fused(combined, "p") == {"b": 0.5, "a": -0.5}


def test_weights_say_how_much_each_run_counts() -> None:
    runs = [run(q={"a": 1, "b": 3}), run(q={"a": 50, "b": 10})]
    assert fused(standardised(runs, weights=[3, 1])) == {"b": 0.5, "a": -0.5}
    assert fused(standardised(runs, weights=[0, 2])) == {"a": 1.0, "b": -1.0}


def test_equal_scores_are_zero_whatever_rounding_makes_of_their_mean() -> None:
    assert set(fused(standardised([run(q=dict.fromkeys("abc", 0.1))])).values()) == {0.0}


def test_a_passage_missing_from_a_list_takes_its_lowest() -> None:
    scores = fused(standardised([run(q={"a": 1, "b": 3}), run(q={"a": 0, "c": 8})]))
    assert scores == {"b": 0.0, "c": 0.0, "a": -1.0}


def test_a_query_of_one_run_alone_keeps_its_order() -> None:
    combined = standardised([run(q={"a": 1, "b": 3}), run(p={"a": 2, "b": 1})])
    assert fused(combined) == {"b": 0.5, "a": -0.5}
    assert fused(combined, "p") == {"a": 0.5, "b": -0.5}


def test_lists_are_cut_before_and_after() -> None:
    combined = standardised([run(q={"a": 9, "b": 7, "c": 0}), run(q={"c": 9, "b": 7, "a": 0})], depth=2)
    # a, b: 1, -1 and c, b: 1, -1; the missing one takes -1
    assert fused(combined) == {"a": 0.0, "c": 0.0}


def test_fusing_nothing_gives_nothing() -> None:
    assert dict(standardised([Run.of({}), Run.of({})]).lists) == {}


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [0.0, 0.0]])
def test_weights_that_are_none_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="for 2 runs: give one from 0 on for each, not all 0"):
        standardised([run(q={"a": 1}), run(q={"a": 1})], weights=weights)
