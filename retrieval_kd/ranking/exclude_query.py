"""A ranker that never answers a query with itself: for collections whose queries are passages, too (ArguAna, Quora)."""

from collections.abc import Mapping

import numpy as np

from retrieval_kd.ranking.ranker import Ranker
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.run import Run


class ExcludeQueryItself(Ranker):
    """Another ranker's lists without the passage whose id is the query's.

    It wraps rankers that read no other ranker's lists, so that what fuses, tunes on or re-ranks lists never sees it
    either.
    """

    def __init__(self, ranker: Ranker) -> None:
        self.ranker = ranker

    def rank(self, queries: Mapping[str, str], collection: Collection, depth: int) -> Run:
        run = self.ranker.rank(queries, collection, depth + 1)
        numbers = {passage_id: number for number, passage_id in enumerate(run.passage_ids)}
        itself = np.array([numbers.get(query_id, -1) for query_id in run.query_ids], dtype=np.int64)
        return run.keep(run.numbers != itself[run.rows]).top(depth)

    def assist(self, queries: Mapping[str, str], collection: Collection) -> None:
        self.ranker.assist(queries, collection)


def excluding_query(ranker: Ranker, *, drop_same_id: bool) -> Ranker:
    """The ranker, wrapped where a corpus asks for it (`drop_same_id`)."""
    return ExcludeQueryItself(ranker) if drop_same_id else ranker
