"""A step's batch written down by hand, for what reads its small fields alone."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from retrieval_kd.batch.candidates import Candidates, StepWeights

Rows = Sequence[Sequence[int]]


def step(
    present: Rows,
    *,
    positive: Sequence[int] | None = None,
    relevance: Rows | None = None,
    known_positives: Rows | None = None,
    dark: Rows | None = None,
    queries_per_pool: int | None = None,
    stored: Mapping[str, Tensor] | None = None,
    step_weights: StepWeights | None = None,
) -> Candidates:
    """All queries on one rank. Unless said: one pool, the positive of each query in its first column, and nothing else
    judged.
    """
    there = torch.tensor(present).bool()
    queries, candidates = there.shape
    size = queries_per_pool or queries
    first = torch.tensor([place % size * candidates for place in range(queries)])
    pool = torch.zeros(queries, size * candidates, dtype=torch.bool)
    return Candidates(
        step=0,
        query_id=torch.arange(queries),
        passage_id=torch.arange(queries * candidates).reshape(queries, candidates),
        present=there,
        relevance=torch.where(torch.arange(candidates) == 0, 1, -1).repeat(queries, 1)
        if relevance is None
        else torch.tensor(relevance),
        dark=torch.zeros_like(there) if dark is None else torch.tensor(dark).bool(),
        rank=torch.zeros(queries, candidates, dtype=torch.int64),
        positive=first if positive is None else torch.tensor(positive),
        known_positives=pool.scatter(1, first[:, None], True)
        if known_positives is None
        else torch.tensor(known_positives).bool(),
        texts={},
        stored=stored or {},
        local=queries,
        step_weights=step_weights,
    )
