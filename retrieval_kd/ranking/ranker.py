"""Queries and a collection in, a run out: what every ranker promises; and mining, which is to rank and choose."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from retrieval_kd.ranking.mining import Selection
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.run import Run
from retrieval_kd.text.select import without


class Ranker(ABC):
    """Ranks a collection's passages for queries."""

    @abstractmethod
    def rank(self, queries: Mapping[str, str], collection: Collection, depth: int) -> Run:
        """The best `depth` passages of each query (id → text), best first; fewer where fewer are hits."""

    def assist(self, queries: Mapping[str, str], collection: Collection) -> None:  # noqa: B027 (most do nothing)
        """Takes over some of what another process encodes, which ranks for these queries at the same time; most encode
        nothing that could be shared.
        """

    def tuned(self, queries: Mapping[str, str], collection: Collection, judgments: Judgments) -> "Ranker":
        """The ranker with what its option leaves open chosen on these training queries; most leave nothing open."""
        return self

    @property
    def chosen(self) -> Mapping[str, float]:
        """What `tuned` chose, by name."""
        return {}


def mine(
    ranker: Ranker, queries: Mapping[str, str], collection: Collection, judgments: Judgments, *, select: Selection
) -> Run:
    """What `select` keeps of the ranker's answer, never a passage that is judged relevant to the query."""
    found = ranker.rank(queries, collection, select.depth)
    return without(select.choose(found, judgments), judgments)
