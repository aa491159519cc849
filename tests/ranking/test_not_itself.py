"""Queries that are passages, too."""

from retrieval_kd.ranking.hybrid import Hybrid
from retrieval_kd.ranking.not_itself import NotItself
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.judgments import Judgments
from tests.ranking.fakes import Told, names


def test_the_passage_with_the_querys_id_is_left_out_and_the_list_keeps_its_depth(collection: Collection) -> None:
    told = Told({"p01": {"p01": 9.0, "p02": 8.0, "p03": 7.0}, "q": {"p01": 2.0, "p02": 1.0, "p03": 0.5}})
    run = NotItself(told).rank({"p01": "?", "q": "?"}, collection, 2)
    assert names(run) == {"p01": ["p02", "p03"], "q": ["p01", "p02"]}


def test_it_is_tuned_on_lists_without_the_query_itself(collection: Collection) -> None:
    words = Told({"p01": {"p01": 9.0, "p02": 8.0, "p03": 1.0}})
    meaning = Told({"p01": {"p01": 9.0, "p03": 8.0, "p02": 1.0}})
    both = Hybrid(
        sparse=words,
        dense=meaning,
        how="interpolate",
        alpha=None,
        grid=[0.0, 9.0],
        tuning_queries=9,
        k=60,
        list_depth=3,
    )
    tuned = NotItself(both).tuned({"p01": "?"}, collection, Judgments({"p01": {"p02": 1}}))
    assert tuned.chosen == {"alpha": 9.0}
    assert names(tuned.rank({"p01": "?"}, collection, 2)) == {"p01": ["p02", "p03"]}
