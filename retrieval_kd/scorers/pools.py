"""Scores of texts against texts, arranged as a query's own list or as its whole pool."""

from collections.abc import Callable

import torch
from torch import Tensor

from retrieval_kd.batch.candidates import Candidates

Compare = Callable[..., Tensor]
Share = Callable[[Tensor], Tensor]


def pool_scores(
    compare: Compare, queries: tuple[Tensor, ...], passages: tuple[Tensor, ...], batch: Candidates, share: Share
) -> Tensor:
    """[query pool] for this rank's queries: `compare(*queries, *passages)` of each against its own pool, shared across
    ranks.

    `passages` have this rank's candidates of all its queries as rows; `share` makes them the step's.
    """
    step_passages = [share(part) for part in passages]
    columns, first = batch.known_positives.shape[1], batch.first
    rows = []
    for pool in range(first // batch.queries_per_pool, -(-(first + batch.local) // batch.queries_per_pool)):
        own_queries = slice(
            max(pool * batch.queries_per_pool - first, 0), min((pool + 1) * batch.queries_per_pool - first, batch.local)
        )
        block = slice(pool * columns, (pool + 1) * columns)
        rows.append(compare(*(part[own_queries] for part in queries), *(part[block] for part in step_passages)))
    return torch.cat(rows)


def list_scores(
    compare: Compare, queries: tuple[Tensor, ...], passages: tuple[Tensor, ...], batch: Candidates
) -> Tensor:
    """[query candidate] for this rank's queries: each against its own list."""
    candidates = batch.present.shape[1]

    def row(number: int) -> Tensor:
        own = slice(number * candidates, (number + 1) * candidates)
        return compare(*(part[number : number + 1] for part in queries), *(part[own] for part in passages))

    return torch.cat([row(number) for number in range(batch.local)])


def own_list(pool: Tensor, batch: Candidates) -> Tensor:
    """The own list's scores, read out of the pool's: [query pool] → [query candidate], for this rank's queries."""
    return pool.gather(1, batch.own_columns()[batch.rows])
