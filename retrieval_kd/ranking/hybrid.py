"""Two rankers fused, as words and meaning miss different things."""

from collections.abc import Mapping, Sequence
from typing import Literal

from retrieval_kd.measures.evaluate import evaluate
from retrieval_kd.ranking.ranker import Ranker
from retrieval_kd.text.collection import Collection
from retrieval_kd.text.fault import Fault
from retrieval_kd.text.fuse import interpolate, reciprocal_rank
from retrieval_kd.text.judgments import Judgments
from retrieval_kd.text.run import Run


class Hybrid(Ranker):
    """The lists of `sparse` and `dense`, each of `list_depth` passages, fused.

    `how`: interpolate, alpha · sparse + dense (Lin et al. 2021), or reciprocal_rank, Σ 1 / (k + rank) (Cormack et al.
    2009).
    """

    def __init__(
        self,
        *,
        sparse: Ranker,
        dense: Ranker,
        how: Literal["interpolate", "reciprocal_rank"],
        alpha: float,
        k: int,
        list_depth: int,
    ) -> None:
        if how not in ("interpolate", "reciprocal_rank"):
            raise Fault(f"how={how!r}: give interpolate or reciprocal_rank")
        self.sparse, self.dense, self.how, self.alpha, self.k, self.list_depth = (
            sparse,
            dense,
            how,
            alpha,
            k,
            list_depth,
        )

    def rank(self, queries: Mapping[str, str], collection: Collection, depth: int) -> Run:
        longest = max(self.list_depth, depth)
        sparse, dense = (ranker.rank(queries, collection, longest) for ranker in (self.sparse, self.dense))
        if self.how == "interpolate":
            return interpolate(sparse, dense, alpha=self.alpha, depth=longest).top(depth)
        return reciprocal_rank([sparse, dense], k=self.k, depth=longest).top(depth)


def tune_alpha(sparse: Run, dense: Run, judgments: Judgments, measure: str, grid: Sequence[float]) -> float:
    """The alpha of `grid` with the best mean of `measure` over the judged queries; of equal ones the first.

    Give runs of training queries: an alpha chosen on the queries it is reported for is no result.
    """
    if not grid:
        raise ValueError("grid is empty: give at least one alpha, such as 0.1")
    means = [evaluate(interpolate(sparse, dense, alpha=alpha), judgments, [measure]).mean(measure) for alpha in grid]
    return grid[means.index(max(means))]
