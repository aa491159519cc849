"""Queries that are passages, too."""

from retrieval_kd.ranking.not_itself import NotItself
from retrieval_kd.text.collection import Collection
from tests.ranking.fakes import Told, names


def test_the_passage_with_the_querys_id_is_left_out_and_the_list_keeps_its_depth(collection: Collection) -> None:
    told = Told({"p01": {"p01": 9.0, "p02": 8.0, "p03": 7.0}, "q": {"p01": 2.0, "p02": 1.0, "p03": 0.5}})
    run = NotItself(told).rank({"p01": "?", "q": "?"}, collection, 2)
    assert names(run) == {"p01": ["p02", "p03"], "q": ["p01", "p02"]}
