"""Self-paced learning: the queries that the judge is sure of come first, all the others later."""

from collections.abc import Mapping
from typing import Any, Literal

import torch

from retrieval_kd.batch.candidates import Candidates, StepWeights
from retrieval_kd.curricula.curriculum import Curriculum
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.view import View, wanted
from retrieval_kd.shapes import ListScores, PerQuery


def confidence(scores: ListScores, batch: Candidates) -> PerQuery:
    """softmax(scores)[positive] over what is listed of the query's own list, dark examples left out.

    Reading: of a query without a positive it is the largest share; the paper (Tao et al. 2022) knows none such.
    """
    counted = batch.listed & ~batch.dark
    lowest = torch.finfo(scores.dtype).min
    shares = scores.detach().masked_fill(~counted, lowest).softmax(-1).masked_fill(~counted, 0.0)
    positive = batch.own_positive
    of_positive = shares.gather(1, positive.clamp(min=0)[:, None])[:, 0]
    return torch.where(positive >= 0, of_positive, shares.amax(-1))


class SelfPaced(Curriculum):
    """Query weights by the judge's confidence c in a query's positive: `hard`, 1 where c >= bar and 0 elsewhere, the
    bar going from `first` to `last` over the training (`linear`) or staying at `first` (`constant`); `soft`, c itself.

    Keeps every candidate. A bar of 0 lets everything count. Source: ADAM, Tao et al. (2022), arXiv 2212.10192.
    Reading: its equations are not public (methods §3). Raises UserError for a bar outside 0 to 1.
    """

    weights_queries = True

    def __init__(
        self,
        *,
        judge: str,
        first: float,
        last: float,
        schedule: Literal["linear", "constant"],
        weighting: Literal["hard", "soft"],
    ) -> None:
        super().__init__()
        if not (0 <= first <= 1 and 0 <= last <= 1):
            raise UserError(f"curriculum.first={first} and curriculum.last={last} are bars of a share: give 0 to 1")
        self.judge: str = judge
        self.first, self.last, self.schedule, self.weighting = first, last, schedule, weighting

    @staticmethod
    def unread(node: Mapping[str, Any], at: str) -> Mapping[str, str]:
        """Keys without effect → why, and what would make them act."""
        if node["weighting"] == "soft":
            return dict.fromkeys(
                ("first", "last", "schedule"), f"{at}.weighting=soft has no bar; set {at}.weighting=hard"
            )
        if node["schedule"] == "constant":
            return {"last": f"the bar stays at {at}.first; set {at}.schedule=linear"}
        return {}

    def idle(self, negatives: int) -> str | None:
        if negatives < 1:
            return "a positive that is listed alone has the whole share; give data.negatives"
        bars = (self.first, self.bar(1.0)) if self.weighting == "hard" else (1.0,)
        return None if any(bars) else "a bar of 0 lets everything count; give curriculum.first, as 0.5"

    def bar(self, progress: float) -> float:
        """How sure the judge must be at this part of the training."""
        return self.first if self.schedule == "constant" else self.first + (self.last - self.first) * progress

    def weigh(self, batch: Candidates, views: Mapping[str, View], progress: float) -> StepWeights:
        sure = confidence(wanted(views[self.judge].scores, "scores"), batch)
        query_weight = sure if self.weighting == "soft" else (sure >= self.bar(progress)).to(sure.dtype)
        return StepWeights(torch.ones_like(batch.present), query_weight, batch.labels)
