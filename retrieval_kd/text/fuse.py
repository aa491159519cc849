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
    first, second = np.where(np.isnan(pairs.values), _lowest(pairs), pairs.values)
    return pairs.run(alpha * first + second).top(depth)


def reciprocal_rank(runs: Sequence[Run], *, k: int = 60, depth: int = 1000) -> Run:
    """score = Σ over runs of 1 / (k + rank); a passage missing from a list gets nothing for it.

    Each list is cut to `depth` before and after.

    Source: Cormack, Clarke & Büttcher (2009), SIGIR, equation 1.
    """
    cut = [run.top(depth) for run in runs]
    pairs = _aligned(cut, [1.0 / (k + run.ranks) for run in cut])
    return pairs.run(np.nansum(pairs.values, axis=0)).top(depth)


def standardised(runs: Sequence[Run], *, weights: Sequence[float] | None = None, depth: int = 1000) -> Run:
    """score = Σ over runs of w · z / Σ w, z = (score - mean) / sd over the query's list in that run.

    sd is the population's; z is 0 where all of a list's scores are equal. A passage missing from a list takes that
    list's lowest z, a query that a run does not have takes 0 from it. `weights` None: equal ones. Each list is cut to
    `depth` before and after. Raises ValueError for weights that are not one a run, are below 0, or all 0.

    Source: z-scores fused, as in Renda & Straccia (2003), "Web metasearch", SAC.
    """
    shares = np.ones(len(runs)) if weights is None else np.array(weights, dtype=np.float64)
    if len(shares) != len(runs) or (shares < 0).any() or shares.sum() <= 0:
        raise ValueError(f"weights={weights} for {len(runs)} runs: give one from 0 on for each, not all 0")
    cut = [run.top(depth) for run in runs]
    pairs = _aligned(cut, [_standardised(run) for run in cut])
    values = np.where(np.isnan(pairs.values), _lowest(pairs), pairs.values)
    return pairs.run(shares @ values / shares.sum()).top(depth)


def _standardised(run: Run) -> NDArray[np.float64]:
    """A run's scores [row], each list with mean 0 and standard deviation 1; 0 where they are equal."""
    scores, rows, starts = run.scores.astype(np.float64), run.rows, run.offsets[:-1]
    if not len(scores):
        return scores
    sizes = np.diff(run.offsets)
    apart = scores - (np.add.reduceat(scores, starts) / sizes)[rows]
    sd = np.sqrt(np.add.reduceat(apart**2, starts) / sizes)
    varied = np.maximum.reduceat(scores, starts) > np.minimum.reduceat(scores, starts)
    return np.where(varied[rows], apart / np.where(varied, sd, 1.0)[rows], 0.0)


def _lowest(pairs: _Aligned) -> NDArray[np.float64]:
    """Each run's lowest value of the pair's query [run pair]; 0 where the run has not the query."""
    least = np.full((len(pairs.values), len(pairs.query_ids)), np.inf)
    for column, lowest in zip(pairs.values, least, strict=True):
        has_value = ~np.isnan(column)
        np.minimum.at(lowest, pairs.rows[has_value], column[has_value])
    least[np.isinf(least)] = 0.0
    return least[:, pairs.rows]


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
    for column, pair_keys, value in zip(columns, keys, values, strict=True):
        column[np.searchsorted(pairs, pair_keys)] = value
    return _Aligned(
        tuple(queries), tuple(passages), pairs // max(len(passages), 1), pairs % max(len(passages), 1), columns
    )
