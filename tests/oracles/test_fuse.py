"""Two runs made one, against values obtained by running published code."""

import pytest

from retrieval_kd.text.fuse import interpolate, reciprocal_rank
from retrieval_kd.text.run import Run

DENSE = {"a": 70, "b": 69.5, "c": 68, "e": 67}
SPARSE = {"b": 12, "d": 11, "a": 9, "f": 3}
FUSED = {"a": 71.08, "b": 70.94, "c": 68.36, "d": 68.32, "e": 67.36, "f": 67.36}


def run(**lists: dict[str, float]) -> Run:
    return Run.of({query_id: scores.items() for query_id, scores in lists.items()})


def fused(of: Run, query_id: str = "q") -> dict[str, float]:
    return {passage.passage_id: passage.score for passage in of.lists[query_id]}


def test_interpolation_is_that_of_the_published_code() -> None:
    found = fused(interpolate(run(q=SPARSE), run(q=DENSE), alpha=0.12))
    assert found == pytest.approx(FUSED, rel=1e-12)
    assert list(found) == list(FUSED)


def test_lists_are_cut_before_and_after() -> None:
    found = fused(interpolate(run(q=SPARSE), run(q=DENSE), alpha=1.0, depth=2))
    # sparse b 12, d 11 · dense a 70, b 69.5: a = 11 + 70, b = 12 + 69.5, d = 11 + 69.5
    assert found == {"b": 81.5, "a": 81.0}


def test_a_score_of_zero_is_not_a_missing_one() -> None:
    found = fused(interpolate(run(q={"a": 0.0, "b": -5.0}), run(q={"a": 1.0, "b": 1.0, "c": 1.0}), alpha=1.0))
    assert found == {"a": 1.0, "b": -4.0, "c": -4.0}


def test_a_query_of_one_run_alone_keeps_its_order() -> None:
    found = interpolate(run(q=SPARSE), run(p=DENSE), alpha=0.5)
    assert fused(found, "p") == DENSE
    assert fused(found) == {passage: score / 2 for passage, score in SPARSE.items()}


def test_reciprocal_rank_adds_one_over_k_plus_rank() -> None:
    found = fused(reciprocal_rank([run(q=DENSE), run(q=SPARSE)], k=60))
    assert found == pytest.approx(
        {
            "b": 1 / 62 + 1 / 61,
            "a": 1 / 61 + 1 / 63,
            "d": 1 / 62,
            "c": 1 / 63,
            "e": 1 / 64,
            "f": 1 / 64,
        },
        rel=1e-15,
    )
    assert list(found) == ["b", "a", "d", "c", "e", "f"]


def test_fusing_nothing_gives_nothing() -> None:
    assert dict(reciprocal_rank([Run.of({})]).lists) == {}
    assert dict(interpolate(Run.of({}), Run.of({}), alpha=1.0).lists) == {}
