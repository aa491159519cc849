"""Queries and a collection in, a run out: what every ranker promises; and mining, which is to rank and choose."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from retrieval_kd.errors import UserError
from retrieval_kd.ranking.mining import Selection
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.copies import without_copies
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.run import Run
from retrieval_kd.text.select import without


class Ranker(ABC):
    """Ranks a collection's passages for queries. `ranks_by` has the kinds of scorers that it can rank by, `any` where
    it reads scores alone; none where it reads no scorer, itself. `KEYLESS` names the arguments on which no number
    depends.
    """

    ranks_by: ClassVar[frozenset[str]] = frozenset()
    KEYLESS: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def rank(self, queries: Mapping[str, str], collection: Collection, depth: int) -> Run:
        """The best `depth` passages of each query (id → text), best first; fewer where fewer are hits."""

    def assist(self, queries: Mapping[str, str], collection: Collection) -> None:  # noqa: B027 (most do nothing)
        """Takes over some of what another process encodes, which ranks for these queries at the same time; most encode
        nothing that could be shared.
        """

    @staticmethod
    def tunes(node: Mapping[str, Any], at: str) -> str | None:
        """What its option leaves open to be chosen on judged queries, and what to give instead; most leave nothing."""
        return None

    def tuned(self, queries: Mapping[str, str], collection: Collection, judgments: Judgments) -> "Ranker":
        """The ranker with what its option leaves open chosen on these training queries; most leave nothing open."""
        return self

    @property
    def chosen(self) -> Mapping[str, float]:
        """What `tuned` chose, by name."""
        return {}


def at_least(least: float, **given: float) -> None:
    """Raises UserError for the first number, by the name of its argument, that is below `least`."""
    for name, value in given.items():
        if value < least:
            raise UserError(f"{name}={value}: give a number from {least} on")


def mine(
    ranker: Ranker,
    queries: Mapping[str, str],
    collection: Collection,
    judgments: Judgments,
    *,
    select: Selection,
    copies: Callable[[int], object] = lambda _: None,
) -> Run:
    """What `select` chooses of the ranker's run, never a passage that is judged relevant to the query, nor an exact
    copy of one; `copies` gets how many of those were left out.
    """
    run = ranker.rank(queries, collection, select.depth)
    selected = without(select.choose(run, judgments), judgments)
    distinct = without_copies(selected, judgments, collection)
    copies(len(selected.numbers) - len(distinct.numbers))
    return distinct
