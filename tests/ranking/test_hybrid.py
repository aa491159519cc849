"""Two rankers fused."""

import pytest

from retrieval_kd.errors import UserError
from retrieval_kd.ranking.hybrid import Hybrid, tune_alpha
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.run import Run
from tests.ranking.conftest import Collect
from tests.ranking.fakes import Told, names

SPARSE = {"q": {"a": 10.0, "b": 5.0, "c": 1.0}}
DENSE = {"q": {"c": 0.9, "d": 0.8, "a": 0.2}}


def hybrid(how: str, list_depth: int = 3, alpha: float | None = 0.1) -> Hybrid:
    grid = [0.0, 0.1, 1.0]
    open_to = {"alpha": alpha, "grid": grid, "tuning_queries": 10}
    return Hybrid(sparse=Told(SPARSE), dense=Told(DENSE), how=how, k=60, list_depth=list_depth, **open_to)


def test_interpolation_adds_a_tenth_of_the_sparse_score(collect: Collect) -> None:
    run = hybrid("interpolate").rank({"q": "?"}, collect(dict.fromkeys("abcd", "text")), 3)
    # a: 1 + .2; c: .1 + .9; d: .1 (least sparse score) + .8; b: .5 + .2 (least dense score)
    assert [(name, pytest.approx(score)) for name, score in run.lists["q"]] == [("a", 1.2), ("c", 1.0), ("d", 0.9)]


def test_reciprocal_ranks_look_at_ranks_only(collect: Collect) -> None:
    run = hybrid("reciprocal_rank").rank({"q": "?"}, collect(dict.fromkeys("abcd", "text")), 2)
    assert run.lists["q"][0] == ("a", pytest.approx(1 / 61 + 1 / 63))
    assert names(run) == {"q": ["a", "c"]}  # equal scores, by id


def test_lists_are_fused_at_their_own_depth_and_cut_after(collect: Collect) -> None:
    ranker = hybrid("interpolate", list_depth=3)
    assert names(ranker.rank({"q": "?"}, collect(dict.fromkeys("abcd", "text")), 1)) == {"q": ["a"]}
    assert isinstance(ranker.sparse, Told)
    assert ranker.sparse.depths == [3]


def test_an_unknown_way_to_fuse_is_refused() -> None:
    with pytest.raises(UserError, match="how='sum': give interpolate or reciprocal_rank"):
        hybrid("sum")


def test_alpha_is_the_one_with_the_best_measure_the_first_of_equals() -> None:
    sparse, dense = (Run.of({"q": lists["q"].items()}) for lists in (SPARSE, DENSE))
    judged = Judgments({"q": {"a": 1}})
    # without the sparse score a is third; with a tenth of it first
    assert tune_alpha(sparse, dense, judged, "RR@10", [0.0, 0.1, 1.0]) == 0.1
    assert tune_alpha(sparse, dense, Judgments({"q": {"c": 1}}), "RR@10", [1.0, 0.0, 0.01]) == 0.0


def test_an_open_alpha_is_chosen_on_the_judged_training_queries(collect: Collect) -> None:
    texts, judged = collect(dict.fromkeys("abcd", "text")), Judgments({"q": {"a": 1}})
    ranker = hybrid("interpolate", alpha=None)
    assert ranker.tuned({"q": "?", "nobody judged it": "?"}, texts, judged).chosen == {"alpha": 0.1}
    assert ranker.chosen == {}
    assert ranker.tuned({"q": "?"}, texts, Judgments({})).alpha is None
    with pytest.raises(UserError, match="chosen on judged training queries, and there are none"):
        ranker.rank({"q": "?"}, texts, 3)
    assert hybrid("interpolate", alpha=1.0).tuned({"q": "?"}, texts, judged).alpha == 1.0
