"""A run from a file, as a ranker: the lists of another system or an earlier stage."""

from collections.abc import Mapping
from pathlib import Path

from retrieval_kd.ranking.ranker import Ranker
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.run import Run


class RunFileRanker(Ranker):
    """The lists of a TREC run file (query, Q0, passage, rank, score, name).

    Raises UserError for a file that is none, or that names a passage which the collection does not hold.
    """

    def __init__(self, *, path: str) -> None:
        self.run = Run.read(Path(path))

    def rank(self, queries: Mapping[str, str], collection: Collection, depth: int) -> Run:
        """The first `depth` of these queries' lists; a query that the file lacks has none."""
        run = self.run.only(queries).top(depth)
        run.positions(collection)
        return run
