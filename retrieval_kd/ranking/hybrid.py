"""Two rankers fused, as words and meaning miss different things."""

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, Literal

import numpy as np

from retrieval_kd.errors import UserError
from retrieval_kd.measures.evaluate import evaluate
from retrieval_kd.ranking.ranker import Ranker, at_least
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.fuse import interpolate, reciprocal_rank
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.run import Run


class Hybrid(Ranker):
    """The lists of `sparse` and `dense`, each of `list_depth` passages, fused.

    `how`: interpolate, alpha · sparse + dense (Lin et al. 2021), or reciprocal_rank, Σ 1 / (k + rank) (Cormack et al.
    2009). `alpha` null: the one of `grid` with the best nDCG@10 over at most `tuning_queries` training queries, as
    Lin et al. choose it (on 6 000 of them). Raises UserError for an empty grid, or a ranking with an alpha still open.
    """

    def __init__(
        self,
        *,
        sparse: Ranker,
        dense: Ranker,
        how: Literal["interpolate", "reciprocal_rank"],
        alpha: float | None,
        grid: Sequence[float],
        tuning_queries: int,
        k: int,
        list_depth: int,
    ) -> None:
        if how not in ("interpolate", "reciprocal_rank"):
            raise UserError(f"how={how!r}: give interpolate or reciprocal_rank")
        if alpha is None and (not grid or tuning_queries < 1):
            raise UserError(f"alpha=null, grid={list(grid)}, tuning_queries={tuning_queries}: give alphas and queries")
        at_least(1, k=k, list_depth=list_depth)
        at_least(0, alpha=alpha or 0.0, **{f"grid[{place}]": one for place, one in enumerate(grid)})
        self.sparse, self.dense, self.how, self.alpha, self.k = sparse, dense, how, alpha, k
        self._alpha: float | None = None  # chosen on training queries
        self.grid, self.tuning_queries, self.list_depth = list(grid), tuning_queries, list_depth

    @staticmethod
    def unread(node: Mapping[str, Any], at: str) -> Mapping[str, str]:
        """Keys without effect → why, and what would make them act."""
        if node["how"] == "reciprocal_rank":
            return dict.fromkeys(
                ("alpha", "grid", "tuning_queries"), f"ranks alone are fused; set {at}.how=interpolate"
            )
        fixed = {} if node["alpha"] is None else dict.fromkeys(("grid", "tuning_queries"), f"set {at}.alpha=null")
        return {"k": f"scores are fused; set {at}.how=reciprocal_rank", **fixed}

    @staticmethod
    def tunes(node: Mapping[str, Any], at: str) -> str | None:
        if node["how"] == "reciprocal_rank" or node["alpha"] is not None:
            return None
        return f"{at}.alpha=null is chosen on judged training queries (give a number, or set {at}.how=reciprocal_rank)"

    def rank(self, queries: Mapping[str, str], collection: Collection, depth: int) -> Run:
        longest = max(self.list_depth, depth)
        sparse, dense = self._lists(queries, collection, longest)
        if self.how == "reciprocal_rank":
            return reciprocal_rank([sparse, dense], k=self.k, depth=longest).top(depth)
        if self.alpha is None:
            raise UserError("ranker.alpha=null is chosen on judged training queries, and there are none: give a number")
        return interpolate(sparse, dense, alpha=self.alpha, depth=longest).top(depth)

    def assist(self, queries: Mapping[str, str], collection: Collection) -> None:
        self.sparse.assist(queries, collection)
        self.dense.assist(queries, collection)

    def tuned(self, queries: Mapping[str, str], collection: Collection, judgments: Judgments) -> "Hybrid":
        judged = sorted(name for name in queries if judgments.relevant(name))
        if self.how == "reciprocal_rank" or self.alpha is not None or not judged:
            return self
        chance = np.random.default_rng(0)
        sample = {name: queries[name] for name in chance.permutation(judged)[: self.tuning_queries].tolist()}
        lists = self._lists(sample, collection, self.list_depth)
        ranker = copy(self)
        ranker.alpha = ranker._alpha = tune_alpha(
            *lists, judgments.only(sample), "nDCG@10", self.grid, depth=self.list_depth
        )
        return ranker

    @property
    def chosen(self) -> Mapping[str, float]:
        return {"alpha": self._alpha} if self._alpha is not None else {}

    def _lists(self, queries: Mapping[str, str], collection: Collection, depth: int) -> tuple[Run, Run]:
        return self.sparse.rank(queries, collection, depth), self.dense.rank(queries, collection, depth)


def tune_alpha(
    sparse: Run, dense: Run, judgments: Judgments, measure: str, grid: Sequence[float], *, depth: int = 1000
) -> float:
    """The alpha of `grid` with the best mean of `measure` over the judged queries, lists cut to `depth`; of equal ones
    the first.

    Give runs of training queries: an alpha chosen on the queries it is reported for is no result.
    """
    if not grid:
        raise ValueError("grid is empty: give at least one alpha, such as 0.1")
    fused = (interpolate(sparse, dense, alpha=alpha, depth=depth) for alpha in grid)
    means = [evaluate(run, judgments, [measure]).mean(measure) for run in fused]
    return grid[means.index(max(means))]
