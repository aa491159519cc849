"""Several runs made one."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval_kd.text.run import Run


class _Aligned(NamedTuple):
    """All (query, passage) pairs of some runs, with each run's column of values, NaN where it has not the pair."""

    query_ids: tuple[str, ...]
    passage_ids: tuple[str, ...]
    rows: NDArray[np.int64]
    numbers: NDArray[np.int64]
    values: NDArray[np.float64]  # [run pair]

    def run(self, scores: NDArray[np.float64]) -> Run:
        """The pairs with these scores [pair]."""
        return Run.of_rows(self.query_ids, self.rows, self.passage_ids, self.numbers, scores)


def interpolate(sparse: Run, dense: Run, *, alpha: float, depth: int = 1000) -> Run:
    """score = alpha · sparse + dense; a passage missing from a list takes that list's minimum.

    Each list is cut to `depth` before and after. A query that one run does not have takes 0 from it.

    Source: Lin, Yang & Lin (2021), TCT-ColBERT, RepL4NLP, section 3.3.
    """
    runs = (sparse.top(depth), dense.top(depth))
    pairs = _aligned(runs, [run.scores for run in runs])
    least = np.full((len(runs), len(pairs.query_ids)), np.inf)
    for column, lowest in zip(pairs.values, least, strict=True):
        there = ~np.isnan(column)
        np.minimum.at(lowest, pairs.rows[there], column[there])
    least[np.isinf(least)] = 0.0
    first, second = np.where(np.isnan(pairs.values), least[:, pairs.rows], pairs.values)
    return pairs.run(alpha * first + second).top(depth)


def reciprocal_rank(runs: Sequence[Run], *, k: int = 60, depth: int = 1000) -> Run:
    """score = Σ over runs of 1 / (k + rank); a passage missing from a list gets nothing for it.

    Each list is cut to `depth` before and after.

    Source: Cormack, Clarke & Büttcher (2009), SIGIR, equation 1.
    """
    cut = [run.top(depth) for run in runs]
    pairs = _aligned(cut, [1.0 / (k + run.ranks) for run in cut])
    return pairs.run(np.nansum(pairs.values, axis=0)).top(depth)


def _aligned(runs: Sequence[Run], values: Sequence[NDArray[np.floating]]) -> _Aligned:
    """The runs' pairs under common numbers."""
    queries = {query_id: row for row, query_id in enumerate(dict.fromkeys(q for run in runs for q in run.query_ids))}
    passages = {p: number for number, p in enumerate(dict.fromkeys(p for run in runs for p in run.passage_ids))}
    keys = [
        np.array([queries[q] for q in run.query_ids], np.int64)[run.rows] * len(passages)
        + np.array([passages[p] for p in run.passage_ids], np.int64)[run.numbers]
        for run in runs
    ]
    pairs = np.unique(np.concatenate(keys))
    columns = np.full((len(runs), len(pairs)), np.nan)
    for column, of, value in zip(columns, keys, values, strict=True):
        column[np.searchsorted(pairs, of)] = value
    return _Aligned(
        tuple(queries), tuple(passages), pairs // max(len(passages), 1), pairs % max(len(passages), 1), columns
    )
