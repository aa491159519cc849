"""MarginMSE: the learner's margin between the positive and a negative follows the guide's."""

from typing import Literal

import torch

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.losses.guided import GuidedTerm
from retrieval_kd.losses.mean import weighted_mean
from retrieval_kd.shapes import Column, ListMask, ListScores, PerQuery, PoolScores, Scalar

MarginPairs = Literal["positive", "all"]


def margin_mse(
    learner: ListScores,
    guide: ListScores,
    positive: Column,
    *,
    present: ListMask | None = None,
    query_weight: PerQuery | None = None,
) -> Scalar:
    """((learner⁺ - learner⁻) - (guide⁺ - guide⁻))², mean over (query, negative) pairs; -1 is a query without a
    positive.

    Source: Hofstätter et al. (2020), "Improving Efficient Neural Ranking Models with Cross-Architecture Knowledge
    Distillation", eq. 5.
    """
    judged, column = positive >= 0, positive.clamp(min=0)[:, None]
    counted = torch.ones_like(learner, dtype=torch.bool) if present is None else present
    difference = (learner - guide).masked_fill(~counted, 0.0)  # a stored guide is NaN where it has no score
    error = (difference.gather(1, column) - difference) ** 2
    valid = (counted & counted.gather(1, column) & judged[:, None]).scatter(1, column, False)
    return weighted_mean(error, valid, query_weight)


def margin_mse_of_all(
    learner: ListScores, guide: ListScores, *, present: ListMask | None = None, query_weight: PerQuery | None = None
) -> Scalar:
    """((l_i - l_j) - (g_i - g_j))², mean over all present i and j of each list, i = j included; no judgment is needed.

    Source: losses/margin_mse.py of CL-DRD's code.
    """
    counted = torch.ones_like(learner, dtype=torch.bool) if present is None else present
    difference = (learner - guide).masked_fill(~counted, 0.0)
    error = (difference[:, :, None] - difference[:, None, :]) ** 2
    return weighted_mean(error, counted[:, :, None] & counted[:, None, :], query_weight)


class MarginMSE(GuidedTerm):
    """MarginMSE of the own list: margins to the `positive`, or between `all` pairs, which needs no judgment."""

    def __init__(
        self, *, learner: str, guide: str, pairs: MarginPairs, detach_guide: bool, paced: bool, weight: float
    ) -> None:
        super().__init__(learner=learner, guide=guide, weight=weight, paced=paced, detach_guide=detach_guide)
        self.pairs: MarginPairs = pairs

    @property
    def needs_positive(self) -> bool:
        """Whether it says nothing of a query that has no judged passage."""
        return self.pairs == "positive"

    def loss(self, learner: PoolScores, guide: PoolScores, batch: Candidates) -> Scalar:
        if self.pairs == "all":
            return margin_mse_of_all(learner, guide, present=self.present(batch), query_weight=self.query_weight(batch))
        return margin_mse(
            learner, guide, batch.own_positive, present=self.present(batch), query_weight=self.query_weight(batch)
        )
