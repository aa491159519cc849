"""Queries that are passages, too."""

from retrieval_kd.ranking.exclude_query import ExcludeQueryItself
from retrieval_kd.ranking.hybrid import Hybrid
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.judgments import Judgments
from tests.ranking.fakes import Told, names


def test_the_passage_with_the_querys_id_is_left_out_and_the_list_keeps_its_depth(collection: Collection) -> None:
    ranker = Told({"p01": {"p01": 9.0, "p02": 8.0, "p03": 7.0}, "q": {"p01": 2.0, "p02": 1.0, "p03": 0.5}})
    run = ExcludeQueryItself(ranker).rank({"p01": "?", "q": "?"}, collection, 2)
    assert names(run) == {"p01": ["p02", "p03"], "q": ["p01", "p02"]}


def test_what_fuses_lists_is_tuned_on_lists_without_the_query_itself(collection: Collection) -> None:
    """The relevant p12 is first of ten where words count, eleventh with the query's own passage among them."""
    others = {f"p{number:02d}": 90.0 - number for number in range(2, 11)}
    words = Told({"p01": {"p01": 100.0, **others, "p12": 50.0, "p13": 40.0}})
    meaning = Told(
        {"p01": {"p01": 1.0, **{name: score / 100 for name, score in others.items()}, "p13": 0.5, "p12": 0.1}}
    )
    both = Hybrid(
        sparse=ExcludeQueryItself(words),
        dense=ExcludeQueryItself(meaning),
        how="interpolate",
        alpha=None,
        grid=[0.0, 9.0],
        tuning_queries=9,
        k=60,
        list_depth=20,
    )
    tuned = both.tuned({"p01": "?"}, collection, Judgments({"p01": {"p12": 1}}))
    assert tuned.chosen == {"alpha": 9.0}
    assert "p01" not in names(tuned.rank({"p01": "?"}, collection, 20))["p01"]
