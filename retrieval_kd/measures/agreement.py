"""How far one run agrees with another, a teacher's: what was kept of it, not how good either is."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy import stats

from retrieval_kd.errors import UserError
from retrieval_kd.measures.evaluate import Report
from retrieval_kd.text.run import Run

DEPTHS = (10, 100)  # of overlap
TAU_DEPTH = 10
PERSISTENCE = 0.9  # of RBO: the first 10 ranks then weigh 86 %
TAU, RBO = f"tau@{TAU_DEPTH}", f"RBO@{DEPTHS[-1]}"


def agreement(run: Run, teacher: Run, *, depth: int, queries: Iterable[str] | None = None) -> Report:
    """overlap@10, overlap@100, tau@10 and RBO of a run with the teacher's, by query (default: all the teacher's).

    `depth` is how deep both were ranked; of an overlap that looks deeper nothing is said. A query for which the run has
    no list agrees in nothing; one for which the teacher has none is left out. Raises UserError if the teacher has a
    list for none of the queries.

    >>> run, teacher = Run.of({"q": [("a", 2.0), ("c", 1.0)]}), Run.of({"q": [("a", 2.0), ("b", 1.0)]})
    >>> agreement(run, teacher, depth=10).means["overlap@10"]
    0.5
    """
    theirs, mine = _names(teacher, queries), _names(run, queries)
    if not theirs:
        raise UserError("the teacher ranked nothing for these queries, so there is nothing to agree with")
    pairs = {query: (mine.get(query, ()), listed) for query, listed in theirs.items()}
    per_query = {
        f"overlap@{k}": {query: overlap(one, other, k) for query, (one, other) in pairs.items()}
        for k in DEPTHS
        if k <= max(depth, DEPTHS[0])
    }
    per_query[TAU] = {query: kendall_tau(one, other, TAU_DEPTH) for query, (one, other) in pairs.items()}
    per_query[RBO] = {query: rank_biased_overlap(one, other) for query, (one, other) in pairs.items()}
    return Report(per_query)


def overlap(run: Sequence[str], teacher: Sequence[str], k: int) -> float:
    """|top k of the run ∩ top k of the teacher| / |top k of the teacher|: the share of the teacher's that was kept.

    A teacher that lists fewer than k passages has them all in its top k.
    """
    kept = set(teacher[:k])
    return len(kept.intersection(run[:k])) / len(kept)


def kendall_tau(run: Sequence[str], teacher: Sequence[str], k: int) -> float:
    """Kendall's τ-b of the two orders over the union of their top k: (concordant - discordant) pairs over
    √((pairs - ties of one) · (pairs - ties of the other)), by scipy.

    What one list has beyond its top k, or not at all, stands there behind its top k, tied. Equal lists have 1, reversed
    ones -1, lists of ten without a common passage -100 / 145. Where a list orders nothing (one passage, or none) it is
    1 for equal lists and 0 for others.

    Source: Kendall (1945), Biometrika 33 (τ-b); Fagin, Kumar & Sivakumar (2003), SIAM J. Discrete Math. 17 (top-k lists
    over their union).
    """
    one, other = list(run[:k]), list(teacher[:k])
    union = [*other, *(name for name in one if name not in set(other))]
    if len(union) < 2:
        return float(one == other)
    tau = float(stats.kendalltau(_places(union, one), _places(union, other)).statistic)
    return float(one == other) if np.isnan(tau) else tau


def rank_biased_overlap(run: Sequence[str], teacher: Sequence[str], *, p: float = PERSISTENCE) -> float:
    """RBO, extrapolated from the k ranks that the teacher lists (100 at most):
    (1 - p) Σ_{d=1..k} p^(d-1) A_d + p^k A_k, where A_d is the overlap of the first d of each over d.

    From 0 to 1; a rank weighs p times what the rank before it does. A run that ends before has no more passages.

    Source: Webber, Moffat & Zobel (2010), ACM TOIS 28, eq. 23 (lists of equal length).
    """
    k = min(len(teacher), DEPTHS[-1])
    places = {name: rank for rank, name in enumerate(run[:k])}
    meets = [max(rank, places[name]) for rank, name in enumerate(teacher[:k]) if name in places]
    common = np.cumsum(np.bincount(np.array(meets, dtype=np.int64), minlength=k))
    shares = common / np.arange(1, k + 1)
    return float((1 - p) * (p ** np.arange(k) * shares).sum() + p**k * shares[-1])


def _places(union: Sequence[str], listed: Sequence[str]) -> list[int]:
    """The rank of each passage in a list; behind its end, all at one rank, what is not in it."""
    ranks = {name: rank for rank, name in enumerate(listed)}
    return [ranks.get(name, len(listed)) for name in union]


def _names(run: Run, queries: Iterable[str] | None) -> Mapping[str, Sequence[str]]:
    """query id → passage ids, best first."""
    some = run.top(DEPTHS[-1]) if queries is None else run.only(frozenset(queries)).top(DEPTHS[-1])
    return {query: [row.passage_id for row in listed] for query, listed in some.lists.items()}
